"""BayesianMF on disk: the same bits come back, and what no fit would leave is refused."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import BayesianMF, Ratings, Recommender
from collabkit.saving.packing_bayes import TYPES, pack_bayes, unpack_bayes
from collabkit.saving.packing_models import pack_model, unpack_model
from collabkit.saving.storage import load_model, save_model
from tests.tables import random_ratings, tiny_ratings

pytestmark = pytest.mark.filterwarnings("ignore:the chain has not settled")
SETTINGS = {"n_factors": 3, "n_samples": 6, "burn_in": 2, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def ratings():
    return random_ratings()


@pytest.fixture(scope="module", params=["ids alone", "features", "biases alone"])
def model(request, ratings):
    X = np.random.default_rng(0).normal(size=(ratings.n_items, 4)) if request.param == "features" else None
    return BayesianMF(**SETTINGS | {"n_factors": 0 if request.param == "biases alone" else 3}).fit(ratings, X)


@pytest.fixture(scope="module")
def ordered(ratings):
    return BayesianMF(**SETTINGS, likelihood="ordered").fit(ratings)


def test_a_recommender_comes_back_bit_for_bit(model, ratings, tmp_path):
    before, path = Recommender(model, ratings.take(ratings.user != 7)), tmp_path / "draws.safetensors"
    before.save(path, {"rmse": 0.85})
    after = Recommender.load(path)
    everyone = ratings.users.ids
    pd.testing.assert_frame_equal(before.recommend(everyone, k=60), after.recommend(everyone, k=60), check_exact=True)
    users, items = np.repeat([*everyone, -1], 61), np.tile([*ratings.items.ids, -1], 41)
    for one, other in zip(*(made.predict(users, items, return_std=True) for made in (model, after.model)), strict=True):
        assert np.array_equal(one, other)
    for door in (
        lambda found: found.fold_in({10: 5, 30: 1}).recommend(),
        lambda found: found.explain(3, 20, n=None).shares,
        lambda found: found.fold_in_item({1: 5, 2: 4}).predict([3, -1]),
    ):
        assert pd.DataFrame(door(before)).equals(pd.DataFrame(door(after)))
    content = path.read_bytes()
    after.save(path, {"rmse": 0.85})
    assert path.read_bytes() == content


def test_an_ordered_one_too(ordered, ratings, tmp_path):
    before, path = Recommender(ordered, ratings), tmp_path / "ordered.safetensors"
    before.save(path)
    after = Recommender.load(path)
    everyone = ratings.users.ids
    pd.testing.assert_frame_equal(before.recommend(everyone, k=60), after.recommend(everyone, k=60), check_exact=True)
    pairs = np.repeat([*everyone, -1], 61), np.tile([*ratings.items.ids, -1], 41)
    assert np.array_equal(ordered.predict_proba(*pairs), after.model.predict_proba(*pairs))
    for one, other in zip(*(made.predict(*pairs, return_std=True) for made in (ordered, after.model)), strict=True):
        assert np.array_equal(one, other)
    assert after.model.chain(*pairs) == ordered.chain(*pairs)
    with pytest.raises(TypeError, match="cannot take in somebody new"):
        after.fold_in({10: 5})
    assert "(ordered probit)" in (tmp_path / "ordered.md").read_text("utf8")
    assert "It folds nobody in." in (tmp_path / "ordered.md").read_text("utf8")


def test_all_that_it_has_learnt_comes_back(model, ratings, tmp_path):
    all_comes_back(model, ratings, tmp_path)


def test_all_that_an_ordered_one_has_learnt_comes_back(ordered, ratings, tmp_path):
    all_comes_back(ordered, ratings, tmp_path)


def all_comes_back(model, ratings, tmp_path):
    save_model(tmp_path / "m", model, ratings)
    loaded, kept, header = load_model(tmp_path / "m")
    learnt = {name: one for name, one in vars(model).items() if name.endswith("_")}
    assert learnt.keys() == {name for name in vars(loaded) if name.endswith("_")}
    for name, one in learnt.items():
        if isinstance(one, torch.Tensor):
            assert getattr(loaded, name).dtype == one.dtype and torch.equal(getattr(loaded, name), one), name
        elif name in ("users_", "items_"):
            assert np.array_equal(getattr(loaded, name).ids, one.ids)
        elif name == "stars_":
            assert np.array_equal(loaded.stars_, one) and loaded.stars_.dtype == one.dtype
        else:
            assert getattr(loaded, name) == one, name
    assert loaded.users_ is kept.users and loaded.items_ is kept.items
    assert (loaded.n_factors, loaded.n_samples, loaded.burn_in) == (model.n_factors, 6, 2)
    assert loaded.likelihood == loaded.likelihood_ == model.likelihood
    assert json.loads(json.dumps(header["model"])) == header["model"]


def test_the_card_says_what_it_is(model, ratings, tmp_path):
    save_model(tmp_path / "m.safetensors", model, ratings)
    card = (tmp_path / "m.md").read_text("utf8")
    for said in (
        "# BayesianMF, trained on 900 ratings",
        "the mean over many draws from the posterior",
        "| Draws | 6 |",
        "| Clipped to | 0.5 to 5 |",
        "nothing of them but the features that it was given",
        "Who has a few ratings can be folded in.",
    ):
        assert said in card
    assert "Range" not in card


def test_what_goes_with_other_ratings_or_is_not_fitted_is_not_saved(model, ratings, tmp_path):
    others = Ratings.from_frame(ratings.frame.assign(user=ratings.frame["user"] + 1))
    for wrong, message in ((others, "was fitted to other users"), (tiny_ratings(), "was fitted to other users")):
        with pytest.raises(ValueError, match=message):
            save_model(tmp_path / "m", model, wrong)
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        save_model(tmp_path / "m", BayesianMF(), ratings)
    assert list(tmp_path.iterdir()) == []


def changed(model, change):
    description, tensors = copy.deepcopy(pack_model(model))
    change(description, tensors)
    return description, tensors


def put(name, value):
    def change(description, tensors):
        description[name] = value

    return change


def table(name, change):
    def replace(description, tensors):
        tensors[name] = change(tensors[name])

    return replace


def negative(one):
    return -one


def with_nan(one):
    return torch.full_like(one, torch.nan)


def without_draws(description, tensors):
    description["n_samples"] = 0
    for name in TYPES:
        if name not in ("noise", "stars"):
            tensors[name] = tensors[name][:0]


def without_columns(description, tensors):
    description["n_factors"] = -1
    for name in ("user_draws", "item_draws", "item_means", "user_priors", "item_priors"):
        tensors[name] = tensors[name][..., :0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("n_users", 41), "disagree"),
        (put("n_samples", 6.0), "disagree"),
        (put("mean", "3"), "not a finite number"),
        (put("unit", float("nan")), "not a finite number"),
        (put("unit", 0.0), "not above 0"),
        (put("noise_df", 2.0), "not above 0"),
        (put("scale", [5, 0.5]), "disagree"),
        (put("extra", 1), "disagree"),
        (lambda _, tensors: tensors.pop("trace"), "not those of collabkit's BayesianMF: trace"),
        (lambda _, tensors: tensors.update(more=torch.ones(1)), "not those of collabkit's BayesianMF: more"),
        (table("user_draws", with_nan), "user_draws .* not finite"),
        (table("item_means", torch.Tensor.float), "item_means is torch.float32"),
        (table("item_means", lambda one: one[:, :-1]), r"item_means is .*\(6, 60, 4\) instead of .*\(6, 61, 4\)"),
        (table("user_priors", lambda one: one[:, :1]), "user_priors"),
        (table("user_priors", negative), "not above 0"),
        (table("noise", torch.zeros_like), "not above 0"),
        (table("precisions", negative), "not above 0"),
        (table("trace", lambda one: one[:3]), "trace"),
        (table("trace", lambda one: one[None]), "trace"),
        (without_draws, "0 draws"),
        (without_columns, "6 draws of -1 factors"),
    ],
)
def test_what_no_fit_would_leave_is_refused(change, message, ratings):
    model = BayesianMF(**SETTINGS).fit(ratings)
    with pytest.raises(ValueError, match=message):
        unpack_model(*changed(model, change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("likelihood", "gaussian"), "disagree"),
        (lambda description, _: description.pop("likelihood"), "disagree|not those of"),
        (lambda _, tensors: tensors.pop("weights"), "not those of collabkit's BayesianMF: weights"),
        (lambda _, tensors: tensors.pop("stars"), "thresholds"),
        (table("thresholds", lambda one: one.flip(1)), "do not ascend"),
        (table("thresholds", lambda one: one[:, 1:]), "thresholds is"),
        (table("stars", lambda one: one.flip(0)), "do not ascend"),
        (table("stars", with_nan), "not finite"),
        (table("weights", negative), "not above 0"),
        (table("weights", lambda one: one[:, 1:]), "weights is"),
    ],
)
def test_what_no_ordered_fit_would_leave_is_refused(change, message, ordered):
    with pytest.raises(ValueError, match=message):
        unpack_model(*changed(ordered, change))


def test_one_class_and_too_many_are_refused(ordered, ratings):
    def classes(n):
        def change(_, tensors):
            tensors["stars"] = torch.arange(n, dtype=torch.float64)
            if "thresholds" in tensors:
                tensors["thresholds"] = torch.arange(n - 1, dtype=torch.float64).repeat(6, 1)

        return change

    for n in (1, 51):
        with pytest.raises(ValueError, match=f"the model has {n} different stars"):
            unpack_model(*changed(ordered, classes(n)))
    with pytest.raises(ValueError, match="the model has 51 different stars"):
        unpack_model(*changed(BayesianMF(**SETTINGS).fit(ratings), classes(51)))


def test_a_file_from_before_stars_were_kept_predicts_as_ever(ratings):
    model = BayesianMF(**SETTINGS).fit(ratings)
    old = unpack_model(*changed(model, lambda _, tensors: tensors.pop("stars")))
    old.users_, old.items_ = model.users_, model.items_
    assert old.stars_ is None
    assert np.array_equal(old.predict([1, -1], [10, 20]), model.predict([1, -1], [10, 20]))


def test_ratings_of_many_values_come_back_without_classes(ratings):
    frame = ratings.frame
    many = Ratings.from_frame(frame.assign(rating=np.linspace(1, 5, len(frame))))
    assert unpack_bayes(*pack_bayes(BayesianMF(**SETTINGS).fit(many))).stars_ is None


def test_it_is_on_the_cpu_and_shares_no_memory(ratings):
    model = BayesianMF(**SETTINGS).fit(ratings)
    again = unpack_bayes(*pack_bayes(model))
    before = again.user_draws_.clone()
    model.user_draws_.zero_()
    assert torch.equal(again.user_draws_, before)
    assert again.user_draws_.device.type == "cpu"
