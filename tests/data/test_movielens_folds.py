"""Files of folds that are cut off anywhere: refused, or the same folds. Damage by name: test_official.py."""

import numpy as np
import pytest

from collabkit.data.movielens_folds import AGES, read_folds, read_users
from tests.files import made_up_100k, overwrite


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    return folder, made_up_100k(folder, n_users=4, n_films=30, per_user=20)


@pytest.mark.parametrize("name", ["u1.base", "u5.test", "ub.test"])
def test_a_file_of_a_fold_cut_off_anywhere_is_refused(made, name):
    folder, edition = made
    content = (folder / name).read_bytes()
    try:
        for length in (0, *range(1, len(content), 97), len(content) - 2):  # the last byte is but a line end
            overwrite(folder / name, content[:length])
            with pytest.raises(ValueError, match=name):
                read_folds(folder, edition)
    finally:
        overwrite(folder / name, content)


def test_line_ends_of_windows_will_do(made, tmp_path):
    folder, edition = made
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    found, whole = (read_folds(place, edition)[1] for place in (tmp_path, folder))
    assert all(np.array_equal(found[fold], whole[fold]) for fold in whole)
    assert read_users(tmp_path, edition).equals(read_users(folder, edition))


def test_each_age_is_in_the_group_that_begins_at_or_before_it(made, tmp_path):
    folder, edition = made
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for age, group in [(1, 0), (17, 0), (18, 18), (24, 18), (25, 25), (49, 45), (50, 50), (55, 50), (56, 56), (99, 56)]:
        lines = [f"{user}|{age}|F|other|0" for user in range(1, 5)]
        overwrite(tmp_path / "u.user", "\n".join([*lines, ""]).encode())
        users = read_users(tmp_path, edition)
        assert group in AGES and (users[f"age {group}"] == 1).all(), age
