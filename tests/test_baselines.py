from typing import ClassVar

import numpy as np
import pytest
import torch

from collabkit import MeanBaseline, PopularityBaseline, random_split, rmse
from tests.contracts import EstimatorContract, PredictorContract, RankerContract
from tests.tables import random_ratings, tiny_ratings


class TestMeanBaseline(PredictorContract, EstimatorContract):
    ask = ("predict", "tables", "as_module")
    settings: ClassVar = {
        "by": ([(), ["user"], ("user", "item")], [("genre",), ["user", 3], "user"]),
        "damping": ([0, 2.5, np.float32(3), torch.tensor(2)], [-1]),
    }

    def make(self, **settings):
        return MeanBaseline(**settings)


class TestPopularityBaseline(EstimatorContract):
    ask = ("tables", "as_module")

    def make(self):
        return PopularityBaseline()


class TestListsOfPopularity(RankerContract):
    def make(self, train):
        return PopularityBaseline().fit(train)


def test_means_by_hand():
    model = MeanBaseline().fit(tiny_ratings())
    mean = (4 + 3.5 + 5 + 1 + 2.5 + 0.5 + 3) / 7
    user, item = (3.5 + 1) / 2, (4 + 3.5) / 2
    assert model.predict([10], [7])[0] == pytest.approx(user + item - mean)


def test_damped_means_count_average_ratings_besides():
    model = MeanBaseline(damping=4).fit(tiny_ratings())
    mean = (4 + 3.5 + 5 + 1 + 2.5 + 0.5 + 3) / 7
    user, item = (3.5 + 1 - 2 * mean) / (2 + 4), (4 + 3.5 - 2 * mean) / (2 + 4)
    assert model.predict([10], [7])[0] == pytest.approx(mean + user + item)
    assert model.predict([10], [-1])[0] == pytest.approx(mean + user)


@pytest.mark.parametrize("damping", [-1, float("nan"), float("inf")])
def test_damping_is_a_number_of_ratings(damping):
    with pytest.raises(ValueError, match=r"damping=.*of at least 0"):
        MeanBaseline(damping=damping).fit(tiny_ratings())


@pytest.mark.parametrize("by", [(), ("user",), ("item",), ("user", "item")])
def test_unknown_users_and_items_count_as_average(by):
    model = MeanBaseline(by).fit(tiny_ratings())
    assert model.predict([-1], [-1])[0] == pytest.approx(model.mean_)
    if "item" not in by:
        assert model.predict([10], [-1])[0] == pytest.approx(model.predict([10], [7])[0])


def test_items_of_the_vocabulary_without_training_ratings_count_as_average():
    ratings = tiny_ratings()
    model = MeanBaseline(("item",)).fit(ratings.take(ratings.frame["item"] != 900))
    assert model.predict([10], [900])[0] == pytest.approx(model.mean_)


def test_each_mean_helps_where_there_is_a_user_and_an_item_effect():
    split = random_split(random_ratings(n=2000), seed=0)
    valid = split.valid.frame
    error = {
        by: rmse(valid["rating"], MeanBaseline(by).fit(split.train).predict(valid["user"], valid["item"]))
        for by in [(), ("user",), ("item",), ("user", "item")]
    }
    assert error["user", "item"] < min(error["user",], error["item",]) < error[()]


def test_other_means_are_refused():
    with pytest.raises(ValueError, match="choose from 'user' and 'item'"):
        MeanBaseline(by=("genre",)).fit(tiny_ratings())


def test_popularity_counts_training_ratings():
    ratings = tiny_ratings()
    model = PopularityBaseline().fit(ratings.take(ratings.frame["item"] != 900))
    assert model.counts_.tolist() == [2, 2, 2, 0]  # items 5, 7, 11, 900
    assert not hasattr(model, "predict")


def test_the_module_of_popularity_scores_every_pair_with_the_count_of_its_item():
    ratings = random_ratings()
    state = torch.get_rng_state()
    model = PopularityBaseline().fit(ratings)
    pairs = torch.cartesian_prod(torch.arange(ratings.n_users), torch.arange(ratings.n_items))
    score = model.as_module()(pairs).reshape(ratings.n_users, ratings.n_items)
    assert torch.equal(score, torch.from_numpy(model.counts_).float().expand_as(score))
    assert torch.equal(torch.get_rng_state(), state)
