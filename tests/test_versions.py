"""`make versions`: what it makes of pytest's and pip's answers. The environments themselves are made in CI."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import versions


@pytest.fixture
def place(tmp_path):
    """An environment whose Python is the one that runs these tests."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "bin/python").chmod(0o755)
    return tmp_path


def test_pytest_is_counted_and_what_failed_is_shown(place, capsys, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # plugins take most of a second to load
    suite = place / "test_some.py"
    suite.write_text(
        "import pytest\n\ndef test_good(): pass\n\ndef test_bad(): assert 'cause' == 'cure'\n\n"
        "@pytest.mark.skip\ndef test_left_out(): pass\n"
    )
    assert versions.passed(place, "some", str(suite)) == (False, 1, 1)
    assert "test_bad" in capsys.readouterr().out
    assert versions.passed(place, "some", str(suite), "-k", "good") == (True, 1, 0)
    assert capsys.readouterr().out == ""


def test_a_pytest_that_cannot_start_is_a_failure(place):
    (place / "bin/python").write_text("#!/bin/sh\nexit 1\n")
    assert versions.passed(place, "some", "nothing") == (False, 0, 1)


def test_versions_that_do_not_fit_are_a_row_of_the_table(monkeypatch, capsys):
    def refuse(place, held):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(versions, "install", refuse)
    monkeypatch.setattr(sys, "argv", ["versions", "lowest"])
    with pytest.raises(SystemExit, match="failed: lowest"):
        versions.main()
    assert "not installed" in capsys.readouterr().out


def test_an_unknown_environment_is_refused_at_the_door(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["versions", "oldest"])
    with pytest.raises(SystemExit):
        versions.main()
    assert "no environment oldest: choose from lowest, colab, newest" in capsys.readouterr().err


@pytest.mark.parametrize("notebook", versions.NOTEBOOKS)
def test_its_notebooks_are_there(notebook):
    assert Path(versions.ROOT, "book/chapters", f"{notebook}.ipynb").is_file()
