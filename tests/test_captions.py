"""What a cell puts out is a numbered figure when it has a picture, and else a numbered table."""

from __future__ import annotations

import pytest

nodes = pytest.importorskip("docutils.nodes")
pytest.importorskip("sphinx")

from docutils.utils import new_document  # noqa: E402

from tools.captions import CaptionedTable, Tables  # noqa: E402


def cell(*outputs: str):
    """A cell's outputs as MyST-NB makes them, each in a figure."""
    figures = []
    for kind in outputs:
        shown = nodes.image(uri="a.png") if kind == "picture" else nodes.raw("", "<table></table>", format="html")
        bundle = nodes.container("", shown, nb_element="mime_bundle")
        figures.append(nodes.figure("", bundle, nodes.caption("", "What it shows."), names=["fig-it"]))
    return nodes.container("", *figures, nb_element="cell_code_output")


def transformed(*cells):
    document = new_document("page")
    document += list(cells)
    for figure in document.findall(nodes.figure):
        document.note_explicit_target(figure, figure)
    Tables(document).apply()
    return document


def test_a_table_has_its_caption_above_and_keeps_its_name():
    (table,) = transformed(cell("table")).findall(CaptionedTable)
    assert isinstance(table[0], nodes.caption) and "output-table" in table["classes"]
    assert table["ids"] == ["fig-it"]


def test_a_picture_stays_a_figure():
    document = transformed(cell("picture"))
    assert not list(document.findall(CaptionedTable)) and len(list(document.findall(nodes.figure))) == 1


@pytest.mark.parametrize("outputs", [("picture", "table"), ("table", "picture")])
def test_beside_a_picture_a_table_has_no_caption_of_its_own(outputs):
    document = transformed(cell(*outputs))
    assert len(list(document.findall(nodes.caption))) == 1 and len(list(document.findall(nodes.raw))) == 1
    (figure,) = document.findall(nodes.figure)
    assert list(figure.findall(nodes.image))


def test_a_figure_of_prose_is_left_as_it_is():
    document = transformed(nodes.figure("", nodes.paragraph("", "Words."), nodes.caption("", "A caption.")))
    assert not list(document.findall(CaptionedTable))
