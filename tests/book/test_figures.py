"""Figures that move: alone in a browser, by mouse, finger and keyboard, in both themes; what they show is right."""

from __future__ import annotations

import ast
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from collabkit import band, load_movielens, random_split, sigmoid_range
from collabkit.results import load
from tests.axe import violations
from tools import figure_data, figures, myst, notebooks, stills

NAMES = figures.names()
each_figure = pytest.mark.parametrize("name", NAMES)
PHONE, DESK = 390, 1440


@pytest.fixture
def tab(browser):
    """``tab(name, theme, width)`` opens a figure alone; at the end nothing may have failed, or been asked for."""
    opened, wrong = [], []

    def open_(*shown, theme="light", width=DESK, **context):
        page = browser.new_page(viewport={"width": width, "height": 900}, **context)
        opened.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: wrong.append(request.url))
        page.set_content(stills.page(*shown).replace('data-theme="light"', f'data-theme="{theme}"'))
        page.locator(".live svg > *").last.wait_for(state="attached")
        return page

    yield open_
    for page in opened:
        page.close()
    assert wrong == []


def says(page) -> str:
    return page.locator("output").inner_text()


def numbers(page) -> dict:
    return page.evaluate("document.querySelector('.live').numbers")


# ---- all of them ----


@each_figure
def test_it_is_small_and_its_still_is_what_it_draws_now(name):
    assert len(figures.html(name).encode()) <= 40_000
    still = (figures.FOLDER / f"{name}.svg").read_text("utf8")
    assert len(still.encode()) <= 60_000
    assert f" {figures.fingerprint(name)} " in still, f"make stills ONLY={name}"
    root = ElementTree.fromstring(still)
    letters = 13 * 350 / int(root.get("width"))  # where the page of a phone shows it
    assert letters >= 9
    assert not re.search(r"var\(|class=|<script|href", still)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_axe_finds_nothing_and_all_letters_can_be_read(tab, theme, width):
    page = tab(*NAMES, theme=theme, width=width)
    assert page.locator(".live svg").count() == len(NAMES)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small, cut = page.evaluate(
        """() => {
            const texts = [...document.querySelectorAll('.live svg text')];
            const small = text => parseFloat(getComputedStyle(text).fontSize)
                * text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width < 9;
            const cut = text => {
                const [a, b] = [text.ownerSVGElement, text].map(node => node.getBoundingClientRect());
                return b.left < a.left - 1 || b.right > a.right + 1 || b.top < a.top - 1 || b.bottom > a.bottom + 1; };
            return [small, cut].map(wrong => texts.filter(wrong).map(text => text.textContent));
        }"""
    )
    assert small == []
    assert cut == []


@each_figure
def test_every_control_has_a_name_and_shows_its_focus_and_works_by_keyboard(tab, name):
    page = tab(name)
    controls = page.locator(".live :is(input, button, svg[tabindex])")
    for n in range(controls.count()):
        control = controls.nth(n)
        page.keyboard.press("Tab")
        assert control.evaluate("node => node === document.activeElement"), "the order of Tab is that of the page"
        assert control.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
        if control.get_attribute("type") == "range":
            assert control.get_attribute("aria-label")
            before, heard = says(page), control.get_attribute("aria-valuetext")
            page.keyboard.press("ArrowLeft" if control.evaluate("node => +node.value > +node.min") else "ArrowRight")
            assert says(page) != before
            assert control.get_attribute("aria-valuetext") != heard
        elif control.get_attribute("tabindex"):
            before = says(page)
            page.keyboard.press("ArrowDown")
            assert says(page) != before


@each_figure
def test_paper_gets_the_still(tab, name):
    page = tab(name)
    page.evaluate("document.querySelector('.moving').insertAdjacentHTML('beforeend', '<img alt=still>')")
    assert not page.get_by_alt_text("still").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_alt_text("still").evaluate("node => getComputedStyle(node).display") == "block"
    assert not page.locator(".live").is_visible()


@pytest.mark.parametrize(
    "name, end", [("vectors", "Epoch 80:"), ("ladder", "Chapter 13,"), ("posterior", "After 20 ratings")]
)
def test_play_moves_and_stops_and_where_motion_is_unwelcome_goes_to_the_end(tab, name, end):
    page = tab(name, reduced_motion="no-preference")
    before = says(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("before => document.querySelector('output').textContent !== before", arg=before)
    page.get_by_role("button", name="Pause").click()
    stopped = says(page)
    page.wait_for_timeout(300)
    assert says(page) == stopped
    calm = tab(name, reduced_motion="reduce")
    calm.get_by_role("button", name="Play").click()
    assert says(calm).startswith(end)


# ---- each of them ----


def test_sigmoid_is_the_chapters_and_its_ends_can_be_dragged(tab):
    page = tab("sigmoid", width=PHONE, has_touch=True)
    page.get_by_role("slider", name="high end", exact=True).fill("5.2")
    page.get_by_role("slider", name="score", exact=True).fill("-2")
    shown = numbers(page)
    ends = sigmoid_range(torch.tensor([shown["five"], shown["half"]], dtype=torch.float64), 0, 5.2)
    assert np.allclose(ends, [5, 0.5], atol=1e-9)
    score = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)
    stars = sigmoid_range(score, 0, 5.2)
    stars.backward()
    assert np.allclose([shown["stars"], shown["slope"]], [stars.item(), score.grad.item()], atol=1e-9)

    handle = page.locator("[data-handle=hi]").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60)
    page.mouse.up()
    assert page.get_by_role("slider", name="high end", exact=True).input_value() == "5"
    assert says(page).startswith("Range (0, 5): 5 stars need no score that there is;")


def test_tables_multiply(tab):
    page = tab("tables", width=PHONE, has_touch=True)
    assert says(page) == "Ada and Blade Runner: 0.9 × 0.9 + (−0.4) × 0.3 = 0.81 + (−0.12) = 0.69."
    page.locator("[data-row='3'][data-column='2']").tap()
    assert says(page) == "Dan and Amélie: (−0.2) × 0.1 + 0.7 × 0.9 = (−0.02) + 0.63 = 0.61."
    page.locator("[data-row='0'][data-column='0']").hover()
    page.get_by_role("slider", name="Ada: sci-fi", exact=True).fill("0.5")
    assert says(page) == "Ada and Alien: 0.5 × 0.9 + (−0.4) × (−0.6) = 0.45 + 0.24 = 0.69."
    page.locator("svg").press("ArrowDown")
    assert says(page).startswith("Bo and Alien")
    page.locator("svg").press("ArrowRight")
    assert says(page).startswith("Bo and Blade Runner")


def chapter_2():
    """`descend` and the toy ratings, as chapter 2 has them."""
    (path,) = (notebooks.ROOT / "book/chapters").glob("02_*.ipynb")
    namespace = {"np": np}
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code":
            for node in ast.parse(cell.source).body:
                is_toy = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("toy", "people", "titles")
                if is_toy or (isinstance(node, ast.FunctionDef) and node.name == "descend"):
                    exec(ast.unparse(node), namespace)
    return namespace


def test_vectors_learn_as_in_the_chapter(tab):
    here, shown = chapter_2(), figure_data.vectors()
    assert [tuple(row) for row in shown["toy"]] == here["toy"]
    assert (shown["people"], shown["titles"]) == (here["people"], here["titles"])
    P, Q = np.array(shown["P"]), np.array(shown["Q"])
    page = tab("vectors", width=PHONE, has_touch=True)
    for epoch in range(1, shown["epochs"] + 1):
        loss = here["descend"](P, Q, here["toy"], learning_rate=shown["learning_rate"])
        if epoch in (1, 20, 80):
            page.get_by_role("slider", name="epoch", exact=True).fill(str(epoch))
            learnt = numbers(page)
            assert np.isclose(learnt["loss"], loss, rtol=0, atol=1e-9)
            assert np.allclose(learnt["P"], P, rtol=0, atol=1e-9)
            assert np.allclose(learnt["Q"], Q, rtol=0, atol=1e-9)
    page.locator("[data-row='3'][data-column='3']").tap()
    assert f"Dan and Amélie: predicted {P[3] @ Q[3]:.2f}, not rated: a gap." in says(page)
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Step").click()
    assert says(page).startswith("Epoch 1:")


def test_ladder_shows_the_bands(tab):
    page = tab("ladder")
    for n, (what, (chapter, model)) in enumerate(figure_data.LADDER.items()):
        page.get_by_role("slider", name="step", exact=True).fill(str(n))
        error = band(f"small-2016/{model}").mean
        assert says(page).startswith(f"Chapter {chapter}, {what}: the predictions are off by {error:.3f} stars")
    assert error == min(band(f"small-2016/{model}").mean for _, model in figure_data.LADDER.values())


def test_decay_shows_what_was_measured(tab):
    page = tab("decay")
    for n, (wd, row) in enumerate(load("decays")["decays"].items()):
        page.get_by_role("slider", name="decay λ", exact=True).fill(str(n))
        assert says(page).startswith(f"λ = {wd}: training error {row['training'][-1]:.3f}, validation")
        assert f"lowest after epoch {1 + np.argmin(row['validation'])}." in says(page)
        assert says(page).endswith(f" {row['lengths'][0]:.2f}, those with 64+ of {row['lengths'][-1]:.2f}.")


def test_posterior_is_the_formula_of_the_chapter(tab):
    data = figure_data.posterior()
    train = random_split(load_movielens(), seed=0).train
    assert data["mu"] == pytest.approx(train.rating.mean(), abs=1e-4)
    page = tab("posterior", width=PHONE, has_touch=True)
    for film in data["films"]:
        page.get_by_role("button", name=film["title"]).tap()
        for n in {0, 1, len(film["stars"])}:
            page.get_by_role("slider", name="ratings so far", exact=True).fill(str(n))
            y = np.array(film["stars"][:n]) - data["mu"]
            precision = n * data["alpha"] + data["lambda"]
            shown = numbers(page)
            assert np.isclose(shown["mean"], data["alpha"] * y.sum() / precision, atol=1e-9)
            assert np.isclose(shown["sd"], precision**-0.5, atol=1e-12)
    page.get_by_role("slider", name="ratings so far", exact=True).fill("0")
    page.get_by_role("button", name="One more rating").tap()
    assert says(page).startswith(f"After 1 rating of {film['title']}")


# ---- in notebooks ----


def test_each_is_shown_in_one_chapter_and_the_ladder_on_the_front_page_alone():
    cells = [cell for path in notebooks.notebooks() for cell in notebooks.read(path).cells]
    shown = [name for cell in cells for name in re.findall(r"_figures/(\w+)\.svg", cell.source)]
    assert sorted([*shown, "ladder"]) == NAMES


def test_a_notebook_in_plain_markdown_shows_the_still_and_leads_to_the_page(tmp_path):
    text = "Drag it:\n\n![A curve](../_figures/sigmoid.svg)"
    assert myst.myst_problems(text) == []
    here = tmp_path / "book/chapters"
    for file in (here / "01_first.ipynb", here / "03_range.ipynb", tmp_path / "book/_figures/sigmoid.svg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if file.stem == "03_range" else "")
    translate = myst.Plain(here, tmp_path, {}, "https://github.com/me/kit", "https://me.github.io/kit/")
    page = "https://me.github.io/kit/book/chapters/03_range.html"
    plain = translate.markdown(text)
    assert plain.startswith(f"Drag it:\n\n[![A curve](https://me.github.io/kit/_images/sigmoid.svg)]({page})\n")
    with pytest.raises(myst.MystError, match="no still picture"):
        translate.markdown("![x](../_figures/nothing.svg)")
    assert myst.myst_problems("![x](pictures/y.png)")
