"""What must hold for every page: each check takes a tab that shows one, and gives a line for each fault."""

from __future__ import annotations

from pathlib import Path

from tests.axe import violations

SCRIPT = Path(__file__).with_name("checks.js").read_text("utf8")
COLOURS = ["color-contrast", "link-in-text-block"]
RULES = {rule: {"enabled": False} for rule in COLOURS}
RULES["label-content-name-mismatch"] = {"enabled": True}  # of level A, and yet off unless one asks


def prepare(tab) -> None:
    tab.evaluate(SCRIPT)


def sideways(tab) -> list[str]:
    """The page scrolls up and down alone; what is wider scrolls in its own box, which keys can scroll too."""
    return tab.evaluate("checks.sideways()")


def pictures(tab) -> list[str]:
    return tab.evaluate("checks.pictures()")


def focus(tab) -> list[str]:
    """Who walks with the Tab key sees where he is: one of each kind of control is asked."""
    return tab.evaluate("checks.focus()")


def copies(tab) -> list[str]:
    return tab.evaluate("checks.copies()")


def accessible(tab) -> list[str]:
    """axe's rules for WCAG 2.2, levels A and AA, and its best practice; colours apart, which differ by theme."""
    return violations(tab, rules=RULES)


def colours(tab) -> list[str]:
    """axe's rules about colours. Equal ink on equal ground is asked once: a page has thousands of words of code."""
    return violations(tab, "checks.inks()", runOnly=COLOURS)
