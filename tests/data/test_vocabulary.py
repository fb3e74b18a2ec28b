import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from collabkit import MeanBaseline, Ratings, Vocabulary
from collabkit.data.vocabulary import as_ids
from tests.tables import tiny_frame, tiny_ratings

WHOLE = {
    "int8": np.array([1, 127], "int8"),
    "uint8": np.array([1, 127], "uint8"),
    "float": [1.0, 127.0],
    "float and int": [1, 127.0],
    "Int64": pd.array([1, 127], "Int64"),
    "categories": pd.Categorical([1, 127]),
    "series": pd.Series([1, 127], index=[5, 5]),
    "tensor": torch.tensor([1, 127]),
    "tensors": list(torch.tensor([1, 127])),
    "NumPy's": [np.int8(1), np.uint64(127)],
    "keys": {1: "a", 127: "b"}.keys(),
    "generator": "generator",
}
TEXT = {
    "list": ["a", "b"],
    "array": np.array(["a", "b"]),
    "object": np.array(["a", "b"], dtype=object),
    "string": pd.array(["a", "b"], dtype="string"),
    "str": pd.Series(["a", "b"]),
    "categories": pd.Categorical(["a", "b"], ordered=True),
    "NumPy's": [np.str_("a"), "b"],
}
NO_IDS = {
    "mixed": [1, "a"],
    "bytes": [b"a"],
    "bools": [True, False],
    "bool": [1, True],
    "fraction": [1.5],
    "infinite": [np.inf],
    "not exact": [2.0**53 + 2],
    "dates": pd.to_datetime(["2020-01-01"]),
    "date": [pd.Timestamp(0)],
    "spans": np.array([1, 2], "m8[ns]"),
    "lists": [[1], [2]],
    "dicts": [{}],
    "tuples": [(1, 2), (3, 4)],
    "complex": [1j],
}


@pytest.mark.parametrize("ids", WHOLE.values(), ids=WHOLE)
def test_whole_numbers_of_any_type_are_the_same_ids(ids):
    def fresh():
        return (one for one in (1, 127)) if isinstance(ids, str) else ids

    assert as_ids(fresh()).tolist() == [1, 127]
    assert Vocabulary([1, 5, 127]).index(fresh()).tolist() == [0, 2]
    assert Vocabulary(fresh()).ids.dtype == "int64"  # in which 128 is the next id, and in int8 it is -128


@pytest.mark.parametrize("ids", TEXT.values(), ids=TEXT)
def test_text_of_any_type_is_the_same_ids(ids):
    assert Vocabulary(["b", "c", "a"]).index(ids).tolist() == [0, 1]
    assert Vocabulary(ids).ids.tolist() == ["a", "b"]


@pytest.mark.parametrize("ids", NO_IDS.values(), ids=NO_IDS)
@pytest.mark.parametrize("missing", ["raise", "unknown"])
def test_what_is_no_id_is_refused_when_built_and_when_asked(ids, missing):
    for ask in (lambda: Vocabulary(ids, "film"), lambda: Vocabulary([1], "film").index(ids, missing)):
        with pytest.raises(
            TypeError, match="^film ids have to be all whole numbers or all text, and here are .*convert"
        ):
            ask()


@pytest.mark.parametrize("ids", [None, np.nan, [1, None], [1.0, np.nan], ["a", pd.NA], pd.array([1, None], "Int64")])
def test_a_missing_id_is_refused(ids):
    with pytest.raises(ValueError, match=r"1 of \d film ids are missing \(None or NaN\), the first in place [01]"):
        Vocabulary([1], "film").index(ids, missing="unknown")


def test_a_table_of_ids_is_refused():
    with pytest.raises(ValueError, match=r"ids of shape \(2, 1\): pass them in one dimension"):
        Vocabulary([1]).index(np.ones((2, 1), dtype=int))


@pytest.mark.parametrize("missing", ["raise", "unknown"])
def test_ids_of_the_other_kind_are_not_just_unknown(missing):
    for known, asked in (([3], "3"), (["3"], 3)):
        with pytest.raises(
            TypeError, match="user ids of this data are .*such as '?3'?; asked for were .*such as '?3'?"
        ):
            Vocabulary(known, "user").index([asked], missing)
        assert asked not in Vocabulary(known)


def test_no_prediction_for_an_average_user_in_silence():
    model = MeanBaseline().fit(tiny_ratings())
    with pytest.raises(TypeError, match="user ids of this data are whole numbers"):
        model.predict(["10"], ["7"])


ANY = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3).map(float),
    st.floats(),
    st.text(alphabet="a3\0", max_size=3),
    st.booleans(),
    st.none(),
    st.binary(max_size=2),
    st.datetimes(),
    st.tuples(st.integers(0, 3)),
)


@given(st.lists(st.integers(-(2**70), 2**70) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64]), min_size=1))
def test_whole_numbers_of_any_size_are_told_apart(ids):
    vocabulary = Vocabulary(ids)
    assert vocabulary.ids.tolist() == sorted(set(ids))
    assert vocabulary.ids[vocabulary.index(ids)].tolist() == ids
    around = [one + step for one in ids for step in (-1, 1)]
    assert vocabulary.index(around, missing="unknown")[1].tolist() == [one in set(ids) for one in around]


@given(st.lists(st.text(alphabet="a\0 é", max_size=4), min_size=1))
def test_texts_are_told_apart_to_the_last_character(ids):
    vocabulary = Vocabulary(ids)
    assert vocabulary.ids.tolist() == sorted(set(ids))
    assert vocabulary.ids[vocabulary.index(ids)].tolist() == ids
    assert vocabulary.index([one + "\0" for one in ids], "unknown")[1].tolist() == [
        one + "\0" in set(ids) for one in ids
    ]


@given(st.lists(ANY, min_size=1, max_size=4), st.sampled_from([[3], ["3"]]))
def test_whatever_is_asked_for_is_found_unknown_or_refused_in_one_line(asked, known):
    vocabulary = Vocabulary(known, "film")
    try:
        codes, found = vocabulary.index(asked, missing="unknown")
    except (TypeError, ValueError) as error:
        assert str(error).startswith(("film ids have to", "the film ids", f"{sum(map(pd.isna, asked))} of")), error
        assert "\n" not in str(error)
        kinds = {str if isinstance(one, str) else int if _is_whole(one) else None for one in asked}
        assert kinds != {type(known[0])}
    else:
        assert found.tolist() == [one == known[0] for one in asked]
        assert not codes.any()


def _is_whole(one) -> bool:
    return type(one) is int or (type(one) is float and one.is_integer() and abs(one) <= 2**53)


@pytest.mark.parametrize("column", ["user", "item"])
@pytest.mark.parametrize("ids", NO_IDS.values(), ids=NO_IDS)
def test_a_table_with_other_ids_is_refused(column, ids):
    values = (list(ids) * 7)[:7]
    with pytest.raises(TypeError, match=f"^{column} ids have to be all whole numbers or all text"):
        Ratings.from_frame(tiny_frame().assign(**{column: pd.Series(values)}))
