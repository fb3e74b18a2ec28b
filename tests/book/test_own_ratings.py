"""Public tables of other shapes on the path of *Bring your own ratings*: its function, with its own settings for each.

The files are made up here, in the form of the public ones: their bytes, separators, quotes, ids, scales and codes.
"""

import warnings

import numpy as np
import pandas as pd
import pytest

from collabkit import Ratings, which_models
from tests.book.chapter import Chapter
from tools import notebooks

PAGE = notebooks.ROOT / "book/appendix/own_ratings.ipynb"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def page() -> dict:
    """What the cells leave behind that define the function and the settings."""
    space = {"pd": pd}
    for cell in Chapter(notebooks.read(PAGE), 0).code():
        if cell.source.startswith(("from collabkit import Ratings\n", "others = {")):
            source = cell.source.split("\n\nratings, steps = ")[0]
            exec(compile(source, str(PAGE), "exec"), space)
    return space


def jester() -> tuple[bytes, int]:
    """Jester (Goldberg et al.): a row a user, first how many they rated, then 100 jokes from -10 to 10, 99 for none."""
    jokes = np.where(RNG.random((40, 100)) < 0.6, RNG.uniform(-10, 10, (40, 100)).round(2), 99)
    rated = (jokes != 99).sum(axis=1)
    lines = [",".join(map(str, [n, *row])) for n, row in zip(rated, jokes, strict=True)]
    return "\n".join(lines).encode(), int(rated.sum())


def book_crossing() -> tuple[bytes, int]:
    """Book-Crossing (Ziegler et al.), BX-Book-Ratings.csv: Latin-1, semicolons, all in quotes; 0 is implicit."""
    isbns = ["0195153448", "195153448", "034545104X", "Ü345451042", " 0060973129"]
    rows = [
        (user, isbn, RNG.choice([0, 5, 7, 8, 10], p=[0.6, 0.1, 0.1, 0.1, 0.1])) for user in range(90) for isbn in isbns
    ]
    text = '"User-ID";"ISBN";"Book-Rating"\r\n' + "".join(f'"{u}";"{i}";"{r}"\r\n' for u, i, r in rows)
    return text.encode("latin-1"), sum(r > 0 for *_, r in rows)


def anime() -> tuple[bytes, int]:
    """Anime Recommendations Database, rating.csv joined with the names of anime.csv: 1 to 10, -1 for watched."""
    names = {20: "Naruto", 7: "Clannad: After Story, the second", 11061: "Hunter x Hunter (2011)", 5: "銀魂"}
    rows = [(u, i, f'"{names[i]}"', RNG.choice([-1, 6, 8, 9, 10])) for u in range(1, 80) for i in names]
    text = "user_id,anime_id,name,rating\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    return text.encode(), sum(row[-1] > 0 for row in rows)


def last_fm() -> tuple[bytes, int]:
    """Last.fm 360K, usersha1-artmbid-artname-plays.tsv: tabs, no head, ids that may be missing, one quote in a name."""
    artists = [("a3cb23fc", "betty blowtorch"), ("", '"weird al" yankovic'), ("", 'die "ärzte'), ("8bfac288", "björk")]
    rows = [(f"{u:040x}", *artist, int(np.ceil(RNG.lognormal(4, 1.5)))) for u in range(60) for artist in artists]
    rows += [(f"{1:040x}", "", "björk", 7)]  # once with the artist's id and once without
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode(), len(rows) - 1


def amazon() -> tuple[bytes, int]:
    """Amazon reviews (Ni et al.), ratings only: item, user, stars, seconds, no head; some review a thing twice."""
    rows = [
        (f"{i:010d}", f"A{u}XYZ", RNG.choice([1.0, 4.0, 5.0]), 1_400_000_000 + u) for u in range(50) for i in range(6)
    ]
    rows = [(i, u, 2.0, when + 99) for i, u, _, when in rows[:20]] + rows  # the later one stands first
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode(), len(rows) - 20


MADE = {
    "Jester": jester(),
    "Book-Crossing": book_crossing(),
    "Anime": anime(),
    "Last.fm 360K": last_fm(),
    "Amazon reviews": amazon(),
}


def read(page, tmp_path, name, **settings) -> tuple[Ratings, dict[str, int]]:
    file = tmp_path / "raw"
    file.write_bytes(MADE[name][0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "column 'rating' has half of its values")  # counts, as they should be
        return page["own_ratings"](file, **page["others"][name] | settings)


def test_the_page_describes_these_tables(page):
    assert list(page["others"]) == list(MADE)


@pytest.mark.parametrize("name", MADE)
def test_every_rating_arrives_and_no_code_does(page, tmp_path, name):
    ratings, steps = read(page, tmp_path, name)
    assert len(ratings) == steps["one a user and item"] == MADE[name][1]
    lo, hi = page["others"][name]["scale"] or (1, np.inf)
    assert lo <= ratings.rating.min() < ratings.rating.max() <= hi
    assert not np.isin(ratings.rating, page["others"][name].get("not_rated", [])).any()
    assert all(isinstance(one, str) for one in (*ratings.users.ids, *ratings.items.ids))


@pytest.mark.parametrize("name", MADE)
def test_stars_get_models_of_stars_and_plays_those_of_plays(page, tmp_path, name):
    ratings, _ = read(page, tmp_path, name)
    verdicts = which_models(ratings)["verdict"]
    assert (verdicts["ALS"] == "wrong") == (name == "Last.fm 360K")
    assert verdicts["ImplicitALS"] != "wrong"


@pytest.mark.parametrize("name", ["Jester", "Book-Crossing", "Anime"])
def test_a_code_that_is_forgotten_is_refused_by_the_scale_and_told_without_one(page, tmp_path, name):
    with pytest.raises(ValueError, match="stands for 'not rated', drop those rows"):
        read(page, tmp_path, name, not_rated=[])
    with pytest.warns(UserWarning, match="does it stand for 'not rated'"):
        read(page, tmp_path, name, not_rated=[], scale=None)


def test_ids_keep_their_zeros_and_lose_their_spaces(page, tmp_path):
    ratings, _ = read(page, tmp_path, "Book-Crossing")
    assert {"0195153448", "195153448", "034545104X", "Ü345451042", "0060973129"} == set(ratings.items.ids)


def test_titles_are_labels(page, tmp_path):
    ratings, _ = read(page, tmp_path, "Anime")
    assert dict(zip(ratings.items.ids, ratings.labels, strict=True))["5"] == "銀魂"


def test_plays_are_added_up_and_quotes_are_letters(page, tmp_path):
    ratings, _ = read(page, tmp_path, "Last.fm 360K")
    assert {'"weird al" yankovic', 'die "ärzte'} < set(ratings.items.ids)
    lines = [line.split("\t") for line in MADE["Last.fm 360K"][0].decode().splitlines()]
    user = f"{1:040x}"
    plays = sum(int(line[3]) for line in lines if line[0] == user and line[2] == "björk")
    assert ratings.frame.query("user == @user and item == 'björk'")["rating"].item() == plays


def test_the_later_of_two_reviews_counts(page, tmp_path):
    ratings, _ = read(page, tmp_path, "Amazon reviews")
    assert (ratings.rating == 2).sum() == 20
    assert (ratings.timestamp[ratings.rating == 2] > 1_400_000_000 + 50).all()


def test_a_file_that_is_read_wrongly_stops(page, tmp_path):
    with pytest.raises(UnicodeDecodeError):
        read(page, tmp_path, "Book-Crossing", read={"sep": ";"})
    with pytest.raises(KeyError):
        read(page, tmp_path, "Book-Crossing", read={"encoding": "latin-1"})


def small(page, tmp_path, text: str, **settings) -> Ratings:
    (tmp_path / "small").write_text(text)
    names = {"read": {}, "user": "who", "item": "what", "rating": "stars", "scale": (1, 5)}
    return page["own_ratings"](tmp_path / "small", **names | settings)[0]


def test_a_matrix_may_name_its_users(page, tmp_path):
    ratings = small(page, tmp_path, "who,x,y\n007,3,\n2,4,5\n", wide=True)
    assert ratings.users.ids.tolist() == ["007", "2"] and ratings.items.ids.tolist() == ["x", "y"]


def test_a_code_among_words_is_a_code(page, tmp_path):
    assert len(small(page, tmp_path, "who,what,stars\na,b,3\na,c,-1\na,d,seen\n", not_rated=[-1, "seen"])) == 1


def test_counts_among_words_are_added_and_not_strung_together(page, tmp_path):
    text = "who,what,stars\na,b,3\na,b,4\na,c,none\n"
    assert small(page, tmp_path, text, not_rated=["none"], scale=None).rating.tolist() == [7]


def test_spaces_are_no_id(page, tmp_path):
    with pytest.raises(ValueError, match="missing ids"):
        small(page, tmp_path, 'who,what,stars\n"  ",b,3\n')


def test_a_column_that_is_not_there_is_told_with_those_that_are(page, tmp_path):
    with pytest.raises(KeyError, match="no column stars. It has who, what, points"):
        small(page, tmp_path, "who,what,points\na,b,3\n")


def test_whether_the_day_or_the_month_comes_first_is_not_guessed(page, tmp_path):
    text = "who,what,stars,when\na,b,3,01/12/2020\na,b,4,02/11/2020\n"
    with pytest.raises(ValueError, match="not ISO8601"):
        small(page, tmp_path, text, timestamp="when")
    told = {"parse_dates": ["when"], "date_format": "%d/%m/%Y"}
    assert small(page, tmp_path, text, timestamp="when", read=told).rating.tolist() == [3]
