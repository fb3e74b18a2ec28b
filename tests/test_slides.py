"""tools/slides.py: which marks a chapter has, and what becomes of them. In a browser: tests/pages/test_decks.py."""

from __future__ import annotations

import re
from copy import deepcopy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from collabkit.exercises.quiz_page import questions
from tools import executed, notebooks, slides

CHAPTERS = slides.chapters()
MARK = "slideshow"


def marked(cell, **mark):
    cell.metadata[MARK] = {"slide_type": "slide", **mark}
    return cell


def prose(source: str, **mark):
    return marked(new_markdown_cell(source), **mark) if mark else new_markdown_cell(source)


def code(source: str, said: str = "out", **mark):
    cell = new_code_cell(source, outputs=[new_output("stream", text=said)] if said else [])
    return marked(cell, **mark) if mark else cell


FIRST = prose("# Ratings\n\nYou will count.", slide_type="slide", notes="Ask first.")


def deck(*cells):
    return slides.Deck(new_notebook(cells=[deepcopy(FIRST), *cells]), CHAPTERS[0]).cells


def shown(cells) -> list[str]:
    """What stands on slides, titles and all, without the notes."""
    return [cell.source for cell in cells if cell.metadata[MARK]["slide_type"] != "notes"]


def noted(cells) -> list[str]:
    return [cell.source for cell in cells if cell.metadata[MARK]["slide_type"] == "notes"]


def stand_in(path):
    """A chapter as if it had run: each cell of code says its id."""
    nb = executed.read(path)
    for cell in executed.code(nb):
        cell.outputs = [new_output("stream", text=f"said by {cell.id}.")]
    return nb


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_tells_its_story_in_eight_to_fourteen_slides(path):
    nb = stand_in(path)
    cells = slides.Deck(nb, path).cells
    starts = [cell for cell in cells if cell.metadata[MARK]["slide_type"] == "slide"]
    assert 8 <= len(starts) <= 14
    assert len(noted(cells)) == len(starts), "each slide has its notes"
    assert starts[0].source.startswith(f"# {int(path.stem[:2])} · ")
    titles = [cell.source.split("\n")[0].removeprefix("## ") for cell in starts]
    assert all(len(title) < 50 for title in titles), titles  # one line, at the back of a room
    assert len(set(titles)) == len(titles)
    marks = {cell.id: cell.metadata[MARK] for cell in nb.cells if MARK in cell.metadata}
    asked = [mark["quiz"] for mark in marks.values() if "quiz" in mark]
    bands = [
        cell for cell in executed.code(nb) if cell.id in marks and ".check(" in cell.source and "band(" in cell.source
    ]
    assert len(asked) == 1 and bands
    number = int(path.stem[:2])
    assert [title for title in titles if re.fullmatch(rf"Your turn: exercise {number}\.[123]", title)] == [titles[-2]]
    ends = [cell for cell in nb.cells if cell.id in marks][-1]
    assert ends.source.startswith("## Summary") and titles[-1] == "What to take home"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_mark_is_shown_and_a_deck_asks_for_its_own_scripts_alone(path):
    pytest.importorskip("nbconvert", reason="the extra `teach` brings it")
    nb = stand_in(path)
    page = slides.html(nb, path)
    assert page.count("<section>") == page.count("</section>") == 2 * page.count('class="notes"')
    for cell in executed.code(nb):
        mark = cell.metadata.get(MARK, {})
        folded = {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", []))
        wanted = mark and "quiz" not in mark and (mark.get("show") or ("output" if folded else "both")) != "code"
        assert page.count(f"said by {cell.id}.") == bool(wanted), cell.id
    asks = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^"\s)>]+)', page)
    assert asks and all(re.match(r"scripts/[\w.-]+$|data:", ask) for ask in asks), asks
    assert not re.search(r"\{(?:term|doc|ref|cite:\w)\}|No description has been provided", page)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_number_on_a_slide_stands_in_the_chapter(path):
    nb = executed.read(path)
    chapter = "\n".join(cell.source for cell in nb.cells).replace("−", "-")
    for cell in nb.cells:
        mark = cell.metadata.get(MARK, {})
        text = " ".join(mark.get(key, "") for key in ("title", "text", "notes")).replace("−", "-")
        for number in re.findall(r"(?<![\w.])\d+\.\d+|\d{2,}", text):
            assert number in chapter, f"{cell.id} says {number}"


def test_paragraphs_go_to_the_notes_and_code_and_output_to_the_slide():
    cells = deck(
        prose(
            "## Count\n\nThis is a {term}`rating`. See {doc}`data <../data>`.\n\n$$n = 3$$",
            slide_type="slide",
            text="Short.",
        ),
        code("a = 1\nprint(a)", slide_type="-"),
        prose("It is one.", slide_type="notes"),
        prose("Nobody hears this."),
        code("b = 2", "", slide_type="slide", title="More", notes="Look."),
    )
    assert shown(cells)[1:5] == ["## Count\n\nShort.", "$$n = 3$$", "a = 1\nprint(a)", "a = 1\nprint(a)"]
    assert shown(cells)[5:] == ["## More", "b = 2"]
    assert noted(cells)[1] == "This is a rating. See data.\n\n$$n = 3$$\n\nIt is one."
    assert [len(cell.outputs) for cell in cells if cell.cell_type == "code"] == [0, 1, 0]
    assert noted(cells)[2] == "Look."


def test_what_the_book_folds_shows_its_output_alone():
    figure = code("# @title A figure\nb = 2", "drawn", slide_type="slide", title="Draw", notes="Look.")
    figure.metadata["tags"] = ["hide-input"]
    drawn = [cell for cell in deck(figure) if cell.cell_type == "code"]
    assert [cell.metadata["tags"] for cell in drawn] == [["output"]]  # nbconvert takes its source away


def test_some_lines_of_the_code_stand_alone_at_the_left_edge():
    source = "import x\n\nclass A:\n    def f(self):\n        y = 1\n\n        return y\n\n    def g(self): ..."
    assert slides.excerpt(source, ["def f", "return"]) == "def f(self):\n    y = 1\n\n    return y"
    assert slides.excerpt(source, None) == source


def test_a_still_takes_the_place_of_a_figure_that_moves():
    text = "Drag it.\n\n![Two tables.](../_figures/tables.svg)"
    cells = deck(prose(text, slide_type="slide", title="Tables"))
    assert shown(cells)[-1].startswith('<img alt="Two tables." src="data:image/svg+xml;base64,')
    assert noted(cells)[-1] == "Drag it."


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_room_sees_the_question_and_the_speaker_the_answer(path):
    number = int(path.stem[:2])
    for at, question in enumerate(questions(number), 1):
        asks = code(f"quiz({number})", slide_type="slide", title="Ask", quiz=at)
        cells = slides.Deck(new_notebook(cells=[deepcopy(FIRST), asks]), path).cells
        slide, notes = "\n".join(shown(cells)), noted(cells)[-1]
        assert question["question"] in slide
        right = [answer for answer in question["answers"] if answer.get("correct")]
        assert all(answer["feedback"] in notes and answer["feedback"] not in slide for answer in right)
        if question["type"] == "multiple_choice":
            choices = re.findall(r"^1\. (.+)$", slide, re.M)
            assert sorted(choices) == sorted(answer["answer"] for answer in question["answers"])
            letter = "ABCDEF"[choices.index(right[0]["answer"])]
            assert f"**{letter} is right.**" in notes


WRONG = {
    "is none of a mark's: slide": [prose("## A\n\nB.", slide_type="slides")],
    "key 'sub' is none of a mark's": [prose("## A\n\nB.", slide_type="slide", sub="x")],
    "a slide needs a title": [prose("No heading.", slide_type="slide")],
    "has nothing for the speaker": [prose("## A", slide_type="slide")],
    "no line of its code starts with 'def g'": [code("def f():\n    1", slide_type="-", lines=["def g", "1"])],
    "on starts with 'return'": [code("def f():\n    1", slide_type="-", lines=["def f", "return"])],
    "is to show an output, and has none": [code("a = 1", "", slide_type="-", show="output")],
    "show is code, output or both, not 'all'": [code("a = 1", slide_type="-", show="all")],
    "is not in references.bib": [prose("## A\n\nSee {cite:t}`nobody1900`.", slide_type="slide")],
    "the quiz has": [code("quiz(1)", slide_type="-", quiz=99)],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_mark_that_cannot_be_shown_names_its_chapter_and_cell(message):
    cells = WRONG[message]
    with pytest.raises(slides.MarkError, match=re.escape(message)) as error:
        deck(*deepcopy(cells))
    assert f"{CHAPTERS[0].name}, cell " in str(error.value)


def test_a_chapter_without_a_slide_or_with_a_late_one_is_refused():
    with pytest.raises(slides.MarkError, match="has no slide: mark cells"):
        slides.Deck(new_notebook(cells=[prose("# A")]), CHAPTERS[0])
    with pytest.raises(slides.MarkError, match="the first mark of a chapter begins a slide"):
        slides.Deck(new_notebook(cells=[prose("# A", slide_type="-")]), CHAPTERS[0])


def test_stale_outputs_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    pytest.importorskip("nbconvert", reason="the extra `teach` brings it")
    kept = {CHAPTERS[0]: stand_in(CHAPTERS[0])}
    monkeypatch.setattr(slides.executed, "kept", kept.get)
    monkeypatch.setattr(slides, "scripts", dict)
    monkeypatch.setattr(slides, "OUT", tmp_path / "slides")
    with pytest.raises(SystemExit, match=rf"{CHAPTERS[1].name} has not run since it, .* `make book` runs it"):
        slides.main(["1", "2"])
    assert not list(tmp_path.iterdir())
    assert slides.main(["1"]) == 0
    assert [path.name for path in tmp_path.rglob("*.html")] == [f"{CHAPTERS[0].stem}.html"]
    with pytest.raises(SystemExit, match="there is no chapter of each of these numbers: 1 99"):
        slides.main(["1", "99"])


def test_marks_are_kept_clean_and_do_not_make_outputs_stale():
    nb = executed.read(CHAPTERS[0])
    before = executed.key(nb)
    cell = executed.code(nb)[1]
    cell.metadata[MARK] = {"slide_type": "slide", "title": "Other"}
    cell.metadata["collapsed"] = True
    assert executed.key(nb) == before
    notebooks.clean(nb)
    assert cell.metadata == {MARK: {"slide_type": "slide", "title": "Other"}}
