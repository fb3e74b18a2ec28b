"""Build the labs: what students get, the solutions, and the autograder archives.

    python -m tools.labs [LAB ...]      all labs, or those whose names start so, into _build/labs

`book/labs/N_name.ipynb` are the masters, read by otter assign; CONTRIBUTING says what is in one. Of each comes:

    student/N_name.ipynb        one file to hand out: no solution, no hidden test
    solutions/N_name.ipynb      the same with the solutions
    autograder/N_name.zip       otter's archive: all tests, hidden ones too; `make mark` reads it
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script

from tools import notebooks  # noqa: E402

MASTERS, BUILT = notebooks.LABS, ROOT / "_build/labs"
CHECK = re.compile(r'grader\.check\("(\w+)"\)')

# Otter's own template has neither names nor imports. Here a test is called as its function is, and it knows what the
# lab's first code cell defines: a copy of its own, which no student can spoil.
TESTS = """\
from otter.test_files import test_case

HEADER

{{ OK_FORMAT_VARNAME }} = False
name = "{{ name }}"
points = {{ points }}

{% for tc in test_cases %}
@test_case(name="{{ tc.body.split("(")[0].removeprefix("def ") }}", points={{ tc.points }}, hidden={{ tc.hidden }})
{{ tc.body }}

{% endfor %}
"""

# What `import otter` needs, by the name that is imported. Installed without what they ask for: otter asks for newer
# widgets than Colab has, for a browser and for Docker, and no check needs any of that.
LIGHT = {
    "dill": "dill",
    "fica": "fica",
    "frontmatter": "python-frontmatter",
    "ipylab": "ipylab",
    "ipywidgets": "ipywidgets",
    "nbformat": "nbformat",
    "otter": "otter-grader",
    "wrapt": "wrapt",
    "yaml": "pyyaml",
}

# The lab's part of the set-up cell, after the course's own. A failed check shows its hint alone: otter would show the
# line of the test, in which the hint stands once more. And otter would log each check in the student's folder.
SETUP = """\


# What checks your answers. It comes without what it could do besides, so that nothing else here changes its version.
light = {light}
absent = [pin for module, pin in light.items() if not is_there(module)]
if absent:
    import importlib
    import subprocess

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
    if subprocess.run([*pip, "--no-deps", "--find-links", ".", *absent]).returncode:
        raise RuntimeError(
            f"The checks were not installed; pip's reason is above. Missing: {{', '.join(absent)}}. Without a network, "
            "put their wheels into this folder first. You can go on without: leave out the cells that start with "
            "`grader`. What you hand in is marked all the same."
        )
    importlib.invalidate_caches()

import otter
from otter.test_files import ExceptionTestFile

ExceptionTestFile._generate_error_message = lambda self, error, context=0: (
    str(error) if isinstance(error, AssertionError) else f"Your answer stops with {{type(error).__name__}}: {{error}}"
)
otter.Notebook._log_event = lambda *_, **__: None  # no file that grows with each check
tests = Path("tests/{lab}")  # Colab finds them in a folder alone
tests.mkdir(parents=True, exist_ok=True)
checks = {{
{checks}
}}
for name, check in checks.items():
    (tests / f"{{name}}.py").write_text(check, "utf8")

grader = otter.Notebook(tests_dir="tests/{lab}")"""


def masters(names: list[str] | None = None) -> list[Path]:
    """The masters, or those whose names start with one of these."""
    found = sorted(MASTERS.glob("*.ipynb"))
    return [path for path in found if not names or path.name.startswith(tuple(names))]


def assign(master: Path, out: Path) -> None:
    """Run otter assign: `out/student` and `out/autograder`, each with a notebook and a folder of tests."""
    import jinja2
    from otter.assign import main, tests_manager

    header = next(cell.source for cell in notebooks.read(master).cells if cell.cell_type == "code")
    template = jinja2.Template(TESTS.replace("HEADER", "{% raw %}" + header + "{% endraw %}"))
    tests_manager.EXCEPTION_BASED_TEST_FILE_TEMPLATE = template
    main(str(master), str(out), no_pdfs=True, no_run_tests=True)


def setup_source(lab: str, tests: Path) -> str:
    """The set-up cell: the course's, what the checks need, and the public tests of a folder."""
    light = {module: f"{name}=={version(name)}" for module, name in LIGHT.items()}
    checks = [f"    {path.stem!r}: {path.read_text('utf8')!r}," for path in sorted(tests.glob("*.py"))]
    return notebooks.setup_source() + SETUP.format(lab=lab, light=light, checks="\n".join(checks))


def finish(path: Path, tests: Path) -> NotebookNode:
    """What otter assign wrote, in plain Markdown and with its set-up cell."""
    nb = notebooks.read(path)
    nb.cells = [cell for cell in nb.cells if cell.source.strip()]
    for cell in nb.cells:
        if check := CHECK.match(cell.source):
            cell.id = f"check-{check[1]}"  # otter's is another each time, and so the file would be
    setup = new_code_cell(setup_source(path.stem, tests), id="setup")
    setup.metadata.update(cellView="form", jupyter={"source_hidden": True}, tags=["setup"])
    nb.cells.insert(1, setup)
    return notebooks.plain(nb, MASTERS)


def build(master: Path, out: Path = BUILT) -> None:
    """Write one lab's three files, when all of them are made."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder).resolve()
        assign(master, made)
        (archive,) = (made / "autograder").glob("*.zip")
        public = made / "student/tests"
        for kind in ("student", "solutions"):
            source = made / kind.replace("solutions", "autograder") / master.name
            source.write_text(notebooks.write(finish(source, public)), "utf8")
            (out / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, out / kind)
        (out / "autograder").mkdir(exist_ok=True)
        shutil.copy(archive, out / "autograder" / f"{master.stem}.zip")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labs", nargs="*")
    args = parser.parse_args(argv)
    found = masters(args.labs)
    if not found:
        parser.error(f"no lab starts with {' or '.join(args.labs)}: {', '.join(path.stem for path in masters())}")
    for master in found:
        build(master)
        print(f"wrote {master.stem}")
    print(f"into {BUILT}: student/ is to hand out, the rest is not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
