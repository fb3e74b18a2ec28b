"""The still pictures of the figures that move, drawn by the figures themselves in Chromium.

python -m tools.stills             draw all again (`make stills`)
python -m tools.stills sigmoid     some
"""

from __future__ import annotations

import re
import sys

from tools.browser import chromium
from tools.figures import FOLDER, fingerprint, html, names

# What CSS says of each shape, written on the shape: a picture that needs no style sheet, on white.
ON_ITS_OWN = """svg => {
    const copy = svg.cloneNode(true), shapes = svg.querySelectorAll("*");
    const usual = {fill: "rgb(0, 0, 0)", stroke: "none", "stroke-width": "1px", "stroke-dasharray": "none",
        "stroke-linecap": "butt", "stroke-linejoin": "miter", opacity: "1", "font-weight": "400",
        "paint-order": "normal"};
    const hex = value => value.replace(/^rgb\\((\\d+), (\\d+), (\\d+)\\)$/,
        (_, ...rgb) => "#" + rgb.slice(0, 3).map(n => (+n).toString(16).padStart(2, "0")).join(""));
    copy.querySelectorAll("*").forEach((shape, i) => {
        const style = getComputedStyle(shapes[i]);
        for (const name in usual)
            if (style[name] !== usual[name] && !shape.hasAttribute(name)) shape.setAttribute(name, hex(style[name]));
        for (const name of ["class", "data-row", "data-column", "data-handle"]) shape.removeAttribute(name);
    });
    return new XMLSerializer().serializeToString(copy);
}"""
WIDTH = 460  # of a still, without its margin: its letters are 9 px on a phone, where it is shown 350 wide


def page(*shown: str, attributes: str = "") -> str:
    """Figures alone, as a page of their own."""
    cards = "\n".join(
        f'<div class="moving moving-{name}" {attributes}>{html(name, first=n == 0)}</div>'
        for n, name in enumerate(shown)
    )
    return (
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Figures that move</title>'
        '<meta name="viewport" content="width=device-width"><body style="margin: 0; font-family: sans-serif">'
        f"<main><h1>Figures that move</h1>{cards}</main></body></html>"
    )


def still(browser, name: str) -> str:
    """The picture that the figure draws for paper, in a light page."""
    tab = browser.new_page(viewport={"width": WIDTH + 26, "height": 800}, reduced_motion="reduce")
    tab.set_content(page(name, attributes="data-still"))
    drawn = tab.locator(".live svg").evaluate(ON_ITS_OWN)
    tab.close()
    found = re.fullmatch(r'<svg [^>]*?width="(\d+)" height="(\d+)"[^>]*>(.*)', drawn, re.S)
    assert found, "what was drawn has no size"
    width, height = int(found[1]) + 20, int(found[2]) + 20  # with a margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="-10 -10 {width} {height}" '
        f'font-family="system-ui, Segoe UI, Roboto, Arial, sans-serif" font-size="13">\n'
        f"<!-- drawn by tools/stills.py: {fingerprint(name)} -->\n"
        f'<rect x="-10" y="-10" width="100%" height="100%" fill="#fff"/>{found[3]}\n'
    )


def main(wanted: list[str]) -> None:
    with chromium() as browser:
        for name in wanted or names():
            path = FOLDER / f"{name}.svg"
            path.write_text(still(browser, name), "utf8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}: {path.stat().st_size / 1000:.1f} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
