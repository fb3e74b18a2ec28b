import pandas as pd
import pytest

from collabkit import Ratings
from collabkit.recommend.catalogue import Catalogue, plain
from tests.tables import tiny_ratings

TITLES = {
    1: ("Matrix, The", 1999),
    2: ("Matrix Reloaded, The", 2003),
    3: ("Amelie (Fabuleux destin d'Amélie Poulain, Le)", 2001),
    4: ("Alien", 1979),
    5: ("Aliens", 1986),
    6: ("Léon: The Professional", 1994),
    7: ("Sabrina", 1954),
    8: ("Sabrina", 1995),
}


@pytest.fixture(scope="module")
def films():
    """Film n has n ratings."""
    rows = [(user, film, 3.0) for film in TITLES for user in range(film)]
    items = pd.DataFrame([(film, *named) for film, named in TITLES.items()], columns=["item", "title", "year"])
    return Catalogue(Ratings.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]), items=items))


def ids(films, text, n=10):
    return films.ratings.items.ids[films.search(text, n)].tolist()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alien", [4, 5]),  # the film of just this title, then the most rated
        ("ALIENS", [5]),
        ("the matrix", [1, 2]),
        ("Matrix, The (1999)", [1]),
        ("matrix", [2, 1]),
        ("leon", [6]),
        ("poulain", [3]),
        (" le fabuleux ", [3]),
        ("(1995)", [8]),
        ("sabrina", [8, 7]),
        ("", [8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_search(films, text, found):
    assert ids(films, text) == found


@pytest.mark.parametrize(
    ("text", "closest"), [("The Matriks", 1), ("Alein", 4), ("Sabrna", 8), ("Sabrna (1954)", 7), ("amélee", 3)]
)
def test_a_slip_of_the_finger_finds_its_film(films, text, closest):
    assert ids(films, text)[0] == closest


def test_nothing_like_it(films):
    assert ids(films, "qqqqqqqq") == []
    assert films.search("a", 2).shape == (2,)


def test_unknown_ids_say_what_to_ask_for(films):
    assert films.codes([4, 1]).tolist() == [3, 0]
    assert films.codes({4}).tolist() == [3]
    for text, said in [
        ("The Matrix", "not titles. Perhaps 1 for 'Matrix, The"),
        ("The Matrix (1999)", r"Perhaps 1 for 'Matrix, The \(1999\)'\."),
        ("alein", "Perhaps 4 for 'Alien"),
        ("qqqqqq", "they look like 1. Find one with search"),
        (99, r"unknown item 99 \(1 of 1 asked for\): no item has that id; they look like 1"),
        ("", "no item has that id"),
    ]:
        with pytest.raises(KeyError, match=said):
            films.codes([text])


def test_items_without_titles_have_labels_made_of_ids():
    assert Catalogue(tiny_ratings()).search("900", 5).tolist() == [3]


def test_fold():
    assert plain("  ÀÉÎ straße ") == "aei strasse"
