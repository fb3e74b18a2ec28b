"""What is measured of probabilities of stars: against loops, and what the stored figures say."""

import numpy as np
import pytest

from benchmarks import ordered
from collabkit.results import load


def test_scores_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), size=50)
    came = rng.integers(4, size=50)
    found = ordered.judged(shares, came)
    assert found["log score"] == pytest.approx(np.mean([np.log(row[c]) for row, c in zip(shares, came, strict=True)]))
    error = 0.0
    for low in np.arange(10) / 10:
        inside = [
            (p, c == k)
            for row, c in zip(shares, came, strict=True)
            for k, p in enumerate(row)
            if low <= p < low + 0.1 or (p == 1 and low == 0.9)
        ]
        if inside:
            said, so = np.mean(inside, axis=0)
            error += abs(said - so) * len(inside) / shares.size
    assert found["calibration error"] == pytest.approx(error)
    assert found["stars"]["so"] == pytest.approx([np.mean(came == k) for k in range(4)])
    by_star = [abs(shares[:, k].mean() - np.mean(came == k)) for k in range(4)]
    assert found["error by star"] == pytest.approx(np.mean(by_star))


def test_whoever_says_what_is_so_is_calibrated():
    """Stars drawn from the probabilities themselves; and from flatter ones, which is seen."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(5, 0.4), size=20_000)
    came = (rng.random((20_000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=4)
    right, bold = ordered.judged(shares, came), ordered.judged(shares**2 / (shares**2).sum(axis=1)[:, None], came)
    assert right["calibration error"] < 0.01 < 0.03 < bold["calibration error"]
    assert right["log score"] > bold["log score"] + 0.05


def test_differences_are_paired_by_fold():
    folds = [
        {"gaussian": dict.fromkeys(ordered.SCORES, one), "ordered": dict.fromkeys(ordered.SCORES, one + gain)}
        for one, gain in ((0.0, 0.1), (5.0, 0.2), (-3.0, 0.3))
    ]
    assert ordered.apart(folds)["rmse"] == pytest.approx([0.2, 0.1 / 3**0.5])


@pytest.mark.parametrize("edition", ordered.EDITIONS)
def test_as_the_chapter_has_it(edition):
    """Nearly level in stars, and ahead in what it says of each star, by far more than folds differ."""
    found = load("ordered")["editions"][edition]["ordered less gaussian"]
    assert abs(found["rmse"][0]) < 0.003
    mean, error = found["log score"]
    assert mean > 0.05 and mean > 5 * error
    mean, error = found["error by star"]
    assert mean < -0.01 and -mean > 5 * error
    assert found["calibration error"][0] < 0.001
