"""Each check finds the fault that it is for: planted in a page that is sound without it."""

from __future__ import annotations

import pytest

from tests.pages import checks, site
from tools.browser import serve

SOUND = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1><article><p>Text, and <a href="#">a link</a>.</p>PLANT</article></main></body></html>"""
DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
WIDE = "<pre>" + "wide " * 300 + "</pre>"
PLANTS = {
    "sideways": (checks.sideways, WIDE, "the page is"),
    "picture without words": (checks.pictures, f'<img src="{DOT}" alt="">', "<img"),
    "focus unseen": (checks.focus, '<a class="bare" href="#" style="outline: none">Go</a>', "no focus to be seen"),
    "copy button": (checks.copies, '<div class="cell_output"><button class="copybtn">Copy</button></div>', "copy"),
    "no label": (checks.accessible, "<input>", "label: <input>"),
    "another name": (checks.accessible, '<button aria-label="Stop">Go</button>', "label-content-name-mismatch"),
    "best practice": (checks.accessible, "</article></main><p>Outside</p>", "region"),
    "small target": (checks.accessible, '<button style="width:9px;height:9px;padding:0"></button>' * 2, "target-size"),
    "pale": (checks.colours, '<p style="color: #aaa">Pale</p>', "color-contrast"),
}
HEARD = {
    "console": ("<script>console.warn('late')</script>", "warning in the console: late"),
    "script": ("<script>nothing()</script>", "error in a script: nothing is not defined"),
    "not there": ('<img src="gone.png" alt="Gone">', "404 for"),
    "another host": ('<img src="http://localhost:9/a.png" alt="Far">', "asked another host"),
}


@pytest.fixture(scope="module")
def toy(browser, tmp_path_factory):
    """``toy(plant)`` opens the page with something put into it."""
    folder = tmp_path_factory.mktemp("toy")
    with serve(folder) as address:
        visitor = site.Visitor(browser, address)

        def opened(plant, width=390):
            page = folder / f"{len(list(folder.iterdir()))}.html"  # another name each time: a browser keeps what it had
            page.write_text(SOUND.replace("PLANT", plant), "utf8")
            checks.prepare(visitor.open(page.name, width))
            return visitor

        yield opened
        visitor.tab.context.close()


@pytest.mark.parametrize("check, plant, words", PLANTS.values(), ids=PLANTS)
def test_a_planted_fault_is_found(toy, check, plant, words):
    assert check(toy("").tab) == []
    assert any(words in fault for fault in check(toy(plant).tab))


@pytest.mark.parametrize("plant, words", HEARD.values(), ids=HEARD)
def test_what_goes_wrong_is_heard(toy, plant, words):
    assert toy("").faults() == []
    heard = toy(plant).faults()
    assert any(words in fault for fault in heard), heard


def test_contrast_is_measured_in_the_theme_that_is_shown(toy):
    dark = (
        "<style>@media (prefers-color-scheme: dark) { body { background: #000 } }</style><p style='color:#000'>Ink</p>"
    )
    visitor = toy(dark)
    assert checks.colours(visitor.tab) == []
    visitor.theme("dark")
    assert any("color-contrast" in fault for fault in checks.colours(visitor.tab))
