"""What axe finds on a page that a tab shows: WCAG 2.2, levels A and AA, and its best practice."""

from __future__ import annotations

import pytest

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(tab, where: str = "document", **options) -> list[str]:
    """A line for each fault. ``where`` is JavaScript that gives the part to look at, ``options`` are axe's own."""
    base = pytest.importorskip("axe_playwright_python.base")  # which a copy on another machine may lack
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(base.AXE_SCRIPT)
    options = {"runOnly": LEVELS, "resultTypes": ["violations"], "preload": False, **options}
    found = tab.evaluate(f"options => axe.run({where}, options)", options)
    return [
        f"{rule['id']}: {node['html'][:160]}" + " ".join(check["message"] for check in node["any"])[:160]
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
