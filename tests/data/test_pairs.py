import numpy as np
import pytest

from collabkit import Vocabulary
from collabkit.data.pairs import code_or_last, pair_codes, pair_codes_or_last

USERS, ITEMS = Vocabulary([30, 10, 20], "user"), Vocabulary(["b", "a"], "item")


def test_row_by_row():
    user, known_user, item, known_item = pair_codes(USERS, ITEMS, [30, 11, 10], ["b", "a", "c"])
    assert (user.tolist(), known_user.tolist()) == ([2, 0, 0], [True, False, True])
    assert (item.tolist(), known_item.tolist()) == ([1, 0, 0], [True, True, False])


def test_an_unknown_one_may_have_a_row_of_its_own():
    assert code_or_last(USERS, [30, 11, 10]).tolist() == [2, 3, 0]
    user, item = pair_codes_or_last(USERS, ITEMS, [30, 11, 10], ["b", "a", "c"])
    assert (user.tolist(), item.tolist()) == ([2, 3, 0], [1, 0, 2])
    assert [one.tolist() for one in pair_codes_or_last(USERS, ITEMS, 11, ["a", "c"])] == [[3, 3], [0, 2]]


def test_one_goes_with_all():
    user, known_user, item, _ = pair_codes(USERS, ITEMS, 11, np.array(["b", "a", "b"], dtype=object))
    assert (user.tolist(), known_user.tolist(), item.tolist()) == ([0, 0, 0], [False] * 3, [1, 0, 1])
    assert [len(one) for one in pair_codes(USERS, ITEMS, [10, 20], ["a"])] == [2] * 4
    assert [len(one) for one in pair_codes(USERS, ITEMS, [], [])] == [0] * 4


@pytest.mark.parametrize(("users", "items"), [([10, 20], ["a", "b", "a"]), ([10, 20], [])])
def test_other_lengths_are_refused(users, items):
    with pytest.raises(ValueError, match=f"^2 users but {len(items)} items: they must match row by row"):
        pair_codes(USERS, ITEMS, users, items)
