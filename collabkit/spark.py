"""Spark: alternating least squares on an engine that cuts the ratings over processes, or machines.

It needs pyspark, ``pip install collabkit[spark]``, and Java 17 or 21, which pip does not bring.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow.parquet import read_table, write_table

from collabkit import checks
from collabkit.als import ALS
from collabkit.ratings import Ratings, rated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def require_spark() -> None:
    """Refuse, in one line, where the engine cannot run.

    Raises: ``ImportError`` without pyspark; ``RuntimeError`` without Java.
    """
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise ImportError("Spark is not installed here: pip install 'collabkit[spark]', and Java 17 or 21.") from error
    if not (shutil.which("java") or shutil.which("java", path=os.path.join(os.environ.get("JAVA_HOME") or "", "bin"))):
        raise RuntimeError(
            "Spark, from collabkit[spark], needs Java 17 or 21, and there is no java on the path or in $JAVA_HOME: on "
            "Debian and Ubuntu, apt install openjdk-17-jre-headless; on a Mac, brew install openjdk@17."
        )


@contextmanager
def session(
    executors: int = 2, cores: int = 1, memory: int = 1024, settings: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """Spark on this machine as it is on many: a driver, and executors that are processes of their own.

    Everything listens on the loopback address alone. The session has a folder for checkpoints; what it writes is gone
    with this process.

    Args:
        executors, cores: how many processes, and threads in each.
        memory: MB of each executor, and of the driver.
        settings: of Spark's own, which come last: ``{"spark.master": "spark://host:7077"}`` takes a cluster.

    Raises: as :func:`require_spark`; ``RuntimeError`` when Spark does not start, as with an older Java.
    """
    executors, cores = checks.whole("executors", executors, at_least=1), checks.whole("cores", cores, at_least=1)
    memory = checks.whole("memory", memory, at_least=512)
    require_spark()
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    folder = tempfile.mkdtemp(dir=_home())
    chosen = {
        "spark.master": f"local-cluster[{executors},{cores},{memory}]",
        "spark.executor.memory": f"{memory}m",
        "spark.driver.memory": f"{memory}m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": folder,
        "spark.sql.shuffle.partitions": str(2 * executors * cores),  # 200 by default, for clusters
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    } | dict(settings or {})
    builder = SparkSession.builder.appName("collabkit")
    for name, value in chosen.items():
        builder = builder.config(name, value)
    environment = {"SPARK_HOME": _home(), "SPARK_LOCAL_IP": "127.0.0.1"}
    before = dict(os.environ)
    try:
        os.environ.update(environment)
        spark = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise RuntimeError(f"Spark did not start: it needs Java 17 or 21. In its own words: {error}") from error
    finally:
        for name in environment:
            os.environ.pop(name)
        os.environ.update(before)
    spark.sparkContext.setCheckpointDir(os.path.join(folder, "checkpoints"))
    try:
        yield spark
    finally:
        spark.stop()
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _home() -> str:
    """A home for Spark that points into the installed one: executors log under their home, which may be read-only."""
    import pyspark

    home = tempfile.mkdtemp(prefix="collabkit-spark-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for part in Path(pyspark.__file__).parent.iterdir():
        if part.name != "work":
            os.symlink(part, os.path.join(home, part.name))
    return home


def offsets(ratings: DataFrame, side: str, mean: float, damping: float) -> DataFrame:
    r"""How far the damped mean of each ``"user"`` or ``"item"`` lies from the mean of all: columns ``side, offset``.

    .. math:: b_u = \frac{\sum_{i \in u} (r_{ui} - \mu)}{n_u + k}

    as :class:`collabkit.MeanBaseline` has it.
    """
    from pyspark.sql import functions as F

    return ratings.groupBy(side).agg((F.sum(F.col("rating") - mean) / (F.count("*") + damping)).alias(f"{side}_offset"))


class SparkALS(ALS):
    r"""Spark's ALS on what the damped means leave of the ratings.

    .. math:: \min_{P, Q} \sum_{(u,i)} (r_{ui} - \mu - b_u - b_i - p_u^\top q_i)^2
              + \lambda \Bigl(\sum_u n_u \lVert p_u \rVert^2 + \sum_i n_i \lVert q_i \rVert^2\Bigr)

    Spark has no biases, so the means are subtracted first, and stay as they are; and its penalty of a user or an item
    is λ times their number of ratings. Once it is fitted this is an :class:`collabkit.ALS` like any other: it predicts,
    and :class:`collabkit.Recommender` makes its lists.

    Args:
        spark: the session to run in, such as that of :func:`session`.
        n_factors, n_sweeps, seed: as in :class:`collabkit.ALS`.
        penalty: λ, of each factor and rating; Spark's ``regParam``, chosen on training ratings of the embedded edition.
        damping: k of the means.
        n_blocks: parts that each side is cut into; Spark takes 10 unless told, however few the executors.

    Attributes:
        mean_, user_, item_, users_, items_: as in :class:`collabkit.ALS`, with the means in the place of the biases.

    Raises: when fitted, ``ValueError`` or ``TypeError`` for a setting outside its range, and for ids that Spark's 32
        bits do not hold.
    Source: :cite:t:`zhou2008large`, for the penalty; :cite:t:`meng2016mllib`, for the engine.
    """

    def __init__(
        self,
        spark: SparkSession,
        n_factors: int = 20,
        penalty: float = 0.2,
        n_sweeps: int = 10,
        damping: float = 5.0,
        n_blocks: int = 10,
        seed: int = 0,
    ):
        self.spark, self.n_factors, self.penalty, self.n_sweeps = spark, n_factors, penalty, n_sweeps
        self.damping, self.n_blocks, self.seed = damping, n_blocks, seed

    def fit(self, train: Ratings) -> SparkALS:
        """Train on these ratings, which the executors read as Parquet, by code; returns itself."""
        rated(train, "train")
        self._settings()  # before anything is written
        with tempfile.TemporaryDirectory(dir=_home()) as folder:
            columns = {"user": train.user, "item": train.item, "rating": train.rating}
            write_table(pa.table(columns), os.path.join(folder, "ratings.parquet"))
            ratings = self.spark.read.parquet(os.path.join(folder, "ratings.parquet"))
            mean, (users, user_rows), (items, item_rows) = self.train(ratings)
        user, item = (np.zeros((n, user_rows.shape[1]), "float32") for n in (train.n_users, train.n_items))
        user[users], item[items] = user_rows, item_rows  # zeros for whoever has no training rating
        vars(self).update(mean_=mean, user_=user, item_=item, users_=train.users, items_=train.items)
        return self

    def train(self, ratings: DataFrame) -> tuple[float, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Train on a frame ``user, item, rating`` that may lie anywhere and have any size, in the executors.

        Returns: μ; and of each side its ids ``(n,)``, ascending, and ``[mean, factors]`` ``(n, 1 + K)``. Only these
        tables come back to this process.
        """
        from pyspark.ml.recommendation import ALS as EngineALS
        from pyspark.sql import functions as F

        settings, damping = self._settings()
        asked = [F.avg("rating"), *(end(side) for side in ("user", "item") for end in (F.min, F.max))]
        mean, *ends = ratings.agg(*asked).first() or [None]
        for side, lowest, highest in (("user", *ends[:2]), ("item", *ends[2:])):
            if mean is not None and not -(2**31) <= lowest <= highest < 2**31:
                raise ValueError(f"{side} ids go to {highest}, and Spark's ALS takes 32 bits: give codes from 0 on.")
        users, items = (offsets(ratings, side, mean, damping) for side in ("user", "item"))
        rest = ratings.join(users, "user").join(items, "item")
        rest = rest.withColumn("rest", F.col("rating") - mean - F.col("user_offset") - F.col("item_offset"))
        engine = EngineALS(userCol="user", itemCol="item", ratingCol="rest", **settings)
        model = engine.fit(rest.select("user", "item", "rest"))
        with tempfile.TemporaryDirectory(dir=_home()) as folder:
            tables = [
                _gathered(side_offsets.join(factors.withColumnRenamed("id", side), side), side, folder)
                for side, side_offsets, factors in (
                    ("user", users, model.userFactors),
                    ("item", items, model.itemFactors),
                )
            ]
        return mean, *tables

    def _settings(self) -> tuple[dict[str, Any], float]:
        """In Spark's names, and the damping of the means."""
        n_blocks = checks.whole("n_blocks", self.n_blocks, at_least=1)
        settings = {
            "rank": checks.whole("n_factors", self.n_factors, at_least=1),
            "maxIter": checks.whole("n_sweeps", self.n_sweeps, at_least=1),
            "regParam": checks.number("penalty", self.penalty, above=0),
            "seed": checks.seed(self.seed),
            "numUserBlocks": n_blocks,
            "numItemBlocks": n_blocks,
        }
        return settings, checks.number("damping", self.damping, at_least=0)


def _gathered(frame: DataFrame, side: str, folder: str) -> tuple[np.ndarray, np.ndarray]:
    """A table of factors out of the executors: ids ``(n,)``, ascending, and ``[mean, factors]`` ``(n, 1 + K)``."""
    frame.write.parquet(os.path.join(folder, side))
    table = read_table(os.path.join(folder, side)).sort_by(side)
    rows = table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    columns: list[Any] = [table[f"{side}_offset"].to_numpy()[:, None], rows]
    return table[side].to_numpy(), np.hstack(columns).astype("float32")
