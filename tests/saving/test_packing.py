"""Ratings as named tensors and plain JSON: there and back, and what is refused. Files: test_storage."""

import json

import numpy as np
import pandas as pd
import pytest

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
