"""The course's own models, fitted once in a process of their own, as `benchmarks.peers` does it for the others.

python -m benchmarks.ours job.json
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.peers import SCALE, main
from collabkit import Ratings

if TYPE_CHECKING:
    from collabkit.sittings import Sitting


def ratings_of(fold) -> tuple[Ratings, Ratings]:
    """Training ratings, and the rows to predict, whose stars are not known here: they read 0.5."""
    known = pd.DataFrame({"user": fold.user, "item": fold.item, "rating": fold.rating, "timestamp": fold.time})
    asked = pd.DataFrame({"user": fold.valid_user, "item": fold.valid_item, "timestamp": fold.valid_time})
    asked["rating"] = SCALE[0]
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


def bayes(
    fold, features: list[str] | None = None, columns: int | None = None, sitting: Sitting | None = None, **settings
):
    """Features are names of functions in collabkit, whose columns are laid side by side.

    Args:
        columns: everything known instead, with so many columns of each audience.
        sitting: with ``windows``, how they are asked: ``"before"`` or ``"around"`` the time of the rating.
    """
    import collabkit

    model, tables = collabkit.BayesianMF(**settings), [getattr(collabkit, name) for name in features or ()]
    train, _ = ratings_of(fold)
    yield
    if columns is None:
        model.fit(train, pd.concat([table(train) for table in tables], axis=1) if tables else None)
    else:
        model.fit(train, *collabkit.everything_known(train, n_features=columns))
    yield
    if sitting is None:
        yield model.predict(fold.valid_user, fold.valid_item)
    else:
        yield model.predict_at(fold.valid_user, fold.valid_item, fold.valid_time, sitting)[0]


if __name__ == "__main__":
    main({"means": means, "dot product": dot_product_bias, "als": als, "bayes": bayes})
