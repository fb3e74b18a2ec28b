"""The door of every model: what it may be built with."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet, create_params

MODELS = [DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet]
NO_SIZE = [-1, 2.5, math.nan, math.inf, 10**400, None, "3", True, [3], (3,), (3, 3, 3)]
RANGES = [(5.5, 0), (1, 1), (0, math.nan), (-math.inf, 5), (0, math.inf), (0, 1e39), 5, (1, 2, 3), "05", ("0", 5)]
NO_SHARE = [-0.1, 1, 1.5, math.nan, math.inf, None, "0.5", True]


def built(model, **changed):
    return model(**{"n_users": 5, "n_items": 7, "n_factors": 3} | changed)


@pytest.mark.parametrize("model", MODELS)
class TestEveryModel:
    def test_sizes_and_ranges_that_make_no_sense_are_refused_by_name(self, model):
        bad = [(name, one) for name in ("n_users", "n_items") for one in [0, *NO_SIZE]]
        bad += [("n_factors", one) for one in NO_SIZE] + [("y_range", one) for one in RANGES]
        for name, value in bad:
            with pytest.raises((ValueError, TypeError), match=rf"^{name}(\[\d\])?=.*: .*(choose|less than)") as caught:
                built(model, **{name: value})
            assert "\n" not in str(caught.value)

    def test_sizes_may_be_numpys_or_pytorchs(self, model):
        for size in (np.int64(3), np.uint8(3), 3.0, np.array(3), torch.tensor(3)):
            made = built(model, n_users=size, n_items=size, n_factors=size, y_range=np.array([0, 5.5]))
            assert made(torch.tensor([[2, 2]])).shape == (1, 1)
            assert made.y_range == (0, 5.5)

    def test_by_place_or_by_name(self, model):
        assert model(5, 7, 3, (0, 5.5)).y_range == built(model, y_range=(0, 5.5)).y_range
        with pytest.raises(ValueError, match="^y_range="):
            model(5, 7, 3, (5.5, 0))
        with pytest.raises(TypeError, match="missing a required argument: 'n_factors'"):
            model(5, 7)

    @settings(max_examples=100, deadline=None)
    @given(lo=st.floats(), hi=st.floats())
    def test_what_is_built_with_a_range_keeps_to_it_and_to_its_order(self, model, lo, hi):
        try:
            made = built(model, y_range=(lo, hi))
        except ValueError as error:
            assert str(error).startswith("y_range")
            assert not (lo < hi and max(abs(lo), abs(hi)) < 1e38)
        else:
            low, high = np.float32(lo), np.float32(hi)
            with torch.no_grad():
                stars = made.eval()(torch.cartesian_prod(torch.arange(5), torch.arange(7)))
            assert stars.isfinite().all()
            assert low <= stars.min() <= stars.max() <= high


@pytest.mark.parametrize(
    ("name", "bad"),
    [("layers", [100, "9", (0,), (2.5,), (-1,), ("9",), (math.nan,)])]
    + [(name, NO_SHARE) for name in ("dropout", "embedding_dropout")],
)
def test_what_only_a_net_has(name, bad):
    for value in bad:
        with pytest.raises((ValueError, TypeError), match=rf"^{name}(\[\d\])?=.*: choose"):
            built(EmbeddingNet, **{name: value})


def test_what_only_a_net_may_have():
    net = built(EmbeddingNet, n_factors=[np.int64(2), 4.0], layers=[np.int64(6)], dropout=np.float32(0.5))
    assert net.user_factors.weight.shape == (5, 2)
    assert net.layers[0].weight.shape == (6, 6)
    assert built(EmbeddingNet, layers=()).layers[0].weight.shape == (1, 6)
    for bad in ((3, -1), (3, 2.5), (3,), (3, "3")):
        with pytest.raises((ValueError, TypeError), match=r"^n_factors(\[1\])?=.*: choose"):
            built(EmbeddingNet, n_factors=bad)


def test_tables_made_by_hand():
    assert create_params(np.int64(3)).shape == (3,)
    assert create_params([2.0, np.int8(4)]).shape == create_params((2, 4)).shape == (2, 4)
    for bad in (-1, [3, -1], [3, 2.5], "3", None, [3, math.nan]):
        with pytest.raises((ValueError, TypeError), match=r"^size(\[1\])?=.*: choose a whole number"):
            create_params(bad)


class Doubled(DotProductBias):
    def __init__(self, n_users, n_items):
        super().__init__(n_users, n_items, 3, (0, 5.5))

    def forward(self, x):
        return 2 * super().forward(x)


def test_a_model_of_your_own_is_checked_by_what_it_stands_on():
    assert Doubled(5, 7)(torch.tensor([[0, 0]])).shape == (1, 1)
    with pytest.raises(ValueError, match="^n_items=0"):
        Doubled(5, 0)
    with pytest.raises(ValueError, match=r"^Doubled was asked for x of shape \(1, 3\)"):
        Doubled(5, 7)(torch.tensor([[0, 0, 0]]))
