"""Five published notebooks, rebuilt: their recipes, run in full, for the appendix. Writes results/reproductions.json.

    python -m benchmarks.reproduce            all of them (needs the 2018 edition in $COLLABKIT_DATA; 15 minutes)
    python -m benchmarks.reproduce D A        these only, the others kept

What `make bands` measures already is not run again: the ladder of notebook B, the net of notebook E, and the course's
own model. Where a notebook does not say what it did, the choice made here is named beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.bands import BATCH64, PUBLISHED_NET, bias, split_of, uniform
from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from collabkit import (
    RECIPE,
    MeanBaseline,
    Ratings,
    collab_dataloaders,
    item_biases,
    load_movielens,
    most_rated,
    rating_learner,
    rmse,
)
from collabkit.models import DotProduct, DotProductBias, EmbeddingNet
from collabkit.recipe import Recipe
from collabkit.tables import table
from collabkit.training.fit import Model, fit_recipe
from collabkit.training.optimizer import GroupedDecay

COMPARED_ON = ("small-2016", 0)  # edition and split of the table that holds all notebooks against one model

# ---------------------------------------------------------------- A: two factors on what means leave over


def left_by_means(train: Ratings) -> np.ndarray:
    """Ratings minus the global mean, and minus what the user's and the film's mean lie from it ``(n,)``."""
    frame = train.frame
    return frame["rating"].to_numpy() - MeanBaseline().fit(train).predict(frame["user"], frame["item"])


def draw_tables(ratings: Ratings, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """n draws of two-factor tables from N(0, 1): users ``(U, n, 2)`` and films ``(I, n, 2)``.

    Rows are codes and not raw ids. It changes nothing: Adam leaves a row alone that never has a gradient.
    """
    generator = torch.Generator().manual_seed(seed)
    users, films = torch.empty(ratings.n_users, n, 2), torch.empty(ratings.n_items, n, 2)
    return users.normal_(generator=generator), films.normal_(generator=generator)


def batch_losses(rows, y: Tensor, user: Tensor, item: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """Mean squared error of some rows, for each of n tables ``(n,)``."""
    return (y[rows, None] - (P[user[rows]] * Q[item[rows]]).sum(dim=2)).square().mean(dim=0)


def two_factors(train: Ratings, near: float | None, starts: int, epochs: int, lr: float = 3e-4, bs: int = 300):
    """Notebook A from several starts side by side: Adam works on each number alone, so no start sees another.

    Args:
        near: besides the first starts of a thousand draws, train as many whose last batch starts nearest to this loss.

    Returns: the loss of the last batch of all thousand draws before any step ``(1000,)``, that of the trained ones in
    each epoch ``(epochs, starts)``, and their tables.
    """
    y = torch.from_numpy(left_by_means(train)).float()
    user, item = (torch.from_numpy(code.astype("int64")) for code in (train.user, train.item))
    batches = torch.arange(len(y)).split(bs)  # in file order
    P, Q = draw_tables(train, 1000)
    before = batch_losses(batches[-1], y, user, item, P, Q)
    chosen = torch.arange(starts)
    if near is not None:
        chosen = torch.cat([chosen, (before - near).abs().argsort()[:starts]])
    P, Q = (drawn[:, chosen].clone().requires_grad_() for drawn in (P, Q))
    adam = torch.optim.Adam([P, Q], lr=lr, fused=True)
    printed = []
    for _ in tqdm(range(epochs), desc="A", leave=False):
        for rows in batches:
            loss = batch_losses(rows, y, user, item, P, Q)
            adam.zero_grad()
            loss.sum().backward()
            adam.step()
        printed.append(loss.detach())
    return before.cpu().numpy(), torch.stack(printed), P.detach(), Q.detach()


def notebook_a(starts: int = 5, epochs: tuple[int, ...] = (1, 2, 3, 25, 45)) -> dict:
    """``epochs``: those of which the notebook's loss is known."""
    ratings = load_movielens("small-2018")
    # The loss falls by 0.086 an epoch in the first three; so before the first, it was about as much above 4.242.
    before, loss, *_ = two_factors(ratings, near=4.242 + 0.086, starts=starts, epochs=max(epochs))
    at_epochs = loss[[epoch - 1 for epoch in epochs]].T.tolist()
    parts = split_of(*COMPARED_ON)
    valid = parts.valid
    _, _, P, Q = two_factors(parts.train, near=None, starts=starts, epochs=max(epochs))
    means = MeanBaseline().fit(parts.train).predict(valid.frame["user"], valid.frame["item"])
    dot = (P[valid.user.astype("int64")] * Q[valid.item.astype("int64")]).sum(dim=2).cpu().numpy()  # (n, starts)
    return {
        "epochs": list(epochs),
        "loss": rounded(at_epochs[:starts]),
        "loss_from_a_start_like_theirs": rounded(at_epochs[starts:]),
        "before_training": rounded(np.sort(before).tolist(), 3),
        "held_out": rounded([rmse(valid.rating, means + dot[:, start]) for start in range(starts)]),
        "rows": int(ratings.items.ids.max()) + 1,
        "films": ratings.n_items,
        "held_out_of_means_alone": rounded(rmse(valid.rating, means)),
    }


# ---------------------------------------------------------------- B: which films have the extreme biases

WITH_DECAY = BATCH64._replace(wd=0.1)


def notebook_b(recipe: Recipe = WITH_DECAY, starts: int = 2) -> dict:
    """The step with decay, drawn with replacement as published; keyed by id, where the notebook merged by title."""
    found: dict[str, list] = {"lowest": [], "highest": []}
    for seed in range(starts):
        parts = split_of("small-2018", seed)
        learn = fit_recipe(parts, bias, recipe, seed, replacement=True, decay_biases=True)
        labels = item_biases(learn.model, parts.train)["label"].tolist()
        found["lowest"].append(labels[:10])
        found["highest"].append(labels[:-11:-1])
    films = load_movielens("small-2018").films
    shared = films[films["label"].duplicated(keep=False)].sort_values("label")
    return found | {"shared_titles": shared[["item", "label"]].values.tolist()}


# ---------------------------------------------------------------- C: an L2 penalty, biases, and PCA the long way round

Stages = tuple[tuple[int, float], ...]  # (epochs, rate) of each
C_DOT = ((1, 1e-3), (3, 1e-2), (6, 1e-3))  # the notebook gives these rates, the epochs are ours
C_BIAS = ((1, 1e-3), (6, 1e-2), (10, 1e-3), (5, 1e-3))  # the epochs are the notebook's
C_NET = ((8, 1e-3),)  # both ours
C_SIZES = partial(EmbeddingNet, layers=(70,), embedding_dropout=0.3, dropout=0.75)


def by_steps(model: nn.Module, parts, steps: Stages, l2: float, seed: int, bs: int = 64) -> list:
    """Plain Adam, one rate after another. Returns the validation RMSE after each epoch.

    A penalty of l2 · Σ w² on factors and weights, not on biases, adds 2 · l2 · w to their gradient. That is what
    PyTorch's Adam does for a decay of 2 · l2.
    """
    adam = partial(GroupedDecay, opt=partial(torch.optim.Adam, fused=True), decays=(True, False))
    learn = rating_learner(collab_dataloaders(parts, bs=bs, seed=seed), model, wd=2 * l2, opt_func=adam)
    scores = []
    with learn.no_bar(), learn.no_logging():
        for epochs, lr in steps:
            learn.fit(epochs, lr)  # keeps Adam's state
            scores += [row[-1] for row in learn.recorder.values]
    return scores


def codes_by_appearance(codes: np.ndarray) -> np.ndarray:
    """Codes in the order in which they first occur: the numbering of a notebook that numbers ids as it meets them."""
    unique, first = np.unique(codes, return_index=True)
    return unique[np.argsort(first)]


def long_way_round(factors: np.ndarray, n: int = 3) -> np.ndarray:
    """PCA fitted on factors as rows and films as columns; a component is then one number a film ``(films, n)``."""
    from sklearn.decomposition import PCA

    return PCA(n_components=n, svd_solver="full").fit(factors.T).components_.T


def short_way(factors: np.ndarray, n: int = 3) -> np.ndarray:
    """PCA with films as rows: scores of the films ``(films, n)``."""
    from sklearn.decomposition import PCA

    return PCA(n_components=n, svd_solver="full").fit_transform(factors)


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Size of the correlation of each column of a with each column of b ``(columns of a, columns of b)``."""
    return np.abs(np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :])


def notebook_c(
    seeds: int = 3,
    dot: Stages = C_DOT,
    bias: Stages = C_BIAS,
    net: Stages = C_NET,
    sizes_of_net: Model = C_SIZES,
    penalty: float = 1e-4,
    start: float = 0.05,
) -> dict:
    parts = split_of(*COMPARED_ON)
    train = parts.train
    sizes = (train.n_users, train.n_items, RECIPE.n_factors)
    ratings = load_movielens("small-2016")
    user, film = codes_by_appearance(ratings.user)[3], codes_by_appearance(ratings.item)[6]
    top = most_rated(train, 2000)
    found: dict[str, list] = {"dot": [], "bias": [], "bias_without_penalty": [], "net": [], "predicted": []}
    ways = []
    for seed in range(seeds):
        for name, l2 in (("bias_without_penalty", 0.0), ("bias", penalty)):
            torch.manual_seed(seed)
            model = uniform(DotProductBias(*sizes), -start, start)
            found[name].append(rounded(by_steps(model, parts, bias, l2, seed)))
        with torch.no_grad():
            found["predicted"].append(rounded(model(torch.tensor([[user, film]])).item()))
        factors = table(model, "item_factors")[top]  # (2000, K)
        ways.append((long_way_round(factors), short_way(factors)))
        torch.manual_seed(seed)
        product = uniform(DotProduct(*sizes), -start, start)
        found["dot"].append(rounded(by_steps(product, parts, dot, penalty, seed)))
        torch.manual_seed(seed)
        layers = uniform(sizes_of_net(*sizes), -start, start)
        found["net"].append(rounded(by_steps(layers, parts, net, 0, seed)))
    rated = (ratings.user == user) & (ratings.item == film)
    trained = (train.user == user) & (train.item == film)
    components = []
    for k in range(3):
        order = np.argsort(-ways[0][0][:, k])
        ends = [train.labels[top[order[place]]].tolist() for place in (slice(0, 6), slice(-6, None))]
        components.append({"top": ends[0], "bottom": ends[1]})
    some = slice(50, 100)
    return found | {
        "pair": {
            "user": int(ratings.users.ids[user]),
            "item": int(ratings.items.ids[film]),
            "label": ratings.labels[film],
            "rating": float(ratings.rating[rated][0]) if rated.any() else None,
            "in_training": bool(trained.any()),
        },
        "components": components,
        "both_ways": rounded(np.diag(correlations(*ways[0])).tolist()),
        "two_seeds": rounded([correlations(a[0], b[0]).tolist() for a, b in combinations(ways, 2)]),
        "map": {
            "label": train.labels[top[some]].tolist(),
            "x": rounded(ways[0][0][some, 0].tolist()),
            "y": rounded(ways[0][0][some, 2].tolist()),
        },
    }


# ---------------------------------------------------------------- D: the whole matrix, full batch


def dense(ratings: Ratings) -> tuple[Tensor, Tensor]:
    """Y and R, films down and users across ``(I, U)``; Y is 0 where R is 0."""
    cells = torch.from_numpy(ratings.item.astype("int64")), torch.from_numpy(ratings.user.astype("int64"))
    Y, R = torch.zeros(2, ratings.n_items, ratings.n_users)
    Y[cells], R[cells] = torch.from_numpy(ratings.rating), 1.0
    return Y, R


def objective(X: Tensor, W: Tensor, b: Tensor, Y: Tensor, R: Tensor, lam: float = 1.0) -> Tensor:
    """½ Σ over rated cells of (X Wᵀ + b − Y)², plus λ/2 (‖X‖² + ‖W‖²); the biases b ``(1, U)`` are not penalised."""
    misses = R * (X @ W.T + b - Y)  # (I, U)
    return misses.square().sum() / 2 + lam / 2 * (X.square().sum() + W.square().sum())


def full_batch(ratings: Ratings, seed: int, steps: int = 400, n_factors: int = 100, lr: float = 0.1):
    """Notebook D. Returns the objective every 40 steps, the film means ``(I, 1)`` and the scores ``(I, U)``."""
    Y, R = dense(ratings)
    mean = Y.mean(dim=1, keepdim=True)  # over all users: an unrated cell counts as zero stars
    generator = torch.Generator().manual_seed(seed)
    sizes = [(ratings.n_items, n_factors), (ratings.n_users, n_factors), (1, ratings.n_users)]
    X, W, b = (torch.randn(size, generator=generator).requires_grad_() for size in sizes)
    adam = torch.optim.Adam([X, W, b], lr=lr, eps=1e-7)
    printed = []
    for step in tqdm(range(steps), desc="D", leave=False):
        J = objective(X, W, b, Y - mean, R)
        if step % 40 == 0:
            printed.append(J.item())
        adam.zero_grad()
        J.backward()
        adam.step()
    with torch.no_grad():
        return printed, mean, X @ W.T + b


def mean_difference(actual: Tensor, scores: Tensor, mean: Tensor, rated: Tensor) -> float:
    """D's "mean rating difference": a row (I,) plus a column (I, 1) makes (I, I), and all I² cells are averaged."""
    predicted = scores + mean  # (I,) + (I, 1) -> (I, I)
    return ((actual - predicted) * rated).mean().item()


def perfect_difference(mean: Tensor, rated: Tensor) -> dict[str, float]:
    """What a model that hits every rating of a user would print: its scores are the ratings less their own film's mean.

    Args:
        mean: film means ``(I, 1)``.
        rated: 1 where the user rated the film ``(I,)``.
    """
    own = mean[rated > 0, 0] - mean  # (I, rated)
    return {"signed": own.sum().item() / len(mean) ** 2, "absolute": own.abs().sum().item() / len(mean) ** 2}


def notebook_d(starts: int = 5, held_out: int = 2) -> dict:
    ratings = load_movielens("small-2018")
    Y, R = dense(ratings)
    found: dict[str, list] = {"objective": [], "mean_difference": [], "training_rmse_of_user": [], "held_out": []}
    for seed in range(starts):
        printed, mean, scores = full_batch(ratings, seed)
        found["objective"].append([round(J, 1) for J in printed])
        one = slice(20, 21)
        found["mean_difference"].append(round(mean_difference(Y[:, 20], scores[:, 20], mean, R[:, 20]), 5))
        misses = ((scores + mean - Y)[:, one])[R[:, one] > 0]
        found["training_rmse_of_user"].append(rounded(misses.square().mean().sqrt().item()))
    perfect = perfect_difference(Y.mean(dim=1, keepdim=True), R[:, 20])
    parts = split_of(*COMPARED_ON)
    valid = parts.valid
    cells = valid.item.astype("int64"), valid.user.astype("int64")
    for seed in range(held_out):
        _, mean, scores = full_batch(parts.train, seed)
        found["held_out"].append(rounded(rmse(valid.rating, (scores + mean)[cells].cpu().numpy())))
    return found | {"difference_of_a_perfect_model": {name: rounded(value) for name, value in perfect.items()}}


# ---------------------------------------------------------------- E: its first five epochs

FIRST_EPOCHS = PUBLISHED_NET.keywords["recipe"]._replace(epochs=5)


def notebook_e(recipe: Recipe = FIRST_EPOCHS, splits: int = 2) -> dict:
    """The rate is constant, so the first five epochs are those of the whole run, which `make bands` measures."""
    runs = [PUBLISHED_NET("small-2016", split, 0, recipe=recipe) for split in range(splits)]
    return {"mse_after_5": rounded([mse for mse, _ in runs])}


def rounded(value, digits: int = 5):
    """The same number or nested list of numbers, rounded for the JSON."""
    return [rounded(v, digits) for v in value] if isinstance(value, list) else round(float(value), digits)


# What runs each of them; and what else it calls whose defaults are among its settings.
NOTEBOOKS: dict[str, tuple[Callable[..., Any], ...]] = {
    "A": (notebook_a, two_factors),
    "B": (notebook_b,),
    "C": (notebook_c, by_steps),
    "D": (notebook_d, full_batch, objective),
    "E": (notebook_e,),
}


def settings(name: str) -> dict[str, Any]:
    """Of a notebook, for the file."""
    return {function: value for one in NOTEBOOKS[name] for function, value in plain(one).items()}


def main(wanted: list[str]) -> None:
    found = kept("reproductions", wanted)
    for name in wanted or NOTEBOOKS:
        found[name] = {"settings": settings(name), **NOTEBOOKS[name][0]()}
        write("reproductions", in_order(NOTEBOOKS, found))
        print(name, "done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
