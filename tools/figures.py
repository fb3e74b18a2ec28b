"""Figures that move: a Sphinx extension, and the command that draws their still pictures.

    python -m tools.figures             draw all stills again (`make stills`)
    python -m tools.figures sigmoid     some

A figure is `book/_figures/NAME.js` and the still picture that it draws, `NAME.svg`. A page shows the still as any other
picture, `![what it shows](../_figures/NAME.svg)`: that is what print, Colab and GitHub have. In the built pages the
script takes its place, with its data beside it; the page asks for no other file, and no other host.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "book/_figures"
STILL = re.compile(r"(?:^|/)_figures/(\w+)\.svg$")


# ---- what the figures show ----


TOY = [
    [0, 0, 5], [0, 1, 5], [0, 2, 1], [1, 0, 4], [1, 2, 1], [1, 3, 2],
    [2, 1, 2], [2, 2, 5], [2, 3, 5], [3, 0, 1], [3, 1, 1], [3, 2, 4],
]  # fmt: skip


def vectors() -> dict[str, Any]:
    """The toy of chapter 2, and the two random tables it starts from."""
    import numpy as np

    rng = np.random.default_rng(seed=0)
    return {
        "people": ["Ada", "Bo", "Cleo", "Dan"],
        "titles": ["Alien", "Blade Runner", "Notting Hill", "Amélie"],
        "toy": TOY,
        "P": rng.normal(0, 0.1, size=(4, 2)).tolist(),
        "Q": rng.normal(0, 0.1, size=(4, 2)).tolist(),
        "learning_rate": 0.02,
        "epochs": 80,
    }


LADDER = {
    "one mean for all": (1, "means/global"),
    "means of user and film": (1, "means/user+item"),
    "a dot product": (2, "course-no-decay/dot"),
    "a range for the stars": (3, "course-no-decay/dot+sigmoid"),
    "biases": (4, "course-no-decay/bias"),
    "weight decay": (6, "course/bias"),
    "many models for one": (12, "bayes"),
    "genres and years": (13, "bayes-films-popularity"),
}


def ladder() -> list[list[Any]]:
    """What each chapter adds, its number, and the error that is left: the mean of its band, in stars."""
    from collabkit import band

    return [[name, n, round(band(f"small-2016/{model}").mean, 4)] for name, (n, model) in LADDER.items()]


def decay() -> dict[str, Any]:
    """Errors after each epoch, and lengths of factors, at each decay: `benchmarks/decays.py`."""
    from collabkit.results import load

    stored = load("decays")
    return {"popularity": stored["settings"]["popularity"], "decays": stored["decays"]}


def posterior() -> dict[str, Any]:
    """The training ratings of chapter 12's three films, in the order in which they were given, less the global mean."""
    import numpy as np

    from collabkit import load_movielens, random_split
    from collabkit.maps import short_name

    train = random_split(load_movielens(), seed=0).train
    mu = float(train.rating.mean())
    count = np.bincount(train.item, minlength=train.n_items)  # (I,)
    total = np.bincount(train.item, train.rating - mu, minlength=train.n_items)  # (I,)
    rating, timestamp = (train.frame[name].to_numpy() for name in ("rating", "timestamp"))  # (n,), (n,)
    films = []
    for n in (2, 20, 200):
        liked = total > 0.5 * count
        film = int(np.where(liked, total - 99 * abs(count - n), -9999).argmax())
        mine = np.flatnonzero(train.item == film)
        stars = rating[mine[np.argsort(timestamp[mine], kind="stable")]]
        films.append({"title": short_name(train.labels[film], 24), "stars": stars.tolist()})
    return {"mu": round(mu, 4), "alpha": 1, "lambda": 4, "films": films}


DATA: dict[str, Callable[[], Any]] = {"vectors": vectors, "ladder": ladder, "decay": decay, "posterior": posterior}


# ---- the page's part ----


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


# ---- the still pictures ----

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
        f"<!-- drawn by tools/figures.py: {fingerprint(name)} -->\n"
        f'<rect x="-10" y="-10" width="100%" height="100%" fill="#fff"/>{found[3]}\n'
    )


def main(wanted: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("the stills are drawn by Chromium, which is not on the path: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name in wanted or names():
            path = FOLDER / f"{name}.svg"
            path.write_text(still(browser, name), "utf8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}: {path.stat().st_size / 1000:.1f} KB")
        browser.close()


# ---- the extension ----


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


if __name__ == "__main__":
    main(sys.argv[1:])
