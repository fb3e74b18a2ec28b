"""Ordered stars: draws against closed forms and grids, what is recovered from made-up stars, and what is refused."""

from functools import cache
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import log_ndtr, ndtr
from scipy.stats import gamma, kstest

from collabkit import BayesianMF, Ratings, Recommender, load_movielens, random_split, rmse
from collabkit.gibbs import Side
from collabkit.ordered import Ordered, cdf, tails, truncated_normal
from collabkit.sittings import Sittings
from tests.contracts import EstimatorContract, OneDevice, PredictorContract
from tests.tables import random_ratings, tiny_ratings

CPU = torch.device("cpu")


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestOrdered(PredictorContract):
    def make(self):
        return BayesianMF(n_factors=2, n_samples=20, burn_in=10, likelihood="ordered")


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestShortOrdered(EstimatorContract):
    ask = ("predict", "predict_codes", "predict_proba")
    settings: ClassVar = {
        "likelihood": (["gaussian", "ordered"], ["probit", "Ordered", ""]),
        "noise_df": ([2.001, 1e9], [2]),
        "overrelaxation": ([0.99], [1.0]),
        "burn_in": ([0], [-1]),
    }

    def make(self, **settings):
        return BayesianMF(**{"n_factors": 2, "n_samples": 2, "burn_in": 1, "likelihood": "ordered"} | settings)

    @pytest.mark.parametrize("rows", [[0, 1], [1, 3], [0, 4, 6], [2, 4]])
    def test_one_rating_or_two_of_one_user_or_one_item(self, rows):
        super().test_one_rating_or_two_of_one_user_or_one_item(rows)


# ---- draws ----


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (-1.0, 2.0),
        (-0.1, 0.1),
        (-np.inf, 3.0),
        (8.0, np.inf),
        (8.0, 8.01),
        (-9.0, -8.5),
        (-np.inf, -10.0),
        (20.0, 21.0),
        (30.0, np.inf),
        (-36.0, -35.9),
    ],
)
def test_a_normal_that_is_cut_off_keeps_its_shape_far_out(a, b):
    """F(x) of the draws is uniform, where F is that of the cut normal, in logarithms."""
    rng = torch.Generator().manual_seed(0)
    x = truncated_normal(*(torch.full((4000,), end, dtype=torch.float64) for end in (a, b)), rng).numpy()
    assert ((a <= x) & (x <= b)).all()
    lo, hi, x = (-b, -a, -x) if a + b > 0 else (a, b, x)
    share = np.expm1(log_ndtr(x) - log_ndtr(lo)) / np.expm1(log_ndtr(hi) - log_ndtr(lo)) if lo > -np.inf else None
    assert kstest(np.exp(log_ndtr(x) - log_ndtr(hi)) if share is None else share, "uniform").pvalue > 0.01


def test_where_no_number_is_small_enough_draws_lie_at_the_nearer_end():
    a, b = torch.tensor([[50.0, -np.inf, 40.0], [np.inf, -50.0, 41.0]], dtype=torch.float64)
    assert truncated_normal(a, b, torch.Generator()).tolist() == [50.0, -50.0, 40.0]


def test_the_left_tail_is_there():
    x = torch.linspace(-37, 8, 500, dtype=torch.float64)
    assert np.allclose(cdf(x), ndtr(x.numpy()), rtol=1e-11, atol=0)
    right, below, up_to = tails(torch.tensor([-9.0, 8.0]).double(), torch.tensor([-8.0, 9.0]).double())
    assert right.tolist() == [False, True]
    assert below[0] == below[1] and up_to[0] == up_to[1]


def in_chain(frame: pd.DataFrame, noise_df=5.0) -> tuple[Ordered, Ratings]:
    ratings = Ratings.from_frame(frame)
    side = Side(ratings.user, ratings.item, ratings.n_users, ratings.n_items, None, "user", 1, CPU)
    return Ordered(ratings, side, Sittings(ratings, (), CPU), noise_df, CPU), ratings


def likelihood(t: np.ndarray, w: np.ndarray, s: np.ndarray, star: np.ndarray) -> np.ndarray:
    """Of the stars of a user with this weight ``(g,)``, given thresholds ``(g, C - 1)`` and scores ``(n,)``."""
    ends = np.concatenate([np.full((len(t), 1), -np.inf), t, np.full((len(t), 1), np.inf)], axis=1)
    up_to, below = (ndtr(np.sqrt(w)[:, None] * (ends[:, star + more] - s)) for more in (1, 0))
    return np.log(np.maximum(up_to - below, 1e-300)).sum(axis=1)


def test_thresholds_and_noise_follow_the_posterior_on_a_grid():
    """One user, three stars and known scores: two thresholds and a weight, and z, which the grid does without."""
    rng = np.random.default_rng(0)
    s = rng.normal(0, 1, 60).astype("float32")
    star = np.digitize(s + rng.normal(0, 1, 60), [-0.5, 0.6])
    chain, _ = in_chain(pd.DataFrame({"user": 1, "item": np.arange(60), "rating": star}), noise_df=10.0)
    grids = np.linspace(-2.8, 1, 39), np.linspace(-0.9, 2.9, 39), np.linspace(0.05, 4, 40)
    exact = np.stack([one.ravel() for one in np.meshgrid(*grids, indexing="ij")])  # (3, g)
    exact = exact[:, exact[0] < exact[1]]
    log = likelihood(exact[:2].T, exact[2], s, star) + gamma.logpdf(exact[2], 5, scale=1 / 5)
    posterior = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
    mean = exact @ posterior
    spread = np.sqrt(np.square(exact - mean[:, None]) @ posterior)
    generator, draws = torch.Generator().manual_seed(0), []
    for sweep in range(3050):
        chain.draw(chain.y - torch.from_numpy(s), generator, settling=sweep < 50)
        draws.append([*chain.thresholds.tolist(), float(chain.precision[0])])
    draws = np.array(draws[50:])
    assert (np.abs(draws.mean(axis=0) - mean) < 0.25 * spread).all()
    assert draws.std(axis=0) == pytest.approx(spread, rel=0.12)


def test_z_lies_between_its_thresholds():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"user": np.arange(300) % 7, "item": np.arange(300), "rating": rng.integers(1, 6, 300)})
    chain, ratings = in_chain(frame)
    for _ in range(5):
        chain.draw(chain.y, torch.Generator().manual_seed(0), settling=True)
        ends = np.concatenate([[-np.inf], chain.thresholds.numpy(), [np.inf]])
        z, star = chain.y.numpy(), ratings.rating.astype("int64") - 1
        assert (np.diff(chain.thresholds) > 0).all()
        assert (ends[star] - 1e-6 <= z).all() and (z <= ends[star + 1] + 1e-6).all()


def test_steps_are_tuned_while_the_chain_settles_and_not_after():
    chain, _ = in_chain(pd.DataFrame({"user": 1, "item": np.arange(90), "rating": np.arange(90) % 3}))
    chain.step *= 100
    for _ in range(60):
        chain.draw(chain.y, torch.Generator().manual_seed(0), settling=True)
    assert (chain.step < 2).all()
    before = chain.step.clone()
    chain.draw(chain.y, torch.Generator().manual_seed(0), settling=False)
    assert torch.equal(chain.step, before)


# ---- what is learnt ----

TRUE = np.array([-1.6, -1.3, 0.1, 0.9])  # a star of two is rare, and one of three is not


@cache
def planted(n_users=100, n_items=120, n=7000) -> tuple[Ratings, np.ndarray]:
    """Stars as the model has them, and the probability of each in every row."""
    rng = np.random.default_rng(0)
    cells = rng.choice(n_users * n_items, size=n, replace=False)
    user, item = cells // n_items, cells % n_items
    P, Q = rng.normal(0, 0.8, (n_users, 2)), rng.normal(0, 0.8, (n_items, 2))
    s = rng.normal(0, 0.4, n_users)[user] + rng.normal(0, 0.5, n_items)[item] + (P[user] * Q[item]).sum(axis=1)
    star = 1.0 + np.digitize(s + rng.normal(0, 1, n), TRUE)
    ratings = Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": star}), scale=(1, 5))
    up_to = ndtr(np.concatenate([[-np.inf], TRUE, [np.inf]]) - s[:, None])
    return ratings, np.diff(up_to, axis=1)


@pytest.fixture(scope="module")
def split():
    return random_split(planted()[0], seed=0)


@pytest.fixture(scope="module")
def models(split):
    settings = {"n_factors": 2, "n_samples": 60, "noise_df": 50.0, "overrelaxation": 0.8}
    return {name: BayesianMF(**settings, likelihood=name).fit(split.train) for name in ("ordered", "gaussian")}


def log_score(model, ratings):
    shares = model.predict_proba(ratings.frame["user"], ratings.frame["item"])
    return np.log(shares[np.arange(len(ratings)), np.searchsorted(model.stars_, ratings.rating)]).mean()


def test_thresholds_come_back(models):
    """Up to where 0 lies, which is for biases to say."""
    t = models["ordered"].thresholds_.numpy()
    gaps = np.diff(t, axis=1)
    assert np.abs(gaps.mean(axis=0) - np.diff(TRUE)).max() < 0.12
    assert (np.abs(gaps.mean(axis=0) - np.diff(TRUE)) < 4 * gaps.std(axis=0) + 0.03).all()


def test_probabilities_are_those_that_stars_were_drawn_from(models, split):
    rows = split.valid.frame
    truth = planted()[1][np.isin(_keys(planted()[0]), _keys(split.valid))]
    off = {
        name: np.abs(model.predict_proba(rows["user"], rows["item"]) - truth).mean() for name, model in models.items()
    }
    assert off["ordered"] < 0.05
    assert off["ordered"] < 0.8 * off["gaussian"]
    assert log_score(models["ordered"], split.valid) > log_score(models["gaussian"], split.valid) + 0.02


def _keys(ratings):
    return ratings.user.astype("int64") * ratings.n_items + ratings.item


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_only_the_order_of_stars_counts():
    """Other numbers for the same classes: the same probabilities to the bit, and the mean of these numbers."""
    frame = random_ratings().frame
    numbers = np.sort(np.random.default_rng(0).lognormal(60, 20, 11)).astype("float32")
    others = Ratings.from_frame(frame.assign(rating=numbers[(frame["rating"] * 2).astype("int64")]), scale=(0, 1e38))
    one, other = (BayesianMF(2, 6, likelihood="ordered").fit(table) for table in (random_ratings(), others))
    shares = other.predict_proba(3, frame["item"])
    assert np.array_equal(one.predict_proba(3, frame["item"]), shares)
    assert np.allclose(other.predict(3, frame["item"]), shares @ other.stars_)
    assert np.isin(other.stars_, numbers).all()


def test_a_probability_is_the_mean_over_draws():
    rng, model = torch.Generator().manual_seed(0), BayesianMF()
    model.user_draws_, model.item_draws_ = (torch.randn(7, n, 3, generator=rng).half() for n in (5, 6))
    model.thresholds_ = torch.randn(7, 3, generator=rng).double().sort(dim=1).values
    model.weights_, model.stars_ = 0.2 + 3 * torch.rand(7, 5, generator=rng), np.arange(4.0)
    user, item = [0, 4, 2, 2], [5, 0, 1, 3]
    P, Q, t = model.user_draws_[:, user].double(), model.item_draws_[:, item].double(), model.thresholds_
    s = P[..., 0] + Q[..., 0] + (P[..., 1:] * Q[..., 1:]).sum(dim=-1)  # (S, n)
    root = model.weights_[:, user].double().sqrt()
    up_to = ndtr(((t[:, None] - s[..., None]) * root[..., None]).numpy()).mean(axis=0)  # (n, C - 1)
    expected = np.diff(up_to, axis=1, prepend=0, append=1)
    assert np.allclose(Ordered.shares(model, torch.tensor(user), torch.tensor(item)), expected, atol=1e-6)


@pytest.mark.parametrize("likelihood", ["ordered", "gaussian"])
def test_probabilities_sum_to_one_for_strangers_too(models, likelihood):
    model = models[likelihood]
    assert model.stars_.tolist() == [1, 2, 3, 4, 5]
    shares = model.predict_proba([0, 1, -1, -1], [0, -1, 0, -1])
    assert shares.shape == (4, 5)
    assert (shares > 0).all()
    assert np.allclose(shares.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert model.predict_proba(3, [0, 1, 2]).shape == (3, 5)
    assert model.predict_proba([], []).shape == (0, 5)
    with pytest.raises(ValueError, match="3 users but 2 items"):
        model.predict_proba([1, 2, 3], [1, 2])


def test_a_prediction_is_the_mean_over_stars(models):
    model, users, items = models["ordered"], [0, 5, -1], [3, 4, -1]
    shares = model.predict_proba(users, items)
    stars, deviation = model.predict(users, items, return_std=True)
    assert np.allclose(stars, shares @ model.stars_)
    assert np.allclose(deviation**2, shares @ model.stars_**2 - stars**2)
    draws = torch.stack(list(Ordered.by_draw(model, *(torch.tensor(codes) for codes in ([0, 5, 100], [3, 4, 120])))))
    assert np.allclose(draws.mean(dim=0), stars)


def test_two_seeds_are_as_far_apart_as_the_chain_says(models, split):
    rows = split.valid.frame
    settings = {"n_factors": 2, "n_samples": 60, "noise_df": 50.0, "overrelaxation": 0.8}
    other = BayesianMF(**settings, likelihood="ordered", seed=1).fit(split.train)
    error = models["ordered"].chain(rows["user"], rows["item"]).error
    apart = rmse(*(one.predict(rows["user"], rows["item"]) for one in (models["ordered"], other)))
    assert 0 < apart < 2 * 2**0.5 * error


def test_doubt_of_a_prediction_is_calibrated(models, split):
    rows = split.valid.frame
    stars, deviation = models["ordered"].predict(rows["user"], rows["item"], return_std=True)
    assert 0.9 < ((split.valid.rating - stars) / deviation).std() < 1.1


def test_users_who_rate_steadily_weigh_more():
    rng = np.random.default_rng(0)
    user, item = np.divmod(np.arange(60 * 80), 80)
    z = rng.normal(0, 1.5, 80)[item] + rng.normal(0, np.where(user % 2, 2.0, 0.5))
    ratings = Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": np.digitize(z, [-2, -1, 0, 1])}))
    weights = BayesianMF(0, n_samples=20, likelihood="ordered").fit(ratings).weights_.mean(dim=0)
    assert weights[:-1][::2].mean() > 4 * weights[:-1][1::2].mean()


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_on_real_stars_its_error_is_that_of_the_gaussian_and_its_log_score_is_better():
    split = random_split(load_movielens(), seed=0)
    rows, found = split.valid.frame, {}
    for name in ("gaussian", "ordered"):
        model = BayesianMF(4, n_samples=20, burn_in=15, overrelaxation=0.8, likelihood=name, progress=False)
        model.fit(split.train)
        found[name] = rmse(split.valid.rating, model.predict(rows["user"], rows["item"])), log_score(model, split.valid)
    assert found["ordered"][0] < found["gaussian"][0] + 0.005
    assert found["ordered"][1] > found["gaussian"][1] + 0.05


# ---- what is refused ----


def test_one_star_has_no_threshold():
    alike = Ratings.from_frame(random_ratings().frame.assign(rating=4.0))
    with pytest.raises(ValueError, match="^likelihood='ordered', and all these ratings are 4: .*likelihood='gaussian'"):
        BayesianMF(likelihood="ordered").fit(alike)
    assert BayesianMF(n_samples=4).fit(alike).predict_proba([1], [10]).tolist() == [[1.0]]


def test_measurements_are_no_classes():
    frame = random_ratings().frame
    lengths = Ratings.from_frame(frame.assign(rating=frame["rating"] + np.linspace(0, 0.1, len(frame))))
    with pytest.raises(ValueError, match="^likelihood='ordered', and these ratings have more than 50 values: .*round"):
        BayesianMF(likelihood="ordered").fit(lengths)
    model = BayesianMF(n_samples=4).fit(lengths)
    assert model.stars_ is None
    with pytest.raises(ValueError, match="more than 50 values: ask predict"):
        model.predict_proba([1], [10])


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_sittings_are_refused():
    with pytest.raises(ValueError, match=r"^windows=\(3600,\), and of ordered classes .*likelihood='gaussian'"):
        BayesianMF(likelihood="ordered", windows=(3600,)).fit(tiny_ratings())
    with pytest.raises(ValueError, match="this model has no windows"):
        BayesianMF(1, 2, burn_in=0, likelihood="ordered").fit(tiny_ratings()).predict_at([10], [7], [3])


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_lists_are_by_the_stars_to_expect_and_nobody_is_folded_in():
    ratings = random_ratings()
    model = BayesianMF(2, n_samples=8, burn_in=4, likelihood="ordered").fit(ratings)
    recommender = Recommender(model, ratings)
    listed = recommender.recommend(3, k=60, exclude_seen=False)
    stars = dict(zip(ratings.items.ids, model.predict(3, ratings.items.ids), strict=True))
    assert listed["item"].tolist() == sorted(stars, key=lambda item: (-stars[item], item))
    assert np.allclose(listed["stars"], [stars[item] for item in listed["item"]])
    assert len(recommender.similar_items(10)) == 10
    for ask in (
        lambda: recommender.fold_in({10: 5}),
        lambda: recommender.fold_in_item({1: 5}),
        lambda: recommender.explain(3, 10),
    ):
        with pytest.raises(TypeError, match="an ordered BayesianMF cannot take in somebody new.*likelihood='gaussian'"):
            ask()


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_another_likelihood_leaves_nothing_of_the_one_before():
    model = BayesianMF(2, n_samples=4, likelihood="ordered").fit(random_ratings())
    model.likelihood = "gaussian"
    again, fresh = model.fit(random_ratings()), BayesianMF(2, n_samples=4).fit(random_ratings())
    assert again.thresholds_ is None and again.weights_ is None
    assert np.array_equal(again.predict_proba(3, [10, 20]), fresh.predict_proba(3, [10, 20]))


def test_draws_of_a_model_stay_on_its_device():
    """On the meta device a stray CPU tensor shows without a GPU."""
    model = BayesianMF()
    model.user_draws_, model.item_draws_ = (torch.empty(3, n, 4, device="meta").half() for n in (5, 6))
    model.thresholds_, model.weights_ = torch.empty(3, 2, device="meta"), torch.empty(3, 5, device="meta")
    model.stars_ = np.arange(3.0)
    user, item = (torch.empty(7, dtype=torch.int64, device="meta") for _ in range(2))
    with OneDevice():
        assert [one.shape for one in Ordered.by_draw(model, user, item)] == [(7,)] * 3
        assert [one.shape for one in tails(torch.empty(4, device="meta"), torch.empty(4, device="meta"))] == [(4,)] * 3
