import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabkit import Ratings, Vocabulary
from tests.tables import tiny_frame, tiny_ratings


def test_codes_are_contiguous_and_lead_back_to_the_ids():
    ratings = tiny_ratings()
    assert ratings.n_users == 3
    assert ratings.n_items == 4
    assert len(ratings) == 7
    assert set(ratings.user) == {0, 1, 2}
    assert (ratings.user.dtype, ratings.item.dtype, ratings.rating.dtype) == ("int32", "int32", "float32")
    pd.testing.assert_frame_equal(ratings.frame, tiny_frame(), check_dtype=False)


def test_what_is_written_into_a_frame_stays_there():
    ratings = tiny_ratings()
    frame = ratings.frame
    frame.loc[0, "rating"], frame["new"] = 99.0, 1
    assert ratings.rating.max() <= 5
    pd.testing.assert_frame_equal(ratings.frame, tiny_frame(), check_dtype=False)


@given(st.lists(st.tuples(st.integers(), st.text()), min_size=1, unique=True))
def test_frame_gives_back_what_came_in(pairs):
    df = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=3.0)
    back = Ratings.from_frame(df).frame
    assert back["user"].tolist() == df["user"].tolist()
    assert back["item"].tolist() == df["item"].tolist()


def test_text_is_told_apart_after_a_nul_too():
    df = pd.DataFrame({"user": ["a", "a", "a\0"], "item": ["", "\0", "\0b"], "rating": 3.0})
    ratings = Ratings.from_frame(df)
    assert (ratings.n_users, ratings.n_items) == (2, 3)
    assert ratings.frame["item"].tolist() == df["item"].tolist()


def test_other_column_names():
    df = tiny_frame().rename(columns={"user": "who", "item": "what", "rating": "stars", "timestamp": "when"})
    ratings = Ratings.from_frame(df, user="who", item="what", rating="stars", timestamp="when")
    assert ratings.frame["timestamp"].tolist() == df["when"].tolist()
    assert Ratings.from_frame(df.drop(columns="when"), "who", "what", "stars").timestamp is None


def test_date_times_become_seconds():
    times = tiny_frame()["timestamp"] + 10**9
    for zone in (None, "Asia/Tokyo"):
        when = pd.to_datetime(times, unit="s", utc=True).dt.tz_convert(zone)
        assert Ratings.from_frame(tiny_frame().assign(timestamp=when)).timestamp.tolist() == times.tolist()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda df: df.drop(columns="rating"), KeyError, "no column 'rating'"),
        (lambda df: df.iloc[:0], ValueError, "no rows"),
        (lambda df: df.assign(user=[None, *df["user"][1:]]), ValueError, "missing ids"),
        (lambda df: df.assign(rating=[np.nan, *df["rating"][1:]]), ValueError, r"not finite numbers \(1 of 7 rows\)"),
        (lambda df: df.assign(rating=["good", *df["rating"][1:]]), ValueError, "not finite numbers"),
        (lambda df: df.assign(rating=[np.inf, *df["rating"][1:]]), ValueError, "not finite numbers"),
        (lambda df: df.assign(rating=[5.5, *df["rating"][1:]]), ValueError, "leaves the scale"),
        (lambda df: pd.concat([df, df.tail(1)]), ValueError, r"more than once \(2 of 8 rows\)"),
        (lambda df: df.assign(timestamp=[np.nan, *df["timestamp"][1:]]), ValueError, "missing times"),
        (lambda df: df.assign(timestamp="yesterday"), ValueError, "seconds since 1970"),
    ],
)
def test_bad_tables_are_refused_at_the_door(change, error, message):
    with pytest.raises(error, match=message):
        Ratings.from_frame(change(tiny_frame()), scale=(0.5, 5))


def test_item_metadata_lines_up_with_codes_and_keeps_items_without_any():
    items = pd.DataFrame(
        {"item": [900, 5, 7, 12345], "title": ["Z", "A", "A", "unrated"], "year": [1999, 2000, 2000, 1]}
    )
    ratings = Ratings.from_frame(tiny_frame(), items=items)
    assert ratings.films["item"].tolist() == [5, 7, 11, 900]
    assert ratings.labels.tolist() == ["A (2000)", "A (2000)", "Item 11", "Z (1999)"]


def test_item_metadata_is_checked():
    with pytest.raises(KeyError, match="'item' column"):
        Ratings.from_frame(tiny_frame(), items=pd.DataFrame({"id": [5]}))
    with pytest.raises(ValueError, match="described more than once"):
        Ratings.from_frame(tiny_frame(), items=pd.DataFrame({"item": [5, 5], "title": ["a", "b"]}))


def test_take_keeps_the_vocabularies():
    ratings = tiny_ratings()
    part = ratings.take([0, 3])
    assert len(part) == 2
    assert part.n_users == ratings.n_users
    assert part.frame["item"].tolist() == [7, 900]
    assert ratings.take(ratings.rating > 3).frame["rating"].tolist() == [4.0, 3.5, 5.0]


class TestVocabulary:
    def test_unknown_ids_raise_with_the_cure(self):
        with pytest.raises(KeyError, match=r"unknown film 4 \(1 of 2 asked for\).*missing='unknown'"):
            Vocabulary([1, 2, 3], "film").index([1, 4])

    def test_unknown_ids_travel_with_a_mask_and_never_as_minus_one(self):
        codes, known = Vocabulary([10, 20]).index([20, 30], missing="unknown")
        assert codes.tolist() == [1, 0]
        assert known.tolist() == [True, False]

    def test_other_policies_are_refused(self):
        with pytest.raises(ValueError, match="choose 'raise' or 'unknown'"):
            Vocabulary([1]).index([1], missing="ignore")

    def test_one_id_and_text_ids(self):
        vocabulary = Vocabulary(["b", "a", "b"])
        assert vocabulary.ids.tolist() == ["a", "b"]
        assert vocabulary.index("b").tolist() == [1]
        assert "a" in vocabulary
        assert "c" not in vocabulary
