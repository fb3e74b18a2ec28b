import warnings

import numpy as np
import pytest

from collabkit import Index
from collabkit.index_recall import recall_of

pytest.importorskip("usearch", reason="pip install 'collabkit[index]'")


def clusters(n, spread, K=16, seed=0):
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(20, K))
    return (middles[rng.integers(20, size=n)] + spread * rng.normal(size=(n, K))).astype("float32")


def test_it_is_the_share_of_the_exact_ten():
    rows = clusters(3000, 0.01)
    with warnings.catch_warnings(action="ignore"):
        index = Index(links=4, width=4).build(rows)
    queries = np.random.default_rng(0).standard_normal((100, 16)).astype("float32")
    exact = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    found = index.query(queries, 10).item.reshape(100, 10)
    share = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(found, exact, strict=True)])
    assert 0.05 < share < 0.9
    assert recall_of(index, rows) == pytest.approx(share, abs=0.02)


def test_who_builds_an_index_that_misses_many_is_told():
    with pytest.warns(UserWarning, match=r"finds \d+% of the nearest of random vectors.*with a larger width") as heard:
        Index(links=4, width=4).build(clusters(3000, 0.01))
    assert heard[0].filename == __file__


@pytest.mark.parametrize(
    "rows",
    [clusters(3000, 1.0), np.zeros((50, 3)), np.eye(4) * 1e30, clusters(2000, 1.0) * 1e-30, clusters(2000, 1.0) + 1e4],
    ids=["spread", "zeros", "long", "short", "all one way"],
)
def test_who_builds_a_good_one_hears_nothing(rows):
    with warnings.catch_warnings(action="error"):
        assert recall_of(Index().build(rows), rows.astype("float32")) > 0.97
