"""ImplicitALS on disk: the same bits come back, and what no fit would leave is refused."""

import json

import numpy as np
import pytest
import torch

from collabkit import ImplicitALS
from collabkit.saving.packing_choices import pack_choices, unpack_choices
from collabkit.saving.packing_models import pack_model, unpack_model
from tests.tables import random_ratings


@pytest.fixture
def model():
    return ImplicitALS(3, n_sweeps=2, at_least=3.5).fit(random_ratings())


def test_it_survives_json(model):
    description, tensors = pack_model(model)
    again = unpack_model(json.loads(json.dumps(description)), tensors)
    assert isinstance(again, ImplicitALS)
    assert all(np.array_equal(getattr(again, name), getattr(model, name)) for name in ("user_", "item_", "unknown_"))
    assert again.weights_ == model.weights_ == (10.0, 1.0, 3.5)
    tensors["item_factors"].zero_()
    assert again.item_.any()


def test_what_was_fitted_is_kept_not_what_was_set_later(model):
    model.penalty, model.at_least = 3.0, None
    assert unpack_choices(*pack_choices(model)).weights_ == (10.0, 1.0, 3.5)


def test_one_without_a_threshold():
    model = ImplicitALS(3, n_sweeps=2).fit(random_ratings())
    assert unpack_choices(*pack_choices(model)).weights_.at_least is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: t.pop("unknown"), "not those of collabkit's ImplicitALS: unknown"),
        (lambda d, t: t.update(more=torch.ones(1)), "not those of collabkit's ImplicitALS: more"),
        (lambda d, t: d.update(n_users=9), "disagree on their sizes"),
        (lambda d, t: d.update(penalty=True), "disagree|penalty|is not a"),
        (lambda d, t: d.update(penalty=0.0), "penalty=0.0"),
        (lambda d, t: d.update(alpha=-1.0), "alpha=-1.0"),
        (lambda d, t: t["item_factors"].fill_(float("nan")), "item_factors is .* not finite"),
        (lambda d, t: t.update(unknown=torch.ones(4)), r"unknown is torch.float32 \(4,\) instead of .* \(3,\)"),
        (lambda d, t: t.update(unknown=torch.ones(3).double()), "unknown is torch.float64"),
    ],
)
def test_what_no_fit_would_leave_is_refused(change, message, model):
    description, tensors = pack_choices(model)
    change(description, tensors)
    with pytest.raises((ValueError, TypeError), match=message):
        unpack_choices(description, tensors)


def test_before_it_is_fitted_there_is_nothing_to_pack():
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        pack_choices(ImplicitALS())
