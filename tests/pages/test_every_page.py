"""Every page of the built book, at the width of a desk and of a phone, in both themes. On paper: test_print.py."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.pages import checks, site
from tools.browser import BUILT

# The longest first, so that two workers end together.
PAGES = sorted(site.built(), key=lambda page: -(BUILT / page).stat().st_size)


def test_the_book_is_built():
    assert PAGES, "no pages in _build/html: `make book` builds them"


@pytest.mark.parametrize("width", site.WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_page(visitor, page, width):
    tab = visitor.open(page, site.WIDTHS[width])
    checks.prepare(tab)
    faults = []
    for theme in site.THEMES:
        visitor.theme(theme)
        for check in (checks.sideways, checks.pictures, checks.copies, checks.focus):
            faults += check(tab)
        if width == "desk":  # colours differ by theme, and not by width
            faults += [f"{theme}: {fault}" for fault in checks.colours(tab)]
        if theme == ("light" if width == "desk" else "dark"):  # what a page is made of differs by width
            faults += checks.accessible(tab)
    faults += visitor.faults()
    if faults:
        pytest.fail("\n".join(f"{times} x {fault}" for fault, times in Counter(faults).items()), pytrace=False)
