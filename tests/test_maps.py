"""Maps: labels that can be read, and a page that explores without any other host."""

import itertools
import json

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from collabkit import InteractiveMap, labelled_map, load_movielens
from collabkit.maps import short_name, spread_out
from tests.themed import THEMES, WIDTHS, in_the_book, violations  # noqa: F401

matplotlib.use("agg")


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.normal(size=25), rng.normal(size=25), [f"Film number {i}" for i in range(25)]


def inside(point, box):
    return box.x0 < point[0] < box.x1 and box.y0 < point[1] < box.y1


@pytest.mark.parametrize("seed", range(4))
def test_no_name_covers_another_name_a_point_or_a_line(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 200))
    chosen = spread_out(x, y, n=24)
    x, y = x[chosen], y[chosen]
    names = ["Film " + "x" * rng.integers(1, 15) + f" {i}" for i in range(24)]
    fig, ax = plt.subplots(figsize=(5, 7.5), layout="constrained")
    ax.set(xlabel="component 1", ylabel="component 3", title="A map")
    assert labelled_map(x, y, names, ax=ax) is ax
    fig.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
    points = ax.transData.transform(np.column_stack([x, y]))
    lines = [ax.transData.transform(line.get_xydata()) for line in ax.lines]
    frame = ax.get_window_extent()
    plt.close(fig)
    assert sorted(boxes) == sorted(names)
    assert [(a, b) for a, b in itertools.combinations(boxes, 2) if boxes[a].overlaps(boxes[b])] == []
    assert [(name, p) for name, box in boxes.items() for p in points if inside(p, box)] == []
    assert [name for name, box in boxes.items() if not (frame.x0 <= box.x0 and box.x1 <= frame.x1)] == []
    assert [name for name, box in boxes.items() if not (frame.y0 <= box.y0 and box.y1 <= frame.y1)] == []
    for start, end in lines:
        along = start + (end - start) * np.linspace(0, 0.99, 200)[:, None]
        assert [name for name, box in boxes.items() if any(inside(p, box) for p in along)] == []


def test_a_name_without_room_is_left_out_and_told():
    fig, ax = plt.subplots(figsize=(3, 3))
    with pytest.warns(UserWarning, match="no room on the map for"):
        labelled_map(np.zeros(30), np.zeros(30), ["A rather long name for a film"] * 30, ax=ax)
    assert 0 < len(ax.texts) < 30
    plt.close(fig)


@pytest.mark.parametrize(
    "label, name",
    [
        ("Heat (1995)", "Heat"),
        ("Godfather, The (1972)", "The Godfather"),
        ("Dolce Vita, La (1960)", "La Dolce Vita"),
        ("Olvidados, Los (1950)", "Los Olvidados"),
        ("Avventura, L' (Adventure, The) (1960)", "L'Avventura"),
        ("Gamers, The: Dorkness Rising (2008)", "Gamers: Dorkness Rising"),
        ("Godfather: Part II, The (1974)", "Godfather: Part II"),
        ("Lord of the Rings: The Two Towers, The (2002)", "The Two Towers"),
        ("Star Wars: Episode IV - A New Hope (1977)", "A New Hope"),
        ("Pirates of the Caribbean: The Curse of the Black Pearl (2003)", "Curse of the Black Pearl"),
        ("Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark) (1981)", "Raiders of the Lost Ark"),
        ("Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1964)", "Dr. Strangelove…"),
        ("Crouching Tiger, Hidden Dragon (Wo hu cang long) (2000)", "Crouching Tiger, Hidden…"),
        ("(500) Days of Summer (2009)", "(500) Days of Summer"),
        ("Supercalifragilisticexpialidocious (1999)", "Supercalifragilisticexpia…"),
        ("Item 17", "Item 17"),
    ],
)
def test_short_names(label, name):
    assert short_name(label) == name
    assert len(name) <= 26


def test_no_short_name_is_longer_than_its_width():
    labels = load_movielens().labels
    for width in (12, 26):
        assert max(len(short_name(label, width)) for label in labels) <= width
        assert min(len(short_name(label, width)) for label in labels) > 0


def test_spread_out_takes_the_first_that_are_not_too_near():
    x, y = [0, 0.1, 1, 1, 3], [0, 0, 0, 0.1, 2]
    assert spread_out(x, y, n=9, apart=0.5).tolist() == [0, 2, 4]
    assert spread_out(x, y, n=2, apart=0.5).tolist() == [0, 2]
    assert spread_out([1, 1], [2, 2], n=2).tolist() == [0]


def test_the_html_names_no_other_host(points):
    html = InteractiveMap(*points)._repr_html_()
    assert "http" not in html
    assert "//" not in html
    assert InteractiveMap(*points)._repr_html_() == html


def test_titles_stay_text():
    html = InteractiveMap([0], [0], ["</script><img src=x onerror=alert(1)>"])._repr_html_()
    assert "<img" not in html
    data = html.split('type="application/json">')[1].split("</script>")[0]
    assert json.loads(data)["points"][0][2] == "</script><img src=x onerror=alert(1)>"


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 x, 1 y and 1 labels"):
        InteractiveMap([0, 1], [0], ["a"])
    with pytest.raises(ValueError, match="finite"):
        InteractiveMap([0, np.nan], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="at least one point"):
        InteractiveMap([], [], [])


def test_further_axes_are_checked_and_written_as_finely_as_can_be_seen():
    data = json.loads(InteractiveMap([0, 1], [0.12345, 9], ["a", "b"], axes={"year": [1994.123, 2001]}).data)
    assert data == {
        "axes": ["component 1", "component 3", "year"],
        "points": [[0, 0.123, 1994.123, "a"], [1, 9, 2001, "b"]],
    }
    with pytest.raises(ValueError, match="two axes have one name"):
        InteractiveMap([0], [0], ["a"], axes={"component 1": [3]})
    with pytest.raises(ValueError, match="finite"):
        InteractiveMap([0], [0], ["a"], axes={"year": [np.inf]})
    with pytest.raises(ValueError, match="1 x, 2 y and 1 labels"):
        InteractiveMap([0], [0], ["a"], axes={"year": [1, 2]})


def test_the_script_is_small_and_a_map_of_500_films_too():
    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(3, 500))
    labels = load_movielens().labels[:500]
    html = InteractiveMap(*coordinates[:2], labels, axes={"component 2": coordinates[2]})._repr_html_()
    assert len(html.encode()) <= 40_000


@pytest.fixture
def films(browser):
    """``films(...)`` opens a page with a map of three films; nothing may fail there, or be asked for."""
    opened, wrong = [], []

    def open_(theme="light", width=390, **axes):
        page = browser.new_page(viewport={"width": width, "height": 800}, has_touch=True)
        opened.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url))
        names = ["Alien (1979)", "<b>Heat</b> (1995)", "Aliens (1986)"]
        html = InteractiveMap([0, 1, 2], [0, 1, 0], names, **axes)._repr_html_()
        head = f'<html lang="en" data-theme="{theme}"><title>Films</title>'
        page.set_content(f"{head}<body><main><h1>Films</h1>{html}</main></body></html>")
        page.locator("svg line").wait_for(state="attached")
        return page

    yield open_
    for page in opened:
        page.close()
    assert wrong == []


def place(page, n):
    box = page.locator("circle").nth(n).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_map_zooms_by_button_and_moves_under_a_finger(films):
    page = films()
    page.touchscreen.tap(*place(page, 0))
    assert page.locator("output").inner_text().startswith("Alien (1979). Nearest on this map: ")
    far = place(page, 2)[0] - place(page, 0)[0]
    page.get_by_role("button", name="Zoom in").click()
    assert place(page, 2)[0] - place(page, 0)[0] == pytest.approx(2 * far, abs=1)
    x, y = place(page, 0)
    page.mouse.move(x + 50, y - 50)
    page.mouse.down()
    page.mouse.move(x + 20, y - 50)
    page.mouse.up()
    assert place(page, 0)[0] == pytest.approx(x - 30, abs=1)
    page.get_by_role("button", name="All").click()
    assert place(page, 2)[0] - place(page, 0)[0] == pytest.approx(far, abs=1)


def test_axes_are_chosen_and_the_list_works_by_keyboard(films):
    page = films(axes={"year": [1979, 1995, 1986]})
    page.get_by_label("across").select_option("year")
    xs = [place(page, n)[0] for n in range(3)]
    assert xs[0] < xs[2] < xs[1]
    assert page.locator("svg .axis").first.text_content() == "year →"
    page.get_by_text("The films as a list").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("output").inner_text().startswith("<b>Heat</b> (1995). Nearest on this map: Aliens (1986)")
    assert films().get_by_label("across").count() == 0  # two axes are no choice


def test_in_a_browser_names_appear_under_the_pointer_and_by_search(browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(error))
    page.on("request", lambda request: requests.append(request.url))
    html = InteractiveMap([0, 1, 2], [0, 1, 0], ["Alien (1979)", "<b>Heat</b> (1995)", "Aliens (1986)"])._repr_html_()
    page.set_content(html)
    circle = page.locator("circle").nth(1).bounding_box()
    page.mouse.move(circle["x"] + 2, circle["y"] + 2)
    assert page.locator("output").inner_text().startswith("<b>Heat</b> (1995). Nearest")
    assert page.locator("svg .name").text_content() == "<b>Heat</b> (1995)"
    page.get_by_label("Find a film").fill("alien")
    assert page.locator("output").inner_text() == "Alien (1979) · Aliens (1986)"
    assert page.locator("circle.found").count() == 2
    page.get_by_label("Find a film").fill("zzz")
    assert "No film" in page.locator("output").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    assert [url for url in requests if url.startswith("http")] == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_a_map(in_the_book, points, theme):  # noqa: F811
    page = in_the_book(InteractiveMap(*points, axes={"year": points[0]})._repr_html_(), theme, WIDTHS[0])
    assert violations(page) == []
    page.get_by_text("The films as a list").click()
    assert violations(page) == []
    page.get_by_label("Find a film").fill("number 7")
    assert violations(page) == []
