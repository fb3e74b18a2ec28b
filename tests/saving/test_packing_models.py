"""Models as named tensors and plain JSON: there and back, and what is refused. Files: test_storage."""

import json

import pytest
import torch

from collabkit import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet
from collabkit.saving.packing_models import describe, pack_model, refuse_other_scores, shapes, unpack_model


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
        (lambda d, t: d.update(n_users=3.0), "disagree on their sizes"),
        (lambda d, t: d.update(y_range={0: 0, 1: 1}), "disagree on their sizes"),
        (lambda d, t: t.update({"user_bias.weight": torch.ones(3, 1, dtype=torch.int32)}), "not finite"),
        (lambda d, t: t.update({"user_bias.weight": torch.ones(3)}), r"user_bias.weight is \(3,\) instead of \(3, 1\)"),
        (lambda d, t: d.update(y_range=[5, 0]), "first number has to be less"),
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


MODELS = [
    DotProduct(3, 4, 2),
    DotProductBias(3, 4, 0),
    DotProductBiasParams(3, 4, 2),
    EmbeddingNet(3, 4, 2),
    EmbeddingNet(3, 4, (2, 5), layers=(7, 6, 5)),
    EmbeddingNet(3, 4, 2, layers=()),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_shapes_are_those_of_the_models(model):
    description, tensors = pack_model(model)
    assert shapes(description) == {key: tuple(tensor.shape) for key, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("EmbeddingNet", {"layers.0.weight": (16_000, 0), "layers.3.weight": (16_000, 0), "layers.6.weight": (1, 0)}),
        ("DotProductBias", {"user_factors.weight": (10**9, 0), "item_factors.weight": (10**9, 0)}),
    ],
)
def test_a_model_that_is_larger_than_its_file_is_not_built(name, tables, monkeypatch):
    """A table of no columns has no bytes, and any number of rows."""
    tensors = {f"{side}_factors.weight": torch.ones(3, 2) for side in ("user", "item")}
    tensors |= {key: torch.empty(shape) for key, shape in tables.items()}
    monkeypatch.setattr(f"collabkit.models.{name}", lambda **_: pytest.fail("a model of any size was built"))
    with pytest.raises(ValueError, match=f"not those of collabkit's {name}: .*instead of"):
        unpack_model(describe(name, tensors, None), tensors)
