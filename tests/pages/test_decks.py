"""Decks of all chapters as a room sees them, and their speaker: 1280 x 720, each slide measured."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.pages import site
from tools import executed, slides
from tools.browser import serve

CHAPTERS = slides.chapters()

# Of each slide: its title, letters that are too small, what leaves it, and its pictures.
MEASURE = """() => [...document.querySelectorAll(".slides section section")].map((slide) => {
  const seen = [...slide.querySelectorAll("*")]
    .filter((part) => !part.closest(".notes, mjx-assistive-mml") && part.getClientRects().length);
  const room = slide.getBoundingClientRect();
  const text = seen.filter((part) => [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const small = (part) => part.closest("pre, table") ? 22 : 28;
  const out = seen.filter((part) => {
    const box = part.getBoundingClientRect();
    const clipped = getComputedStyle(part).overflow !== "visible" && part.scrollHeight > part.clientHeight + 1;
    return box.right > room.right + 1 || box.bottom > room.bottom + 1 || box.left < room.left - 1 || clipped;
  });
  return {
    title: slide.querySelector("h1, h2")?.textContent ?? "",
    tiny: text.filter((part) => !part.closest("mjx-container"))
      .filter((part) => parseFloat(getComputedStyle(part).fontSize) < small(part))
      .map((part) => part.textContent.slice(0, 40)),
    out: out.map((part) => `${part.tagName} ${part.textContent.slice(0, 40)}`),
    full: slide.dataset.full ?? "",
    low: [...slide.querySelectorAll("img")].filter((img) => img.clientHeight < 400).length,
    pictures: [...slide.querySelectorAll("img")].map((img) => img.src.split("base64,")[1]).filter((data) => data),
    raw: seen.filter((part) => part.matches("p, li") && /\\$[^$]+\\$/.test(part.textContent)).length,
    notes: slide.querySelector("aside.notes")?.textContent.trim() ?? "",
  };
})"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    """All decks in a folder of their own, served from there."""
    if not find_spec("sphinx_revealjs"):
        pytest.skip("reveal.js is not here: the extra `teach` brings it")
    out = tmp_path_factory.mktemp("slides")
    for path, content in slides.build(CHAPTERS).items():
        place = out / path.relative_to(slides.OUT)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    with serve(out) as address:
        yield address


@pytest.fixture(scope="module")
def guest(browser, decks):
    return site.Visitor(browser, decks)


def enter(guest, path):
    tab = guest.open(f"{path.stem}.html", 1280, 720)
    tab.wait_for_function("document.documentElement.dataset.ready === 'yes'")
    return tab


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_slide_can_be_read_at_the_back_and_asks_nobody(guest, path):
    measured = enter(guest, path).evaluate(MEASURE)
    assert len(measured) >= 8
    for slide in measured:
        wrong = {key: slide[key] for key in ("tiny", "out", "full", "low", "raw") if slide[key]}
        assert not wrong, f"{slide['title']}: {wrong}"
        assert slide["title"] and slide["notes"]
    assert guest.faults() == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_pictures_are_those_that_were_kept(guest, path):
    kept = executed.kept(path)
    outputs = [output.get("data", {}) for cell in executed.code(kept) for output in cell.outputs]
    known = {data["image/png"].replace("\n", "") for data in outputs if "image/png" in data}
    shown = [data for slide in enter(guest, path).evaluate(MEASURE) for data in slide["pictures"]]
    drawn = {data for data in shown if data.startswith("iVBOR")}  # PNG; the others are stills, in SVG
    assert drawn and drawn <= known


def test_the_speaker_sees_notes_with_their_formulas(guest):
    tab = enter(guest, CHAPTERS[1])
    tab.evaluate("Reveal.slide(3)")
    notes = tab.evaluate("Reveal.getCurrentSlide().querySelector('.notes').textContent").split()
    with tab.expect_popup() as popup:
        tab.keyboard.press("s")
    view = popup.value
    view.wait_for_function("document.querySelector('.speaker-controls-notes .value')?.textContent.trim()")
    said = view.evaluate("document.querySelector('.speaker-controls-notes .value').textContent").split()
    assert said[:20] == notes[:20]
    assert view.evaluate("document.querySelectorAll('.speaker-controls-notes svg').length") > 3
    view.close()
    assert guest.faults() == []
