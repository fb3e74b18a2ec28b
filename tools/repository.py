"""Print the repository's URL, or move the whole project to another one.

    python tools/repository.py                                 print it
    python tools/repository.py https://github.com/OWNER/NAME   rewrite it in every file of this clone

The one source is pyproject.toml, [project.urls] Repository. Links to Colab, Binder and GitHub Pages are
rewritten with it. Needs git, and nothing outside the standard library.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "your_name"  # the owner, until somebody sets one; GitHub allows no such name


def current(root: Path = ROOT) -> str:
    return tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]["urls"]["Repository"]


def is_set(root: Path = ROOT) -> bool:
    """Does the URL name a repository that can exist?"""
    return parse(current(root))[0] != PLACEHOLDER


def files(root: Path = ROOT) -> list[str]:
    """What git tracks, or would track."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if (root / name).is_file()})


def parse(url: str) -> tuple[str, str]:
    """(owner, name) of ``https://github.com/OWNER/NAME``; a ``.git`` or ``/`` at the end is dropped."""
    match = re.fullmatch(r"https://github\.com/([\w-]+)/([\w.-]+?)(?:\.git)?/?", url, re.ASCII)
    if not match:
        raise SystemExit(f"'{url}' is not a repository's URL; write https://github.com/OWNER/NAME")
    return match[1], match[2]


def moved(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """`text` with every link to the repository `old`, and to its pages, leading to `new`."""
    end = r"(?![\w-]|\.(?!git\b)\w)"  # so that kit is not found in kit-2, nor in kit.js
    owner, name = map(re.escape, old)
    link = rf"(https://(?:[^\s\"'`<>()\[\]]*[/:])?){owner}/{name}{end}"  # GitHub, Colab, Binder, badges
    pages = rf"https://(?i:{owner})\.github\.io/{name}{end}"
    text = re.sub(link, lambda match: f"{match[1]}{new[0]}/{new[1]}", text)
    return re.sub(pages, f"https://{new[0].lower()}.github.io/{new[1]}", text)


def rewrite(url: str, root: Path = ROOT) -> list[str]:
    """Point every file of the clone to `url`; give the names of those that changed."""
    old, new = parse(current(root)), parse(url)
    changes = {}
    for name in files(root):
        before = (root / name).read_bytes()
        try:
            after = moved(before.decode(), old, new).encode()
        except UnicodeDecodeError:  # a picture
            continue
        if after != before:
            changes[name] = after
    # pyproject.toml holds the old URL, so it goes last: a run that was cut short can be run again.
    for name in sorted(changes, key="pyproject.toml".__eq__):
        (root / name).write_bytes(changes[name])
    return list(changes)


if __name__ == "__main__":
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        raise SystemExit(__doc__)
    if len(sys.argv) == 2:
        for name in rewrite(sys.argv[1]):
            print(f"wrote {name}")
    print(current())
