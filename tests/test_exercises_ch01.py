"""Exercises of chapter 1: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest

from collabkit import load_movielens
from collabkit.exercises import ch01

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.fixture(scope="module")
def ratings():
    return load_movielens()


@pytest.mark.parametrize("check", [ch01.check_1, ch01.check_2, ch01.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


@pytest.mark.parametrize("check", [ch01.check_2, ch01.check_3])
def test_a_stub_is_not_tried(check, said):
    assert "not tried yet" in said(check, lambda *args, k=0: None)
    assert "pass the function itself" in said(check, 0.7)


# ---------------------------------------------------------------- 1.1: the empty share


def test_empty_share(ratings, capsys):
    share = 1 - len(ratings) / (ratings.n_users * ratings.n_items)
    for answer in (share, np.float64(share), round(share, 4)):
        assert ch01.check_1(answer)
        assert "right." in capsys.readouterr().out


def test_empty_share_hints(ratings, said):
    filled, cells = len(ratings), ratings.n_users * ratings.n_items
    mistakes = {
        filled / cells: "filled",
        100 * (1 - filled / cells): "per cent",
        1 - 80_003 / cells: "training ratings only",
        1 - filled / (671 * 163_949): "every possible id",
        0.98: "three digits",
        cells - filled: "more than everything",
        0.5: "n_users x n_items",
    }
    for answer, hint in mistakes.items():
        assert hint in said(ch01.check_1, answer)
    for answer in ("0.98", True, [0.98], np.array([0.98])):
        assert "one number" in said(ch01.check_1, answer)


# ---------------------------------------------------------------- 1.2: the mean absolute error


def miss(actual, predicted):
    return np.ravel(actual) - np.ravel(predicted)


def test_mae(capsys):
    assert ch01.check_2(lambda a, p: np.abs(miss(a, p)).mean())
    assert ch01.check_2(lambda a, p: float(sum(abs(x) for x in miss(a, p)) / len(a)))


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda a, p: np.mean(miss(a, p)), "cancel"),
        (lambda a, p: np.mean(-miss(a, p)), "cancel"),
        (lambda a, p: abs(np.mean(miss(a, p))), "cancel"),
        (lambda a, p: np.sqrt(np.mean(miss(a, p) ** 2)), "RMSE"),
        (lambda a, p: np.mean(miss(a, p) ** 2), "mean of the squares"),
        (lambda a, p: np.abs(miss(a, p)).sum(), "Divide"),
        (lambda a, p: np.median(np.abs(miss(a, p))), "median"),
        (lambda a, p: np.abs(miss(a, p)), "shape (7,)"),
        (lambda a, p: np.abs(a - p).mean(), "column (n, 1)"),
        (lambda a, p: 0.7, "[4, 2]"),
        (lambda a, p: a.missing, "raised AttributeError"),
    ],
)
def test_mae_hints(function, hint, said):
    assert hint in said(ch01.check_2, function)


# ---------------------------------------------------------------- 1.3: damped film means


def sums(train):
    total = np.bincount(train.item, weights=train.rating, minlength=train.n_items)
    return total, np.bincount(train.item, minlength=train.n_items), train.rating.mean()


def damped(k):
    def film_means(train):
        total, count, mu = sums(train)
        return (total + k * mu) / (count + k)

    return film_means


@pytest.mark.parametrize("k", [1, 4, 20])
def test_film_means(k, capsys):
    assert ch01.check_3(damped(k))
    assert "plain film mean" in capsys.readouterr().out


def plain(train):
    total, count, mu = sums(train)
    return np.where(count > 0, total / np.maximum(count, 1), mu)


def with_nan(train):
    total, count, _ = sums(train)
    with np.errstate(invalid="ignore"):
        return total / count


def offsets(train):
    total, count, mu = sums(train)
    return (total - count * mu) / (count + 4)


def forgot_the_count(train):
    total, count, mu = sums(train)
    return (total + 4 * mu) / np.maximum(count, 1)


def forgot_the_mean(train):
    total, count, _ = sums(train)
    return total / (count + 4)


def same_pull(train):
    return 0.5 * plain(train) + 0.5 * train.rating.mean()


def seen_films_only(train):
    return train.frame.groupby("item")["rating"].mean()


@pytest.mark.parametrize(
    "function, hint",
    [
        (plain, "plain mean"),
        (with_nan, "NaN"),
        (offsets, "offsets"),
        (forgot_the_count, "add k to the count"),
        (forgot_the_mean, "gets 0.00"),
        (same_pull, "depend on the count"),
        (seen_films_only, "shape (3,)"),
        (damped(1000), "too hard"),
        (damped(0.001), "too little"),
        (lambda train: np.full(train.n_items, train.rating.mean()), "the same"),
    ],
)
def test_film_means_hints(function, hint, said):
    assert hint in said(ch01.check_3, function)


def test_film_means_of_other_ratings(ratings, said):
    """The ratings of the chapter hold the answers of the check's own split."""
    assert "Use the `train` that is passed in" in said(ch01.check_3, lambda train: damped(4)(ratings))
