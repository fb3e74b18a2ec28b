import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from collabkit import random_split
from collabkit.checks import arguments, choice, device, fitted, flag, interval, number, seed, whole
from collabkit.ratings import rated
from collabkit.splits import parted
from tests.tables import tiny_ratings

NO_NUMBERS = [True, np.bool_(True), "3", b"3", None, [3], (3,), {3}, np.array([3]), pd.NA, pd.NaT, 3j, np.complex64(3)]
NO_NUMBERS += [np.datetime64(3, "ns"), np.timedelta64(3, "ns"), np.array(3, "m8[ns]"), pd.Timedelta(3), pd.DataFrame()]
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(math.inf), 10**400]
THREES = [3, 3.0, np.int8(3), np.uint64(3), np.float32(3), np.array(3), torch.tensor(3), torch.tensor(3.0), Fraction(3)]


@pytest.mark.parametrize("value", THREES, ids=repr)
def test_a_number_of_any_type_comes_back_plain(value):
    assert (whole("k", value), type(whole("k", value))) == (3, int)
    assert (number("lr", value), type(number("lr", value))) == (3.0, float)
    assert seed(value) == 3


@pytest.mark.parametrize("check", [whole, number])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_named(check, value):
    with pytest.raises(TypeError, match=r"^k=.* is a \w+: choose a .*number\.$"):
        check("k", value)


@pytest.mark.parametrize("check", [whole, number])
@pytest.mark.parametrize("value", NOT_FINITE, ids=repr)
def test_what_is_not_finite_is_named(check, value):
    with pytest.raises(ValueError, match=r"^k=.*: choose a .*number\.$"):
        check("k", value)


@given(st.integers() | st.floats(), st.integers(-5, 5), st.integers(0, 5))
def test_bounds(value, lo, width):
    hi = lo + width
    inside = lo <= value <= hi
    for check, fits in ((whole, inside and value == int(value)), (number, inside)):
        if fits:
            assert check("n", value, at_least=lo, at_most=hi) == value
        else:
            with pytest.raises(ValueError, match=f"number of at least {lo} and of at most {hi}"):
                check("n", value, at_least=lo, at_most=hi)


def test_bounds_that_are_left_out_themselves():
    assert number("lr", 0.5, above=0, below=1) == 0.5
    for value in (0, 1):
        with pytest.raises(ValueError, match=f"^lr={value}: choose a finite number above 0 and below 1.$"):
            number("lr", value, above=0, below=1)
    with pytest.raises(
        ValueError, match="^seed=-1: choose a whole number of at least 0 and of at most 9223372036854775807.$"
    ):
        seed(-1)
    with pytest.raises(ValueError, match="^k=2.5: choose a whole number.$"):
        whole("k", 2.5)


def test_large_whole_numbers_keep_every_digit():
    assert whole("n", 2**62 + 1) == 2**62 + 1


def test_a_choice_is_one_of_the_words():
    assert choice("how", "this", ("this", "that")) == "this"
    for bad in ("other", "", 1, None, ["this"], np.array(["this", "that"])):
        with pytest.raises(ValueError, match="^how=.*: choose 'this' or 'that'"):
            choice("how", bad, ("this", "that"))


def test_flags():
    assert flag("full", np.True_) is True
    for value in ("False", 1, None):
        with pytest.raises(TypeError, match="^full=.*: choose True or False.$"):
            flag("full", value)


@given(st.floats(), st.floats())
def test_an_interval_has_a_width_that_float32_can_hold(lo, hi):
    try:
        found = interval("y_range", (lo, hi))
    except ValueError as error:
        assert "\n" not in str(error) and "y_range" in str(error)
        limit = float(np.finfo("float32").max) / 2
        assert not lo < hi or max(abs(lo), abs(hi)) >= limit
    else:
        assert found == (lo, hi)
        assert 0 < hi - lo < float(np.finfo("float32").max)


def test_intervals():
    assert interval("scale", None) is None
    assert interval("scale", np.array([1, 5])) == (1, 5)
    with pytest.raises(ValueError, match=r"^y_range=\(5.5, 0\): the first number has to be less than the second.$"):
        interval("y_range", (5.5, 0))
    for value in (5, (1, 2, 3), "5"):
        with pytest.raises(TypeError, match="^scale=.*: choose two numbers"):
            interval("scale", value)
    with pytest.raises(TypeError, match=r"^scale\[0\]='1' is a str"):
        interval("scale", "15")


def test_only_ratings_are_ratings():
    ratings = tiny_ratings()
    assert rated(ratings) is ratings
    with pytest.raises(TypeError, match="^train is a DataFrame and has to be a Ratings: .*Ratings.from_frame"):
        rated(ratings.frame, "train")
    with pytest.raises(TypeError, match="^train is a Split .*pass a part, such as train=split.train"):
        rated(random_split(ratings), "train")
    with pytest.raises(TypeError, match="is a NoneType and has to be a Ratings"):
        rated(None)
    with pytest.raises(ValueError, match="^ratings has no rows"):
        rated(ratings.take([]))


def test_only_a_split_is_a_split():
    split = random_split(tiny_ratings())
    assert parted(split) is split
    with pytest.raises(TypeError, match="^split is a Ratings and has to be a Split: random_split"):
        parted(tiny_ratings())
    with pytest.raises(TypeError, match="Ratings.from_frame"):
        parted(tiny_ratings().frame)


def test_devices():
    for good in ("cpu", "cuda:1", "mps", torch.device("cpu")):
        assert device(good) == torch.device(good)
    for bad in ("gpu", "", None, 1.5, [], "cpu:x"):
        with pytest.raises(ValueError, match="^device=.*: choose one by PyTorch's name for it, such as 'cpu'"):
            device(bad)


def test_what_is_fitted_has_something_learnt():
    class Model:
        def __init__(self):
            self.setting, self._cache_ = 1, 2

    model = Model()
    with pytest.raises(ValueError, match="^this Model has learnt nothing yet: call fit"):  # NotFittedError is one
        fitted(model)
    model.mean_ = 3.0
    fitted(model)


def test_arguments_are_checked_by_name_however_they_are_passed():
    @arguments(a=whole, b=flag, c=whole)
    def function(a, b=None, *others, d=4):
        """What it does."""
        return a, b, others, d

    assert function(np.int8(1)) == (1, None, (), 4)  # a default is not checked
    assert function(b=np.True_, a=2.0) == (2, True, (), 4)
    assert function(3, True, "x", d="y") == (3, True, ("x",), "y")
    assert function.__doc__ == "What it does."
    for bad in (lambda: function(2.5), lambda: function(a="1"), lambda: function(1, 1), lambda: function(1, b=1)):
        with pytest.raises((ValueError, TypeError), match="^[ab]=.*: choose"):
            bad()
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        function()
