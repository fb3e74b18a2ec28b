"""How quick one device is. `tools/gpu.py` asks for the GPU and for the CPU, each in a process of its own.

    python -m benchmarks.device                             name the device that PyTorch finds
    python -m benchmarks.device gpu --large 25000000        measure on it; `cpu` on the processor

Each measurement is a line of JSON, printed when it is done. Seconds are those of the clock, after a warm-up, and end
when the device is done. An epoch is training and validation; the bare loop has the same model, optimizer and batches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from fastai.learner import Learner
from fastai.tabular.core import TabWeightedDL
from fastai.torch_core import default_device

from benchmarks.bands import bias, split_of
from benchmarks.speed import SIZES, fastais, quietly, sweeps_of_size, synthetic, timed
from collabkit import QUICK, RECIPE, BayesianMF, Split, collab_dataloaders, evaluate, random_split, rating_learner
from collabkit.training.fit import fit_recipe


def found() -> dict[str, Any]:
    """The device that fits take by default."""
    device = default_device()
    name = getattr(getattr(torch, device.type), "get_device_name", lambda: device.type)
    return {"device": device.type, "name": name(), "cuda": torch.version.cuda}


def edition() -> str:
    """The 2018 edition when it is on this machine, else the one that comes with the packages: nothing is fetched."""
    data = os.environ.get("COLLABKIT_DATA")
    return "small-2018" if data and Path(data, "ml-latest-small", "ratings.csv").is_file() else "small-2016"


def median(n_runs: int, work: Callable[[], Any]) -> tuple[Any, float]:
    """What the last run gives, and the middle time of all; one before them warms up."""
    work()
    runs = [timed(work) for _ in range(n_runs)]
    return runs[-1][0], statistics.median(clock for _, (clock, _) in runs)


def bayes(split: Split, device: torch.device, **settings) -> BayesianMF:
    return BayesianMF(device=device, progress=False, **settings).fit(split.train)


def small_tables(device: torch.device, n_runs: int) -> Iterator[dict[str, Any]]:
    split = split_of(edition(), 0)
    for name, recipe in {"RECIPE": RECIPE, "QUICK": QUICK}.items():
        learn, seconds = median(n_runs, partial(fit_recipe, split, bias, recipe))
        yield {"what": f"fit with {name}", "seconds": seconds, "mse": learn.recorder.values[-1][1]}
    bayes(split, device, n_samples=1, burn_in=0)
    model, (seconds, _) = timed(partial(bayes, split, device))
    yield {"what": "fit of BayesianMF", "seconds": seconds, "mse": evaluate(model, split)["rmse"] ** 2}


def bare_epoch(learn: Learner, bs: int) -> None:
    train, valid, model = learn.dls.train.dataset, learn.dls.valid.dataset, learn.model
    for rows in torch.randperm(len(train), device=train.x.device).split(bs):
        x, y = train.select(rows)
        F.mse_loss(model(x), y).backward()
        learn.opt.step()
        learn.opt.zero_grad()
    with torch.no_grad():
        for x, y in zip(*(table.split(learn.dls.valid.bs) for table in (valid.x, valid.y)), strict=True):
            F.mse_loss(model(x), y)


def large_tables(device: torch.device, n_runs: int, n: int) -> Iterator[dict[str, Any]]:
    bs = n * 2**17 // max(SIZES)  # as many batches at any size
    dls = collab_dataloaders(random_split(synthetic(n, *SIZES[n])), bs=bs)
    learn = rating_learner(dls, bias(*SIZES[n], RECIPE.n_factors))
    learn.model.to(learn.dls.device)  # fastai moves it when a fit begins
    learn.create_opt()
    at = f"at {n:,} ratings"
    _, bare = median(n_runs, lambda: bare_epoch(learn, bs))
    yield {"what": f"bare loop {at}", "seconds": bare, "batch": bs}
    _, epoch = median(n_runs, lambda: quietly(learn, 1, RECIPE.lr))
    yield {"what": f"epoch {at}", "seconds": epoch, "batch": bs, "times the bare loop": epoch / bare}
    yield {"what": f"sweep of BayesianMF {at}", "seconds": sweeps_of_size(n, 8, device)["sweep"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", nargs="?", choices=("gpu", "cpu"))
    parser.add_argument("--large", type=int, choices=list(SIZES), help="ratings of the large tables; none by default")
    parser.add_argument("--runs", type=int, default=3, help="of which the middle one counts")
    parser.add_argument("--fastai", action="store_true", help="fastai's own path too: a minute")
    args = parser.parse_args()
    if not args.device:
        print(json.dumps(found()))
        return
    device = default_device(use=None if args.device == "gpu" else False)  # from here on, of all that fastai makes
    for measured in small_tables(device, args.runs):
        print(json.dumps(measured), flush=True)
    for measured in large_tables(device, args.runs, args.large) if args.large else ():
        print(json.dumps(measured), flush=True)
    if args.fastai:
        learn, (seconds, _) = timed(lambda: fastais(split_of(edition(), 0), TabWeightedDL))
        mse = learn.recorder.values[-1][1]
        print(json.dumps({"what": "fastai's own path", "seconds": seconds, "mse": mse}), flush=True)


if __name__ == "__main__":
    main()
