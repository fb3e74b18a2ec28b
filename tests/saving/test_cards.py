import re

import pytest

from collabkit import DotProduct, Recommender
from collabkit.saving.cards import MARK, escape, model_card
from collabkit.saving.storage import load_model, save_model
from tests.tables import tiny_ratings

markdown_it = pytest.importorskip("markdown_it")

NASTY = [
    "<img src=x onerror=alert(1)>",
    "[free](javascript:alert(1)) ![x](http://x.example)",
    "`code` **bold** _i_ ~~s~~ # | a | $x^2$ {math}`x`",
    "line\nbreak\r\n\n# not a title",
    "https://example.com www.example.com example.com me@example.com &lt; \\",
    "🎬 \u202e right to left \ud800 ``` <!-- x -->",
]


@pytest.fixture
def header(tmp_path):
    save_model(tmp_path / "m.safetensors", DotProduct(3, 4, 2, (0, 5.5)), tiny_ratings(), {"rmse": 0.87, "cold": None})
    return load_model(tmp_path / "m.safetensors")[2]


def html(markdown: str) -> str:
    pytest.importorskip("linkify_it")
    return markdown_it.MarkdownIt("gfm-like", {"html": True}).render(markdown)


def text_of(html: str) -> str:
    text = re.sub("<[^>]*>", "", html)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&").strip()


@pytest.mark.parametrize("text", NASTY)
def test_text_shows_as_it_is_and_nothing_else_comes_of_it(text):
    shown = html(f"| a |\n|---|\n| {escape(text)} |")
    assert set(re.findall("<([a-z0-9]+)", shown)) == {"table", "thead", "tbody", "tr", "th", "td"}
    want = "".join(letter if letter.isprintable() else " " for letter in text)
    assert " ".join(text_of(shown).split()) == " ".join(f"a {want}".split())


def test_a_card_says_what_it_must(header):
    card = model_card(header, "m.safetensors")
    assert card.startswith(MARK)
    for part in ("# DotProduct, trained on 7 ratings", "3 × 4", "0 to 5.5", "0.5 to 5", "rmse | 0.87", "cold | –"):
        assert part in card
    for part in (header["tensors_sha256"], header["data"]["sha256"], "non-commercial use with acknowledgement"):
        assert part in card
    for title in ("Data and terms", "Scores", "How to load it", "Known limits"):
        assert f"\n## {title}\n" in card
    assert "Who has a few ratings can be folded in." in card
    net = {**header, "model": {**header["model"], "class": "EmbeddingNet"}}
    assert "It folds nobody in." in model_card(net, "m.safetensors")
    assert "None were given" in model_card({**header, "scores": {}}, "m.safetensors")


def test_its_lines_load_the_model(header, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = (tmp_path / "m.md").read_text("utf8").partition("```python\n")[2].partition("```")[0]
    names = {}
    exec(code, names)
    assert isinstance(names["recommender"], Recommender)
    assert len(code.splitlines()) == 3


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_in_the_data_becomes_markup(nasty, header):
    plain = html(model_card(header | {"scores": {"x": "y"}}, "m.safetensors"))
    header = header | {"terms": nasty, "scores": {nasty: nasty}}
    header["users"] = header["users"] | {"ids": [nasty, "b", "c"]}
    header["films"] = header["films"] | {"title": [nasty, nasty, 0, 1]}
    shown = html(model_card(header, f"{nasty}.safetensors"))
    tags = r"<[a-z/][a-z0-9]*[^>]*>"
    listed = re.compile(r"<p>Among the items are: .*</p>\n")
    assert re.findall(tags, listed.sub("", shown)) == re.findall(tags, plain)
    assert len(listed.findall(shown)) == 1
