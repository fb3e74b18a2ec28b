"""Files that a test writes again and again."""

from pathlib import Path


def overwrite(path: Path, content: bytes) -> None:
    """As ``path.write_bytes``, which on ext4 waits for the disk whenever it empties a file that is there."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(content)
        file.truncate()
