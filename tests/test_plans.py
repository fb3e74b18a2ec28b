"""tools/plans.py: minutes of chapters and labs, written into a teacher's plans."""

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tools import notebooks, plans

LAB = "# Lab {} · Films\n\n**Chapters**: 1, and 2 · **Minutes**: {} · **Runs in**: 5 seconds · **Points**: 12\n\nText."
PAGE = """\
| Lab | Chapters | Minutes | Points |
|---|---|--:|--:|
| 9 · Gone | 3 | 1 | 1 |

| What happens | Minutes |
|---|--:|
| Talk | 60 |
| More | 30 |

| Week | Read | Minutes | Run | Then | Minutes | Together |
|--:|---|--:|--:|---|--:|--:|
| 1 | {doc}`A <../chapters/01_a>`, {doc}`B <../chapters/02_b>` | 0 | 0 | Lab 1 | 0 | 0 |
| 2 | | 0 | 0 | Labs 1, 2 | 0 | 0 |
| All | | 0 | 0 | | 0 | 0 |

| Start | The day | Minutes |
|--:|---|--:|
| 9:30 | {doc}`A <../chapters/01_a>` | 0 |
| 0:00 | A quiz | 20 |
| 0:00 | Lab 2 | 0 |
| 0:00 | End | |
"""


def course(root):
    (root / "book/chapters").mkdir(parents=True)
    (root / "book/labs").mkdir()
    for name, minutes, seconds in [("01_a", 25, 10), ("02_b", 15, 20)]:
        said = new_markdown_cell(f"- **Minutes**: read {minutes} · run {seconds} s; no GPU is needed")
        nb = new_notebook(cells=[new_markdown_cell("# A"), said])
        (root / f"book/chapters/{name}.ipynb").write_text(notebooks.write(nb), "utf8")
    for number, minutes in [(1, 60), (2, 75)]:
        nb = new_notebook(cells=[new_markdown_cell(LAB.format(number, minutes))])
        (root / f"book/labs/{number}_films.ipynb").write_text(notebooks.write(nb), "utf8")
    return root


def test_every_number_that_is_stated_elsewhere_is_written(tmp_path):
    rows = plans.Plans(course(tmp_path)).written(PAGE).splitlines()
    assert rows[2:4] == ["| 1 · Films | 1, and 2 | 60 | 12 |", "| 2 · Films | 1, and 2 | 75 | 12 |"]
    assert [row for row in rows if row.startswith(("| 1 | ", "| 2 | ", "| All"))] == [
        "| 1 | {doc}`A <../chapters/01_a>`, {doc}`B <../chapters/02_b>` | 40 | 30 | Lab 1 | 60 | 190 |",
        "| 2 | | 0 | 0 | Labs 1, 2 | 135 | 225 |",
        "| All | | 40 | 30 | | 195 | 415 |",
    ]
    assert rows[-4:] == [
        "| 9:30 | {doc}`A <../chapters/01_a>` | 25 |",
        "| 9:55 | A quiz | 20 |",
        "| 10:15 | Lab 2 | 75 |",
        "| 11:30 | End | |",
    ]


def test_what_is_written_stays(tmp_path):
    course(tmp_path)
    once = plans.Plans(tmp_path).written(PAGE)
    assert plans.Plans(tmp_path).written(once) == once


def test_a_lab_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match=r"teachers.md names lab 3, and book/labs has labs 1, 2"):
        plans.Plans(course(tmp_path)).written(PAGE.replace("Lab 2", "Lab 3"))


def test_a_chapter_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match=r"teachers.md links to 03_c, and book/chapters has no such chapter"):
        plans.Plans(course(tmp_path)).written(PAGE.replace("01_a", "03_c"))


def test_a_lab_that_does_not_say_its_minutes(tmp_path):
    path = course(tmp_path) / "book/labs/2_films.ipynb"
    path.write_text(path.read_text("utf8").replace("**Minutes**: 75 · ", ""), "utf8")
    with pytest.raises(SystemExit, match=r"2_films.ipynb: start with # Lab N"):
        plans.Plans(tmp_path)


def test_main_writes_the_page_once(tmp_path, capsys):
    page = course(tmp_path) / plans.PAGE
    page.parent.mkdir()
    page.write_text(PAGE, "utf8")
    plans.main(tmp_path)
    plans.main(tmp_path)
    assert capsys.readouterr().out == f"wrote {plans.PAGE}\n"
    assert "| 190 |" in page.read_text("utf8")
