"""Batch: the lists of all users, too many to hold, written as Parquet piece by piece."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from collabkit.ratings import Ratings
from collabkit.saving.atomic import replaced

ROWS = 1_000_000  # of a piece, which is one row group of the file


class Recommends(Protocol):
    """A :class:`collabkit.Recommender`."""

    ratings: Ratings

    def recommend(self, user: np.ndarray, k: int, exclude_seen: bool) -> pd.DataFrame: ...


def write_lists(recommender: Recommends, path: str | os.PathLike[str], k: int, exclude_seen: bool) -> int:
    """What :meth:`collabkit.Recommender.recommend_to_parquet` does, and how many rows it wrote."""
    users, items = recommender.ratings.users.ids, recommender.ratings.items.ids
    columns = {"user": pa.array(users[:1]).type, "rank": pa.int32(), "item": pa.array(items[:1]).type}
    schema = pa.schema(columns | {"stars": pa.float64()})
    step, n_rows = max(1, ROWS // min(k, len(items))), 0
    with replaced(Path(path)) as new, ParquetWriter(new, schema) as writer:
        for start in range(0, len(users), step):
            lists = recommender.recommend(users[start : start + step], k, exclude_seen).reset_index()
            writer.write_table(
                pa.table({name: pa.array(lists[name], schema.field(name).type) for name in schema.names})
            )
            n_rows += len(lists)
    return n_rows
