"""What a page asks for at its first view, and what that weighs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.page_weight import LIMIT_KB, LIMIT_S, TRIES, once
from tools.browser import pages
from tools.lighter import lighter

HEAD = """
  <script defer src="../_static/scripts/fontawesome.js?digest=55c2"></script>
  <script src="../_static/doctools.js?v=9a2d"></script>
  <script>window.MathJax = {"options": {"processHtmlClass": "math"}}</script>
  <script>MathJax.startup = {pageReady() {}};</script>
  <script defer="defer" src="../_static/mathjax/startup.js"></script>
  <script src="../_static/searchtools.js"></script>
  <script src="../_static/language_data.js"></script>
  <script src="../searchindex.js"></script>
"""
FORMULA = r'<span class="math notranslate nohighlight">\(K\)</span>'


def kept(page: str, name: str = "page.html", folder: Path = Path()) -> set[str]:
    """Which of these the page still has."""
    names = ("fontawesome", "doctools", "MathJax", "mathjax/", "searchtools", "language_data", "searchindex")
    return {script for script in names if script in lighter(page, folder / name)}


def test_a_page_keeps_only_the_scripts_it_uses():
    assert kept(HEAD) == {"doctools"}
    assert kept(HEAD + FORMULA) == {"doctools", "MathJax", "mathjax/"}
    assert kept(HEAD, "search.html") == {"doctools", "searchtools", "language_data", "searchindex"}


def test_a_picture_waits_and_keeps_its_place(tmp_path):
    (tmp_path / "_images").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "_images/a.png")
    page = '<img src="logo.png" class="logo__image"/><img alt="Loading of films" src="_images/a.png" />'
    lighter_page = lighter(page, tmp_path / "page.html")
    assert lighter_page.count("loading=") == 1
    assert '<img alt="Loading of films" src="_images/a.png" loading="lazy" width="30" height="20" />' in lighter_page
    assert lighter(lighter_page, tmp_path / "page.html") == lighter_page


@pytest.mark.parametrize("page", pages())
def test_first_view_of_a_page_is_light_and_quick(page, book, browser):
    for _ in range(TRIES):  # a busy machine makes a page slower, and none makes it quicker
        weight = once(browser, book, page)
        assert weight.kilobytes <= LIMIT_KB, weight
        if weight.busy <= LIMIT_S:
            return
    pytest.fail(f"no load of {TRIES} was quick enough: {weight}")
