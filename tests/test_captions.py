"""What a cell puts out is a numbered figure when it has a picture, and else a numbered table."""

from __future__ import annotations

import pytest

nodes = pytest.importorskip("docutils.nodes")
pytest.importorskip("sphinx")

from docutils.utils import new_document  # noqa: E402

from tools.captions import CaptionedTable, Tables  # noqa: E402


def output(kind: str):
    """A cell's output as MyST-NB makes it, in a figure."""
    shown = nodes.image(uri="a.png") if kind == "picture" else nodes.raw("", "<table></table>", format="html")
    bundle = nodes.container("", shown, nb_element="mime_bundle")
    return nodes.figure("", bundle, nodes.caption("", "What it shows."), names=["fig-it"])


def transformed(*figures):
    document = new_document("page")
    document += list(figures)
    for figure in document.findall(nodes.figure):
        document.note_explicit_target(figure, figure)
    Tables(document).apply()
    return document


def test_a_table_has_its_caption_above_and_keeps_its_name():
    (table,) = transformed(output("table")).findall(CaptionedTable)
    assert isinstance(table[0], nodes.caption) and "output-table" in table["classes"]
    assert table["ids"] == ["fig-it"]


def test_a_picture_stays_a_figure():
    document = transformed(output("picture"))
    assert not list(document.findall(CaptionedTable)) and len(list(document.findall(nodes.figure))) == 1


def test_a_figure_of_prose_is_left_as_it_is():
    document = transformed(nodes.figure("", nodes.paragraph("", "Words."), nodes.caption("", "A caption.")))
    assert not list(document.findall(CaptionedTable))
