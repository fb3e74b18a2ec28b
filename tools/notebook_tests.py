"""A pytest plugin: nbval asserts the cells of a notebook on what tools/executed.py has kept of it, or runs now."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, IPyNbFile

from tools import executed


def pytest_addoption(parser) -> None:
    help = "run the notebooks, whatever was kept of them, and keep nothing: for another machine or other versions"
    parser.getgroup("nbval").addoption("--fresh", action="store_true", help=help)


class Played:
    """Stands where nbval has a kernel, and answers for each cell with what that cell has put out."""

    def __init__(self, cells: list[NotebookNode], failed: int | None):
        self.cells, self.failed = cells, failed
        self.cell_num = 0

    def is_alive(self) -> bool:
        return True

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        if self.failed is not None and self.cell_num > self.failed:
            pytest.skip(f"not run: cell {self.failed} failed")
        idle = NotebookNode(output_type="status", execution_state="idle")
        self.messages = iter([*self.cells[self.cell_num].outputs, idle])
        return "played"

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        output = next(self.messages)
        return {"msg_type": output.output_type, "content": output, "parent_header": {"msg_id": "played"}}

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """The reply is there."""

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        """So is all that comes after it."""

    def stop(self) -> None:
        """Nothing runs."""


class Notebook(IPyNbFile):
    seconds = 0.0  # that it took to run, if it did

    def setup(self) -> None:
        fresh = self.config.getoption("fresh")
        nb, failed = None if fresh else executed.kept(self.path), None
        if nb is None:
            start = time.perf_counter()
            nb, failed = executed.run(self.path, keeps=not fresh)
            self.seconds = time.perf_counter() - start
        self.kernel = Played(executed.code(nb), failed)
        self.setup_sanitize_files()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent):
    found = yield
    return [Notebook.from_parent(parent, path=file_path) if isinstance(file, IPyNbFile) else file for file in found]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item) -> None:
    if isinstance(item, IPyNbCell):
        item.parent.kernel.cell_num = item.cell_num
        item.user_properties.append(("seconds", item.parent.seconds))


def pytest_collection_modifyitems(config, items) -> None:
    """Side by side, notebooks come first, and the later chapters, which take longer, before the earlier ones."""
    if hasattr(config, "workerinput"):
        cells = [item for item in items if isinstance(item, IPyNbCell)]
        cells.sort(key=lambda item: item.path.name, reverse=True)
        items[:] = cells + [item for item in items if not isinstance(item, IPyNbCell)]


class Tally:
    """Says when a notebook has run, and in the end which part of the run was notebooks: pytest counts their cells."""

    def __init__(self, terminal) -> None:
        self.terminal = terminal
        self.outcomes: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report) -> None:
        notebook = report.nodeid.partition("::")[0]
        if not notebook.endswith(".ipynb") or (report.passed and report.when != "call"):
            return
        self.outcomes.setdefault(notebook, []).append(report.outcome)
        seconds = dict(report.user_properties).get("seconds", 0.0)
        if seconds and notebook not in self.seconds:
            self.seconds[notebook] = seconds
            self.terminal.write(f"\n{notebook}: {seconds:.0f} s\n")

    def pytest_terminal_summary(self) -> None:
        failed = sorted(name for name, seen in self.outcomes.items() if set(seen) != {"passed"})
        ran, kept = len(self.seconds), len(self.outcomes) - len(self.seconds)
        cells = sum(map(len, self.outcomes.values()))
        count = f"{len(self.outcomes) - len(failed)} passed, {len(failed)} failed"
        self.terminal.write_line(f"notebooks: {ran} ran and {kept} had run before ({cells} cells), {count}")
        for name in failed:
            self.terminal.write_line(f"  failed: {name}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal:  # workers have none
        config.pluginmanager.register(Tally(terminal))
