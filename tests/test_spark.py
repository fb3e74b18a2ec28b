"""Spark: the real engine, on two executors, where pyspark and Java are; and its traps, each seen to happen."""

import sys

import numpy as np
import pytest

from collabkit import MeanBaseline, Recommender, evaluate, load_movielens, random_split
from collabkit.spark import SparkALS, require_spark, session
from tests.tables import random_ratings

# A test is short: what is compiled well takes longer than it saves.
QUICK = {
    f"spark.{who}.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" for who in ("driver", "executor")
} | {"spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false"}
SETTINGS = {"n_factors": 8, "n_sweeps": 5, "n_blocks": 2}


def here() -> bool:
    try:
        require_spark()
    except (ImportError, RuntimeError):
        return False
    return True


spark_is_here = pytest.mark.skipif(not here(), reason="no Spark: pip install 'collabkit[spark]', and Java 17 or 21")


@pytest.fixture(scope="module")
def spark():
    with session(settings=QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def split():
    return random_split(load_movielens())


@pytest.fixture(scope="module")
def als(spark, split):
    return SparkALS(spark, **SETTINGS).fit(split.train)


@pytest.fixture(scope="module")
def frame(spark, split, tmp_path_factory):
    """The training ratings in the executors, by code, and a few of the held-out ones, with a user nobody has met."""
    folder = tmp_path_factory.mktemp("spark")
    for name, part in (("train", split.train), ("valid", split.valid)):
        df = part.frame.assign(user=part.user, item=part.item)[["user", "item", "rating"]]
        df.to_parquet(folder / f"{name}.parquet", index=False)
    return {name: spark.read.parquet(str(folder / f"{name}.parquet")).cache() for name in ("train", "valid")}


@pytest.fixture(scope="module")
def engine(frame):
    """Spark's own ALS, on the raw stars, as most people first run it."""
    from pyspark.ml.recommendation import ALS

    return ALS(rank=2, maxIter=2, seed=0, numUserBlocks=2, numItemBlocks=2).fit(frame["train"])


@spark_is_here
class TestTraining:
    def test_two_executors_are_processes_of_their_own(self, spark):
        status = spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()
        assert len(status) == 3  # and the driver
        assert spark.sparkContext.master.startswith("local-cluster[2,1,")

    def test_it_learns_from_real_ratings(self, als, split):
        assert evaluate(als, split)["rmse"] < evaluate(MeanBaseline(damping=5).fit(split.train), split)["rmse"]

    def test_its_means_are_the_damped_ones(self, als, split):
        means = MeanBaseline(damping=5).fit(split.train)
        assert als.mean_ == pytest.approx(means.mean_, abs=1e-6)
        np.testing.assert_allclose(als.user_[:, 0], means.user_offset_, atol=1e-5)
        np.testing.assert_allclose(als.item_[:, 0], means.item_offset_, atol=1e-5)

    def test_the_penalty_is_times_the_number_of_ratings(self, als, split):
        """Users were solved last: their rows are those of a ridge regression, and not of one with λ alone."""
        train = split.train
        for user in np.unique(train.user)[:20]:
            rows = train.user == user
            q = als.item_[train.item[rows]]
            rest = train.rating[rows] - als.mean_ - als.user_[user, 0] - q[:, 0]
            gram, right = q[:, 1:].T @ q[:, 1:], q[:, 1:].T @ rest
            times_n = np.linalg.solve(gram + als.penalty * rows.sum() * np.eye(8), right)
            alone = np.linalg.solve(gram + als.penalty * np.eye(8), right)
            np.testing.assert_allclose(als.user_[user, 1:], times_n, atol=1e-4)
            assert not np.allclose(als.user_[user, 1:], alone, atol=1e-3)

    def test_its_tables_serve_and_are_saved_as_any_others(self, als, split, tmp_path):
        recommender = Recommender(als, split.train)
        users = split.train.users.ids[:3]
        lists = recommender.recommend(users, 5)
        assert len(lists) == 15
        seen = set(zip(split.train.frame["user"], split.train.frame["item"], strict=True))
        assert not seen & set(zip(lists["user"], lists["item"], strict=True))
        recommender.save(tmp_path / "spark.safetensors")
        assert Recommender.load(tmp_path / "spark.safetensors", mmap=True).recommend(users, 5).equals(lists)
        assert recommender.recommend_to_parquet(tmp_path / "lists.parquet", 5) == 5 * split.train.n_users

    def test_a_cold_row_gets_what_the_other_side_says(self, als, split):
        cold = als.predict([-1], [split.train.items.ids[0]])
        assert cold == pytest.approx(als.mean_ + als.item_[0, 0])
        assert np.isfinite(als.predict(split.valid.frame["user"], split.valid.frame["item"])).all()


@spark_is_here
class TestTraps:
    def test_cold_rows_are_nan_and_drop_hides_them(self, engine, frame, split):
        from pyspark.ml.evaluation import RegressionEvaluator
        from pyspark.sql import functions as F

        rmse = RegressionEvaluator(labelCol="rating", predictionCol="prediction")
        scored = engine.transform(frame["valid"])
        assert np.isnan(rmse.evaluate(scored))
        cold = scored.where(F.isnan("prediction")).count()
        assert cold == split.cold().sum() > 0
        kept = engine.copy().setColdStartStrategy("drop").transform(frame["valid"])
        assert kept.count() == len(split.valid) - cold
        assert np.isfinite(rmse.evaluate(kept))

    def test_ids_are_of_32_bits(self, spark):
        from pyspark.errors import PySparkException
        from pyspark.ml.recommendation import ALS

        large = spark.sql("SELECT 2147483648L AS user, 1 AS item, 3.0 AS rating")
        with pytest.raises(PySparkException, match="CAST_OVERFLOW"):
            ALS(maxIter=1).fit(large)
        wraps = "spark.sql.ansi.enabled"  # as Spark 3 was, and as some still set it
        try:
            spark.conf.set(wraps, "false")
            assert large.selectExpr("CAST(user AS INT)").first()[0] == -(2**31)
        finally:
            spark.conf.unset(wraps)
        with pytest.raises(ValueError, match="user ids go to 2147483648, and Spark's ALS takes 32 bits"):
            SparkALS(spark).train(large)

    def test_ten_blocks_unless_told(self, engine):
        from pyspark.ml.recommendation import ALS

        assert (ALS().getNumUserBlocks(), ALS().getNumItemBlocks()) == (10, 10)
        assert engine.userFactors.rdd.getNumPartitions() == 2

    def test_no_checkpoint_without_a_folder(self, spark, frame, tmp_path):
        """Spark has none until it is told: then an interval is obeyed, and before it is no more than a wish."""
        from pyspark.ml.recommendation import ALS

        asked = ALS(rank=1, maxIter=2, checkpointInterval=1, numUserBlocks=1, numItemBlocks=1)
        context, ours = spark.sparkContext, spark.sparkContext._jsc.sc().getCheckpointDir().get()
        assert ALS().getCheckpointInterval() == 10
        try:
            context.setCheckpointDir(None)  # as Spark is, when nobody has called session()
            asked.fit(frame["valid"])
            assert list(tmp_path.iterdir()) == []
            context.setCheckpointDir(str(tmp_path))
            asked.fit(frame["valid"])
            assert list(tmp_path.rglob("part-*")) != []
        finally:
            context.setCheckpointDir(ours)

    def test_without_the_means_it_does_worse(self, engine, als, split, frame):
        from pyspark.sql import functions as F

        warm = engine.transform(frame["valid"]).where(~F.isnan("prediction"))
        raw = warm.agg(F.sqrt(F.avg((F.col("rating") - F.col("prediction")) ** 2))).first()[0]
        assert evaluate(als, split)["rmse_warm"] < raw - 0.05

    def test_a_split_is_drawn_again_by_each_action_unless_it_is_kept(self, frame):
        """Of what comes out otherwise each time, here by a key as of now, a row is in both parts, or in none."""
        keyed = frame["valid"].selectExpr("reflect('java.util.UUID', 'randomUUID') AS key", "*")
        both = [[row[1:3] for row in part.collect()] for part in keyed.randomSplit([0.5, 0.5], seed=0)]
        assert set(both[0]) & set(both[1])
        kept = keyed.checkpoint()
        both = [[row[1:3] for row in part.collect()] for part in kept.randomSplit([0.5, 0.5], seed=0)]
        assert not set(both[0]) & set(both[1])
        assert len(both[0]) + len(both[1]) == frame["valid"].count()


# ---- where it cannot run ----


def test_without_java_the_error_says_what_to_install(monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said = r"collabkit\[spark\], needs Java 17 or 21, .*apt install openjdk-17"
    with pytest.raises(RuntimeError, match=said), session():
        raise AssertionError("it ran")


def test_java_home_will_do(monkeypatch, tmp_path):
    pytest.importorskip("pyspark")
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    require_spark()


def test_without_pyspark_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ImportError, match=r"Spark is not installed here: pip install 'collabkit\[spark\]', and Java"):
        require_spark()


@pytest.mark.parametrize(
    ("setting", "bad"),
    [
        ("n_factors", 0),
        ("penalty", 0),
        ("n_sweeps", 0),
        ("damping", -1),
        ("n_blocks", 1.5),
        ("seed", -1),
    ],
)
def test_settings_outside_their_range(setting, bad):
    with pytest.raises(ValueError, match=f"^{setting}="):
        SparkALS(None, **{setting: bad}).fit(random_ratings())


@pytest.mark.parametrize(("setting", "bad"), [("executors", 0), ("cores", 0), ("memory", 100)])
def test_sessions_outside_their_range(setting, bad):
    with pytest.raises(ValueError, match=f"^{setting}="), session(**{setting: bad}):
        raise AssertionError("it ran")


def test_what_is_no_ratings():
    with pytest.raises(TypeError, match="train is a DataFrame and has to be a Ratings"):
        SparkALS(None).fit(random_ratings().frame)
