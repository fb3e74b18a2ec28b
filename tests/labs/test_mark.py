"""Marking: what each submission earns, and that none of them costs anybody else anything. On a lab of two questions."""

from __future__ import annotations

import csv
import http.server
import json
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tools import labs, mark

pytestmark = pytest.mark.skipif(not hasattr(mark.os, "killpg"), reason="Windows has no limits on a process: use WSL")

TEST = """\
from otter.test_files import test_case

import numpy as np

OK_FORMAT = False
name = "{name}"
points = 2

@test_case(name="test_{name}_seen", points=None, hidden=False)
def test_seen({answer}):
    assert np.isclose({answer}(9), {seen}), "look again"

@test_case(name="test_{name}_hidden", points=None, hidden=True)
def test_hidden({answer}):
    assert np.isclose({answer}(16), {hidden})
"""
TESTS = {
    "q1": TEST.format(name="q1", answer="double", seen=18, hidden=32),
    "q2": TEST.format(name="q2", answer="root", seen=3, hidden=4),
}
SETUP = 'import otter\n\ngrader = otter.Notebook(tests_dir="tests/toy")'
DOUBLE = "def double(x):\n    return 2 * x\n\n\ngrader.check('q1')"
ROOT = "def root(x):\n    return x**0.5"


def notebook(*cells: str, setup: str = SETUP) -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in (setup, *cells)]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# Toy"}, *code], "metadata": {}})


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A folder for submissions, and a built lab to mark them with."""
    (tmp_path / "built/autograder").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "built/autograder/toy.zip", "w") as archive:
        for name, source in TESTS.items():
            archive.writestr(f"tests/{name}.py", source)
    monkeypatch.setattr(mark, "BUILT", tmp_path / "built")
    (tmp_path / "handed in").mkdir()
    return tmp_path / "handed in"


@pytest.fixture(scope="module")
def locked() -> list[str]:
    command, why = mark.sandbox()
    if command is None:
        pytest.skip(f"no sandbox: {why}")
    return command


@pytest.fixture
def page():
    """A page on this machine, and how often it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()


def marked(folder: Path, *options: str) -> dict[str, dict[str, str]]:
    out = folder.parent / "marks.csv"
    assert mark.main([str(folder), "--out", str(out), *options]) == 0
    with out.open(encoding="utf8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def one(folder: Path, sandbox: list[str] | None, *cells: str, seconds: float = 100) -> mark.Row:
    path = folder / "one.ipynb"
    path.write_text(notebook(*cells))
    labs = {"toy": mark.Lab.read(mark.BUILT / "autograder/toy.zip")}
    return mark.mark(path, path.name, labs, mark.Limits(seconds, 1, sandbox, [str(mark.BUILT.resolve())]))


def test_a_folder_of_submissions(toy, locked, page, capsys):
    url, asked = page
    whole = notebook(DOUBLE, ROOT)
    handed_in = {
        "Ann/lab.ipynb": whole,
        "bad.ipynb": notebook("def double(x):\n    return x + x if x < 10 else x", ROOT),
        "hangs.ipynb": notebook(DOUBLE, "import time\n\ntime.sleep(10**6)", ROOT),
        "crashes.ipynb": notebook(DOUBLE, ROOT, "import os\n\nos._exit(0)"),
        "segfault": notebook(DOUBLE, ROOT, "import ctypes\n\nctypes.string_at(0)"),
        "network.ipynb": notebook(f"import urllib.request\n\nurllib.request.urlopen({url!r})", DOUBLE, ROOT),
        "memory.ipynb": notebook("hoard = []\nwhile True:\n    hoard.append(bytearray(10**7))", DOUBLE, ROOT),
        "outside.ipynb": notebook(f"open({str(toy / 'Ann/lab.ipynb')!r}, 'w').write('mine')", DOUBLE, ROOT),
        "above.ipynb": notebook("open('../mine.txt', 'w')", "open('mine.txt', 'w').write('x')", DOUBLE, ROOT),
        "essay.pdf": "%PDF-1.7 \x00\x01",
        "half.ipynb": whole[: len(whole) // 2],
        "other.ipynb": notebook(DOUBLE, ROOT, setup="import otter"),
        "loud.ipynb": notebook(DOUBLE, "for _ in range(300):\n    print('x' * 10**6)", ROOT),
        "=1+1.ipynb": notebook(DOUBLE, ROOT),
        "\udcff.ipynb": notebook(DOUBLE, ROOT, "raise ValueError('\\ud800')"),  # neither can be written in UTF-8
    }
    for name, text in handed_in.items():
        (toy / name).parent.mkdir(exist_ok=True)
        (toy / name).write_text(text)
    start = time.monotonic()
    rows = marked(toy, "--seconds", "80", "--memory", "1", "--jobs", "2")
    assert time.monotonic() - start < 80 * len(rows) / 2
    assert rows.keys() == (handed_in.keys() - {"=1+1.ipynb", "\udcff.ipynb"}) | {"'=1+1.ipynb", r"\udcff.ipynb"}
    full = ("2.0", "2.0", "4.0", "4.0")
    points = {name: (row["q1"], row["q2"], row["total"], row["max"]) for name, row in rows.items()}
    lost, unknown = ("0", "0", "0", "4.0"), ("", "", "0", "")
    for name in (
        "Ann/lab.ipynb",
        "network.ipynb",
        "memory.ipynb",
        "outside.ipynb",
        "above.ipynb",
        "loud.ipynb",
        "'=1+1.ipynb",
        r"\udcff.ipynb",
    ):
        assert points[name] == full, rows[name]
    assert points["bad.ipynb"] == ("1.0", "2.0", "3.0", "4.0")
    assert rows["bad.ipynb"]["failed"] == "test_q1_hidden"
    assert points["hangs.ipynb"] == full and "stopped after 20 s" in rows["hangs.ipynb"]["message"]
    for name, says in {
        "crashes.ipynb": "ended before it was marked",
        "segfault": "ended before it was marked",
        "essay.pdf": "not a notebook",
        "half.ipynb": "not a notebook",
        "other.ipynb": "does not say which lab",
    }.items():
        assert points[name] == (lost if "ended" in says else unknown) and says in rows[name]["message"], rows[name]
    for name, says in {
        "network": "URLError",
        "memory": "MemoryError",
        "outside": "Error",
        "above": "Read-only",
    }.items():
        assert says in rows[f"{name}.ipynb"]["message"], rows[f"{name}.ipynb"]
    assert asked == []
    assert (toy / "Ann/lab.ipynb").read_text() == whole
    assert not list(toy.parent.rglob("mine.txt"))
    assert "Each in a sandbox of bubblewrap" in capsys.readouterr().out


def test_who_cannot_be_stopped_is_ended(toy, locked):
    cell = "import time\n\nwhile True:\n    try:\n        time.sleep(100)\n    except BaseException:\n        pass"
    row = one(toy, locked, DOUBLE, cell, seconds=8)
    assert row.messages == ["stopped after 8 s"] and row.points == {"q1": 0, "q2": 0}
    assert row.seconds < 30


def test_no_points_for_tampering(toy, locked):
    archive = str(mark.BUILT / "autograder/toy.zip")
    tamper = f"""\
import os, sys
import numpy as np
import otter.test_files.exception_test as tests
from otter.test_files.abstract_test import TestFile

np.isclose = lambda *_, **__: True
tests.test_case.call_func = lambda *_: None
TestFile.score = property(lambda self: 100)
sys.modules["numpy"].allclose = None
print('{{"key": "", "results": {{"q1": {{"points": 100, "possible": 1, "failed": []}}}}}}')
open({archive!r})"""
    row = one(toy, locked, tamper, "double = root = lambda x: 1")
    assert row.points == {"q1": 0, "q2": 0}
    assert row.messages[0].startswith("read it, for it has")
    assert row.messages[1].startswith("it replaced ") and "numpy.isclose" in row.messages[1]
    assert "FileNotFoundError" in row.messages[2]


REPLACING = {  # each goes on, or begins, after the cells have ended
    "a thread": """\
import threading, time
import numpy as np


def go():
    while True:
        np.isclose = lambda *_, **__: True
        time.sleep(0.0005)


threading.Thread(target=go, daemon=True).start()
double = root = lambda x: 1""",
    "the answer": """\
import numpy as np


def double(x):
    np.isclose = lambda *_, **__: True
    return 1


root = double""",
    "a signal": """\
import signal
import numpy as np

signal.signal(signal.SIGPROF, lambda *_: setattr(np, "isclose", lambda *_, **__: True))
signal.setitimer(signal.ITIMER_PROF, 0.0005, 0.0005)
double = root = lambda x: 1""",
    "a hook": """\
import sys
import numpy as np

sys.addaudithook(lambda *_: setattr(np, "isclose", lambda *_, **__: True))
double = root = lambda x: 1""",
    "another module": """\
import sys, types

sys.modules["numpy"] = types.SimpleNamespace(isclose=lambda *_, **__: True)
double = root = lambda x: 1""",
    "what writes the answer": """\
import json

dumps = json.dumps
json.dumps = lambda what: dumps(what if isinstance(what, list) else what | {"results": dict.fromkeys(
    ("q1", "q2"), {"points": 9, "failed": []})})
double = root = lambda x: 1""",
}


@pytest.mark.parametrize("cell", REPLACING.values(), ids=REPLACING)
def test_a_test_during_which_something_is_replaced_has_failed(toy, locked, cell):
    row = one(toy, locked, cell)
    assert row.points == {"q1": 0, "q2": 0} and len(row.failed) == 4
    assert "read it" in row.messages[0]


ODD = {  # not defended against; the teacher is told to read
    "np.isclose = print": "np.isclose =",
    "class Yes:\n    def __eq__(self, other):\n        return True": "__eq__",
    "class A(np.ndarray):\n    def __array_function__(self, *_):\n        return True": "__array_function__",
    "import os\nos.read(3, 10)": "os.read",
    "if not os.fork():\n    pass": "fork",
    "sys._getframe(1).f_locals": "_getframe",
    "from ctypes import string_at": "ctypes",
    "open('/proc/self/mem')": "/proc",
    "exec(text)": "exec(",
    "import signal": "import signal",
}


@pytest.mark.parametrize("cell", ODD, ids=ODD.values())
def test_odd_words_are_told(cell):
    assert mark.odd([ROOT, cell]) == [f"read it, for it has {ODD[cell]}"]


def test_what_answers_need_is_not_odd():
    fine = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n\n\nmodel.eval()\nnp.seed == 1"
    assert mark.odd([DOUBLE, ROOT, fine]) == []
    for path in labs.masters():
        assert mark.odd(mark.cells_of(path)[1]) == [], path


def test_a_link_is_no_submission(toy, locked):
    (toy / "Ann.ipynb").write_text(notebook(DOUBLE, ROOT))
    (toy / "mine.ipynb").symlink_to("Ann.ipynb")
    assert marked(toy)["mine.ipynb"]["message"] == "not a file"


def test_no_field_is_a_formula_and_no_line_obeyed_by_a_terminal(toy, locked, capsys):
    (toy / "a\n\x1b[2Jb.ipynb").write_text(notebook("raise ValueError('x;=cmd()')"))
    (row,) = marked(toy).values()
    assert row["message"] == "cell \"raise ValueError('x';'=cmd()')\": ValueError: x;'=cmd()".replace("x';'", "x;'")
    assert r"a\n\x1b[2Jb.ipynb: 0 of 4" in capsys.readouterr().out


def test_an_answer_that_ends_python_or_hangs_costs_its_question(toy, locked):
    cell = """\
import sys, time


def double(x):
    sys.exit() if x == 9 else time.sleep(1000)"""
    row = one(toy, locked, cell, ROOT, seconds=48)
    assert row.points == {"q1": 0, "q2": 2} and row.messages == []


def test_who_answers_in_the_markers_place_gets_nothing(toy, locked):
    fake = json.dumps({"key": "", "results": {name: {"points": 100, "possible": 1, "failed": []} for name in TESTS}})
    cell = (
        f"import os\n\nfor fd in range(3, 20):\n    try:\n        os.write(fd, b'[]\\n' + {fake!r}.encode() + b'\\n')\n"
    )
    row = one(toy, locked, cell + "    except OSError:\n        pass")
    assert row.points == {"q1": 0, "q2": 0} and row.messages


def test_without_a_sandbox_python_refuses_the_same(toy, page):
    pytest.importorskip("otter", reason="the extra `teach` brings it")
    url, asked = page
    attempts = f"""\
import os, subprocess, urllib.request

refused = []
for attempt in (
    lambda: urllib.request.urlopen({url!r}),
    lambda: open({str(toy / "new.txt")!r}, "w"),
    lambda: os.remove({str(toy / "one.ipynb")!r}),
    lambda: os.rename({str(toy / "one.ipynb")!r}, "here"),
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: open({str(mark.BUILT / "autograder/toy.zip")!r}),
):
    try:
        attempt()
    except Exception as error:
        refused.append("while a lab is marked" in str(error) or "outside the lab" in str(error))
open("here.txt", "w").write("fine")
assert refused == [True] * 7, refused"""
    row = one(toy, None, attempts, DOUBLE, ROOT)
    assert row.messages == ["read it, for it has subprocess, os.system"] and sum(row.points.values()) == 4
    assert asked == [] and (toy / "one.ipynb").exists() and not (toy / "new.txt").exists()


def test_nothing_to_mark_or_to_mark_with_says_so(toy, capsys, tmp_path, monkeypatch):
    with pytest.raises(SystemExit):
        mark.main([str(toy)])
    assert "has no files" in capsys.readouterr().err
    (tmp_path / "moodle.zip").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    for one in (tmp_path / "moodle.zip", Path("~/moodle.zip"), tmp_path / "spelt wrongly"):
        with pytest.raises(SystemExit):
            mark.main([str(one)])
        assert f"{one.expanduser()} is not a folder" in capsys.readouterr().err
    monkeypatch.setattr(mark, "BUILT", tmp_path / "nothing")
    with pytest.raises(SystemExit):
        mark.main([str(toy)])
    assert "run `make labs` first" in capsys.readouterr().err
