"""Exercises of chapter 8: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch
from torch import nn

from collabkit import DotProduct, DotProductBias, EmbeddingNet, sigmoid_range
from collabkit.exercises import ch08
from collabkit.models import embedding

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.mark.parametrize("check", [ch08.check_1, ch08.check_2, ch08.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


# ---------------------------------------------------------------- 8.1: how many parameters

NET = EmbeddingNet(1000, 500, (8, 12), layers=(16, 4), embedding_dropout=0.5)
COUNT = sum(parameter.numel() for parameter in NET.parameters())


@pytest.mark.parametrize("answer", [COUNT, float(COUNT), np.int64(COUNT)])
def test_count(answer):
    assert ch08.check_1(answer)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (14000, "those are the tables"),
        (409, "those are the layers"),
        (14000 + 320 + 64 + 4, "bias for each of its outputs"),
        (COUNT - 5, "the last layer, from 4 units"),
        (COUNT - 1, "the last layer has a bias too"),
        (COUNT // 2, "removes no parameters"),
        (1000 * 12 + 500 * 8 + 409, "sizes are swapped"),
        (COUNT + 8 * 16, "8 + 12 numbers"),
        (14000 + 96 * 16 + 64 + 4 + 21, "not 8 · 12"),
        (COUNT + 1500, "no user and film biases"),
        (3, "two tables; then"),
        ("14409", "one number"),
        (True, "one number"),
    ],
)
def test_count_hints(answer, hint, said):
    assert hint in said(ch08.check_1, answer)


# ---------------------------------------------------------------- 8.2: two towers


class Towers(nn.Module):
    """The class as the chapter hands it out; ``forward`` is left to its children."""

    def __init__(self, n_users, n_items, n_factors, y_range=None):
        super().__init__()
        self.user_factors = embedding(n_users, n_factors)
        self.item_factors = embedding(n_items, n_factors)
        self.user_tower = nn.Sequential(nn.Linear(n_factors, 32), nn.ReLU(), nn.Linear(32, 20))
        self.item_tower = nn.Sequential(nn.Linear(n_factors, 32), nn.ReLU(), nn.Linear(32, 20))
        self.y_range = y_range

    def towers(self, x):
        return self.user_tower(self.user_factors(x[:, 0])), self.item_tower(self.item_factors(x[:, 1]))

    def ranged(self, score):
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)


def towers(forward):
    """A class of two towers with this ``forward(model, x)``."""
    return type("Mine", (Towers,), {"forward": forward})


def right(model, x):
    user, item = model.towers(x)
    return model.ranged((user * item).sum(dim=1, keepdim=True))


def by_einsum(model, x):
    return model.ranged(torch.einsum("bk,bk->b", *model.towers(x))[:, None])


@pytest.mark.parametrize("forward", [right, by_einsum])
def test_towers(forward):
    assert ch08.check_2(towers(forward))


def no_range(model, x):
    user, item = model.towers(x)
    return (user * item).sum(dim=1, keepdim=True)


def no_towers(model, x):
    return model.ranged((model.user_factors(x[:, 0]) * model.item_factors(x[:, 1])).sum(dim=1, keepdim=True))


def crossed(model, x):
    user, item = model.item_tower(model.user_factors(x[:, 0])), model.user_tower(model.item_factors(x[:, 1]))
    return model.ranged((user * item).sum(dim=1, keepdim=True))


def one_tower(model, x):
    user, item = model.user_tower(model.user_factors(x[:, 0])), model.user_tower(model.item_factors(x[:, 1]))
    return model.ranged((user * item).sum(dim=1, keepdim=True))


def added(model, x):
    user, item = model.towers(x)
    return model.ranged((user + item).sum(dim=1, keepdim=True))


def only_sigmoid(model, x):
    user, item = model.towers(x)
    score = (user * item).sum(dim=1, keepdim=True)
    return score if model.y_range is None else torch.sigmoid(score)


def mean(model, x):
    user, item = model.towers(x)
    return model.ranged((user * item).mean(dim=1, keepdim=True))


def swapped_columns(model, x):
    return right(model, x.flip(1))


def flat(model, x):
    return right(model, x).flatten()


def every_pair(model, x):
    user, item = model.towers(x)
    return model.ranged(user @ item.T)


def unsummed(model, x):
    user, item = model.towers(x)
    return user * item


def one_side_detached(model, x):
    user, item = model.towers(x)
    return model.ranged((user * item.detach()).sum(dim=1, keepdim=True))


def detached(model, x):
    return right(model, x).detach()


def squeezed(model, x):
    stars = right(model, x)
    return stars.squeeze() if len(x) == 1 else stars


@pytest.mark.parametrize(
    "forward, hint",
    [
        (no_range, "squeeze it with sigmoid_range"),
        (no_towers, "through its tower first"),
        (crossed, "the other's tower"),
        (one_tower, "both sides went through the user tower"),
        (added, "do not add them"),
        (only_sigmoid, "between 0 and 1"),
        (mean, "mean of the products"),
        (swapped_columns, "column 0 is the user"),
        (flat, "(B,) should be (B, 1)"),
        (every_pair, "every user of the batch with every film"),
        (unsummed, "Add them up along each row"),
        (lambda model, x: right(model, x).T, "It should be (B, 1)"),
        (one_side_detached, "no gradient reaches item_factors"),
        (detached, "no gradient flows"),
        (squeezed, "batch of one"),
        (lambda model, x: None, "not tried yet"),
        (lambda model, x: model.tower(x), "raised AttributeError"),
    ],
)
def test_towers_hints(forward, hint, said):
    assert hint in said(ch08.check_2, towers(forward))


def test_towers_must_be_a_class(said):
    assert "pass the class itself" in said(ch08.check_2, towers(right)(7, 5, 6))


def test_towers_without_a_range_get_a_hint_of_their_own(said):
    always = towers(lambda model, x: sigmoid_range(right(model, x), *model.y_range))
    assert "with y_range=None your forward raises TypeError" in said(ch08.check_2, always)


def test_towers_of_other_names(said):
    class Renamed(nn.Module):
        def __init__(self, n_users, n_items, n_factors, y_range=None):
            super().__init__()
            self.table = embedding(n_users, n_factors)

        def forward(self, x):
            return self.table(x[:, 0]).sum(dim=1, keepdim=True)

    assert "has no user_factors" in said(ch08.check_2, Renamed)


# ---------------------------------------------------------------- 8.3: a net that is given products


class TwoPaths(nn.Module):
    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__()
        self.net = EmbeddingNet(n_users, n_items, n_factors, embedding_dropout=0.7)
        self.dot = DotProduct(n_users, n_items, n_factors)
        self.y_range = y_range

    def forward(self, x):
        return sigmoid_range(self.net(x) + self.dot(x), *self.y_range)


class NoRange(TwoPaths):
    def forward(self, x):
        return self.net(x) + self.dot(x)


class Unused(TwoPaths):
    def forward(self, x):
        return sigmoid_range(self.net(x), *self.y_range)


class Flat(TwoPaths):
    def forward(self, x):
        return super().forward(x).flatten()


class NoReturn(TwoPaths):
    def forward(self, x):
        super().forward(x)


class AlwaysDropping(TwoPaths):
    def forward(self, x):
        score = nn.functional.dropout(self.net(x) + self.dot(x) + 1, 0.5)
        return sigmoid_range(score, *self.y_range)


@pytest.mark.parametrize(
    "build, hint",
    [
        (DotProductBias, "where is the hidden layer"),
        (NoRange, "it can leave the range"),
        (Unused, "no gradient reaches dot.user_factors"),
        (Flat, "It should be (B, 1)"),
        (NoReturn, "forward returned None"),
        (AlwaysDropping, "differently each time"),
        (TwoPaths(7, 5, 4, (0, 5.5)), "pass a class"),
        (DotProduct, "hidden layer"),
        (3.5, "pass a class"),
    ],
)
def test_products_hints_before_training(build, hint, said, monkeypatch):
    monkeypatch.setattr(ch08, "_train", lambda build: pytest.fail("trained"))
    assert hint in said(ch08.check_3, build)


@pytest.mark.parametrize(
    "score, hint",
    [
        (0.90, "behind the net without products"),
        (0.879, "hardly better"),
        (0.875, "tables of its own"),
        (0.8721, "tables of its own"),
        (0.8719, "right"),
        (0.86, "right"),
    ],
)
def test_products_hints_by_score(score, hint, capsys, monkeypatch):
    monkeypatch.setattr(ch08, "_train", lambda build: score)
    monkeypatch.setattr(ch08, "_known", {"net": 0.88, "bias": 0.864}.__getitem__)
    assert ch08.check_3(TwoPaths) == (hint == "right")
    assert hint in capsys.readouterr().out


def test_products_for_real(capsys):
    """Trained by the quick recipe; the bands hold the runs that it is compared with."""
    torch.manual_seed(8)
    expected = torch.rand(1)
    torch.manual_seed(8)
    assert ch08.check_3(TwoPaths)
    assert torch.equal(torch.rand(1), expected), "the check changed the random numbers of the next cell"
    assert "of the gap closed" in capsys.readouterr().out
