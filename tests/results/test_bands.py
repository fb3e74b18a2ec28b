import pytest

from collabkit import band
from collabkit.results import load
from collabkit.results.bands import Band

BAND = Band("a", "rmse", scores=(0.89, 0.9, 0.91), seconds=1.0)


def test_a_band_is_four_standard_deviations_to_each_side():
    assert (BAND.low, BAND.high) == (pytest.approx(0.86), pytest.approx(0.94))
    assert 0.87 in BAND
    assert 0.85 not in BAND


def test_check_says_what_to_look_at():
    BAND.check(0.9)
    with pytest.raises(AssertionError, match=r"a: RMSE 0\.9500 is outside .*library versions"):
        BAND.check(0.95)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(KeyError, match="no band 'x'. There are: small-2016"):
        band("x")


def test_another_measure_is_refused():
    with pytest.raises(ValueError, match="^measure='mae': choose 'rmse', 'mse' or 'ndcg'"):
        band("small-2016/als", "mae")
    with pytest.raises(ValueError, match="^measure='ndcg': small-2016/als is a band of stars"):
        band("small-2016/als", "ndcg")
    with pytest.raises(ValueError, match="^measure='rmse': small-2016/lists/ease is a band of lists"):
        band("small-2016/lists/ease")


def test_every_band_rests_on_ten_different_runs():
    for name, entry in load("bands")["bands"].items():
        scores = entry["ndcg" if "/lists/" in name else "mse"]
        assert len(scores) == 10, name
        assert len(set(scores)) > 5, f"{name}: the seeds change nothing"


def test_rmse_is_the_root_of_each_mse():
    name = "small-2016/means/global"
    assert band(name).mean == pytest.approx(band(name, "mse").mean ** 0.5, abs=1e-4)
    assert band(name).n == 10


def test_the_published_figures_lie_in_the_bands_drawn_with_replacement():
    """fastbook chapter 8, on the 2018 small edition: 1.2940 and, with the sigmoid, .8501."""
    assert 1.2940 in band("small-2018/batch64-replacement/dot", "mse")
    assert 0.8501 in band("small-2018/batch64-replacement/dot+sigmoid", "mse")


@pytest.mark.parametrize("model", ["dot", "dot+sigmoid"])
def test_the_course_recipe_is_no_worse_than_the_slow_one(model):
    assert band(f"small-2018/course-no-decay/{model}").mean <= band(f"small-2018/batch64/{model}").mean
