import re
import time
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabkit import Ratings, temporal_split
from tests.tables import tiny_frame

NOW = int(time.time())


def refused(error=ValueError, items=None, scale=None, **columns) -> str:
    with pytest.raises(error) as caught:
        Ratings.from_frame(tiny_frame().assign(**columns), items=items, scale=scale)
    return str(caught.value.args[0])


NO_STARS = {
    "too large": [1e39] * 7,
    "dates": pd.to_datetime([5] * 7),
    "date": [pd.Timestamp(5)] * 7,
    "spans": pd.to_timedelta([5] * 7),
    "span": [np.timedelta64(5)] * 7,
    "complex": [3 + 0j] * 7,
    "bools": [True] * 7,
    "bool": [True, *[3.0] * 6],
    "boolean": pd.array([True] * 7, "boolean"),
    "lists": [[3]] * 7,
    "bytes": [b"3"] * 7,
    "periods": pd.period_range("2020", periods=7),
    "missing": pd.array([None] * 7, "Int64"),
    "text": ["good"] * 7,
}


@pytest.mark.parametrize("values", NO_STARS.values(), ids=NO_STARS)
def test_what_is_no_number_of_stars_is_refused(values):
    assert "has values that are not finite numbers" in refused(rating=pd.Series(values))


@pytest.mark.parametrize(
    "values",
    [
        [3] * 7,
        ["3"] * 7,
        [Decimal(3)] * 7,
        pd.array([3] * 7, "Int8"),
        pd.array([3] * 7, "Float64"),
        pd.Categorical([3] * 7),
        np.array([3] * 7, "uint8"),
        pd.array(["3"] * 7, "string"),
    ],
)
def test_stars_of_any_type(values):
    assert Ratings.from_frame(tiny_frame().assign(rating=values)).rating.tolist() == [3] * 7


@pytest.mark.parametrize("scale", [(np.nan, 5), (1, np.nan), (5, 1), (3, 3), (-np.inf, 5), (0, 1e39)])
def test_a_scale_without_two_ends_is_refused(scale):
    assert refused(scale=scale).startswith("scale")


@given(st.lists(st.floats() | st.integers() | st.booleans() | st.complex_numbers() | st.none(), min_size=7, max_size=7))
def test_every_rating_is_kept_or_refused(values):
    df = tiny_frame().assign(rating=pd.Series(values, dtype=object))
    try:
        kept = Ratings.from_frame(df).rating
    except ValueError as error:
        assert "not finite numbers" in str(error)
        real = all(type(one) in (int, float) for one in values)
        assert not (real and all(abs(one) < 3.4e38 for one in values))
    else:
        assert np.isfinite(kept).all()
        assert kept.tolist() == [float(np.float32(one)) for one in values]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([np.inf] * 7, "after tomorrow"),
        ([1e30] * 7, "after tomorrow"),
        ([-1e30] * 7, "after tomorrow"),
        ([2**70] * 7, "after tomorrow"),
        (np.array([2**64 - 1] * 7, "uint64"), "after tomorrow"),
        ([NOW * 10**3] * 7, "They look like milliseconds: divide them by 1,000."),
        ([NOW * 10**6] * 7, "They look like microseconds: divide them by 1,000,000."),
        ([NOW * 10**9] * 7, "They look like nanoseconds: divide them by 1,000,000,000."),
        ([NOW + 3 * 86_400] * 7, "Mend those rows"),
        ([True] * 7, "neither numbers"),
        ([1j] * 7, "neither numbers"),
        (pd.to_timedelta([1] * 7), "neither numbers"),
        (["2020-01-01"] * 7, "pd.to_datetime"),
        (pd.array([1, None, *[1] * 5], "Int64"), "missing times"),
    ],
)
def test_times_that_are_none(times, said):
    assert said in refused(timestamp=pd.Series(times))


@pytest.mark.parametrize("times", [range(7), np.arange(7, dtype="int8"), np.arange(7.0), [-5, 0, 1, 2, 3, 4, NOW]])
def test_small_numbers_are_an_order(times):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ratings = Ratings.from_frame(tiny_frame().assign(timestamp=times))
    assert ratings.timestamp.tolist() == [int(one) for one in times]


def test_dates_before_1990_are_said_to_be_unlikely():
    df = tiny_frame().assign(timestamp=pd.to_datetime([NOW] * 7))  # seconds, read as nanoseconds
    with pytest.warns(UserWarning, match="begins in 1970: .* unit='s'"):
        Ratings.from_frame(df)


@given(st.lists(st.floats() | st.integers(-(2**66), 2**66) | st.integers(0, NOW), min_size=7, max_size=7))
def test_no_time_changes_its_place(times):
    df = tiny_frame().assign(timestamp=pd.Series(times, dtype=object))
    try:
        kept = Ratings.from_frame(df).timestamp
    except ValueError as error:
        assert re.search("missing times|after tomorrow", str(error))
        assert not all(abs(one) <= NOW for one in times)
    else:
        assert kept.tolist() == [int(one) for one in times]


def test_the_newest_are_not_trained_on():
    """As infinite times and those in milliseconds were, once the smallest whole number had taken their place."""
    times = [NOW - day * 86_400 for day in range(7)]
    assert temporal_split(Ratings.from_frame(tiny_frame().assign(timestamp=times)), 0.2, 0).valid.timestamp.max() == NOW


def test_both_rows_of_a_pair_are_shown():
    df = tiny_frame()
    df = pd.concat([df, df.iloc[[4, 2]]], ignore_index=True)
    with pytest.raises(ValueError, match="more than once .4 of 9 rows") as caught:
        Ratings.from_frame(df)
    shown = str(caught.value).partition("The first two are:\n")[2].splitlines()
    assert [line.split()[:3] for line in shown[1:]] == [["2", "20", "5"], ["8", "20", "5"]]


def test_column_names():
    df = tiny_frame()
    with pytest.raises(ValueError, match="2 columns are named 'rating': rename or drop all but one"):
        Ratings.from_frame(pd.concat([df, df[["rating"]]], axis=1))
    with pytest.raises(TypeError, match="ratings come as a DataFrame, and this is a list"):
        Ratings.from_frame([(1, 2, 3.0)])


def films(**columns) -> pd.DataFrame:
    return pd.DataFrame({"item": [5, 7], **columns})


@pytest.mark.parametrize("year", [40_000, 1990.5, -1, np.inf, "soon", [1990], True])
def test_years_that_are_none(year):
    assert "years that are no whole numbers from 0 to 9999" in refused(items=films(year=[year, None]))


@pytest.mark.parametrize("years", [[1999, None], ["1999", None], [1999.0, np.nan], pd.array([1999, None], "Int64")])
def test_years_of_any_type(years):
    found = Ratings.from_frame(tiny_frame(), items=films(year=years)).films["year"]
    assert found.dtype == "Int16"
    assert found.dropna().tolist() == [1999]


@pytest.mark.parametrize("titles", [[1984, 300], [1984, "300"], [1984.0, None]])
def test_a_title_may_be_a_number(titles):
    assert Ratings.from_frame(tiny_frame(), items=films(title=titles, year=1949)).labels[0] == "1984 (1949)"


def test_other_metadata_that_is_no_text():
    assert "titles that are no text" in refused(items=films(title=[["a"], "b"]))
    assert "'|'.join" in refused(items=films(genres=[["War"], ["Drama"]]))


def test_items_of_another_kind():
    assert "item ids of this data are whole numbers" in refused(TypeError, items=films().astype({"item": str}))
    assert "missing ids" in refused(items=pd.DataFrame({"item": [5, None]}))
    assert "has to be a DataFrame" in refused(TypeError, items={"item": [5]})
    assert "2 columns are named 'title'" in refused(
        items=pd.DataFrame([[5, "a", "b"]], columns=["item", "title", "title"])
    )
