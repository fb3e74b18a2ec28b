import numpy as np
import pandas as pd
import pytest

from collabkit import (
    BayesianMF,
    Ratings,
    everything_known,
    film_features,
    load_movielens,
    popularity,
    random_split,
    who_rated,
)
from tests.tables import random_ratings, tiny_frame, tiny_ratings


@pytest.fixture
def described():
    items = pd.DataFrame(
        {
            "item": [7, 5, 900],
            "year": [1994, 1996, pd.NA],
            "genres": ["Comedy|Drama", "Drama", "(no genres listed)"],
        }
    )
    return Ratings.from_frame(tiny_frame(), items=items)


def test_genres_and_year_bins_by_item_code(described):
    table = film_features(described)
    assert table.index.tolist() == described.items.ids.tolist() == [5, 7, 11, 900]
    assert table.columns.tolist() == ["Comedy", "Drama", "1992-1994", "1995-1997"]
    assert table.to_numpy().tolist() == [[0, 1, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert (table.dtypes == "float32").all()


def test_the_width_of_a_year_bin_can_be_chosen(described):
    assert "1994" in film_features(described, years=1).columns[2]
    assert film_features(described, years=10).columns[2:].tolist() == ["1990-1999"]


def test_a_table_without_metadata_has_no_columns():
    assert film_features(tiny_ratings()).shape == (4, 0)


def test_real_films():
    table = film_features(load_movielens())
    assert table.shape[0] == 9066
    assert set(np.unique(table)) == {0, 1}
    assert {"Film-Noir", "1995-1997"} <= set(table.columns)
    assert (table.sum() > 0).all()


def test_popularity_counts_training_ratings_only():
    ratings = random_ratings()
    split = random_split(ratings)
    column = popularity(split.train)["popularity"].to_numpy()
    count = np.bincount(split.train.item, minlength=60)
    assert column.mean() == pytest.approx(0, abs=1e-6)
    assert np.allclose(np.exp(column - column.min()), (1 + count) / (1 + count.min()), rtol=1e-4)


def two_audiences() -> Ratings:
    """Even users rate even films, odd users odd ones; the stars say nothing."""
    cells = [(u, i) for u in range(20) for i in range(30) if u % 2 == i % 2 and (u * 7 + i * 3) % 5]
    return Ratings.from_frame(pd.DataFrame(cells, columns=["user", "item"]).assign(rating=3.0))


def test_films_with_one_audience_get_like_rows():
    X = who_rated(two_audiences(), 2).to_numpy()
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    same = np.equal.outer(np.arange(30) % 2, np.arange(30) % 2)
    cosine = X @ X.T
    assert cosine[same].min() > 0.9
    assert cosine[~same].max() < 0.1


def test_stars_do_not_matter_and_it_repeats():
    ratings = random_ratings()
    first = who_rated(ratings, 5)
    ratings.rating = ratings.rating[::-1].copy()
    assert np.array_equal(first, who_rated(ratings, 5))
    assert first.shape == (60, 5)
    assert np.isfinite(first.to_numpy()).all()


def test_a_film_that_nobody_rated_has_zeros():
    ratings = random_ratings()
    train = ratings.take(ratings.item != 3)
    assert (who_rated(train, 4).iloc[3] == 0).all()


def test_small_tables_give_as_many_columns_as_there_can_be():
    assert who_rated(tiny_ratings()).shape == (4, 2)


class TestEverythingKnown:
    def test_groups_of_films_and_users(self, described):
        items, users = everything_known(described, pd.DataFrame({"age": range(described.n_users)}))
        assert items["genres"].columns.tolist() == ["Comedy", "Drama"]
        assert items["years"].columns.tolist() == ["1992-1994", "1995-1997"]
        assert items["popularity"].equals(popularity(described))
        assert items["audience"].equals(who_rated(described, 128))
        assert list(users) == ["activity", "audience", "taste", "own"]
        assert all((table.index == described.items.ids).all() for table in items.values())
        assert all((users[name].index == described.users.ids).all() for name in ("activity", "audience", "taste"))

    def test_taste_is_the_mean_of_what_somebody_rated_less_that_of_all_ratings(self, described):
        taste = everything_known(described).user_features["taste"]
        films = film_features(described).iloc[described.item].reset_index(drop=True)
        by_hand = films.groupby(described.user).mean() - films.mean()
        assert np.allclose(taste, by_hand, atol=1e-6)
        assert taste.columns.equals(films.columns)

    def test_held_out_rows_have_no_say_nor_have_stars(self):
        rows = random_ratings().frame
        train, held_out, others = rows[:600], rows[600:750], rows[750:]
        tables = []
        for frame in ([train, held_out], [train, others], [train.assign(rating=train["rating"].to_numpy()[::-1])]):
            known = everything_known(Ratings.from_frame(pd.concat(frame)).take(np.arange(600)), n_features=5)
            tables.append([*known.item_features.values(), *known.user_features.values()])
        for first, second, third in zip(*tables, strict=True):
            assert first.equals(second) and first.equals(third)

    def test_a_table_without_metadata_is_known_by_its_ratings_alone(self):
        known = everything_known(tiny_ratings())
        assert known.item_features["genres"].shape == (4, 0)
        BayesianMF(2, n_samples=4, progress=False).fit(tiny_ratings(), *known)

    def test_who_nobody_has_met_has_zeros(self, described):
        ratings = random_ratings()
        known = everything_known(ratings.take((ratings.user != 3) & (ratings.item != 5)), n_features=4)
        assert (known.user_features["audience"].iloc[3] == 0).all()
        assert (known.user_features["taste"].iloc[3] == 0).all()
        assert (known.item_features["audience"].iloc[5] == 0).all()
