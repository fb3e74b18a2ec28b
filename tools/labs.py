"""Build the labs: what students get, the solutions, and the autograder archives.

    python -m tools.labs [LAB ...]      all labs, or those whose names start so, into _build/labs

`book/labs/N_name.ipynb` are the masters, read by otter assign; CONTRIBUTING says what is in one. Of each comes:

    student/N_name.ipynb        one file to hand out: no solution, no hidden test
    solutions/N_name.ipynb      the same with the solutions
    autograder/N_name.zip       otter's archive: all tests, hidden ones too
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from jinja2 import Template
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
MASTERS, BUILT = ROOT / "book/labs", ROOT / "_build/labs"

# Otter's own file of tests has neither names nor imports: here a test has its function's name, and knows what the lab's
# first code cell defines, untouched by what a student does to it.
TESTS = """\
from otter.test_files import test_case

{{ OK_FORMAT_VARNAME }} = False
name = "{{ name }}"
points = {{ points }}

HEADER

{% for tc in test_cases %}
@test_case(name="{{ tc.body.split("(")[0].removeprefix("def ") }}", points={{ tc.points }}, hidden={{ tc.hidden }})
{{ tc.body }}

{% endfor %}
"""


def masters(names: list[str] | None = None) -> list[Path]:
    """The masters, or those whose names start with one of these."""
    found = sorted(MASTERS.glob("*.ipynb"))
    return [path for path in found if not names or path.name.startswith(tuple(names))]


def header(nb: NotebookNode) -> str:
    """The first code cell: imports, data and helpers, which the tests share."""
    return next(cell.source for cell in nb.cells if cell.cell_type == "code")


def assign(master: Path, out: Path) -> None:
    """Run otter assign: `out/student` and `out/autograder`, each with a notebook and a folder of tests."""
    from otter import assign as otter
    from otter.assign import tests_manager

    nb = nbformat.read(master, as_version=4)
    tests_manager.EXCEPTION_BASED_TEST_FILE_TEMPLATE = Template(
        TESTS.replace("HEADER", "{% raw %}" + header(nb) + "{% endraw %}")
    )
    otter.main(str(master), str(out), no_pdfs=True, no_run_tests=True)


def build(master: Path, out: Path = BUILT) -> None:
    """Write one lab's three files; all of them or none."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder).resolve()
        assign(master, made)
        (archive,) = (made / "autograder").glob("*.zip")
        for kind, source in (
            ("student", made / "student" / master.name),
            ("solutions", made / "autograder" / master.name),
            ("autograder", archive),
        ):
            (out / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, out / kind / (master.stem + source.suffix))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labs", nargs="*")
    args = parser.parse_args(argv)
    for master in masters(args.labs):
        build(master)
        print(f"wrote {BUILT.relative_to(ROOT)}/*/{master.stem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
