import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import write_table

from collabkit import Ratings
from collabkit.data import parquet
from tests.tables import tiny_frame

FIRST, REST = tiny_frame().iloc[:4], tiny_frame().iloc[4:]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(parquet, "PIECE", 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ratings.parquet"


def assert_same(one: Ratings, other: Ratings) -> None:
    for column in ("user", "item", "rating", "timestamp"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    assert one.users.ids.tolist() == other.users.ids.tolist() and one.users.ids.dtype == other.users.ids.dtype
    assert one.items.ids.tolist() == other.items.ids.tolist()
    pd.testing.assert_frame_equal(one.films, other.films)
    assert one.scale == other.scale


IDS = st.integers(-(2**63), 2**64 - 1) | st.integers(0, 9)
PAIRS = st.lists(st.tuples(IDS, st.text()), min_size=1, max_size=20, unique=True)


@given(PAIRS, st.randoms())
def test_pieces_make_what_the_whole_table_makes(tmp_path_factory, pairs, random):
    path = tmp_path_factory.getbasetemp() / "pieces.parquet"
    # one type a file, as Parquet has it: with a sign, or without
    lowest, highest = min(user for user, _ in pairs), max(user for user, _ in pairs)
    if lowest < 0 and highest >= 2**63:
        pairs = list({(abs(user), item): None for user, item in pairs})
    df = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=[random.choice([1, 2.5, 5]) for _ in pairs])
    df["user"] = df["user"].astype("uint64" if highest >= 2**63 else "int64")
    df["item"] = df["item"].astype(object)
    write_table(pa.table({name: df[name].to_numpy() for name in df}), path)
    assert_same(Ratings.from_parquet(path, scale=(1, 5)), Ratings.from_frame(df, scale=(1, 5)))


def test_a_folder_of_files_with_other_names_and_metadata(tmp_path):
    names = {"user": "who", "item": "what", "rating": "stars", "timestamp": "when"}
    items = pd.DataFrame({"item": [900, 5], "title": ["Z", "A"]})
    FIRST.rename(columns=names).to_parquet(tmp_path / "part-0.parquet")
    REST.rename(columns=names).to_parquet(tmp_path / "part-1.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".part-0.parquet").write_text("an engine's own")
    assert_same(Ratings.from_parquet(tmp_path, **names, items=items), Ratings.from_frame(tiny_frame(), items=items))


@pytest.mark.parametrize("kind", ["category", "float64", "float32", "int8", "Int64"])
def test_ids_of_other_types(path, kind):
    df = tiny_frame().assign(user=tiny_frame()["user"].astype(kind))
    df.to_parquet(path)
    assert_same(Ratings.from_parquet(path), Ratings.from_frame(df))


def test_both_zeros_are_one_id(path):
    df = pd.DataFrame({"user": [0.0, -0.0, -0.0, 1.0], "item": [1, 2, 3, 1], "rating": 3.0})
    df.to_parquet(path)
    assert_same(Ratings.from_parquet(path), Ratings.from_frame(df))


def test_date_times_become_seconds(path):
    df = tiny_frame().assign(timestamp=pd.to_datetime(tiny_frame()["timestamp"] + 10**9, unit="s", utc=True))
    df.to_parquet(path)
    assert_same(Ratings.from_parquet(path), Ratings.from_frame(df))


# Each in the last piece of three, where the first ones could hide it.
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda df: df.drop(columns="rating"), KeyError, "no column 'rating': this table has"),
        (lambda df: df.iloc[:0], ValueError, "no rows: there is nothing to learn from"),
        (lambda df: df.assign(user=[*df["user"][:6], None]), ValueError, "'user' has missing ids"),
        (lambda df: df.assign(item=[*df["item"][:6].astype(str), None]), ValueError, "'item' has missing ids"),
        (lambda df: df.assign(user=df["user"] + 0.5), TypeError, "user ids have to be all whole numbers or all text"),
        (lambda df: df.assign(user=df["user"] > 10), TypeError, "user ids have to be all whole numbers or all text"),
        (lambda df: df.assign(item=[[1]] * 7), TypeError, "item ids have to be all whole numbers or all text"),
        (lambda df: df.assign(rating=[*df["rating"][:6], np.nan]), ValueError, r"not finite numbers(.|\n)*\n6 "),
        (lambda df: df.assign(rating=[*df["rating"][:6].astype(str), "good"]), ValueError, "not finite numbers"),
        (lambda df: df.assign(rating=[*df["rating"][:6], np.inf]), ValueError, "not finite numbers"),
        (lambda df: df.assign(rating=[*df["rating"][:6], 5.5]), ValueError, "leaves the scale"),
        (lambda df: pd.concat([df, df.head(1)]), ValueError, r"more than once \(1 ratings too .* in rows 0 and 7"),
        (lambda df: df.assign(timestamp=[*df["timestamp"][:6], np.nan]), ValueError, "missing times"),
        (lambda df: df.assign(timestamp="yesterday"), ValueError, "seconds since 1970"),
    ],
)
def test_bad_tables_are_refused_at_the_door(path, change, error, message):
    change(tiny_frame()).to_parquet(path, index=False)
    with pytest.raises(error, match=message):
        Ratings.from_parquet(path, scale=(0.5, 5))


def test_files_that_keep_one_column_as_two_types(tmp_path):
    FIRST.to_parquet(tmp_path / "a.parquet")
    REST.assign(user=REST["user"].astype(str)).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(TypeError, match=r"'user' is int64 in a.parquet and (large_)?string in b.parquet"):
        Ratings.from_parquet(tmp_path)


def test_files_that_are_none(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        Ratings.from_parquet(path)
    with pytest.raises(ValueError, match=r"has no files that end in \.parquet"):
        Ratings.from_parquet(tmp_path)
    path.write_text("user,item,rating")
    with pytest.raises(ValueError, match="no Parquet file, or was cut off or changed"):
        Ratings.from_parquet(path)
    tiny_frame().to_parquet(path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="no Parquet file, or was cut off or changed"):
            Ratings.from_parquet(path)


def test_a_file_that_is_damaged_inside(path):
    write_table(pa.table({"user": [1, 2], "item": [1, 2], "rating": [1.0, 2.0]}), path, compression="snappy")
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no Parquet file, or was cut off or changed"):
        Ratings.from_parquet(path)


def test_what_looks_like_no_ratings_is_said_once_at_the_callers_line(path):
    df = tiny_frame().assign(timestamp=pd.to_datetime(tiny_frame()["timestamp"], unit="s"))
    df.assign(rating=[1, 2, 3, 4, 5, 99, 99]).to_parquet(path)
    with pytest.warns(UserWarning, match="99 in 29% of its rows") as told:
        Ratings.from_parquet(path)
    assert {warning.filename for warning in told} == {__file__}
    with pytest.warns(UserWarning, match="begins in 1970") as told:
        Ratings.from_parquet(path, scale=(0, 100))
    assert {warning.filename for warning in told} == {__file__}


LOAD = """
import resource, sys
from collabkit import Ratings
from collabkit.data import parquet  # and with it what reading takes of its own
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ratings = Ratings.from_parquet(sys.argv[1], scale=(0.5, 5))
print(len(ratings), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_grows_by_the_codes_and_a_piece(path):
    """In a process of its own. 25 million may take 3 GB, which is 120 bytes each: so may two million, and a piece."""
    n = 2_000_000
    cells = np.random.default_rng(0).permutation(5_000_000)[:n]
    columns = {"user": cells // 1000, "item": cells % 1000, "rating": np.full(n, 3.5), "timestamp": cells}
    write_table(pa.table(columns), path)
    done = subprocess.run([sys.executable, "-c", LOAD, path], capture_output=True, text=True, check=True)
    rows, grown = map(int, done.stdout.split())
    unit = 1024 if sys.platform == "linux" else 1  # of ru_maxrss
    assert rows == n
    assert grown * unit < 120 * n
