"""Models and ratings as named tensors and plain JSON: there and back, and what is refused. Files: test_storage."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import DotProductBias, EmbeddingNet
from collabkit.packing import (
    describe,
    fingerprint,
    pack_model,
    pack_ratings,
    plain_number,
    refuse_other_scores,
    unpack_model,
    unpack_ratings,
)
from tests.tables import random_ratings, tiny_ratings


@pytest.mark.parametrize(
    "model", [DotProductBias(3, 4, 2, y_range=(0, 5.5)), EmbeddingNet(3, 4, (2, 5), (0, 5.5), layers=(7, 6))]
)
def test_a_model_survives_json(model):
    description, tensors = pack_model(model)
    again = unpack_model(json.loads(json.dumps(description)), tensors)
    assert not again.training
    refuse_other_scores(model, again, 3, 4)
    x = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    assert torch.equal(again(x), model.eval()(x))


def test_what_is_unpacked_shares_no_memory_with_what_was_packed():
    model = DotProductBias(3, 4, 2)
    again = unpack_model(*pack_model(model))
    before = again.user_factors.weight.clone()
    model.user_factors.weight.data.zero_()
    assert torch.equal(again.user_factors.weight, before)


def test_sizes_are_read_off_the_tables():
    tensors = EmbeddingNet(3, 4, (2, 5), None, layers=(7, 6)).state_dict()
    assert describe("EmbeddingNet", tensors, None) == {
        "class": "EmbeddingNet",
        "n_users": 3,
        "n_items": 4,
        "n_factors": [2, 5],
        "layers": [7, 6],
        "y_range": None,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: d.update({"class": "Pickle"}), "does not have"),
        (lambda d, t: d.update(n_users=9), "disagree on their sizes"),
        (lambda d, t: d.update(y_range=[5, 0]), "low end"),
        (lambda d, t: t.pop("item_factors.weight"), "lacks a table"),
        (lambda d, t: t["user_bias.weight"].fill_(float("nan")), "not finite"),
        (lambda d, t: t.pop("item_bias.weight"), "not those of collabkit's DotProductBias"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(change, message):
    description, tensors = pack_model(DotProductBias(3, 4, 2, y_range=(0, 5.5)))
    change(description, tensors)
    with pytest.raises(ValueError, match=message):
        unpack_model(description, tensors)


def test_other_scores_from_the_same_tables_are_refused():
    model = DotProductBias(3, 4, 2, y_range=(0, 5.5))
    narrower = DotProductBias(3, 4, 2, y_range=(1, 5))
    narrower.load_state_dict(model.state_dict())
    with pytest.raises(ValueError, match="scores otherwise"):
        refuse_other_scores(model.train(), narrower, 3, 4)
    assert model.training  # as it was


@pytest.mark.parametrize("ratings", [tiny_ratings(), random_ratings(), tiny_ratings().take([])])
def test_ratings_survive_json(ratings):
    packed, tensors = pack_ratings(ratings)
    again = unpack_ratings(json.loads(json.dumps(packed)), tensors)
    pd.testing.assert_frame_equal(again.frame, ratings.frame)
    assert again.films.equals(ratings.films)
    assert again.scale == ratings.scale
    assert fingerprint(again) == fingerprint(ratings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, t: t["user"].fill_(3), "outside the 3 ids"),
        (lambda p, t: t["item"].fill_(-1), "outside the 4 ids"),
        (lambda p, t: t["rating"].fill_(6), "leave the scale"),
        (lambda p, t: t["rating"].fill_(float("inf")), "not finite"),
        (lambda p, t: t.update(user=t["user"].double()), "the column user"),
        (lambda p, t: p["users"]["ids"].reverse(), "not unique and sorted"),
        (lambda p, t: p["items"]["ids"].__setitem__(0, "5"), "not all int64"),
        (lambda p, t: p["films"]["title"].pop(), "for each of the 4 items"),
    ],
)
def test_ratings_that_do_not_fit_are_refused(change, message):
    packed, tensors = pack_ratings(tiny_ratings())
    change(packed, tensors)
    with pytest.raises(ValueError, match=message):
        unpack_ratings(packed, tensors)


def test_a_fingerprint_tells_ratings_apart():
    ratings = tiny_ratings()
    print_of = fingerprint(ratings)
    assert (print_of["ratings"], print_of["users"], print_of["items"]) == (7, 3, 4)
    first = fingerprint(ratings.take([0]))
    assert (first["cold_users"], first["cold_items"]) == (2, 3)
    others = [ratings.take(np.arange(7)[::-1]), ratings.take(np.arange(6)), random_ratings()]
    assert len({print_of["sha256"], *(fingerprint(other)["sha256"] for other in others)}) == 4


def test_plain_numbers():
    assert [type(plain_number(n)) for n in (np.int64(3), np.float32(0.5), 2)] == [int, float, int]
    for no_number in (True, "3", None, float("nan"), np.inf):
        with pytest.raises(ValueError, match="not a finite number"):
            plain_number(no_number)
