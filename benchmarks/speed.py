"""How long a fit takes: against fastai's own path, over tables of growing size, and against what the machine can do.

    python -m benchmarks.speed                     all parts
    python -m benchmarks.speed peers               ours against fastai's own (needs the 2018 edition; three minutes)
    python -m benchmarks.speed scale               an epoch from 0.1 to 25 million ratings: seconds and memory
    python -m benchmarks.speed sweeps              the same for a sweep of BayesianMF
    python -m benchmarks.speed floor               where the seconds of a step go
    … --sizes 100000 1000000                       a trial with tables of these sizes only: nothing is written

Writes results/speed.json; parts that are not named are kept. Seconds are those of the clock; beside them stand the
processor's own, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise, product
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from fastai.collab import TabularCollab
from fastai.data.block import TransformBlock
from fastai.learner import Learner
from fastai.losses import MSELossFlat
from fastai.tabular.core import Categorify, TabDataLoader, TabWeightedDL
from fastai.torch_core import default_device
from torch import Tensor

from benchmarks.bands import BATCH64, bias, split_of
from benchmarks.peers import peak_mb
from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from collabkit import QUICK, RECIPE, BayesianMF, Ratings, Split, collab_dataloaders, random_split, rating_learner
from collabkit.ratings import Vocabulary
from collabkit.training.fit import fit_recipe

SPLITS = range(3)
FASTAIS = BATCH64._replace(wd=0.1)  # as published
SIZES = {  # training and validation ratings together: users, items, as in the editions of MovieLens
    100_000: (610, 9_724),
    1_000_000: (6_040, 3_706),
    5_000_000: (69_878, 10_677),
    25_000_000: (162_541, 59_047),
}
STEPS = 160  # batches an epoch at any size, as the recipe has them on a small table: full tables are updated in each
FACTORS = (8, 16)  # of BayesianMF
Clocks = tuple[float, float]  # seconds of the clock, seconds of the processor


def wait() -> None:
    """Until the device has done what it was told: a GPU works on while the processor goes ahead."""
    device = default_device()
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def timed(work: Callable[[], Any]) -> tuple[Any, Clocks]:
    wait()
    clock, processor = time.perf_counter(), time.process_time()
    done = work()
    wait()
    return done, (time.perf_counter() - clock, time.process_time() - processor)


def quietly(learn: Learner, epochs: int, lr: float) -> Learner:
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, lr)
    return learn


# ---------------------------------------------------------------- ours against fastai's own


def fastais(split: Split, loader: type) -> Learner:
    """fastai's loaders, learner and Adam with the published settings, on the same rows and the same model."""
    frame = pd.concat([split.train.frame, split.valid.frame], ignore_index=True)[["user", "item", "rating"]]
    parts = (list(range(len(split.train))), list(range(len(split.train), len(frame))))
    table = TabularCollab(
        frame, [Categorify], ["user", "item"], y_names=["rating"], y_block=TransformBlock(), splits=parts
    )
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  fastai draws its rows from NumPy's global generator
    dls = table.dataloaders(bs=FASTAIS.bs, device=default_device(), dl_type=loader)
    model = bias(len(dls.classes["user"]), len(dls.classes["item"]), FASTAIS.n_factors)
    return quietly(Learner(dls, model, loss_func=MSELossFlat(), wd=FASTAIS.wd), FASTAIS.epochs, FASTAIS.lr)


def against_fastai() -> list[dict]:
    """One row a split: validation MSE and seconds of each, from the split to the fitted model; runs are interleaved."""
    mine: dict[str, Callable[[Split], Learner]] = {
        "RECIPE": partial(fit_recipe, model=bias, recipe=RECIPE),
        "QUICK": partial(fit_recipe, model=bias, recipe=QUICK),
    }
    theirs: dict[str, Callable[[Split], Learner]] = {
        "fastai": partial(fastais, loader=TabWeightedDL),  # its default: rows drawn with replacement
        "fastai, permuted": partial(fastais, loader=TabDataLoader),
    }
    rows = []
    print("the first fit of a process, RECIPE:", end=" ")
    _, (clock, _) = timed(lambda: fit_recipe(split_of("small-2018", 0), bias))
    print(f"{clock:.2f} s")
    for seed in SPLITS:
        split = split_of("small-2018", seed)
        row: dict[str, Any] = {"split": seed}
        for name, fit in (mine | theirs).items():
            # ours take a second or less, in which a busy machine may do anything: the middle one of five
            runs = [timed(partial(fit, split)) for _ in range(5 if name in mine else 1)]
            learn = runs[0][0]
            clock, processor = (statistics.median(clocks[i] for _, clocks in runs) for i in range(2))
            row[name] = {"mse": learn.recorder.values[-1][1], "seconds": clock, "processor": processor}
            print(f"split {seed}  {name:17} MSE {row[name]['mse']:.4f}  {clock:6.2f} s ({processor:.2f})", flush=True)
        for a, b in product(mine, theirs):
            times, below = row[b]["seconds"] / row[a]["seconds"], row[b]["mse"] - row[a]["mse"]
            row[f"{a} against {b}"] = {"times quicker": times, "MSE below": below}
            print(f"         {a} is {times:.1f} times quicker than {b}, and its MSE lower by {below:.4f}")
        rows.append(row)
    return rows


# ---------------------------------------------------------------- growing tables


def synthetic(n: int, n_users: int, n_items: int, seed: int = 0) -> Ratings:
    """n random ratings; few users and items have many of them. Rows may repeat: only the time counts here."""
    rng = np.random.default_rng(seed)

    def codes(size: int) -> np.ndarray:
        return (rng.random(n, dtype="float32") ** 3 * size).astype("int32").clip(max=size - 1)

    users, items = Vocabulary(np.arange(n_users), "user"), Vocabulary(np.arange(n_items), "item")
    films = pd.DataFrame({"item": items.ids, "label": items.ids.astype(str)})
    stars = rng.integers(1, 11, n, dtype="int8").astype("float32") / 2
    return Ratings(codes(n_users), codes(n_items), stars, None, users, items, films)


def one_size(n: int, bs: int) -> dict:
    """Seconds and memory of loaders and of two epochs on n ratings, a fifth of them held out."""
    split = random_split(synthetic(n, *SIZES[n]))
    table_mb = peak_mb()
    dls, (loaders, _) = timed(lambda: collab_dataloaders(split, bs=bs))
    learn = rating_learner(dls, bias(*SIZES[n], RECIPE.n_factors))
    clock, processor = min(timed(lambda: quietly(learn, 1, RECIPE.lr))[1] for _ in range(2))
    return {
        "ratings": n,
        "bs": bs,
        "loaders": loaders,
        "epoch": clock,
        "processor": processor,
        "peak_mb_table": table_mb,
        "peak_mb": peak_mb(),
        "threads": torch.get_num_threads(),
    }


def clocks() -> Clocks:
    wait()
    return time.perf_counter(), time.process_time()


def by_sweep(fit: Callable[[], Any]) -> list[Clocks]:
    """Of a fit of BayesianMF: what comes before the first sweep, each sweep, and what comes after the last.

    Taken where each sweep begins. The difference of two fits, of few sweeps and of more, can come out below zero.
    """
    marks = [clocks()]

    def marked(sweeps: Iterable[int], **bar: Any) -> Iterator[int]:
        for sweep in sweeps:
            marks.append(clocks())
            yield sweep
        marks.append(clocks())

    with patch("collabkit.bayes.tqdm", marked):
        fit()
    marks.append(clocks())
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]


def middle(runs: list[Clocks]) -> Clocks:
    clock, processor = zip(*runs, strict=True)
    return statistics.median(clock), statistics.median(processor)


def sweeps_of_size(n: int, n_factors: int, device="cpu") -> dict:
    """Seconds of one sweep over all n ratings, and memory."""
    ratings, n_sweeps = synthetic(n, *SIZES[n]), 6
    table_mb = peak_mb()
    model = BayesianMF(n_factors, n_samples=n_sweeps, burn_in=0, device=device, progress=False)
    before, _, *sweeps, _ = by_sweep(partial(model.fit, ratings))  # the first sweep warms up
    sweep, processor = middle(sweeps)
    return {
        "ratings": n,
        "n_factors": n_factors,
        "before": before[0],
        "sweep": sweep,
        "processor": processor,
        "peak_mb_table": table_mb,
        "peak_mb": peak_mb(),
        "threads": torch.get_num_threads(),
    }


def in_a_process(what: str, *numbers: int) -> dict:
    """A measurement in a process of its own, so that its peak of memory is its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed", what, *map(str, numbers)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def sweeps(sizes: list[int]) -> list[dict]:
    rows = []
    for n, n_factors in product(sizes, FACTORS):
        row = in_a_process("--sweeps-of-size", n, n_factors)
        rows.append(row)
        print(
            f"{n:>11,} ratings, K = {n_factors:2}: a sweep {row['sweep']:6.2f} s ({row['processor']:.2f}), "
            f"{row['sweep'] / n * 1e6:.2f} µs a rating; at most {row['peak_mb']:,.0f} MB",
            flush=True,
        )
    return rows


def batch_sizes(n: int) -> list[int]:
    """Around the one that gives the recipe's number of steps."""
    at_recipe = 2 ** round(np.log2(0.8 * n / STEPS))
    return [at_recipe // 2, at_recipe, 2 * at_recipe]


def scale(sizes: list[int]) -> list[dict]:
    rows = []
    for n in sizes:
        for bs in batch_sizes(n):
            row = in_a_process("--one-size", n, bs)
            rows.append(row)
            print(
                f"{n:>11,} ratings, batches of {bs:>7,}: an epoch {row['epoch']:6.2f} s ({row['processor']:.2f}), "
                f"{row['epoch'] / n * 1e6:.2f} µs a rating; at most {row['peak_mb']:,.0f} MB",
                flush=True,
            )
    return rows


# ---------------------------------------------------------------- the floor


def microseconds(work: Callable[[], Any], times: int = 200) -> float:
    """Of the processor's time, the least of ten measurements: what else the machine does only adds to it."""
    runs = []
    for _ in range(10):
        start = time.process_time()
        for _ in range(times // 10):
            work()
        runs.append((time.process_time() - start) / (times // 10))
    return min(runs) * 1e6


def floor() -> dict:
    """A step of the recipe: the bytes it must move, the same step in plain PyTorch, and with the learner around it."""
    torch.set_num_threads(1)  # then the processor's time is that of the clock
    split = split_of("small-2018", 0)
    torch.manual_seed(0)
    learn = rating_learner(collab_dataloaders(split), bias(split.train.n_users, split.train.n_items, RECIPE.n_factors))
    model, data = learn.model, learn.dls.train.dataset
    learn.create_opt()
    learn.opt.set_hypers(lr=1e-5)
    n, K = sum(p.numel() for p in model.parameters()), RECIPE.n_factors
    # AdamW reads p, g, m, v and writes p, m, v; g is zeroed first. A row of factors is read and its gradient added.
    bytes_ = {"optimizer": 7 * 4 * n, "zeros": 4 * n, "rows": RECIPE.bs * 2 * K * 4 * 4}
    there, here = torch.zeros(n), torch.ones(n)
    bandwidth = 2 * 4 * n / microseconds(lambda: there.copy_(here))  # bytes a microsecond
    rows = torch.randperm(len(data))[: RECIPE.bs]
    x, y = data.select(rows)

    def forward() -> Tensor:
        return F.mse_loss(model(x), y)

    def forward_backward() -> None:
        forward().backward()
        learn.opt.zero_grad()

    def step() -> None:
        forward().backward()
        learn.opt.step()
        learn.opt.zero_grad()

    parts = {"batch": microseconds(lambda: data.select(rows)), "forward": microseconds(forward)}
    parts["backward"] = microseconds(forward_backward) - parts["forward"]
    parts["step in plain PyTorch"] = parts["batch"] + microseconds(step)
    parts["optimizer"] = parts["step in plain PyTorch"] - sum(parts[name] for name in ("batch", "forward", "backward"))
    learn = rating_learner(collab_dataloaders(split), bias(split.train.n_users, split.train.n_items, RECIPE.n_factors))
    quietly(learn, 1, RECIPE.lr)
    steps = len(learn.dls.train) * RECIPE.epochs
    fits = [timed(lambda: quietly(learn, RECIPE.epochs, RECIPE.lr))[1] for _ in range(5)]
    parts["step of the learner"] = min(processor for _, processor in fits) / steps * 1e6  # validation included
    parts["bytes at the bandwidth of a copy"] = sum(bytes_.values()) / bandwidth
    for name, value in parts.items():
        print(f"{name:32} {value:8.0f} µs")
    print(
        f"a step moves {sum(bytes_.values()) / 2**20:.1f} MB; a copy of the tables runs at {bandwidth / 1e3:.1f} GB a "
        f"second; {2 * 3 * 2 * K * RECIPE.bs / 1e6:.2f} million additions and multiplications"
    )
    return {"microseconds": parts, "bytes": bytes_, "bandwidth_gb": bandwidth / 1e3}


def settings() -> dict[str, Any]:
    """Of all that is measured, for the file."""
    return plain({"model": bias, "RECIPE": RECIPE, "QUICK": QUICK, "fastai": FASTAIS, "splits": SPLITS})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help="peers, scale, sweeps, floor; all of them by default")
    parser.add_argument("--sizes", nargs="+", type=int, choices=list(SIZES), help="a trial: nothing is written")
    for name in ("--one-size", "--sweeps-of-size"):
        parser.add_argument(name, nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one_size or args.sweeps_of_size:
        print(json.dumps(one_size(*args.one_size) if args.one_size else sweeps_of_size(*args.sweeps_of_size)))
        return
    work: dict[str, Callable[[], Any]] = {
        "peers": against_fastai,
        "scale": lambda: scale(args.sizes or list(SIZES)),
        "sweeps": lambda: sweeps(args.sizes or list(SIZES)),
        "floor": floor,
    }
    if unknown := set(args.parts) - set(work):
        parser.error(f"unknown part {sorted(unknown)[0]!r}: choose from {', '.join(work)}")
    here = {"cores": os.cpu_count(), "threads": torch.get_num_threads()}
    measured = {} if args.sizes else kept("speed", args.parts)
    for part in args.parts or work:
        print(f"\n{part}")
        measured[part] = work[part]()
        if not args.sizes:
            write("speed", {"settings": settings()} | here | in_order(work, measured))


if __name__ == "__main__":
    main()
