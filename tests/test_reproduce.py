"""The recipes of the reproduced notebooks, on tables small enough to work out by hand; and the file they write."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import reproduce
from collabkit import DotProductBias, Ratings, random_split
from collabkit.results import load
from tests.tables import random_ratings


@pytest.fixture
def ratings() -> Ratings:
    frame = pd.DataFrame({"user": [7, 7, 3, 3, 9], "item": [50, 10, 50, 20, 10], "rating": [4.0, 2.0, 5.0, 3.0, 1.0]})
    return Ratings.from_frame(frame)


# ---- A ----


def test_what_the_means_leave_over(ratings):
    left = reproduce.left_by_means(ratings)
    # global mean 3; user 7: 3, user 3: 4, user 9: 1; film 50: 4.5, film 10: 1.5, film 20: 3
    assert left == pytest.approx([4 - 4.5, 2 - 1.5, 5 - 5.5, 3 - 4, 1 - (-0.5)])


def test_batch_losses_are_those_of_each_draw_alone(ratings):
    P, Q = reproduce.draw_tables(ratings, 6)
    assert (P.shape, Q.shape) == ((3, 6, 2), (3, 6, 2))
    y = torch.from_numpy(ratings.rating)
    user, item = torch.from_numpy(ratings.user).long(), torch.from_numpy(ratings.item).long()
    rows = torch.tensor([1, 3])
    losses = reproduce.batch_losses(rows, y, user, item, P, Q)
    for draw in range(6):
        dot = (P[user[rows], draw] * Q[item[rows], draw]).sum(dim=1)
        assert losses[draw].item() == pytest.approx((y[rows] - dot).square().mean().item(), rel=1e-5)


def test_starts_that_are_trained_side_by_side_do_not_see_each_other():
    train = random_ratings()
    before, loss, P, Q = reproduce.two_factors(train, near=None, starts=3, epochs=2, bs=16)
    assert (before.shape, loss.shape) == ((1000,), (2, 3))
    alone, *_ = reproduce.two_factors(train, near=None, starts=1, epochs=2, bs=16)[1:]
    assert torch.allclose(loss[:, :1], alone, atol=1e-5)
    assert P.shape == (train.n_users, 3, 2) and Q.shape == (train.n_items, 3, 2)


def test_near_adds_the_draws_with_that_loss():
    before, loss, *_ = reproduce.two_factors(random_ratings(), near=3.0, starts=2, epochs=1, lr=0.0, bs=16)
    nearest = np.sort(np.abs(before - 3.0))[:2]
    assert np.abs(loss[0, 2:].numpy() - 3.0) == pytest.approx(nearest, abs=1e-5)


# ---- C ----


def test_uniform_draws_every_table_again():
    model = reproduce.uniform(DotProductBias(50, 40, 5), 2.0, 3.0)
    for parameter in model.parameters():
        assert parameter.min() >= 2 and parameter.max() <= 3


def test_stages_give_a_score_an_epoch_and_keep_the_state_of_adam():
    parts = random_split(random_ratings(), seed=0)

    def scores(stages):
        torch.manual_seed(0)
        model = DotProductBias(parts.train.n_users, parts.train.n_items, 4)
        return reproduce.by_steps(model, parts, stages, 1e-4, seed=0)

    whole = scores([(3, 1e-2)])
    assert len(whole) == 3
    assert scores([(1, 1e-2), (2, 1e-2)]) == pytest.approx(whole, abs=1e-5)


def test_penalty_reaches_factors_and_leaves_biases_free():
    parts = random_split(random_ratings(), seed=0)

    def size(l2, steps):
        torch.manual_seed(0)
        model = DotProductBias(parts.train.n_users, parts.train.n_items, 4)
        reproduce.by_steps(model, parts, steps, l2, seed=0)
        return {name: parameter.square().sum().item() for name, parameter in model.named_parameters()}

    shrunk, free = size(10.0, [(8, 1e-2)]), size(0.0, [(8, 1e-2)])
    for side in ("user", "item"):
        assert shrunk[f"{side}_factors.weight"] < 0.1 * free[f"{side}_factors.weight"]
        assert shrunk[f"{side}_bias.weight"] > 0.5 * free[f"{side}_bias.weight"]


def test_codes_by_appearance():
    assert reproduce.codes_by_appearance(np.array([5, 2, 5, 0, 2, 7])).tolist() == [5, 2, 0, 7]


def test_the_long_way_round_is_the_left_singular_vectors_of_films_without_their_means():
    factors = np.random.default_rng(0).normal(size=(30, 6))
    U, *_ = np.linalg.svd(factors - factors.mean(axis=1, keepdims=True), full_matrices=False)
    assert np.allclose(np.abs(reproduce.long_way_round(factors)), np.abs(U[:, :3]))
    assert reproduce.short_way(factors).shape == (30, 3)


def test_the_two_ways_agree_where_means_do_not_matter():
    factors = np.random.default_rng(0).normal(size=(30, 6)) * [9, 6, 4, 1, 1, 1]
    factors -= factors.mean(axis=0)
    both = reproduce.correlations(reproduce.short_way(factors), np.linalg.svd(factors)[0][:, :3])
    assert np.allclose(np.diag(both), 1)


def test_correlations_are_sizes_and_columns_by_columns():
    a = np.array([[1.0, 0], [2, 1], [3, 0]])
    assert reproduce.correlations(a, -a[:, :1]).tolist() == [[pytest.approx(1)], [pytest.approx(0, abs=1e-12)]]


# ---- D ----


def test_dense_matrix_and_mask(ratings):
    Y, R = reproduce.dense(ratings)
    assert Y.tolist() == [[0, 2, 1], [3, 0, 0], [5, 4, 0]]  # films 10, 20, 50 down; users 3, 7, 9 across
    assert R.tolist() == [[0, 1, 1], [1, 0, 0], [1, 1, 0]]


def test_objective_counts_rated_cells_only_and_leaves_biases_free():
    X, W, b = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0]]), torch.tensor([[0.5]])
    Y, R = torch.tensor([[3.0], [99.0]]), torch.tensor([[1.0], [0.0]])
    assert reproduce.objective(X, W, b, Y, R).item() == pytest.approx((1.5 - 3) ** 2 / 2 + (1 + 4 + 1) / 2)


def test_full_batch_descends_and_prints_every_forty_steps(ratings):
    printed, mean, scores = reproduce.full_batch(ratings, seed=0, steps=81, n_factors=4)
    assert len(printed) == 3 and printed[2] < printed[1] < printed[0]
    assert mean.flatten().tolist() == pytest.approx([1, 1, 3])  # over three users, rated or not
    assert scores.shape == (3, 3)


def test_mean_difference_is_over_the_whole_square_of_films():
    actual, scores, rated = torch.tensor([4.0, 0, 2]), torch.tensor([3.0, 9, 1]), torch.tensor([1.0, 0, 1])
    mean = torch.tensor([[1.0], [2.0], [3.0]])
    by_hand = [(actual[j] - scores[j] - mean[i, 0]) * rated[j] for i in range(3) for j in range(3)]
    assert reproduce.mean_difference(actual, scores, mean, rated) == pytest.approx(sum(by_hand).item() / 9)


def test_perfect_model_does_not_print_zero():
    rated, mean = torch.tensor([1.0, 0, 1]), torch.tensor([[1.0], [2.0], [3.0]])
    actual = torch.tensor([4.0, 0, 2])
    perfect = reproduce.perfect_difference(mean, rated)
    assert perfect["signed"] == pytest.approx(reproduce.mean_difference(actual, actual - mean[:, 0], mean, rated))
    assert perfect["absolute"] == pytest.approx((0 + 1 + 2 + 2 + 1 + 0) / 9)


# ---- the file ----


def test_rounded_keeps_the_nesting():
    assert reproduce.rounded([[1.23456789], [2]], 3) == [[1.235], [2.0]]


FOUND = load("reproductions")


def test_descent_of_d_is_within_what_was_asked():
    reported = np.array([6_079_012, 126_539, 37_832, 17_705, 10_999, 8_211, 6_846, 6_083, 5_609, 5_294])
    apart = np.abs(np.array(FOUND["D"]["objective"]) / reported - 1)  # (starts, 10)
    assert apart[:, 0].max() < 0.05 and apart[:, 1:].max() < 0.25


def test_every_curve_is_whole():
    stages = {
        "dot": reproduce.C_DOT,
        "bias": reproduce.C_BIAS,
        "bias_without_penalty": reproduce.C_BIAS,
        "net": reproduce.C_NET,
    }
    for name, stage in stages.items():
        assert {len(curve) for curve in FOUND["C"][name]} == {sum(epochs for epochs, _ in stage)}
    assert {len(loss) for loss in FOUND["A"]["loss"]} == {len(FOUND["A"]["epochs"])}
    assert len(FOUND["A"]["before_training"]) == 1000
