"""Run one submission, then its tests: the process that tools/mark.py locks up. It is a script of its own.

It reads two lines of JSON and answers each with one. First the student's cells: they run, and what went wrong is the
answer. Only then come the tests, hidden ones too, and the answer is what each question scored. Output goes nowhere.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# What tests and this script lean on; a submission may not change it.
STATE = ("builtins", "collabkit", "inspect", "json", "numpy", "os", "otter", "pandas", "signal")
PROCESSES_AT_ONCE = 200
WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NETWORK = ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
PROCESSES = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)
CHANGES = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
)


class OutOfTime(BaseException):
    """Not an Exception, so that `except Exception` in a loop does not catch it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise in what runs longer, and again each second after, for code that goes on."""
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def out_of_time(*_: Any) -> None:
    raise OutOfTime


def guard(secret: list[str]) -> None:
    """Where no sandbox is: refuse network, processes, writing outside this folder, and reading what is secret."""
    folder = os.path.realpath(os.getcwd())

    def inside(path: Any, folders: list[str]) -> bool:
        real = os.path.realpath(os.fsdecode(path))
        return any(os.path.commonpath([real, one]) == one for one in folders)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in NETWORK:
            raise PermissionError("no network while a lab is marked")
        if event in PROCESSES:
            raise PermissionError("no other processes while a lab is marked")
        paths = args[:2] if event in ("os.rename", "os.link", "os.symlink") else args[:1]
        paths = tuple(path for path in paths if isinstance(path, str | bytes | os.PathLike))
        if event == "open":
            if any(inside(path, secret) for path in paths):
                raise PermissionError("not to be read while a lab is marked")
            if not (isinstance(args[2], int) and args[2] & WRITE):
                return
        elif event not in CHANGES:
            return
        if not all(inside(path, [folder, "/dev/null"]) for path in paths):
            raise PermissionError("no writing outside the lab's folder")

    sys.addaudithook(hook)


def snapshot() -> Callable[[], list[str]]:
    """Remember the functions and classes that tests lean on; what comes back puts them back, and names what was not."""
    kinds = (property, classmethod, staticmethod)
    modules = {name: m for name, m in sys.modules.items() if name.split(".")[0] in STATE}
    owners: list[Any] = list(modules.values())
    for module in list(owners):
        if module.__name__.startswith(("collabkit", "otter")):
            owners += [one for one in vars(module).values() if isinstance(one, type) and one.__module__ in sys.modules]
    before = [
        (owner, {k: v for k, v in vars(owner).items() if callable(v) or isinstance(v, kinds)}) for owner in owners
    ]

    def restore() -> list[str]:
        sys.settrace(None)
        sys.setprofile(None)
        signal.signal(signal.SIGALRM, out_of_time)
        changed = [name for name, module in modules.items() if sys.modules.get(name) is not module]
        sys.modules.update(modules)
        for owner, values in before:
            now = vars(owner)
            for name in [name for name, value in values.items() if now.get(name) is not value]:
                changed.append(f"{owner.__name__}.{name}")
                type.__setattr__(owner, name, values[name]) if isinstance(owner, type) else now.update(
                    {name: values[name]}
                )
        return changed

    return restore


def run_cells(cells: list[str], seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Run cells as Jupyter would, each whatever became of the others; give their variables, and what went wrong."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.showtraceback = lambda *_, **__: None  # type: ignore[method-assign]
    problems = []
    for cell in filter(str.strip, cells):
        error: BaseException | None
        try:
            with limited(seconds):
                result = shell.run_cell(cell)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:
            error = escaped
        if error is not None:
            problems.append(f"cell {cell.strip().splitlines()[0][:40]!r}: {words(error, seconds)}")
    return shell.user_ns, problems


def words(error: BaseException, seconds: float) -> str:
    if isinstance(error, OutOfTime):
        return f"stopped after {seconds:.0f} s"
    try:
        text = " ".join(str(error).split())[:200]
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def score(source: str, space: dict[str, Any], seconds: float, restore: Callable[[], list[str]]) -> dict[str, Any]:
    """Points of one question, and the tests that failed: those too during which something was replaced."""
    from otter.test_files.abstract_test import TestCaseResult
    from otter.test_files.exception_test import ExceptionTestFile

    question = ExceptionTestFile.from_string(source)
    for case in question.test_cases:
        try:
            with limited(seconds):
                case.body.call_func(dict(space))
            passed = True
        except BaseException:  # otter's own run would let SystemExit through
            passed = False
        passed = not restore() and passed
        question.test_case_results.append(TestCaseResult(case, None, passed))
    failed = [result.test_case.name for result in question.test_case_results if not result.passed]
    return {"points": question.score, "failed": failed}


def main() -> None:
    asked, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nothing, fd)
    order = json.loads(asked.readline())
    resource.setrlimit(resource.RLIMIT_DATA, (order["memory"], order["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (order["file"], order["file"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if order["secret"] is None:  # in the sandbox, where nobody else's processes count
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES_AT_ONCE, PROCESSES_AT_ONCE))
    signal.signal(signal.SIGALRM, out_of_time)
    import otter.test_files  # noqa: F401

    exec(order["header"], {})  # what the tests import is loaded before a student's code can stand in for it
    restore = snapshot()
    os.dup2(nothing, 2)
    if order["secret"] is not None:
        guard(order["secret"])
    space, problems = run_cells(order["cells"], order["seconds"])
    if replaced := restore():
        problems.insert(0, f"it replaced {', '.join(replaced[:3])}: read it")
    print(json.dumps(problems), file=answers, flush=True)
    tests = json.loads(asked.readline())
    results = {name: score(source, space, order["seconds"], restore) for name, source in tests["questions"].items()}
    print(json.dumps({"key": tests["key"], "results": results}), file=answers, flush=True)
    os._exit(0)  # no threads, no exit handlers of the submission


if __name__ == "__main__":
    main()
