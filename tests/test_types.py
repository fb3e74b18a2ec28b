"""What a type checker knows of the package: its names, what they take, and what they give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import collabkit

ROOT = Path(__file__).parents[1]
IMPORTS = f"from collabkit import {', '.join(collabkit.__all__)}"

#: each public name, used as it is meant
RIGHT = """
from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from collabkit import interpret, movielens, plots, results
from collabkit.index import Nearest
from collabkit.learner import RankingLearner, RatingLearner
from collabkit.recommend.newcomer import Explanation, NewUser
from collabkit.results.bands import Band

ratings = load_movielens("small-2018", path=Path("ml-latest-small"))
assert_type(ratings, Ratings)
assert_type(Ratings.from_frame(pd.DataFrame({"user": ["a"], "item": [1], "rating": [4.0]}), scale=(0.5, 5)), Ratings)
assert_type(ratings.frame, pd.DataFrame)
assert_type(Vocabulary(["a", "b"]).index("a"), np.ndarray)
codes, known = ratings.items.index([1, 2], missing="unknown")

split = random_split(ratings, seed=1)
for split in (Split(split.train, split.valid), temporal_split(ratings), leave_last_out(ratings), *k_fold(ratings)):
    assert_type(split.known, Ratings)

split = strong_generalization(ratings, valid=0.2, test=0, fold_in=0.5, min_ratings=3)
assert_type(split.history, Ratings | None)

for name, split in official_folds("100k", path="ml-100k"):
    assert_type((name, split), tuple[str, Split])
assert_type(load_users("1m"), pd.DataFrame)

stars = MeanBaseline(by=("item",)).fit(split.train).predict(1, [10, 20])
assert_type(stars, np.ndarray)
assert_type(rmse(split.valid.rating, stars) + mae(torch.ones(3, 1), [1, 2, 3]), float)
assert_type(recall_at_k(["a"], {"a"}) + average_precision_at_k([1], [1]) + ndcg_at_k([1], {1: 4.5}), float)

als = ALS(n_factors=20, device="cpu").fit(split.train)
assert_type(als, ALS)
assert_type(als.as_module(), DotProductBias)
assert_type(cross_validate(lambda: ALS(n_sweeps=2), ratings), pd.DataFrame)
features = pd.concat([film_features(ratings), popularity(ratings), who_rated(ratings)], axis=1)
bayes = BayesianMF(progress=False).fit(split.train, item_features=features)
everything = everything_known(split.train, users=pd.DataFrame({"age": [30.0]}))
BayesianMF().fit(split.train, *everything).fit(split.train, everything.item_features, {"age": np.ones((3, 1))})
assert_type(bayes.predict(["a"], ["b"]), np.ndarray)
assert_type(bayes.predict(1, 2, return_std=True), tuple[np.ndarray, np.ndarray])
assert_type(BayesianMF(likelihood="ordered").fit(ratings).predict_proba(1, ["b"]), np.ndarray)
assert_type(bayes.predict_at(["a"], ["b"], [3], sitting="around"), tuple[np.ndarray, np.ndarray])
for predictor in (bayes, als, Recommender(als, ratings)):
    assert_type(evaluate(predictor, split), dict[str, float])


class OfMyOwn:
    def predict(self, mine: np.ndarray, theirs: np.ndarray) -> list[float]:
        return [3.5] * len(mine)


evaluate(OfMyOwn(), split)

dls = collab_dataloaders(split, bs=RECIPE.bs, device=torch.device("cpu"))
for model in (DotProduct(3, 4, 5), DotProductBiasParams(3, 4, 5), EmbeddingNet(3, 4, (5, 6), (0, 5.5), layers=(7,))):
    assert_type(rating_learner(dls, model, wd=QUICK.wd), RatingLearner)
for loss in (BPRLoss(split.train), SampledSoftmax(split.train, n_negatives=100)):
    assert_type(ranking_learner(dls, BPR(3, 4, RANKING.n_factors), loss, wd=RANKING.wd), RankingLearner)
assert_type(bpr_loss(torch.ones(3, 1), torch.zeros(3, 1)), Tensor)
assert_type(Negatives(split.train, seed=1).draw(torch.arange(3), 2), Tensor)
assert_type(ImplicitALS().fit(split.train).with_history(split.valid), ImplicitALS)
assert_type(create_params([3, 4]), nn.Parameter)
assert_type(sigmoid_range(torch.zeros(3), 0, 5.5), Tensor)
assert_type(band("small-2016/course/dot"), Band)

recommender = Recommender(DotProductBias(3, 4, 5), ratings)
ease = EASE(penalty=50, at_least=4).fit(ratings)
assert_type(ease.with_history(split.train), EASE)
towers = TwoTower(3, 4, 5, item_features=film_features(ratings), temperature=0.1)
assert_type(towers.item_vectors(torch.arange(2)), Tensor)
nearest = ItemKNN(n_neighbours=20).fit(ratings)
assert_type(by_recency(ease, split.train, decay=0.3, half_life=365), EASE)
assert_type(by_recency(nearest, split.train), ItemKNN)
assert_type(ItemKNNStars(shrink=30).fit(ratings).predict(1, [10, 20]), np.ndarray)
for served in (PopularityBaseline().fit(ratings), ImplicitALS().fit(ratings), als, bayes, ease, nearest):
    assert_type(evaluate_ranking(Recommender(served, ratings, device="cpu"), split), dict[str, float])
assert_type(ranking_scores(recommender, split, part="valid", k=5, relevant=3.5), pd.DataFrame)
assert_type(recommender.recommend(["a", "b"], k=5, candidates=ratings.items.ids[:9]), pd.DataFrame)
assert_type(recommender.fold_in({10: 5, 20: 0.5}), NewUser)
assert_type(recommender.explain(1, "b", n=None), Explanation)
lists = mmr(recommender.recommend(["a", "b"], k=50), film_features(ratings), relevance=0.5)
assert_type(intra_list_diversity(lists, film_features(ratings)), float)
index = Index.of(recommender, links=8)
index.save("films.index")
assert_type(Index.load(Path("films.index")).query(towers.user_vectors(), k=3, exclude=[[1], ["a"]]), Nearest)
both = recommender.recommend([1, 2], k=5, candidates=recommender.recommend([1, 2], k=200, index=index))
assert_type(both, pd.DataFrame)
recommender.save("model.safetensors", scores={"rmse": 0.9, "by": "me"})
assert_type(Recommender.load(Path("model.safetensors")), Recommender)
RatePage(recommender).save("page.html")

assert_type(which_models(ratings), pd.DataFrame)
shown = most_rated(ratings, 30)
assert_type(item_biases(als, ratings), pd.DataFrame)
assert_type(similar_items(recommender.model, ratings, 10, codes=shown), pd.DataFrame)
assert_type(mean_overlap([shown, [1, 2]]), float)
table = item_components(als.as_module(), ratings, shown).table
labelled_map(table["pc1"], table["pc2"], table["label"])
InteractiveMap([0.1], [0.2], ["a film"], axes={"year": [1995]})
"""

#: one line each, and what is said of it
WRONG = {
    "from collabkit import ASL": 'Module "collabkit" has no attribute "ASL"',
    "collabkit.load_movielence()": 'has no attribute "load_movielence"; maybe "load_movielens"?',
    "ratings.n_user": '"Ratings" has no attribute "n_user"; maybe "n_users"',
    "load_movielens(100)": '"load_movielens" has incompatible type "int"; expected "str"',
    "official_folds(100)": '"official_folds" has incompatible type "int"; expected "str"',
    "random_split(ratings.frame)": '"random_split" has incompatible type "DataFrame"; expected "Ratings"',
    'ALS(n_factors="20")': '"n_factors" to "ALS" has incompatible type "str"; expected "int"',
    'BayesianMF(likelihood="probit")': '"likelihood" to "BayesianMF" has incompatible type',
    "ALS(factors=20)": 'Unexpected keyword argument "factors" for "ALS"',
    "ALS().fit(random_split(ratings))": '"fit" of "ALS" has incompatible type "Split"; expected "Ratings"',
    "rmse(ratings.rating, None)": 'Argument 2 to "rmse" has incompatible type "None"',
    "evaluate(3, random_split(ratings))": '"evaluate" has incompatible type "int"; expected "Predictor"',
    "evaluate(ALS, random_split(ratings))": '"evaluate" has incompatible type "type[ALS]"; expected "Predictor"',
    "evaluate(PopularityBaseline(), random_split(ratings))": '"PopularityBaseline"; expected "Predictor"',
    "evaluate_ranking(ALS(), random_split(ratings))": 'has incompatible type "ALS"; expected "Ranker"',
    "evaluate(EASE(), random_split(ratings))": '"evaluate" has incompatible type "EASE"; expected "Predictor"',
    "evaluate(ALS(), ratings)": '"evaluate" has incompatible type "Ratings"; expected "Split"',
    "cross_validate(MeanBaseline(), ratings)": '"cross_validate" has incompatible type "MeanBaseline"; expected "Call',
    'Recommender("als", ratings)': 'Argument 1 to "Recommender" has incompatible type "str"',
    "Recommender(ALS(), [1, 2])": '"Recommender" has incompatible type "list[int]"; expected "Ratings"',
    "Recommender(ALS(), ratings).fold_in([10])": '"fold_in" of "Recommender" has incompatible type "list[int]"',
    "RatePage(ALS())": '"RatePage" has incompatible type "ALS"; expected "Recommender"',
    "ranking_learner(None, BPR(3, 4, 5), SampledSoftmax)": '3 to "ranking_learner" has incompatible type "type',
    "BPR(3, 4, 5, y_range=(0, 5))": 'Unexpected keyword argument "y_range" for "BPR"',
    "collab_dataloaders(ratings)": '"collab_dataloaders" has incompatible type "Ratings"; expected "Split"',
    "DotProduct(3, 4, 5, y_range=5)": '"y_range" to "DotProduct" has incompatible type "int"',
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, dict[int, str]]:
    """What mypy says of each line, by file, from one run: quick where `make lint` has left its cache."""
    api = pytest.importorskip("mypy.api")
    folder = tmp_path_factory.mktemp("snippets")
    (folder / "right.py").write_text(f"{IMPORTS}\n{RIGHT}")
    (folder / "wrong.py").write_text("\n".join([f"import collabkit; {IMPORTS}; ratings = load_movielens()", *WRONG]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        out, err, _ = api.run([str(folder / "right.py"), str(folder / "wrong.py")])
    assert not err, err
    found: dict[str, dict[int, str]] = {"right": {}, "wrong": {}}
    for file, line, message in re.findall(r"(right|wrong)\.py:(\d+): error: (.*)", out):
        found[file][int(line)] = found[file].get(int(line), "") + message
    return found


def test_what_is_right_is_accepted(said):
    assert said["right"] == {}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_told(said, line):
    assert WRONG[line] in said["wrong"].get([*WRONG].index(line) + 2, "nothing")  # below the line of imports


def test_every_public_name_is_used_rightly_once():
    unused = [name for name in collabkit.__all__ if not re.search(rf"\b{name}\b", RIGHT)]
    assert not unused, f"write a right use of {', '.join(unused)} into RIGHT"


def test_type_checkers_read_the_table_that_is_loaded():
    stub = (ROOT / "collabkit/__init__.pyi").read_text("utf8")
    listed = re.findall(r"^from collabkit\.(\S+) import (\w+) as (\w+)$", stub, re.M)
    assert [name for _, name, other in listed if name != other] == []
    stubs = {name: module for module, name, _ in listed}
    assert stubs == collabkit._MODULE, "collabkit/__init__.py and .pyi list other names, or other modules of them"
    assert len(listed) == len(collabkit._MODULE)
