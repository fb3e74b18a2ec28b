"""Mark a folder of submitted labs into one CSV.

    python -m tools.mark FOLDER [--out marks.csv] [--seconds 120] [--memory 2] [--jobs 2]

Any file in the folder or below is a submission, whatever its name; which lab it belongs to stands in the notebook. A
row has the file, the lab, the points of each question, total and maximum, what went wrong, the tests that failed, and
the seconds.

Each submission runs in a process of its own, with limits of time and memory, without a network. On Linux bubblewrap
locks it up: it sees Python, the course and an empty folder that is gone afterwards, and neither the other submissions
nor the labs' sources. Where bubblewrap is not, an audit hook of Python refuses the same; the first line says which.

The tests come from the autograder archive, not from the student's folder, and reach the process when the student's
cells have ended. What the cells replaced in the course, NumPy, pandas and otter is put back before. Not defended
against: code that was written to outwit this marker from within, such as a thread that waits for the tests, or answers
that compare equal to everything; without bubblewrap, native code too. It stands in the notebook, for you to read.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
RUNNER = ROOT / "tools/lab_runner.py"
BUILT = ROOT / "_build/labs"
LARGEST = 20_000_000  # bytes of a submission
ANSWER = 1_000_000  # bytes that a process may answer
FILE = 50_000_000  # bytes that a submission may write into one file, and into all of its folder four times that
LAB = re.compile(r'otter\.Notebook\(tests_dir="tests/([\w-]+)"\)')  # the last line of the set-up cell
BEFORE = """\
import sys
from pathlib import Path
from types import SimpleNamespace

from collabkit import plots

plots.use_style()


class Grader:
    def __getattr__(self, name):
        return lambda *_, **__: None


grader = Grader()"""  # what the set-up cell leaves behind, without checks


class NotMarked(Exception):
    """Why a submission has no points; says so to the teacher."""


@dataclass
class Lab:
    header: str
    questions: dict[str, str]  # name: source of its tests
    possible: dict[str, float]  # name: points

    @classmethod
    def read(cls, archive: Path) -> Lab:
        with zipfile.ZipFile(archive) as z:
            names = sorted(name for name in z.namelist() if re.fullmatch(r"tests/\w+\.py", name))
            questions = {Path(name).stem: z.read(name).decode() for name in names}
        said = {name: re.search(r"^points = ([\d.]+)$", source, re.M) for name, source in questions.items()}
        possible = {name: float(found[1]) if found else 1.0 for name, found in said.items()}  # 1: otter's own default
        return cls(next(iter(questions.values())).split("OK_FORMAT =")[0], questions, possible)


@dataclass
class Limits:
    seconds: float = 120
    memory: float = 2  # GiB
    sandbox: list[str] | None = None  # the command that locks up; None: Python's audit hook


@dataclass
class Row:
    file: str
    lab: str = ""
    points: dict[str, float] = field(default_factory=dict)
    possible: float | None = None
    messages: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0


def sandbox() -> tuple[list[str] | None, str]:
    """The command that locks a process up, or None, and what to say about it."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return None, "bubblewrap is not here (Debian: apt-get install bubblewrap)"
    readable = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime"]
    readable += [os.path.realpath(sys.base_prefix), sys.prefix, str(ROOT / "collabkit"), str(RUNNER)]
    command = [bwrap, "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]
    for path in readable:
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/dev/shm", "/lab"):
        command += ["--size", str(4 * FILE), "--tmpfs", path]
    command += [*fonts(), "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/lab"]
    tried = subprocess.run([*command, sys.executable, "-c", "1"], capture_output=True, text=True)
    if tried.returncode:
        return None, f"bubblewrap does not work here ({tried.stderr.strip()[:200]})"
    return command, ""


def fonts() -> list[str]:
    """Matplotlib's list of fonts, made once and not by each submission."""
    import matplotlib.font_manager

    found = Path(matplotlib.get_cachedir()).glob("fontlist*.json")
    return [one for path in found for one in ("--ro-bind", str(path), f"/lab/{path.name}")]


def environment(folder: str) -> dict[str, str]:
    """Nothing of the teacher's; caches in the submission's own folder."""
    homes = dict.fromkeys(("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "TMPDIR", "XDG_CACHE_HOME", "FASTAI_HOME"), folder)
    fixed = {"LANG": "C.UTF-8", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **homes, **fixed}


def cells_of(path: Path) -> tuple[str, list[str]]:
    """The lab that a notebook belongs to, "" where it does not say, and its code without the set-up cell."""
    if not path.is_file():
        raise NotMarked("not a file")
    if path.stat().st_size > LARGEST:
        raise NotMarked(f"larger than {LARGEST // 1_000_000} MB: clear its outputs and save it again")
    try:
        nb = json.loads(path.read_bytes().decode("utf-8-sig"))
        code = ["".join(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"]
        named = str(nb.get("metadata", {}).get("otter", {}).get("assignment_name", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotMarked("not a notebook, or only a part of one: download it again as .ipynb") from None
    labs = [found for cell in code for found in LAB.findall(cell)]
    return (labs or [named])[0], [cell for cell in code if not LAB.search(cell)]


def converse(order: dict[str, Any], lab: Lab, limits: Limits) -> tuple[list[str], dict[str, float], list[str]]:
    """Let a process run the cells, then the tests: what went wrong in the cells, points, and the tests that failed."""
    key, late = secrets.token_hex(16), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        command = [*(limits.sandbox or []), sys.executable, "-s", str(RUNNER)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment("/lab" if limits.sandbox else folder),
            text=True,
            start_new_session=True,
        )

        def stop() -> None:
            late.set()
            kill(process)

        timer = threading.Timer(limits.seconds, stop)
        timer.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            problems = ask(process.stdin, process.stdout, order)
            answer = ask(process.stdin, process.stdout, {"key": key, "questions": lab.questions})
            if not secrets.compare_digest(str(answer["key"]), key):
                raise NotMarked("it answered in the marker's place: read it")
            results = {name: answer["results"][name] for name in lab.possible}
            points = {name: min(float(results[name]["points"]), most) for name, most in lab.possible.items()}
            failed = [str(test) for name in lab.possible for test in results[name]["failed"]]
            return [str(one)[:300] for one in problems], points, failed
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            kill(process)
            if late.is_set():
                raise NotMarked(f"stopped after {limits.seconds:.0f} s") from None
            assert process.stderr is not None
            last = (
                process.stderr.read(ANSWER).strip().split("\n")[-1]
            )  # empty, unless the runner did not get to the cells
            raise NotMarked(
                f"its process ended before it was marked (exit code {process.wait()}) {last}".strip()
            ) from None
        finally:
            timer.cancel()
            kill(process)
            process.wait()


def ask(to: IO[str], back: IO[str], what: dict[str, Any]) -> Any:
    print(json.dumps(what), file=to, flush=True)
    return json.loads(back.readline(ANSWER))


def kill(process: subprocess.Popen[str]) -> None:
    """The whole group: with bubblewrap, all that is inside."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)


def mark(path: Path, name: str, labs: dict[str, Lab], limits: Limits, secret: list[str]) -> Row:
    """One submission's row; nothing that is in it raises here."""
    row, start = Row(name), time.monotonic()
    try:
        row.lab, cells = cells_of(path)
        if row.lab not in labs:
            raise NotMarked("it does not say which lab it is: is its set-up cell there?")
        lab = labs[row.lab]
        row.points, row.possible = dict.fromkeys(lab.questions, 0), sum(lab.possible.values())
        order = {
            "cells": [BEFORE, *cells],
            "header": lab.header,
            "seconds": limits.seconds / 4,
            "memory": int(limits.memory * 2**30),
            "file": FILE,
            "secret": None if limits.sandbox else secret,
        }
        problems, row.points, row.failed = converse(order, lab, limits)
        row.messages += problems[:3]
    except NotMarked as why:
        row.messages.append(str(why))
    row.seconds = time.monotonic() - start
    return row


def submissions(folder: Path) -> list[Path]:
    """All files, but hidden ones and what unpacking leaves behind."""
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    return sorted(
        p for p in found if not any(part.startswith((".", "__MACOSX")) for part in p.relative_to(folder).parts)
    )


def safe(text: str) -> str:
    """For a spreadsheet, which would take it for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") and text else text


def write(rows: list[Row], out: Path) -> None:
    questions = sorted({question for row in rows for question in row.points})
    with out.open("w", newline="", encoding="utf8") as file:
        table = csv.writer(file)
        table.writerow(["file", "lab", *questions, "total", "max", "message", "failed", "seconds"])
        for row in rows:
            points = [round(row.points[one], 2) if one in row.points else "" for one in questions]
            total = round(sum(row.points.values()), 2)
            possible = "" if row.possible is None else round(row.possible, 2)
            texts = [safe("; ".join(row.messages)), " ".join(row.failed)]
            table.writerow([safe(row.file), safe(row.lab), *points, total, possible, *texts, f"{row.seconds:.1f}"])


def main(argv: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=BUILT / "marks.csv")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="of one submission (%(default)s)")
    parser.add_argument("--memory", type=float, default=Limits.memory, help="GiB of one submission (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time (%(default)s)")
    args = parser.parse_args(argv)
    if os.name == "nt":
        parser.error("Windows cannot limit what a process does: run this in WSL, with bubblewrap installed")
    labs = {path.stem: Lab.read(path) for path in sorted((BUILT / "autograder").glob("*.zip"))}
    if not labs:
        parser.error("there is nothing to mark with: run `make labs` first")
    found = submissions(args.folder)
    if not found:
        parser.error(f"{args.folder} has no files: pass the folder with the submitted notebooks")
    command, why = sandbox()
    print("Each in a sandbox of bubblewrap." if command else f"No sandbox, an audit hook instead: {why}.")
    limits = Limits(args.seconds, args.memory, command)
    secret = [os.path.realpath(one) for one in (args.folder, BUILT, ROOT / "book/labs", ROOT / "tests/labs")]
    start, rows = time.monotonic(), []
    with ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda path: mark(path, str(path.relative_to(args.folder)), labs, limits, secret), found):
            rows.append(row)
            print(f"{row.file}: {sum(row.points.values()):g} of {row.possible or 0:g} {'; '.join(row.messages)}"[:160])
    write(rows, args.out)
    print(f"{len(rows)} submissions in {(time.monotonic() - start) / 60:.1f} minutes: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
