"""Ratings as named tensors and plain JSON: there and back, and what is refused. Files: test_storage."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit import Ratings
from collabkit.saving.packing import fingerprint, pack_ratings, plain_number, same_json, unpack_ratings
from tests.tables import random_ratings, tiny_ratings


@pytest.mark.parametrize("ratings", [tiny_ratings(), random_ratings(), tiny_ratings().take([])])
def test_ratings_survive_json(ratings):
    packed, tensors = pack_ratings(ratings)
    again = unpack_ratings(json.loads(json.dumps(packed)), tensors)
    pd.testing.assert_frame_equal(again.frame, ratings.frame)
    assert again.films.equals(ratings.films)
    assert again.scale == ratings.scale
    assert fingerprint(again) == fingerprint(ratings)


def ids():
    """Whole numbers of any kind, or text."""
    numbers = [st.integers(np.iinfo(kind).min, np.iinfo(kind).max) for kind in ("int8", "int64", "uint64")]
    return st.sampled_from([*numbers, st.text(max_size=5)]).flatmap(
        lambda one: st.lists(one, min_size=1, max_size=6, unique=True)
    )


@st.composite
def tables(draw):
    """Ratings of any ids, and of films that lack a title, a year or genres, in each of pandas' ways, or all of them."""
    users, items = draw(ids()), draw(ids())
    pairs = draw(st.lists(st.sampled_from(list(product(users, items))), min_size=1, max_size=9, unique=True))
    columns = {"user": [user for user, _ in pairs], "item": [item for _, item in pairs]}
    rows = st.lists(st.integers(1, 10), min_size=len(pairs), max_size=len(pairs))
    columns["rating"] = np.array(draw(rows)) / 2
    if draw(st.booleans()):
        columns["timestamp"] = draw(rows)
    missing = st.sampled_from([None, np.nan, pd.NA])
    texts, years = missing | st.text(max_size=8), missing | st.integers(0, 9999)
    described = draw(st.lists(st.sampled_from(items), unique=True))
    films = {
        name: pd.Series([draw(kind) for _ in described], dtype=object)
        for name, kind in {"title": texts, "year": years, "genres": texts}.items()
    }
    films = None if draw(st.booleans()) else pd.DataFrame({"item": described, **films})
    ratings = Ratings.from_frame(pd.DataFrame(columns), items=films, scale=draw(st.sampled_from([None, (0.5, 5)])))
    return ratings.take(sorted(draw(st.sets(st.integers(0, len(pairs) - 1)))))


@settings(max_examples=50)
@given(tables())
def test_any_ratings_are_the_same_when_they_are_unpacked(ratings):
    packed, tensors = pack_ratings(ratings)
    again = unpack_ratings(json.loads(json.dumps(packed)), tensors)
    for name in ("user", "item", "rating", "timestamp"):
        old, new = getattr(ratings, name), getattr(again, name)
        assert (old is new is None) or (old.dtype == new.dtype and np.array_equal(old, new))
    for old, new in ((ratings.users, again.users), (ratings.items, again.items)):
        assert (old.what, old.ids.dtype, old.ids.tolist()) == (new.what, new.ids.dtype, new.ids.tolist())
        assert [type(id) for id in old.ids] == [type(id) for id in new.ids]
    assert (again.scale, again.films.dtypes.tolist()) == (ratings.scale, ratings.films.dtypes.tolist())
    for column in ratings.films:
        assert list(map(repr, again.films[column])) == list(map(repr, ratings.films[column]))  # None, nan and NA differ
    assert same_json(pack_ratings(again)[0], packed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, t: t["user"].fill_(3), "outside the 3 ids"),
        (lambda p, t: t["item"].fill_(-1), "outside the 4 ids"),
        (lambda p, t: t["rating"].fill_(6), "leave the scale"),
        (lambda p, t: t["rating"].fill_(float("inf")), "not finite"),
        (lambda p, t: t.update(user=t["user"].double()), "the column user"),
        (lambda p, t: p["users"]["ids"].reverse(), "not unique and sorted"),
        (lambda p, t: p["items"]["ids"].__setitem__(0, "5"), "not all int64"),
        (lambda p, t: p["films"]["title"].pop(), "for each of the 4 items"),
        (lambda p, t: p["films"].update(title="abcd"), "'films' is not as collabkit writes it"),
        (lambda p, t: p["films"]["title"].__setitem__(0, -1), "'films' is not as"),
        (lambda p, t: p["films"]["title"].__setitem__(0, True), "'films' is not as"),
        (lambda p, t: p["films"]["year"].__setitem__(0, 1990.0), "'films' is not as"),
        (lambda p, t: p["films"]["year"].__setitem__(0, True), "'films' is not as"),
        (lambda p, t: p["users"].update(what=["user"]), "which is not text"),
        (lambda p, t: p["users"].update(more=1), "'users' is not as"),
        (lambda p, t: p.update(scale={0: 0, 5: 5}), "'scale' is not as"),
    ],
)
def test_ratings_that_do_not_fit_are_refused(change, message):
    packed, tensors = pack_ratings(tiny_ratings())
    change(packed, tensors)
    with pytest.raises(ValueError, match=message):
        unpack_ratings(packed, tensors)


def test_a_fingerprint_tells_ratings_apart():
    ratings = tiny_ratings()
    print_of = fingerprint(ratings)
    assert (print_of["ratings"], print_of["users"], print_of["items"]) == (7, 3, 4)
    first = fingerprint(ratings.take([0]))
    assert (first["cold_users"], first["cold_items"]) == (2, 3)
    others = [ratings.take(np.arange(7)[::-1]), ratings.take(np.arange(6)), random_ratings()]
    assert len({print_of["sha256"], *(fingerprint(other)["sha256"] for other in others)}) == 4


def test_plain_numbers():
    assert [type(plain_number(n)) for n in (np.int64(3), np.float32(0.5), 2)] == [int, float, int]
    for no_number in (True, "3", None, float("nan"), np.inf):
        with pytest.raises(ValueError, match="not a finite number"):
            plain_number(no_number)


def test_what_is_written_alike():
    assert same_json({"a": [1, None], "b": 0.5}, {"b": 0.5, "a": [1, None]})
    for one, other in [(1, True), (1, 1.0), (0, False), ([], {}), ("1", 1), (None, 0), ([1], [1, 1])]:
        assert not same_json(one, other)
