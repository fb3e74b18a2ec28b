"""The files of MovieLens: three formats, in a folder or a zip, read strictly. What is damaged is refused by name."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, compress
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import pandas as pd

from collabkit.ratings import Ratings

FILMS_FILE = {"ratings.csv": "movies.csv", "ratings.dat": "movies.dat", "u.data": "u.item"}  # by ratings file
GENRES_FILE = "u.genre"  # names the columns of u.item
USERS_FILES = ("u.user", "users.dat")  # of 100K and 1M; other editions have none
FOLDS = {fold: (f"{fold}.base", f"{fold}.test") for fold in ("u1", "u2", "u3", "u4", "u5", "ua", "ub")}  # of u.data
TYPES: dict[Hashable, str] = {"user": "int32", "item": "int32", "rating": "float32", "timestamp": "int64"}
Place = TypeVar("Place", Path, zipfile.Path)  # on the disk, or in a zip
Found = TypeVar("Found")
BAD_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError)


@dataclass(frozen=True)
class Edition:
    """What one edition is called and how to know that a copy of it is whole."""

    folder: str  # its name below $COLLABKIT_DATA and in the zip
    ratings: int  # rows of a complete copy
    users: int  # who have given them
    films: int  # rows of its films file; some of them nobody has rated
    zip: str | None = None  # the file at GroupLens, where it may be fetched from there
    md5: str | None = None  # of that file, as GroupLens publishes it
    files_md5: dict[str, str] = field(default_factory=dict)  # of files with LF line ends, where they are known
    stars: tuple[int, ...] = ()  # how many ratings have each number of stars, from the lowest
    scale: tuple[float, float] = (0.5, 5.0)
    latin_1: bool = False  # titles that are not UTF-8 are this


def ratings_file(folder: Place) -> Place | None:
    """The ratings in a folder, or in that of a zip; None when there are none."""
    return next((folder / name for name in FILMS_FILE if (folder / name).is_file()), None)


def read_zip(archive: Path, edition: Edition, read: Callable[[zipfile.Path, Edition], Found]) -> Found:
    """What ``read`` finds in the folder of the zip, such as ``read_folder``. Nothing is unpacked to the disk.

    Raises: ``ValueError`` for what is not GroupLens' file, no whole zip, encrypted, packed as GroupLens does not pack,
        or larger than the edition can be; and as ``read_folder``.
    """
    if edition.md5 and _md5(archive) != edition.md5:
        raise ValueError(f"{archive} is truncated or changed: its hash is not that of the published file.")
    try:
        with zipfile.ZipFile(archive) as file:
            _refuse_members(file, edition)
            return read(zipfile.Path(file, f"{edition.folder}/"), edition)
    except (*BAD_ZIP, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place in the file that cannot be
            raise
        raise ValueError(f"{archive} is not a whole zip file, or an encrypted one: {error}.") from error


def _refuse_members(file: zipfile.ZipFile, edition: Edition) -> None:
    """Of those that are read; whatever else a zip holds stays shut."""
    most = 64 * edition.ratings + 2**20  # bytes: a rating takes some 30, and the films less than all ratings
    names = (*FILMS_FILE, *FILMS_FILE.values(), GENRES_FILE, *USERS_FILES, *chain(*FOLDS.values()))
    wanted = {f"{edition.folder}/{name}" for name in names}
    for member in file.infolist():
        if member.filename in wanted:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{file.filename} packs {member.filename} as GroupLens does not: refused.")
            if member.file_size > most:
                raise ValueError(
                    f"{file.filename} has {member.file_size:,} bytes of {member.filename}, more than the {most:,} "
                    "that this edition can have: refused."
                )


def read_folder(folder: Place, edition: Edition) -> Ratings:
    """The edition in a folder: a ``Path``, or one of ``zipfile``.

    Raises: ``ValueError``, which names the file: one is missing; its hash is another, where we know it; it has other
        rows, users or numbers of stars; a row is not complete; a rating is of a film that is not described.
    """
    file = ratings_file(folder)
    if file is None:
        raise ValueError(f"{folder} lacks its ratings: none of {', '.join(FILMS_FILE)} is there.")
    films_file = folder / FILMS_FILE[file.name]
    for needed in [films_file, folder / GENRES_FILE][: 1 + (file.name == "u.data")]:
        if not needed.is_file():
            raise ValueError(f"{folder} lacks {needed.name}.")
    with checked(file, edition, edition.ratings) as stream:
        df = read_ratings(stream, file.name)
        _refuse_other_counts(df, edition)
    with checked(films_file, edition, edition.films) as stream:
        genres = _read_genres(folder / GENRES_FILE) if file.name == "u.data" else []
        films = _read_films(_text(stream, edition), films_file.suffix, genres)
        _refuse_other_films(films, df, edition)
    with naming(file):
        return Ratings.from_frame(df, items=_split_year(films), scale=edition.scale)


# ---------------------------------------------------------------- whole or not


@contextmanager
def naming(file: Place) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, csv.Error) as error:  # pandas' errors of parsing and decoding are the first
        raise ValueError(f"{file} is truncated or changed: {str(error).rstrip('.')}.") from error


@contextmanager
def checked(file: Place, edition: Edition, rows: int) -> Iterator[IO[bytes]]:
    """Open a file whose content is the published one, or, where its hash is not known, has as many whole rows."""
    with naming(file):
        if known := edition.files_md5.get(file.name):
            if _md5(file) != known:
                raise ValueError("its hash is not that of the published edition")
        elif (found := _count_rows(file)) != rows:
            raise ValueError(f"{found:,} rows where the edition has {rows:,}")
        with file.open("rb") as stream:
            yield stream


def _md5(file: Place) -> str:
    """Hash of a zip, or of a text as it would be with LF line ends."""
    digest = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(2**20):
            if file.suffix != ".zip":
                chunk += stream.read(1) if chunk.endswith(b"\r") else b""
                chunk = chunk.replace(b"\r\n", b"\n")
            digest.update(chunk)
    return digest.hexdigest()


def _count_rows(file: Place) -> int:
    """Ended lines, less the header: a last line that was cut off does not count."""
    with file.open("rb") as stream:
        ends = sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(2**20), b""))
    return ends - (file.suffix == ".csv")


def _refuse_other_counts(df: pd.DataFrame, edition: Edition) -> None:
    found, known = (len(df), df["user"].nunique()), (edition.ratings, edition.users)
    if found != known:
        raise ValueError("{:,} ratings of {:,} users where the edition has {:,} of {:,}".format(*found, *known))
    stars = df["rating"].to_numpy()
    counts = tuple(np.count_nonzero(stars == one) for one in np.linspace(*edition.scale, len(edition.stars)))
    if not np.isfinite(stars).all() or (stars * 2 % 1).any() or counts != edition.stars:
        raise ValueError("the edition has other numbers of stars")


def _refuse_other_films(films: pd.DataFrame, df: pd.DataFrame, edition: Edition) -> None:
    if len(films) != edition.films or films["item"].duplicated().any():
        raise ValueError(f"{films['item'].nunique():,} films where the edition has {edition.films:,}")
    if not films["title"].str.strip().all():
        raise ValueError("some films have no title")
    if unknown := set(df["item"].unique()) - set(films["item"]):
        raise ValueError(f"it lacks {len(unknown):,} films that have ratings, such as {min(unknown)}")


# ---------------------------------------------------------------- the three formats


def read_ratings(stream: IO[bytes], name: str) -> pd.DataFrame:
    how: dict[str, Any] = {"header": None, "quoting": csv.QUOTE_NONE}
    if name == "ratings.dat":
        # "::" between fields, read as ":" with every second field empty: pandas' fast parser
        names = ["user", 1, "item", 3, "rating", 5, "timestamp"]
        df = pd.read_csv(stream, sep=":", names=names, dtype=TYPES, **how)[[*TYPES]]
    else:
        if name == "ratings.csv" and (first := stream.readline().strip()) != b"userId,movieId,rating,timestamp":
            raise ValueError(f"its first line is {first[:80]!r}")
        df = pd.read_csv(stream, sep="," if name == "ratings.csv" else "\t", names=[*TYPES], dtype=TYPES, **how)
    if not isinstance(df.index, pd.RangeIndex):  # pandas' answer to rows of more fields
        raise ValueError("its rows have too many fields")
    return df


def _text(stream: IO[bytes], edition: Edition) -> str:
    content = stream.read()
    try:
        return content.decode()
    except UnicodeDecodeError:
        if not edition.latin_1:
            raise
        return content.decode("latin-1")


def _read_films(text: str, suffix: str, genres: list[str]) -> pd.DataFrame:
    """``item, title, genres`` from any format; ``u.item`` has one 0/1 column for each of these genres."""
    if suffix == ".csv":
        first, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if first != ["movieId", "title", "genres"]:
            raise ValueError(f"its first line is {first}")
    else:
        rows = [line.removesuffix("\r").split("::" if suffix == ".dat" else "|") for line in text.split("\n")[:-1]]
    fields = 5 + len(genres) if suffix == ".item" else 3
    if odd := [row for row in rows if len(row) != fields]:
        raise ValueError(f"a row has {len(odd[0])} fields instead of {fields}: {odd[0]}")
    if suffix == ".item":
        if {flag for row in rows for flag in row[5:]} - {"0", "1"}:
            raise ValueError("some films have genres that are neither 0 nor 1")
        rows = [[*row[:2], "|".join(compress(genres, map(int, row[5:])))] for row in rows]
    elif not all(row[2] for row in rows):
        raise ValueError("some films have no genres")
    return pd.DataFrame(rows, columns=["item", "title", "genres"]).astype({"item": "int32"})


def _read_genres(file: Place) -> list[str]:
    """``u.genre``: a name and its number a line."""
    with naming(file):
        rows = [line.split("|") for line in file.read_text("ascii").split()]
        if not rows or [row[1:] for row in rows] != [[str(number)] for number in range(len(rows))]:
            raise ValueError("its genres are not numbered in order")
        return [name for name, _ in rows]


def _split_year(films: pd.DataFrame) -> pd.DataFrame:
    """``"Toy Story (1995)"`` -> ``"Toy Story"``, 1995. A title without a year stays as it is."""
    parts = films["title"].str.extract(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*$")
    year = pd.to_numeric(parts["year"]).astype("Int16")
    return films.assign(title=parts["title"].where(parts["title"].notna(), films["title"].str.strip()), year=year)
