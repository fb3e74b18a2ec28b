"""Official splits: those of 100K from files of its format, and how copies of them can be bad."""

import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

from collabkit import BayesianMF, load_movielens, load_users, official_folds, rmse
from collabkit.movielens import EDITIONS
from tests.files import made_up_100k


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official") / "ml-100k"
    return folder, made_up_100k(folder)


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy to change, in $COLLABKIT_DATA, and its edition in the table."""
    monkeypatch.setitem(EDITIONS, "100k", made[1])
    monkeypatch.setenv("COLLABKIT_DATA", str(tmp_path))
    return shutil.copytree(made[0], tmp_path / "ml-100k")


def pairs(ratings) -> set:
    return set(zip(*ratings.frame.to_numpy().T, strict=True))


def test_the_folds_are_those_of_the_files(folder):
    ratings, folds = load_movielens("100k"), dict(official_folds("100k"))
    assert list(folds) == ["u1", "u2", "u3", "u4", "u5", "ua", "ub"]
    for name, split in folds.items():
        for part, file in ((split.train, f"{name}.base"), (split.valid, f"{name}.test")):
            rows = pd.read_csv(folder / file, sep="\t", header=None).to_numpy()
            assert pairs(part) == set(map(tuple, rows))
            assert np.array_equal(part.items.ids, ratings.items.ids) and part.films.equals(ratings.films)
        assert split.train.users is split.valid.users
    assert "Les Misérables 1 (1920)" in ratings.labels


def test_a_path_or_a_zip_in_the_cache_will_do(folder, tmp_path, monkeypatch):
    here = {name: pairs(split.valid) for name, split in official_folds("100k", path=folder)}
    users = load_users(path=tmp_path)
    monkeypatch.delenv("COLLABKIT_DATA")
    monkeypatch.setenv("COLLABKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    with zipfile.ZipFile(tmp_path / "cache/toy.zip", "w") as file:
        for path in folder.iterdir():
            file.write(path, f"ml-100k/{path.name}")
    edition = vars(EDITIONS["100k"]) | {"zip": "toy.zip"}
    monkeypatch.setitem(EDITIONS, "100k", type(EDITIONS["100k"])(**edition))
    assert {name: pairs(split.valid) for name, split in official_folds("100k")} == here
    assert load_users().equals(users)


def changed(folder, file: str, change) -> None:
    lines = (folder / file).read_bytes().splitlines(keepends=True)
    (folder / file).write_bytes(b"".join(change(lines)))


def moved(folder, source: str, target: str, row: int = 0) -> None:
    """A row of one file, to the end of another."""
    line = (folder / source).read_bytes().splitlines(keepends=True)[row]
    changed(folder, source, lambda lines: lines[:row] + lines[row + 1 :])
    changed(folder, target, lambda lines: [*lines, line])


def star_up(lines):
    user, item, stars, time = lines[0].split(b"\t")
    return [b"\t".join([user, item, b"1" if stars != b"1" else b"2", time]), *lines[1:]]


BAD = {
    "u3.base is missing": (lambda f: (f / "u3.base").unlink(), "ml-100k lacks u3.base"),
    "ub.test is missing": (lambda f: (f / "ub.test").unlink(), "ml-100k lacks ub.test"),
    "cut off between rows": (
        lambda f: changed(f, "u2.test", lambda lines: lines[:-3]),
        "u2.base and u2.test in .*ml-100k lack 3 ratings of u.data, such as user",
    ),
    "cut off in a time": (
        lambda f: changed(f, "u2.test", lambda lines: [*lines[:-1], lines[-1][:-4]]),
        "u2.test is truncated or changed: 1 of its rows are not in u.data, such as user",
    ),
    "cut off in a row": (
        lambda f: changed(f, "u4.base", lambda lines: [*lines[:-1], lines[-1][:4]]),
        "u4.base is truncated or changed: ",
    ),
    "empty": (
        lambda f: changed(f, "u5.test", lambda lines: []),
        "u5.base and u5.test in .*ml-100k lack 240 ratings of u.data",
    ),
    "other stars": (lambda f: changed(f, "u1.base", star_up), "u1.base is truncated or changed: 1 of its rows"),
    "a row that is not in u.data": (
        lambda f: changed(f, "ua.base", lambda lines: [*lines, b"99\t1\t3\t880000000\n"]),
        "ua.base is truncated or changed: 1 of its rows are not in u.data, such as user 99, film 1",
    ),
    "a row twice in a file": (
        lambda f: changed(f, "ua.base", lambda lines: [*lines, lines[0]]),
        "ua.base in .*ml-100k has 1 ratings more than once, such as user 1, film",
    ),
    "a pair in base and test": (
        lambda f: changed(f, "u1.base", lambda lines: [*lines, *(f / "u1.test").read_bytes().splitlines(True)[:2]]),
        "u1.base and u1.test in .*ml-100k share 2 ratings, such as user",
    ),
    "a rating held out by none": (
        lambda f: moved(f, "u1.test", "u1.base"),
        "u1.test to u5.test in .*ml-100k hold out 1 ratings never, or more than once",
    ),
    "nine ratings of a user": (
        lambda f: moved(f, "ua.test", "ua.base"),
        "ua.test in .*ml-100k has not ten ratings of some users, who gave 30, such as user 1",
    ),
    "ua is ub": (
        lambda f: [shutil.copy(f / f"ua.{part}", f / f"ub.{part}") for part in ("base", "test")],
        "ua.test and ub.test in .*ml-100k share 400 ratings",
    ),
    "u.data is cut off": (
        lambda f: changed(f, "u.data", lambda lines: lines[:-1]),
        "u.data is truncated or changed: 1,199 rows where the edition has 1,200",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_copies_are_refused_with_their_file_and_the_cure(name, folder):
    damage, message = BAD[name]
    damage(folder)
    with pytest.raises(ValueError, match=rf"{message}.*\. Unpack ml-100k.zip there anew\.$"):
        official_folds("100k")  # at the call, and not when the first split is asked for


def test_the_cure_for_no_copy(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="unpack ml-100k there"):
        official_folds("100k", path=tmp_path / "elsewhere")


def test_ten_tenths(monkeypatch, folder):
    """Of 1M and 10M; here of what is there."""
    for name in ("1m", "10m"):
        monkeypatch.setitem(EDITIONS, name, EDITIONS["100k"])
        folds = dict(official_folds(name, path=folder))
        assert list(folds) == [f"fold {number}" for number in range(10)]
        assert {len(split.valid) for split in folds.values()} == {120}
        assert len(set().union(*(pairs(split.valid) for split in folds.values()))) == 1_200


@pytest.mark.parametrize("name", ["small-2016", "25m", "u1", 100])
def test_other_editions_have_none(name):
    with pytest.raises(ValueError, match="has no official folds: choose '100k', '1m' or '10m'"):
        official_folds(name)
    with pytest.raises(ValueError, match="says nothing of its users: choose '100k' or '1m'"):
        load_users(name)


# ---------------------------------------------------------------- users

USERS_1M = ["1::F::1::10::48067", "3::M::25::15::55117", "2::M::56::16::70072"]


@pytest.fixture
def one_million(tmp_path, monkeypatch):
    from collabkit.data.movielens_files import Edition

    monkeypatch.setitem(EDITIONS, "1m", Edition("ml-1m", 3, 3, 1, stars=(0, 1, 0, 1, 1), scale=(1.0, 5.0)))
    (tmp_path / "ratings.dat").write_text("3::7::4::978300760\n1::7::5::978300761\n2::7::2::978300762\n")
    (tmp_path / "movies.dat").write_text("7::Sabrina (1995)::Comedy\n")
    (tmp_path / "users.dat").write_text("\n".join([*USERS_1M, ""]))
    return tmp_path


def test_users_of_100k(folder):
    users, ratings = load_users("100k"), load_movielens("100k")
    assert users.index.tolist() == ratings.users.ids.tolist()
    assert users.shape == (40, 7 + 2 + 3) and (users.sum(axis=1) == 3).all()
    first = users.loc[1]
    assert first[first > 0].index.tolist() == ["age 0", "gender M", "occupation technician"]
    BayesianMF(2, n_samples=20, progress=False).fit(ratings, user_features=users)


def test_users_of_1m_have_the_same_groups(one_million):
    users = load_users("1m", path=one_million)
    told = [row[row > 0].index.tolist() for _, row in users.iterrows()]
    assert users.index.tolist() == [1, 2, 3]
    assert told[0] == ["age 0", "gender F", "occupation 10"]
    assert told[1] == ["age 56", "gender M", "occupation 16"]
    assert told[2] == ["age 25", "gender M", "occupation 15"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("70072\n", "7007", "users.dat is truncated or changed: 2 rows where the edition has 3"),
        ("::15::55117", "", "users.dat is truncated or changed: a row has not 5 fields: .'3', 'M', '25'"),
        ("::15::", "::::", "users.dat is truncated or changed: a row has not 5 fields"),
        ("2::M", "4::M", "users.dat is truncated or changed: its users are not those who gave ratings"),
        ("2::M", "1::M", "users.dat is truncated or changed: its users are not those who gave ratings"),
        ("::M::25", "::M::225", "users.dat is truncated or changed: some users have an age or a gender"),
        ("::M::25", "::M::old", "users.dat is truncated or changed: invalid literal"),
        ("::M::25", "::X::25", "users.dat is truncated or changed: some users have an age or a gender"),
    ],
)
def test_users_that_are_not_as_they_should_be(old, new, message, one_million):
    text = (one_million / "users.dat").read_text()
    assert old in text
    (one_million / "users.dat").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=rf"{message}.*\. Unpack ml-1m.zip there anew\.$"):
        load_users("1m", path=one_million)


def test_no_file_of_users(folder):
    (folder / "u.user").unlink()
    with pytest.raises(
        ValueError,
        match=r"its users: neither u.user nor users.dat is there\. Unpack ml-100k.zip there anew",
    ):
        load_users()


def test_a_model_learns_from_a_fold(folder):
    split = next(iter(official_folds("100k")))[1]
    rows = split.valid.frame
    stars = BayesianMF(2, n_samples=50, progress=False).fit(split.train).predict(rows["user"], rows["item"])
    assert rmse(split.valid.rating, stars) < 0.8 * split.valid.rating.std()
