"""The appendix and the chapters agree: terms, letters, public names, messages, tables of chapters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pooch
import pytest
import requests
import torch
import yaml

import collabkit
from collabkit import movielens, results
from collabkit.results import bands
from collabkit.saving import atomic
from tests.book.test_anatomy import CHAPTERS, REFERENCES, chapter
from tests.tables import random_ratings, tiny_frame
from tools import make_venv, notebooks, repository

BOOK = notebooks.ROOT / "book"
APPENDIX = BOOK / "appendix"


def page(name: str) -> str:
    return (APPENDIX / f"{name}.md").read_text("utf8")


def prose(path: Path) -> str:
    return "\n\n".join(chapter(path).prose())


# ---- glossary ----


def glossary() -> dict[str, str]:
    """Term -> its entry."""
    block = re.search(r"```\{glossary\}\n(?::\w+:\n)*(.*?)\n```", page("glossary"), re.S)[1]
    return dict(re.findall(r"^(\S.*)\n((?: {4}.*\n?)+)", block, re.M))


def links(text: str) -> set[str]:
    """Terms that a text links to: {term}`term` or {term}`other words <term>`."""
    bodies = re.findall(r"\{term\}`([^`]+)`", text)
    return {re.sub(r"^.*<(.+)>$", r"\1", body, flags=re.S) for body in bodies}


GLOSSARY = glossary()


@pytest.mark.parametrize("path", [*CHAPTERS, APPENDIX / "glossary.md"], ids=lambda path: path.stem)
def test_linked_terms_are_in_the_glossary(path):
    text = prose(path) if path.suffix == ".ipynb" else path.read_text("utf8")
    missing = links(text) - GLOSSARY.keys()
    assert not missing, f"write an entry of {', '.join(sorted(missing))} into book/appendix/glossary.md"


@pytest.mark.parametrize("term", GLOSSARY)
def test_chapter_that_a_term_names_links_to_it(term):
    named = re.findall(r"\{doc\}`Chapter (\d+) <\.\./chapters/(\w+)>`", GLOSSARY[term])
    assert len(named) == 1, "an entry names the one chapter that introduces its term"
    number, stem = named[0]
    path = BOOK / f"chapters/{stem}.ipynb"
    assert int(number) == int(stem[:2]) and path in CHAPTERS
    assert term in links(prose(path)), f"write {{term}}`{term}` where {path.name} first uses it"


def test_entries_are_one_or_two_sentences():
    for term, entry in GLOSSARY.items():
        text = entry.split("{doc}")[0]
        assert 1 <= len(re.findall(r"[.!?](?:\s|$)", text)) <= 3, term


# ---- notation ----


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_letters_of_shapes_are_in_the_notation(path):
    sizes = page("notation").split("## Sizes")[1].split("## ")[0]
    known = set(re.findall(r"^\| \$(\w)\$", sizes, re.M))
    assert known == {"U", "I", "n", "K", "B", "k", "F", "C"}
    code = "\n".join(cell.source for cell in chapter(path).code())
    shapes = re.findall(r"#[^\n]*?\((\w+(?:, ?\w*)+)\)", code)
    letters = {word for shape in shapes for word in re.findall(r"\b[A-Za-z]\b", shape)}
    assert letters <= known, f"{letters - known} is in no table of book/appendix/notation.md"


# ---- API reference ----


def documented() -> list[str]:
    return re.findall(r"^\.\. auto(?:function|class|data):: (\S+)$", page("api"), re.M)


def test_every_public_name_is_in_the_api_reference_once():
    names = documented()
    assert len(names) == len(set(names))
    missing = [name for name in collabkit.__all__ if f"collabkit.{name}" not in names]
    assert not missing, f"write an entry of {', '.join(missing)} into book/appendix/api.md"


@pytest.mark.parametrize("name", documented())
def test_what_is_documented_exists_and_says_what_it_is(name):
    module, _, attribute = name.rpartition(".")
    assert getattr(import_module(module), attribute).__doc__


MODULES = sorted((notebooks.ROOT / "collabkit").rglob("*.py"))


def docstrings(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf8")))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [text for node in nodes if isinstance(node, kinds) and (text := ast.get_docstring(node))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_docstrings_cite_what_is_in_the_bibliography(path):
    for keys in re.findall(r":cite:\w:`([^`]+)`", "\n".join(docstrings(path))):
        assert {key.strip() for key in keys.split(",")} <= REFERENCES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_docstrings_refer_to_what_is_in_the_api_reference(path):
    known = set(documented())
    methods = set(re.findall(r"def ([a-z]\w*)", "\n".join(p.read_text("utf8") for p in MODULES)))
    for role, target in re.findall(r":(class|func|meth):`~?([^`]+)`", "\n".join(docstrings(path))):
        module = ".".join(path.relative_to(notebooks.ROOT).with_suffix("").parts)
        names = {target, f"collabkit.{target}", f"{module}.{target}"}
        owner, _, name = target.rpartition(".")
        found = name in methods and (not owner or owner in known) if role == "meth" else names & known
        assert found, f"{path.name}: :{role}:`{target}` leads nowhere"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_leads_to_the_api_reference(path):
    reading = "\n".join(cell.source for cell in chapter(path).section("Further reading"))
    assert "{doc}`../appendix/api`" in reading, "end 'Further reading' with: - {doc}`../appendix/api` documents …"


# ---- troubleshooting: every message of our own is what is really raised ----


def diverging_fit():
    split = collabkit.random_split(random_ratings())
    model = collabkit.DotProduct(split.train.n_users, split.train.n_items, 5)
    learn = collabkit.rating_learner(collabkit.collab_dataloaders(split, bs=8), model, wd=0)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(3, 1e20)


def missing_host(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise requests.exceptions.ConnectionError

    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.setenv("COLLABKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("COLLABKIT_DATA", raising=False)
    collabkit.load_movielens("100k")


def full_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(make_venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(make_venv, "find_python", lambda: sys.executable)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1e9))
    make_venv.create()


def failing_setup(monkeypatch, tmp_path, url="https://github.com/me/kit"):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, **how: subprocess.CompletedProcess(command, 1))
    exec(notebooks.setup_source(url).split("from collabkit")[0], {})


def damaged_copy(monkeypatch, tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,964")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Toy St")
    collabkit.load_movielens("small-2018", path=tmp_path)


def read_only(monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everything
    (tmp_path / "films.safetensors").write_text("old")
    atomic.write_together({tmp_path / "films.safetensors": b"new"})


def table_with(**columns):
    return collabkit.Ratings.from_frame(tiny_frame().assign(**columns))


def warned(ratings):
    frame = pd.DataFrame({"user": range(len(ratings)), "item": 1, "rating": ratings})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collabkit.Ratings.from_frame(frame)


def hasty_chain():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collabkit.BayesianMF(2, n_samples=2, burn_in=0, progress=False).fit(table_with())


RAISED = {
    "RuntimeError: The course was": failing_setup,
    "RuntimeError: The course is": lambda *at: failing_setup(*at, f"https://github.com/{repository.PLACEHOLDER}/kit"),
    "The book needs": full_disk,
    "AssertionError: ": lambda *_: bands.Band("a", "rmse", (0.9, 0.91), 1.0).check(2.0),
    "KeyError: ": lambda *_: collabkit.load_movielens().items.index(10**9),
    "TypeError: the item ids": lambda *_: collabkit.load_movielens().items.index("Toy Story (1995)"),
    "TypeError: user ids": lambda *_: table_with(user=[30, "10", 20, 10, 30, 20, 30]),
    "ValueError: column 'timestamp'": lambda *_: table_with(timestamp=1_500_000_000_000),
    "IndexError: ": lambda *_: collabkit.DotProduct(3, 3, 2)(torch.tensor([[3, 0]])),
    "FloatingPointError: …": lambda *_: diverging_fit(),
    "FloatingPointError: a regression": lambda *_: collabkit.ALS().fit(table_with(rating=[1e9, 2e9] * 3 + [0])),
    "NotFittedError: ": lambda *_: collabkit.ALS().predict([1], [1]),
    "ValueError: this ALS": lambda *_: collabkit.Recommender(
        collabkit.ALS().fit(table_with()), table_with(user=[31, 10, 20, 10, 31, 20, 31])
    ),
    "ConnectionError: ": missing_host,
    "ValueError: … is": damaged_copy,
    "PermissionError: ": read_only,
    "UserWarning: column 'rating' has … in": lambda *_: warned([-1, -1, 7, 8, 10]),
    "UserWarning: column 'rating' has half": lambda *_: warned([*range(1, 12), 5_000]),
    "UserWarning: the chain": lambda *_: hasty_chain(),
    "FileNotFoundError: ": lambda _, tmp_path: movielens.load_movielens("small-2018", path=tmp_path),
}
# What other programs say: seen once, and not raised here.
OTHERS = ("NoSuchKernel", "RuntimeError: operator", "NameError", "NotImplementedError")


def messages() -> list[str]:
    """Messages on the page: pieces of code that start with the name of an error, or with our installer's words."""
    return re.findall(r"`((?:\w+(?:Error|Kernel|Warning): |The book needs )[^`]+)`", page("troubleshooting"))


@pytest.mark.parametrize("message", [m for m in messages() if not m.startswith(OTHERS)])
def test_message_is_what_is_raised(message, monkeypatch, tmp_path):
    raised = [cause for start, cause in RAISED.items() if message.startswith(start)]
    assert len(raised) == 1, "the page has a message that this test does not know how to raise"
    with pytest.raises((Exception, SystemExit)) as caught:
        raised[0](monkeypatch, tmp_path)
    said = str(caught.value).strip()
    said = said if caught.type is SystemExit else f"{caught.type.__name__}: {said}"
    pattern = ".*".join(re.escape(part.strip()) for part in message.split("…"))
    assert re.match(pattern, said, re.S), said


def test_every_known_message_is_on_the_page():
    for start in (*RAISED, *OTHERS):
        assert any(message.startswith(start) for message in messages()), start


def test_what_the_page_advises_works():
    films = collabkit.load_movielens().films
    assert "Toy Story (1995)" in set(films[films["label"].str.contains("Toy Story")]["label"])
    assert bands.band("small-2016/course-no-decay/dot").seconds > 0
    assert {"torch", "fastai"} <= results.load("bands")["versions"].keys()


# ---- tables of contents ----


def test_every_page_of_the_appendix_is_in_the_table_of_contents():
    toc = yaml.safe_load((notebooks.ROOT / "_toc.yml").read_text("utf8"))
    listed = {entry["file"] for part in toc["parts"] for entry in part["chapters"]}
    assert {f"book/appendix/{path.stem}" for path in APPENDIX.glob("*.md")} <= listed


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_front_pages_list_every_chapter(path):
    number, index = int(path.name[:2]), (BOOK / "index.md").read_text("utf8")
    row = rf"^\| {{doc}}`{number} · [^`]+ <chapters/{path.stem}>` \|"
    assert re.search(row, index, re.M), (
        f"book/index.md: write a row | {{doc}}`{number} · … <chapters/{path.stem}>` | … |"
    )
    readme = (notebooks.ROOT / "README.md").read_text("utf8")
    link = rf"^\| {number} · .*/blob/colab/book/chapters/{path.name}\) \|$"
    assert re.search(link, readme, re.M), "README.md: `make notebooks` writes its table from that of book/index.md"
