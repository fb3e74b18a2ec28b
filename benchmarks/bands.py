"""Measure the bands that chapters quote: fit each recipe over splits and seeds, write collabkit/results/bands.json.

    python -m benchmarks.bands            all of them (needs the 2018 edition in $COLLABKIT_DATA)
    python -m benchmarks.bands course     those with "course" in the name, the others kept
    python -m benchmarks.bands --time     only the seconds of one fit each, anew, on a machine that does nothing else

Each score is the validation error of one fit: five random 80/20 splits, two seeds each; for models that
hardly depend on their seed (means, ALS, BayesianMF) ten splits. Of a model of lists it is NDCG@10 on such splits.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.optimizer import OptimWrapper
from fastai.torch_core import trainable_params
from torch import nn
from tqdm import tqdm

from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments, plain
from collabkit import (
    ALS,
    EASE,
    QUICK,
    RANKING,
    RECIPE,
    BayesianMF,
    BPRLoss,
    ItemKNN,
    ItemKNNStars,
    MeanBaseline,
    Ratings,
    Recommender,
    SampledSoftmax,
    Split,
    TwoTower,
    collab_dataloaders,
    evaluate,
    evaluate_ranking,
    everything_known,
    film_features,
    load_movielens,
    popularity,
    random_split,
    rating_learner,
    who_rated,
)
from collabkit.features import Known
from collabkit.models import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet
from collabkit.recipe import Recipe
from collabkit.training.fit import Model, fit_ranking, fit_recipe

SPLITS_AND_SEEDS = [(split, seed) for split in range(5) for seed in range(2)]
RANGE = (0, 5.5)

Features = Callable[[Ratings], pd.DataFrame]
Score = partial[tuple[float, float]]  # called with (edition, split, seed): validation MSE or NDCG, seconds of the fit
NO_DECAY = RECIPE._replace(wd=0.0)  # chapters before "Weight decay" train without it
BATCH64 = Recipe(bs=64, epochs=5, lr=5e-3, wd=0.01, n_factors=50)  # what fastai's Adam decays by unless told otherwise

dot = DotProduct
dot_sigmoid = partial(DotProduct, y_range=RANGE)
bias = partial(DotProductBias, y_range=RANGE)
bias_params = partial(DotProductBiasParams, y_range=RANGE)
net = partial(EmbeddingNet, y_range=RANGE, layers=(100,), embedding_dropout=0.7)  # as chapter 8 settles it


@cache
def split_of(edition: str, seed: int):
    return random_split(load_movielens(edition), seed=seed)


def predictor(
    model: Callable[..., Any],
    edition: str,
    split: int,
    seed: int,
    features: tuple[Features, ...] = (),
    known: Callable[[Ratings], Known] | None = None,
    **settings,
) -> tuple[float, float]:
    """One fit of a model that has ``fit`` and ``predict``, and hardly depends on its seed: it keeps its default."""
    parts, fitted = split_of(edition, split), model(**settings)
    tables = [table(parts.train) for table in features]
    told = known(parts.train) if known else [pd.concat(tables, axis=1)] if tables else []
    start = time.perf_counter()
    fitted.fit(parts.train, *told)
    seconds = time.perf_counter() - start
    return evaluate(fitted, parts)["rmse"] ** 2, seconds


def ranker(model: Callable[..., Any], edition: str, split: int, seed: int, **settings) -> tuple[float, float]:
    """One fit of a model that makes lists, by their NDCG@10."""
    parts, fitted = split_of(edition, split), model(**settings)
    start = time.perf_counter()
    fitted.fit(parts.train)
    seconds = time.perf_counter() - start
    return evaluate_ranking(Recommender(fitted, parts.train), parts)["ndcg"], seconds


def trained_ranker(
    edition: str, split: int, seed: int, loss: type[BPRLoss | SampledSoftmax], recipe: Recipe
) -> tuple[float, float]:
    """The same of a model that is trained for lists."""
    parts, start = split_of(edition, split), time.perf_counter()
    model = fit_ranking(parts.train, loss=loss, recipe=recipe, seed=seed)
    seconds = time.perf_counter() - start
    return evaluate_ranking(Recommender(model, parts.train), parts)["ndcg"], seconds


def towers(edition: str, split: int, seed: int, recipe: Recipe, at_least: float, n_new: int) -> tuple[float, float]:
    """One fit of two towers with genres and years, by NDCG@10, where some well-known films are new to it."""
    parts = split_of(edition, split)
    known = np.flatnonzero(np.bincount(parts.train.item, minlength=parts.train.n_items) >= 40)
    new = np.random.default_rng(0).choice(known, n_new, replace=False)
    train = parts.train.take(~np.isin(parts.train.item, new))
    model = partial(TwoTower, item_features=film_features(train))
    start = time.perf_counter()
    fitted = fit_ranking(train, at_least, recipe=recipe, seed=seed, model=model)
    seconds = time.perf_counter() - start
    return evaluate_ranking(Recommender(fitted, train), Split(train, parts.valid))["ndcg"], seconds


def fit(edition: str, split: int, seed: int, model: Model, recipe: Recipe, **how) -> tuple[float, float]:
    """One one-cycle fit."""
    parts, start = split_of(edition, split), time.perf_counter()
    learn = fit_recipe(parts, model, recipe, seed, **how)
    return learn.recorder.values[-1][1], time.perf_counter() - start


def uniform(model: nn.Module, lo: float, hi: float) -> nn.Module:
    """Draw all embedding tables afresh, uniform in (lo, hi)."""
    for part in model.modules():
        if isinstance(part, nn.Embedding):
            nn.init.uniform_(part.weight, lo, hi)
    return model


def fit_published(
    edition: str, split: int, seed: int, model: Model, recipe: Recipe, start_below: float
) -> tuple[float, float]:
    """Tables from U(0, start_below), then plain Adam at a constant rate, with its decay in the gradient (L2)."""
    parts = split_of(edition, split)
    torch.manual_seed(seed)
    module = uniform(model(parts.train.n_users, parts.train.n_items, recipe.n_factors), 0, start_below)
    adam = partial(OptimWrapper, opt=partial(torch.optim.Adam, fused=True))
    dls = collab_dataloaders(parts, bs=recipe.bs, seed=seed)
    learn = rating_learner(dls, module, wd=recipe.wd, opt_func=adam, splitter=trainable_params)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit(recipe.epochs, recipe.lr)
    return learn.recorder.values[-1][1], time.perf_counter() - start


# A published notebook on the 2016 edition; see the appendix on reproductions.
PUBLISHED_NET: Score = partial(
    fit_published,
    model=partial(EmbeddingNet, y_range=RANGE, layers=(10,), embedding_dropout=0.5, dropout=0.5),
    recipe=Recipe(bs=64, epochs=15, lr=1e-3, wd=2e-5, n_factors=50),
    start_below=0.05,
)


def runs() -> dict[str, Score]:
    """Every run by name: edition / recipe / model."""
    table: dict[str, Score] = {}
    for by in [(), ("user",), ("item",), ("user", "item")]:
        table[f"small-2016/means/{'+'.join(by) or 'global'}"] = partial(predictor, MeanBaseline, by=by)
    products: dict[str, Model] = {"dot": dot, "dot+sigmoid": dot_sigmoid}
    for name, model in products.items():
        published = partial(fit, model=model, recipe=BATCH64, decay_biases=True)
        table[f"small-2018/batch64-replacement/{name}"] = partial(published, replacement=True)
        table[f"small-2018/batch64/{name}"] = published
        for edition in ("small-2018", "small-2016"):
            table[f"{edition}/course-no-decay/{name}"] = partial(fit, model=model, recipe=NO_DECAY)
    decays: list[tuple[str, Model, float, dict[str, Any]]] = [
        ("bias wd=.01", bias, 0.01, {"decay_biases": True}),  # published as "no decay"
        ("bias no-decay", bias, 0.0, {}),
        ("bias wd=.1", bias, 0.1, {"decay_biases": True}),
        ("bias wd=.1 factors-only", bias, 0.1, {}),
        ("bias-params wd=.1", bias_params, 0.1, {"decay_biases": True}),
    ]
    for name, model, wd, how in decays:
        batch64 = partial(fit, model=model, recipe=BATCH64._replace(wd=wd), **how)
        table[f"small-2018/batch64-replacement/{name}"] = partial(batch64, replacement=True)
        table[f"small-2018/batch64/{name}"] = batch64
    for edition in ("small-2018", "small-2016"):
        table[f"{edition}/course-no-decay/bias"] = partial(fit, model=bias, recipe=NO_DECAY)
        table[f"{edition}/course/bias"] = partial(fit, model=bias, recipe=RECIPE)
        table[f"{edition}/course/bias-params"] = partial(fit, model=bias_params, recipe=RECIPE)
        table[f"{edition}/course/bias decay-biases"] = partial(fit, model=bias, recipe=RECIPE, decay_biases=True)
    biases_alone = NO_DECAY._replace(n_factors=0)
    table["small-2016/course-no-decay/biases-alone"] = partial(fit, model=bias, recipe=biases_alone)
    table["small-2016/biases-solved"] = partial(predictor, ALS, **unseeded(ALS(n_factors=0)))
    for name, recipe in {"course": RECIPE, "quick": QUICK}.items():
        table[f"small-2016/{name}/net"] = partial(fit, model=net, recipe=recipe)
    table["small-2016/quick/bias"] = partial(fit, model=bias, recipe=QUICK)
    for edition in ("small-2018", "small-2016"):
        table[f"{edition}/als"] = partial(predictor, ALS, **unseeded(ALS()))
        table[f"{edition}/bayes"] = partial(predictor, BayesianMF, features=(), **unseeded(BayesianMF()))
    for name, features in {
        "who": (who_rated,),
        "films": (film_features,),
        "films-popularity": (film_features, popularity),
    }.items():
        settings = unseeded(BayesianMF(n_factors=16))
        table[f"small-2016/bayes-{name}"] = partial(predictor, BayesianMF, features=features, **settings)
    everything = unseeded(BayesianMF(n_factors=16, overrelaxation=0.9))
    table["small-2016/bayes-everything"] = partial(predictor, BayesianMF, known=everything_known, **everything)
    table["small-2016/item-knn-stars"] = partial(predictor, ItemKNNStars, **unseeded(ItemKNNStars()))
    for name, lists in {"item-knn": ItemKNN(at_least=4.0), "ease": EASE(at_least=4.0)}.items():
        table[f"small-2016/lists/{name}"] = partial(ranker, type(lists), **unseeded(lists))
    for name, loss in {"bpr": BPRLoss, "softmax": SampledSoftmax}.items():
        table[f"small-2016/lists/{name}"] = partial(trained_ranker, loss=loss, recipe=RANKING)
    quick = RANKING._replace(epochs=6, lr=0.02, n_factors=32)
    table["small-2016/lists/two-towers"] = partial(towers, recipe=quick, at_least=4.0, n_new=40)
    table["small-2016/published/net"] = PUBLISHED_NET
    return table


def unseeded(model) -> dict[str, Any]:
    """The arguments of a model apart from its seed, which is another in each draw."""
    return {name: value for name, value in arguments(model).items() if name != "seed"}


def save(bands: dict[str, dict]) -> None:
    write("bands", {"bands": in_order(runs(), bands)})


def time_again() -> None:
    """Replace the seconds of every band by those of one fit, each in the same quiet run."""
    bands = kept("bands", runs())["bands"]
    for name, score in tqdm(runs().items()):
        bands[name]["seconds"] = round(score(name.split("/")[0], 0, 0)[1], 2)
    save(bands)


def main(wanted: list[str]) -> None:
    bands = kept("bands", wanted).get("bands", {})
    chosen = {name: score for name, score in runs().items() if not wanted or any(w in name for w in wanted)}
    for name, score in (progress := tqdm(chosen.items())):
        progress.set_description(name)
        draws = [(split, 0) for split in range(10)] if score.func in (predictor, ranker, towers) else SPLITS_AND_SEEDS
        results = [score(name.split("/")[0], split, seed) for split, seed in draws]
        scores, seconds = zip(*results, strict=True)
        measure = "ndcg" if score.func in (ranker, trained_ranker, towers) else "mse"
        bands[name] = {
            "settings": plain(score.keywords),
            measure: [round(value, 5) for value in scores],
            "seconds": round(statistics.mean(seconds), 2),
        }
        save(bands)
        tqdm.write(
            f"{name:45} {measure.upper()} {statistics.mean(scores):.4f} ± {statistics.stdev(scores):.4f}  "
            f"{statistics.mean(seconds):.1f} s"
        )


if __name__ == "__main__":
    time_again() if sys.argv[1:] == ["--time"] else main(sys.argv[1:])
