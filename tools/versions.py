"""Does the course run with the oldest versions that pyproject.toml allows, with Colab's, and with the newest there are?

    python -m tools.versions [--torch VERSION] [lowest] [colab] [newest]

Each gets an environment of its own under .versions/, made afresh, for this Python. In each run the quick tests (all of
tests/ but the book's, the exercises', that of types and those in a browser) and three notebooks. Torch is too large to
fetch three times: it is the one of constraints.txt everywhere, unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".versions"
TESTS = ["tests", "--ignore=tests/book", "--ignore-glob=tests/test_exercises*", "--ignore=tests/test_types.py"]
TESTS += ["-m", "not browser"]
NOTEBOOKS = ["01_ratings", "02_dot_product", "10_recommending"]  # a table, a fit, a model that is saved and loaded
SHOWN = ["torch", "fastai", "numpy", "pandas", "matplotlib", "ipython"]
# What Colab's image of August 2026 brings. It has torch 2.11, and Python 3.13.
COLAB = {
    "fastai": "2.8.8",
    "ipython": "7.34.0",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "pandas": "2.2.3",
    "scikit-learn": "1.6.1",
}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return [Requirement(line) for line in lines]


def lowest() -> dict[str, str]:
    """The lower bound of each requirement, as the version itself."""
    return {r.name: part.version for r in requirements() for part in r.specifier if part.operator == ">="}


def tested_torch() -> str:
    return re.findall(r"^torch==(.+)$", (ROOT / "constraints.txt").read_text("utf8"), re.M)[0]


def environments(torch: str) -> dict[str, dict[str, str]]:
    """What is held in each; pip chooses the newest of all else."""
    held = {"lowest": lowest(), "colab": COLAB, "newest": {}}
    return {name: {**versions, "torch": torch} for name, versions in held.items()}


def install(place: Path, versions: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
    constraints = place / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command = [*pip, "-c", str(constraints), "-e", ".[book,test,teach]"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:  # the words before the error say what conflicts with what
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", flush=True)
        done.check_returncode()


def installed(place: Path) -> dict[str, str]:
    pip = [str(place / "bin/python"), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(pip, capture_output=True, text=True, check=True).stdout)
    return {package["name"].lower(): package["version"] for package in listed}


def passed(place: Path, name: str, *what: str) -> tuple[bool, int, int]:
    """Run pytest on `what`; give whether all went well, how many passed, how many did not. It prints what failed."""
    report = place / f"{name}.xml"
    report.unlink(missing_ok=True)
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command = [str(place / "bin/python"), "-m", "pytest", *options, *what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], sep="\n", flush=True)
    if not report.is_file():  # pytest itself did not start
        return False, 0, 1
    counts = ElementTree.parse(report).getroot().find("testsuite")
    assert counts is not None
    tests, skipped, failures, errors = (int(counts.get(key, 0)) for key in ("tests", "skipped", "failures", "errors"))
    return done.returncode == 0, tests - skipped - failures - errors, failures + errors


def measure(name: str, versions: dict[str, str]) -> tuple[bool, list[str]]:
    """Make one environment and run all in it; give whether all went well, and its row of the table."""
    start, place = time.monotonic(), PLACE / name
    print(f"{name}: installing", flush=True)
    try:
        install(place, versions)
    except subprocess.CalledProcessError:
        print(f"{name}: these versions cannot be installed together; the reason is above.", flush=True)
        return False, [name, platform.python_version(), *["–"] * len(SHOWN), "not installed", "–", "–"]
    found = installed(place)
    print(f"{name}: testing", flush=True)
    good, right, wrong = passed(place, "tests", *TESTS)
    ran = [passed(place, book, f"book/chapters/{book}.ipynb", "--fresh")[0] for book in NOTEBOOKS]
    tests = f"{right} passed" + (f", {wrong} failed" if wrong else "")
    books = f"{sum(ran)} of {len(ran)}"
    seconds = f"{time.monotonic() - start:.0f}"
    row = [name, platform.python_version(), *(found[package] for package in SHOWN), tests, books, seconds]
    return good and all(ran), row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="lowest|colab|newest", help="all three, if none is named")
    parser.add_argument("--torch", default=tested_torch(), help="the version of torch in each (%(default)s)")
    args = parser.parse_args()
    plan = environments(args.torch)
    if unknown := set(args.names) - plan.keys():
        parser.error(f"no environment {', '.join(sorted(unknown))}: choose from {', '.join(plan)}")
    results = [measure(name, plan[name]) for name in args.names or plan]
    table = [["environment", "Python", *SHOWN, "tests", "notebooks", "seconds"], *(row for _, row in results)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if failed := [row[0] for good, row in results if not good]:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
