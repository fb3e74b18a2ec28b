"""Checks for chapter 10, *Recommending*."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from collabkit.exercises import Answer, check, hint_for

Lists = namedtuple("Lists", "recommender user")


@check("10.1", praise="Precision asks how much of the list is good, recall how much of what is good is in the list.")
def check_1(precision: Answer) -> str | None:
    """A function (ranked, relevant, k) -> share of the first k places that are relevant."""
    if not callable(precision):
        return "pass the function itself: check_1(my_precision), without calling it."
    ranked, relevant = [7, 3, 9, 1, 5, 8], {3, 1, 8}
    cases = [
        (2, ranked, relevant, 0.5, "of the first 2 places of [7, 3, 9, 1, 5, 8] one holds an item of {1, 3, 8}"),
        (4, ranked, relevant, 0.5, "of the first 4 places of [7, 3, 9, 1, 5, 8] two hold an item of {1, 3, 8}"),
        (5, ranked, relevant, 0.4, "of the first 5 places of [7, 3, 9, 1, 5, 8] two hold an item of {1, 3, 8}"),
        (4, [3, 1], relevant, 0.5, "a list of two items leaves two of four places empty: still divide by k"),
        (3, ranked, {2, 4}, 0.0, "nothing of the list is relevant"),
    ]
    for k, items, wanted, right, why in cases:
        answer = float(precision(items, wanted, k))
        if np.isclose(answer, right):
            continue
        found = sum(item in wanted for item in items[:k])
        mistakes = [
            (found / len(wanted), "that divides by the number of relevant items, which is recall. Divide by k."),
            (sum(item in wanted for item in items) / len(items), "look at the first k places only."),
            (sum(item in wanted for item in items) / k, "count hits among the first k places only."),
            (found, "that is the number of hits. Divide it by k."),
        ]
        hint = hint_for(answer, mistakes, otherwise=f"it gives {answer:.3g}.")
        return f"{hint} ({why}, so the answer is {right:g}.)"
    return None


@check("10.2", praise="A new user is one small ridge regression away, and nothing else has to move.")
def check_2(fold_in: Answer) -> str | None:
    """A function (Q, b, rated, stars, mean, penalty) -> [bias, factors] of a new user ``(1 + K,)``."""
    if not callable(fold_in):
        return "pass the function itself: check_2(my_fold_in), without calling it."
    rng = np.random.default_rng(10)
    Q, b = rng.normal(size=(12, 3)), rng.normal(3.5, 0.5, size=12)  # (I, K), (I,)
    mean, penalty = rng.normal(size=4), 2.0
    rated = np.array([1, 4, 6, 9, 11])
    stars = np.array([5.0, 3.5, 1.0, 4.0, 2.5])
    given = [one.copy() for one in (Q, b, rated, stars, mean)]
    answer = np.asarray(fold_in(Q, b, rated, stars, mean, penalty), dtype="float64")
    if not all(np.array_equal(one, copy) for one, copy in zip((Q, b, rated, stars, mean), given, strict=True)):
        return "it changes one of its arguments. Work on a copy."
    if answer.shape != (4,):
        return f"with K = 3 factors it returns shape {answer.shape}: return one bias and three factors, shape (4,)."
    X = np.column_stack([np.ones(len(rated)), Q[rated]])  # (n, 1 + K)

    def ridge(target: np.ndarray, penalty: float = penalty) -> np.ndarray:
        return np.linalg.solve(X.T @ X + penalty * np.eye(4), X.T @ target)

    misses = stars - b[rated] - X @ mean
    if not np.allclose(answer, mean + ridge(misses)):
        zero = np.zeros(4)
        mistakes = [
            (mean + ridge(misses, 0), "the penalty is missing: without it, few ratings are fitted too closely."),
            (ridge(misses), "that is how far the user lies from the average one. Add mean to it."),
            (ridge(stars - b[rated]), "that shrinks the user towards zero. Shrink towards mean: fit what it misses."),
            (mean + ridge(stars - b[rated]), "the misses are of the average user's prediction: subtract X @ mean too."),
            (mean + ridge(stars - X @ mean), "the biases of the films are missing: subtract b[rated]."),
            (ridge(stars), "subtract from the stars what the average user is predicted to give."),
            (zero, "that is all zeros."),
        ]
        fallback = (
            "the answer is mean + (XᵀX + λI)⁻¹ Xᵀ(stars − b[rated] − X mean), where X has a column of ones "
            "(for the bias) before the factors of the rated films."
        )
        return hint_for(answer, mistakes, otherwise=fallback)
    nobody = np.asarray(fold_in(Q, b, rated[:0], stars[:0], mean, penalty), dtype="float64")
    if not np.allclose(nobody, mean):
        return "somebody without ratings should be the average user, mean."
    return None


@check("10.3", praise="Whether such a list is better is a question for recall@10, not for the check.")
def check_3(recommend: Answer) -> str | None:
    """A function (recommender, user, k, at_least) -> item ids, best first."""
    if not callable(recommend):
        return "pass the function itself: check_3(my_recommend), without calling it."
    recommender, user = _recommender()
    train = recommender.ratings
    counts = dict(zip(train.items.ids, np.bincount(train.item, minlength=train.n_items), strict=True))
    seen = set(train.frame.query("user == @user")["item"])
    everything = recommender.recommend(user, k=len(counts), exclude_seen=False)["item"].tolist()
    for k, at_least in ((3, 4), (5, 3), (4, 1)):
        answer = recommend(recommender, user, k, at_least)
        if hasattr(answer, "columns"):
            return "that is a table. Return the ids alone, for example table['item'].tolist()."
        answer = list(answer)
        unseen = [item for item in everything if item not in seen]
        right = [item for item in unseen if counts[item] >= at_least][:k]
        if answer == right:
            continue
        if any(item in seen for item in answer):
            return "it recommends films that the user has rated. exclude_seen leaves them out."
        if any(item not in counts for item in answer):
            return "some of these are not ids of items. Labels and codes are not ids."
        few = [item for item in answer if counts[item] < at_least]
        if few:
            return f"a film with {counts[few[0]]} training ratings is in the list, with at_least = {at_least}."
        if answer == [item for item in unseen if counts[item] > at_least][:k]:
            return f"films with exactly at_least = {at_least} ratings belong in the list: >= and not >."
        if len(answer) < len(right):
            return (
                f"it returns {len(answer)} items where {len(right)} were asked for and remain. "
                "Choose the candidates first, and take the best k of them afterwards."
            )
        return "the items are right or nearly so, and the order is not: most predicted stars first, k of them."
    return None


def _recommender() -> Lists:
    """A recommender on made-up ratings in which the films that score best have few ratings, and its user."""
    import pandas as pd
    import torch

    from collabkit.models import DotProductBias
    from collabkit.ratings import Ratings
    from collabkit.recommend.recommender import Recommender

    n_items = 14
    rows = [(u, i) for i in range(n_items) for u in range(1 + i % 7)] + [(8, i) for i in range(2, n_items, 5)]
    stars = [1 + (3 * u + i) % 5 for u, i in rows]
    df = pd.DataFrame({"user": [u + 1 for u, _ in rows], "item": [10 * (i + 1) for _, i in rows], "rating": stars})
    ratings = Ratings.from_frame(df.drop_duplicates(["user", "item"]), scale=(1, 5))
    model = DotProductBias(ratings.n_users, ratings.n_items, n_factors=2)
    tables = {name: torch.zeros_like(one) for name, one in model.state_dict().items()}
    counts = torch.from_numpy(np.bincount(ratings.item, minlength=n_items))
    tables["item_bias.weight"] = (4.5 - 0.2 * counts + 0.01 * torch.arange(n_items)).reshape(-1, 1).float()
    model.load_state_dict(tables)
    return Lists(Recommender(model, ratings), 9)
