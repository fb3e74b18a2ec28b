"""Every parameter has its range, and every table its type: what lies outside is refused at the door, by name."""

import inspect
import math
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import collabkit as kit
from collabkit.maps import short_name, spread_out
from collabkit.recommend.catalogue import Catalogue
from tests.tables import random_ratings, tiny_ratings

matplotlib.use("agg")
RATINGS = random_ratings(n_users=12, n_items=20, n=150)
SPLIT = kit.random_split(RATINGS)
MODEL = kit.DotProductBias(12, 20, 5, (0, 5.5))
RECOMMENDER = kit.Recommender(MODEL, RATINGS)
NEW = RECOMMENDER.fold_in({10: 4})
X = np.arange(4.0)


def written(recommender, **parameters):
    with tempfile.TemporaryDirectory() as folder:
        recommender.recommend_to_parquet(Path(folder, "lists.parquet"), **parameters)


#: (call, parameter): how to call it with a value; a value that will do, as a whole number if it may be one; the range
NUMBERS = {
    ("random_split", "valid"): (lambda v: kit.random_split(RATINGS, valid=v), 0.5, (0, 1)),
    ("random_split", "test"): (lambda v: kit.random_split(RATINGS, test=v), 0.5, (None, 1)),
    ("random_split", "seed"): (lambda v: kit.random_split(RATINGS, seed=v), 3, (0, 2**63 - 1)),
    ("k_fold", "k"): (lambda v: kit.k_fold(RATINGS, k=v), 3, (2, 150)),
    ("k_fold", "seed"): (lambda v: kit.k_fold(RATINGS, seed=v), 3, (0, 2**63 - 1)),
    ("temporal_split", "valid"): (lambda v: kit.temporal_split(RATINGS, valid=v), 0.5, (0, 1)),
    ("temporal_split", "test"): (lambda v: kit.temporal_split(RATINGS, test=v), 0.5, (None, 1)),
    ("strong_generalization", "valid"): (lambda v: kit.strong_generalization(RATINGS, valid=v), 0.5, (0, 1)),
    ("strong_generalization", "test"): (lambda v: kit.strong_generalization(RATINGS, test=v), 0.5, (None, 1)),
    ("strong_generalization", "fold_in"): (lambda v: kit.strong_generalization(RATINGS, fold_in=v), 0.5, (0, 1)),
    ("strong_generalization", "min_ratings"): (
        lambda v: kit.strong_generalization(RATINGS, min_ratings=v),
        3,
        (2, None),
    ),
    ("strong_generalization", "seed"): (lambda v: kit.strong_generalization(RATINGS, seed=v), 3, (0, 2**63 - 1)),
    ("leave_last_out", "n"): (lambda v: kit.leave_last_out(RATINGS, n=v), 2, (1, None)),
    ("recall_at_k", "k"): (lambda v: kit.recall_at_k([1, 2], [1], k=v), 3, (1, None)),
    ("average_precision_at_k", "k"): (lambda v: kit.average_precision_at_k([1, 2], [1], k=v), 3, (1, None)),
    ("ndcg_at_k", "k"): (lambda v: kit.ndcg_at_k([1, 2], [1], k=v), 3, (1, None)),
    ("ndcg_at_k", "gain"): (lambda v: kit.ndcg_at_k([1, 2], {1: 1, 2: v}), 0.5, (None, None)),
    ("evaluate_ranking", "k"): (lambda v: kit.evaluate_ranking(RECOMMENDER, SPLIT, k=v), 3, (1, None)),
    ("evaluate_ranking", "relevant"): (
        lambda v: kit.evaluate_ranking(RECOMMENDER, SPLIT, relevant=v),
        0.5,
        (None, None),
    ),
    ("ranking_scores", "k"): (lambda v: kit.ranking_scores(RECOMMENDER, SPLIT, k=v), 3, (1, None)),
    ("ranking_scores", "relevant"): (lambda v: kit.ranking_scores(RECOMMENDER, SPLIT, relevant=v), 0.5, (None, None)),
    ("cross_validate", "k"): (lambda v: kit.cross_validate(kit.MeanBaseline, RATINGS, k=v), 3, (2, 150)),
    ("cross_validate", "seed"): (lambda v: kit.cross_validate(kit.MeanBaseline, RATINGS, 2, v), 3, (0, 2**63 - 1)),
    ("film_features", "years"): (lambda v: kit.film_features(RATINGS, years=v), 3, (1, 10_000)),
    ("everything_known", "n_features"): (lambda v: kit.everything_known(RATINGS, n_features=v), 3, (0, None)),
    ("who_rated", "n_features"): (lambda v: kit.who_rated(RATINGS, n_features=v), 3, (0, None)),
    ("most_rated", "n"): (lambda v: kit.most_rated(RATINGS, v), 3, (1, None)),
    ("item_components", "n"): (lambda v: kit.item_components(MODEL, RATINGS, np.arange(9), n=v), 3, (1, 5)),
    ("similar_items", "k"): (lambda v: kit.similar_items(MODEL, RATINGS, 10, k=v), 3, (1, None)),
    ("labelled_map", "size"): (lambda v: kit.labelled_map(X, X, list("abcd"), size=v), 0.5, (0, None)),
    ("spread_out", "n"): (lambda v: spread_out(X, X, n=v), 3, (1, None)),
    ("spread_out", "apart"): (lambda v: spread_out(X, X, n=3, apart=v), 0.5, (None, None)),
    ("short_name", "width"): (lambda v: short_name("A name", width=v), 3, (2, None)),
    ("RatePage", "n_films"): (lambda v: kit.RatePage(RECOMMENDER, n_films=v), 3, (1, None)),
    ("Catalogue.search", "n"): (lambda v: Catalogue(RATINGS).search("film", v), 3, (1, None)),
    ("Recommender.recommend", "k"): (lambda v: RECOMMENDER.recommend(1, k=v), 3, (1, None)),
    ("Recommender.recommend_to_parquet", "k"): (lambda v: written(RECOMMENDER, k=v), 3, (1, None)),
    ("Recommender.similar_items", "k"): (lambda v: RECOMMENDER.similar_items(10, k=v), 3, (1, None)),
    ("Recommender.search", "n"): (lambda v: RECOMMENDER.search("film", n=v), 3, (1, None)),
    ("Recommender.explain", "n"): (lambda v: RECOMMENDER.explain(1, 10, n=v), 3, (1, None)),
    ("NewUser.recommend", "k"): (lambda v: NEW.recommend(k=v), 3, (1, None)),
    ("NewUser.explain", "n"): (lambda v: NEW.explain(10, n=v), 3, (1, None)),
}
DLS = kit.collab_dataloaders(SPLIT, device="cpu")
LISTS = RECOMMENDER.recommend([1, 2], k=9)
LOSS = kit.SampledSoftmax(SPLIT.train)
VECTORS = kit.who_rated(RATINGS, 3)
SIZES = {"n_users": 3, "n_items": 4, "n_factors": 5}
MODELS = {one.__name__: one for one in (kit.DotProduct, kit.DotProductBias, kit.DotProductBiasParams, kit.EmbeddingNet)}
IN_STARS = MODELS.copy()  # what has a range of stars
MODELS["BPR"] = kit.BPR
TOWERS = {"TwoTower": kit.TwoTower}  # without a range, and with one factor at least
QUICKLY = {"ALS": {"n_sweeps": 1}, "ImplicitALS": {"n_sweeps": 1}}  # settings of what takes its time by default
QUICKLY["BayesianMF"] = {"n_samples": 2, "burn_in": 0, "progress": False}


def built(name: str, parameter: str):
    return lambda v: (MODELS | TOWERS)[name](**SIZES | {parameter: v})


def fitted(name: str, parameter: str):
    return lambda v: getattr(kit, name)(**QUICKLY.get(name, {}) | {parameter: v}).fit(RATINGS)


def estimator(name: str, **parameters) -> dict:
    return {(name, one): (fitted(name, one), *rest) for one, rest in parameters.items()}


NUMBERS |= {(name, one): (built(name, one), 3, (1, None)) for name in MODELS for one in ("n_users", "n_items")}
NUMBERS |= {(name, "n_factors"): (built(name, "n_factors"), 3, (0, None)) for name in MODELS}
NUMBERS |= {
    ("EmbeddingNet", one): (built("EmbeddingNet", one), 0.5, (None, 1)) for one in ("embedding_dropout", "dropout")
}
SEED, COUNT = (3, (0, 2**63 - 1)), (3, (1, None))
NUMBERS |= estimator("MeanBaseline", damping=(0.5, (None, None)))
NUMBERS |= estimator("ALS", n_factors=(3, (0, None)), n_sweeps=COUNT, seed=SEED)
NUMBERS |= estimator("ALS", penalty=(0.5, (0, None)), bias_penalty=(0.5, (0, None)))
NUMBERS |= estimator("ImplicitALS", n_factors=COUNT, n_sweeps=COUNT, seed=SEED)
NUMBERS |= estimator("ImplicitALS", penalty=(0.5, (0, None)), alpha=(0.5, (None, None)), at_least=(0.5, (None, None)))
ANY = (0.5, (None, None))
NUMBERS |= estimator("EASE", penalty=(0.5, (0, None)), at_least=ANY, zero_at=ANY, max_items=COUNT)
NUMBERS |= estimator("EASE", sitting=ANY, half_life=(0.5, (0, None)))
NUMBERS["by_recency", "decay"] = (lambda v: kit.by_recency(kit.EASE().fit(RATINGS), RATINGS, v), *ANY)
NUMBERS["by_recency", "half_life"] = (lambda v: kit.by_recency(kit.EASE().fit(RATINGS), RATINGS, 0, v), 0.5, (0, None))
NUMBERS |= estimator("ItemKNN", n_neighbours=COUNT, shrink=ANY, at_least=ANY, zero_at=ANY)
NUMBERS |= estimator("ItemKNNStars", n_neighbours=COUNT, shrink=ANY, damping=ANY)
NUMBERS |= estimator("BayesianMF", n_factors=(3, (0, None)), n_samples=COUNT, burn_in=(3, (0, None)), seed=SEED)
NUMBERS |= estimator("BayesianMF", noise_df=(2.5, (2, 1e9)), overrelaxation=(0.5, (-0.1, 0.99)))
NUMBERS["BayesianMF", "windows"] = (lambda v: fitted("BayesianMF", "windows")((v,)), *COUNT)
NUMBERS |= {
    ("collab_dataloaders", "bs"): (lambda v: list(kit.collab_dataloaders(SPLIT, bs=v).train), 3, (1, None)),
    ("collab_dataloaders", "seed"): (lambda v: kit.collab_dataloaders(SPLIT, seed=v), *SEED),
    ("rating_learner", "wd"): (lambda v: kit.rating_learner(DLS, MODEL, wd=v), 0.5, (None, None)),
    ("rating_learner", "lr"): (lambda v: kit.rating_learner(DLS, MODEL, lr=v), 0.5, (0, None)),
    ("ranking_learner", "wd"): (lambda v: kit.ranking_learner(DLS, MODEL, LOSS, wd=v), 0.5, (None, None)),
    ("ranking_learner", "lr"): (lambda v: kit.ranking_learner(DLS, MODEL, LOSS, lr=v), 0.5, (0, None)),
    ("Negatives", "seed"): (lambda v: kit.Negatives(RATINGS, seed=v), *SEED),
    ("BPRLoss", "seed"): (lambda v: kit.BPRLoss(RATINGS, seed=v), *SEED),
    ("SampledSoftmax", "seed"): (lambda v: kit.SampledSoftmax(RATINGS, seed=v), *SEED),
    ("SampledSoftmax", "n_negatives"): (lambda v: kit.SampledSoftmax(RATINGS, n_negatives=v), *COUNT),
    ("mmr", "relevance"): (lambda v: kit.mmr(LISTS, VECTORS, relevance=v), 0.5, (None, 1)),
    ("mmr", "k"): (lambda v: kit.mmr(LISTS, VECTORS, k=v), *COUNT),
}
NUMBERS |= {("TwoTower", one): (built("TwoTower", one), 3, (1, None)) for one in ("n_users", "n_items", "n_factors")}
NUMBERS["TwoTower", "temperature"] = built("TwoTower", "temperature"), 0.5, (0, None)
NUMBERS["TwoTower", "id_dropout"] = built("TwoTower", "id_dropout"), 0.5, (None, 1)


def index(**settings):
    pytest.importorskip("usearch", reason="pip install 'collabkit[index]'")
    return kit.Index(**settings).build(np.eye(4))


NUMBERS |= {
    ("Index", "links"): (lambda v: index(links=v), 3, (2, 512)),
    ("Index", "width"): (lambda v: index(width=v), 3, (1, 100_000)),
    ("Index", "threads"): (lambda v: index(threads=v), 3, (1, 1024)),
    ("Index.query", "k"): (lambda v: index().query(X, k=v), 3, (1, None)),
    ("Index.query", "width"): (lambda v: index().query(X, width=v), 3, (1, 1_000_000)),
    ("Index.query", "threads"): (lambda v: index().query(X, threads=v), 3, (1, 1024)),
}
ANY_SIGN = {"relevant", "at_least", "zero_at"}  # below every rating: then everything is relevant
BAD = [-1, math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, True, "3", b"3", [3], 3j, np.datetime64(3, "ns")]


@pytest.mark.parametrize(("of", "parameter"), NUMBERS)
def test_numbers_outside_their_range(of, parameter):
    call, good, (lo, hi) = NUMBERS[of, parameter]
    bad = [*BAD, *([2.5, (lo or 0) - 1] if isinstance(good, int) else [lo]), *([hi + 1] if hi else [])]
    if parameter in ANY_SIGN:
        bad.remove(-1)
    if parameter == "lr":
        bad.remove([3])  # fastai's way to give each group of parameters its own
    for value in bad:
        if value is not None:
            with pytest.raises((ValueError, TypeError)) as caught:
                call(value)
            assert str(caught.value).startswith(parameter), (value, caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("of", "parameter"), NUMBERS)
@pytest.mark.filterwarnings("ignore:no room on the map", "ignore:the chain has not settled")
def test_numbers_of_numpy_and_torch_will_do(of, parameter):
    call, good, _ = NUMBERS[of, parameter]
    for kind in (np.float32, np.array, torch.tensor, *([np.int8, np.uint64, float] if isinstance(good, int) else [])):
        call(kind(good))


#: each public function and method of this half of the package that takes Ratings, by what it is given instead
TABLES = {
    "random_split": kit.random_split,
    "k_fold": kit.k_fold,
    "temporal_split": kit.temporal_split,
    "leave_last_out": kit.leave_last_out,
    "strong_generalization": kit.strong_generalization,
    "Split": lambda bad: kit.Split(bad, RATINGS),
    "Split, valid": lambda bad: kit.Split(RATINGS, bad),
    "MeanBaseline": kit.MeanBaseline().fit,
    "PopularityBaseline": kit.PopularityBaseline().fit,
    "everything_known": kit.everything_known,
    "film_features": kit.film_features,
    "popularity": kit.popularity,
    "who_rated": kit.who_rated,
    "which_models": kit.which_models,
    "most_rated": lambda bad: kit.most_rated(bad, 3),
    "item_biases": lambda bad: kit.item_biases(MODEL, bad),
    "item_components": lambda bad: kit.item_components(MODEL, bad, [0, 1]),
    "similar_items": lambda bad: kit.similar_items(MODEL, bad, 10),
    "cross_validate": lambda bad: kit.cross_validate(kit.MeanBaseline, bad),
    "Catalogue": Catalogue,
    "ALS": kit.ALS().fit,
    "EASE": kit.EASE().fit,
    "ImplicitALS": kit.ImplicitALS().fit,
    "ItemKNN": kit.ItemKNN().fit,
    "ItemKNNStars": kit.ItemKNNStars().fit,
    "by_recency": lambda bad: kit.by_recency(kit.EASE().fit(RATINGS), bad),
    "BayesianMF": kit.BayesianMF().fit,
    "Recommender": lambda bad: kit.Recommender(MODEL, bad),
    "Negatives": kit.Negatives,
    "BPRLoss": kit.BPRLoss,
    "SampledSoftmax": kit.SampledSoftmax,
    "ImplicitALS.with_history": kit.ImplicitALS(3, n_sweeps=1).fit(RATINGS).with_history,
}
NO_RATINGS = [RATINGS.frame, SPLIT, None, [1, 2], np.ones((3, 3)), kit.Ratings]


@pytest.mark.parametrize("door", TABLES.values(), ids=TABLES)
def test_what_is_no_ratings(door):
    for bad in NO_RATINGS:
        with pytest.raises(TypeError, match=r"^\w+ is a \w+ and has to be a Ratings: Ratings.from_frame\(df\)"):
            door(bad)
    with pytest.raises(ValueError, match=r"^\w+ has no rows, so there is nothing to learn from"):
        door(RATINGS.take([]))


@pytest.mark.parametrize("bad", [RATINGS, RATINGS.frame, (RATINGS, RATINGS), None])
def test_what_is_no_split(bad):
    for door in (lambda: kit.evaluate(RECOMMENDER, bad), lambda: kit.evaluate_ranking(RECOMMENDER, bad)):
        with pytest.raises(TypeError, match=r"^split is a \w+ and has to be a Split"):
            door()


def test_parts_of_a_split():
    for part in ("cold", "holdout", 1):
        for door in (SPLIT.cold, lambda part: kit.evaluate(RECOMMENDER, SPLIT, part)):
            with pytest.raises(ValueError, match="choose 'train', 'valid' or 'test'"):
                door(part)
    with pytest.raises(ValueError, match="valid has other user ids than train"):
        kit.Split(RATINGS, tiny_ratings())


@pytest.mark.parametrize("bad", [None, MODEL, kit.PopularityBaseline().fit(RATINGS), RATINGS])
def test_what_predicts_or_recommends_nothing(bad):
    with pytest.raises(TypeError, match=r"has no predict\(users, items\)"):
        kit.evaluate(bad, SPLIT)
    with pytest.raises(TypeError, match=r"has no recommend\(user, k\)"):
        kit.evaluate_ranking(bad, SPLIT)
    with pytest.raises(TypeError, match="is a MeanBaseline: pass what builds a model"):
        kit.cross_validate(kit.MeanBaseline(), RATINGS)


@pytest.mark.parametrize("measure", [kit.rmse, kit.mae])
def test_what_an_error_is_measured_between(measure):
    with_gradient = torch.tensor([1.0, 3.0], requires_grad=True)
    for right in (with_gradient, with_gradient.bfloat16(), pd.array([1, 3], "Int64"), np.array([1, 3], object), (1, 3)):
        assert measure(right, [1, 3]) == measure([1, 3], right) == 0
    for wrong in (["1", "3"], pd.to_datetime([1, 3]), [1j, 3], torch.tensor([1j, 3]), np.array([1, "3"], object)):
        with pytest.raises(TypeError, match="predicted has values of type .*measured between numbers"):
            measure([1, 3], wrong)
    with pytest.raises(ValueError, match="1 of 2 rows are not finite"):
        measure([1, 3], pd.array([1, None], "Int64"))


@pytest.mark.parametrize("measure", [kit.recall_at_k, kit.average_precision_at_k, kit.ndcg_at_k])
def test_lists_of_two_kinds_of_ids(measure):
    for ranked, relevant in (([1, 2], ["1"]), ([1, "2"], [1]), (["1"], {1: 2.0})):
        with pytest.raises(TypeError, match="make them of one kind"):
            measure(ranked, relevant)
    with pytest.raises(TypeError, match="'abc' is one text"):
        measure("abc", ["a"])


def test_overlaps_and_codes():
    assert kit.mean_overlap([torch.tensor([1, 2]), [1.0, 2.0]]) == 1
    with pytest.raises(TypeError, match="all whole numbers or all text"):
        kit.mean_overlap([[1], ["1"]])
    with pytest.raises(ValueError, match="an id in each"):
        kit.mean_overlap([[1], []])
    for codes in ([-1, 0], [0, 20], [], [0.5, 1]):
        with pytest.raises((ValueError, TypeError), match="codes have to be whole numbers from 0 to 19|ids have to be"):
            kit.item_components(MODEL, RATINGS, codes)
    with pytest.raises(ValueError, match="2 items where one is asked for"):
        kit.similar_items(MODEL, RATINGS, [10, 20])
    with pytest.raises(ValueError, match="item_bias has 20 rows, these ratings 4 items"):
        kit.item_biases(MODEL, tiny_ratings())
    als = kit.ALS(n_sweeps=1).fit(RATINGS)
    assert kit.item_biases(als, RATINGS).equals(kit.item_biases(als.as_module(), RATINGS))
    for bad in (RATINGS, None, kit.BayesianMF()):
        with pytest.raises(TypeError, match=r"is no module, and has no as_module\(\): pass the trained model"):
            kit.item_biases(bad, RATINGS)
    with pytest.raises(TypeError, match="DotProductBias is a class: build one"):
        kit.item_biases(kit.DotProductBias, RATINGS)
    with pytest.raises(TypeError, match="full='no'"):
        kit.item_biases(MODEL, RATINGS, full="no")


def test_coordinates():
    for door in (kit.InteractiveMap, kit.labelled_map):
        for x, y, labels in (([1, math.nan], [1, 2], "ab"), ([1], [1, 2], "ab"), ([1, 2], [1, 2], "a"), ([], [], "")):
            with pytest.raises(ValueError, match="a map needs"):
                door(x, y, list(labels))
        with pytest.raises(TypeError, match="x has values of type"):
            door(["1", "2"], [1, 2], list("ab"))


def test_other_things():
    with pytest.raises(TypeError, match="recommender is a DotProductBias: pass Recommender"):
        kit.RatePage(MODEL)
    for by in ("user", None, ("genre",), [["user"]]):
        with pytest.raises(ValueError, match="choose from 'user' and 'item', in a tuple"):
            kit.MeanBaseline(by).fit(RATINGS)
    with pytest.raises(TypeError, match="lists has to be a DataFrame with a column 'item'"):
        kit.metrics.coverage([1], RATINGS)
    with pytest.raises(TypeError, match="5 is a int: search for a part of a title"):
        RECOMMENDER.search(5)
    for stars in (True, "five", None, math.nan, 1e39, 9, pd.Timestamp(3), 3j):
        with pytest.raises(ValueError, match="is not a number of stars from 0.5 to 5"):
            RECOMMENDER.fold_in({10: stars})
    with pytest.raises(TypeError, match="all whole numbers or all text"):
        RECOMMENDER.fold_in({10: 5, "10": 1})
    with pytest.raises(TypeError, match="user ids of this data are whole numbers"):
        RECOMMENDER.predict(["3"], ["10"])


@settings(max_examples=200)
@given(st.floats(), st.floats() | st.just(0), st.integers())
def test_shares_hold_out_what_they_say_or_nothing(valid, test, seed):
    for split in (
        lambda: kit.random_split(RATINGS, valid, seed, test),
        lambda: kit.temporal_split(RATINGS, valid, test),
    ):
        try:
            parts = split()
        except ValueError as error:
            assert str(error).startswith(("valid=", "test=", "seed=", "a part of this split"))
        else:
            assert 0 < valid < 1
            assert abs(len(parts.valid) - valid * len(RATINGS)) <= 1
            assert (parts.test is None) == (test == 0)


@pytest.mark.parametrize("y_range", [(5.5, 0), (1, 1), (0, math.nan), (0, math.inf), 5, (1, 2, 3), "05", (0, "5")])
def test_ranges_the_wrong_way_round(y_range):
    for model in IN_STARS.values():
        with pytest.raises((ValueError, TypeError), match=r"^y_range"):
            model(**SIZES, y_range=y_range)
    with pytest.raises((ValueError, TypeError), match=r"^scale"):
        kit.Ratings.from_frame(RATINGS.frame, scale=y_range)


#: what takes neither a number nor Ratings, and the file of tests that has its doors
ELSEWHERE = {
    **dict.fromkeys(["QUICK", "RANKING", "RECIPE"], "test_recipe.py"),
    "bpr_loss": "test_bpr.py",
    "intra_list_diversity": "test_diversity.py",
    **dict.fromkeys(["create_params", "sigmoid_range"], "test_models.py"),
    **dict.fromkeys(["rmse", "mae", "mean_overlap", "InteractiveMap", "evaluate"], "test_doors.py"),
    "load_movielens": "test_movielens.py",
    **dict.fromkeys(["load_users", "official_folds"], "test_official.py"),
    "Ratings": "test_ratings.py",
    "Vocabulary": "data/test_vocabulary.py",
    "band": "results/test_bands.py",
}


def test_every_public_name_is_in_a_table():
    """Red for a new name, and for a new parameter with a number for its default."""
    tried = {name for name, _ in NUMBERS} | set(TABLES)
    no_door = sorted(set(kit.__all__) - tried - set(ELSEWHERE))
    assert not no_door, (
        f"{no_door}: write what takes Ratings into TABLES, numbers into NUMBERS, the rest into ELSEWHERE"
    )
    assert not set(ELSEWHERE) - (set(kit.__all__) - tried), "ELSEWHERE has names that are in a table, or are not public"
    here = Path(__file__).parent
    assert all(name in (here / file).read_text("utf8") for name, file in ELSEWHERE.items())
    for name in kit.__all__:
        if callable(thing := getattr(kit, name)):
            for parameter in inspect.signature(thing).parameters.values():
                if type(parameter.default) in (int, float):
                    missing = f"write the range of {parameter.name} of {name} into NUMBERS; of a model, by estimator(…)"
                    assert (name, parameter.name) in NUMBERS, missing
