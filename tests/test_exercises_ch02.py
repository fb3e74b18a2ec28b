"""Exercises of chapter 2: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch

from collabkit.exercises import ch02

pytestmark = pytest.mark.usefixtures("read_once")


def test_not_tried(said):
    for check, *answers in [
        (ch02.check_1, None),
        (ch02.check_2, None),
        (ch02.check_2, lambda p, q, r, mu, lr: None),
        (ch02.check_3, None, None),
        (ch02.check_3, {5: 1.0}, None),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 2.1: a dot product on paper


@pytest.mark.parametrize("answer", [3.1, np.float32(3.1), 2.4 - 0.5 + 1.2, torch.tensor(3.1), np.array([3.1])])
def test_prediction(answer, capsys):
    assert ch02.check_1(answer)
    assert "right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([2.4, -0.5, 1.2], "Add the three products up"),
        (4.1, "sign of the middle product"),
        (6.75, "factor by factor first"),
        (6.0, "adds everything"),
        (3.1 / 3, "mean of the products"),
        (3.1 / np.sqrt(2.33 * 7.25), "cosine"),
        (3, "Do not round"),
        (17, "The first product is"),
        ("3.1", "one number"),
        (True, "one number"),
        ([3.1, 0.0], "one number"),
    ],
)
def test_prediction_hints(answer, hint, said):
    assert hint in said(ch02.check_1, answer)


# ---------------------------------------------------------------- 2.2: one step of gradient descent


def step(p, q, r, mu, lr):
    error = mu + p @ q - r
    return p - lr * 2 * error * q, q - lr * 2 * error * p


def step_on_tensors(p, q, r, mu, lr):
    return [torch.from_numpy(part) for part in step(p, q, r, mu, lr)]


@pytest.mark.parametrize("answer", [step, step_on_tensors])
def test_step(answer, capsys):
    assert ch02.check_2(answer)
    assert "right." in capsys.readouterr().out


def one_after_the_other(p, q, r, mu, lr):
    p = p - lr * 2 * (mu + p @ q - r) * q
    return p, q - lr * 2 * (mu + p @ q - r) * p


def new_p_for_q(p, q, r, mu, lr):
    error = mu + p @ q - r
    p = p - lr * 2 * error * q
    return p, q - lr * 2 * error * p


def new_q_for_p(p, q, r, mu, lr):
    error = mu + p @ q - r
    q = q - lr * 2 * error * p
    return p - lr * 2 * error * q, q


def in_place(p, q, r, mu, lr):
    new_p, new_q = step(p, q, r, mu, lr)
    p[:], q[:] = new_p, new_q
    return p, q


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p, q, r, mu, lr: step(p, q, r, mu, -lr), "walks up the hill"),
        (lambda p, q, r, mu, lr: step(p, q, r, mu, lr / 2), "the 2 is missing"),
        (lambda p, q, r, mu, lr: step(p, q, r, mu, -lr / 2), "And the 2"),
        (lambda p, q, r, mu, lr: step(p, q, r, 0, lr), "lacks the mean"),
        (lambda p, q, r, mu, lr: step(p, q, r, mu, 1), "multiply the gradient by lr"),
        (lambda p, q, r, mu, lr: (p - 2 * lr * (mu + p @ q - r) * p, q - 2 * lr * (mu + p @ q - r) * q), "swapped"),
        (lambda p, q, r, mu, lr: (p - 2 * lr * q, q - 2 * lr * p), "has the error in it"),
        (lambda p, q, r, mu, lr: (2 * (mu + p @ q - r) * q, 2 * (mu + p @ q - r) * p), "those are the gradients"),
        (lambda p, q, r, mu, lr: (p, q), "nothing has moved"),
        (lambda p, q, r, mu, lr: step(p, q, r, mu, lr)[::-1], "wrong order"),
        (one_after_the_other, "uses the new p"),
        (new_p_for_q, "uses the new p"),
        (new_q_for_p, "uses the new q"),
        (in_place, "changes the arrays"),
        (lambda p, q, r, mu, lr: (step(p, q, r, mu, lr)[0], q + 1), "new p is right"),
        (lambda p, q, r, mu, lr: (p + 1, step(p, q, r, mu, lr)[1]), "new q is right"),
        (lambda p, q, r, mu, lr: (p + 1, q + 1), "start with error"),
        (lambda p, q, r, mu, lr: p, "return two things"),
        (lambda p, q, r, mu, lr: (None, q), "is None"),
        (lambda p, q, r, mu, lr: (p.sum(), q), "shapes () and (2,)"),
        (lambda p, q, r, mu, lr: p.missing, "AttributeError"),
        (3.1, "pass the function itself"),
    ],
)
def test_step_hints(answer, hint, said):
    assert hint in said(ch02.check_2, answer)


# ---------------------------------------------------------------- 2.3: how many factors?


@pytest.fixture
def losses(monkeypatch):
    """Training and validation MSE by number of factors, without the training."""
    measured = {5: (1.17, 1.59), 20: (0.80, 1.28), 50: (0.60, 1.22), 100: (0.45, 1.19)}
    monkeypatch.setattr(ch02, "_train", measured.__getitem__)
    return measured


def rmse_of(losses):
    return {n: valid**0.5 for n, (_, valid) in losses.items()}


def test_scores(losses, capsys):
    scores = rmse_of(losses)
    assert ch02.check_3(scores, 100)
    assert ch02.check_3({n: np.float32(score) + 0.005 for n, score in scores.items()}, 100)
    assert ch02.check_3(scores | {50: torch.tensor(scores[100] - 0.002)}, 50)  # the two are close: luck may decide
    assert "right." in capsys.readouterr().out


def test_score_hints(losses, said):
    scores = rmse_of(losses)
    for answer, best, hint in [
        ([1.26, 1.13, 1.10, 1.09], 100, "dictionary with the keys"),
        ({5: 1.26}, 5, "dictionary with the keys"),
        (scores | {20: None}, 100, "still None"),
        (scores | {20: float("nan")}, 100, "is nan"),
        (scores | {20: "1.13"}, 100, "one number"),
        ({n: valid for n, (_, valid) in losses.items()}, 100, "validation MSE"),
        ({n: train for n, (train, _) in losses.items()}, 100, "training loss"),
        ({n: train**0.5 for n, (train, _) in losses.items()}, 100, "root of the training loss"),
        ({n: score - 0.2 for n, score in scores.items()}, 100, "trained by the recipe end at 1.091"),
        (scores | {5: 1.0}, 5, "5 factors trained by the recipe"),
        (scores | {5: 1.1}, 100, "5 factors should be clearly"),
        (scores | {5: 1.9}, 100, "5 factors should be clearly"),
        (scores, 5, "largest error"),
        (scores, 50, "100 factors have the smallest"),
        (scores, 1.09, "100 factors have the smallest"),
        (scores | {50: 0.9}, 50, "50 factors trained by the recipe"),
        (scores | {20: 1.5}, 100, "Is each model a fresh one"),
    ]:
        assert hint in said(ch02.check_3, answer, best)


def test_the_check_trains_by_the_recipe(monkeypatch):
    """One real fit: it learns, it overfits, it repeats, and it leaves the student's random numbers alone."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train_mse, valid_mse = ch02._train.__wrapped__(5)
    assert torch.equal(torch.rand(3), expected)
    assert 1.0 < train_mse < 1.35 and 1.24 < valid_mse**0.5 < 1.29
