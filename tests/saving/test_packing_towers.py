import json

import pytest
import torch

from collabkit import TwoTower
from collabkit.saving.packing_towers import pack_towers, unpack_towers

MODEL = TwoTower(4, 5, 3, None, torch.ones(5, 2), layers=(6,), temperature=0.5)


def packed():
    description, tensors = pack_towers(MODEL)
    return json.loads(json.dumps(description)), {key: one.clone() for key, one in tensors.items()}


def test_there_and_back():
    description, tensors = packed()
    assert description == {
        "class": "TwoTower",
        "n_users": 4,
        "n_items": 5,
        "n_factors": 3,
        "n_features": [None, 2],
        "layers": [6],
        "temperature": 0.5,
    }
    again = unpack_towers(description, tensors)
    assert not again.training
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    assert torch.equal(again(x), MODEL.eval()(x))


@pytest.mark.parametrize("key", ["n_users", "n_items", "n_factors", "layers", "n_features"])
def test_other_sizes_are_refused(key):
    description, tensors = packed()
    description[key] = {"layers": [7], "n_features": [None, 3]}.get(key, 9)
    with pytest.raises(ValueError, match="disagree on their sizes"):
        unpack_towers(description, tensors)


@pytest.mark.parametrize("temperature", [0, -1.0, "0.5", float("nan")])
def test_another_temperature_is_refused(temperature):
    description, tensors = packed()
    with pytest.raises((ValueError, TypeError)):
        unpack_towers(description | {"temperature": temperature}, tensors)


def test_other_tables_are_refused():
    description, tensors = packed()
    with pytest.raises(ValueError, match="item_tower.net.0.bias is absent instead of"):
        unpack_towers(description, {key: one for key, one in tensors.items() if key != "item_tower.net.0.bias"})
    with pytest.raises(ValueError, match="more is .* instead of absent"):
        unpack_towers(description, tensors | {"more": torch.ones(1)})
    with pytest.raises(ValueError, match="lacks a table of ids"):
        unpack_towers(description, {"more": torch.ones(1)})
    tensors["item_tower.features"][0, 0] = torch.nan
    with pytest.raises(ValueError, match="item_tower.features holds values that are not finite"):
        unpack_towers(description, tensors)
