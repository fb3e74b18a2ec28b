"""Two processes that share a fit take the steps of one; and one that dies costs an epoch at most."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed

from collabkit import collab_dataloaders, random_split, rating_learner
from collabkit.models import DotProductBias
from collabkit.training.parallel import InParallel, join_processes
from tests.tables import random_ratings
from tests.training import shared_fit

ROOT = Path(__file__).resolve().parents[2]
TRAINED = 720  # rows, of the 900 that are there
pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="this PyTorch has no torch.distributed")


def alone(folder: Path, rows: int, bs: int) -> dict:
    """What this process finds without torchrun."""
    folder.mkdir()
    shared_fit.main(folder, rows, bs, die=False)
    return torch.load(folder / "0.pt")


def together(folder: Path, rows: int, bs: int, *more: str) -> list[dict]:
    """What each of two processes has found, started by torchrun, which may start them once again."""
    folder.mkdir()
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [*start, str(ROOT / "tests/training/shared_fit.py"), str(folder), str(rows), str(bs), *more]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fits")


@pytest.fixture(scope="module")
def one(folder):
    return alone(folder / "one", 900, 100)


@pytest.fixture(scope="module")
def two(folder):
    return together(folder / "two", 900, 100)


def pairs(batches: list[torch.Tensor]) -> list[tuple[int, ...]]:
    return [tuple(pair) for batch in batches for pair in batch.tolist()]


def test_each_row_of_a_permutation_is_seen_once_and_by_one_process(one, two):
    steps = len(one["batches"])  # eight an epoch, the last of twenty rows
    assert [len(found["batches"]) for found in two] == [steps, steps] == [24, 24]
    for whole, *parts in zip(one["batches"], *(found["batches"] for found in two), strict=True):
        assert sorted(pairs([whole])) == sorted(pairs(parts)) and abs(len(parts[0]) - len(parts[1])) <= 1
    epoch = [pair for found in two for pair in pairs(found["batches"][:8])]
    assert len(epoch) == len(set(epoch)) == TRAINED


def test_the_steps_are_those_of_one_process(one, two):
    assert two[0]["world"] == 2 and one["world"] == 1
    torch.testing.assert_close(two[0]["losses"], one["losses"], rtol=1e-5, atol=0)
    for name, table in one["tables"].items():
        torch.testing.assert_close(two[0]["tables"][name], table, rtol=1e-3, atol=1e-5)
        assert torch.equal(two[0]["tables"][name], two[1]["tables"][name])
    assert two[0]["scores"] == pytest.approx(one["scores"], rel=1e-5)


def test_batches_that_cannot_be_shared_evenly_count_row_by_row(folder):
    one, both = alone(folder / "odd", 76, 15), together(folder / "odd, two", 76, 15)
    assert [len(batch) for batch in both[1]["batches"][:5]] == [7, 7, 7, 7, 0]  # of 61 rows the last batch has one
    torch.testing.assert_close(both[0]["losses"], one["losses"], rtol=1e-5, atol=0)
    torch.testing.assert_close(both[1]["tables"], one["tables"], rtol=1e-3, atol=1e-5)


def test_a_killed_process_costs_its_epoch_and_nothing_else(folder, two):
    again = together(folder / "killed", 900, 100, "die")
    assert len(again[0]["batches"]) == 16  # the first epoch is not repeated
    for name, table in two[0]["tables"].items():
        assert torch.equal(again[0]["tables"][name], table), name


def test_alone_it_changes_nothing(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert join_processes() == (0, 1)
    split = random_split(random_ratings(), seed=0)

    def tables(*callbacks):
        torch.manual_seed(0)
        learn = rating_learner(collab_dataloaders(split, bs=100), DotProductBias(40, 60, 4), cbs=callbacks)
        with learn.no_bar(), learn.no_logging():
            learn.fit(1)
        return list(learn.model.parameters())

    assert all(map(torch.equal, tables(InParallel()), tables()))
