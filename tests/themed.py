"""A page of the book around one output, with the theme's own styles: no build is needed."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests import axe

ROOT = Path(__file__).parents[1]
WIDTHS, THEMES = (390, 1440), ("light", "dark")
FILES = r'@import "[^"]*";|src:url[^}]*'  # fonts, and a sheet beside the sheet


def styles() -> list[Path]:
    """The style sheets of a built page, in its order."""
    pytest.importorskip("sphinx_book_theme")  # which a copy on another machine may lack
    static = Path(str(files("pydata_sphinx_theme"))) / "theme/pydata_sphinx_theme/static/styles"
    book = Path(str(files("sphinx_book_theme"))) / "theme/sphinx_book_theme/static/styles/sphinx-book-theme.css"
    notebook = Path(str(files("myst_nb"))) / "static/mystnb.css"
    design = Path(str(files("sphinx_design"))) / "static/sphinx-design.min.css"
    sheets = [static / "theme.css", static / "pydata-sphinx-theme.css", book, notebook, design]
    return [*sheets, ROOT / "book/_static/custom.css"]


def themed(output: str, theme: str = "light") -> str:
    """The output as the book shows it, in this theme."""
    sheets = "\n".join(re.sub(FILES, "", sheet.read_text("utf8")) for sheet in styles())
    return f"""<!doctype html>
<html lang="en" data-theme="{theme}" data-mode="{theme}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>A chapter</title>
<style>{sheets}</style></head>
<body data-default-mode="{theme}"><div class="bd-container"><div class="bd-container__inner bd-page-width">
<main id="main-content" class="bd-main" role="main"><div class="bd-content"><div class="bd-article-container">
<article class="bd-article"><section><h1>A chapter</h1><h2>A section</h2>
<div class="cell docutils container"><div class="cell_output docutils container"><div class="output text_html">{output}
</div></div></div></section></article></div></div></main></div></div></body></html>"""


@pytest.fixture
def in_the_book(browser, tmp_path):
    """Open an output in Chromium as the book shows it; an error or a request to another host there is the test's."""
    opened, wrong = [], []

    def show(output: str, theme: str = "light", width: int = 1440, touch: bool = False):
        path = tmp_path / f"{len(opened)}.html"
        path.write_text(themed(output, theme), "utf8")
        context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=touch)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
        page.goto(path.as_uri())
        opened.append(context)
        return page

    yield show
    for context in opened:
        context.close()
    assert wrong == [], wrong


def violations(page) -> list[str]:
    """What axe finds in the output alone."""
    return axe.violations(page, "document.querySelector('.cell_output')")
