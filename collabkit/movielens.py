"""MovieLens: eight editions of one data set, from an embedded copy, a local folder, the cache or GroupLens.

MovieLens is free for research and teaching, not for commercial use, and asks to be acknowledged; its terms pass to
what is made from it (https://grouplens.org/datasets/movielens/). Source: Harper & Konstan (2015).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from collabkit.embedded import embedded
from collabkit.ratings import Ratings

URL = "https://files.grouplens.org/datasets/movielens/"
OFFLINE = 'load_movielens("small-2016") needs no network: it comes with the installed packages.'


@dataclass(frozen=True)
class Edition:
    """What one edition is called and how to know that a copy of it is whole."""

    folder: str  # its name below $COLLABKIT_DATA and in the cache
    ratings: int  # rows of a complete copy
    zip: str | None = None  # the file at GroupLens, where it may be fetched from there
    md5: str | None = None  # of that file, as GroupLens publishes it
    ratings_md5: str | None = None  # of ratings.csv with LF line ends, where the zip has no lasting hash
    scale: tuple[float, float] = (0.5, 5.0)


EDITIONS = {
    "small-2018": Edition(
        "ml-latest-small", 100_836, "ml-latest-small.zip", ratings_md5="ac0cf1d26aed3a5b6777a295231976ad"
    ),
    "100k": Edition("ml-100k", 100_000, "ml-100k.zip", "0e33842e24a9c977be4e0107933c0723", scale=(1.0, 5.0)),
    "1m": Edition("ml-1m", 1_000_209, "ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906", scale=(1.0, 5.0)),
    "10m": Edition("ml-10M100K", 10_000_054, "ml-10m.zip", "ce571fd55effeba0271552578f2648bd"),
    "20m": Edition("ml-20m", 20_000_263, "ml-20m.zip", "cd245b17a1ae2cc31bb14903e1204af3"),
    "25m": Edition("ml-25m", 25_000_095, "ml-25m.zip", "6b51fb2759a8657d3bfcbfc42b592ada"),
    "32m": Edition("ml-32m", 32_000_204),
}
FILMS_FILE = {"ratings.csv": "movies.csv", "ratings.dat": "movies.dat", "u.data": "u.item"}  # by ratings file


def load_movielens(name: str = "small-2016", path: str | os.PathLike | None = None) -> Ratings:
    """Load one edition of MovieLens.

    Args:
        name: ``small-2016`` (100,004 ratings, embedded: works with no network), ``small-2018``, ``100k``, ``1m``,
            ``10m``, ``20m``, ``25m``, or ``32m`` (local copy only).
        path: a folder with the unpacked edition, or the folder above it.

    Editions other than ``small-2016`` come from ``path``; else from ``$COLLABKIT_DATA/<folder>``; else from the cache
    (``$COLLABKIT_CACHE``, or the system's); else from GroupLens, with the published hash checked.

    Returns: :class:`Ratings` with timestamps and film titles, years and genres, in the order of the file.

    Raises: ``ValueError`` for an unknown edition or a copy that is damaged; ``FileNotFoundError`` for a local folder
    that is not there; ``ConnectionError`` when GroupLens does not answer. A damaged download is removed, so that the
    next call starts afresh; your own folders are never changed.

    Source: :cite:t:`harper2015movielens`.
    """
    if name == "small-2016":
        if path is not None:
            raise ValueError(
                "small-2016 is embedded and takes no path. Use Ratings.from_frame for a table of your own."
            )
        return embedded()
    if name not in EDITIONS:
        raise ValueError(f"unknown edition {name!r}: choose one of {['small-2016', *EDITIONS]}.")
    edition = EDITIONS[name]
    if local := _local_folder(edition, path):
        return _read(local, edition)
    folder = _cache() / edition.folder
    if not folder.exists():
        _fetch(edition, folder)
    try:
        return _read(folder, edition)
    except ValueError as damage:
        shutil.rmtree(folder)
        raise ValueError(f"{damage} That copy in the cache is removed: the next call fetches a new one.") from damage


# ---------------------------------------------------------------- where a copy comes from


def _local_folder(edition: Edition, path) -> Path | None:
    """The folder the reader pointed at, or None when they pointed at none."""
    if path is not None:
        candidates = [Path(path), Path(path) / edition.folder]
    elif "COLLABKIT_DATA" in os.environ:
        candidates = [Path(os.environ["COLLABKIT_DATA"]) / edition.folder]
    else:
        return None
    for folder in candidates:
        if _ratings_file(folder):
            return folder
    if path is not None:
        raise FileNotFoundError(
            f"no ratings file in {candidates[0]} or {candidates[1]}: unpack {edition.folder} there."
        )
    return None


def _cache() -> Path:
    import pooch

    return Path(os.environ.get("COLLABKIT_CACHE") or pooch.os_cache("collabkit"))


def _fetch(edition: Edition, folder: Path) -> None:
    """Download and unpack beside ``folder``, then move into place: the cache never holds half an edition."""
    if edition.zip is None:
        raise FileNotFoundError(
            f"this edition needs a local copy: unpack {edition.folder} into $COLLABKIT_DATA or pass path=. {OFFLINE}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # the same disk, so that the move is atomic
        archive = _download(edition, Path(scratch))
        _extract(archive, Path(scratch) / "unpacked")
        unpacked = Path(scratch) / "unpacked" / edition.folder
        if not unpacked.is_dir():
            raise ValueError(
                f"{edition.zip} holds no folder {edition.folder}: it was discarded. Try again later. {OFFLINE}"
            )
        unpacked.replace(folder)


def _download(edition: Edition, scratch: Path) -> Path:
    import pooch
    import requests

    try:
        known = f"md5:{edition.md5}" if edition.md5 else None
        return Path(pooch.retrieve(f"{URL}{edition.zip}", known, fname=edition.zip, path=scratch, progressbar=True))
    except requests.exceptions.RequestException as error:
        raise ConnectionError(
            f"GroupLens did not answer for {edition.zip} ({type(error).__name__}). Its host is down, its certificate "
            "has lapsed, or this machine is offline. Unpack a copy from elsewhere into $COLLABKIT_DATA, or start now: "
            f"{OFFLINE}"
        ) from error
    except ValueError as error:  # pooch: the hash differs; it keeps no file then
        raise ValueError(
            f"{edition.zip} arrived damaged or changed and was discarded: {error}. Try again later. {OFFLINE}"
        ) from error


def _extract(archive: Path, target: Path) -> None:
    """Unpack, refusing any member that would land outside ``target``."""
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.namelist():
                if not (target / member).resolve().is_relative_to(target.resolve()):
                    raise ValueError(f"{archive.name} holds {member!r}, which points outside its folder: refused.")
            file.extractall(target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{archive.name} is not a whole zip file and was discarded. Try again. {OFFLINE}") from error


# ---------------------------------------------------------------- the three formats


def _ratings_file(folder: Path) -> Path | None:
    return next((folder / name for name in FILMS_FILE if (folder / name).is_file()), None)


def _whole_ratings_file(folder: Path, edition: Edition) -> Path:
    """The ratings file; ``ValueError`` when a file is missing, or the ratings are truncated or changed."""
    file = _ratings_file(folder)
    if file is None or not (folder / FILMS_FILE[file.name]).is_file():
        raise ValueError(f"{folder} lacks its ratings or its films file.")
    if edition.ratings_md5:
        content = file.read_bytes().replace(b"\r\n", b"\n")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != edition.ratings_md5:
            raise ValueError(f"{file} is truncated or changed: its hash is not that of the published edition.")
    elif (rows := _count_rows(file)) != edition.ratings:
        raise ValueError(f"{file} is truncated or changed: {rows:,} ratings where the edition has {edition.ratings:,}.")
    return file


def _count_rows(file: Path) -> int:
    """Ended lines, less the header: a last line that was cut off does not count."""
    with file.open("rb") as stream:
        ends = sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
    return ends - (file.suffix == ".csv")


def _read(folder: Path, edition: Edition) -> Ratings:
    file = _whole_ratings_file(folder, edition)
    columns = ["user", "item", "rating", "timestamp"]
    types = {"user": "int32", "item": "int32", "rating": "float32", "timestamp": "int64"}
    if file.suffix == ".csv":
        df = pd.read_csv(file, header=0, names=columns, dtype=types)
        films = pd.read_csv(folder / "movies.csv", header=0, names=["item", "title", "genres"])
    elif file.suffix == ".dat":  # "::" between fields, read as ":" with every second field empty: pandas' fast parser
        df = (
            pd.read_csv(file, sep=":", header=None, usecols=[0, 2, 4, 6], names=range(7))
            .set_axis(columns, axis=1)
            .astype(types)
        )
        films = _read_text(folder / "movies.dat", sep="::", names=["item", "title", "genres"], engine="python")
    else:
        df = pd.read_csv(file, sep="\t", header=None, names=columns, dtype=types)
        films = _read_100k_films(folder)
    return Ratings.from_frame(df, items=_split_year(films), scale=edition.scale)


def _read_text(file: Path, **how) -> pd.DataFrame:
    """Older editions are Latin-1, newer ones UTF-8."""
    try:
        return pd.read_csv(file, header=None, encoding="utf-8", **how)
    except UnicodeDecodeError:
        return pd.read_csv(file, header=None, encoding="latin-1", **how)


def _read_100k_films(folder: Path) -> pd.DataFrame:
    """``u.item`` has one 0/1 column a genre, named in ``u.genre``."""
    genres = pd.read_csv(folder / "u.genre", sep="|", header=None)[0].to_numpy()
    films = _read_text(folder / "u.item", sep="|")
    flags = films.iloc[:, 5 : 5 + len(genres)].to_numpy(bool)
    return pd.DataFrame({"item": films[0], "title": films[1], "genres": ["|".join(genres[row]) for row in flags]})


def _split_year(films: pd.DataFrame) -> pd.DataFrame:
    """``"Toy Story (1995)"`` -> ``"Toy Story"``, 1995. A title without a year stays as it is."""
    parts = films["title"].str.extract(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*$")
    year = pd.to_numeric(parts["year"]).astype("Int16")
    return films.assign(title=parts["title"].where(parts["title"].notna(), films["title"].str.strip()), year=year)
