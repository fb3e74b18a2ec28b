"""Served: a model as lists need it: a copy, an answer for strangers, and what needs factors is refused without."""

import numpy as np
import pytest
import torch

from collabkit import DotProductBias, EmbeddingNet, MeanBaseline
from collabkit.recommend.served import Served, ServedModule
from tests.tables import random_ratings


class Constant:
    """A predictor by code: everything is as many stars as it says."""

    def __init__(self, stars):
        self.stars = stars

    def predict_codes(self, users, items):
        return np.full(len(users), self.stars)


def module(kind=DotProductBias):
    ratings = random_ratings()
    return ServedModule(kind(ratings.n_users, ratings.n_items, 3), ratings, torch.device("cpu")), ratings


def test_a_second_fit_does_not_reach_what_is_served():
    model = Constant(3.0)
    served = Served(model)
    model.stars = 5.0
    assert served.predict(np.arange(4), np.arange(4)).tolist() == [3.0] * 4


def test_what_needs_factors_is_refused_without():
    with pytest.raises(TypeError, match="MeanBaseline has no factors"):
        Served(MeanBaseline()).similarity(0)
    with pytest.raises(TypeError):
        Served(MeanBaseline()).fold_in("user")


def test_a_stranger_gets_a_finite_answer_and_the_known_what_the_model_says():
    served, ratings = module()
    users, items = np.array([0, 1, ratings.n_users]), np.array([1, ratings.n_items, 0])
    stars = served.predict(users, items)
    assert np.isfinite(stars).all()
    with torch.no_grad():
        assert stars[0] == pytest.approx(served.model(torch.tensor([[0, 1]])).item(), abs=1e-6)


def test_only_a_dot_product_has_a_shortcut():
    assert module()[0].scores is not None
    assert module(EmbeddingNet)[0].scores is None


def test_an_item_is_most_like_itself():
    served, ratings = module()
    alike = served.similarity(2)
    assert alike.shape == (ratings.n_items,) and alike.argmax() == 2


def test_a_model_that_diverged_is_refused():
    ratings = random_ratings()
    model = DotProductBias(ratings.n_users, ratings.n_items, 3)
    with torch.no_grad():
        model.user_bias.weight[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        ServedModule(model, ratings, torch.device("cpu"))
