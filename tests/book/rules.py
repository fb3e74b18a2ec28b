"""The anatomy of a chapter. Each rule takes a chapter and returns its problems, each with the way to mend it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise

from tests.book.chapter import Chapter, bound, calls, tags, tree, used
from tools import myst, notebooks, reading

RULES: list[Callable[[Chapter], Iterator[str]]] = []
ENDING = ("What you should see", "Quick check", "Exercises", "Summary", "Further reading")
STEPS = ("Warm-up", "Build", "Stretch")


def rule(function):
    RULES.append(function)
    return function


@rule
def plain_python(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code():
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"a code cell is not plain Python ({error}): no magics, no shell lines:\n{cell.source[:200]}"


@rule
def title(chapter: Chapter) -> Iterator[str]:
    source = chapter.cells[0].source if chapter.cells[0].cell_type == "markdown" else ""
    found = re.fullmatch(r"# [^\n]+\n\n([^\n]+(?:\n[^\n]+)*)", source)
    if not found or len(re.findall(r"[.!?](?:\s|$)", found[1])) != 1:
        yield "the first cell is the title, '# …', an empty line and a promise of one sentence"


@rule
def before_you_start(chapter: Chapter) -> Iterator[str]:
    source = chapter.cells[1].source
    if not source.startswith("## Before you start\n"):
        yield "the second cell starts with '## Before you start'"
    for bullet in ("You need", "You will learn", "Minutes"):
        if not re.search(rf"^[-*] \*\*{bullet}\W", source, re.M):
            yield f"'Before you start' has the bullet '- **{bullet}**: …'"
    if not re.search(r"\*\*Minutes.*read \d+ · run \d+ s", source):
        yield "'Minutes' reads '- **Minutes**: read 15 · run 20 s'"


@rule
def reading_time(chapter: Chapter) -> Iterator[str]:
    exact, said = reading.minutes(chapter.nb), reading.said(chapter.nb)
    if said and said[0] != reading.rounded(exact):
        yield f"it takes {exact:.1f} minutes to read and says {said[0]}: run `python tools/notebooks.py setup`"
    if exact > reading.LONGEST:
        yield f"it takes {exact:.1f} minutes to read, and {reading.LONGEST} are allowed: cut, fold, or make it two"


@rule
def device(chapter: Chapter) -> Iterator[str]:
    says = "a GPU is used when there is one" if chapter.uses_a_device() else "no GPU is needed"
    if not re.search(rf"^- \*\*Minutes\*\*: .*; {says}$", chapter.cells[1].source, re.M):
        yield f"'Minutes' says whether a GPU helps: '- **Minutes**: read 15 · run 20 s; {says}'"


@rule
def numpy(chapter: Chapter) -> Iterator[str]:
    """A model's tables and what it predicts may be on a GPU, of which NumPy cannot read."""
    for cell in chapter.code():
        for chain in without_cpu(tree(cell)):
            called = [one.func for one in ast.walk(chain) if isinstance(one, ast.Call)]
            named = {one.attr for one in ast.walk(chain) if isinstance(one, ast.Attribute)}
            is_model = any(ast.unparse(one).split(".")[-1] in ("model", "module") for one in called)
            if is_model or named & {"weight", "parameters"}:
                yield f"write .cpu() before .numpy(): {ast.unparse(chain)}.numpy()"


def without_cpu(code: ast.AST) -> Iterator[ast.expr]:
    """The x of each x.numpy() that is not brought to the CPU on its way; to_numpy is pandas', and another name."""
    for node in ast.walk(code):
        match node:
            case ast.Call(func=ast.Attribute(value=chain, attr="numpy")):
                link: ast.AST | None = chain
                while link and not (isinstance(link, ast.Attribute) and link.attr == "cpu"):
                    link = getattr(link, "func", None) or getattr(link, "value", None)
                if link is None:
                    yield chain


@rule
def setup_cell(chapter: Chapter) -> Iterator[str]:
    found = [n for n, cell in enumerate(chapter.cells) if "setup" in tags(cell)]
    if found != [2]:
        yield "the third cell, and no other, is the set-up cell: run `python tools/notebooks.py setup`"
    elif chapter.cells[2].source != notebooks.setup_source(extra=notebooks.needs(chapter.nb)):
        yield "the set-up cell differs from the generated one: run `python tools/notebooks.py setup`"


@rule
def folded(chapter: Chapter) -> Iterator[str]:
    """Colab shows a folded cell as its title and the button *Show code*: without a title, as an empty box."""
    for cell in chapter.code():
        if {"hide-input", "hide-cell"} & set(tags(cell)):
            if not re.match(r"# @title \w", cell.source):
                yield f"a cell that is folded starts with '# @title …': {cell.source[:40]}"
            if cell.metadata.get("cellView") != "form":
                yield f"a cell that is folded is a form: run `python tools/notebooks.py setup`: {cell.source[:40]}"


@rule
def order(chapter: Chapter) -> Iterator[str]:
    headings = [heading for heading, _ in chapter.sections()]
    if tuple(headings[-len(ENDING) :]) != ENDING or len(set(headings)) != len(headings):
        yield f"the chapter ends with these sections, once each and in this order: {', '.join(ENDING)}"
    elif len(headings) < len(ENDING) + 3:
        yield "between 'Before you start' and 'What you should see' come two sections or more that build it up"
    for source in chapter.prose():
        if re.search(r"(?<!\A)^##? ", re.sub(r"```.*?```", "", source, flags=re.S), re.M):
            yield f"a heading starts a cell of its own; split the cell that starts with '{source[:40]}'"


@rule
def shapes(chapter: Chapter) -> Iterator[str]:
    if not any(re.search(r"#.*\((?:\w+, ?)*\w+,?\)", cell.source) for cell in chapter.code()):
        yield "no code line ends with its shape, such as `# (B, K)`"


@rule
def figure(chapter: Chapter) -> Iterator[str]:
    names = {name for cell in chapter.code(untagged=("setup", "solution")) for name in calls(cell)}
    if not any(re.match(r"(plots|plt|ax|axes)\.", n) and n != "plots.use_style" for n in names):
        yield "no figure: call something of `plots` or `plt` in a cell"


@rule
def captions(chapter: Chapter) -> Iterator[str]:
    """A figure can be cited: it has a caption, which says what it shows, and a name."""
    for cell in chapter.code(untagged=("setup", "solution", "exercise")):
        shown = cell.metadata.get("mystnb", {})
        caption = shown.get("figure", {})
        if caption or "image" in shown or "plt.show()" in cell.source:
            if not re.fullmatch(r"[A-Z“*`][^\n]{15,200}\.", caption.get("caption", "")):
                yield f"metadata mystnb.figure.caption says in a sentence what the figure shows: {cell.source[-80:]}"
            if not re.fullmatch(r"[a-z][a-z0-9-]+", caption.get("name", "")):
                yield f"metadata mystnb.figure.name is the figure's address, such as fig-posterior: {cell.source[-80:]}"


@rule
def score(chapter: Chapter) -> Iterator[str]:
    cells = chapter.section("What you should see")
    if not any("band.check" in calls(cell) for cell in cells if cell.cell_type == "code"):
        yield "'What you should see' holds the run against its band: `band(\"name\").check(score)`"


@rule
def quick_check(chapter: Chapter) -> Iterator[str]:
    cells = [cell for cell in chapter.section("Quick check") if cell.cell_type == "code"]
    if not any(re.search(rf"^quiz\({chapter.number}\)$", cell.source, re.M) for cell in cells):
        yield f"'Quick check' has a code cell with `quiz({chapter.number})`"


@rule
def exercises(chapter: Chapter) -> Iterator[str]:
    cells = chapter.section("Exercises")
    starts = [n for n, cell in enumerate(cells) if cell.source.startswith("### ")]
    heads = [cells[n].source.split("\n")[0] for n in starts]
    wanted = [f"### Exercise {chapter.number}.{k} · {step}: " for k, step in enumerate(STEPS, 1)]
    if len(heads) != 3 or not all(h.startswith(w) and h != w.strip() for h, w in zip(heads, wanted, strict=True)):
        yield f"'Exercises' has three headings: {'; '.join(w + '…' for w in wanted)}"
        return
    for k, (start, end) in enumerate(pairwise([*starts, len(cells)]), 1):
        number, group = f"{chapter.number}.{k}", cells[start + 1 : end]
        student = [cell for cell in group if "exercise" in tags(cell)]
        solution = [cell for cell in group if "solution" in tags(cell)]
        if len(student) != 1 or len(solution) != 1 or group.index(student[0]) > group.index(solution[0]):
            yield f"exercise {number}: one code cell tagged 'exercise', then one tagged 'solution'"
            continue
        if not any(call.split(".")[-1] == f"check_{k}" for call in calls(student[0])):
            yield f"exercise {number}: the student's cell ends with `check_{k}(my_…)`"
        if not any(name.startswith("my_") for name in bound(student[0])):
            yield f"exercise {number}: the student's cell defines `my_…`, None or a stub that returns None"
        if "assert " in student[0].source:
            yield f"exercise {number}: the student's cell asserts nothing, so that 'run all' goes through"
        if not re.search(rf"^assert (\w+\.)*check_{k}\(", solution[0].source, re.M):
            yield f"exercise {number}: the solution runs in CI: `assert check_{k}(solution_…)`"
        if not solution[0].source.startswith(f"# @title Solution {number}\n"):
            yield f"exercise {number}: the solution's first line is `# @title Solution {number}`"
        if "hide-cell" not in tags(solution[0]) or solution[0].metadata.get("cellView") != "form":
            yield f"exercise {number}: the solution is tagged 'hide-cell', with metadata cellView: form"


@rule
def solution_names(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code(tagged="solution"):
        for name in sorted(n for n in bound(cell) if not n.startswith("solution_")):
            yield f"a solution assigns or changes '{name}': its names start with solution_"
        for name in sorted(n for n in used(cell) if n.startswith("my_")):
            yield f"a solution uses the student's '{name}'"
    for cell in chapter.code(untagged=("solution",)):
        for name in sorted(n for n in used(cell) if n.startswith("solution_")):
            yield f"'{name}' is used outside the solutions"
    for cell in chapter.code(untagged=("solution", "exercise")):
        for name in sorted(n for n in used(cell) if n.startswith("my_")):
            yield f"'{name}' is used outside its exercise, where it may still be None"


@rule
def endings(chapter: Chapter) -> Iterator[str]:
    summary = "\n".join(cell.source for cell in chapter.section("Summary"))
    if not re.search(r"^[-*] ", summary, re.M):
        yield "'Summary' is a list of bullets"
    if not any("{cite:" in cell.source for cell in chapter.section("Further reading")):
        yield "'Further reading' cites something: {cite:p}`key`"


@rule
def markup(chapter: Chapter) -> Iterator[str]:
    for source in chapter.prose():
        yield from myst.myst_problems(source)


@rule
def citations(chapter: Chapter) -> Iterator[str]:
    for keys in re.findall(r"\{cite:\w\}`([^`]+)`", "\n".join(chapter.prose())):
        for key in keys.split(","):
            if key.strip() not in chapter.references:
                yield f"'{key.strip()}' is cited, but is not in book/references.bib"


@rule
def numbers(chapter: Chapter) -> Iterator[str]:
    """Prose quotes no score of its own: a decimal stands in a cell, in bands.json, or beside a citation."""
    code = "\n".join(cell.source for cell in chapter.code())
    for line in "\n".join(chapter.prose()).split("\n"):
        text = re.sub(r"`[^`]*`|https?://\S+|\d+(?:\.\d+){2,}", "", line)
        if "{cite:" in line:
            continue
        for number in re.findall(r"(?<![\w.,])\d*\.\d{2,}(?![\w.]*\w)", text):
            digits = len(number.split(".")[1])
            in_code = re.search(rf"(?<![\d.])0?{re.escape(number.lstrip('0'))}(?!\d)", code)
            if not in_code and not any(round(m, digits) == float(number) for m in chapter.measured):
                yield f"'{number}' is in no cell and not in bands.json; compute it, or cite it on its line: {line[:80]}"


@rule
def clean(chapter: Chapter) -> Iterator[str]:
    if notebooks.write(chapter.nb) != notebooks.write(notebooks.clean(deepcopy(chapter.nb))):
        yield "outputs, counts or stray metadata: run `python tools/notebooks.py clean`"


def problems(chapter: Chapter) -> list[str]:
    return [f"{check.__name__}: {problem}" for check in RULES for problem in check(chapter)]
