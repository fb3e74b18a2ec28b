"""Every chapter follows the rules, and every rule notices the chapter that breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.book import rules, toy
from tests.book.chapter import Chapter
from tools import myst, notebooks

CHAPTERS = sorted((notebooks.ROOT / "book/chapters").glob("*.ipynb"))
REFERENCES = set(myst.references((notebooks.ROOT / "book/references.bib").read_text("utf8")))


def floats(value) -> set[float]:
    if isinstance(value, dict | list):
        return set().union(*(floats(v) for v in (value.values() if isinstance(value, dict) else value)))
    return {value} if isinstance(value, float) else set()


def chapter(path: Path) -> Chapter:
    bands = notebooks.ROOT / "collabkit/results/bands.json"
    measured = floats(json.loads(bands.read_text("utf8"))) if bands.exists() else set()
    return Chapter(notebooks.read(path), int(path.name[:2]), REFERENCES, measured)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_chapter(path, rule):
    problems = list(rule(chapter(path)))
    assert not problems, f"{path.name}:\n" + "\n".join(f"  - {problem}" for problem in problems)


@pytest.mark.parametrize("path", sorted((notebooks.ROOT / "book/appendix").glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", [rules.device, rules.numpy], ids=lambda rule: rule.__name__)
def test_appendix(path, rule):
    assert list(rule(Chapter(notebooks.read(path), 0))) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_file_is_as_the_tool_writes_it(path):
    nb = notebooks.clean(notebooks.set_up(notebooks.clean(notebooks.read(path))))
    assert path.read_text("utf8") == notebooks.write(nb), f"run `python tools/notebooks.py setup {path}`"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_has_a_quiz_and_translates_to_plain_markdown(path):
    quiz = f"collabkit/exercises/quizzes/{path.name[:2]}.json"
    assert (notebooks.ROOT / quiz).exists(), f"write {quiz}: the questions"
    notebooks.plain(notebooks.read(path), path.parent)


def test_no_two_figures_share_a_name():
    cells = [cell for path in sorted((notebooks.ROOT / "book").rglob("*.ipynb")) for cell in notebooks.read(path).cells]
    named = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells]
    names = [name for name in named if name]
    assert len(names) > 30 and sorted(names) == sorted(set(names))


def test_table_of_contents_lists_every_chapter_and_no_other_file():
    toc = yaml.safe_load((notebooks.ROOT / "_toc.yml").read_text("utf8"))
    listed = [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]
    for page in listed:
        assert list(notebooks.ROOT.glob(f"{page}.*")), f"_toc.yml lists {page}, which does not exist"
    chapters = [page for page in listed if page.startswith("book/chapters/")]
    assert chapters == [f"book/chapters/{path.stem}" for path in CHAPTERS], "_toc.yml and book/chapters/ differ"
    numbers = [int(path.name[:2]) for path in CHAPTERS]
    assert numbers == sorted(set(numbers)), "two chapters share a number"


# ---- tests of the rules ----


def toy_chapter(nb=None) -> Chapter:
    return Chapter(nb or toy.chapter(), 9, {"koren2009matrix"}, {0.87213})


def test_toy_chapter_breaks_no_rule():
    assert rules.problems(toy_chapter()) == []


def replace(old: str, new: str):
    def change(nb):
        cell = next(cell for cell in nb.cells if old in cell.source)
        cell.source = cell.source.replace(old, new)

    return change


def drop(start: str):
    def change(nb):
        nb.cells = [cell for cell in nb.cells if not cell.source.startswith(start)]

    return change


def untag(tag: str):
    def change(nb):
        cell = next(cell for cell in nb.cells if tag in cell.metadata.get("tags", []))
        cell.metadata["tags"].remove(tag)

    return change


def unfold(nb):
    del nb.cells[2].metadata["cellView"]


def uncaptioned(part: str):
    def change(nb):
        cell = next(cell for cell in nb.cells if "figure" in cell.metadata.get("mystnb", {}))
        del cell.metadata["mystnb"]["figure"][part]

    return change


def output(nb):
    nb.cells[2].execution_count = 3


def swap_sections(nb):
    nb.cells[-1], nb.cells[-2] = nb.cells[-2], nb.cells[-1]


BROKEN = [
    ("plain_python", replace("rate = 0.05", "%timeit rate = 0.05")),
    ("title", replace("# A toy\n\n", "# A toy\n")),
    ("title", replace("looks like.", "looks like. And more.")),
    ("before_you_start", replace("**You need**", "**Needed**")),
    ("before_you_start", replace("read 5 · run 1 s", "three")),
    ("before_you_start", drop("## Before")),
    ("reading_time", replace("read 5 ·", "read 10 ·")),
    ("reading_time", replace("A score inside", "A score " * 5000 + "inside")),
    ("device", replace("; no GPU is needed", "")),
    ("device", replace("rate = 0.05", "rate = 0.05\ndls = collab_dataloaders(split)")),
    ("numpy", replace("plt.plot(factors)", "plt.plot(learn.model(x).detach().numpy())")),
    ("numpy", replace("plt.plot(factors)", "plt.plot(model.item_factors.weight.detach()[:9].numpy())")),
    ("setup_cell", untag("setup")),
    ("setup_cell", replace("import find_spec", "import find_spec, module_from_spec")),
    ("folded", replace("# @title Solution 9.1", "# Solution 9.1")),
    ("folded", unfold),
    ("order", drop("## Summary")),
    ("order", swap_sections),
    ("order", drop("## A picture")),
    ("order", replace("## A picture\n", "Words first.\n\n## A picture\n")),
    ("shapes", replace("# (U, K)", "")),
    ("figure", drop("plt.plot")),
    ("captions", uncaptioned("caption")),
    ("captions", uncaptioned("name")),
    ("score", replace('band("toy").check(0.5)', 'band("toy")')),
    ("quick_check", replace("quiz(9)", "quiz(8)")),
    ("exercises", drop("### Exercise 9.2")),
    ("exercises", replace("9.3 · Stretch", "9.3 · Hard")),
    ("exercises", untag("exercise")),
    ("exercises", untag("solution")),
    ("exercises", untag("hide-cell")),
    ("exercises", replace("assert ch09.check_2", "ch09.check_2")),
    ("exercises", replace("\n\nch09.check_1", "\n\nassert ch09.check_1")),
    ("exercises", replace("# @title Solution 9.1", "# Solution 9.1")),
    ("exercises", replace("my_answer_3 = None", "answer = None")),
    ("exercises", replace("ch09.check_3(my", "print(my")),
    ("solution_names", replace("solution_2 = 2", "solution_2 = rate = 2")),
    ("solution_names", replace("solution_2 = 2", "solution_2 = 2\nfor rate in (1, 2): pass")),
    ("solution_names", replace("solution_2 = 2", "solution_2 = 2\nfactors[0] = 1")),
    ("solution_names", replace("solution_2 = 2", "solution_2 = my_answer_2")),
    ("solution_names", replace("plt.plot(factors)", "plt.plot(my_answer_1)")),
    ("solution_names", replace("plt.plot(factors)", "plt.plot(solution_1)")),
    ("endings", replace("- One idea.", "One idea.")),
    ("endings", replace("classic {cite:p}`koren2009matrix`", "classic")),
    ("markup", replace(":::{tip}", ":::{exercise}")),
    ("markup", replace(":::{tip}\nLook at the slope.\n:::", "```{note}\nLook.\n```")),
    ("markup", replace("Look at the slope.", "See {numref}`slope`.")),
    ("markup", replace("Look at the slope.", "See [the data](../data.md).")),
    ("markup", replace("slope.\n:::", "slope.")),
    ("citations", replace("{cite:p}`koren2009matrix`", "{cite:p}`koren2009matrix,nobody1999`")),
    ("numbers", replace("a rate of 0.05", "a rate of 0.05\nand a score of 0.913")),
    ("numbers", replace("A score inside", "A score of .8501 inside")),
    ("clean", output),
]


@pytest.mark.parametrize(("rule", "change"), BROKEN, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BROKEN)])
def test_rule_notices(rule, change):
    nb = toy.chapter()
    change(nb)
    assert rule in {problem.split(":")[0] for problem in rules.problems(toy_chapter(nb))}


def test_every_rule_has_a_chapter_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == {rule.__name__ for rule in rules.RULES}


@pytest.mark.parametrize("number", ["0.872", "0.87", ".87", "0.05"])
def test_measured_and_computed_numbers_may_be_quoted(number):
    nb = toy.chapter()
    replace("A score inside", f"A score of {number} inside")(nb)
    assert rules.problems(toy_chapter(nb)) == []
