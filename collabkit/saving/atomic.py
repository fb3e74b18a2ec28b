"""Atomic: several files replaced together, whole, or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\.collabkit-[0-9a-f]{16}\.tmp")  # a name that nobody else gives


def write_together(files: dict[Path, bytes]) -> None:
    """Write each file beside its old version, down to the disk, and only then move all of them into place.

    Args:
        files: what to write where, the largest last: of all but that one, a copy of the old version is kept meanwhile.

    As ``open(path, "w")`` would, this writes to the file that a link points at, keeps the mode of a file that is
    there, and its owner where that is allowed, and refuses one that is read-only.

    When anything fails, or the process is interrupted, every file is as it was and nothing else is left in the folder.
    Only a process that is killed, or a loss of power, can leave hidden files, or stop between two moves. The next call
    for that folder removes what a killed one left. Calls for one folder wait for each other.

    Raises: ``FileNotFoundError`` for a folder that is not there; ``PermissionError``; ``ValueError`` for two names of
        one file, and for what is no file. Nothing is written then.
    """
    files = _targets(files)
    written: list[Path] = []

    def write(path: Path, content: bytes) -> Path:
        """Beside ``path``, in the same folder, so that a move is atomic."""
        new = path.with_name(f".collabkit-{secrets.token_hex(8)}.tmp")
        old = path.stat() if path.exists() else None
        written.append(new)
        # what replaces a private file is never open to others, not even while it is written
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if old else 0o666), "wb") as file:
            if old:
                _like(new, old)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return new

    *first, last = files
    undo: list[tuple[Path, Path | None]] = []
    with ExitStack() as locks:
        for folder in sorted({path.parent for path in files}):  # in one order, so that no two calls wait in a ring
            locks.enter_context(_alone_in(folder))
        try:
            new = {path: write(path, content) for path, content in files.items()}
            old = {path: write(path, path.read_bytes()) if path.exists() else None for path in first}
            for path in first:
                undo.append((path, old[path]))
                os.replace(new[path], path)
            os.replace(new[last], last)
            undo = []
        finally:
            for path, before in undo:
                if before:
                    os.replace(before, path)
                else:
                    path.unlink(missing_ok=True)
            for file in written:
                file.unlink(missing_ok=True)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A new file beside ``path`` to write into, piece by piece; it takes the place of ``path`` when all has gone well.

    For what is too large to hold in memory, as ``write_together`` does. Nobody waits for it, and a process that is
    killed leaves the new file, whose name begins with a dot and ends in ``.part``.

    Raises: as ``write_together``, before anything is written. When the block raises, ``path`` stays as it was.
    """
    path = target(path)
    new = path.with_name(f".collabkit-{secrets.token_hex(8)}.part")
    try:
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            _like(new, path.stat())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def existing(path: str | os.PathLike[str]) -> Path:
    """The path of a file to read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: check its name and its folder, or save a model there first.")
    return path


def target(path: Path) -> Path:
    """The file that ``path`` stands for, behind any links; refused where no file can be written."""
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise FileNotFoundError(f"no folder {real.parent}: make it first.")
    if real.is_symlink():
        raise ValueError(f"{path} is a link that leads to itself: remove it, or choose another name.")
    if real.exists() and not real.is_file():  # a device would be replaced, and by root without a question
        raise ValueError(f"{real} is a folder, or no ordinary file: choose another name.")
    if real.exists() and not os.access(real, os.W_OK):
        raise PermissionError(f"{real} is read-only: make it writable, or choose another name.")
    return real


def _targets(files: dict[Path, bytes]) -> dict[Path, bytes]:
    targets = {target(path): content for path, content in files.items()}
    if len(targets) < len(files):
        raise ValueError(f"{', '.join(map(str, files))} are one file, by a link: remove it, or choose another name.")
    return targets


def _like(new: Path, old: os.stat_result) -> None:
    """Give a new file the mode of the old one, and its owner and group, as far as this process and the disk allow."""
    if hasattr(os, "chown"):
        for owner in (-1, old.st_gid), (old.st_uid, -1):
            with suppress(OSError):
                os.chown(new, *owner)
    with suppress(OSError):  # some disks know no modes
        os.chmod(new, stat.S_IMODE(old.st_mode))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process writes here, and remove what killed ones have left.

    The folder itself is locked: no file is needed that would stay, and the lock goes with its process. Where folders
    cannot be locked (Windows, some network disks), nobody waits and nothing is removed.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError, AttributeError):
            fcntl.flock(handle, fcntl.LOCK_EX)
            for file in folder.iterdir():
                if TEMPORARY.fullmatch(file.name):
                    file.unlink()
        yield
    finally:
        with suppress(OSError, AttributeError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing would not do where a fork has inherited the handle
        os.close(handle)
