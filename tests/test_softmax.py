"""The sum over all items from a few of them: right on average, and what is learnt without the correction."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from collabkit import BPR, Ratings, SampledSoftmax
from collabkit.recipe import Recipe
from collabkit.tables import Tables, crossed
from collabkit.training.fit import fit_ranking
from tests.contracts import OneDevice, RankerContract
from tests.tables import random_ratings, tiny_ratings

FEW = Recipe(bs=5000, epochs=2, lr=0.05, wd=0.01, n_factors=3)


class TestListsOfSampledSoftmax(RankerContract):
    def make(self, train):
        return fit_ranking(train, None, SampledSoftmax, FEW)


class OneGroup(nn.Module):
    """One score an item, the same for everybody: what a softmax learns of it is known."""

    def __init__(self, n_items):
        super().__init__()
        self.item_bias = nn.Embedding(n_items, 1)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, x):
        return self.item_bias(x[:, 1])

    def tables(self):
        users = torch.zeros(1000, 0)
        return Tables(users, users[: len(self.item_bias.weight)], None, self.item_bias.weight)


COUNTS = np.array([400, 200, 100, 60, 40, 200])


@pytest.fixture(scope="module")
def choices() -> Ratings:
    """A thousand users with one choice each, and items chosen so often."""
    item = np.repeat(np.arange(len(COUNTS)), COUNTS)
    return Ratings.from_frame(pd.DataFrame({"user": np.arange(1000), "item": item, "rating": 5.0}), scale=(1, 5))


def learnt(ratings: Ratings, **settings) -> np.ndarray:
    """Scores of the items, less their mean, after many small steps on shuffled batches."""
    model, loss = OneGroup(len(COUNTS)), SampledSoftmax(ratings, **settings)
    x = torch.stack([torch.from_numpy(code.astype("int64")) for code in (ratings.user, ratings.item)], dim=1)
    generator, optimizer = torch.Generator().manual_seed(1), torch.optim.SGD(model.parameters(), lr=0.5)
    total, n_steps = 0, 1500
    for step in range(n_steps):
        batch = x[torch.randint(len(x), (128,), generator=generator)]
        optimizer.param_groups[0]["lr"] = 2.0 / (1 + step / 100)
        optimizer.zero_grad()
        loss(model, batch, model(batch)).backward()
        optimizer.step()
        if step >= n_steps // 2:
            total = total + model.item_bias.weight.detach()[:, 0].numpy()
    scores = total / (n_steps // 2)
    return scores - scores.mean()


FULL = np.log(COUNTS / COUNTS.sum())  # the full softmax: the probability of an item is its share of the choices
FULL = FULL - FULL.mean()


@pytest.mark.parametrize("settings", [{}, {"n_negatives": 300}], ids=["of the batch", "uniform"])
def test_with_the_correction_it_learns_what_the_full_softmax_learns(choices, settings):
    assert np.abs(learnt(choices, **settings) - FULL).max() < 0.15


def test_without_it_popular_items_are_pushed_down_until_nothing_is_left_of_their_popularity(choices):
    """Everybody chooses alike here: nobody chooses an item more than others do, which is what is learnt then."""
    scores = learnt(choices, correction=False)
    assert np.abs(scores).max() < 0.15
    assert np.abs(FULL).max() > 0.8


def test_the_sum_is_right_on_average():
    """Over all batches there could be: the mean of the estimated sum is the sum."""
    torch.manual_seed(0)
    ratings = random_ratings(n_users=6, n_items=5, n=20)
    model = BPR(6, 5, 3)
    for parameter in model.parameters():
        parameter.data.normal_()
    loss = SampledSoftmax(ratings)
    pool = torch.from_numpy(ratings.item.astype("int64"))
    first = torch.tensor([[2, 1]])
    score, everything = model(first).item(), crossed(model, first[:, 0], torch.arange(5))[0].detach()
    sums = []
    for one in pool:  # the batch: that row, and one that is any choice
        x = torch.cat([first, torch.tensor([[0, int(one)]])])
        scores = model(x)
        others = crossed(model, x[:, 0], x[:, 1]) - loss.log_q[x[:, 1]]  # m = 1
        others = others.masked_fill(x[:, 1] == x[:, 1:], -math.inf)
        logs = torch.cat([scores, others], dim=1).logsumexp(dim=1)
        sums.append(logs[0].exp().item())
        assert loss(model, x, scores).item() == pytest.approx((logs - scores[:, 0]).mean().item(), rel=1e-5)
    assert np.mean(sums) == pytest.approx(everything.exp().sum().item(), rel=1e-5)
    assert math.log(np.mean(sums)) - score > 0


def test_what_is_only_measured_meets_items_drawn_uniformly_whatever_the_order_of_its_rows():
    ratings = random_ratings()
    torch.manual_seed(0)
    model = BPR(40, 60, 3).eval()
    for parameter in model.parameters():
        parameter.data.normal_()
    x = torch.stack([torch.from_numpy(code.astype("int64")) for code in (ratings.user, ratings.item)], dim=1)
    with torch.no_grad():
        full = -crossed(model, x[:, 0], torch.arange(60)).log_softmax(1)[torch.arange(len(x)), x[:, 1]].mean()
        assert SampledSoftmax(ratings)(model, x, model(x)).item() == pytest.approx(full.item(), abs=0.05)
        one = SampledSoftmax(ratings)(model.train(), x[:1], model(x[:1]))  # no other rows: 0 would say that all is well
    assert one > 0


@pytest.mark.parametrize("n_negatives", [None, 7])
def test_the_same_seed_repeats_bit_for_bit(n_negatives):
    fits = [
        fit_ranking(random_ratings(), None, partial(SampledSoftmax, n_negatives=n_negatives), FEW, seed)
        for seed in (0, 0, 1)
    ]
    tables = [one.item_factors.weight for one in fits]
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])


@pytest.mark.parametrize("n_negatives", [None, 7])
@pytest.mark.parametrize("training", [True, False])
def test_on_the_meta_device_a_stray_cpu_tensor_shows_without_a_gpu(n_negatives, training, monkeypatch):
    ratings = random_ratings()
    model, loss = BPR(40, 60, 3).to("meta").train(training), SampledSoftmax(ratings, n_negatives).to("meta")
    monkeypatch.setattr(loss, "generator", lambda device: None)  # PyTorch has none there
    x = torch.zeros(9, 2, dtype=torch.int64, device="meta")
    with OneDevice():
        loss(model, x, model(x)).backward()
    assert model.item_bias.weight.grad.device.type == "meta"


def test_an_item_that_nobody_chose_has_a_finite_loss():
    ratings = tiny_ratings()
    train = ratings.take(ratings.frame["item"] != 900)
    model = BPR(3, 4, 2)
    x = torch.tensor([[0, 3], [1, 0], [2, 1]])  # item 900 is code 3
    assert SampledSoftmax(train)(model, x, model(x)).isfinite()


def test_a_batch_of_one_item_has_nothing_against_it_and_a_finite_gradient():
    model, loss = BPR(40, 60, 2), SampledSoftmax(random_ratings())
    x = torch.tensor([[0, 3], [1, 3]])
    loss(model, x, model(x)).backward()
    assert all((one.grad == 0).all() for one in model.parameters())


def test_one_item_is_no_choice():
    ratings = Ratings.from_frame(pd.DataFrame({"user": [1, 2], "item": [7, 7], "rating": [4.0, 5.0]}), scale=(1, 5))
    with pytest.raises(ValueError, match="train has one item"):
        SampledSoftmax(ratings)
    with pytest.raises(TypeError, match="^correction='no'"):
        SampledSoftmax(tiny_ratings(), correction="no")
