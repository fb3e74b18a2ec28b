"""Batch: everybody's lists in one file, as recommend gives them, or no file at all."""

import numpy as np
import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile

from collabkit import DotProductBias, MeanBaseline, Ratings, Recommender
from collabkit.recommend import batch
from tests.tables import random_ratings, tiny_frame


@pytest.fixture
def recommender():
    ratings = random_ratings()
    return Recommender(DotProductBias(ratings.n_users, ratings.n_items, 3), ratings)


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_everybody_gets_what_recommend_gives(recommender, tmp_path, monkeypatch, exclude_seen):
    monkeypatch.setattr(batch, "ROWS", 30)
    path = tmp_path / "lists.parquet"
    n = recommender.recommend_to_parquet(path, 4, exclude_seen)
    wanted = recommender.recommend(recommender.ratings.users.ids, 4, exclude_seen).reset_index()
    found = pd.read_parquet(path)
    assert list(found) == ["user", "rank", "item", "stars"]
    pd.testing.assert_frame_equal(found, wanted[list(found)].astype({"rank": "int32"}))
    assert n == len(found)
    assert ParquetFile(path).metadata.num_row_groups == -(-recommender.ratings.n_users // (30 // 4))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [str, "uint64"])
def test_ids_of_other_kinds(tmp_path, kind):
    df = tiny_frame().assign(user=tiny_frame()["user"].astype(kind))
    if kind == "uint64":
        df["user"] += np.uint64(2**63)
    ratings = Ratings.from_frame(df)
    Recommender(MeanBaseline().fit(ratings), ratings).recommend_to_parquet(tmp_path / "lists.parquet", 99)
    found = pd.read_parquet(tmp_path / "lists.parquet")
    assert set(found["user"]) <= set(df["user"])
    assert len(found) == 3 * 4 - 7  # all that nobody has rated


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(recommender, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 30)
    path = tmp_path / "lists.parquet"
    recommender.recommend_to_parquet(path, 4)
    before, calls, whole = path.read_bytes(), [], recommender.recommend

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(recommender, "recommend", fails)
    with pytest.raises(KeyboardInterrupt):
        recommender.recommend_to_parquet(path, 4)
    assert len(calls) == 3
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_where_no_file_can_be(recommender, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        recommender.recommend_to_parquet(tmp_path / "none" / "lists.parquet")
    with pytest.raises(ValueError, match="is a folder, or no ordinary file"):
        recommender.recommend_to_parquet(tmp_path)
    with pytest.raises(TypeError, match="exclude_seen='no'"):
        recommender.recommend_to_parquet(tmp_path / "lists.parquet", exclude_seen="no")
    assert not list(tmp_path.iterdir())


def test_an_older_file_keeps_its_mode_and_a_link_stays_one(recommender, tmp_path):
    path, link = tmp_path / "lists.parquet", tmp_path / "link.parquet"
    path.touch(mode=0o640)
    link.symlink_to(path)
    recommender.recommend_to_parquet(link, 2)
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink() and len(pd.read_parquet(path))
