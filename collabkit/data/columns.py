"""Columns: those of a table of somebody's own, each read into numbers or refused with the rows that are at fault."""

from __future__ import annotations

import time
import warnings
from collections.abc import Hashable, Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import is_number
from collabkit.data.suspicious import suspicion
from collabkit.data.vocabulary import Vocabulary, as_ids

DAY = 86_400  # seconds
UNITS = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}  # in a second


def one_of_each(df: pd.DataFrame, wanted: Sequence[Hashable]) -> None:
    """Raise unless the table has each of these columns once."""
    names = list(df.columns)
    for column in wanted:
        if column not in names:
            raise KeyError(f"no column {column!r}: this table has {names}. Name yours, e.g. user='userId'.")
        if names.count(column) > 1:
            raise ValueError(f"{names.count(column)} columns are named {column!r}: rename or drop all but one.")


def refuse(df: pd.DataFrame, bad: ArrayLike, problem: str, cure: str) -> None:
    """Raise when any row is bad, and show the first three."""
    bad = np.asarray(bad)
    if bad.any():
        raise ValueError(f"{problem} ({bad.sum():,} of {len(df):,} rows). {cure} The first are:\n{df[bad].head(3)}")


def refuse_twice(df: pd.DataFrame, key: pd.Series, problem: str, cure: str) -> None:
    """Raise when two rows have one key, and show the first two that do."""
    twice = key.duplicated(keep=False).to_numpy()
    if twice.any():
        two = df[(key == key[twice.argmax()]).to_numpy()].head(2)
        raise ValueError(f"{problem} ({twice.sum():,} of {len(df):,} rows). {cure} The first two are:\n{two}")


def _numbers(df: pd.DataFrame, column: str) -> pd.Series:
    """A column as float64, with NaN for what is none: dates, true and false, complex numbers, lists, other text."""
    given = df[column].astype(object) if df[column].dtype == "category" else df[column]
    if given.dtype == object:
        given = given.where([isinstance(one, Decimal | str) or is_number(one) for one in given])
    elif not (pd.api.types.is_string_dtype(given.dtype) or given.dtype.kind in "iuf"):
        given = pd.Series(np.nan, index=given.index)
    return pd.to_numeric(given, errors="coerce").astype("float64")


def stars_of(df: pd.DataFrame, column: str, scale: tuple[float, float] | None) -> np.ndarray:
    """The ratings as float32, all of them finite and on the scale."""
    stars = _numbers(df, column)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        narrow = stars.to_numpy("float32")
    refuse(
        df,
        ~np.isfinite(narrow),
        f"column {column!r} ({df[column].dtype}) has values that are not finite numbers",
        "Drop or mend those rows; 32 bits hold 3e38 at most.",
    )
    if scale is None:
        return narrow
    outside = (stars < scale[0]) | (stars > scale[1])
    values = stars[outside].unique()[:2]
    code = (
        f"If {values[0]:g} stands for 'not rated', drop those rows: it is no rating. Else m"
        if len(values) == 1
        else "M"
    )
    refuse(
        df,
        outside,
        f"column {column!r} leaves the scale from {scale[0]:g} to {scale[1]:g}",
        f"{code}end those rows, or pass the scale that is meant.",
    )
    return narrow


def warn_if_suspicious(stars: np.ndarray, column: str) -> None:
    """Warn whoever called the caller of ratings without a scale that look like something else."""
    if said := suspicion(stars):
        cure = "If all are ratings, say so with scale=(lowest, highest)."
        warnings.warn(f"column {column!r} {said}. {cure}", stacklevel=3)


def seconds_of(df: pd.DataFrame, column: str | None, stacklevel: int = 3) -> np.ndarray | None:
    """The timestamp column as int64 seconds since 1970; date-times are converted."""
    if column is None:
        return None
    times = df[column].infer_objects()
    refuse(df, times.isna(), f"column {column!r} has missing times", "Drop those rows, or the column.")
    if pd.api.types.is_datetime64_any_dtype(times):
        times = (times if times.dt.tz is None else times.dt.tz_convert(None)).astype("datetime64[s]")
        if times.min().year < 1990:
            warnings.warn(
                f"column {column!r} begins in {times.min().year}: if these were seconds before they were date-times, "
                "make them with pd.to_datetime(…, unit='s').",
                stacklevel=stacklevel,
            )
        times = times.astype("int64")
    elif pd.api.types.infer_dtype(times) not in ("integer", "floating", "mixed-integer-float"):
        raise ValueError(
            f"column {column!r} ({times.dtype}) is neither numbers (seconds since 1970) nor date-times: convert it "
            "with pd.to_datetime."
        )
    tomorrow, latest = time.time() + DAY, float(times.max())
    unit = next((unit for unit, n in UNITS.items() if 4000 * DAY < latest / n <= tomorrow), None)
    refuse(
        df,
        ~(np.abs(times.to_numpy("float64")) <= tomorrow),
        f"column {column!r} has times after tomorrow, as seconds since 1970",
        f"They look like {unit}: divide them by {UNITS[unit]:,}." if unit else "Mend those rows, or drop the column.",
    )
    return times.to_numpy().astype("int64")


def film_table(vocabulary: Vocabulary, items: pd.DataFrame | None) -> pd.DataFrame:
    """Metadata lined up with the item codes; an item without any keeps its row and a label made of its id."""
    films = pd.DataFrame(index=pd.RangeIndex(len(vocabulary)))
    if items is not None:
        if not isinstance(items, pd.DataFrame):
            raise TypeError(f"the items table has to be a DataFrame, and this is a {type(items).__name__}.")
        if "item" not in items.columns:
            raise KeyError(f"the items table needs an 'item' column of ids: it has {list(items.columns)}.")
        one_of_each(items, list(items.columns))
        refuse(items, items["item"].isna(), "the items table has missing ids", "Drop those rows.")
        ids = pd.Series(as_ids(items["item"], "item"))
        refuse_twice(items, ids, "some items are described more than once", "Keep one row an item.")
        codes, known = vocabulary.index(ids, missing="unknown")
        films = items[known].drop(columns="item").set_axis(codes[known]).reindex(films.index)
    films.insert(0, "item", vocabulary.ids)
    films["title"] = _titles(films)
    films["year"] = _years(films)
    films["genres"] = films.get("genres", pd.Series("", index=films.index)).astype("object")
    refuse(
        films,
        _no_text(films["genres"]),
        "the items table has genres that are no text",
        "Write them as text with a bar between two, 'Action|Comedy', e.g. with '|'.join.",
    )
    title = films["title"].where(films["title"].notna(), "Item " + films["item"].astype(str))
    films["label"] = title.where(films["year"].isna(), title + " (" + films["year"].astype(str) + ")")
    return films


def _titles(films: pd.DataFrame) -> pd.Series:
    """Titles as text; a number is one, such as 1984."""
    titles = films.get("title", pd.Series(None, index=films.index, dtype="object")).astype("object")
    number = np.array([is_number(one) for one in titles], dtype=bool) & titles.notna()
    titles = titles.where(~number, [f"{one:.15g}" if known else one for one, known in zip(titles, number, strict=True)])
    refuse(films, _no_text(titles), "the items table has titles that are no text", "Make them text.")
    return titles


def _no_text(column: pd.Series) -> np.ndarray:
    """True where a value is there and is no text."""
    return np.array([not isinstance(one, str) for one in column], dtype=bool) & column.notna().to_numpy()


def _years(films: pd.DataFrame) -> pd.Series:
    """Years as whole numbers, or missing."""
    if "year" not in films:
        return pd.Series(pd.NA, index=films.index, dtype="Int16")
    years = _numbers(films, "year")
    bad = films["year"].notna() & ~(years.between(0, 9999) & (years % 1 == 0))
    refuse(
        films,
        bad,
        "the items table has years that are no whole numbers from 0 to 9999",
        "Mend them; a missing year may be None.",
    )
    return years.astype("Int16")
