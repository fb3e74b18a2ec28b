"""Checks for chapter 11, *Measuring honestly*."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from collabkit.exercises import Answer, check, hint_for, one_number
from collabkit.movielens import load_movielens
from collabkit.ratings import Ratings


@check("11.1", praise="The user with one rating now weighs as much as the user with two.")
def check_1(error: Answer) -> str | None:
    """User 1 misses by 0.5 and 3.5 stars, user 2 by 1 star: the mean of the two users' RMSE."""
    answer = one_number(error)
    if answer is None:
        return "give one number."
    mistakes = [
        (np.sqrt(13.5 / 3), "that is the RMSE over all three rows. Take one RMSE for each user, then their mean."),
        (np.sqrt(7.25 / 2), "that is the root of the users' mean MSE. Take the root of each first."),
        (7.25 / 2, "that is the mean of the users' MSE. Take the root of each user's MSE first."),
        (13.5 / 3, "that is the MSE over all rows."),
        (1.5, "that averages each user's mean absolute error. Square, average, and take the root instead."),
        (5 / 3, "that is the MAE over all rows."),
        (2.5, "that is the RMSE of the first user. Average it with the second one's."),
        (3.5, "that is the sum of the two. Divide by the number of users."),
    ]
    if np.isclose(answer, 1.75, atol=5e-3):
        return None
    fallback = "the misses are 0.5 and 3.5 stars, and 1 star. What is the RMSE of the first two? And of the last one?"
    return hint_for(answer, mistakes, 5e-3, fallback)


@check("11.2", praise="That is temporal_split, with one cut.")
def check_2(function: Answer) -> str | None:
    """A function (timestamp, share) -> boolean mask of the latest ratings."""
    if not callable(function):
        return "pass the function itself: check_2(my_temporal_split), without calling it."
    for timestamp, share in _cases():
        given = timestamp.copy()
        mask = function(timestamp, share)
        if not np.array_equal(timestamp, given):
            return "it changes its argument. np.sort(timestamp) makes a new array; timestamp.sort() does not."
        if hint := _mask_hint(mask, given, share):
            return hint
    return None


def _cases() -> Iterator[tuple[np.ndarray, float]]:
    """Timestamps and shares to try a temporal split on; the real ones last, since they have to be loaded."""
    rng = np.random.default_rng(11)
    yield rng.permutation(100) * 1000, 0.2  # no ties, in no order
    yield rng.permutation(100) ** 3, 0.3  # times far from evenly spread
    yield rng.permutation(np.repeat(np.arange(12), 9)), 0.3  # nine ratings a second
    real = load_movielens().timestamp
    assert real is not None  # MovieLens has them
    yield real, 0.1


def _mask_hint(mask: Answer, timestamp: np.ndarray, share: float) -> str | None:
    """What is wrong with the mask of held-out ratings, if anything."""
    mask, n = np.asarray(mask), len(timestamp)
    if mask.shape != (n,):
        return f"for {n:,} timestamps it returns shape {mask.shape}: return a mask with one entry for each rating."
    if mask.dtype != bool:
        return f"the mask holds {mask.dtype}, not booleans. A comparison such as timestamp >= cut gives booleans."
    if mask.all() or not mask.any():
        return f"it holds out {mask.sum():,} of {n:,} ratings with a share of {share}."
    latest, earliest = timestamp[~mask].max(), timestamp[mask].min()
    if timestamp[mask].max() < timestamp[~mask].min():
        return "the mask is true for the earliest ratings. It should be true for the latest, which are held out."
    if latest > earliest:
        return (
            "some held-out ratings are older than some that are kept. The rows are in no order: "
            "find the time of the cut, and compare every timestamp with it."
        )
    if latest == earliest:
        return "ratings of one second are on both sides. Cut at a time, not at a row: timestamp >= cut."
    _, counts = np.unique(timestamp, return_counts=True)
    possible = counts[::-1].cumsum()  # ratings held out, for every place where no tie is cut
    before = possible[np.searchsorted(possible, mask.sum()) - 1] if mask.sum() > possible[0] else 0
    if mask.sum() < share * n - 1:
        return (
            f"with a share of {share} it holds out {mask.mean():.1%} of {n:,} ratings: too few. Where a tie lies "
            "across the cut, all of it is held out (>= and not >). And the share is of the ratings, not of the time "
            "between first and last."
        )
    if before >= share * n + 1:
        return (
            f"with a share of {share} it holds out {mask.mean():.1%} of {n:,} ratings: too many. "
            "The share is of the ratings, not of the time between first and last: sort, and count from the end."
        )
    return None


@check(
    "11.3",
    praise="The film means were taken over all ratings, so each held-out rating had a say in its own prediction. "
    "A film with one rating gave it away entirely.",
)
def check_3(leak: Answer, gain: Answer) -> str | None:
    """The letter of the protocol that leaks, and a function protocol -> stars gained on shuffled ratings."""
    if not callable(gain):
        return "pass the function itself: check_3(my_leak, my_gain_from_nothing), without calling it."
    if hint := _gain_hint(gain):
        return hint
    letter = str(leak).strip().lower().removeprefix("protocol_")
    wrong = {
        "a": "protocol a leaves rare films out of training, and still answers and counts every held-out rating.",
        "c": "protocol c chooses on validation ratings and reports on others, as it should.",
    }
    if letter in wrong:
        return wrong[letter] + " What does your function say of the three?"
    return None if letter == "b" else 'name the leak by its letter: "a", "b" or "c".'


def _gain_hint(gain: Answer) -> str | None:
    """What is wrong with the function that shuffles the stars, if anything."""
    original = load_movielens()
    spread = float(original.rating.std())
    seen = []

    def spy(ratings: Ratings) -> float:
        seen.append(ratings)
        return spread - 0.1 if len(seen) % 2 else spread - 0.3  # never the same twice running

    answer = gain(spy)
    if not seen:
        return "your function never calls the protocol it is given."
    for ratings in seen:
        if hint := _shuffle_hint(ratings, original):
            return hint
    value = np.asarray(answer)
    if value.size != 1 or value.dtype.kind not in "iuf":
        return "return one number, in stars."
    returned = [spread - (0.1 if n % 2 else 0.3) for n in range(1, len(seen) + 1)]
    expected, answer = spread - np.mean(returned), float(value.item())
    if np.isclose(answer, expected, atol=2e-3):
        if len(seen) < 3:
            return f"right, on {len(seen)} shuffle. Average over three, so that one lucky draw does not decide."
        if all(np.array_equal(seen[0].rating, other.rating) for other in seen[1:]):
            return "all shuffles are the same one. Give each a seed of its own."
        return None
    mistakes = [
        (-expected, "the sign is the wrong way round: standard deviation minus the protocol's RMSE."),
        (np.mean(returned), "that is the protocol's RMSE. How far is it below the standard deviation of the stars?"),
        (expected * len(seen), "that looks like the sum over the shuffles. Take the mean."),
    ]
    fallback = (
        f"the protocol's mean RMSE was {np.mean(returned):.3f}, and the standard deviation of the stars is "
        f"{spread:.3f}: the gain is {expected:.3f}, and yours {answer:.3f}."
    )
    return hint_for(answer, mistakes, 2e-3, fallback)


def _shuffle_hint(ratings: Answer, original: Ratings) -> str | None:
    """What is wrong with one shuffled table, if anything."""
    if not hasattr(ratings, "rating") or not hasattr(ratings, "users"):
        return "give the protocol Ratings, not a DataFrame: Ratings.from_frame(table)."
    if len(ratings) != len(original) or ratings.n_items != original.n_items:
        return "keep all ratings: shuffle the stars among the rows, and leave users and films where they are."
    if not np.array_equal(np.sort(ratings.rating), np.sort(original.rating)):
        return "the stars changed. Deal out the same ones in another order: rng.permutation(stars)."
    ours, theirs = (np.lexsort((r.item, r.user)) for r in (ratings, original))  # match rows by user and film
    if not np.array_equal(ratings.item[ours], original.item[theirs]):
        return "users and films no longer belong together. Shuffle the column of stars alone."
    if np.corrcoef(ratings.rating[ours], original.rating[theirs])[0, 1] > 0.1:
        return "the stars are still where they were, so there is something to learn. Shuffle the column of stars."
    return None
