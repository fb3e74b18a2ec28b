import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.recommend import folded, halves, trained
from collabkit import (
    ALS,
    BayesianMF,
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    EmbeddingNet,
    Ratings,
    Recommender,
    load_movielens,
    rmse,
)
from collabkit.recommend.average_rows import with_average_rows
from collabkit.recommend.fold_in import FoldIn
from collabkit.tables import tables_of
from tests.tables import random_ratings


@pytest.fixture(scope="module")
def train():
    return random_ratings()


@pytest.fixture(scope="module")
def als(train):
    return ALS(n_factors=3, penalty=2.0, bias_penalty=1.0, n_sweeps=300).fit(train)


def model(n_users=40, n_items=60, n_factors=4, y_range=(0, 5.5), std=0.3):
    torch.manual_seed(0)
    model = DotProductBias(n_users, n_items, n_factors, y_range)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    if y_range is None:
        model.item_bias.weight.data += 3  # where stars are
    return model.eval()


def test_with_the_penalties_of_als_it_is_the_step_of_als(train, als):
    """At its end ALS solves the items last, so the users are those of the sweep before: 300 make them one."""
    items = als.item_ + np.array([als.mean_, 0, 0, 0])
    fold = FoldIn(items, mean=np.zeros(4), precision=np.diag([1.0, 2, 2, 2]))
    for code in range(train.n_users):
        theirs = train.user == code
        assert np.allclose(fold.solve(train.item[theirs], train.rating[theirs]), als.user_[code], atol=1e-4)


def test_one_rating_by_hand():
    """K = 0 and no range: the average user misses by 2; of that, 1 / (1 + λ) goes into the bias."""
    fold = FoldIn([[3.0], [1.0]], mean=[0.5], precision=[[4.0]])
    assert fold.solve([1], [3.5]) == pytest.approx([0.5 + 2 / 5])
    assert fold.stars(fold.solve([1], [3.5])) == pytest.approx([3.9, 1.9])
    contribution, baseline, stars = fold.explain([1], [3.5], 0)
    assert (contribution.tolist(), baseline, stars) == (pytest.approx([0.4]), pytest.approx(3.5), pytest.approx(3.9))


def test_no_ratings_give_the_average_user():
    fold = FoldIn.of(model(), random_ratings())
    w = fold.solve(np.array([], dtype=int), [])
    assert np.array_equal(w, fold.mean)
    contribution, baseline, stars = fold.explain(np.array([], dtype=int), [], 0)
    assert len(contribution) == 0
    assert baseline == stars


def test_with_a_range_it_is_one_newton_step_on_misses_in_stars(train):
    """Against autograd: the Gauss-Newton step of ½ Σ (r − f)² + ½ (w − m)ᵀ Λ (w − m), from w = m."""
    fold = FoldIn.of(model(), train)
    codes, stars = np.array([3, 50, 8]), np.array([0.5, 5, 4.0])
    fixed, mean, precision = (torch.from_numpy(one) for one in (fold.fixed, fold.mean, fold.precision))

    def predicted(w):
        return 5.5 * torch.sigmoid(fixed[codes, 0] + w[0] + fixed[codes, 1:] @ w[1:])

    J = torch.autograd.functional.jacobian(predicted, mean)
    step = torch.linalg.solve(J.T @ J + precision, J.T @ (torch.from_numpy(stars) - predicted(mean)))
    assert np.allclose(fold.solve(codes, stars), mean + step, atol=1e-10)
    assert np.allclose(fold.stars(fold.mean, codes), predicted(mean), atol=1e-10)


def test_the_prior_is_the_trained_users_and_the_noise_the_training_error(train):
    module, part = model(), train.take(train.user > 4)
    fold = FoldIn.of(module, part)
    users, items = (one.astype("float64") for one in (tables_of(module).users, tables_of(module).items))
    covariance = np.cov(users[5:].T, bias=True)
    score = (users[part.user, 1:] * items[part.item, 1:]).sum(axis=1) + users[part.user, 0] + items[part.item, 0]
    noise = np.mean((part.rating - 5.5 / (1 + np.exp(-score))) ** 2)
    assert np.allclose(fold.mean, users[5:].mean(axis=0), atol=1e-6)
    assert np.allclose(fold.precision, noise * np.linalg.inv(covariance), rtol=1e-3)


def test_both_sides_are_alike(train):
    """A new film among users is a new user among films, with the two columns exchanged."""
    module, frame = model(), train.frame.rename(columns={"user": "item", "item": "user"})
    turned = DotProductBias(60, 40, 4, (0, 5.5))
    for a, b in (("user", "item"), ("item", "user")):
        for kind in ("factors", "bias"):
            getattr(turned, f"{a}_{kind}").weight.data = getattr(module, f"{b}_{kind}").weight.data
    new_film = FoldIn.of(module, train, side="item").solve([0, 7], [5, 1])
    assert np.allclose(new_film, FoldIn.of(turned, Ratings.from_frame(frame)).solve([0, 7], [5, 1]), atol=1e-6)
    with pytest.raises(ValueError, match="choose 'user' or 'item'"):
        FoldIn.of(module, train, side="film")


@pytest.mark.parametrize("y_range", [None, (0, 5.5)])
def test_baseline_and_contributions_add_up(train, y_range):
    fold = FoldIn.of(model(y_range=y_range, std=0.8), train)
    codes, stars = np.arange(0, 60, 7), np.linspace(0.5, 5, 9)
    w = fold.solve(codes, stars)
    for code in (0, 1, 59):
        contribution, baseline, total = fold.explain(codes, stars, code)
        assert baseline + contribution.sum() == pytest.approx(total, abs=1e-9)
        assert total == pytest.approx(fold.stars(w, [code])[0], abs=1e-9)
        assert baseline == pytest.approx(fold.stars(fold.mean, [code])[0], abs=1e-9)


def test_a_contribution_is_what_is_missing_without_the_miss(train):
    """A rating just as the average user's adds nothing, and the others then add what they added before."""
    fold = FoldIn.of(model(y_range=None), train)
    codes, stars = np.array([4, 9, 20]), np.array([5, 1, 3.0])
    before = fold.explain(codes, stars, 0)[0]
    stars[1] = fold.stars(fold.mean, [9])[0]
    assert np.allclose(fold.explain(codes, stars, 0)[0], [before[0], 0, before[2]], atol=1e-9)


def test_an_absent_bias_stays_absent(train):
    """DotProduct has no user bias: fold-in must not invent one."""
    torch.manual_seed(0)
    module = DotProduct(40, 60, 3, (0, 5.5))
    w = FoldIn.of(module, train).solve([0, 1, 2], [5, 5, 5])
    assert abs(w[0]) < 1e-3 * np.abs(w[1:]).max()


def test_fewer_users_than_factors():
    ratings = random_ratings(n_users=3, n_items=20, n=60)
    fold = FoldIn.of(model(3, 20, 30), ratings)
    assert np.isfinite(fold.solve([0, 5], [5, 0.5])).all()
    assert fold.stars(fold.solve([0], [5]), [0]) > fold.stars(fold.mean, [0])


def test_models_that_cannot_be_folded_into_are_named(train):
    with pytest.raises(TypeError, match="EmbeddingNet cannot .* such as DotProduct, DotProductBias or ALS"):
        FoldIn.of(EmbeddingNet(40, 60, 4, (0, 5.5)), train)


def test_a_model_that_does_not_predict_stars_is_refused(train):
    with pytest.raises(ValueError, match="misses its training ratings by"):
        FoldIn.of(DotProduct(40, 60, 4), train)


def test_a_model_that_diverged_is_refused(train):
    module = model()
    module.user_bias.weight.data[3] = torch.nan
    with pytest.raises(ValueError, match="did training diverge"):
        FoldIn.of(module, train)


@pytest.mark.parametrize("build", [DotProductBias, DotProductBiasParams, EmbeddingNet])
def test_whoever_is_unknown_is_average(build, train):
    torch.manual_seed(0)
    module = build(40, 60, 4, (0, 5.5))
    module.train()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    known = train.take((train.user != 2) & (train.item != 7))
    served = with_average_rows(module, known)
    assert module.training
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    name = "user_factors" if build is DotProductBiasParams else "user_factors.weight"
    rows, kept = served.state_dict()[name], torch.arange(40) != 2
    assert rows.shape == (41, 4)
    assert torch.equal(rows[:40][kept], before[name][kept])
    assert torch.equal(rows[2], rows[40])
    assert torch.allclose(rows[40], before[name][kept].mean(dim=0), atol=1e-7)
    x = torch.tensor([[2, 0], [40, 0], [0, 7], [0, 60]])
    stars = served(x)[:, 0]
    assert stars[0] == stars[1]
    assert stars[2] == stars[3]


def test_ratings_of_another_data_set_are_refused(train):
    with pytest.raises(ValueError, match=r"DotProductBias has no user_… tables of 40 rows.*\(39, 4\)"):
        with_average_rows(model(n_users=39), train)
    with pytest.raises(ValueError, match="no user_… tables"):
        with_average_rows(nn.Linear(2, 1), train)


def test_a_solver_is_taken_as_its_module(train, als):
    assert np.array_equal(FoldIn.of(als, train).fixed, FoldIn.of(als.as_module(), train).fixed)
    with pytest.raises(TypeError, match=r"^BayesianMF is no module, and has no as_module\(\)"):
        FoldIn.of(BayesianMF(), train)
    with pytest.raises(TypeError, match="^ratings is a DataFrame and has to be a Ratings"):
        FoldIn.of(als.as_module(), train.frame)


def test_folded_in_as_well_as_trained_again():
    """The course recipe on real ratings. benchmarks/recommend.py has the figures: five draws, another edition."""
    ratings = load_movielens()
    train, given, wanted = halves(ratings, seed=0)
    rows, known = ratings.take(wanted), ratings.take(np.sort(np.concatenate([train, given])))
    folded_in = folded(
        Recommender(trained(ratings.take(train)), ratings.take(train)), ratings.take(given).frame, rows.frame
    )
    retrained = Recommender(trained(known), known).predict(rows.frame["user"], rows.frame["item"])
    assert rmse(rows.rating, folded_in) < rmse(rows.rating, retrained) + 0.005
