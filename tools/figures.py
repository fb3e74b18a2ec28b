"""A Sphinx extension: in the built pages, figures that move take the place of their stills.

A figure is `book/_figures/NAME.js` and the still picture that it draws, `NAME.svg` (tools/stills.py). A page shows the
still as any other picture, `![what it shows](../_figures/NAME.svg)`: that is what print, Colab and GitHub have. In the
built pages the script takes its place, with its data beside it; the page asks for no other file, and no other host.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

from tools.figure_data import DATA

FOLDER = Path(__file__).resolve().parent.parent / "book/_figures"
STILL = re.compile(r"(?:^|/)_figures/(\w+)\.svg$")


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.js") if path.stem != "moving")


@cache
def html(name: str, first: bool = True) -> str:
    """The live figure, to stand after its still; the first of a page brings what all of them share."""
    parts = []
    if first:
        parts += [f"<style>\n{source('moving.css')}</style>", f"<script>\n{source('moving.js')}</script>"]
    if name in DATA:
        data = json.dumps(DATA[name](), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        parts.append(f'<script type="application/json">{data}</script>')
    return "\n".join([*parts, f"<script>\n{source(name + '.js')}</script>"])


def source(file: str) -> str:
    return (FOLDER / file).read_text("utf8")


def fingerprint(name: str) -> str:
    """Changes when the figure would be drawn otherwise; its still carries the one it was drawn by."""
    return hashlib.sha256(html(name).encode()).hexdigest()[:16]


def bring_to_life(app, doctree, page: str) -> None:
    """In HTML, a still gets its live figure, which takes its place where scripts run."""
    from docutils import nodes

    if app.builder.format != "html":
        return
    stills = [(image, found[1]) for image in doctree.findall(nodes.image) if (found := STILL.search(image["uri"]))]
    for n, (image, name) in enumerate(stills):
        card = nodes.container(classes=["moving", f"moving-{name}"])
        alone = isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1
        (image.parent if alone else image).replace_self(card)
        card += [image, nodes.raw("", html(name, first=n == 0), format="html")]


def setup(app) -> dict[str, bool]:
    app.connect("doctree-resolved", bring_to_life)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
