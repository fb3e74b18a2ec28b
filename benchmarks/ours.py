"""The course's own models, fitted once in a process of their own, as `benchmarks.peers` does it for the others.

python -m benchmarks.ours job.json
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from benchmarks.peers import SCALE, main
from collabkit import Ratings


def ratings_of(fold) -> tuple[Ratings, Ratings]:
    """Training ratings, and the rows to predict, whose stars are not known here: they read 0.5."""
    known = pd.DataFrame({"user": fold.user, "item": fold.item, "rating": fold.rating})
    asked = pd.DataFrame({"user": fold.valid_user, "item": fold.valid_item, "rating": SCALE[0]})
    years = pd.Series(fold.film_year).astype("Int16")
    films = pd.DataFrame({"item": fold.film_item, "year": years, "genres": fold.film_genres})
    both = Ratings.from_frame(pd.concat([known, asked], ignore_index=True), items=films, scale=SCALE)
    rows = np.arange(len(both))
    return both.take(rows < len(known)), both.take(rows >= len(known))


def means(fold):
    from collabkit import MeanBaseline

    train, _ = ratings_of(fold)
    yield
    model = MeanBaseline().fit(train)
    yield
    yield model.predict(fold.valid_user, fold.valid_item)


def dot_product_bias(fold, **recipe):
    """The course recipe; seeded, with the device that fastai picks."""
    from collabkit import DotProductBias, Recommender, Split
    from collabkit.recipe import Recipe
    from collabkit.training.fit import fit_recipe

    train, asked = ratings_of(fold)
    yield
    learn = fit_recipe(Split(train, asked), partial(DotProductBias, y_range=(0, 5.5)), Recipe(**recipe))
    yield
    yield Recommender(learn.model, train).predict(fold.valid_user, fold.valid_item)


def als(fold, **settings):
    from collabkit import ALS

    train, _ = ratings_of(fold)
    yield
    model = ALS(**settings).fit(train)
    yield
    yield model.predict(fold.valid_user, fold.valid_item)


def bayes(fold, features: list[str], day: float | None = None, **settings):
    """Features are names of functions in collabkit, whose columns are laid side by side.

    Args:
        day: also what is left of a user's training ratings on the day asked for, averaged as if with so many zeros.
    """
    import collabkit

    model, tables = collabkit.BayesianMF(**settings), [getattr(collabkit, name) for name in features]
    train, _ = ratings_of(fold)
    yield
    model.fit(train, pd.concat([table(train) for table in tables], axis=1) if tables else None)
    mood = None if day is None else mood_of(model, fold, day)
    yield
    stars = model.predict(fold.valid_user, fold.valid_item)
    yield stars if mood is None else stars + mood


def mood_of(model, fold, zeros: float) -> np.ndarray:
    """Stars ``(n,)`` that users give more than usual on the days asked for, as chapter 13 has it."""
    left = fold.rating - model.predict(fold.user, fold.item)
    known = pd.DataFrame({"user": fold.user, "day": fold.time // 86_400, "left": left})
    sums = known.groupby(["user", "day"])["left"].agg(["sum", "size"])
    asked = pd.MultiIndex.from_arrays([fold.valid_user, fold.valid_time // 86_400])
    total, count = sums.reindex(asked).fillna(0).to_numpy().T  # (n,), (n,)
    return total / (count + zeros)


if __name__ == "__main__":
    main({"means": means, "dot product": dot_product_bias, "als": als, "bayes": bayes})
