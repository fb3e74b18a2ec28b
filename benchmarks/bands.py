"""Measure the bands that chapters quote: fit each recipe over splits and seeds, write collabkit/results/bands.json.

    python -m benchmarks.bands            all of them (needs the 2018 edition in $COLLABKIT_DATA)
    python -m benchmarks.bands course     those with "course" in the name, the others kept
    python -m benchmarks.bands --time     only the seconds of one fit each, anew, on a machine that does nothing else

Each score is the validation error of one fit: five random 80/20 splits, two seeds each; for models that
hardly depend on their seed (means, ALS, BayesianMF) ten splits.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from fastai.optimizer import OptimWrapper
from fastai.torch_core import trainable_params
from torch import nn
from tqdm import tqdm

from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    MeanBaseline,
    Ratings,
    Split,
    collab_dataloaders,
    evaluate,
    film_features,
    load_movielens,
    popularity,
    random_split,
    rating_learner,
    who_rated,
)
from collabkit.models import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet

OUT = Path(__file__).parent.parent / "collabkit/results/bands.json"
SPLITS_AND_SEEDS = [(split, seed) for split in range(5) for seed in range(2)]
RANGE = (0, 5.5)

Model = Callable[[int, int], nn.Module]  # built for so many users and items
Features = Callable[[Ratings], pd.DataFrame]
Score = partial[tuple[float, float]]  # called with (edition, split, seed): validation MSE, seconds of the fit
COURSE: dict[str, Any] = {
    "bs": RECIPE.bs,
    "epochs": RECIPE.epochs,
    "lr": RECIPE.lr,
}  # chapters before "Weight decay" train without it
BATCH64: dict[str, Any] = {"bs": 64, "epochs": 5, "lr": 5e-3}


@cache
def split_of(edition: str, seed: int):
    return random_split(load_movielens(edition), seed=seed)


def means(edition: str, split: int, seed: int, by: tuple[str, ...]) -> tuple[float, float]:
    return predictor(MeanBaseline(by), split_of(edition, split))


def als(edition: str, split: int, seed: int, **settings) -> tuple[float, float]:
    return predictor(ALS(seed=seed, **settings), split_of(edition, split))


def bayes(edition: str, split: int, seed: int, features: tuple[Features, ...], **settings) -> tuple[float, float]:
    parts = split_of(edition, split)
    tables = [table(parts.train) for table in features]
    return predictor(BayesianMF(seed=seed, **settings), parts, pd.concat(tables, axis=1) if tables else None)


def predictor(model, parts: Split, *more) -> tuple[float, float]:
    start = time.perf_counter()
    model.fit(parts.train, *more)
    seconds = time.perf_counter() - start
    return evaluate(model, parts)["rmse"] ** 2, seconds


def fit(
    edition: str,
    split: int,
    seed: int,
    model: Model,
    epochs,
    lr,
    wd,
    bs,
    replacement=False,
    **kw,
) -> tuple[float, float]:
    """One one-cycle fit. ``model`` builds a module from the number of users and items."""
    parts = split_of(edition, split)
    dls = collab_dataloaders(parts, bs=bs, seed=seed, replacement=replacement)
    torch.manual_seed(seed)
    learn = rating_learner(dls, model(parts.train.n_users, parts.train.n_items), wd=wd, **kw)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, lr)
    return learn.recorder.values[-1][1], time.perf_counter() - start


def fit_published_net(edition: str, split: int, seed: int, epochs, lr, wd, bs) -> tuple[float, float]:
    """Plain Adam at a constant rate, with its decay in the gradient (L2), as that notebook had it."""
    parts = split_of(edition, split)
    torch.manual_seed(seed)
    model = published_net(parts.train.n_users, parts.train.n_items)
    adam = partial(OptimWrapper, opt=partial(torch.optim.Adam, fused=True))
    dls = collab_dataloaders(parts, bs=bs, seed=seed)
    learn = rating_learner(dls, model, wd=wd, opt_func=adam, splitter=trainable_params)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, lr)
    return learn.recorder.values[-1][1], time.perf_counter() - start


def dot(n_users: int, n_items: int) -> nn.Module:
    return DotProduct(n_users, n_items, RECIPE.n_factors)


def dot_sigmoid(n_users: int, n_items: int) -> nn.Module:
    return DotProduct(n_users, n_items, RECIPE.n_factors, y_range=RANGE)


def bias(n_users: int, n_items: int) -> nn.Module:
    return DotProductBias(n_users, n_items, RECIPE.n_factors, y_range=RANGE)


def bias_params(n_users: int, n_items: int) -> nn.Module:
    return DotProductBiasParams(n_users, n_items, RECIPE.n_factors, y_range=RANGE)


def net(n_users: int, n_items: int) -> nn.Module:
    """As chapter 8 settles it."""
    return EmbeddingNet(n_users, n_items, RECIPE.n_factors, y_range=RANGE, layers=(100,), embedding_dropout=0.7)


def published_net(n_users: int, n_items: int) -> nn.Module:
    """Start and sizes of a published notebook on the 2016 edition; see the appendix on reproductions."""
    model = EmbeddingNet(
        n_users, n_items, RECIPE.n_factors, y_range=RANGE, layers=(10,), embedding_dropout=0.5, dropout=0.5
    )
    for table in (model.user_factors, model.item_factors):
        nn.init.uniform_(table.weight, 0, 0.05)
    return model


def runs() -> dict[str, Score]:
    """Every run by name: edition / recipe / model."""
    table: dict[str, Score] = {}
    for by in [(), ("user",), ("item",), ("user", "item")]:
        table[f"small-2016/means/{'+'.join(by) or 'global'}"] = partial(means, by=by)
    for name, model in {"dot": dot, "dot+sigmoid": dot_sigmoid}.items():
        # fastai's Adam decays everything by .01 unless told otherwise: that is what the published runs had
        published = partial(fit, model=model, wd=0.01, decay_biases=True, **BATCH64)
        table[f"small-2018/batch64-replacement/{name}"] = partial(published, replacement=True)
        table[f"small-2018/batch64/{name}"] = published
        for edition in ("small-2018", "small-2016"):
            table[f"{edition}/course-no-decay/{name}"] = partial(fit, model=model, wd=0.0, **COURSE)
    decays: list[tuple[str, Model, dict[str, Any]]] = [
        ("bias wd=.01", bias, {"wd": 0.01, "decay_biases": True}),  # published as "no decay"
        ("bias no-decay", bias, {"wd": 0.0}),
        ("bias wd=.1", bias, {"wd": 0.1, "decay_biases": True}),
        ("bias wd=.1 factors-only", bias, {"wd": 0.1}),
        ("bias-params wd=.1", bias_params, {"wd": 0.1, "decay_biases": True}),
    ]
    for name, build, how in decays:
        batch64 = partial(fit, model=build, **how, **BATCH64)
        table[f"small-2018/batch64-replacement/{name}"] = partial(batch64, replacement=True)
        table[f"small-2018/batch64/{name}"] = batch64
    for edition in ("small-2018", "small-2016"):
        table[f"{edition}/course-no-decay/bias"] = partial(fit, model=bias, wd=0.0, **COURSE)
        table[f"{edition}/course/bias"] = partial(fit, model=bias, wd=RECIPE.wd, **COURSE)
        table[f"{edition}/course/bias-params"] = partial(fit, model=bias_params, wd=RECIPE.wd, **COURSE)
        table[f"{edition}/course/bias decay-biases"] = partial(
            fit, model=bias, wd=RECIPE.wd, decay_biases=True, **COURSE
        )
    table["small-2016/course/net"] = partial(fit, model=net, wd=RECIPE.wd, **COURSE)
    settings = {name: value for name, value in vars(ALS()).items() if name not in ("seed", "device")}
    for edition in ("small-2018", "small-2016"):
        table[f"{edition}/als"] = partial(als, **settings)
        table[f"{edition}/bayes"] = partial(bayes, features=())
    for name, features in {
        "who": (who_rated,),
        "films": (film_features,),
        "films-popularity": (film_features, popularity),
    }.items():
        table[f"small-2016/bayes-{name}"] = partial(bayes, features=features, n_factors=16)
    table["small-2016/published/net"] = partial(fit_published_net, epochs=15, lr=1e-3, wd=2e-5, bs=64)
    return table


def plain(function: partial) -> dict:
    """The settings of a run, for the JSON."""

    def name(value):
        return [name(one) for one in value] if isinstance(value, tuple) else getattr(value, "__name__", value)

    return {key: name(value) for key, value in function.keywords.items()}


def time_again() -> None:
    """Replace the seconds of every band by those of one fit, each in the same quiet run."""
    measured = json.loads(OUT.read_text())
    for name, score in tqdm(runs().items()):
        measured["bands"][name]["seconds"] = round(score(name.split("/")[0], 0, 0)[1], 2)
    OUT.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")


def main(wanted: list[str]) -> None:
    measured = json.loads(OUT.read_text()) if wanted and OUT.exists() else {"bands": {}}
    versions = {"python": platform.python_version()} | {p: version(p) for p in ("torch", "fastai", "numpy", "pandas")}
    if measured.get("versions", versions) != versions:
        sys.exit("the kept bands were measured with other versions: run `make bands` without a filter.")
    chosen = {name: score for name, score in runs().items() if not wanted or any(w in name for w in wanted)}
    for name, score in (progress := tqdm(chosen.items())):
        progress.set_description(name)
        draws = [(split, 0) for split in range(10)] if score.func in (means, als, bayes) else SPLITS_AND_SEEDS
        results = [score(name.split("/")[0], split, seed) for split, seed in draws]
        mse, seconds = zip(*results, strict=True)
        measured["bands"][name] = {
            "recipe": plain(score),
            "mse": [round(value, 5) for value in mse],
            "seconds": round(statistics.mean(seconds), 2),
        }
        measured |= {"measured": str(date.today()), "versions": versions}
        OUT.write_text(
            json.dumps(measured, indent=1, sort_keys=True) + "\n"
        )  # after each run: a long job may be cut off
        tqdm.write(
            f"{name:45} MSE {statistics.mean(mse):.4f} ± {statistics.stdev(mse):.4f}  {statistics.mean(seconds):.1f} s"
        )


if __name__ == "__main__":
    time_again() if sys.argv[1:] == ["--time"] else main(sys.argv[1:])
