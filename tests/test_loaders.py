"""Loaders: what an epoch holds, and all that a student may ask of fastai's DataLoaders."""

import random

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.data.load import DataLoader

from collabkit import collab_dataloaders, random_split
from collabkit.splits import Split
from tests.tables import random_ratings, tiny_ratings

pytestmark = pytest.mark.anywhere


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


@pytest.fixture
def dls(split):
    return collab_dataloaders(split, bs=64)


def rows(batches) -> torch.Tensor:
    return torch.cat([torch.cat([x, y], dim=1) for x, y in batches])


def test_batches_are_what_models_take(dls):
    x, y = dls.one_batch()
    assert isinstance(dls.train, DataLoader)
    assert (x.shape, x.dtype) == ((64, 2), torch.int64)
    assert (y.shape, y.dtype) == ((64, 1), torch.float32)
    assert x.device == y.device == torch.device(dls.device)


def test_an_epoch_is_a_permutation(dls, split):
    seen = rows(dls.train)
    assert len(seen) == len(split.train) == 720
    assert len(list(dls.train)) == len(dls.train) == 12
    expected = np.stack([split.train.user, split.train.item, split.train.rating], axis=1)
    assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, expected.tolist()))


def test_epochs_differ_and_repeat_by_seed(split):
    first, again, other = (collab_dataloaders(split, bs=64, seed=seed).train for seed in (0, 0, 1))
    epochs = [rows(first), rows(first)]
    assert not torch.equal(*epochs)
    assert torch.equal(epochs[0], rows(again))
    assert torch.equal(epochs[1], rows(again))
    assert not torch.equal(epochs[0], rows(other))


def test_validation_keeps_the_order_of_the_split(dls, split):
    assert rows(dls.valid)[:, 2].tolist() == split.valid.rating.tolist()


def test_replacement_sees_two_thirds(split):
    train = collab_dataloaders(split, bs=64, replacement=True).train
    share = len({tuple(row) for row in rows(train)[:, :2].tolist()}) / len(split.train)
    assert 0.58 < share < 0.68
    assert len(rows(train)) == len(split.train)


def test_looking_at_a_batch_does_not_change_training(split):
    looked, other = (collab_dataloaders(split, bs=64) for _ in range(2))
    looked.one_batch()
    looked.show_batch(show=False)
    assert torch.equal(rows(looked.train), rows(other.train))


def test_global_random_states_are_left_alone(split):
    state, torch_state = random.getstate(), torch.get_rng_state()
    list(collab_dataloaders(split, bs=64).train)
    assert random.getstate() == state
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_drop_last(dls):
    assert [len(x) for x, _ in dls.train.new(drop_last=True)] == [64] * 11


def test_no_batch_is_empty(dls):
    assert list(dls.train.new(bs=1000, drop_last=True)) == []
    assert list(dls.train.new(dls.train.dataset.new_empty())) == []


def test_what_is_empty_holds_nothing(dls, split):
    """A slice of no rows keeps all of them alive, and pickles them."""
    empty = dls.train.dataset.new_empty()
    for column in (empty.x, empty.y, empty.cold):
        assert column.untyped_storage().nbytes() == 0
    for name in ("user", "item", "rating", "timestamp"):
        assert not np.shares_memory(getattr(empty.ratings, name), getattr(split.train, name))
        assert getattr(empty.ratings, name).base is None
    assert (empty.x.shape, empty.y.shape, len(empty.ratings)) == ((0, 2), (0, 1), 0)
    assert empty.ratings.labels.tolist() == split.train.labels.tolist()


def test_one_batch_holds_no_other_rows(dls):
    for column in dls.one_batch():
        assert column.untyped_storage().nbytes() == column.nbytes


def test_the_order_does_not_depend_on_how_many_rows_are_gathered_at_once(split, monkeypatch):
    expected = rows(collab_dataloaders(split, bs=64).train)
    for gather in (1, 64, 200):
        monkeypatch.setattr("collabkit.loaders.GATHER", gather)
        batches = list(collab_dataloaders(split, bs=64).train)
        assert [len(x) for x, _ in batches] == [64] * 11 + [16]
        assert torch.equal(rows(batches), expected)


def test_stars_are_not_copied(split):
    """At 25 million ratings each copy counts."""
    dls = collab_dataloaders(split, bs=64, device="cpu")
    for part, loader in ((split.train, dls.train), (split.valid, dls.valid)):
        assert np.shares_memory(part.rating, loader.dataset.y.numpy())


def test_cold_rows_are_flagged():
    ratings = tiny_ratings()
    held_out = np.isin(np.arange(7), [0, 1, 3])
    dls = collab_dataloaders(Split(ratings.take(~held_out), ratings.take(held_out)), bs=2)
    assert dls.valid.dataset.cold.tolist() == [True, True, True]
    assert not dls.train.dataset.cold.any()


def test_show_batch_has_ids_and_titles(dls, monkeypatch):
    table = dls.show_batch(show=False, max_n=3)
    assert list(table.columns) == ["user", "film", "rating"]
    assert len(table) == 3
    assert table["film"].str.fullmatch(r"Film \d+ \(1990\)").all()
    shown = []
    monkeypatch.setattr("collabkit.loaders.display_df", shown.append)
    dls.show_batch(max_n=3)
    pd.testing.assert_frame_equal(shown[0], table)


class TestTestDl:
    def test_from_pairs_of_ids(self, dls, split):
        (x,) = next(iter(dls.test_dl([(1, 10), (40, 600)])))
        assert x[:, 0].tolist() == split.train.users.index([1, 40]).tolist()
        assert x[:, 1].tolist() == split.train.items.index([10, 600]).tolist()

    def test_from_a_frame_with_ratings(self, dls):
        x, y = next(iter(dls.test_dl(pd.DataFrame({"user": [1, 1], "item": [10, 20], "rating": [3.0, 4.5]}))))
        assert x.shape == (2, 2)
        assert y.tolist() == [[3.0], [4.5]]

    def test_it_lives_where_the_others_do(self, dls):
        assert dls.test_dl([(1, 10)]).dataset.x.device == dls.valid.dataset.x.device

    def test_what_are_no_pairs(self, dls):
        for bad in (5, "ab", None.__class__):
            with pytest.raises(TypeError, match="ask for pairs of ids"):
                dls.test_dl(bad)

    def test_unknown_ids_are_a_clear_error(self, dls):
        with pytest.raises(KeyError, match="unknown item 11"):
            dls.test_dl([(1, 11)])

    def test_what_are_no_pairs_is_a_clear_error(self, dls):
        for bad in ([], [1, 2], [(1,)], pd.DataFrame({"user": [1], "film": [10]})):
            with pytest.raises(ValueError, match=r"^pairs of ids are asked for, such as \[\(user, item\), …\]"):
                dls.test_dl(bad)


BAD = {"bs": [0, -1, 2.5, np.nan, np.inf, "64", True], "seed": [-1, 2.5, None, 2**63], "replacement": [1, "no", None]}


def test_settings_outside_their_range_are_refused_by_name(split, dls):
    for name, values in BAD.items():
        for value in values:
            for door in (lambda **bad: collab_dataloaders(split, **bad), dls.train.new):
                with pytest.raises((ValueError, TypeError), match=f"^{name}=.*: choose"):
                    door(**{name: value})
    with pytest.raises(ValueError, match="^device='gpu': choose one by PyTorch's name"):
        collab_dataloaders(split, device="gpu")
    for bad in (split.train, split.train.frame, None):
        with pytest.raises(TypeError, match="^split is a .* and has to be a Split: random_split"):
            collab_dataloaders(bad)


def test_settings_may_be_numpys_or_pytorchs(split):
    expected = rows(collab_dataloaders(split, bs=64, seed=3).train)
    for kind in (np.int64, np.uint8, float, np.array, torch.tensor):
        dls = collab_dataloaders(split, bs=kind(64), seed=kind(3), replacement=np.False_)
        assert torch.equal(rows(dls.train), expected)
        assert [len(x) for x, _ in dls.train.new(bs=kind(100))] == [100] * 7 + [20]


def test_each_device_has_an_order_that_repeats(split):
    first, again = (collab_dataloaders(split, bs=64, seed=3).train for _ in range(2))
    epochs = [rows(first), rows(first)]
    assert not torch.equal(*epochs)
    assert all(torch.equal(rows(again), epoch) for epoch in epochs)


def test_get_idxs_is_the_order_of_the_coming_epoch(split):
    for shuffle in (True, False):
        asked, other = (collab_dataloaders(split, bs=64).train.new(shuffle=shuffle) for _ in range(2))
        order = asked.get_idxs()
        assert order.device.type == "cpu"  # fastai puts predictions, which are there, back into it
        assert torch.equal(rows(other).cpu()[:, 0].long(), torch.from_numpy(split.train.user)[order].long())
