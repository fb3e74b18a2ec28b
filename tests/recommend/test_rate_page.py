"""The page to rate films in: a reader's list in a real browser is the list that Python folds in."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import ALS, DotProductBias, EmbeddingNet, MeanBaseline, RatePage, Ratings, Recommender, load_movielens
from collabkit.recommend.rate_page import BYTES, distinct, in_half_precision, someone_new, star_scale
from tests.tables import random_ratings
from tests.themed import THEMES, WIDTHS, in_the_book, styles, violations  # noqa: F401

MARKUP = "<img src=x onerror=window.hacked=1>"


def recommender(ratings, n_factors=3, y_range=(0, 5.5)) -> Recommender:
    torch.manual_seed(0)
    module = DotProductBias(ratings.n_users, ratings.n_items, n_factors, y_range)
    for table in module.parameters():
        torch.nn.init.normal_(table, std=0.4)
    return Recommender(module, ratings)


def titled(titles: list[str], ids=None) -> Ratings:
    """Random ratings of films with these titles, the first the most rated."""
    rng = np.random.default_rng(0)
    ids = np.arange(10, 10 + len(titles)) if ids is None else ids
    rows = [(user, id, rng.integers(1, 11) / 2) for at, id in enumerate(ids) for user in range(40 - at)]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    return Ratings.from_frame(frame, items=pd.DataFrame({"item": ids, "title": titles}), scale=(0.5, 5))


@pytest.fixture(scope="module")
def als() -> Recommender:
    ratings = load_movielens()
    return Recommender(ALS(n_factors=16).fit(ratings), ratings)


@pytest.fixture(scope="module")
def real(als) -> RatePage:
    return RatePage(als)


@pytest.fixture(scope="module")
def short(als) -> RatePage:
    """A quicker one, of the films that everybody knows."""
    return RatePage(als, n_films=200)


def page_of_a_net():
    ratings = random_ratings()
    return RatePage(Recommender(EmbeddingNet(ratings.n_users, ratings.n_items, 4), ratings))


def page_of_means():
    ratings = random_ratings()
    return RatePage(Recommender(MeanBaseline().fit(ratings), ratings))


def page_of_large_numbers():
    ratings = random_ratings()
    ratings.rating, ratings.scale = ratings.rating * 20, None
    return RatePage(recommender(ratings, y_range=(0, 110)))


class TestWithoutABrowser:
    def test_it_leaves_global_random_states_alone(self):
        of = recommender(random_ratings())
        state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        RatePage(of, n_films=np.int64(10))
        assert torch.equal(torch.get_rng_state(), state)
        assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint64", "int64"])
    def test_the_new_user_is_nobody_where_ids_are_small_numbers(self, dtype):
        most = np.iinfo(dtype).max
        users = [0, 0, 1, 1, most, most]
        frame = pd.DataFrame({"user": np.array(users, dtype), "item": [1, 2] * 3, "rating": [4.0, 2, 5, 1, 4, 3]})
        page = RatePage(recommender(Ratings.from_frame(frame)))
        assert page.user == most + 1
        assert page.user not in Ratings.from_frame(frame).users

    def test_it_is_one_piece_of_html_that_asks_nobody(self, real, tmp_path):
        html = real._repr_html_()
        real.save(tmp_path / "rate.html")
        assert 100_000 < len(html.encode()) < BYTES
        assert "src=" not in html
        assert "http" not in html
        saved = (tmp_path / "rate.html").read_text("utf8")
        assert saved.startswith("<!doctype html>")
        assert "non-commercial" in saved
        assert "http" not in saved
        assert real._repr_html_() == html

    def test_it_offers_the_most_rated_films(self, real):
        ratings = real.recommender.ratings
        counts = np.bincount(ratings.item)
        assert len(real.items) == 1500
        assert np.array_equal(np.sort(counts[ratings.items.index(real.items)]), np.sort(counts)[-1500:])

    def test_a_film_without_training_ratings_is_not_offered(self):
        ratings = random_ratings()
        without = ratings.take(ratings.item >= 5)
        page = RatePage(recommender(without), n_films=1000)
        assert np.array_equal(page.items, ratings.items.ids[5:])

    def test_half_precision_moves_predictions_by_a_thousandth_of_a_star(self, als, real):
        frame = als.ratings.take(slice(20_000)).frame
        exact, rounded = (one.predict(frame["user"], frame["item"]) for one in (als, real.recommender))
        assert 0 < np.abs(exact - rounded).max() < 2e-3

    def test_the_model_given_is_not_changed(self):
        model = recommender(random_ratings())
        before = [table.clone() for table in model.model.parameters()]
        RatePage(model)
        assert all(map(torch.equal, before, model.model.parameters()))

    @pytest.mark.parametrize(
        "make, error, words",
        [
            (page_of_a_net, TypeError, "cannot run in a page"),
            (page_of_means, ValueError, "no factors: .*n_factors from 1 to 16"),
            (lambda: RatePage(recommender(random_ratings(), n_factors=17)), ValueError, "17 factors.*n_factors=16"),
            (page_of_large_numbers, ValueError, "from 10 to 100"),
            (lambda: RatePage(recommender(random_ratings()), n_films=0), ValueError, "0"),
            (lambda: RatePage(recommender(titled(["x" * 99_999] * 12))), ValueError, "more than 1 MB.*n_films="),
        ],
        ids=["net", "baseline", "factors", "no stars", "no films", "too large"],
    )
    def test_what_cannot_be_shown_is_refused(self, make, error, words):
        with pytest.raises(error, match=words):
            make()

    def test_numbers_too_large_for_half_precision_are_refused(self):
        model = recommender(random_ratings())
        with torch.no_grad():
            model.model.item_factors.weight[3] = 1e6
        with pytest.raises(ValueError, match="finite"):
            in_half_precision(model)

    def test_no_folder_and_a_failed_save_leave_nothing(self, real, tmp_path):
        with pytest.raises(FileNotFoundError, match="make it first"):
            real.save(tmp_path / "nowhere" / "rate.html")
        assert list(tmp_path.iterdir()) == []

    def test_terms_are_text(self, real, tmp_path):
        real.save(tmp_path / "rate.html", terms=MARKUP)
        assert MARKUP not in (tmp_path / "rate.html").read_text("utf8")

    def test_films_of_one_title_are_told_apart(self):
        assert distinct(np.array(["Emma", "Heat", "Emma"]), np.array([1, 2, 3])) == ["Emma [1]", "Heat", "Emma [3]"]

    @pytest.mark.parametrize("users, new", [([3, 9], 10), (["ann", "me"], "me_too")])
    def test_the_reader_gets_an_id_that_nobody_has(self, users, new):
        frame = pd.DataFrame({"user": users, "item": [1, 2], "rating": [1.0, 2.0]})
        assert someone_new(Ratings.from_frame(frame).users) == new

    @pytest.mark.parametrize("stars, step", [([0.5, 5.0], 0.5), ([1.0, 5.0], 1.0), ([1.0, 10.0], 1.0)])
    def test_steps_of_the_scale(self, stars, step):
        frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": stars})
        assert star_scale(Ratings.from_frame(frame))["step"] == step


@pytest.fixture
def show(browser, tmp_path):
    """Open a page in Chromium at a width; what goes wrong there is collected, and must be nothing."""
    opened = []

    def run(rate_page: RatePage, width=1200):
        rate_page.save(tmp_path / "rate.html")
        page = browser.new_page(viewport={"width": width, "height": 900})
        seen = SimpleNamespace(errors=[], requests=[])
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto((tmp_path / "rate.html").as_uri())
        opened.append((page, seen))
        return page

    yield run
    for page, seen in opened:
        hosts = [url for url in seen.requests if not url.startswith(("file:", "blob:", "data:"))]
        page.close()
        assert (seen.errors, hosts) == ([], [])


def rate(page, title: str, stars: float) -> None:
    """As a reader does it: look for the title, click on a star."""
    page.get_by_label("Find a film").fill(title)
    group = page.locator(".found").get_by_role("radiogroup", name=title, exact=True)
    group.locator(f'input[value="{stars:g}"]').click()


def listed(page, name: str, value: str) -> tuple[list[str], np.ndarray]:
    """Ids and numbers of a list of the page."""
    rows = page.locator(f"{name} li")
    ids = rows.evaluate_all("rows => rows.map(row => row.dataset.item)")
    return ids, np.array(rows.evaluate_all(f"rows => rows.map(row => Number(row.dataset.{value}))"))


def same_list(page, rate_page: RatePage, stars: dict) -> None:
    """The list on the screen is that of Python, in films, in order and in stars."""
    new = rate_page.recommender.fold_in(stars)
    expected = new.recommend(10, candidates=rate_page.items)
    ids, shown = listed(page, ".best", "stars")
    assert ids == [str(id) for id in expected["item"]]
    assert len(ids) == 10
    # the page shows the model's own stars; predictions of a Recommender stay on the scale
    np.testing.assert_allclose(shown.clip(*rate_page.recommender.ratings.scale), expected["stars"], atol=1e-4)


FIVE = {"Matrix, The (1999)": 5, "Fargo (1996)": 4.5, "Titanic (1997)": 1.5, "Alien (1979)": 4, "Shrek (2001)": 2}


class TestInABrowser:
    def test_five_ratings_give_the_list_of_python(self, show, real):
        page, stars = show(real), {}
        same_list(page, real, {})
        ids = dict(zip(real.recommender.ratings.labels, real.recommender.ratings.items.ids, strict=True))
        for title, value in FIVE.items():
            rate(page, title, value)
            stars[ids[title]] = value
            same_list(page, real, stars)  # after each rating, at once
        assert not set(listed(page, ".best", "stars")[0]) & {str(id) for id in stars}
        assert page.locator(".yours li").count() == 5
        reasons = page.locator(".best small").all_inner_texts()
        assert reasons
        assert all(reason.removeprefix("because of ") in FIVE for reason in reasons)

    def test_similar_films_are_those_of_python(self, show, real):
        page = show(real)
        rate(page, "Alien (1979)", 5)
        item = page.locator(".yours li").get_attribute("data-item")
        everything = real.recommender.similar_items(int(item), k=len(real.recommender.ratings.items.ids))
        expected = everything[everything["item"].isin(real.items)].head(6)
        ids, cosines = listed(page, ".similar", "cosine")
        assert ids == [str(id) for id in expected["item"]]
        np.testing.assert_allclose(cosines, expected["similarity"], atol=1e-4)

    @pytest.mark.parametrize("width", [390, 1200])
    def test_nothing_is_wider_than_the_screen(self, show, short, width):
        page = show(short, width)
        rate(page, "Matrix, The (1999)", 5)
        page.get_by_label("Find a film").fill("")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.locator(".found .stars input, button:visible").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
        assert min(sizes) >= 40  # pixels: a thumb can hit it

    def test_the_keyboard_is_enough(self, show, short):
        page = show(short)
        page.get_by_label("Find a film").focus()
        page.keyboard.type("matrix, the")
        page.keyboard.press("Enter")
        page.keyboard.press("4")
        assert "4 stars" in page.locator(".status").inner_text()
        page.keyboard.press("ArrowRight")
        assert "4.5 stars" in page.locator(".status").inner_text()
        page.keyboard.press("Delete")
        assert "rating removed" in page.locator(".status").inner_text()
        assert page.locator(".yours li").count() == 0
        same_list(page, short, {})

    def test_every_control_has_a_name_for_a_screen_reader(self, show, short):
        page = show(short)
        rate(page, "Alien (1979)", 4)
        nameless = "all => all.filter(one => !one.labels?.length && !one.ariaLabel && !one.textContent.trim()).length"
        assert page.locator("button, input, select").evaluate_all(nameless) == 0
        assert page.locator('.found [role="radiogroup"]').first.get_attribute("aria-label") == "Alien (1979)"
        assert page.locator(".status").get_attribute("aria-live") == "polite"

    def test_clear_can_be_undone_and_a_reload_forgets(self, show, short):
        page = show(short)
        rate(page, "Alien (1979)", 4)
        rate(page, "Fargo (1996)", 3)
        page.get_by_role("button", name="Clear").click()
        assert page.locator(".yours li").count() == 0
        page.locator(".clear").click()
        assert page.locator(".yours li").count() == 2
        page.reload()
        assert page.locator(".yours li").count() == 0
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0

    def test_titles_are_text(self, show):
        names = [
            MARKUP,
            "</script><script>window.hacked=1</script>",
            "=1+1",
            'A "B", C',
            *(f"Film {n}" for n in range(15)),
        ]
        rate_page = RatePage(recommender(titled(names)))
        page = show(rate_page)
        rate(page, MARKUP, 4)
        assert page.locator(".yours .title").inner_text() == MARKUP
        assert page.locator("img").count() == 0
        assert page.evaluate("window.hacked") is None
        same_list(page, rate_page, {10: 4})

    def test_exported_ratings_come_back(self, show):
        names = ["=1+1", 'A "B", C', MARKUP, *(f"Film {n}" for n in range(15))]
        ids = np.array([f"tt{n:04}" for n in range(len(names))])
        rate_page = RatePage(recommender(titled(names, ids)))
        page = show(rate_page)
        for title, stars in zip(names, (4.5, 1, 3), strict=False):
            rate(page, title, stars)
        with page.expect_download() as download:
            page.get_by_role("button", name="Export CSV").click()
        text = download.value.path().read_text("utf8")
        table = pd.read_csv(io.StringIO(text))
        back = Ratings.from_frame(table, items=table[["item", "title"]], scale=(0.5, 5))
        assert back.frame[["user", "item", "rating"]].to_numpy().tolist() == [
            [rate_page.user, "tt0000", 4.5],
            [rate_page.user, "tt0001", 1.0],
            [rate_page.user, "tt0002", 3.0],
        ]
        assert table["title"].tolist() == ["'=1+1", *names[1:3]]  # what a spreadsheet would run has an apostrophe

    def test_whole_stars_and_a_bounded_score(self, show):
        ratings = titled([f"Film {n}" for n in range(20)])
        ratings.rating, ratings.scale = np.ceil(ratings.rating), (1, 5)
        rate_page = RatePage(recommender(ratings, y_range=(0.5, 5.5)))
        page = show(rate_page)
        rate(page, "Film 3", 2)
        assert page.locator(".yours .stars input").count() == 5
        same_list(page, rate_page, {13: 2})

    def test_shown_twice_each_keeps_its_own_ratings(self, browser, real):
        html = real._repr_html_()
        page = browser.new_page()
        page.set_content(html + html)
        first, second = (page.locator(".film-rater").nth(n) for n in range(2))
        first.locator(".found input").first.click()
        assert (first.locator(".yours li").count(), second.locator(".yours li").count()) == (1, 0)
        page.close()


HALVES = [n / 2 for n in range(1, 11)]


def halves(page) -> list[tuple[float, float]]:
    """Near the two ends of each of the five stars of the first film, where they are drawn, in pixels."""
    boxes = [star.bounding_box() for star in page.locator(".found .stars").first.locator(".lit svg").all()]
    return [(b["x"] + b["width"] * part, b["y"] + b["height"] / 2) for b in boxes for part in (0.1, 0.9)]


class TestInTheBook:
    """Among the styles of the theme, which has classes and rules of its own."""

    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
    def test_each_half_of_each_star_gives_its_value(self, in_the_book, short, width, touch):  # noqa: F811
        page = in_the_book(short._repr_html_(), width=width, touch=touch)
        group = page.locator(".found .stars").first
        for at, stars in enumerate(HALVES):
            group.scroll_into_view_if_needed()
            point = halves(page)[at]
            page.touchscreen.tap(*point) if touch else page.mouse.click(*point)
            assert group.locator("input:checked").get_attribute("value") == f"{stars:g}"

    @pytest.mark.parametrize("width", WIDTHS)
    def test_what_is_drawn_lies_on_what_is_clicked(self, in_the_book, short, width):  # noqa: F811
        group = in_the_book(short._repr_html_(), width=width).locator(".found .stars").first
        drawn, inputs = ([one.bounding_box() for one in group.locator(kind).all()] for kind in (".lit svg", "input"))
        for star, (left, right) in zip(drawn, zip(inputs[::2], inputs[1::2], strict=True), strict=True):
            assert abs(star["x"] - left["x"]) < 0.5
            assert abs(star["x"] + star["width"] - right["x"] - right["width"]) < 0.5

    def test_arrow_keys_give_every_half_star(self, in_the_book, short):  # noqa: F811
        page = in_the_book(short._repr_html_())
        page.locator(".found .stars input").first.focus()
        page.keyboard.press("Space")
        given = []
        for _ in HALVES:
            given.append(float(page.evaluate("document.activeElement.value")))
            page.keyboard.press("ArrowRight")
        assert given == HALVES

    @pytest.mark.parametrize("theme, width", zip(THEMES, WIDTHS, strict=True))
    def test_axe_finds_nothing(self, in_the_book, short, theme, width):  # noqa: F811
        page = in_the_book(short._repr_html_(), theme, width)
        assert violations(page) == []
        page.locator(".found .stars input").nth(6).click()
        page.locator(".best button").first.click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_no_class_of_ours_is_one_of_the_theme(self, short):
        theirs = set(re.findall(r"\.([A-Za-z_][\w-]*)", "".join(sheet.read_text("utf8") for sheet in styles())))
        lists = re.findall(r'class[=:] ?"([^"]+)"', short._repr_html_().partition("application/json")[0])
        assert {name for names in lists for name in names.split()} & theirs == set()
