import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collabkit import Ratings, k_fold, leave_last_out, random_split, temporal_split
from collabkit.data.vocabulary import Vocabulary
from collabkit.splits import Split
from tests.tables import random_ratings, tiny_ratings


def rows(part) -> set:
    """In codes: all parts have the vocabularies of the table."""
    return set(zip(*(column.tolist() for column in (part.user, part.item, part.rating, part.timestamp)), strict=True))


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
    with pytest.raises(ValueError, match="leaves a part empty|valid=.*above 0 and below 1"):
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
    with pytest.raises(ValueError, match=f"^k={k}: choose a whole number of at least 2 and of at most 7"):
        k_fold(tiny_ratings(), k=k)


def test_cold_flags_rows_whose_user_or_item_was_never_trained_on():
    ratings = tiny_ratings()  # item 900 has one rating (row 3), user 10 two (rows 1 and 3)
    held_out = np.isin(np.arange(7), [0, 1, 3])
    split = Split(ratings.take(~held_out), ratings.take(held_out))
    assert split.cold().tolist() == [True, True, True]  # item 7 is trained on nowhere, nor are user 10 and item 900
    assert not Split(ratings, ratings.take([0])).cold().any()


def tables():
    """Ratings of up to eight users and items, many with one rating and with ties in time."""
    cell = st.tuples(st.integers(0, 7), st.integers(0, 7))
    return st.dictionaries(cell, st.integers(0, 30), min_size=3, max_size=40).map(table)


def table(cells: dict) -> Ratings:
    """Without ``from_frame``, whose checks of a table that is right take longer than the splits."""
    user, item = np.array(list(cells)).T
    users, items = Vocabulary(user, "user"), Vocabulary(item, "item")
    stars, timestamp = np.full(len(cells), 3, "float32"), np.array(list(cells.values()))
    return Ratings(users.index(user), items.index(item), stars, timestamp, users, items, films=None)


def check_partition(ratings, split):
    """Disjoint, complete, none empty, one vocabulary."""
    parts = [part for part in (split.train, split.valid, split.test) if part is not None]
    assert all(len(part) for part in parts)
    assert all(part.users is ratings.users and part.items is ratings.items for part in parts)
    found = [row for part in parts for row in rows(part)]
    assert len(found) == len(set(found)) == len(ratings)
    assert set(found) == rows(ratings)


@st.composite
def tables_with_shares(draw):
    """A table with shares for valid and test that round to one rating or more, or no test at all."""
    ratings = draw(tables())
    least = 0.51 / len(ratings)
    return ratings, draw(st.floats(max(0.05, least), 0.6)), draw(st.just(0.0) | st.floats(least, 0.3))


@given(tables_with_shares(), st.integers(0, 99))
def test_random_split_properties(drawn, seed):
    ratings, valid, test = drawn
    assume(round(valid * len(ratings)) + round(test * len(ratings)) < len(ratings))
    split = random_split(ratings, valid=valid, test=test, seed=seed)
    check_partition(ratings, split)
    assert rows(split.valid) == rows(random_split(ratings, valid=valid, seed=seed).valid)  # test does not move valid


@given(tables(), st.floats(0.05, 0.5), st.floats(0, 0.4))
def test_temporal_split_properties(ratings, valid, test):
    try:
        split = temporal_split(ratings, valid=valid, test=test)
    except ValueError as error:
        assert "would be empty" in str(error)
        assume(False)
    check_partition(ratings, split)
    assert split.train.timestamp.max() < split.valid.timestamp.min()
    if split.test is not None:
        assert split.valid.timestamp.max() < split.test.timestamp.min()


@given(tables(), st.data())
def test_leave_last_out_properties(ratings, data):
    count = np.bincount(ratings.user, minlength=ratings.n_users)
    assume(count.max() > 1)
    n = data.draw(st.integers(1, min(3, int(count.max()) - 1)))
    split = leave_last_out(ratings, n=n)
    check_partition(ratings, split)
    held_out = np.bincount(split.valid.user, minlength=ratings.n_users)
    assert np.array_equal(held_out, np.where(count > n, n, 0))  # nobody is emptied
    for user in np.flatnonzero(held_out):
        before = split.train.timestamp[split.train.user == user]
        assert before.max() <= split.valid.timestamp[split.valid.user == user].min()


@given(tables(), st.integers(2, 5), st.integers(0, 9))
def test_k_fold_properties(ratings, k, seed):
    assume(k <= len(ratings))
    splits = list(k_fold(ratings, k=k, seed=seed))
    for split in splits:
        check_partition(ratings, split)
    held_out = [row for split in splits for row in rows(split.valid)]
    assert sorted(held_out) == sorted(rows(ratings))


def test_temporal_split_by_hand():
    split = temporal_split(tiny_ratings(), valid=0.3, test=0.3)
    assert split.train.timestamp.tolist() == [20, 10]
    assert sorted(split.valid.timestamp) == [30, 40]
    assert sorted(split.test.timestamp) == [50, 60, 70]


def test_ratings_of_one_second_stay_together():
    df = tiny_ratings().frame.assign(timestamp=[1, 1, 1, 2, 2, 2, 2])
    split = temporal_split(Ratings.from_frame(df), valid=0.2, test=0)
    assert split.valid.timestamp.tolist() == [2, 2, 2, 2]


def test_leave_last_out_breaks_ties_by_the_order_of_the_table():
    df = tiny_ratings().frame.assign(timestamp=5)
    split = leave_last_out(Ratings.from_frame(df))
    assert split.valid.frame["item"].tolist() == [900, 11, 11]


@pytest.mark.parametrize("split", [temporal_split, leave_last_out])
def test_no_timestamps_are_a_clear_error(split):
    with pytest.raises(ValueError, match="no timestamps.*use random_split"):
        split(Ratings.from_frame(tiny_ratings().frame.drop(columns="timestamp")))


def test_shares_and_counts_that_cannot_be():
    with pytest.raises(ValueError, match="leave something to learn from"):
        temporal_split(tiny_ratings(), valid=0.5, test=0.5)
    with pytest.raises(ValueError, match="^n=0: choose a whole number of at least 1"):
        leave_last_out(tiny_ratings(), n=0)
    with pytest.raises(ValueError, match="would be empty"):
        leave_last_out(tiny_ratings(), n=5)
