"""What chapters 6, 8, 9 and 11 try beside the settings that they keep: one table of choices for each question.

    python -m benchmarks.choices            into collabkit/results/choices.json (about four minutes)
    python -m benchmarks.choices nets       one of the tables, the others kept

Each row of a table is one choice, fitted to the embedded edition five times: on five random splits or, where the
question is where a fit ends, from five starts on the first of them; from ten where it is how far seeds differ. What a
chapter goes on to choose by is compared on five splits of the training ratings of the first, so that the ratings it
validates on have no part in it.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner
from fastai.tabular.model import emb_sz_rule

from benchmarks.bands import NO_DECAY, RANGE, bias
from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments, plain
from collabkit import ALS, QUICK, RECIPE, EmbeddingNet, Ratings, Split, load_movielens, random_split, rmse
from collabkit.recipe import Recipe
from collabkit.training.fit import fit_recipe

SEEDS = range(5)
MORE_SEEDS = {"seeds": range(10)}  # of a table that asks for more
K = 4  # times as large
BATCHES: dict[str, Recipe] = {
    "the course recipe": RECIPE,
    "batches k times as large": RECIPE._replace(bs=K * RECIPE.bs),
    "and the rate": RECIPE._replace(bs=K * RECIPE.bs, lr=K * RECIPE.lr),
    "and the decay": RECIPE._replace(bs=K * RECIPE.bs, lr=K * RECIPE.lr, wd=K * RECIPE.wd),
    "QUICK": QUICK,
}
STARTS = {
    f"{name}, {epochs} epochs": {"recipe": QUICK._replace(epochs=epochs), "mean_start": mean_start}
    for epochs in (1, 2, QUICK.epochs)
    for name, mean_start in (("at 0", False), ("at the mean", True))
}


def net_of(
    recipe: Recipe = RECIPE, sizes: int | tuple[int, int] = RECIPE.n_factors, **dropout: float
) -> dict[str, Any]:
    """A net of one hidden layer, and how it is trained."""
    return {"recipe": recipe, "sizes": sizes, "layers": (100,), **dropout}


def by_rule() -> tuple[int, int]:
    """Length of a user's and of a film's embedding by fastai's rule of thumb."""
    ratings = load_movielens()
    return emb_sz_rule(ratings.n_users), emb_sz_rule(ratings.n_items)


NETS = {
    "no decay, no dropout": net_of(NO_DECAY),
    "decay": net_of(),
    "decay, dropout .7 after the hidden layer": net_of(dropout=0.7),
    "decay, dropout .7 after the embeddings": net_of(embedding_dropout=0.7),
    "decay, dropout .9 after the embeddings": net_of(embedding_dropout=0.9),
    "the same, sizes by the rule": net_of(sizes=by_rule(), embedding_dropout=0.7),
}
PENALTIES = {
    f"{lam} and {lam if bias_penalty is None else bias_penalty}": {"model": ALS(20, lam, bias_penalty=bias_penalty)}
    for bias_penalty in (None, 4)
    for lam in (7, 10, 14, 20, 28)
}
ENDS = {str(lam): {"model": ALS(8, lam, n_sweeps=30, bias_penalty=None)} for lam in (5, 15, 30)}


def split_of(seed: int) -> Split:
    return random_split(load_movielens(), seed=seed)


def to_choose_on(seed: int) -> Split:
    """A second split, of training ratings alone; the first of them is that of chapter 8."""
    return random_split(split_of(0).train, seed=1 + seed)


def solved(model: ALS, seed: int, split: Split) -> ALS:
    return ALS(**arguments(model) | {"seed": seed}).fit(split.train)


def valid_rmse(learn: Learner) -> float:
    return learn.recorder.values[-1][2]


def batches(seed: int, recipe: Recipe) -> dict[str, float]:
    """Errors of the model of chapter 6, in stars, after the last epoch."""
    split = split_of(seed)
    learn = fit_recipe(split, bias, recipe, seed)
    with torch.no_grad():
        learnt = learn.model(learn.dls.train.dataset.x).flatten().cpu()
    return {"training RMSE": rmse(split.train.rating, learnt), "validation RMSE": valid_rmse(learn)}


def starts(seed: int, recipe: Recipe, mean_start: bool) -> dict[str, float]:
    return {"validation RMSE": valid_rmse(fit_recipe(split_of(seed), bias, recipe, seed, mean_start=mean_start))}


def nets(seed: int, recipe: Recipe, sizes: int | tuple[int, int], **settings) -> dict[str, float]:
    """One net, and the processor seconds of its fit."""

    def net(n_users: int, n_items: int, _: int) -> EmbeddingNet:
        return EmbeddingNet(n_users, n_items, sizes, RANGE, **settings)

    begin = time.process_time()
    learn = fit_recipe(to_choose_on(seed), net, recipe)
    return {
        "training loss": learn.recorder.values[-1][0],
        "RMSE to choose by": valid_rmse(learn),
        "best epoch": 1 + int(np.argmin([row[1] for row in learn.recorder.values])),
        "seconds": time.process_time() - begin,
    }


def penalties(seed: int, model: ALS) -> dict[str, float]:
    split = to_choose_on(seed)
    fitted = solved(model, seed, split)
    return {
        f"{name} RMSE": error_of(fitted, part) for name, part in (("training", split.train), ("held out", split.valid))
    }


def ends(seed: int, model: ALS) -> dict[str, float]:
    """Where one start ends: the objective, and how many directions the users' factors make use of."""
    split = split_of(0)
    fitted = solved(model, seed, split)
    used = np.linalg.svd(fitted.user_[:, 1:], compute_uv=False)  # (K,) of each direction, how much
    return {
        "objective": fitted.objective_[-1],
        "validation RMSE": error_of(fitted, split.valid),
        "directions": int((used > 0.1 * used[0]).sum()),
    }


@cache
def guesses(seed: int, recipe: Recipe) -> np.ndarray:
    """What the model of chapter 11 says of its validation ratings ``(n,)``, in stars."""
    split = random_split(load_movielens(), valid=0.1, test=0.1, seed=0)
    learn = fit_recipe(split, bias, recipe, seed)
    with learn.no_bar():
        return learn.get_preds()[0].flatten().numpy()


def seeds(seed: int, recipe: Recipe) -> dict[str, float]:
    """Its error, and that of the mean of what all models up to this one say."""
    stars = random_split(load_movielens(), valid=0.1, test=0.1, seed=0).valid.rating
    so_far = np.mean([guesses(one, recipe) for one in range(seed + 1)], axis=0)  # (n,)
    return {"validation RMSE": rmse(stars, guesses(seed, recipe)), "RMSE of the mean so far": rmse(stars, so_far)}


def error_of(model: ALS, part: Ratings) -> float:
    return rmse(part.rating, model.predict(part.frame["user"], part.frame["item"]))


TABLES: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "batches": (batches, {name: {"recipe": recipe} for name, recipe in BATCHES.items()}),
    "starts": (starts, STARTS),
    "nets": (nets, NETS),
    "penalties": (penalties, PENALTIES),
    "ends": (ends, ENDS),
    "seeds": (seeds, {"the course recipe": {"recipe": RECIPE}}),
}


def main(wanted: list[str]) -> None:
    tables = kept("choices", wanted)
    for name in wanted or TABLES:
        measure, rows = TABLES[name]
        tables[name] = {}
        for what, settings in rows.items():
            runs = [measure(seed, **settings) for seed in MORE_SEEDS.get(name, SEEDS)]
            scores = {score: [round(run[score], 4) for run in runs] for score in runs[0]}
            tables[name][what] = {"settings": plain(settings), **scores}
            print(f"{name}, {what:42}", {score: f"{np.mean(each):.4f}" for score, each in scores.items()}, flush=True)
        write("choices", in_order(TABLES, tables))


if __name__ == "__main__":
    main(sys.argv[1:])
