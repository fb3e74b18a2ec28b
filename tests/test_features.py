import numpy as np
import pandas as pd
import pytest

from collabkit import Ratings, film_features, load_movielens, popularity, random_split, who_rated
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
