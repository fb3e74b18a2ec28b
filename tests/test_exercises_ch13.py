"""Exercises of chapter 13: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pandas as pd
import pytest

from collabkit import film_features
from collabkit.exercises import ch13

pytestmark = pytest.mark.usefixtures("read_once")


def test_not_tried(said):
    def stub(*args):
        return None

    for check, answers in [
        (ch13.check_1, [None, None]),
        (ch13.check_1, [0.2, None]),
        (ch13.check_2, [stub]),
        (ch13.check_3, [stub, None]),
        (ch13.check_3, [stub, 0.85]),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 13.1: a centre


@pytest.mark.parametrize("answer", [(0.2, 2.8 / 6), (0.2, 0.467), (np.float32(0.2), np.array(0.47))])
def test_centre(answer):
    assert ch13.check_1(*answer)


@pytest.mark.parametrize(
    ("centre", "bias", "hint"),
    [
        (0.3, 0.467, "constant is missing"),
        (0.1, 0.467, "both genres"),
        (0.0, 0.467, "both genres"),
        (0.15, 0.467, "take their mean"),
        (0.05, 0.467, "take their mean"),
        (0.4, 0.467, "not +0.1"),
        (-0.1, 0.467, "constant alone"),
        (0.9, 0.467, "centre = constant"),
        ("0.2", 0.467, "one number"),
        (0.2, 1 / 3, "prior around 0"),
        (0.2, 1.8 / 5, "two ratings"),
        (0.2, 0.3, "number times their average"),
        (0.2, 0.2 + 1 / 3, "1 − 0.2"),
        (0.2, 0.6, "halfway"),
        (0.2, 1.0, "what the ratings say"),
        (0.2, 1.2, "do not add them up"),
        (0.2, 4.4 / 6, "swapped"),
        (0.2, 0.2, "that is the centre"),
        (0.2, 0.9, "centre = constant"),
        (0.2, float("nan"), "one number"),
    ],
)
def test_centre_hints(centre, bias, hint, said):
    assert hint in said(ch13.check_1, centre, bias)


# ---------------------------------------------------------------- 13.2: centres for all


def centres(rows, features, rated, penalty, ones=True, learn=None, pay=None, b_only=False):
    X = np.column_stack([np.ones(len(features)), features]) if ones else features
    learn = rated if learn is None else learn(rated)
    prior = (penalty if pay is None else pay(penalty, rated.sum())) * np.eye(X.shape[1])
    B = np.linalg.solve(X[learn].T @ X[learn] + prior, X[learn].T @ rows[learn])
    return B if b_only else X @ B


def by_data_frames(rows, features, rated, penalty):
    table = pd.DataFrame(features).assign(one=1.0)
    seen = table[rated]
    B = np.linalg.inv(seen.T @ seen + penalty * np.eye(len(table.columns))) @ seen.T.to_numpy() @ rows[rated]
    return table.to_numpy() @ B


@pytest.mark.parametrize("function", [centres, by_data_frames])
def test_centres(function):
    assert ch13.check_2(function)


def wrong(**mistake):
    return lambda *args: centres(*args, **mistake)


def free_constant(rows, features, rated, penalty):
    X = np.column_stack([np.ones(len(features)), features])
    prior = penalty * np.diag([0.0, 1, 1, 1])
    return X @ np.linalg.solve(X[rated].T @ X[rated] + prior, X[rated].T @ rows[rated])


def spoils(rows, features, rated, penalty):
    answer = centres(rows, features, rated, penalty)
    rows[~rated] = 0
    return answer


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (wrong(learn=np.ones_like), "rated films alone"),
        (wrong(learn=np.logical_not), "*without* ratings"),
        (wrong(ones=False), "column of ones"),
        (wrong(ones=False, learn=np.ones_like), "only rated films"),
        (wrong(pay=lambda p, n: 1e-12), "penalty is missing"),
        (free_constant, "constant pays"),
        (wrong(pay=lambda p, n: n * p), "not multiplied"),
        (wrong(pay=lambda p, n: p / n), "not a mean"),
        (lambda r, f, rated, p: centres(r, f, rated, p) * rated[:, None], "come out as 0"),
        (lambda r, f, rated, p: r.copy(), "those are the rows"),
        (lambda r, f, rated, p: 0 * r, "not right yet"),
        (wrong(b_only=True), "shape of B"),
        (lambda r, f, rated, p: centres(r, f, rated, p)[rated], "to *all* of them"),
        (lambda r, f, rated, p: np.ones(3), "(30, 4)"),
        (spoils, "changes one of its arguments"),
        (3, "the function itself"),
    ],
)
def test_centres_hints(function, hint, said):
    assert hint in said(ch13.check_2, function)


# ---------------------------------------------------------------- 13.3: a feature of your own


@pytest.fixture(scope="module", autouse=True)
def each_fit_once():
    """It takes seconds, and the same features always get the same error."""
    fit, known = ch13._error, {}

    def error(features):
        key = None if features is None else features.to_numpy("float64").tobytes()
        return known[key] if key in known else known.setdefault(key, fit(features))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ch13, "_error", error)
        yield


def titles(train):
    text = train.films["label"].str
    return np.column_stack([text.len() / 20 - 1, text.contains(", The"), text.contains(r"\(.*\(")]).astype("float32")


def test_a_feature_that_helps():
    assert ch13.check_3(titles, ch13._error(pd.DataFrame(titles(ch13.random_split(ch13.load_movielens()).train))))


def ones(train):
    return np.ones((train.n_items, 2))


def noise(train):
    return np.random.default_rng(3).normal(size=(train.n_items, 1))


def missing(train):
    return train.films[["year"]].astype("Float64") / 2000


def changing(train, rng=np.random.default_rng(0)):  # noqa: B008  one generator for all calls is the mistake
    return rng.normal(size=(train.n_items, 1))


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda train: titles(train)[:100], "film codes"),
        (missing, "not finite"),
        (ones, "the same for all films"),
        (lambda train: 1000 * titles(train), "above 100"),
        (lambda train: film_features(train)[["Drama"]], "a genre, a year or the popularity"),
        (changing, "called again"),
        ("titles", "the function itself"),
    ],
)
def test_feature_hints(function, hint, said):
    assert hint in said(ch13.check_3, function, 0.85)


def test_score_hints(said):
    right = ch13._error(pd.DataFrame(noise(ch13.random_split(ch13.load_movielens()).train)))
    assert "Look for a better one" in said(ch13.check_3, noise, right)
    assert "squared" in said(ch13.check_3, noise, right**2)
    assert "Take the settings" in said(ch13.check_3, noise, 0.8)
    assert "one number" in said(ch13.check_3, noise, "0.85")
