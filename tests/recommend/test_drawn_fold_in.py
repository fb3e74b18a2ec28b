"""Somebody new in BayesianMF, against the sampler's own step and against training again."""

import numpy as np
import pytest
import torch

from benchmarks.recommend import folded, halves
from collabkit import BayesianMF, Recommender, load_movielens, rmse
from collabkit.gibbs import Side
from collabkit.recommend.draws import ServedDraws
from tests.recommend.test_draws import N_ITEMS, N_USERS, made
from tests.tables import random_ratings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def fitted():
    return BayesianMF(3, 30, burn_in=40, progress=False).fit(random_ratings())


@pytest.fixture(scope="module")
def fold(fitted):
    return ServedDraws(fitted, CPU).fold_in("user")


def test_no_ratings_give_the_prior_mean_of_each_draw(fitted, fold):
    w = fold.solve(np.array([], dtype=int), [])
    assert np.allclose(w, fitted.user_priors_[:, 0])
    contribution, baseline, stars = fold.explain(np.array([], dtype=int), [], 0)
    assert len(contribution) == 0
    assert baseline == stars == fold.stars(w, [0])[0]


def test_one_rating_by_hand():
    """Biases alone, one draw: a ridge regression of one miss, and how steadily its user rates."""
    model = made(n_factors=0, draws=1, mean=3.0)
    model.item_draws_[:] = model.item_means_[:] = 0.5
    model.user_priors_ = torch.tensor([[[0.25], [2.0]]])  # m, Λ
    model.precisions_, model.noise_df_ = torch.tensor([4.0]), 5.0
    fold, steady, miss = ServedDraws(model, CPU).fold_in("user"), 1.0, 4.75 - 3.0 - 0.5 - 0.25
    for _ in range(50):
        w = 4 * steady * miss / (2 + 4 * steady)
        steady = (5 + 1) / (5 + 4 * ((miss - w) ** 2 + 1 / (2 + 4 * steady)))
    assert fold.solve([8], [4.75]) == pytest.approx(0.25 + w, abs=1e-4)
    assert fold.stars(fold.solve([8], [4.75]), [2]) == pytest.approx(3 + 0.5 + 0.25 + w, abs=1e-4)


def test_in_each_draw_it_is_the_mean_of_the_sampler(fitted, fold):
    """``Side.draw`` of one more user, with that draw's prior and the precision that was found for their ratings."""
    ratings = random_ratings()
    theirs = ratings.take(ratings.user == 4)
    w = fold.solve(theirs.item, theirs.rating)
    for draw, regression in enumerate(fold._regressions(theirs.item, theirs.rating)):
        side = Side(np.zeros(len(theirs), dtype=int), theirs.item, 1, ratings.n_items, None, "user", 4, "cpu")
        side.prior = fitted.user_priors_[draw, :1].repeat(2, 1)
        side.precision = fitted.user_priors_[draw, 1]
        items = fitted.item_draws_[draw].float()
        design = torch.cat([torch.ones(len(items), 1), items[:, 1:]], dim=1)
        y = torch.from_numpy(theirs.rating - np.float32(fitted.mean_)) - items[theirs.item, 0]
        own = torch.full((2,), float(regression.weight[0]))
        side.draw(design, y, torch.Generator().manual_seed(0), own=own)
        assert np.allclose(side.means[0], w[draw], atol=1e-4)


def test_who_rates_steadily_is_believed_more(fold):
    rng = np.random.default_rng(0)
    codes, noise = np.arange(40), rng.normal(size=40)
    expected = fold.stars(fold.mean, codes)
    steady, rough = (next(fold._regressions(codes, expected + size * noise)).weight[0] for size in (0.1, 1.5))
    assert steady > 3 * rough


def test_a_new_film_weighs_users_by_their_noise():
    model = made()
    model.noise_[3] = 100.0
    fold = ServedDraws(model, CPU).fold_in("item")
    weights = next(fold._regressions([3, 4], [1.0, 5.0])).weight
    assert weights.tolist() == [0.01, 1.0]
    low, high = (fold.stars(fold.solve([3, 4], stars)).mean() for stars in ([1.0, 5.0], [5.0, 1.0]))
    assert low > high  # the second of them is believed
    assert fold.stars(fold.mean).shape == (1 + N_USERS,)


@pytest.mark.parametrize("mean", [3.5, 4.9, 9.0])
@pytest.mark.parametrize("unit", [1.0, 0.5])
def test_baseline_and_contributions_add_up(mean, unit):
    fold = ServedDraws(made(mean=mean, unit=unit), CPU).fold_in("user")
    codes, stars = np.arange(0, N_ITEMS, 9), np.linspace(0.5, 5, 23)
    w = fold.solve(codes, stars)
    for code in (0, 1, 59):
        contribution, baseline, total = fold.explain(codes, stars, code)
        assert baseline + contribution.sum() == pytest.approx(total, abs=1e-5)
        assert total == pytest.approx(fold.stars(w, [code])[0], abs=1e-5)
        assert baseline == pytest.approx(fold.stars(fold.mean, [code])[0], abs=1e-5)


def test_any_unit_gives_the_same_stars():
    """The numbers of a model are in units: in other ones, the same model."""
    one, other = made(), made(unit=4.0, mean=14.0, scale=(2.0, 20.0))
    other.noise_ = other.noise_ * 16
    for side, codes in (("user", [3, 80, 8]), ("item", [3, 20, 8])):
        first, second = (ServedDraws(model, CPU).fold_in(side) for model in (one, other))
        w, v = first.solve(codes, [1.0, 5.0, 2.5]), second.solve(codes, [4.0, 20.0, 10.0])
        assert np.allclose(w, v)
        assert np.allclose(4 * first.stars(w), second.stars(v), atol=1e-4)


def test_with_features_of_users_the_new_one_has_average_ones():
    ratings, rng = random_ratings(), np.random.default_rng(0)
    features = rng.normal(size=(ratings.n_users, 2)) + 3
    model = BayesianMF(2, 30, burn_in=40, progress=False).fit(ratings, user_features=features)
    found = Recommender(model, ratings)
    everything = ratings.items.ids
    average, stranger = found.fold_in({}).predict(everything), model.predict(-1, everything)
    assert rmse(average, stranger) < 0.1  # the one is a mean of priors, the other of draws from them
    assert found.fold_in({10: 5.0, 20: 5.0}).predict(everything).mean() > average.mean()


def test_on_real_ratings_it_is_near_training():
    """Folded into the model that was trained on the same ratings, a user moves by 0.02 stars, and is served as well.

    Folded into one that was not, they do without what their ratings would have told of the films.
    """
    ratings = load_movielens()
    train, given, wanted = halves(ratings, seed=0)
    known, asked = ratings.take(np.sort(np.concatenate([train, given]))), ratings.take(wanted).frame
    with_them, without = (
        Recommender(BayesianMF(n_samples=50, progress=False).fit(part), part) for part in (known, ratings.take(train))
    )
    stars = {
        "trained": with_them.predict(asked["user"], asked["item"]),
        "folded in": folded(with_them, ratings.take(given).frame, asked),
        "folded in, without them": folded(without, ratings.take(given).frame, asked),
        "average": without.fold_in({}).predict(asked["item"]),
    }
    error = {name: rmse(asked["rating"], one) for name, one in stars.items()}
    assert rmse(stars["trained"], stars["folded in"]) < 0.03
    assert abs(error["folded in"] - error["trained"]) < 0.002
    assert error["folded in, without them"] < error["trained"] + 0.1 * (error["average"] - error["trained"])
