"""How long a page takes to read, and the course as a whole.

Words of prose at 200 a minute, visible lines of code at 40, a quarter of a minute for each displayed formula: from the
title to *Exercises*. Cells that are folded away are not counted, nor what a cell puts out.

    python -m tools.reading           minutes of each chapter, as counted and as written
"""

from __future__ import annotations

import re
import sys
from math import ceil
from pathlib import Path

from nbformat import NotebookNode

from tools import notebooks

WORDS, LINES, FORMULA = 200, 40, 0.25  # a minute, a minute, minutes each
STEP = 5  # what is said is rounded up to this
SAID = re.compile(r"\*\*Minutes\*\*: read (\d+) · run (\d+) s")
FORMULAS = re.compile(r"\$\$.+?\$\$", re.S)
WORD = re.compile(r"[^\W_]+(?:['’.,:/-][^\W_]+)*")  # "don't", "0.81" and "one-cycle" are one word each


def parts(nb: NotebookNode) -> tuple[int, int, int]:
    """Words, lines of code and displayed formulas from the title to *Exercises*."""
    words = lines = formulas = 0
    for cell in nb.cells:
        if cell.source.startswith("## Exercises"):
            break
        if cell.cell_type == "markdown":
            formulas += len(FORMULAS.findall(cell.source))
            words += len(WORD.findall(prose(cell.source)))
        elif not {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])):
            lines += sum(bool(line.strip()) for line in cell.source.split("\n"))
    return words, lines, formulas


def prose(text: str) -> str:
    """The words of some Markdown: no formulas on lines of their own, no addresses, no markup."""
    text = FORMULAS.sub(" ", text)
    text = re.sub(r"\{cite:\w\}`[^`]+`", " citation ", text)
    text = re.sub(r"\{\w+\}`([^`<]+?)(?: <[^>]+>)?`", r"\1", text)  # a role is its own words
    text = re.sub(r"\{(?:doc|ref)\}`<?[^`]+`", " chapter ", text)
    text = re.sub(r"^(?:`{3,}|:{3,})\{\w+\}|^:\w+:.*$", " ", text, flags=re.M)
    text = re.sub(r"`[^`\n]+`|\$[^$\n]+\$", " code ", text)  # one thing to read, however it is spelt
    return re.sub(r"\]\([^)]*\)|https?://\S+", " ", text)


def minutes(nb: NotebookNode) -> float:
    """What this notebook takes to read."""
    words, lines, formulas = parts(nb)
    return words / WORDS + lines / LINES + formulas * FORMULA


def rounded(exact: float) -> int:
    return STEP * ceil(exact / STEP)


def said(nb: NotebookNode) -> tuple[int, int] | None:
    """Minutes to read and seconds to run, as *Before you start* has them."""
    found = SAID.search(nb.cells[1].source)
    return (int(found[1]), int(found[2])) if found else None


def chapters(root: Path = notebooks.ROOT) -> dict[str, NotebookNode]:
    return {path.stem: notebooks.read(path) for path in sorted((root / "book/chapters").glob("*.ipynb"))}


def main() -> None:
    for name, nb in chapters().items():
        words, lines, formulas = parts(nb)
        print(f"{name:24} {words:5} words {lines:4} lines {formulas:2} formulas: {minutes(nb):4.1f}, says {said(nb)}")


if __name__ == "__main__":
    sys.exit(main())
