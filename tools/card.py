"""The picture that a link to the book shows, drawn from the built front page: `make card`.

python -m tools.card
"""

from __future__ import annotations

from pathlib import Path

from tools.browser import BUILT, ROOT, chromium, pages, serve

CARD = ROOT / "book/_static/hero.png"  # its name is known to previews that are kept elsewhere
SIZE = {"width": 1200, "height": 630}  # what previews show in full

# The front page's name, promise and picture side by side; all else is left out.
LAYOUT = """
.bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .bd-footer, .prev-next-footer, .headerlink,
#pst-back-to-top, #jb-print-docs-body, .moving :is(.controls, p, button, input, label),
.bd-article section > :not(h1, p:first-of-type, .card-picture) { display: none !important; }
body, .bd-main, .bd-content, .bd-article-container, .bd-article { display: block; margin: 0; padding: 0 !important;
    max-width: none !important; background: #fff; }
.bd-article > section, .bd-article > section > section { display: contents; }
.bd-article { display: grid !important; grid-template: auto 1fr / 500px 1fr; column-gap: 40px;
    width: 1200px; height: 630px; box-sizing: border-box; padding: 64px 56px !important;
    border-bottom: 14px solid #00598c; }
.bd-article h1 { grid-area: 1 / 1; margin: 0 !important; font-size: 58px !important; line-height: 1.1; }
.bd-article p { grid-area: 2 / 1; margin: 24px 0 0; font-size: 25px; line-height: 1.45; }
.card-picture { grid-area: 1 / 2 / 3 / 3; align-self: center; margin: 0 !important; }
.card-picture img { width: 100% !important; height: auto !important; display: block !important; }
"""
PICTURE = """() => {
    const picture = document.querySelector("article img"), alone = document.createElement("div");
    picture.loading = "eager";
    alone.className = "card-picture";
    alone.append(picture);
    document.querySelector("article section").append(alone);
    return picture.decode();
}"""


def draw(browser, address: str, to: Path = CARD) -> None:
    """The card of the book that is served at this address."""
    tab = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
    tab.goto(f"{address}/{pages()[0]}", wait_until="load")
    tab.evaluate(PICTURE)
    tab.add_style_tag(content=LAYOUT)
    tab.evaluate("document.fonts.ready")
    tab.screenshot(path=to)
    tab.close()


if __name__ == "__main__":
    with serve(BUILT) as address, chromium() as browser:
        draw(browser, address)
    print(f"wrote {CARD.relative_to(ROOT)}: {CARD.stat().st_size / 1000:.0f} KB")
