"""Advice: which models are worth a fit on a table of your own, by what was measured on tables of known shapes."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

from collabkit.data.suspicious import code_among, looks_like_counts, suspicion
from collabkit.ratings import Ratings, rated
from collabkit.recipe import RECIPE
from collabkit.results import load
from collabkit.splits import random_split

OF_STARS = {"DotProductBias": "RECIPE", "ALS": "ALS", "BayesianMF": "BayesianMF"}  # and as they were measured
PENALTY, SPREAD = 14, 1.06  # of ALS, and the standard deviation of the ratings that it was chosen on, in stars


class Measured(NamedTuple):
    """How far a model was ahead of its baseline, on samples of one shape.

    Attributes:
        ratings, per_row: the shape.
        gain: the share by which its error was smaller, or its NDCG larger: the mean over the samples.
        error: the standard error of that mean.
    """

    ratings: int
    per_row: float
    gain: float
    error: float

    @property
    def ahead(self) -> bool:
        """By more than three standard errors."""
        return self.gain > 3 * self.error

    def __str__(self) -> str:
        return f"{self.gain:+.1%} ± {self.error:.1%} on {self.ratings:,} ratings, {self.per_row:.1f} a row"


def which_models(ratings: Ratings) -> pd.DataFrame:
    r"""Which models are worth a fit on this table, and what each has to beat.

    A table is judged by how many ratings it has, n, and by how many they are per row of the two tables that a model
    learns, of the users and items that have any:

    .. math:: \frac{n}{U + I}

    Both were varied on samples of MovieLens (``benchmarks/small_tables.py``). What is ahead on a table that is smaller
    and colder is taken to be ahead on this one, and what is not on one that is larger and warmer, not on this one.

    Args:
        ratings: all of them, before any split.

    Returns: a row a model.

    * ``verdict``: *worth it*, when it was ahead of its baseline by more than three standard errors on samples with no
      more ratings, in all and per row. *Not worth it*, when it was not, on samples with no fewer. *Measure it*, when
      nothing measured decides, or what was disagrees. *Wrong*, for a model of stars where these look like counts, or
      all are equal.
    * ``build``: the model for this scale, to be trained by the recipe or fitted. The penalty of ``ALS`` goes with the
      spread of the ratings, and ``y_range`` ends a ninth above the scale, as chapter 6 has it for stars. Where there
      are two values, as for clicks, ``ImplicitALS`` takes the higher one for a choice.
    * ``beat``: the baseline to hold it against.
    * ``why``: the nearest samples that decide, and by how much the model was ahead there: its error was so much
      smaller, or its NDCG at 10 so much larger.

    ``.attrs`` has the numbers of this table: ``ratings``, ``per_row``, and ``cold``, the share of a random fifth whose
    user or item has no rating in the rest, for which no model knows more than a mean.

    Films are not your items. Whatever it says, hold the model against its baseline on splits of your own.

    Raises: a ``UserWarning`` for ratings that were given no scale, or look as if one value stood for "not rated".
    """
    rated(ratings)
    counts = ratings.scale is None and looks_like_counts(ratings.rating)
    if code_among(ratings.rating) is not None:
        warnings.warn(f"the column of ratings {suspicion(ratings.rating)}.", stacklevel=2)
    elif ratings.scale is None and not counts:
        cure = "say scale=(lowest, highest) to Ratings.from_frame, and what lies outside is refused"
        warnings.warn(f"these ratings were given no scale, so that any number passes as one: {cure}.", stacklevel=2)
    n, values = len(ratings), np.sort(pd.unique(ratings.rating))
    per_row = n / sum(len(np.unique(codes)) for codes in (ratings.user, ratings.item))
    lo, hi = ratings.scale or (values[0], values[-1])
    build = {
        "MeanBaseline": "MeanBaseline(damping=4)",
        "DotProductBias": f"DotProductBias({ratings.n_users}, {ratings.n_items}, {RECIPE.n_factors}, "
        f"y_range=({lo:g}, {hi + (hi - lo) / 9:g}))",
        "ALS": f"ALS(penalty={PENALTY * ratings.rating.std(dtype='float64') / SPREAD:.2g})",
    }
    rows = {"MeanBaseline": ("baseline", "MeanBaseline(())", "means: the least that a model of stars has to beat")}
    for name, measured in OF_STARS.items():
        rows[name] = _row(build["MeanBaseline"], _measured("tables", "damped means", measured, sign=-1), n, per_row)
    if counts or len(values) == 1 < n:
        said = suspicion(ratings.rating) if counts else f"has one value, {values[0]:g}, and tells none from another"
        build = dict.fromkeys(rows, "")
        rows = dict.fromkeys(rows, ("wrong", "", f"no stars: this column {said}"))
    if len(values) == 2:
        build["ImplicitALS"] = f"ImplicitALS(at_least={values[1]:g})"
    rows["ImplicitALS"] = _row("PopularityBaseline()", _measured("lists", "popularity", "ImplicitALS"), n, per_row)
    advice = pd.DataFrame(rows, index=["verdict", "beat", "why"]).T.rename_axis("model")
    advice.insert(1, "build", [build.get(name, f"{name}()") for name in advice.index])
    cold = float(random_split(ratings).cold().mean()) if n > 2 else 1.0
    advice.attrs = {"ratings": n, "per_row": per_row, "cold": cold}
    return advice


def _measured(part: str, baseline: str, model: str, sign: int = 1) -> list[Measured]:
    """All shapes on which a model was measured beside its baseline; a sign of -1 where less is better."""
    stored, found = load("small_tables"), []
    for table, sizes in stored[part].items():
        for n, runs in sizes.items():
            gain = sign * np.subtract(runs[model], runs[baseline]) / np.mean(runs[baseline])
            error = gain.std(ddof=1) / len(gain) ** 0.5
            found.append(Measured(int(n), stored["shapes"][table][n]["per row"], float(gain.mean()), float(error)))
    return found


def _row(baseline: str, measured: list[Measured], n: int, per_row: float) -> tuple[str, str, str]:
    """The verdict, the baseline, and the shape among those that decide which is nearest to this one."""
    yes = [one for one in measured if one.ahead and one.ratings <= n and one.per_row <= per_row]
    no = [one for one in measured if not one.ahead and one.ratings >= n and one.per_row >= per_row]
    if yes and no:
        verdict, said = "measure it", "measured, and not all alike"
    elif yes or no:
        verdict, said = ("worth it" if yes else "not worth it"), "measured"
    else:
        verdict, said = "measure it", "nothing measured decides; nearest"
    logs = [(abs(np.log([one.ratings / n, one.per_row / per_row])).sum(), one) for one in yes + no or measured]
    return verdict, baseline, f"{said}: {min(logs)[1]}"
