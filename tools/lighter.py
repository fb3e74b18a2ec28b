"""A Sphinx extension: a page asks for what its first view needs, and for nothing else.

Out of each page that was written go the theme's 1.5 MB script of icons (its stylesheet draws the same ones from a
font), the search index but on the page of the search, and MathJax where there is no formula. Formulas in sight are set
first, all others once the browser has nothing else to do. Pictures come when a reader scrolls to them, and keep their
place until then. `python -m benchmarks.page_weight` measures what is left.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

ICONS = r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>'
SEARCH = r'<script src="[^"]*/?(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
MATHJAX = (
    r"<script>window\.MathJax = [^<]*</script>|<script>MathJax\.[^<]*</script>|<script[^>]*/mathjax/[^>]*></script>"
)
FORMULA = re.compile(r'class="math\b')
PICTURE = re.compile(r'<img(?![^>]*(?: loading=|logo__image))(?P<before>[^>]*) src="(?P<source>[^":]+\.png)"')

# Without the menu, a third of MathJax. `formulas` is a promise of all formulas: what prints a page waits for it.
LOADED = {"load": ["input/tex", "output/chtml", "a11y/assistive-mml", "ui/lazy"]}
IN_SIGHT_FIRST = (
    "MathJax.startup = {pageReady() {"
    "const seen = MathJax.startup.defaultPageReady(), idle = window.requestIdleCallback ?? setTimeout;"
    "window.formulas = seen.then(() => document.fonts.ready).then(() => new Promise((done) => idle(done)))"
    ".then(() => MathJax.startup.document.lazyTypesetAll());"
    "return seen;"
    "}};"
)


def without(what: str, page: str) -> str:
    return re.sub(rf"\s*(?:{what})", "", page)


def lighter(page: str, path: Path) -> str:
    """The page at this path, without what its first view does not need; twice gives the same."""
    page = without(ICONS, page)
    if path.name != "search.html":
        page = without(SEARCH, page)
    if not FORMULA.search(page):
        page = without(MATHJAX, page)
    return PICTURE.sub(lambda found: picture(found, path.parent), page)


def picture(found: re.Match, folder: Path) -> str:
    """An <img> that waits until it is near, with its size: what stands below it does not jump when it comes."""
    attributes = ' loading="lazy"'
    if " width=" not in found["before"] and " style=" not in found["before"]:
        with Image.open(folder / found["source"]) as image:
            attributes += f' width="{image.width}" height="{image.height}"'
    return f'<img{found["before"]} src="{found["source"]}"{attributes}'


def lighten(app, error) -> None:
    if error is None and app.builder.name == "html":
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text("utf8")
            if (new := lighter(page, path)) != page:
                path.write_text(new, "utf8")


def formulas(app, config) -> None:
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = {**(config.mathjax3_config or {}), "loader": LOADED}


def setup(app) -> dict[str, bool]:
    app.connect("config-inited", formulas)
    app.add_js_file(None, body=IN_SIGHT_FIRST, priority=900)  # below MathJax's settings
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
