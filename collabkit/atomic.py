"""Atomic: several files replaced together, whole, or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_together(files: dict[Path, bytes]) -> None:
    """Write each file beside its old version, down to the disk, and only then move all of them into place.

    Args:
        files: what to write where, the largest last: of all but that one, a copy of the old version is kept meanwhile.

    When anything fails, or the process is interrupted, every file is as it was and nothing else is left in the folder.
    Only a process that is killed, or a loss of power, can leave hidden files, or stop between two moves.
    """
    written: list[Path] = []

    def write(folder: Path, content: bytes) -> Path:
        written.append(folder / f".{secrets.token_hex(8)}.tmp")  # the same folder, so that a move is atomic
        with open(written[-1], "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return written[-1]

    *first, last = files
    undo: list[tuple[Path, Path | None]] = []
    try:
        new = {path: write(path.parent, content) for path, content in files.items()}
        old = {path: write(path.parent, path.read_bytes()) if path.exists() else None for path in first}
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
