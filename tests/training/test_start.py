"""The start at the mean: fresh models of every kind, and no others."""

import pytest
import torch
from torch import nn

from collabkit import (
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    EmbeddingNet,
    collab_dataloaders,
    random_split,
    rating_learner,
)
from collabkit.training.start import start_at_mean
from tests.tables import random_ratings

MODELS = [DotProductBias, DotProductBiasParams, EmbeddingNet]


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


@pytest.fixture(scope="module")
def dls(split):
    return collab_dataloaders(split, device="cpu")


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def unchanged(model, before) -> bool:
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("y_range", [None, (0, 5.5), (-10, 5.5)])
@pytest.mark.parametrize("cls", MODELS)
def test_a_fresh_model_says_the_mean_for_every_pair(cls, y_range, dls):
    data = dls.train.dataset
    model = cls(40, 60, 5, y_range)
    start_at_mean(model, data.x, data.y)
    with torch.no_grad():
        stars = model(torch.cartesian_prod(torch.arange(40), torch.arange(60)))
    assert stars.mean().item() == pytest.approx(data.y.mean().item(), abs=0.02)
    assert stars.std() < 0.2


def test_it_is_done_once(dls):
    data = dls.train.dataset
    model = DotProductBias(40, 60, 5, (0, 5.5))
    start_at_mean(model, data.x, data.y)
    before = state(model)
    start_at_mean(model, data.x, data.y)
    assert all(torch.allclose(value, before[name], atol=1e-5) for name, value in model.state_dict().items())


def test_stars_at_the_end_of_the_range_have_a_start_too(dls):
    model = DotProductBias(40, 60, 5, (0, 5))
    start_at_mean(model, dls.train.dataset.x, torch.full_like(dls.train.dataset.y, 5.0))
    assert torch.isfinite(model.item_bias.weight).all()
    assert model(torch.tensor([[0, 0]])).item() == pytest.approx(4.95, abs=0.05)


def trained():
    model = DotProductBias(40, 60, 5, (0, 5.5))
    nn.init.normal_(model.user_bias.weight, std=0.3)
    return model


def frozen():
    model = DotProductBias(40, 60, 5, (0, 5.5))
    model.item_bias.weight.requires_grad_(False)
    return model


class Unknown(nn.Module):
    """A model of somebody else's, which does not say what becomes of its score."""

    def __init__(self):
        super().__init__()
        self.item_bias = nn.Parameter(torch.zeros(60, 1))

    def forward(self, x):
        return 10 * torch.sigmoid(self.item_bias[x[:, 1]])


@pytest.mark.parametrize("make", [trained, frozen, lambda: DotProduct(40, 60, 5, (0, 5.5)), Unknown])
def test_other_models_are_left_alone(make, dls):
    model = make()
    before = state(model)
    start_at_mean(model, dls.train.dataset.x, dls.train.dataset.y)
    assert unchanged(model, before)


def test_a_model_stays_in_its_mode_and_dropout_draws_nothing(dls):
    model = EmbeddingNet(40, 60, 5, (0, 5.5), dropout=0.5, embedding_dropout=0.5).train()
    random = torch.get_rng_state()
    start_at_mean(model, dls.train.dataset.x, dls.train.dataset.y)
    assert model.training
    assert torch.equal(torch.get_rng_state(), random)


class TestInALearner:
    def fit(self, dls, **settings):
        torch.manual_seed(0)
        learn = rating_learner(dls, DotProductBias(40, 60, 5, (0, 5.5)), **settings)
        with learn.no_bar(), learn.no_logging():
            learn.fit(1, 1e-9)  # a rate at which nothing moves
        return learn.model.item_bias.weight.mean().item()

    def test_a_small_table_starts_at_its_mean_unless_told_otherwise(self, dls):
        assert self.fit(dls) == pytest.approx(torch.logit(dls.train.dataset.y.mean() / 5.5).item(), abs=0.02)
        assert abs(self.fit(dls, mean_start=False)) < 0.01

    def test_a_table_of_the_recipes_size_does_not_unless_asked(self, dls, monkeypatch):
        monkeypatch.setattr("collabkit.learner.SETTLED_ON", dls.train.n)
        assert abs(self.fit(dls)) < 0.01
        assert self.fit(dls, mean_start=True) > 0.1

    def test_a_second_fit_goes_on_where_the_first_ended(self, dls):
        learn = rating_learner(dls, DotProductBias(40, 60, 5, (0, 5.5)))
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(1, 0.05)
            before = learn.model.item_bias.weight.clone()
            learn.fit(1, 1e-9)
        assert torch.allclose(learn.model.item_bias.weight, before, atol=1e-6)

    def test_lr_find_puts_the_model_back_as_it_was(self, dls, tmp_path):
        learn = rating_learner(dls, DotProductBias(40, 60, 5, (0, 5.5)), path=tmp_path)
        before = state(learn.model)
        with learn.no_bar(), learn.no_logging():
            learn.lr_find(show_plot=False)
        assert unchanged(learn.model, before)
