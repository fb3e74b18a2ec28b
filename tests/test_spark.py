"""Spark: the real engine, on two executors, where pyspark and Java are; and its traps, each seen to happen."""

import re
import sys
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from collabkit import MeanBaseline, Recommender, evaluate, load_movielens, random_split
from collabkit.spark import SparkALS, require_spark, session
from tests.tables import random_ratings
from tools.notebooks import ROOT, read

# A test is short: what is compiled well, and checked class by class, takes longer than it saves.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
QUICK = {f"spark.{who}.extraJavaOptions": JAVA for who in ("driver", "executor")}
QUICK |= {f"spark.sql.{what}": "false" for what in ("codegen.wholeStage", "adaptive.enabled")}
QUICK["spark.sql.shuffle.partitions"] = "2"


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


CHAPTER = read(ROOT / "book/chapters/17_scaling_up.ipynb").cells
FILES = next(cell.source for cell in CHAPTER if "coded.to_parquet" in cell.source)  # what the blocks read
BLOCKS = re.findall(r"```python\n(.*?)```", "\n".join(c.source for c in CHAPTER if c.cell_type == "markdown"), re.S)


@pytest.fixture(scope="module")
def shown(spark, split, tmp_path_factory):
    """What chapter 17 shows and does not run: its names, after its first two blocks, in a session of ours."""
    names = {"np": np, "pd": pd, "evaluate": evaluate, "split": split, "folder": tmp_path_factory.mktemp("shown")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collabkit.spark.session", lambda **asked: nullcontext(spark))
        for source in (FILES, *BLOCKS[:2]):
            exec(source, names)
    return names


@pytest.fixture(scope="module")
def als(shown):
    return shown["solved"]


@spark_is_here
class TestChapter:
    """Every block that chapter 17 shows without running it, with its assertions: each trap is seen to happen."""

    def test_all_blocks_are_here(self):
        assert len(BLOCKS) == 9 and "session(" in BLOCKS[0]
        assert all("assert " in block for block in BLOCKS[2:])

    @pytest.mark.parametrize("place", range(2, 9))
    def test_what_it_says_happens(self, shown, spark, place):
        folder = spark.sparkContext._jsc.sc().getCheckpointDir().get()
        try:
            exec(BLOCKS[place], shown)
        finally:
            spark.sparkContext.setCheckpointDir(folder)

    def test_its_lists_are_there(self, shown, split):
        assert len(pd.read_parquet(shown["folder"] / "from_spark.parquet")) == 10 * split.train.n_users


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
def test_ids_that_32_bits_do_not_hold_are_refused(spark):
    from pyspark.errors import PySparkException
    from pyspark.ml.recommendation import ALS

    large = spark.sql("SELECT 2147483648L AS user, 1 AS item, 3.0 AS rating")
    with pytest.raises(PySparkException, match="CAST_OVERFLOW"):
        ALS(maxIter=1).fit(large)
    with pytest.raises(ValueError, match="user ids go to 2147483648, and Spark's ALS takes 32 bits"):
        SparkALS(spark).train(large)


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
