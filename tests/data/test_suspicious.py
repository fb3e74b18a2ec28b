"""What hardly is a rating is told, what is one passes in silence. Each made-up column is shaped like a public table."""

import warnings

import numpy as np
import pandas as pd
import pytest

from collabkit import Ratings, load_movielens
from collabkit.data.suspicious import code_among, looks_like_counts

RNG = np.random.default_rng(0)


def drawn(weights: dict[float, float], n: int = 400) -> np.ndarray:
    shares = np.array(list(weights.values()))
    return RNG.choice(list(weights), n, p=shares / shares.sum()).astype("float32")


ANIME = {-1: 19, 1: 0.2, 2: 0.3, 3: 0.5, 4: 1, 5: 4, 6: 8, 7: 18, 8: 21, 9: 16, 10: 12}
BOOKS = {0: 62, 1: 0.2, 2: 0.3, 3: 0.5, 4: 0.8, 5: 4.4, 6: 3.2, 7: 6.6, 8: 9, 9: 5.9, 10: 6.9}
JOKES = RNG.uniform(-10, 10, 400).round(2).astype("float32")

CODES = {
    "Anime Recommendations Database: 1 to 10, -1 for watched and not rated": (drawn(ANIME), -1),
    "Jester: -10 to 10, 99 for not rated": (np.append(JOKES, np.float32([99] * 99)), 99),
    "Book-Crossing: 1 to 10, 0 for implicit": (drawn(BOOKS), 0),
    "a survey: 1 to 5, -99": (drawn({-99: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1}), -99),
}
COUNTS = {
    "Last.fm 360K: plays": RNG.lognormal(4.5, 1.4, 400).round().astype("float32"),
    "Steam: hours": RNG.lognormal(1.5, 1.6, 400).round(1).astype("float32"),
    "clicks, most of them one": RNG.zipf(1.7, 400).astype("float32"),
}
STARS = {
    "MovieLens": load_movielens().rating,
    "Amazon: 1 to 5, most of them 5": drawn({1: 12, 2: 5, 3: 8, 4: 17, 5: 58}),
    "Jester, cleaned": JOKES,
    "anime, cleaned": drawn({star: n for star, n in ANIME.items() if star > 0}),
    "0 to 10": drawn({star: 1 + min(star, 12 - star) for star in range(11)}),
    "0 to 100": RNG.integers(0, 101, 400).astype("float32"),
    "likes": drawn({0: 7, 1: 3}),
    "thumbs": drawn({-1: 3, 1: 7}),
    "thumbs, and none": drawn({-1: 3, 0: 5, 1: 7}),
    "for and against, by halves": drawn({-1: 3, 0: 1, 0.5: 2, 1: 7}),
    "agree, -2 to 2": drawn({-2: 1, -1: 2, 0: 3, 1: 2, 2: 1}),
    "one rating": np.float32([3]),
    "one value": np.float32([0] * 9),
}


def table(stars: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"user": np.arange(len(stars)), "item": 1, "stars": stars})


@pytest.mark.parametrize(("stars", "code"), CODES.values(), ids=CODES)
def test_a_code_for_not_rated(stars, code):
    assert code_among(stars) == code
    with pytest.warns(UserWarning, match=rf"'stars' has {code} in \d+% of its rows.*'not rated'"):
        Ratings.from_frame(table(stars), rating="stars")
    rest = stars[stars != code]
    assert code_among(rest) is None
    assert not looks_like_counts(rest)


@pytest.mark.parametrize("stars", COUNTS.values(), ids=COUNTS)
def test_counts(stars):
    assert code_among(stars) is None
    assert looks_like_counts(stars)
    with pytest.warns(UserWarning, match="'stars' has half of its values at or below .*are these counts"):
        Ratings.from_frame(table(stars), rating="stars")


@pytest.mark.parametrize("first", [1_950, 20_200_101, 1_600_000_000], ids=["years", "days", "seconds"])
def test_dates_in_the_place_of_ratings(first):
    with pytest.warns(UserWarning, match=r"'stars' has no value below [\d,]+: are these dates"):
        Ratings.from_frame(table(first + np.arange(0, 60_000, 128)), rating="stars")


@pytest.mark.parametrize("stars", STARS.values(), ids=STARS)
def test_ratings_pass_in_silence(stars):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Ratings.from_frame(table(stars), rating="stars")) == len(stars)


def test_who_says_the_scale_is_believed_and_held_to_it():
    stars, _ = CODES["Anime Recommendations Database: 1 to 10, -1 for watched and not rated"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Ratings.from_frame(table(stars), rating="stars", scale=(-1, 10))
        with pytest.raises(ValueError, match="scale from 1 to 10.*If -1 stands for 'not rated', drop those rows"):
            Ratings.from_frame(table(stars), rating="stars", scale=(1, 10))
        with pytest.raises(ValueError, match=r"rows\). Mend those rows"):  # of several values none is a code
            Ratings.from_frame(table(stars), rating="stars", scale=(3, 10))


def test_the_warning_points_at_the_line_of_the_reader():
    with pytest.warns(UserWarning) as caught:
        Ratings.from_frame(table(COUNTS["Steam: hours"]), rating="stars")
    assert caught[0].filename == __file__
