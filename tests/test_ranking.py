import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from collabkit import average_precision_at_k, ndcg_at_k, recall_at_k
from collabkit.metrics import coverage, popularity_lift
from tests.tables import tiny_ratings

MEASURES = [recall_at_k, average_precision_at_k, ndcg_at_k]


def random_cases(n=300):
    """Lists of any length, with gains for some items, not all of them in the list."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        items = rng.permutation(1000)[: rng.integers(2, 40)].tolist()
        rated = rng.permutation(items + list(range(1000, 1010)))[: rng.integers(1, 30)].tolist()
        gains = dict(zip(rated, (rng.integers(1, 11, len(rated)) / 2).tolist(), strict=True))
        yield items, gains, int(rng.integers(1, 25))


def test_by_hand():
    ranked, relevant = ["a", "b", "c", "d"], {"b", "d", "x"}
    assert recall_at_k(ranked, relevant) == pytest.approx(2 / 3)
    assert recall_at_k(ranked, relevant, k=2) == pytest.approx(1 / 3)
    assert average_precision_at_k(ranked, relevant) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert average_precision_at_k(ranked, relevant, k=2) == pytest.approx((1 / 2) / 2)  # two hits would have been best
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg_at_k(ranked, relevant) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg_at_k(["a", "b"], {"a": 2, "b": 4}) == pytest.approx((2 + 4 / math.log2(3)) / (4 + 2 / math.log2(3)))


def test_ndcg_equals_scikit_learn():
    """It scores items rather than lists: places become falling scores, without the ties that it averages over. An item
    that is relevant but not ranked goes to the very end, past any k that is asked for; one item alone it refuses."""
    compared = 0
    for ranked, gains, k in random_cases():
        items = ranked + [None] * 25 + [item for item in gains if item not in set(ranked)]
        truth = [[gains.get(item, 0.0) for item in items]]
        assert ndcg_at_k(ranked, gains, k) == pytest.approx(ndcg_score(truth, [-np.arange(len(items))], k=k))
        compared += 1
    assert compared == 300


# ---------------------------------------------------------------- against the definitions, in plain Python


def recall(ranked, gains, k):
    return len(relevant(gains) & set(ranked[:k])) / len(relevant(gains))


def average_precision(ranked, gains, k):
    hits = [place for place, item in enumerate(ranked[:k], start=1) if item in relevant(gains)]
    return sum(nth / place for nth, place in enumerate(hits, start=1)) / min(k, len(relevant(gains)))


def ndcg(ranked, gains, k):
    return dcg([gains.get(item, 0) for item in ranked[:k]]) / dcg(sorted(gains.values(), reverse=True)[:k])


def relevant(gains) -> set:
    return {item for item, gain in gains.items() if gain > 0}


def dcg(gains) -> float:
    return math.fsum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


DEFINITIONS = {recall_at_k: recall, average_precision_at_k: average_precision, ndcg_at_k: ndcg}


@st.composite
def lists_with_gains(draw):
    """A list, which may be empty; gains of items in it and of others, some of them 0 and many the same; places."""
    items = draw(st.lists(st.integers(), min_size=1, max_size=14, unique=True))
    items = draw(st.sampled_from([items, [str(item) for item in items]]))
    ranked = draw(st.permutations(items))[: draw(st.integers(0, len(items)))]
    gains = draw(st.dictionaries(st.sampled_from(items), st.sampled_from([0, 0.5, 1, 2, 5]), min_size=1))
    assume(relevant(gains))
    return ranked, gains, draw(st.integers(1, 20))


@given(lists_with_gains())
def test_a_measure_is_its_definition(case):
    ranked, gains, k = case
    for measure, definition in DEFINITIONS.items():
        found = measure(ranked, gains, k)
        assert found == pytest.approx(definition(ranked, gains, k), abs=1e-12)
        assert 0 <= found <= 1 + 1e-12
        assert measure(ranked[:k], gains, k) == found  # what stands behind does not count
        assert (found == 0) == (not relevant(gains) & set(ranked[:k]))


@given(lists_with_gains(), st.data())
def test_items_of_one_gain_may_change_places(case, data):
    ranked, gains, k = case
    groups = {}
    for item in ranked:
        groups.setdefault(gains.get(item, 0), []).append(item)
    turns = {gain: iter(data.draw(st.permutations(items))) for gain, items in groups.items()}
    other = [next(turns[gains.get(item, 0)]) for item in ranked]
    for measure in MEASURES:
        assert measure(other, gains, k) == measure(ranked, gains, k)


@given(lists_with_gains())
def test_no_list_is_better_than_the_highest_gains_first(case):
    ranked, gains, k = case
    best = sorted(gains, key=gains.get, reverse=True)
    assert ndcg_at_k(best, gains, k) == pytest.approx(1)
    assert average_precision_at_k(best, gains, k) == pytest.approx(1)
    assert recall_at_k(best, gains, k) == min(k, len(relevant(gains))) / len(relevant(gains))
    assert all(measure(ranked, gains, k) <= measure(best, gains, k) + 1e-12 for measure in MEASURES)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_ends_of_the_range(measure):
    assert measure([1, 2, 3], [3, 1, 2], k=3) == 1
    assert measure([1, 2, 3], [7]) == 0
    assert measure([], [7]) == 0
    assert measure([1, 2, 3], [3], k=2) == 0


@pytest.mark.parametrize("measure", MEASURES)
def test_ids_come_in_any_container(measure):
    expected = measure([5, 3, 9], {9, 3, 4})
    for container in (tuple, np.array, pd.Series, pd.Index, torch.tensor):
        assert measure(container([5, 3, 9]), container([9, 3, 4])) == expected
    assert measure([5, 3, 9], {9: 1, 3: 1, 4: 1, 5: 0}) == expected
    assert measure([5, 3, 9], [9, 3, 4, 3]) == expected


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("ranked", "relevant", "k", "message"),
    [
        ([1, 2, 1], [1], 10, "more than once"),
        ([1, 2], [], 10, "leave this user out"),
        ([1, 2], {1: 0.0}, 10, "leave this user out"),
        ([1, 2], [1], 0, "k=0: choose a whole number of at least 1"),
        ([1, 2], {1: 1.0, 2: -1.0}, 10, "gain of 2=-1.0: choose a finite number of at least 0"),
        ([1, 2], {1: float("nan")}, 10, "finite"),
    ],
)
def test_bad_input_is_refused(measure, ranked, relevant, k, message):
    with pytest.raises(ValueError, match=message):
        measure(ranked, relevant, k)


def lists_of(rows):
    return pd.DataFrame(rows, columns=["user", "item"])


def test_coverage_by_hand():
    train = tiny_ratings()  # items 5, 7, 11, 900
    assert coverage(lists_of([(10, 5), (10, 11), (20, 5)]), train) == 2 / 4
    with pytest.raises(KeyError, match="unknown item 6"):
        coverage(lists_of([(10, 6)]), train)


def test_popularity_lift_by_hand():
    """Items 5, 7 and 11 have two ratings each and 900 one; user 10 rated 7 and 900, user 20 rated 5 and 11."""
    train = tiny_ratings()
    assert popularity_lift(lists_of([(10, 5)]), train) == pytest.approx(2 / 1.5 - 1)
    assert popularity_lift(lists_of([(10, 5), (10, 11), (20, 900)]), train) == pytest.approx((2 + 1) / (1.5 + 2) - 1)


def test_popularity_lift_leaves_out_users_without_training_ratings():
    ratings = tiny_ratings()
    train = ratings.take(ratings.frame["user"] != 30)
    assert popularity_lift(lists_of([(10, 5), (30, 900)]), train) == popularity_lift(lists_of([(10, 5)]), train)
    assert np.isnan(popularity_lift(lists_of([(30, 900)]), train))
