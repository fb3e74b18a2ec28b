"""Rate page: one piece of HTML in which readers rate films of their own and get recommendations at once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from collabkit.checks import whole
from collabkit.data.vocabulary import Vocabulary, is_text
from collabkit.interpret import most_rated
from collabkit.models import DotProductBias, filled
from collabkit.ratings import Ratings
from collabkit.recommend.fold_in import FoldIn
from collabkit.recommend.recommender import Recommender
from collabkit.saving.atomic import write_together
from collabkit.tables import Tables, tables_of

FACTORS = 16  # at most
BYTES = 1_000_000  # at most
TERMS = (
    "If these are MovieLens ratings, this page, like all that is made from them, is for non-commercial use with "
    "acknowledgement: F. Maxwell Harper and Joseph A. Konstan, The MovieLens Datasets: History and Context, 2015, "
    "doi:10.1145/2827872. For other ratings, the terms of their own source hold."
)
DOCUMENT = """<!doctype html>
<html lang="en" class="film-rater-page">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Rate your own films</title>
<style>
body { max-width: 60rem; margin: 0 auto; padding: 1rem .5rem; background: #f3f6f8; color: #1b1b1b; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: .5rem; font-size: 1.7rem; line-height: 1.2; }
body > p { margin: .5rem .5rem 1rem; }
footer { margin: 1rem .5rem; font-size: .85rem; }
@media (prefers-color-scheme: dark) { body { background: #0f1114; color: #e8eaed; } }
</style>
</head>
<body>
<h1>Rate your own films</h1>
<p>A model learnt from the ratings of many people. It takes in yours here, in your browser: nothing is sent anywhere.</p>
<main>
{{page}}</main>
<footer>{{terms}}</footer>
</body>
</html>
"""  # noqa: E501


class RatePage:
    """A page to rate films in: the recommendations, and the films like one of yours, change with each rating.

    It is one piece of HTML with a script of its own: no other host, no server, nothing stored. It carries the factors
    of its films in half precision and folds you in as :meth:`collabkit.Recommender.fold_in` does. It works with a
    mouse, a thumb, the keyboard and a screen reader, in light and dark pages.

    Args:
        recommender: of a model whose score is a dot product of at most 16 factors. It is not changed.
        n_films: how many films to offer: those with the most ratings. One without training ratings never is.

    Attributes:
        recommender: the same on the rounded table, which is what the page computes with:
            ``page.recommender.fold_in(stars).recommend(10, candidates=page.items)`` gives the page's list.
        items: the ids of the films offered, ascending ``(n,)``.
        user: the id that you get in exported ratings, one that no user of the data has.

    The button *Export CSV* saves ``user,item,rating,title``. ``Ratings.from_frame(pd.read_csv(file))`` reads it; where
    ids are text that looks like numbers or like nothing (``"007"``, ``"NA"``), give ``read_csv`` the arguments
    ``dtype={"item": str}, keep_default_na=False``.

    Raises: ``TypeError`` for a model whose score is no dot product; ``ValueError`` for one of more factors, for ratings
        that are no stars, and for so many films that the page would take more than 1 MB.
    """

    def __init__(self, recommender: Recommender, n_films: int = 1500):
        if not isinstance(recommender, Recommender):
            kind = type(recommender).__name__
            raise TypeError(
                f"recommender is a {kind}: pass Recommender(model, ratings), which knows the films as well."
            )
        n_films = whole("n_films", n_films, at_least=1)
        self.recommender = in_half_precision(recommender)
        ratings = recommender.ratings
        fold_in = FoldIn.of(self.recommender.model, ratings)
        if (n_factors := len(fold_in.mean) - 1) > FACTORS:
            raise ValueError(
                f"this model has {n_factors} factors, and the page takes at most {FACTORS}, to stay small. Train one "
                f"with n_factors={FACTORS}."
            )
        if not n_factors:
            raise ValueError(
                "this model has no factors: no film would be like another, and all readers would get one list. Train "
                f"one with n_factors from 1 to {FACTORS}."
            )
        counts = np.bincount(ratings.item, minlength=ratings.n_items)
        codes = np.sort(most_rated(ratings, min(n_films, int(np.count_nonzero(counts)))))
        self.items = ratings.items.ids[codes]
        self.user = someone_new(ratings.users)
        self.data = json.dumps(
            {
                "ids": [str(id) for id in self.items],  # text, since a script rounds whole numbers beyond 2⁵³
                "labels": distinct(ratings.labels[codes], self.items),
                "counts": counts[codes].tolist(),
                "table": base64.b64encode(fold_in.fixed[codes].astype("<f2").tobytes()).decode(),  # (n, 1 + K)
                "mean": fold_in.mean.tolist(),
                "precision": fold_in.precision.tolist(),
                "range": fold_in.y_range,
                "user": str(self.user),
                **star_scale(ratings),
            }
        )
        size = len(self._repr_html_().encode())
        if size > BYTES:
            raise ValueError(
                f"a page of {len(codes):,} films takes {size:,} bytes, more than 1 MB. Offer fewer, for example "
                f"n_films={int(0.9 * len(codes) * BYTES / size):,}."
            )

    def _repr_html_(self) -> str:
        return self._html(level=3)

    def save(self, path: str | os.PathLike[str], terms: str = TERMS) -> None:
        """Write the page as an HTML document of its own, which any browser opens without a server.

        Args:
            path: the file to write, by custom ``<name>.html``; an older one is replaced, whole or not at all.
            terms: under which terms it may be used, where :data:`TERMS` does not fit; shown at its foot, as text.

        Raises: ``FileNotFoundError`` for a folder that is not there.
        """
        path = Path(path)
        if not isinstance(terms, str):
            raise TypeError(f"terms is a {type(terms).__name__}: write them as text.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no folder {path.parent}: make it first.")
        document = DOCUMENT.replace("{{terms}}", escape(terms)).replace("{{page}}", self._html(level=2))
        write_together({path: document.encode()})

    def _html(self, level: int) -> str:
        """The page, with its headings on this level."""
        # "<" would end the script element it stands in, so it travels as an escape that JSON reads back
        data = self.data.replace("<", "\\u003c")
        name = "rate-" + hashlib.sha256(data.encode()).hexdigest()[:8]
        page, script = (files(__package__).joinpath(f).read_text("utf-8") for f in ("rate_page.html", "fold_in.js"))
        page = page.replace("{{level}}", str(level)).replace("{{name}}", name)
        return page.replace("{{fold_in}}", script).replace("{{data}}", data)


def in_half_precision(recommender: Recommender) -> Recommender:
    """The same recommender, with the table of its films rounded to numbers of 16 bits.

    First, what the biases of all films share goes over to the users, without a change in any prediction: rounding is
    finest around zero. Predictions then move by about a thousandth of a star.
    """
    tables = tables_of(recommender.model)
    if tables is None:
        raise TypeError(
            f"{type(recommender.model).__name__} cannot run in a page: it needs a score that is a dot product of "
            "user_factors and item_factors, plus biases, as in DotProduct, DotProductBias or ALS."
        )
    users, items = tables.users, tables.items
    shared = items[np.unique(recommender.ratings.item), 0].mean()
    users[:, 0] += shared
    items[:, 0] -= shared
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and Recommender refuses it
        items = items.astype("float16").astype("float32")
    model = filled(DotProductBias, Tables.of(users, items, tables.y_range))
    return Recommender(model, recommender.ratings)


def star_scale(ratings: Ratings) -> dict[str, float]:
    """Which stars can be given: ``lowest``, ``highest`` and the ``step`` between them, half a star or a whole one.

    Raises: ``ValueError`` for ratings that cannot be shown as one to ten stars.
    """
    lowest, highest = ratings.scale or (float(ratings.rating.min()), float(ratings.rating.max()))
    step = 0.5 if highest <= 5 and (ratings.rating % 1).any() else 1.0
    if not 0 < lowest <= highest <= 10 or highest < step:
        raise ValueError(
            f"these ratings go from {lowest:g} to {highest:g}, and the page has stars from half a one to ten. Give the "
            "model such ratings, and Ratings.from_frame their scale."
        )
    return {"lowest": lowest, "highest": highest, "step": step}


def someone_new(users: Vocabulary) -> int | str:
    """An id that no user has, of the kind that the others have, so that ratings can be added to the table."""
    if not is_text(users.ids):
        return int(users.ids.max()) + 1
    new = "me"
    while new in users:
        new += "_too"
    return new


def distinct(labels: np.ndarray, ids: np.ndarray) -> list[str]:
    """Labels of films, with its id behind each that several of them have."""
    names, how_often = np.unique(labels.astype(str), return_counts=True)
    shared = set(names[how_often > 1])
    return [f"{label} [{id}]" if label in shared else str(label) for label, id in zip(labels, ids, strict=True)]
