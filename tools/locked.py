"""One submission in a locked-up process: what tools/mark.py asks, how it is locked up, and what comes back.

The process runs tools/lab_runner.py, which gets the student's cells first and the tests when these have ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
RUNNER = ROOT / "tools/lab_runner.py"
ANSWER = 1_000_000  # bytes that a process may answer
FILE = 50_000_000  # bytes that a submission may write into one file, and into all of its folder four times that
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
    secret: list[str] = field(default_factory=list)  # folders that the audit hook lets nobody read


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


def converse(cells: list[str], lab: Lab, limits: Limits) -> tuple[list[str], dict[str, float], list[str]]:
    """Let a process run the cells, then the tests: what went wrong in the cells, points, and the tests that failed."""
    key, late = secrets.token_hex(16), threading.Event()
    order = {
        "cells": [BEFORE, *cells],
        "header": lab.header,
        "seconds": limits.seconds / 4,
        "memory": int(limits.memory * 2**30),
        "file": FILE,
        "secret": None if limits.sandbox else limits.secret,
    }
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
            points = {name: max(0.0, min(float(results[name]["points"]), most)) for name, most in lab.possible.items()}
            failed = [str(test) for name in lab.possible for test in results[name]["failed"]]
            return [str(one)[:300] for one in problems], points, failed
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            kill(process)
            if late.is_set():
                raise NotMarked(f"stopped after {limits.seconds:.0f} s") from None
            assert process.stderr is not None
            last = process.stderr.read(ANSWER).strip().split("\n")[-1]  # empty, if the runner got as far as the cells
            reason = f"its process ended before it was marked (exit code {process.wait()}) {last}"
            raise NotMarked(reason.strip()) from None
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
