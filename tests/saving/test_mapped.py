"""Mapped: what a file holds without a copy of it, refused when it is not whole."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from collabkit.saving.mapped import TYPES, mapped_model, views
from collabkit.saving.storage import load_model, save_model
from tests.files import overwrite
from tests.saving.test_storage import MODELS, made, odd_ratings
from tests.tables import random_ratings


@pytest.fixture
def saved(tmp_path):
    ratings = random_ratings()
    save_model(tmp_path / "model.safetensors", made("bias", ratings), ratings)
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("name", MODELS)
def test_the_same_model_and_ratings_as_by_copy(tmp_path, name):
    path, ratings = tmp_path / "model.safetensors", odd_ratings()
    save_model(path, made(name, ratings), ratings)
    copied, (theirs, rated, _) = {}, load_model(path)
    copied = theirs.state_dict()
    with mapped_model(path) as (model, again):
        found = model.state_dict()
        assert found.keys() == copied.keys() and all(torch.equal(found[key], copied[key]) for key in found)
        assert not model.training
        np.testing.assert_array_equal(again.user, rated.user)
        assert again.frame.equals(rated.frame) and again.films.equals(rated.films)
    assert all(torch.equal(found[key], copied[key]) for key in found)  # after its pages were let go, too


def test_nothing_is_copied(saved):
    with mapped_model(saved) as (model, ratings):
        first = model.user_factors.weight.data_ptr()
        assert abs(ratings.rating.ctypes.data - first) < saved.stat().st_size  # in one mapping
        assert not model.user_factors.weight.requires_grad


@pytest.mark.parametrize("damage", ["empty", "short", "a byte", "another program's", "none"])
def test_damage_is_found_before_anything_is_served(saved, damage):
    content = bytearray(saved.read_bytes())
    if damage == "a byte":
        content[-5] ^= 1
    content = {
        "empty": b"",
        "short": content[:-9],
        "another program's": safetensors.torch.save({"a": torch.ones(2)}),
    }.get(damage, content)
    overwrite(saved, content)
    if damage == "none":
        saved = saved.with_name("other")
    with pytest.raises((ValueError, FileNotFoundError), match="never written|damaged|another program|no file"):
        mapped_model(saved).__enter__()


def test_tensors_as_safetensors_reads_them(tmp_path):
    tensors = {str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in TYPES.values()} | {
        "": torch.empty(0, 3)
    }
    content = bytearray(safetensors.torch.save(tensors))
    found = views(content)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[key], tensors[key]) and found[key].dtype == tensors[key].dtype for key in found)


@pytest.mark.parametrize("wrong", [{"shape": [-2, -3]}, {"shape": [9]}, {"data_offsets": [-24, 0]}, {"dtype": "C64"}])
def test_a_header_that_names_other_bytes(wrong):
    content = safetensors.torch.save({"a": torch.arange(6.0)})
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["a"] |= wrong
    text = json.dumps(header).encode()
    with pytest.raises((ValueError, KeyError)):
        views(bytearray(len(text).to_bytes(8, "little") + text + content[8 + size :]))


def test_a_tensor_beyond_the_end():
    content = bytearray(safetensors.torch.save({"a": torch.arange(6.0)}))
    with pytest.raises(ValueError):
        views(content[:-8])
