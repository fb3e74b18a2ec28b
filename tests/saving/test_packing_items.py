"""Packing item-item models: what comes back scores to the bit, and what no fit would leave is refused."""

import numpy as np
import pytest
import torch

from collabkit import EASE, ItemKNN, ItemKNNStars, Recommender
from collabkit.saving.packing_items import pack_items, unpack_items
from collabkit.saving.storage import load_model
from tests.files import overwrite
from tests.tables import random_ratings

MODELS = {
    "ease": EASE(3),
    "ease, few": EASE(3, at_least=2, max_items=20),
    "ease, of more users": EASE(3, max_items=40),
    "knn": ItemKNN(9, 2, zero_at=1),
    "stars": ItemKNNStars(9, 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_answers_to_the_bit(name, tmp_path):
    ratings = random_ratings()
    found = Recommender(MODELS[name].fit(ratings), ratings)
    path = tmp_path / "model.safetensors"
    found.save(path)
    again = Recommender.load(path)
    assert type(again.model) is type(found.model)
    assert again.recommend(ratings.users.ids).equals(found.recommend(ratings.users.ids))
    assert again.similar_items(ratings.items.ids[found.model.place_.argmax()]).equals(
        found.similar_items(ratings.items.ids[found.model.place_.argmax()])
    )
    assert again.fold_in({10: 4, 20: 1}).recommend().equals(found.fold_in({10: 4, 20: 1}).recommend())
    assert again.model.yes_ == found.model.yes_
    card = path.with_suffix(".md").read_text("utf8")
    assert f"# {type(found.model).__name__}, trained on 900 ratings" in card and "Items with weights" in card
    other = tmp_path / "again.safetensors"
    again.save(other)
    assert other.read_bytes() == path.read_bytes()


def test_a_history_that_is_not_of_training_is_kept(tmp_path):
    ratings = random_ratings()
    history = ratings.take(ratings.user >= 20)
    model = EASE(3).fit(ratings.take(ratings.user < 20)).with_history(history)
    Recommender(model, history).save(tmp_path / "model")
    again = Recommender.load(tmp_path / "model")
    assert np.array_equal(
        again.predict(40, ratings.items.ids), Recommender(model, history).predict(40, ratings.items.ids)
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_file_is_refused(name, tmp_path):
    ratings, path = random_ratings(), tmp_path / "model"
    Recommender(MODELS[name].fit(ratings), ratings).save(path)
    content = path.read_bytes()
    for place in range(len(content) // 2, len(content), len(content) // 9):
        overwrite(path, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match="is damaged"):
            load_model(path)
    overwrite(path, content[:-5])
    with pytest.raises(ValueError, match="is damaged"):
        load_model(path)


def test_what_was_not_fitted_is_not_packed():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        pack_items(EASE())


SPOILT = {
    "a NaN": ("weights_values", lambda one: one.index_fill(0, torch.tensor([0]), torch.nan), "finite"),
    "another type": (
        "weights_values",
        lambda one: one.double(),
        "not those of collabkit's ItemKNN: weights",
    ),
    "a shorter table": ("popular", lambda one: one[:-1], "tables are not those of collabkit's ItemKNN: popular"),
    "a code too large": ("weights_codes", lambda one: one.index_fill(0, torch.tensor([3]), 60), "outside its 60 items"),
    "a code below 0": ("history_codes", lambda one: one.index_fill(0, torch.tensor([3]), -1), "outside its 60 items"),
    "an item twice": ("history_codes", lambda one: one.index_copy(0, torch.tensor([1]), one[:1]), "one item twice"),
    "ends that go back": ("history_ends", lambda one: one.flip(0), "outside its"),
    "ends beyond": ("weights_ends", lambda one: one + 1, "outside its"),
    "kept twice": ("kept", lambda one: one.index_copy(0, torch.tensor([1]), one[:1]), "not in order"),
    "kept too large": ("kept", lambda one: one + 1, "not in order"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_no_fit_leaves_is_refused(name):
    key, spoil, said = SPOILT[name]
    description, tensors = pack_items(ItemKNN(9, 2).fit(random_ratings()))
    unpack_items(description, tensors)
    tensors[key] = spoil(tensors[key])
    with pytest.raises(ValueError, match=said):
        unpack_items(description, tensors)


def test_rows_that_no_fit_leaves_are_refused():
    description, tensors = pack_items(EASE(3).fit(random_ratings()))
    assert tensors["weights_rows"].shape == (60, 40)
    with pytest.raises(ValueError, match="rows of the weights are longer than 1"):
        unpack_items(description, tensors | {"weights_rows": 2 * tensors["weights_rows"]})
    with pytest.raises(ValueError, match="not those of collabkit's EASE: weights_rows"):
        unpack_items(description, tensors | {"weights_rows": tensors["weights_rows"][1:]})


def test_a_description_of_another_model_is_refused():
    description, tensors = pack_items(ItemKNN(9, 2).fit(random_ratings()))
    for change in ({"yes": [None, None]}, {"yes": ["3", None, 5.0]}, {"more": 1}, {"n_kept": 60.0}, {"mean": 3.0}):
        with pytest.raises((ValueError, TypeError)):
            unpack_items(description | change, tensors)
    with pytest.raises(ValueError, match="tables are not those"):
        unpack_items(description, {name: one for name, one in tensors.items() if name != "popular"})
