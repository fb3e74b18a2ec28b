"""How long a chapter takes to read; `make notebooks` writes it into the chapter, and the front page has the sum.

Words of prose at 200 a minute, lines of code at 40, a quarter of a minute for each displayed formula: from the title to
*Exercises*. What is folded away is not counted, nor what a cell puts out.

    python -m tools.reading           minutes of each chapter, as counted and as written

As a Sphinx extension it gives pages in Markdown three substitutions: `{{ hours_to_read }}`, `{{ minutes_to_run }}` and
`{{ quiz_questions }}`.
"""

from __future__ import annotations

import json
import re
from math import ceil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
QUIZZES = "collabkit/exercises/quizzes"
WORDS, LINES, FORMULA = 200, 40, 0.25  # a minute, a minute, minutes each
STEP = 5  # what a chapter says is rounded up to this
LONGEST = 25  # minutes that a chapter may take

SAID = re.compile(r"(?<=\*\*Minutes\*\*: read )(\d+) · run (\d+) s")
FORMULAS = re.compile(r"\$\$.+?\$\$", re.S)
WORD = re.compile(r"[^\W_]+(?:['’.,:/-][^\W_]+)*")  # "don't", "0.81" and "one-cycle" are one word each
MARKUP = [
    (FORMULAS, " "),
    (re.compile(r"\{cite:\w\}`[^`]+`"), " citation "),
    (re.compile(r"\{\w+\}`([^`<]+?)(?: <[^>]+>)?`"), r"\1"),  # a role: the words that are shown
    (re.compile(r"^(?:`{3,}|:{3,})\{\w+\}|^:\w+:.*$", re.M), " "),
    (re.compile(r"`[^`\n]+`|\$[^$\n]+\$"), " code "),  # one thing to read, however it is spelt
    (re.compile(r"\]\([^)]*\)|https?://\S+"), " "),
]


def words(text: str) -> int:
    """Words that a reader sees of some Markdown."""
    for markup, shown in MARKUP:
        text = markup.sub(shown, text)
    return len(WORD.findall(text))


def counted(nb: NotebookNode) -> tuple[int, int, int]:
    """Words, lines of code and displayed formulas from the title to *Exercises*."""
    n_words = n_lines = n_formulas = 0
    for cell in nb.cells:
        if cell.source.startswith("## Exercises"):
            break
        if cell.cell_type == "markdown":
            n_words += words(cell.source)
            n_formulas += len(FORMULAS.findall(cell.source))
        elif not {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])):
            n_lines += sum(bool(line.strip()) for line in cell.source.split("\n"))
    return n_words, n_lines, n_formulas


def minutes(nb: NotebookNode) -> float:
    """That it takes to read."""
    n_words, n_lines, n_formulas = counted(nb)
    return n_words / WORDS + n_lines / LINES + n_formulas * FORMULA


def rounded(exact: float) -> int:
    """As a chapter says it."""
    return STEP * ceil(exact / STEP)


def said(nb: NotebookNode) -> tuple[int, int] | None:
    """Minutes to read and seconds to run, as *Before you start* has them."""
    found = SAID.search(nb.cells[1].source) if len(nb.cells) > 1 else None
    return (int(found[1]), int(found[2])) if found else None


def write(nb: NotebookNode) -> None:
    """Say in *Before you start* what was counted."""
    if said(nb):
        nb.cells[1].source = SAID.sub(rf"{rounded(minutes(nb))} · run \2 s", nb.cells[1].source)


def chapters(root: Path = ROOT) -> dict[str, NotebookNode]:
    """Of the book, by the name of the file."""
    paths = sorted((root / "book/chapters").glob("*.ipynb"))
    return {path.stem: nbformat.reads(path.read_text("utf8"), as_version=4) for path in paths}


def totals(root: Path = ROOT) -> dict[str, str]:
    """Of all chapters: hours to read, rounded up to a half, minutes to run, and questions of their quizzes."""
    found = list(chapters(root).values())
    hours = ceil(sum(map(minutes, found)) / 30) / 2
    run = ceil(sum(seconds for _, seconds in filter(None, map(said, found))) / 60)
    asked = sum(len(json.loads(path.read_text("utf8"))) for path in (root / QUIZZES).glob("*.json"))
    return {"hours_to_read": f"{hours:g}".replace(".5", "½"), "minutes_to_run": str(run), "quiz_questions": str(asked)}


def setup(app) -> dict[str, bool]:
    def substitute(app, config):
        config.myst_substitutions = {**config.myst_substitutions, **totals(Path(app.srcdir))}

    app.connect("config-inited", substitute)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main() -> None:
    for name, nb in chapters().items():
        n_words, n_lines, n_formulas = counted(nb)
        print(
            f"{name:22} {n_words:5} words {n_lines:4} lines {n_formulas:2} formulas {minutes(nb):5.1f}, says {said(nb)}"
        )
    print(totals())


if __name__ == "__main__":
    main()
