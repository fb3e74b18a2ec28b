"""tools/notebooks.py: clean, set up, check, and translate. What its set-up cell does: tests/test_setup_cell.py."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy

import nbformat
import pytest

from tests.book import toy
from tools import myst, notebooks, repository

BIB = """@book{two,
  author = {Köpf, Andreas and {van Rijn}, Jo},
  year = {2001},
  url = {https://example.org/two},
}

@article{many,
  author = {Koren, Yehuda and Bell, Robert and Volinsky, Chris},
  title = {{Matrix} Factorization},
  year = {2009},
  doi = {10.1109/MC.2009.263},
}
"""

TERMS = "https://me.github.io/kit/book/appendix/glossary.html#term-"


def plain(text: str) -> str:
    here = notebooks.ROOT / "book/chapters"
    bib, url, site = myst.references(BIB), "https://github.com/me/kit", "https://me.github.io/kit/"
    return myst.Plain(here, notebooks.ROOT, bib, url, site).markdown(text)


def dirty() -> nbformat.NotebookNode:
    nb = toy.chapter()
    nb.metadata["widgets"] = {"a": 1}
    nb.metadata["kernelspec"]["display_name"] = ".venv"
    nb.cells[4].outputs = [nbformat.v4.new_output("stream", text="hi")]
    nb.cells[4].execution_count = 12
    nb.cells[4].metadata["collapsed"] = True
    nb.cells[4].source += "   \n\n"
    nb.cells.append(nbformat.v4.new_code_cell("  "))
    return nb


def test_clean_keeps_only_what_was_written():
    wanted = toy.chapter()
    nb = dirty()
    for cell, other in zip(wanted.cells, nb.cells, strict=False):
        cell.id = other.id
    assert notebooks.write(notebooks.clean(nb)) == notebooks.write(wanted)


def test_clean_is_stable_and_mends_ids_the_same_way_every_time():
    nb = dirty()
    for cell in nb.cells[:5]:
        cell.id = "same"
    first, second = (notebooks.clean(deepcopy(nb)) for _ in range(2))
    ids = [cell.id for cell in first.cells]
    assert ids[0] == "same" and len(set(ids)) == len(ids)
    assert notebooks.write(first) == notebooks.write(second) == notebooks.write(notebooks.clean(deepcopy(first)))
    nbformat.validate(first)


def test_setup_folds_the_solutions():
    nb = toy.chapter()
    wanted = notebooks.write(nb)
    for cell in nb.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata = nbformat.from_dict({"tags": ["solution"]})
    assert notebooks.write(notebooks.clean(notebooks.set_up(nb))) == wanted


@pytest.mark.parametrize("tag", ["hide-input", "hide-cell"])
def test_what_the_book_folds_is_a_form_in_colab(tag):
    nb = toy.chapter()
    nb.cells[4].metadata["tags"] = [tag]
    forms = [cell for cell in notebooks.clean(notebooks.set_up(nb)).cells if cell.metadata.get("cellView") == "form"]
    assert [cell.metadata["tags"][0] for cell in forms] == ["setup", tag, "solution", "solution", "solution"]
    assert forms[0].source.startswith("# @title ")


def test_setup_is_written_over_the_old_one_or_third():
    nb = toy.chapter()
    nb.cells[2].source = "old"
    assert notebooks.set_up(nb).cells[2].source == notebooks.setup_source()
    del nb.cells[2]
    cell = notebooks.set_up(nb).cells[2]
    assert cell.metadata["tags"] == ["setup", "hide-input"] and cell.source == notebooks.setup_source()


@pytest.mark.parametrize(
    ("code", "package"),
    [
        ("from collabkit import Index, Recommender", "usearch"),
        ("import numpy as np\nfrom collabkit import (\n    Index,\n)", "usearch"),
        ("from collabkit import Recommender\nimport pandas as pd\npd.Index([1])", ""),
    ],
)
def test_a_notebook_with_an_index_brings_its_package(code, package):
    nb = toy.chapter()
    nb.cells[4].source = code
    setup = notebooks.set_up(nb).cells[2].source
    assert setup == notebooks.setup_source(extra=package)
    assert ('"collabkit optuna usearch".split()' in setup and '*sources, "usearch"]' in setup) == bool(package)
    compile(setup, "setup", "exec")


def test_url_comes_from_pyproject(tmp_path):
    assert notebooks.repository_url(tmp_path) == notebooks.PLACEHOLDER_URL
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/me/kit.git"\n')
    assert notebooks.repository_url(tmp_path) == "https://github.com/me/kit"


def test_the_site_is_that_of_the_repository():
    url = notebooks.repository_url()
    owner, name = repository.parse(url)
    pages = f"https://{owner.lower()}.github.io/{name}/"
    assert repository.moved(pages, (owner, name), ("Me", "kit")) == "https://me.github.io/kit/"
    assert notebooks.site_url() == pages


@pytest.mark.parametrize(
    ("markup", "wanted"),
    [
        ("As {cite:t}`many` show.", "As Koren et al. ([2009](https://doi.org/10.1109/MC.2009.263)) show."),
        (
            "Known {cite:p}`many, two`.",
            "Known ([Koren et al. 2009](https://doi.org/10.1109/MC.2009.263); [Köpf & van Rijn 2001](https://example.org/two)).",
        ),
        ("See {doc}`the terms <../data>`.", "See [the terms](https://me.github.io/kit/book/data.html)."),
        ("See {doc}`../data`.", "See [The data and its terms](https://me.github.io/kit/book/data.html)."),
        ("{doc}`../appendix/api`", "[API reference](https://me.github.io/kit/book/appendix/api.html)"),
        ("A {term}`factor`, {ref}`here <label>`.", f"A [factor]({TERMS}factor), here."),
        ("{term}`other words <L2 penalty>`", f"[other words]({TERMS}L2-penalty)"),
        (":::{note}\nLook.\n:::", "> **Note**\n>\n> Look."),
        (
            ":::{tip} Faster\nUse `x`.\n\nAnd {term}`y`.\n:::",
            f"> **Tip: Faster**\n>\n> Use `x`.\n>\n> And [y]({TERMS}y).",
        ),
        (":::{admonition} More\n:class: hint\nLook.\n:::", "> **More**\n>\n> Look."),
        (
            "a\n\n:::{admonition} More\n:class: dropdown\nA {ref}`b`.\n\nc\n:::\n\nd",
            "a\n\n<details>\n<summary><b>More</b></summary>\n\nA b.\n\nc\n\n</details>\n\nd",
        ),
        (":::{note}\na\n:::\n\n:::{tip}\nb\n:::", "> **Note**\n>\n> a\n\n> **Tip**\n>\n> b"),
        ("```\na\n```\n\n```\nb\n```\n\nc", "```\na\n```\n\n```\nb\n```\n\nc"),
        ("(label)=\n## Title\n\n$a_{i}`$", "## Title\n\n$a_{i}`$"),
        ("`{note}` and ``{cite:p}`a` ``", "`{note}` and ``{cite:p}`a` ``"),
        ("```python\nx = {a}`b`\n:::\n```", "```python\nx = {a}`b`\n:::\n```"),
    ],
)
def test_plain_markdown(markup, wanted):
    assert plain(markup) == wanted


@pytest.mark.parametrize(
    ("markup", "problem"),
    [
        ("{numref}`a`", "role '{numref}' is not one of"),
        (":::{exercise}\n:::", "directive ':::{exercise}' is not one of"),
        ("```{note}\n```", "with colons"),
        (":::{note}\nLook.", "never closed"),
        ("::::{note}\n:::{figure} a.png\n:::\n::::", "'{figure}'|directive ':::{figure} a.png'"),
        ("[data](../data.md)", "works in the book only"),
        ("![picture](a.png)", "works in the book only"),
        ("{cite:p}`nobody`", "'nobody' is not in references.bib"),
        ("{doc}`nowhere`", "points at no page"),
    ],
)
def test_other_markup_is_an_error(markup, problem):
    with pytest.raises(myst.MystError, match=problem):
        plain(markup)


def test_links_between_chapters_stay_in_the_notebooks(tmp_path):
    (tmp_path / "02_next.ipynb").write_text(notebooks.write(toy.chapter()))
    translate = myst.Plain(tmp_path, tmp_path, {}, "", "")
    assert translate.markdown("{doc}`02_next`") == "[A toy](02_next.ipynb)"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with one dirty chapter."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    path = tmp_path / "book/chapters/09_toy.ipynb"
    path.parent.mkdir(parents=True)
    (tmp_path / "book/references.bib").write_text(BIB.replace("many", "koren2009matrix"))
    (tmp_path / "_config.yml").write_text("html:\n  baseurl: &site https://me.github.io/kit/\n")
    path.write_text(notebooks.write(dirty()))
    return path


def test_check_names_the_notebook_and_setup_mends_it(book, capsys):
    assert notebooks.main(["check", str(book)]) == 1
    assert f"run `python tools/notebooks.py setup {book}`" in capsys.readouterr().err
    assert notebooks.main(["setup", str(book)]) == 0
    assert notebooks.main(["check", str(book)]) == 0
    assert notebooks.main(["clean", str(book)]) == 0
    assert "wrote" in capsys.readouterr().out


def test_clean_leaves_a_clean_notebook_untouched(book):
    notebooks.main(["clean", str(book)])
    before = book.stat().st_mtime_ns
    notebooks.main(["clean", str(book)])
    assert book.stat().st_mtime_ns == before


def test_plain_writes_copies(book, tmp_path):
    notebooks.main(["setup", str(book)])
    before = book.read_text("utf8")
    assert notebooks.main(["plain", str(tmp_path / "out")]) == 0
    copy = notebooks.read(tmp_path / "out/book/chapters/09_toy.ipynb")
    text = "\n".join(cell.source for cell in copy.cells if cell.cell_type == "markdown")
    assert "> **Tip**" in text and "{cite" not in text and book.read_text("utf8") == before


def test_plain_writes_nothing_when_a_chapter_cannot_be_translated(book, tmp_path, capsys):
    book.write_text(book.read_text().replace("{tip}", "{exercise}"))
    assert notebooks.main(["plain", str(tmp_path / "out")]) == 1
    assert "09_toy.ipynb: directive ':::{exercise}'" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_broken_file_is_named(book, capsys):
    book.write_text("{")
    assert notebooks.main(["clean", str(book)]) == 1
    assert str(book) in capsys.readouterr().err


def test_runs_as_a_script():
    done = subprocess.run([sys.executable, "tools/notebooks.py", "--help"], cwd=notebooks.ROOT, capture_output=True)
    assert done.returncode == 0
