import sys
from collections import namedtuple

import pytest

from tools import make_venv


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """An empty clone in which nothing is really run: `calls` lists what would have been."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("numpy==2\n")
    monkeypatch.setattr(make_venv, "ROOT", tmp_path)
    monkeypatch.setattr(make_venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(make_venv, "STAMP", tmp_path / ".venv/installed")
    calls = []

    def create():
        calls.append("create")
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / ".venv/bin/python").touch()

    monkeypatch.setattr(make_venv, "create", create)
    monkeypatch.setattr(make_venv, "usable", lambda: (tmp_path / ".venv/bin/python").exists())
    monkeypatch.setattr(make_venv, "install", lambda: calls.append("install"))
    return tmp_path, calls


def test_the_second_call_does_nothing(clone):
    _, calls = clone
    make_venv.main()
    make_venv.main()
    assert calls == ["create", "install"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_installs_again_in_the_same_environment(clone, name):
    root, calls = clone
    make_venv.main()
    (root / name).write_text("changed")
    make_venv.main()
    assert calls == ["create", "install", "install"]


def test_an_extra_installs_again(clone, monkeypatch):
    monkeypatch.delenv("EXTRAS", raising=False)
    make_venv.main()
    monkeypatch.setenv("EXTRAS", "spark, classroom")
    assert make_venv.extras() == "book,test,teach,spark,classroom"
    make_venv.main()
    make_venv.main()
    assert clone[1] == ["create", "install", "install"]


def test_a_failure_is_not_remembered_as_success(clone, monkeypatch):
    root, calls = clone
    make_venv.main()
    (root / "constraints.txt").write_text("numpy==3\n")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(make_venv, "install", lambda: make_venv.fail("no network"))
        make_venv.main()
    (root / "constraints.txt").write_text("numpy==2\n")
    make_venv.main()
    assert calls == ["create", "install", "install"]


def failing_pip(monkeypatch, tmp_path, output):
    """Let `install` run a stand-in for pip that prints `output` and fails."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\ncat <<'EOF'\n{output}\nEOF\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(make_venv, "ROOT", tmp_path)
    monkeypatch.setattr(make_venv, "VENV", tmp_path / ".venv")


@pytest.mark.parametrize(
    ("output", "cure"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by NewConnectionError", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "Try another Python"),
        ("ERROR: something new", "ERROR: something new"),
    ],
)
def test_when_pip_fails_the_message_says_what_to_do(monkeypatch, tmp_path, capsys, output, cure):
    failing_pip(monkeypatch, tmp_path, output)
    with pytest.raises(SystemExit, match=cure):
        make_venv.install()


def test_an_unsupported_python_takes_a_supported_one_that_runs(monkeypatch, tmp_path):
    for name, code in {"python3.13": "exit 127", "python3.12": "exit 0"}.items():  # a shim that is off; a real one
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(make_venv.sys, "version_info", (3, 8, 1))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make_venv.find_python() == str(tmp_path / "python3.12")
    (tmp_path / "python3.12").unlink()
    with pytest.raises(SystemExit, match=r"needs one of Python 3\.11, 3\.12, 3\.13.*\n.*make PYTHON="):
        make_venv.find_python()


def test_a_full_disk_is_noticed_before_anything_is_made(monkeypatch, tmp_path):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(make_venv, "find_python", lambda: sys.executable)
    monkeypatch.setattr(make_venv.shutil, "disk_usage", lambda path: usage(1e9))
    with pytest.raises(SystemExit, match=r"needs 4 GB .* has 1\.0 GB"):
        make_venv.create()


def test_a_missing_venv_module_is_named_with_its_cure(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(make_venv, "find_python", lambda: str(python))
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        make_venv.create()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl (526.6 MB)", "torch 2.13.0, 526.6 MB"),
        ("  Using cached spacy-3.8.18-cp311-cp311-linux.whl (33.1 MB)", "spacy 3.8.18, 33.1 MB"),
        ("  Downloading tqdm-4.70.1-py3-none-any.whl (78 kB)", ""),
        ("Collecting torch", ""),
        ("Installing collected packages: a, b, c", "unpacking 3 packages"),
    ],
)
def test_only_the_long_steps_are_shown(line, shown):
    assert make_venv.progress(line) == shown
