"""The picture that a link to the book shows."""

from __future__ import annotations

import yaml
from PIL import Image

from tools.browser import ROOT, pages, serve
from tools.card import CARD, SIZE, draw

FRONT = """<html data-theme="light"><body><div class="bd-sidebar-primary">Elsewhere</div>
<article class="bd-article"><section><h1>A book</h1><p>Its promise.</p><p><img src="p.png"></p></section></article>"""


def test_every_page_names_the_card_and_previews_show_it_whole():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    assert CARD.relative_to(ROOT / "book").as_posix() == config["sphinx"]["config"]["ogp_image"]
    with Image.open(CARD) as card:
        assert card.size == (1200, 630) == (SIZE["width"], SIZE["height"])
    assert CARD.stat().st_size < 300_000


def test_card_has_name_promise_and_picture_side_by_side(tmp_path, browser):
    page = tmp_path / pages()[0]
    page.parent.mkdir()
    page.write_text(FRONT, "utf8")
    Image.new("RGB", (480, 300), "red").save(page.with_name("p.png"))
    with serve(tmp_path) as address:
        draw(browser, address, tmp_path / "card.png")
    with Image.open(tmp_path / "card.png") as card:
        assert card.size == (1200, 630)
        red = [x for x in range(1200) if card.getpixel((x, 300))[:3] == (255, 0, 0)]
        dark = [x for x in range(1200) for y in range(60, 130) if sum(card.getpixel((x, y))[:3]) < 100]
        assert 590 < min(red) < max(red) < 1150 and 50 < min(dark) < max(dark) < 560
