"""MovieLens: the editions of one data set, from an embedded copy, a local folder, the cache or GroupLens.

MovieLens is free for research and teaching, not for commercial use, and asks to be acknowledged; its terms pass to
what is made from it (https://grouplens.org/datasets/movielens/). Source: Harper & Konstan (2015).
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collabkit.data.embedded import embedded
from collabkit.data.movielens_files import Edition, Found, ratings_file, read_folder, read_zip
from collabkit.ratings import Ratings

URL = "https://files.grouplens.org/datasets/movielens/"
OFFLINE = 'load_movielens("small-2016") needs no network: it comes with the installed packages.'


EDITIONS = {
    "small-2018": Edition(
        "ml-latest-small",
        ratings=100_836,
        users=610,
        films=9_742,
        zip="ml-latest-small.zip",  # its hash does not last: GroupLens packs it anew
        files_md5={
            "ratings.csv": "ac0cf1d26aed3a5b6777a295231976ad",
            "movies.csv": "b252328d16b085936b56eefad880ef9d",
        },
    ),
    "100k": Edition(
        "ml-100k",
        ratings=100_000,
        users=943,
        films=1_682,
        zip="ml-100k.zip",
        md5="0e33842e24a9c977be4e0107933c0723",
        stars=(6_110, 11_370, 27_145, 34_174, 21_201),
        scale=(1.0, 5.0),
        latin_1=True,
    ),
    "1m": Edition(
        "ml-1m",
        ratings=1_000_209,
        users=6_040,
        films=3_883,
        zip="ml-1m.zip",
        md5="c4d9eecfca2ab87c1945afe126590906",
        stars=(56_174, 107_557, 261_197, 348_971, 226_310),
        scale=(1.0, 5.0),
        latin_1=True,
    ),
    "10m": Edition(
        "ml-10M100K",
        ratings=10_000_054,
        users=69_878,
        films=10_681,
        zip="ml-10m.zip",
        md5="ce571fd55effeba0271552578f2648bd",
        stars=(94_988, 384_180, 118_278, 790_306, 370_178, 2_356_676, 879_764, 2_875_850, 585_022, 1_544_812),
    ),
    "20m": Edition(
        "ml-20m",
        ratings=20_000_263,
        users=138_493,
        films=27_278,
        zip="ml-20m.zip",
        md5="cd245b17a1ae2cc31bb14903e1204af3",
        stars=(239_125, 680_732, 279_252, 1_430_997, 883_398, 4_291_193, 2_200_156, 5_561_926, 1_534_824, 2_898_660),
    ),
    "25m": Edition(
        "ml-25m",
        ratings=25_000_095,
        users=162_541,
        films=62_423,
        zip="ml-25m.zip",
        md5="6b51fb2759a8657d3bfcbfc42b592ada",
        stars=(393_068, 776_815, 399_490, 1_640_868, 1_262_797, 4_896_928, 3_177_318, 6_639_798, 2_200_539, 3_612_474),
    ),
    "32m": Edition("ml-32m", ratings=32_000_204, users=200_948, films=87_585),
}


def load_movielens(name: str = "small-2016", path: str | os.PathLike[str] | None = None) -> Ratings:
    """Load one edition of MovieLens.

    Args:
        name: ``small-2016`` (100,004 ratings, embedded: works with no network), ``small-2018``, ``100k``, ``1m``,
            ``10m``, ``20m``, ``25m``, or ``32m`` (local copy only).
        path: a folder with the unpacked edition, or the folder above it.

    Editions other than ``small-2016`` come from ``path``; else from ``$COLLABKIT_DATA/<folder>``; else from the cache
    (``$COLLABKIT_CACHE``, or the system's), which keeps GroupLens' zip; else from GroupLens. Copies are checked by
    their published hash, or, where their files have none, by their ratings, users, films and numbers of stars.

    Returns: :class:`Ratings` with timestamps and film titles, years and genres, in the order of the file.

    Raises: ``ValueError`` for an unknown edition or a copy that is damaged; ``FileNotFoundError`` for a local folder
    that is not there; ``ConnectionError`` when GroupLens does not answer. A damaged download is discarded, and what is
    damaged in the cache is set aside, so that the next call starts afresh; your own folders are never changed.

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
    return read(name, path, read_folder)


def read(name: str, path: str | os.PathLike[str] | None, what: Callable[[Any, Edition], Found]) -> Found:
    """What a reader of folders, such as ``read_folder``, finds in a copy of an edition, wherever that is."""
    edition = EDITIONS[name]
    local = _local_folder(edition, path)
    if local is None:
        return _from_cache(edition, what)
    try:
        return what(local, edition)
    except ValueError as damage:
        raise ValueError(f"{damage} Unpack {edition.zip or f'{edition.folder}.zip'} there anew.") from damage


# ---------------------------------------------------------------- where a copy comes from


def _local_folder(edition: Edition, path: str | os.PathLike[str] | None) -> Path | None:
    """The folder the reader pointed at, or None when they pointed at none."""
    if path is not None:
        candidates = [Path(path), Path(path) / edition.folder]
    elif "COLLABKIT_DATA" in os.environ:
        candidates = [Path(os.environ["COLLABKIT_DATA"]) / edition.folder]
    else:
        return None
    for folder in candidates:
        if ratings_file(folder):
            return folder
    if path is not None:
        raise FileNotFoundError(
            f"no ratings file in {candidates[0]} or {candidates[1]}: unpack {edition.folder} there."
        )
    return None


# ---------------------------------------------------------------- the cache


def _from_cache(edition: Edition, what: Callable[[Any, Edition], Found]) -> Found:
    """Read the zip in the cache, and fetch it first where it is not there: one process does, the others wait for it."""
    import pooch
    from filelock import FileLock

    if edition.zip is None:
        raise FileNotFoundError(
            f"this edition needs a local copy: unpack {edition.folder} into $COLLABKIT_DATA or pass path=. {OFFLINE}"
        )
    cache = Path(os.environ.get("COLLABKIT_CACHE") or pooch.os_cache("collabkit"))
    archive, lock = cache / edition.zip, FileLock(cache / f".{edition.zip}.lock")
    if not archive.is_file() or _scratch(archive):
        _make(cache)
        with lock:
            for left in _scratch(archive):  # by a download that was killed, since we have the lock
                shutil.rmtree(left)
            if not archive.is_file():
                return _fetch(edition, archive, what)
    try:
        found = archive.stat()
        return read_zip(archive, edition, what)
    except FileNotFoundError:  # somebody else has set it aside just now
        return _from_cache(edition, what)
    except ValueError as damage:
        with lock:
            if archive.is_file() and _same(archive.stat(), found):  # not a new one by now
                _set_aside(archive)
        raise ValueError(f"{damage} It is set aside in the cache: the next call fetches a new one.") from damage


def _make(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"the cache {cache} is no folder: move it, or set $COLLABKIT_CACHE to another.") from error


def _scratch(archive: Path) -> list[Path]:
    """Folders of downloads that go on, or were killed."""
    return list(archive.parent.glob(f".{archive.name}-*.part"))


def _fetch(edition: Edition, archive: Path, what: Callable[[Any, Edition], Found]) -> Found:
    """Download, read, and only then move into place: the cache never holds half an edition, nor a damaged one."""
    # on the same disk, so that the move is atomic
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=f".{archive.name}-", suffix=".part") as scratch:
        new = _download(edition, Path(scratch))
        try:
            found = read_zip(new, edition, what)
        except ValueError as damage:
            raise ValueError(
                f"{edition.zip} arrived damaged or changed and was discarded: {damage} Try again later. {OFFLINE}"
            ) from damage
        _set_aside(archive)
        new.replace(archive)
    return found


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


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_mtime_ns) == (other.st_ino, other.st_mtime_ns)


def _set_aside(archive: Path) -> None:
    """Whatever is in the place of our zip may be somebody's own: it gets another name, and nothing is deleted."""
    if os.path.lexists(archive):
        names = (archive.with_name(f"{archive.name}.damaged-{number}") for number in itertools.count(1))
        archive.rename(next(name for name in names if not os.path.lexists(name)))
