"""Build a deck of slides for each chapter, from the cells that are marked for it: `make slides`.

A mark is the cell's metadata `slideshow`, Jupyter's own, with a few keys besides (`KEYS`). A deck shows titles, short
lines, code, and outputs as they were kept (tools/executed.py): it runs nothing. The paragraphs of a marked cell become
the speaker's notes, so that the chapter stays the one text. nbconvert writes the sections, reveal.js shows them; the
scripts lie in one folder beside the decks, and no deck asks another host.
"""

from __future__ import annotations

import base64
import re
import sys
from copy import deepcopy
from html import escape
from importlib.util import find_spec
from pathlib import Path
from string import ascii_uppercase

import nbformat
from nbformat import NotebookNode

from collabkit.exercises.quiz_page import Question, questions
from tools import executed, myst
from tools.accessible import names_left
from tools.notebooks import ROOT, repository_url, site_url

CHAPTERS = ROOT / "book/chapters"
OUT = ROOT / "_build/slides"
SHARED = "scripts"

KEYS = {
    "slide_type": "slide begins one, - stays on it, notes is for the speaker alone; a cell without one stays out",
    "title": "the slide's, where the cell's own heading is none or too long",
    "text": "Markdown that stands on the slide, in place of the cell's paragraphs",
    "show": "code, output, or both: of a cell of code",
    "lines": "how the first and the last line of the code start that is shown",
    "quiz": "which question of the chapter's quiz, from 1",
    "notes": "what the speaker's notes say before the cell's own paragraphs",
}
TYPES = ("slide", "-", "notes")
HEADING = re.compile(r"\A(#+) +(.+)\n*")
FORMULA = re.compile(r"^\$\$.+?\$\$$", re.M | re.S)
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\([^()\s]+\)")


class MarkError(ValueError):
    """A mark that cannot be shown; the message names the chapter and the cell."""


class Deck:
    """The slides of one chapter, as a notebook with Jupyter's marks: what nbconvert's exporter takes."""

    def __init__(self, nb: NotebookNode, path: Path) -> None:
        self.chapter = int(path.stem.split("_")[0])
        bib = myst.references((ROOT / "book/references.bib").read_text("utf8"))
        self.plain = myst.Plain(path.parent, ROOT, bib, repository_url(), site_url())
        self.cells: list[NotebookNode] = []
        self.notes: list[str] = []
        marked = [cell for cell in nb.cells if cell.metadata.get("slideshow", {}).get("slide_type")]
        if not marked:
            raise MarkError(f'{path.name} has no slide: mark cells with "slideshow" in their metadata.')
        for cell in marked:
            mark = cell.metadata["slideshow"]
            try:
                if mark["slide_type"] == "slide" and cell is not marked[0]:
                    self.finish()
                self.add(cell, mark)
                if cell is marked[-1]:
                    self.finish()
            except ValueError as error:
                raise MarkError(f"{path.name}, cell {cell.id}: {error}") from error

    def add(self, cell: NotebookNode, mark: NotebookNode) -> None:
        how = mark["slide_type"]
        if how not in TYPES or (unknown := sorted(set(mark) - set(KEYS))):
            wrong = f"slide_type {how!r}" if how not in TYPES else f"key {unknown[0]!r}"
            raise ValueError(f"{wrong} is none of a mark's: {', '.join(TYPES if how not in TYPES else KEYS)}.")
        level, heading, prose = "", "", ""
        if cell.cell_type == "markdown":
            if found := HEADING.match(cell.source):
                level, heading = found[1], found[2]
            prose = HEADING.sub("", cell.source)
        if how == "slide":
            title = mark.get("title", heading)
            if not title:
                raise ValueError("a slide needs a title: the cell's heading, or the mark's.")
            text = mark.get("text", "")
            if level == "#":  # the chapter's own slide: its title and its promise
                title, text, prose = f"{self.chapter} · {title}", text or prose, prose if text else ""
            self.show(f"{'#' if level == '#' else '##'} {title}\n\n{text}", how)
        elif not self.cells:
            raise ValueError("the first mark of a chapter begins a slide.")
        elif mark.get("text"):
            self.show(mark["text"])
        self.notes += [self.words(part) for part in (mark.get("notes", ""), myst.FIGURE.sub("", prose)) if part.strip()]
        if how == "notes":
            return
        if mark.get("quiz"):
            asked = questions(self.chapter)
            if mark["quiz"] not in range(1, len(asked) + 1):
                raise ValueError(f"the quiz has the questions 1 to {len(asked)}, and no {mark['quiz']!r}.")
            self.ask(asked[mark["quiz"] - 1])
        elif cell.cell_type == "code":
            self.code(cell, mark)
        else:
            if "$$" not in mark.get("text", ""):
                for formula in FORMULA.findall(prose):
                    self.show(formula)
            for figure in myst.FIGURE.finditer(cell.source):
                self.picture(figure)

    def words(self, text: str) -> str:
        """Plain Markdown, and no links: nobody follows one from a slide."""
        return LINK.sub(r"\1", self.plain.markdown(text.strip()))

    def show(self, text: str, how: str = "-") -> None:
        self.put(nbformat.v4.new_markdown_cell(self.words(text)), how)

    def put(self, cell: NotebookNode, how: str = "-") -> None:
        cell.metadata["slideshow"] = {"slide_type": how}
        self.cells.append(cell)

    def code(self, cell: NotebookNode, mark: NotebookNode) -> None:
        folded = {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", []))
        show = mark.get("show") or ("output" if folded else "both" if cell.outputs else "code")
        if show not in ("code", "output", "both"):
            raise ValueError(f"show is code, output or both, not {show!r}.")
        if show != "code" and not cell.outputs:
            raise ValueError("it is to show an output, and has none.")
        if show != "output":
            self.put(nbformat.v4.new_code_cell(excerpt(cell.source, mark.get("lines"))))
        if show != "code":
            part = nbformat.v4.new_code_cell(cell.source, outputs=deepcopy(cell.outputs), id=cell.id)
            for output in (output for output in part.outputs if "image/png" in output.get("data", {})):
                output.metadata["image/png"] = {"alt": cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")}
            part.metadata["tags"] = ["output"]
            self.put(part)

    def picture(self, figure: re.Match) -> None:
        """The still of a figure that moves."""
        drawn = base64.b64encode((ROOT / "book/_figures" / f"{figure['name']}.svg").read_bytes()).decode()
        source = f'<img alt="{escape(figure["alt"])}" src="data:image/svg+xml;base64,{drawn}">'
        self.put(nbformat.v4.new_markdown_cell(source))

    def ask(self, question: Question) -> None:
        """The question for the room; which answer is right, and why, for the speaker."""
        self.show(question["question"])
        choices = [answer for answer in question["answers"] if "answer" in answer]
        choices.sort(key=lambda answer: answer["answer"])  # in the file the right one comes first
        if choices:
            self.show("\n".join(f"1. {choice['answer']}" for choice in choices))
        for letter, choice in zip(ascii_uppercase, choices, strict=False):
            verdict = "right" if choice["correct"] else "wrong"
            self.notes.append(self.words(f"**{letter} is {verdict}.** {choice['feedback']}"))
        for answer in question["answers"]:
            if answer not in choices and answer.get("correct"):
                self.notes.append(self.words(f"**{answer.get('value', answer.get('range'))}.** {answer['feedback']}"))

    def finish(self) -> None:
        """Close the slide: all that its cells had to say becomes its notes."""
        if not self.notes:
            raise ValueError("the slide that ends here has nothing for the speaker: mark a cell of prose as notes.")
        self.put(nbformat.v4.new_markdown_cell("\n\n".join(self.notes)), "notes")
        self.notes = []


def excerpt(source: str, lines: list[str] | None) -> str:
    """From the first line that starts like this to the next that starts like that, moved to the left edge."""
    if not lines:
        return source
    rows = source.split("\n")
    first, last = (row.strip() for row in lines)
    start = next((n for n, row in enumerate(rows) if row.strip().startswith(first)), None)
    if start is None:
        raise ValueError(f"no line of its code starts with {first!r}.")
    end = next((n for n, row in enumerate(rows[start:], start) if row.strip().startswith(last)), None)
    if end is None:
        raise ValueError(f"no line of its code from {first!r} on starts with {last!r}.")
    rows = rows[start : end + 1]
    indent = len(rows[0]) - len(rows[0].lstrip())
    return "\n".join(row[indent:] if not row[:indent].strip() else row for row in rows)


def html(nb: NotebookNode, path: Path) -> str:
    """One deck, in full, from a chapter with its outputs."""
    from nbconvert.exporters import SlidesExporter
    from traitlets.config import Config

    cells = Deck(nb, path).cells
    title = nb.cells[0].source.split("\n")[0].lstrip("# ")
    slides = nbformat.v4.new_notebook(cells=cells, metadata={"title": f"{title}: slides"})
    exporter = SlidesExporter(
        template_name="deck",
        extra_template_basedirs=[str(ROOT / "tools")],
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        config=Config({"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": ["output"]}}),
    )
    body, _ = exporter.from_notebook_node(slides, {"shared": SHARED})
    return re.sub(r"<table\b.*?</table>", names_left, body, flags=re.S)


def scripts() -> dict[str, bytes]:
    """What all decks share: reveal.js and MathJax, out of the packages that bring them, and what is ours."""
    from pygments.formatters import HtmlFormatter

    reveal, mathjax = (package(name) for name in ("sphinx_revealjs", "sphinx-mathjax-offline"))
    reveal /= "_static/revealjs"
    found = {
        "reveal.js": reveal / "dist/reveal.js",
        "reveal.css": reveal / "dist/reveal.css",
        "reveal-LICENSE.txt": reveal / "LICENSE",
        "notes.js": reveal / "plugin/notes/notes.js",
        "tex-svg.js": mathjax / "static/mathjax/tex-svg.js",
        "deck.js": ROOT / "tools/deck/deck.js",
        "favicon.svg": ROOT / "book/_static/favicon.svg",
    }
    colours = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    style = f"{colours}\n{(ROOT / 'tools/deck/deck.css').read_text('utf8')}"
    return {"deck.css": style.encode(), **{name: path.read_bytes() for name, path in found.items()}}


def package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: `make venv` installs what the extra `teach` lists.")
    return Path(spec.origin).parent


def chapters() -> list[Path]:
    return sorted(CHAPTERS.glob("*.ipynb"))


def build(paths: list[Path]) -> dict[Path, bytes]:
    """All files of these decks, where they belong. Nothing is written yet: all of them, or none."""
    files = {OUT / SHARED / name: content for name, content in scripts().items()}
    for path in paths:
        nb = executed.kept(path)
        if nb is None:
            raise SystemExit(f"{path.name} has not run since it, or the package, has changed: `make book` runs it.")
        files[OUT / f"{path.stem}.html"] = html(nb, path).encode()
    return files


def main(only: list[str]) -> int:
    paths = [path for path in chapters() if not only or str(int(path.stem.split("_")[0])) in only]
    if len(paths) < len(only):
        raise SystemExit(f"there is no chapter of each of these numbers: {' '.join(only)}")
    try:
        files = build(paths)
    except MarkError as error:
        raise SystemExit(str(error)) from error
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"wrote {len(paths)} decks into {OUT}: open one in a browser; S shows the speaker's notes.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
