"""The learner for lists: one loop, any model, and a loss that scores others beside a batch."""

import math

import pytest
import torch

from collabkit import (
    BPR,
    BPRLoss,
    DotProductBias,
    EmbeddingNet,
    SampledSoftmax,
    collab_dataloaders,
    random_split,
    ranking_learner,
)
from collabkit.training.fit import fit_ranking
from tests.tables import random_ratings, tiny_ratings

pytestmark = pytest.mark.anywhere
SPLIT = random_split(random_ratings())


def learner(model=None, loss=SampledSoftmax, **settings):
    torch.manual_seed(0)
    dls = collab_dataloaders(SPLIT, bs=64)
    model = BPR(40, 60, 4) if model is None else model
    return ranking_learner(dls, model, loss(SPLIT.train), **settings)


def fit(learn, n=3):
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(n)
    return learn


@pytest.mark.parametrize("loss", [BPRLoss, SampledSoftmax])
def test_training_reduces_what_it_is_measured_by_and_all_lives_on_one_device(loss, where):
    learn = fit(learner(loss=loss, lr=0.05, wd=0.05), 8)
    first, last = learn.recorder.values[0], learn.recorder.values[-1]
    assert last[0] < first[0] - 0.1
    assert math.isfinite(last[1])
    devices = {one.device.type for one in (*learn.model.parameters(), *learn.ranks.buffers())}
    assert devices == {learn.dls.train.dataset.x.device.type}


@pytest.mark.parametrize("model", [DotProductBias(40, 60, 3), EmbeddingNet(40, 60, 3, layers=(8,))])
@pytest.mark.parametrize("loss", [BPRLoss, SampledSoftmax])
def test_any_model_of_the_course_can_be_trained_so(model, loss, where):
    before = [one.detach().cpu().clone() for one in model.parameters()]
    fit(learner(model, loss), 1)
    moved = [not torch.equal(a, b.detach().cpu()) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) >= len(moved) - 2  # what adds the same to all items of a user has no gradient


def test_the_same_seed_repeats_bit_for_bit(where):
    one, same = (fit(learner()).model.item_factors.weight for _ in range(2))
    assert torch.equal(one, same)
    fits = [fit_ranking(SPLIT.train, 3.0, seed=seed).item_bias.weight for seed in (0, 0, 1)]
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])


def test_biases_are_not_decayed(where):
    learn = fit(learner(wd=0.3))
    assert [hyper["wd"] for hyper in learn.opt.hypers] == [0.3, 0]


def test_what_is_exported_knows_nobody_and_says_that_it_cannot_train(tmp_path, where):
    learn = fit(learner())
    learn.path = tmp_path
    learn.export("model.pkl")
    assert isinstance(learn.ranks, SampledSoftmax)
    again = torch.load(tmp_path / "model.pkl", weights_only=False, map_location="cpu")
    assert not isinstance(again.ranks, SampledSoftmax) and not len(again.dls.train.dataset)
    with pytest.raises(ValueError, match="a loss that ranks stays behind"):
        again.ranks(again.model, torch.zeros(1, 2), torch.zeros(1, 1))


def test_training_that_diverges_stops_and_says_so(where):
    def broken(model, x, scores):
        return scores.mean() * math.nan

    learn = ranking_learner(collab_dataloaders(SPLIT, bs=64), BPR(40, 60, 4), broken)
    with pytest.raises(FloatingPointError, match="training diverged"):
        fit(learn, 1)


def test_what_is_no_learner(where):
    dls, loss = collab_dataloaders(SPLIT), SampledSoftmax(SPLIT.train)
    with pytest.raises(TypeError, match="dls is a Split: collab_dataloaders"):
        ranking_learner(SPLIT, BPR(40, 60, 4), loss)
    with pytest.raises(TypeError, match="model is a Ratings: pass the module to train"):
        ranking_learner(dls, SPLIT.train, loss)
    for bad in (SampledSoftmax, None, "bpr"):
        with pytest.raises(TypeError, match="^loss is .*: pass one that is built"):
            ranking_learner(dls, BPR(40, 60, 4), bad)
    with pytest.raises(ValueError, match="no rating reaches at_least=9"):
        fit_ranking(tiny_ratings(), 9)
