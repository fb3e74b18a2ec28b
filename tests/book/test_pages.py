"""Pages of the appendix that are notebooks: no chapters, but as clean, and no figure of their prose lacks a source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.book import rules
from tests.book.chapter import Chapter
from tests.book.test_anatomy import REFERENCES, floats
from tests.book.test_appendix import GLOSSARY, links
from tools import notebooks

PAGES = sorted((notebooks.ROOT / "book/appendix").glob("*.ipynb"))
MEASURED = [json.loads(path.read_text("utf8")) for path in (notebooks.ROOT / "collabkit/results").glob("*.json")]
APPLY = (
    "plain_python",
    "title",
    "before_you_start",
    "setup_cell",
    "folded",
    "shapes",
    "figure",
    "captions",
    "markup",
    "citations",
    "numbers",
)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def page(path: Path) -> Chapter:
    return Chapter(notebooks.read(path), 0, REFERENCES, floats(MEASURED))


@each_page
@pytest.mark.parametrize("rule", APPLY)
def test_page_keeps_the_rules_of_a_chapter_that_apply(path, rule):
    problems = list(getattr(rules, rule)(page(path)))
    assert not problems, "\n".join(problems)


@each_page
def test_file_is_as_the_tool_writes_it(path):
    nb = notebooks.clean(notebooks.set_up(notebooks.clean(notebooks.read(path))))
    assert path.read_text("utf8") == notebooks.write(nb), f"run `python tools/notebooks.py setup {path}`"


@each_page
def test_every_figure_has_an_alternative_text(path):
    for cell in page(path).code():
        if "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40, cell.source[:80]


@each_page
def test_linked_terms_are_in_the_glossary(path):
    assert links("\n\n".join(page(path).prose())) <= GLOSSARY.keys()


@each_page
def test_page_translates_to_plain_markdown_and_is_in_the_table_of_contents(path):
    notebooks.plain(notebooks.read(path), path.parent)
    toc = yaml.safe_load((notebooks.ROOT / "_toc.yml").read_text("utf8"))
    assert f"book/appendix/{path.stem}" in {entry["file"] for part in toc["parts"] for entry in part["chapters"]}


def test_every_reproduced_notebook_has_its_section():
    path = notebooks.ROOT / "book/appendix/reproductions.ipynb"
    headings = [heading for heading, _ in page(path).sections()]
    assert [heading[:10] for heading in headings if heading.startswith("Notebook ")] == [
        f"Notebook {x}" for x in "ABCDE"
    ]
