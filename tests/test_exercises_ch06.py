"""Exercises of chapter 6: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch

from collabkit.exercises import ch06

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.mark.parametrize("check", [ch06.check_1, ch06.check_2, ch06.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


def test_a_stub_is_not_tried(said):
    assert "not tried yet" in said(ch06.check_2, lambda *args, **options: None)


# ---------------------------------------------------------------- 6.1: one step by hand


def test_weight():
    for answer in (1.68, torch.tensor(1.68), torch.tensor([1.68]), np.float64(1.68), 2 * 0.9 - 0.12):
        assert ch06.check_1(answer)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (1.692, "shrank the weight after the step"),
        (1.88, "without any decay"),
        (1.8, "decay alone"),
        (0.88, "not all of λ"),
        (1.48, "not all of lr"),
        (2.08, "makes the weight smaller"),
        (1.92, "against the gradient"),
        (1.2, "multiply the direction"),
        (1.78, "a share *of the weight*"),
        (0.32, "how far the weight moves"),
        (1.7, "first shrink"),
        (float("nan"), "first shrink"),
        ("1.68", "one number"),
        (True, "one number"),
        ([1.8, 1.68], "one number"),
    ],
)
def test_weight_hints(answer, hint, said):
    assert hint in said(ch06.check_1, answer)


# ---------------------------------------------------------------- 6.2: AdamW


def adamw(w, g, m, v, t, lr, wd, betas=(0.9, 0.99), eps=1e-5):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return w * (1 - lr * wd) - lr * m_hat / (v_hat**0.5 + eps), m, v


def as_list(*args, **options):
    return list(adamw(*args, **options))


def by_torch(w, g, m, v, t, lr, wd, betas=(0.9, 0.99), eps=1e-5):
    """PyTorch's own step, from this state."""
    weight = w.clone().requires_grad_()
    optimizer = torch.optim.AdamW([weight], lr=lr, betas=betas, eps=eps, weight_decay=wd)
    step = torch.tensor(float(t - 1))
    optimizer.state[weight] = {"step": step, "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
    weight.grad = g
    optimizer.step()
    state = optimizer.state[weight]
    return weight.detach(), state["exp_avg"], state["exp_avg_sq"]


@pytest.mark.parametrize("step", [adamw, as_list, by_torch])
def test_adamw(step):
    assert ch06.check_2(step)


def broken(line: str, instead: str):
    """The right step with one piece of its source replaced."""
    source = """
def step(w, g, m, v, t, lr, wd, betas=(0.9, 0.99), eps=1e-5):
    b1, b2 = betas
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return w * (1 - lr * wd) - lr * m_hat / (v_hat**0.5 + eps), m, v
"""
    assert source.count(line) == 1
    space = {"torch": torch}
    exec(source.replace(line, instead), space)
    return space["step"]


def test_the_unbroken_step_is_right():
    assert ch06.check_2(broken("b1, b2 = betas", "b1, b2 = betas"))


@pytest.mark.parametrize(
    "line, instead, hint",
    [
        ("b1, b2 = betas", "b1, b2 = betas; g = g + wd * w", "an L2 penalty"),
        ("b1, b2 = betas", "b2, b1 = betas", "betas are swapped"),
        ("b1, b2 = betas", "b1, b2 = 0.9, 0.99", "use the betas"),
        ("w * (1 - lr * wd)", "w", "no decay in it"),
        ("w * (1 - lr * wd)", "w * (1 - wd)", "all of λ"),
        ("w * (1 - lr * wd)", "w * (1 + lr * wd)", "w grows"),
        (
            "w * (1 - lr * wd) - lr * m_hat / (v_hat**0.5 + eps)",
            "(w - lr * m_hat / (v_hat**0.5 + eps)) * (1 - lr * wd)",
            "after the step",
        ),
        ("- lr * m_hat", "+ lr * m_hat", "up the hill"),
        ("- lr * m_hat", "- m_hat", "not multiplied by lr"),
        ("- lr * m_hat / (v_hat**0.5 + eps)", "- lr * g", "bare gradient"),
        ("m / (1 - b1**t), v / (1 - b2**t)", "m, v", "hats are missing"),
        ("(v_hat**0.5 + eps)", "(v_hat + eps) ** 0.5", "outside the root"),
        ("(v_hat**0.5 + eps)", "(v_hat + eps)", "take the root"),
        ("(v_hat**0.5 + eps)", "v_hat**0.5", "the eps that is passed in"),
        ("(v_hat**0.5 + eps)", "(v_hat**0.5 + 1e-5)", "the eps that is passed in"),
        ("return w * (1 - lr * wd)", "return 0 * w", "m and v are right"),
        ("+ eps), m, v", "+ eps), m_hat, v_hat", "without their hats"),
        ("+ eps), m, v", "+ eps), v, m", "wrong order"),
        ("+ eps), m, v", "+ eps)", "return three things"),
        ("+ eps), m, v", "+ eps), m, None", "new v is still None"),
        ("+ eps), m, v", "+ eps), m, v.mean()", "same shape"),
        ("g**2", "g", "*squared*"),
        ("g**2", "g.abs()", "*squared*"),
        ("(1 - b1) * g\n", "g\n", "1 - beta of the new"),
        ("b1 * m + (1 - b1) * g\n", "(1 - b1) * m + b1 * g\n", "beta goes with the old"),
        ("b1 * m + (1 - b1) * g\n", "g\n", "new m is not right"),
        ("m = b1 * m + (1 - b1) * g", "m *= b1; m += (1 - b1) * g", "changes its arguments"),
        ("b1, b2 = betas", "b1, b2 = betas; t = 3", "m and v are right"),
    ],
)
def test_adamw_hints(line, instead, hint, said):
    assert hint in said(ch06.check_2, broken(line, instead))


def test_adamw_is_a_function(said):
    assert "pass the function itself" in said(ch06.check_2, (1, 2, 3))
    assert "1 positional argument but 7" in said(ch06.check_2, lambda w, *, betas=0, eps=0: w)


# ---------------------------------------------------------------- 6.3: a decay for 20 factors


@pytest.fixture
def valley(monkeypatch):
    """Training replaced by a valley with its bottom at 0.8: (training MSE, validation MSE) by decay."""

    def train(wd):
        return 0.5, (0.866 + 0.003 * np.log2(max(wd, 0.01) / 0.8) ** 2) ** 2

    monkeypatch.setattr(ch06, "_train", train)
    return lambda *decays: {wd: train(wd)[1] ** 0.5 for wd in decays}


def test_scores(valley):
    assert ch06.check_3(valley(0.2, 0.8, 3.2))
    assert ch06.check_3(valley(0.4, 1, 2))
    assert ch06.check_3({wd: torch.tensor(score) for wd, score in valley(0, 0.6, 4, 10).items()})
    near = {wd: score + 0.002 for wd, score in valley(0.2, 0.8, 3.2).items()}  # another machine, another seed
    assert ch06.check_3(near)


@pytest.mark.parametrize(
    "decays, hint",
    [
        ((0.1, 0.2), "three decays or more"),
        ((0.8, 1.6, 3.2), "smallest that you tried"),
        ((0.2, 0.4, 0.8), "largest that you tried"),
        ((0.04, 0.2, 10), "a better decay than 0.2"),
    ],
)
def test_choice_hints(decays, hint, valley, said):
    assert hint in said(ch06.check_3, valley(*decays))


@pytest.mark.parametrize(
    "change, hint",
    [
        (lambda score: score**2, "validation MSE"),
        (lambda score: 0.5**0.5, "root of the training loss"),
        (lambda score: 0.5, "training loss"),
        (lambda score: score + 0.02, "a new DotProductBias with 20 factors"),
        (lambda score: None, "still None"),
        (lambda score: float("nan"), "one number"),
        (lambda score: "good", "one number"),
    ],
)
def test_score_hints(change, hint, valley, said):
    assert hint in said(ch06.check_3, {wd: change(score) for wd, score in valley(0.2, 0.8, 3.2).items()})


@pytest.mark.parametrize("key", ["a lot", -1, True])
def test_key_hints(key, valley, said):
    assert "a key should be a decay" in said(ch06.check_3, {**valley(0.2, 0.8, 3.2), key: 1.0})


def test_scores_are_a_dictionary(valley, said):
    assert "dictionary" in said(ch06.check_3, list(valley(0.2, 0.8, 3.2).values()))


def test_the_check_trains_what_it_says():
    ch06._train.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train_mse, valid_mse = ch06._train(ch06.GOOD)
    assert torch.equal(torch.rand(1), expected), "a check must leave the random numbers of the student alone"
    assert train_mse < valid_mse
    assert valid_mse**0.5 == pytest.approx(0.8691, abs=ch06.SAME)
