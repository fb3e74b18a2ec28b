"""tools/reading.py: what is counted as reading, and where it is said."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.book import toy
from tools import notebooks, reading


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("Don't read 0.81 one-cycle plots.", 5),
        ("A **bold** word, and `x = model(y)[0]`.", 5),
        ("See {doc}`the next chapter <02_dot_product>` on {term}`RMSE`.", 6),
        ("See {doc}`03_sigmoid_range`.", 4),  # the title of that page, as long as its name
        ("A diary {cite:p}`funk2006netflix,koren2009matrix` says so.", 5),
        ("A [long link](https://example.org/a/b).", 3),
        (":::{note}\nTwo words\n:::", 2),
        (":::{admonition} A title\n:class: dropdown\nTwo words\n:::", 4),
        ("It is\n\n$$\\hat r = \\mu + b_u$$\n\nwith $\\mu$ fixed.", 5),
        ("| a | b |\n|---|--:|\n| 1 | 2 |", 4),
    ],
)
def test_words(text, n):
    assert reading.words(text) == n


def test_what_is_counted():
    folded = new_code_cell("# @title A figure\nplt.show()", metadata={"tags": ["hide-input"]})
    solution = new_code_cell("x = 1", metadata={"tags": ["solution", "hide-cell"]})
    shown = new_code_cell("a = 1\n\nb = 2")
    cells = [new_markdown_cell("# One two\n\n$$x$$ and $$y$$"), shown, folded, solution]
    after = [new_markdown_cell("## Exercises\n\nMany more words"), new_code_cell("c = 3")]
    nb = new_notebook(cells=cells + after)
    assert reading.counted(nb) == (3, 2, 2)
    assert reading.minutes(nb) == pytest.approx(3 / 200 + 2 / 40 + 2 / 4)


@pytest.mark.parametrize(("exact", "said"), [(0.1, 5), (5, 5), (5.1, 10), (24.9, 25)])
def test_rounded_up_to_five(exact, said):
    assert reading.rounded(exact) == said


def test_make_notebooks_writes_the_minutes_and_leaves_the_seconds():
    nb = toy.chapter()
    nb.cells[1].source = nb.cells[1].source.replace("read 5 · run 1 s", "read 99 · run 7 s")
    notebooks.set_up(nb)
    assert "- **Minutes**: read 5 · run 7 s; no GPU is needed" in nb.cells[1].source
    assert reading.said(nb) == (5, 7)


def test_a_notebook_that_says_no_minutes_is_left_alone():
    nb = new_notebook(cells=[new_markdown_cell("# A title"), new_markdown_cell("Words.")])
    reading.write(nb)
    assert nb.cells[1].source == "Words." and reading.said(nb) is None


def test_totals_of_two_chapters(tmp_path):
    folder = tmp_path / "book/chapters"
    folder.mkdir(parents=True)
    for name, lines, seconds in [("01_a", 40 * 40, 25), ("02_b", 25 * 40, 40)]:  # 40 minutes and 25 of code
        cells = [new_markdown_cell("#"), new_markdown_cell(f"- **Minutes**: read 5 · run {seconds} s; x")]
        cells.append(new_code_cell("\n".join(["x"] * lines)))
        (folder / f"{name}.ipynb").write_text(notebooks.write(new_notebook(cells=cells)), "utf8")
    quizzes = tmp_path / reading.QUIZZES
    quizzes.mkdir(parents=True)
    for number, quiz in [("01", "[{}, {}]"), ("02", "[{}, {}, {}]")]:
        (quizzes / f"{number}.json").write_text(quiz, "utf8")
    assert reading.totals(tmp_path) == {"hours_to_read": "1½", "minutes_to_run": "2", "quiz_questions": "5"}


def test_the_front_page_says_the_total():
    page = (notebooks.ROOT / "book/index.md").read_text("utf8")
    assert "{{ hours_to_read }}" in page and "{{ minutes_to_run }}" in page, "say how long the course takes"
    assert "{{ quiz_questions }}" in page, "say how many questions there are: a reader's progress is counted beside it"
