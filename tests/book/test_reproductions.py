"""The page of reproduced notebooks: no chapter, but as clean as one, and no figure in its prose without a source."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.book import rules
from tests.book.chapter import Chapter
from tests.book.test_anatomy import REFERENCES, floats
from tests.book.test_appendix import GLOSSARY, links
from tools import notebooks

PATH = notebooks.ROOT / "book/appendix/reproductions.ipynb"
APPLY = (
    "plain_python",
    "title",
    "before_you_start",
    "setup_cell",
    "shapes",
    "figure",
    "markup",
    "citations",
    "numbers",
)


def page() -> Chapter:
    files = [
        json.loads((notebooks.ROOT / f"collabkit/{name}.json").read_text("utf8")) for name in ("bands", "reproductions")
    ]
    return Chapter(notebooks.read(PATH), 0, REFERENCES, floats(files))


@pytest.mark.parametrize("rule", APPLY)
def test_page_keeps_the_rules_of_a_chapter_that_apply(rule):
    problems = list(getattr(rules, rule)(page()))
    assert not problems, "\n".join(problems)


def test_file_is_as_the_tool_writes_it():
    nb = notebooks.clean(notebooks.set_up(notebooks.clean(notebooks.read(PATH))))
    assert PATH.read_text("utf8") == notebooks.write(nb), f"run `python tools/notebooks.py setup {PATH.name}`"


def test_every_figure_has_an_alternative_text():
    for cell in page().code():
        if "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40, cell.source[:80]


def test_linked_terms_are_in_the_glossary():
    assert links("\n\n".join(page().prose())) <= GLOSSARY.keys()


def test_page_translates_to_plain_markdown_and_is_in_the_table_of_contents():
    notebooks.plain(notebooks.read(PATH), PATH.parent)
    toc = yaml.safe_load((notebooks.ROOT / "_toc.yml").read_text("utf8"))
    assert "book/appendix/reproductions" in {entry["file"] for part in toc["parts"] for entry in part["chapters"]}


def test_every_notebook_has_its_section():
    headings = [heading for heading, _ in page().sections()]
    assert [heading[:10] for heading in headings if heading.startswith("Notebook ")] == [
        f"Notebook {x}" for x in "ABCDE"
    ]
