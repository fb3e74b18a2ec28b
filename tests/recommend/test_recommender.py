import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import (
    ALS,
    EASE,
    BayesianMF,
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    EmbeddingNet,
    ImplicitALS,
    ItemKNN,
    ItemKNNStars,
    MeanBaseline,
    PopularityBaseline,
    Ratings,
    Recommender,
    evaluate,
    random_split,
    similar_items,
)
from tests.contracts import PredictorContract, RankerContract
from tests.tables import random_ratings, tiny_ratings

BUILDS = {
    "dot": lambda u, i: DotProduct(u, i, 4, (0, 5.5)),
    "bias": lambda u, i: DotProductBias(u, i, 4, (0, 5.5)),
    "params": lambda u, i: DotProductBiasParams(u, i, 4),
    "net": lambda u, i: EmbeddingNet(u, i, (3, 4), (0, 5.5), dropout=0.5),
}


def fitted(build, train, steps=60):
    """A module trained on all ratings at once; still in training mode, as a Learner may leave it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(train.n_users, train.n_items)
        x = torch.from_numpy(np.stack([train.user, train.item], axis=1).astype("int64"))
        y = torch.from_numpy(train.rating).unsqueeze(1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(steps):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
    return model


class Trained:
    """A module with ``fit`` and ``predict``, for the contract."""

    def __init__(self, build):
        self.build = build

    def fit(self, train):
        self.recommender = Recommender(fitted(self.build, train), train)
        return self

    def predict(self, users, items):
        return self.recommender.predict(users, items)


class TestDot(PredictorContract):
    def make(self):
        return Trained(BUILDS["dot"])


class TestBias(PredictorContract):
    def make(self):
        return Trained(BUILDS["bias"])


class TestNet(PredictorContract):
    def make(self):
        return Trained(BUILDS["net"])


class ByCode(MeanBaseline):
    """The least that a predictor needs for lists: whose codes they are, and a score for any pair of them."""

    tables = as_module = property()  # without what the baseline itself can do

    def predict_codes(self, users, items):
        user, item = np.append(self.user_offset_, 0), np.append(self.item_offset_, 0)
        return self.mean_ + user[users] + item[items] + 0.1 * np.sin(users * 7 + items)


def bayes(**settings):
    return BayesianMF(**{"n_factors": 3, "n_samples": 20, "burn_in": 10, "progress": False} | settings)


FITTED = {
    "als": lambda: ALS(3, 2.0),
    "means": lambda: MeanBaseline(damping=2),
    "bayes": bayes,
    "bayes, biases alone": lambda: bayes(n_factors=0),
    "by code": ByCode,
}


class Fitted:
    """What has ``fit`` itself, for the contract."""

    def __init__(self, model):
        self.model = model

    def fit(self, train):
        self.recommender = Recommender(self.model.fit(train), train)
        return self

    def predict(self, users, items):
        return self.recommender.predict(users, items)


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestBayes(PredictorContract):
    def make(self):
        return Fitted(bayes())


class TestMeans(PredictorContract):
    def make(self):
        return Fitted(MeanBaseline())


class TestListsOfAModule(RankerContract):
    def make(self, train):
        return fitted(BUILDS["bias"], train)


class TestListsOfANet(RankerContract):
    """Its score is no dot product."""

    def make(self, train):
        return fitted(BUILDS["net"], train)


class TestListsOfALS(RankerContract):
    def make(self, train):
        return ALS(3, 2.0).fit(train)


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestListsOfBayes(RankerContract):
    def make(self, train):
        return bayes().fit(train)


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), valid=0.2, seed=0)


@pytest.fixture(scope="module", params=[*BUILDS, *FITTED])
def recommender(request, split):
    if request.param in FITTED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a short chain has not settled
            return Recommender(FITTED[request.param]().fit(split.train), split.train)
    return Recommender(fitted(BUILDS[request.param], split.train), split.train)


@pytest.fixture(scope="module")
def bias(split):
    return Recommender(fitted(BUILDS["bias"], split.train), split.train)


def by_hand(recommender, user, k, exclude_seen=True, candidates=None):
    """Item ids and stars, from a full sort of all predictions."""
    ratings = recommender.ratings
    items = ratings.items.ids if candidates is None else np.unique(candidates)
    if exclude_seen:
        frame = ratings.frame
        items = items[~np.isin(items, frame.loc[frame["user"] == user, "item"])]
    stars = recommender.predict(np.full(len(items), user), items)
    best = np.lexsort((items, -stars))[:k]
    return items[best], stars[best]


@pytest.mark.parametrize(
    "how",
    [{}, {"k": 3}, {"k": 1000}, {"exclude_seen": False}, {"candidates": [30, 10, 30, 500]}],
    ids=str,
)
def test_a_list_is_a_full_sort_to_the_bit(recommender, how):
    for user in (1, 20, 40):
        found = recommender.recommend(user, **how)
        items, stars = by_hand(recommender, user, **{"k": 10, **how})
        assert found.columns.tolist() == ["item", "label", "stars"]
        assert np.array_equal(found["item"], items)
        assert np.array_equal(found["stars"], stars)
        assert found.index.tolist() == list(range(1, len(items) + 1))
        assert (found["label"] == recommender.ratings.labels[recommender.ratings.items.index(found["item"])]).all()


def test_a_batch_is_the_same_lists_one_below_the_other(recommender):
    users = [40, 3, 3, 7]
    batch = recommender.recommend(users, k=4)
    assert batch.columns.tolist() == ["user", "item", "label", "stars"]
    assert batch["user"].tolist() == np.repeat(users, 4).tolist()
    alone = pd.concat([recommender.recommend(user, k=4) for user in users])
    assert batch.drop(columns="user").equals(alone)
    assert recommender.recommend(np.array([3]), k=4)["user"].tolist() == [3] * 4
    assert len(recommender.recommend([], k=4)) == 0


def test_what_was_rated_is_not_recommended_again(recommender):
    rated = set(zip(recommender.ratings.frame["user"], recommender.ratings.frame["item"], strict=True))
    everything = recommender.recommend(recommender.ratings.users.ids, k=1000)
    assert len(everything) == 40 * 60 - len(rated)
    assert not rated & set(zip(everything["user"], everything["item"], strict=True))
    assert np.isfinite(everything["stars"]).all()


def test_nothing_left_gives_an_empty_list(bias):
    frame = bias.ratings.frame
    assert bias.recommend(1, candidates=frame.loc[frame["user"] == 1, "item"]).empty
    assert bias.recommend(1, candidates=[]).empty


def test_an_untrained_row_is_average_and_an_unknown_id_too():
    ratings = random_ratings()
    train = ratings.take((ratings.user != 0) & (ratings.item != 5))
    model = fitted(BUILDS["bias"], train)
    model.user_bias.weight.data[0] = 9  # whatever a row holds that training never reached
    found = Recommender(model, train)
    items = ratings.items.ids
    assert np.array_equal(found.predict(1, items), found.predict(-1, items))
    assert np.array_equal(found.predict([2, 3], 60), found.predict([2, 3], -1))
    listed = found.recommend(1, k=60)
    assert len(listed) == 60
    assert np.array_equal(listed["stars"], found.predict(-1, listed["item"]))
    tables = [model.user_factors, model.user_bias, model.item_factors, model.item_bias]
    p, b, q, c = (one.weight.detach().numpy().astype("float64") for one in tables)
    score = b[1:].mean() + c[:, 0] + q @ p[1:].mean(axis=0)
    expected = np.delete(5.5 / (1 + np.exp(-score)), 5)
    assert np.allclose(found.predict(-1, np.delete(items, 5)), expected, atol=1e-5)


def test_it_is_a_predictor(recommender, split):
    found = evaluate(recommender, split)
    assert found["rmse"] < 0.8 * split.valid.rating.std()


def test_one_id_goes_with_many(bias):
    assert np.array_equal(bias.predict(3, [10, 20]), bias.predict([3, 3], [10, 20]))
    assert bias.predict([], []).shape == (0,)
    with pytest.raises(ValueError, match="3 users but 2 items"):
        bias.predict([1, 2, 3], [10, 20])


def test_the_callers_model_is_left_alone_and_later_training_does_not_reach_it(split):
    model = fitted(BUILDS["net"], split.train)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    found = Recommender(model, split.train)
    stars = found.predict([1, 2], [10, 20])
    assert model.training
    assert all(one.requires_grad for one in model.parameters())
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert not found.model.training
    for parameter in model.parameters():
        parameter.data.zero_()
    assert np.array_equal(found.predict([1, 2], [10, 20]), stars)


def test_random_states_are_left_alone(bias):
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    bias.recommend([1, 2])
    bias.fold_in({10: 5}).recommend()
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_unknown_users_are_sent_to_fold_in(bias):
    for ask in (
        lambda: bias.recommend(-3),
        lambda: bias.recommend([1, -3]),
        lambda: bias.explain(-3, 10),
        lambda: bias.fold_in_item({-3: 4}),
    ):
        with pytest.raises(KeyError, match=r"unknown user -3 .* fold_in\("):
            ask()


def test_unknown_films_come_with_close_titles(bias):
    for ask in (
        lambda: bias.recommend(1, candidates=[10, "Film 7"]),
        lambda: bias.similar_items("Film 7"),
        lambda: bias.fold_in({"Film 7": 4}),
        lambda: bias.explain(1, "Film 7"),
    ):
        with pytest.raises(KeyError, match=r"unknown item 'Film 7'|unknown item '10'"):
            ask()
    with pytest.raises(KeyError, match=r"Perhaps 80 for 'Film 7 \(1990\)'"):
        bias.similar_items("Film 7")
    with pytest.raises(KeyError, match="unknown item 7 .*search"):
        bias.similar_items(7)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_k_must_ask_for_something(bias, k):
    for ask in (bias.recommend, lambda user, k: bias.similar_items(10, k), lambda user, k: bias.search("", k)):
        with pytest.raises(ValueError, match="at least 1"):
            ask(1, k=k)


def test_similar_items_are_those_of_interpret(bias):
    expected = similar_items(bias.model, bias.ratings, 100, k=5)
    assert bias.similar_items(100, k=5).equals(expected)


def test_similar_items_leave_out_what_training_never_reached():
    ratings = random_ratings()
    train = ratings.take(ratings.item != 5)
    found = Recommender(fitted(BUILDS["net"], train, steps=1), train)
    assert 60 not in set(found.similar_items(10, k=100)["item"])
    assert len(found.similar_items(10, k=100)) == 58
    with pytest.raises(ValueError, match=r"'Film 5 \(1990\)' has no training ratings"):
        found.similar_items(60)


def test_search(bias):
    found = bias.search("film 1", n=3)
    assert found.columns.tolist() == ["item", "label", "ratings"]
    assert found["label"][0] == "Film 1 (1990)"
    assert found["ratings"][1:].is_monotonic_decreasing
    counts = bias.ratings.frame.groupby("item").size()
    assert found["ratings"].tolist() == counts[found["item"]].tolist()
    assert bias.search("qqqqqq").empty


def test_explain_is_about_the_user_folded_in(bias):
    frame = bias.ratings.frame
    mine = frame[frame["user"] == 4]
    why, baseline, stars = bias.explain(4, 100, n=None)
    folded = bias.fold_in(dict(zip(mine["item"], mine["rating"], strict=True)))
    assert stars == pytest.approx(folded.predict([100])[0])
    assert baseline + why["contribution"].sum() == pytest.approx(stars)
    assert set(why["item"]) == set(mine["item"])
    assert len(bias.explain(4, 100).shares) == 5


def test_explain_somebody_without_training_ratings():
    ratings = random_ratings()
    train = ratings.take(ratings.user != 0)
    assert bias_of(train).explain(1, 100).shares.empty


def bias_of(train):
    return Recommender(fitted(BUILDS["bias"], train), train)


@pytest.mark.parametrize("stars", [np.nan, None, 7, 0, -1, np.inf, "good"])
def test_stars_off_the_scale_are_refused(bias, stars):
    for ask in (bias.fold_in, bias.fold_in_item):
        with pytest.raises(ValueError, match=r"is not a number of stars from 0.5 to 5"):
            ask({10: stars})


def test_without_a_scale_the_training_ratings_set_it(split):
    ratings = random_ratings()
    ratings.scale = None
    found = Recommender(fitted(BUILDS["bias"], ratings), ratings)
    with pytest.raises(ValueError, match=f"from {ratings.rating.min():g} to {ratings.rating.max():g}"):
        found.fold_in({10: 99})


def test_a_new_film(bias):
    frame = bias.ratings.frame
    best = frame[frame["rating"] == 5].head(3)["user"]
    new = bias.fold_in_item(dict.fromkeys(best, 5.0))
    bad = bias.fold_in_item(dict.fromkeys(best, 0.5))
    assert new.predict([1, 2, -1]).shape == (3,)
    assert (new.predict(bias.ratings.users.ids) > bad.predict(bias.ratings.users.ids)).all()


def test_fold_in_needs_a_dot_product(split):
    net = Recommender(fitted(BUILDS["net"], split.train), split.train)
    for ask in (lambda: net.fold_in({10: 4}), lambda: net.explain(1, 10), lambda: net.fold_in_item({1: 4})):
        with pytest.raises(TypeError, match="EmbeddingNet cannot be folded into"):
            ask()


def test_what_is_no_model_is_refused(split):
    with pytest.raises(TypeError, match="learn.model"):
        Recommender(object(), split.train)
    model = BUILDS["bias"](40, 60)
    model.item_bias.weight.data[0] = torch.inf
    with pytest.raises(ValueError, match="did training diverge"):
        Recommender(model, split.train)
    with pytest.raises(ValueError, match="no user_… tables of 40 rows.*\\(41, 4\\)"):
        Recommender(BUILDS["bias"](41, 60), split.train)


@pytest.mark.parametrize(
    "model", [ALS(3, n_sweeps=2), ImplicitALS(3, n_sweeps=2), PopularityBaseline(), MeanBaseline(), ByCode(), bayes()]
)
@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_what_was_fitted_to_other_ids_is_refused(model):
    ratings = random_ratings()
    model.fit(ratings)
    frame = ratings.frame
    changes = {
        "other ids": {"user": frame["user"] + 1},
        "one other id": {"user": frame["user"].replace(40, 41)},
        "other films": {"item": frame["item"] * 2},
        "another order": {"item": 1000 - frame["item"]},
        "text": {"user": frame["user"].astype(str).str.zfill(2)},
    }
    for what, change in changes.items():
        side = next(iter(change))
        with pytest.raises(ValueError, match=f"was fitted to other {side}s than these ratings have"):
            Recommender(model, Ratings.from_frame(frame.assign(**change))), what
    expected = Recommender(model, ratings).recommend([1, 2])
    assert Recommender(model, random_ratings()).recommend([1, 2]).equals(expected)  # equal ids, from another object
    assert Recommender(model, ratings.take(np.arange(800))).ratings.n_users == 40  # a part of the same table


def test_what_has_not_been_fitted_is_refused(split):
    for model in (ALS(), ImplicitALS(), PopularityBaseline(), MeanBaseline(), BayesianMF(), ByCode()):
        with pytest.raises(ValueError, match=r"has learnt nothing yet: call fit\(train\)"):  # NotFittedError is one
            Recommender(model, split.train)


def test_what_cannot_be_served_is_refused_with_what_can(split):
    with pytest.raises(TypeError, match="^ALS is a class: build one"):
        Recommender(ALS, split.train)

    class Nameless:
        mean_ = 3

        def __init__(self):
            self.learnt_ = 1

        def predict_codes(self, users, items):
            return np.zeros(len(users))

    with pytest.raises(TypeError, match="^Nameless does not say of whom its codes are: .*users_ and items_"):
        Recommender(Nameless(), split.train)


def test_a_predictor_of_stars_alone_is_told_what_lists_take(split):
    class StarsAlone(MeanBaseline):
        as_module = property()

    with pytest.raises(TypeError, match=r"^StarsAlone has no scores by code, .*needs predict_codes\(users, items\)"):
        Recommender(StarsAlone().fit(split.train), split.train)


def test_a_predictor_by_code_has_lists_and_says_what_it_has_not(split, tmp_path):
    found = Recommender(ByCode().fit(split.train), split.train)
    assert len(found.recommend([1, 2])) == 20
    for ask in (lambda: found.fold_in({10: 4}), lambda: found.explain(1, 10), lambda: found.fold_in_item({1: 4})):
        with pytest.raises(TypeError, match="^ByCode cannot be folded into: .*tables"):
            ask()
    with pytest.raises(TypeError, match="^ByCode has no factors in which items could be alike"):
        found.similar_items(10)
    with pytest.raises(ValueError, match="^ByCode cannot be saved as a recommender"):
        found.save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_second_fit_does_not_reach_it(split):
    for name, make in FITTED.items():
        model = make()
        if isinstance(model, BayesianMF):
            model.burn_in = 100  # to settle
        found = Recommender(model.fit(split.train), split.train)
        before = found.recommend([1, 2, 3])
        model.fit(random_ratings(n_users=50, seed=3))
        assert found.recommend([1, 2, 3]).equals(before), name
        assert found.ratings is split.train


class Mine(torch.nn.Module):
    """A module of a reader's own, which declares nothing."""

    def __init__(self, n_users, n_items):
        super().__init__()
        self.user_factors, self.item_factors = torch.nn.Embedding(n_users, 3), torch.nn.Embedding(n_items, 3)

    def forward(self, x):
        return 3 + torch.tanh(self.user_factors(x[:, 0]) - self.item_factors(x[:, 1])).sum(dim=1, keepdim=True)


#: what there is of each kind of model, as the table in book/appendix/api.md has it
KINDS = {
    "dot": (lambda train: fitted(BUILDS["dot"], train), {"similar", "fold in", "save"}),
    "bias": (lambda train: fitted(BUILDS["bias"], train), {"similar", "fold in", "save"}),
    "params": (lambda train: fitted(BUILDS["params"], train), {"similar", "fold in", "save"}),
    "net": (lambda train: fitted(BUILDS["net"], train), {"similar", "save"}),
    "mine": (lambda train: fitted(Mine, train), {"similar"}),
    "als": (lambda train: ALS(3, 2.0).fit(train), {"similar", "fold in", "save"}),
    "implicit": (lambda train: ImplicitALS(3).fit(train), {"similar", "fold in", "save"}),
    "means": (lambda train: MeanBaseline().fit(train), {"fold in", "save"}),
    "popularity": (lambda train: PopularityBaseline().fit(train), {"save"}),
    "ease": (lambda train: EASE().fit(train), {"similar", "fold in, user", "save"}),
    "item-knn": (lambda train: ItemKNN().fit(train), {"similar", "fold in, user", "save"}),
    "item-knn, stars": (lambda train: ItemKNNStars().fit(train), {"similar", "fold in, user", "save"}),
    "bayes": (lambda train: bayes(burn_in=100).fit(train), {"similar", "fold in", "save"}),
    "by code": (lambda train: ByCode().fit(train), set()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_who_can_do_what(kind, split, tmp_path):
    make, there = KINDS[kind]
    found, path = Recommender(make(split.train), split.train), tmp_path / "model.safetensors"
    doors = {
        "similar": lambda: found.similar_items(10),
        "fold in, user": lambda: (found.fold_in({10: 5}).recommend(), found.explain(3, 20)),
        "fold in": lambda: found.fold_in_item({1: 5}),
        "save": lambda: found.save(path),
    }
    for name, door in doors.items():
        if name in there or name.partition(",")[0] in there:
            door()
        else:
            with pytest.raises((TypeError, ValueError), match="cannot be|no factors|misses its training ratings"):
                door()
    if "save" in there:
        assert Recommender.load(path).recommend([1, 2, 3]).equals(found.recommend([1, 2, 3]))


def test_biases_alone_make_no_items_alike(split):
    for model in (MeanBaseline(), PopularityBaseline(), bayes(n_factors=0, burn_in=100)):
        with pytest.raises(ValueError, match="this model has no factors in which items could be alike"):
            Recommender(model.fit(split.train), split.train).similar_items(10)


def test_what_are_no_ratings_is_refused(split):
    for bad in (split, split.train.frame, None):
        with pytest.raises(TypeError, match="^ratings is a .* and has to be a Ratings"):
            Recommender(BUILDS["bias"](40, 60), bad)
    with pytest.raises(ValueError, match="^ratings has no rows"):
        Recommender(BUILDS["bias"](40, 60), split.train.take([]))
    with pytest.raises(ValueError, match="^device='gpu'"):
        Recommender(BUILDS["bias"](40, 60), split.train, device="gpu")


def test_one_film_counts_once(bias):
    ten = (torch.tensor(10), torch.tensor(10))  # two keys of a dict
    with pytest.raises(ValueError, match="two of these ids are the same film"):
        bias.fold_in({ten[0]: 5, ten[1]: 1})
    with pytest.raises(ValueError, match="two of these ids are the same user"):
        bias.fold_in_item({ten[0]: 5, ten[1]: 1})
    for bad in ([(10, 5)], 10, None, "10"):
        with pytest.raises(TypeError, match=r"^stars is a \w+: give them by id"):
            bias.fold_in(bad)
    assert np.array_equal(bias.fold_in(pd.Series({10: 5.0})).w, bias.fold_in({10: 5}).w)


def doors(found, user, item):
    """Every way in for an id."""
    return {
        "predict, user": lambda: found.predict([user], found.ratings.items.ids),
        "predict, item": lambda: found.predict(found.ratings.users.ids[:1], [item]),
        "recommend": lambda: found.recommend(user),
        "recommend, many": lambda: found.recommend([user]),
        "candidates": lambda: found.recommend(found.ratings.users.ids[0], candidates=[item]),
        "similar_items": lambda: found.similar_items(item),
        "explain, user": lambda: found.explain(user, found.ratings.items.ids[0]),
        "explain, item": lambda: found.explain(found.ratings.users.ids[0], item),
        "fold_in": lambda: found.fold_in({item: 4}),
        "fold_in_item": lambda: found.fold_in_item({user: 4}),
        "new user, predict": lambda: found.fold_in({}).predict([item]),
        "new user, candidates": lambda: found.fold_in({}).recommend(candidates=[item]),
        "new user, explain": lambda: found.fold_in({}).explain(item),
        "new film, predict": lambda: found.fold_in_item({}).predict([user]),
    }


def test_ids_of_the_other_kind_are_refused_at_every_door(bias):
    frame = bias.ratings.frame
    text = Recommender(BUILDS["bias"](40, 60), Ratings.from_frame(frame.astype({"user": str, "item": str})))
    for found, ids in ((bias, ("1", "10")), (text, (1, 10))):
        for name, door in doors(found, *ids).items():
            with pytest.raises(TypeError, match="ids of this data are (text|whole numbers)"):
                door()
                pytest.fail(name)
    for found, ids in ((bias, (1, 10)), (text, ("1", "10")), (bias, (np.int8(1), 10.0))):
        for door in doors(found, *ids).values():
            door()


def test_a_film_under_two_kinds_of_id_is_refused(bias):
    for stars in ({10: 5, "10": 1}, {"10": 5, 20: 1}):
        for door in (bias.fold_in, bias.fold_in_item):
            with pytest.raises(TypeError, match="ids have to be all whole numbers or all text"):
                door(stars)


def test_flags_are_flags(bias):
    with pytest.raises(TypeError, match="^exclude_seen='no': choose True or False"):
        bias.recommend(1, exclude_seen="no")


def test_als_predicts_as_before(split):
    als, rows = ALS(3, 2.0).fit(split.train), split.train.frame.head(50)
    found = Recommender(als, split.train).predict(rows["user"], rows["item"])
    assert np.allclose(found, als.predict(rows["user"], rows["item"]), atol=1e-5)


def test_text_ids_and_a_tiny_table():
    df = tiny_ratings().frame.assign(user=list("cababca"))
    ratings = type(tiny_ratings()).from_frame(df.drop_duplicates(["user", "item"]))
    found = Recommender(BUILDS["bias"](3, 4), ratings)
    assert found.recommend("a", k=9)["item"].nunique() == len(found.recommend("a", k=9))
    assert found.recommend(["a", "b"], k=1)["user"].tolist() == ["a", "b"]
    assert np.isfinite(found.fold_in({900: 5}).recommend()["stars"]).all()


def test_save_and_load(bias, tmp_path):
    pytest.importorskip("collabkit.saving.storage")
    path = tmp_path / "model"
    bias.save(path, terms="Those of my own ratings.")
    assert "Those of my own ratings" in path.with_suffix(".md").read_text("utf8")
    bias.save(path)
    assert "MovieLens ratings" in path.with_suffix(".md").read_text("utf8")
    again = Recommender.load(path)
    assert again.recommend([1, 2]).equals(bias.recommend([1, 2]))
    assert again.fold_in({10: 5}).recommend().equals(bias.fold_in({10: 5}).recommend())
