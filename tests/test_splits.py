import numpy as np
import pytest

from collabkit import k_fold, random_split
from collabkit.splits import Split
from tests.tables import random_ratings, tiny_ratings


def rows(part) -> set:
    return set(part.frame.itertuples(index=False, name=None))


def test_random_split_is_disjoint_and_complete():
    ratings = random_ratings()
    split = random_split(ratings, valid=0.25, seed=3)
    assert len(split.valid) == 225
    assert rows(split.train) | rows(split.valid) == rows(ratings)
    assert not rows(split.train) & rows(split.valid)


def test_random_split_repeats_by_seed():
    ratings = random_ratings()
    first, again, other = (random_split(ratings, seed=seed) for seed in (0, 0, 1))
    assert rows(first.valid) == rows(again.valid)
    assert rows(first.valid) != rows(other.valid)


@pytest.mark.parametrize("valid", [0, 1, -0.5, 1.5, 0.001])
def test_random_split_refuses_an_empty_part(valid):
    with pytest.raises(ValueError, match="leaves a part empty"):
        random_split(tiny_ratings(), valid=valid)


def test_k_fold_holds_out_every_rating_once():
    ratings = random_ratings()
    splits = list(k_fold(ratings, k=7, seed=1))
    held_out = [row for split in splits for row in rows(split.valid)]
    assert len(splits) == 7
    assert len(held_out) == len(ratings)
    assert set(held_out) == rows(ratings)
    assert all(len(split.train) + len(split.valid) == len(ratings) for split in splits)
    assert max(len(split.valid) for split in splits) - min(len(split.valid) for split in splits) <= 1


@pytest.mark.parametrize("k", [1, 8])
def test_k_fold_refuses_folds_that_cannot_be(k):
    with pytest.raises(ValueError, match="choose k between 2"):
        k_fold(tiny_ratings(), k=k)


def test_cold_flags_rows_whose_user_or_item_was_never_trained_on():
    ratings = tiny_ratings()  # item 900 has one rating (row 3), user 10 two (rows 1 and 3)
    held_out = np.isin(np.arange(7), [0, 1, 3])
    split = Split(ratings.take(~held_out), ratings.take(held_out))
    assert split.cold().tolist() == [True, True, True]  # item 7 is trained on nowhere, nor are user 10 and item 900
    assert not Split(ratings, ratings.take([0])).cold().any()
