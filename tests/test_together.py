"""Pairs of items that a user chose in one go."""

import tracemalloc

import numpy as np
import pytest

from collabkit.together import REACH, add_together


def every_pair(user, item, x, time, half_life, n) -> np.ndarray:
    """The same sum, over all pairs of choices."""
    G = np.zeros((n, n))
    for a in range(len(user)):
        for b in range(len(user)):
            if user[a] == user[b]:
                G[item[a], item[b]] += x[a] * x[b] * 2 ** (-abs(time[a] - time[b]) / half_life)
    return G


@pytest.mark.parametrize("half_life", [1.0, 60.0, 5000.0])
def test_equals_the_sum_over_all_pairs(half_life):
    rng = np.random.default_rng(0)
    cells = rng.choice(8 * 10, size=50, replace=False)
    user, item, x, time = cells // 10, cells % 10, rng.random(50), rng.integers(0, 5000, 50)
    before = rng.random((10, 10))
    G = before.copy()
    add_together(G, user, item, x, time, 0.7, half_life)
    assert np.abs(G - before - 0.7 * every_pair(user, item, x, time, half_life, 10)).max() < 1e-4


def test_one_user_by_hand():
    """Items 0 and 1 a half-life apart, item 2 long after; somebody else chose 0 and 2 at one moment."""
    G = np.zeros((3, 3))
    user, item, time = np.array([5, 5, 5, 2, 2]), np.array([1, 0, 2, 0, 2]), np.array([10, 0, 10**6, 7, 7])
    add_together(G, user, item, np.ones(5), time, 2.0, 10.0)
    assert np.array_equal(G, [[4, 1, 2], [1, 2, 0], [2, 0, 4]])


def test_a_sitting_ends_after_a_pause_and_not_within_a_chain_of_choices():
    G = np.zeros((3, 3))
    time = np.array([0, REACH, 2 * REACH + 1])
    add_together(G, np.zeros(3, dtype=int), np.arange(3), np.ones(3), time, 1.0, 1.0)
    assert G[0, 1] == pytest.approx(2.0**-REACH)
    assert G[1, 2] == G[0, 2] == 0


def test_a_large_sitting_takes_little_memory_besides_its_counts(monkeypatch):
    """One user with 600 choices, a few rows at a time: a table of all their pairs would be 2.9 MB."""
    monkeypatch.setattr("collabkit.together.VALUES", 7 * 600)
    rng = np.random.default_rng(0)
    user, item, x, time = np.zeros(600, dtype=int), rng.permutation(600), rng.random(600), rng.integers(0, 300, 600)
    G = np.zeros((600, 600))
    tracemalloc.start()
    add_together(G, user, item, x, time, 0.7, 60.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    near = 2 ** (-np.abs(time[:, None] - time) / 60)
    want = np.empty((600, 600))
    want[np.ix_(item, item)] = 0.7 * x[:, None] * x * near
    assert np.abs(G - want).max() < 1e-12
