"""What chapters 3, 6, 8, 9 and 11 try beside the settings that they keep: one table of choices for each question.

    python -m benchmarks.choices            into collabkit/results/choices.json (about ten minutes)
    python -m benchmarks.choices nets       one of the tables, the others kept

Each row of a table is one choice, fitted to the embedded edition five times: on five random splits or, where the
question is where a fit ends, from five starts on the first of them; from ten where it is how far seeds differ. What a
chapter goes on to choose by is compared on five splits of the training ratings of the first, so that the ratings it
validates on have no part in it.
"""

from __future__ import annotations

import sys
import time
from copy import deepcopy
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.collab import TabularCollab, collab_learner
from fastai.learner import Learner
from fastai.tabular.all import Categorify, TransformBlock, set_seed
from fastai.tabular.model import emb_sz_rule
from torch import nn

from benchmarks.bands import NO_DECAY, RANGE, bias
from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments, plain
from collabkit import (
    ALS,
    QUICK,
    RECIPE,
    DotProduct,
    DotProductBias,
    EmbeddingNet,
    Ratings,
    Split,
    load_movielens,
    random_split,
    rmse,
)
from collabkit.recipe import Recipe
from collabkit.training.fit import Model, fit_recipe
from collabkit.training.optimizer import GroupedDecay

SEEDS = range(5)
MORE_SEEDS = {"seeds": range(10)}  # of a table that asks for more
RANGES = {
    f"{name}, ({lo:g}, {hi:g})": {"model": partial(model, y_range=(lo, hi)), "recipe": recipe}
    for name, model, recipe in [
        ("dot product, no decay", DotProduct, NO_DECAY),
        ("dot product, decay", DotProduct, RECIPE),
        ("with biases, decay", DotProductBias, RECIPE),
    ]
    for lo in (0, 0.5)
    for hi in (5, 5.5)
}
DECAYS: dict[str, dict[str, Any]] = {
    **{f"λ = {wd:g}": {"recipe": RECIPE._replace(wd=wd)} for wd in (0, 0.2, 0.5, 1, 2, 5)},
    "0.5 on biases too": {"recipe": RECIPE, "decay_biases": True},
    "L2 in Adam": {"recipe": RECIPE._replace(wd=2e-4), "l2": True},
}
COUNTS = [1, 2, 4, 8, 16, 32, 64]  # training ratings of a film: of that many or more, up to the next
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
PRODUCTS: dict[str, dict[str, Any]] = {
    f"{name}, {k} factors": {"n_factors": k, **how}
    for name, how in {
        "net, exact": {},
        "net, noisy": {"noise": 3},
        "given the products, noisy": {"noise": 3, "products": True},
    }.items()
    for k in (1, 5, 20, 50)
} | {f"net, noisy, 20 factors, {n:,} pairs": {"n_factors": 20, "noise": 3, "n": n} for n in (20_000, 40_000)}
FASTAI: dict[str, dict[str, Any]] = {
    "dot product": {},
    "net as it comes": {"use_nn": True, "layers": [100]},
    "net with dropout": {"use_nn": True, "layers": [100], "config": {"embed_p": 0.7}},
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


def predicted(learn: Learner, part: str) -> np.ndarray:
    """Predicted stars (n,) of one part of the split, row by row."""
    with torch.no_grad():
        return learn.model(getattr(learn.dls, part).dataset.x).flatten().cpu().numpy()


def batches(seed: int, recipe: Recipe) -> dict[str, float]:
    """Errors of the model of chapter 6, in stars, after the last epoch."""
    split = split_of(seed)
    learn = fit_recipe(split, bias, recipe, seed)
    return {"training RMSE": rmse(split.train.rating, predicted(learn, "train")), "validation RMSE": valid_rmse(learn)}


def starts(seed: int, recipe: Recipe, mean_start: bool) -> dict[str, float]:
    return {"validation RMSE": valid_rmse(fit_recipe(split_of(seed), bias, recipe, seed, mean_start=mean_start))}


def ranges(seed: int, model: Model, recipe: Recipe) -> dict[str, float]:
    """Errors of one range, on all held-out ratings and on those whose user and film were trained."""
    split = split_of(seed)
    learn = fit_recipe(split, model, recipe, seed)
    guess, known = predicted(learn, "valid"), ~split.cold()
    return {
        "training RMSE": rmse(split.train.rating, predicted(learn, "train")),
        "validation RMSE": rmse(split.valid.rating, guess),
        "cold left out": rmse(split.valid.rating[known], guess[known]),
        "fives at 4.9 or more": float((predicted(learn, "train")[split.train.rating == 5] >= 4.9).mean()),
    }


def decays(seed: int, recipe: Recipe, l2: bool = False, **how) -> dict[str, float]:
    """Errors of one decay, epoch by epoch, and how long it leaves the factors of films with few and many ratings."""
    split = split_of(seed)
    if l2:  # in Adam's gradient, and so divided by its size; of the factors alone, as the recipe has it
        adam = partial(torch.optim.Adam, betas=(0.9, 0.99), eps=1e-5, fused=True)
        how["opt_func"] = partial(GroupedDecay, opt=adam, decays=(True, False))
    learn = fit_recipe(split, bias, recipe, seed, **how)
    length = learn.model.item_factors.weight.detach().norm(dim=1).cpu().numpy()  # (I,)
    ratings = np.bincount(split.train.item, minlength=split.train.n_items)  # (I,)
    groups = np.digitize(ratings, COUNTS)  # (I,) 0: none
    return {
        "training RMSE": rmse(split.train.rating, predicted(learn, "train")),
        **{f"validation RMSE, epoch {n}": row[2] for n, row in enumerate(learn.recorder.values, 1)},
        "median length": float(np.median(length[groups > 0])),
        **{f"median length, {n}+": float(np.median(length[groups == g])) for g, n in enumerate(COUNTS, 1)},
    }


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


def products(seed: int, n_factors: int, noise: float = 0, products: bool = False, n: int = 80_000) -> dict[str, float]:
    """Chapter 8's toy: the share of the dot products of random vectors that a net misses, or a layer given products."""
    torch.manual_seed(seed)
    p, q = torch.randn(2, n + 20_000, n_factors)  # (n + 20,000, K) each
    truth = (p * q).sum(dim=1, keepdim=True) / n_factors**0.5  # (n + 20,000, 1) variance 1
    target = truth + noise * torch.randn_like(truth)
    inputs = p * q if products else torch.cat([p, q], dim=1)
    n_in = inputs.shape[1]
    model = nn.Linear(n_in, 1) if products else nn.Sequential(nn.Linear(n_in, 100), nn.ReLU(), nn.Linear(100, 1))
    adam = torch.optim.Adam(model.parameters())
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-2, total_steps=5 * n // 2000)
    for _ in range(5):
        for batch in torch.randperm(n).split(2000):
            loss = (model(inputs[batch]) - target[batch]).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
    with torch.no_grad():
        return {"missed": (model(inputs[n:]) - truth[n:]).square().mean().item()}


def in_fastai(seed: int, epochs: int = RECIPE.epochs, **settings) -> dict[str, float]:
    """fastai's own model, loader and decay on the course's split, at the batch size and the rate of the recipe."""
    split, settings = split_of(seed), deepcopy(settings)  # fastai writes the range into them
    frame = pd.concat([split.train.frame, split.valid.frame], ignore_index=True)
    rows = list(range(len(frame)))
    table = Copied(
        frame,
        procs=[Categorify],
        cat_names=["user", "item"],
        y_names=["rating"],
        y_block=TransformBlock(),
        splits=(rows[: len(split.train)], rows[len(split.train) :]),
    )
    set_seed(seed)
    dls = table.dataloaders(bs=RECIPE.bs)
    if settings.get("use_nn"):
        settings["emb_szs"] = {"user": RECIPE.n_factors, "item": RECIPE.n_factors}
    else:
        settings["n_factors"] = RECIPE.n_factors
    learn = collab_learner(dls, y_range=RANGE, **settings)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, RECIPE.lr)
        stars, actual = learn.get_preds()
    return {"validation RMSE": rmse(actual.flatten(), stars.flatten())}


class Copied(TabularCollab):
    """fastai's own, but handing out copies: pandas lends read-only arrays, and PyTorch warns about them."""

    cats = property(lambda self: self.items[self.cat_names].to_numpy(copy=True))
    targ = property(lambda self: self.items[self.y_names].to_numpy(copy=True))


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
        return learn.get_preds()[0].flatten().cpu().numpy()


def seeds(seed: int, recipe: Recipe) -> dict[str, float]:
    """Its error, and that of the mean of what all models up to this one say."""
    stars = random_split(load_movielens(), valid=0.1, test=0.1, seed=0).valid.rating
    so_far = np.mean([guesses(one, recipe) for one in range(seed + 1)], axis=0)  # (n,)
    return {"validation RMSE": rmse(stars, guesses(seed, recipe)), "RMSE of the mean so far": rmse(stars, so_far)}


def error_of(model: ALS, part: Ratings) -> float:
    return rmse(part.rating, model.predict(part.frame["user"], part.frame["item"]))


TABLES: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "ranges": (ranges, RANGES),
    "decays": (decays, DECAYS),
    "batches": (batches, {name: {"recipe": recipe} for name, recipe in BATCHES.items()}),
    "starts": (starts, STARTS),
    "nets": (nets, NETS),
    "products": (products, PRODUCTS),
    "fastai": (in_fastai, FASTAI),
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
