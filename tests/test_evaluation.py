import numpy as np
import pytest

from collabkit import ALS, MeanBaseline, cross_validate, evaluate, k_fold, mae, random_split, rmse
from collabkit.splits import Split
from tests.tables import random_ratings, tiny_ratings


class Always:
    def __init__(self, stars):
        self.stars = stars

    def fit(self, train):
        return self

    def predict(self, users, items):
        return np.full(len(users), self.stars)


def test_errors_are_over_all_rows_cold_ones_included():
    ratings = tiny_ratings()
    held_out = np.isin(np.arange(7), [3, 4])  # row 3 has an item of its own, row 4 is warm
    split = Split(ratings.take(~held_out), ratings.take(held_out))
    found = evaluate(Always(3.0), split)
    assert found["rmse"] == pytest.approx(rmse([1.0, 2.5], [3, 3]))
    assert found["mae"] == pytest.approx(mae([1.0, 2.5], [3, 3]))
    assert found["rmse_warm"] == pytest.approx(0.5)
    assert (found["n"], found["cold"]) == (2, 0.5)


def test_ids_reach_the_predictor_as_they_are_in_the_data():
    class Spy(Always):
        def predict(self, users, items):
            self.asked = list(zip(users.tolist(), items.tolist(), strict=True))
            return super().predict(users, items)

    spy, split = Spy(3), random_split(tiny_ratings(), valid=0.3)
    evaluate(spy, split)
    assert spy.asked == list(split.valid.frame[["user", "item"]].itertuples(index=False, name=None))


def test_a_missing_part_and_nan_are_refused():
    split = random_split(random_ratings())
    with pytest.raises(ValueError, match="no 'test' part"):
        evaluate(Always(3), split, part="test")
    with pytest.raises(ValueError, match="not finite"):
        evaluate(Always(float("nan")), split)


def test_cross_validate_is_k_separate_fits():
    ratings = random_ratings()
    made = []

    def make():
        made.append(ALS(2, n_sweeps=3))
        return made[-1]

    table = cross_validate(make, ratings, k=4, seed=1)
    assert len(made) == len(table) == 4
    assert table["n"].sum() == len(ratings)
    assert (table["seconds"] >= 0).all()
    first = next(iter(k_fold(ratings, k=4, seed=1)))
    assert table["rmse"][0] == evaluate(ALS(2, n_sweeps=3).fit(first.train), first)["rmse"]


def test_cross_validate_repeats():
    tables = [cross_validate(MeanBaseline, random_ratings(), k=3)["rmse"].tolist() for _ in range(2)]
    assert tables[0] == tables[1]
