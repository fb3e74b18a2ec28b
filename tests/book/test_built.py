"""A small book, built with the real configuration: where links lead, before and after the repository's URL is set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book import toy
from tests.book.test_appendix import GLOSSARY
from tools import myst, notebooks, repository

pytest.importorskip("jupyter_book")  # which a copy on another machine may lack

PLACEHOLDER = f"https://github.com/{repository.PLACEHOLDER}/kit"
PAGES = {
    "index": "# A book\n\n[The repository](URL/issues), [another](https://example.org/). {term}`Adam`"
    "\n\n![A curve](_figures/sigmoid.svg)\n\n![Tables](_figures/tables.svg)",
    "appendix/glossary": (notebooks.ROOT / myst.GLOSSARY).read_text("utf8"),
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """``book(url)`` builds it in a clone that has this URL; gives the output and the pages."""
    built = {}

    def build(url):
        if url not in built:
            built[url] = make(tmp_path_factory.mktemp("book"), url)
        return built[url]

    return build


def make(root: Path, url: str) -> tuple[str, dict[str, str]]:
    for name in ("tools", "book/_static", "book/_figures"):
        shutil.copytree(notebooks.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "_config.yml", "book/references.bib"):
        shutil.copy(notebooks.ROOT / name, root / name)
    for name, text in PAGES.items():
        page = root / f"book/{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(text.replace("URL", url), "utf8")
    (root / "book/toy.ipynb").write_text(notebooks.write(toy.chapter()), "utf8")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters: [{file: book/toy}, {file: book/appendix/glossary}]\n"
    )
    config = (root / "_config.yml").read_text("utf8")
    without = re.sub(r"\n +- tools\.executed\b.*", "", config)  # the toy has not run
    assert without != config
    (root / "_config.yml").write_text(without, "utf8")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    repository.rewrite(url, root)
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."]
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(jupyter_book, cwd=root, env=env, capture_output=True, text=True)
    html = root / "_build/html/book"
    assert (html / "index.html").exists(), done.stdout + done.stderr
    return done.stdout, {path.stem: path.read_text("utf8") for path in html.rglob("*.html")}


def links(page: str) -> str:
    return " ".join(re.findall(r"(?:href|content)=\"([^\"]*)\"", page))


def test_terms_are_where_notebooks_link_to(book):
    ids = set(re.findall(r'id="(term-[^"]+)"', book(PLACEHOLDER)[1]["glossary"]))
    assert ids == {f"term-{myst.anchor(term)}" for term in GLOSSARY}


def test_until_the_url_is_set_nothing_leads_to_it_and_the_build_says_how_to_set_it(book):
    said, pages = book(PLACEHOLDER)
    assert "make repository URL=https://github.com/OWNER/NAME" in said
    for name, page in pages.items():
        assert not re.search(rf"{repository.PLACEHOLDER}|colab\.research", links(page)), name
    assert "The repository, <a " in pages["index"] and "https://example.org/" in links(pages["index"])


def test_once_it_is_set_the_buttons_are_there(book):
    said, pages = book("https://github.com/me/kit")
    assert "make repository" not in said
    for link in (
        "https://colab.research.google.com/github/me/kit/blob/colab/book/toy.ipynb",
        "https://github.com/me/kit ",
        "https://github.com/me/kit/issues/new",
        "https://me.github.io/kit/book/toy.html",
    ):
        assert link in links(pages["toy"])
    assert "https://github.com/me/kit/issues " in links(pages["index"])


def test_a_figure_that_moves_stands_beside_its_still(book):
    page = book(PLACEHOLDER)[1]["index"]
    for name, alt in (("sigmoid", "A curve"), ("tables", "Tables")):
        card = page.split(f'class="moving moving-{name} ')[1]
        assert re.search(rf'\A[^>]*>\s*<img [^>]*alt="{alt}"[^>]*src="\.\./_images/{name}\.svg"', card)
        assert f'moving("{name}", (kit) =>' in card
    assert page.count("const moving = ") == 1
