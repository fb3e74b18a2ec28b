"""The teachers' pages: their minutes are those of the chapters and labs, and every misconception has its evidence."""

from __future__ import annotations

import ast
import re

import pytest

from collabkit.exercises import questions
from tests.book.test_anatomy import CHAPTERS
from tools import notebooks, plans

BOOK = notebooks.ROOT / "book"
LABS = sorted((BOOK / "labs").glob("*.ipynb"))
PLANS = (BOOK / "appendix/teachers.md").read_text("utf8")
WRONG = (BOOK / "appendix/wrong_answers.md").read_text("utf8")
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
each_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


# ---- the plans ----


def test_the_plans_have_the_minutes_that_chapters_and_labs_state():
    assert plans.Plans().written(PLANS) == PLANS, "run `make notebooks`"


def table(heading: str) -> list[list[str]]:
    """Rows of all tables whose header row starts so."""
    rows = "".join(re.findall(rf"^\| {heading} \|.*\n\|[-|:]+\|\n((?:\|.*\n)+)", PLANS, re.M))
    return [plans.cells(row) for row in rows.splitlines()]


@each_chapter
def test_chapter_is_in_one_week(path):
    weeks = [row[0] for row in table("Week") if f"/{path.stem}>" in row[1]]
    assert len(weeks) == 1, f"write {path.stem} into a week of book/appendix/teachers.md, then run `make notebooks`"


def come_before(number: int, steps: list[str]) -> list[str]:
    """Chapters of a lab that do not come before it in these steps: those that open its list, as in *4, 5 and 6*."""
    (at,) = [at for at, step in enumerate(steps) if re.search(rf"\bLab {number}\b", step)]
    wanted = re.match(r"\d+(?:(?:, | and )\d+)*", plans.labs()[number].chapters)[0]
    return [n for n in re.findall(r"\d+", wanted) if not any(f"/chapters/{int(n):02}_" in step for step in steps[:at])]


@each_lab
def test_lab_is_in_one_week_after_its_chapters(path):
    assert come_before(int(path.name[0]), [cell for row in table("Week") for cell in (row[1], row[4])]) == []


@each_lab
def test_lab_is_in_the_two_days_after_its_chapters_or_taken_home(path):
    number = int(path.name[0])
    steps = [row[1] for day in ("first", "second") for row in table(rf"Start \| The {day} day")]
    if str(number) in re.search(r"labs? ([\d, and]+) (?:is|are) to take home", PLANS)[1]:
        assert f"Lab {number}" not in steps
    else:
        assert come_before(number, steps) == []


@pytest.mark.parametrize("day", ["first", "second"])
def test_a_day_starts_after_breakfast_and_ends_before_supper(day):
    rows = table(rf"Start \| The {day} day")
    hours, minutes = map(int, rows[-1][0].split(":"))
    assert rows[0][0] == "9:00" and rows[-1][1:] == ["End", ""]
    assert 16 * 60 <= 60 * hours + minutes <= 17 * 60 + 30
    assert sum(what in ("Break", "Lunch") for _, what, _ in rows) == 3
    assert all(int(row[2]) <= 90 for row in rows[:-1])


def test_a_meeting_takes_an_hour_and_a_half():
    assert sum(int(row[1]) for row in table("What happens")) == 90


# ---- what wrong answers tell: each idea quotes what gives it away ----

QUOTES = r"(?:“[^”]+”|`test_\w+`)(?:, (?:“[^”]+”|`test_\w+`))*"
EVIDENCE = rf"(question|exercise|lab) (\d[\d.]*): ({QUOTES})"


def evidence() -> dict[tuple[str, str], list[str]]:
    """("question", "1.2") -> the wrong answers that the page quotes; exercises and labs likewise."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind, number, quotes in re.findall(EVIDENCE, WRONG):
        found.setdefault((kind, number), []).extend(re.findall(r"“([^”]+)”|`(\w+)`", quotes))
    return {where: [text or name for text, name in quoted] for where, quoted in found.items()}


def shown(answer: dict) -> str:
    """An answer as the page quotes it."""
    if "range" in answer:
        return " to ".join(f"{end:g}" for end in answer["range"])
    return answer.get("answer") or f"{answer['value']:g}".replace("-", "−")


def hints(chapter: str, number: str) -> str:
    """All that the check of an exercise can say: the strings from its decorator to the next check, and what all say."""

    def strings(name: str) -> list[ast.Constant]:
        tree = ast.parse((notebooks.ROOT / f"collabkit/exercises/{name}.py").read_text("utf8"))
        return [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]

    own = sorted(strings(f"ch{int(chapter):02}"), key=lambda string: string.lineno)
    starts = {string.value: string.lineno for string in own if re.fullmatch(rf"{chapter}\.[1-4]", string.value)}
    start, end = starts[f"{chapter}.{number}"], starts.get(f"{chapter}.{int(number) + 1}", 10**6)
    said = [string for string in own if start <= string.lineno < end]
    return "\n".join(string.value for string in (*said, *strings("__init__")))


@each_chapter
def test_every_question_has_a_wrong_answer_explained(path):
    chapter, quoted = int(path.name[:2]), evidence()
    for number, _ in enumerate(questions(chapter), 1):
        assert quoted.get(("question", f"{chapter}.{number}")), f"say what question {chapter}.{number} reveals"


@pytest.mark.parametrize("where", [w for w in evidence() if w[0] == "question"], ids=" ".join)
def test_what_is_quoted_is_a_wrong_answer(where):
    chapter, number = map(int, where[1].split("."))
    answers = questions(chapter)[number - 1]["answers"]
    wrong = {shown(answer) for answer in answers if not answer.get("correct") and answer.get("type") != "default"}
    assert set(evidence()[where]) <= wrong


@pytest.mark.parametrize("where", [w for w in evidence() if w[0] == "exercise"], ids=" ".join)
def test_what_is_quoted_is_a_hint(where):
    chapter, number = where[1].split(".")
    missing = [hint for hint in evidence()[where] if hint not in hints(chapter, number)]
    assert not missing


@each_lab
def test_lab_has_a_wrong_answer_that_each_named_test_catches(path):
    caught = (notebooks.ROOT / f"tests/labs/wrong/{path.stem}.py").read_text("utf8")
    named = evidence().get(("lab", path.name[0]), [])
    assert named, f"say in book/appendix/wrong_answers.md which ideas lab {path.name[0]} shows"
    assert {name for name in named if not re.search(rf"^# %% q\d+ {name}:", caught, re.M)} == set()


def test_every_idea_has_evidence():
    rows = re.findall(r"^\| (?!What they think)(.+) \| (.+) \|$", WRONG, re.M)
    assert len(rows) > 100
    for idea, where in rows:
        assert re.fullmatch(rf"{EVIDENCE}(; {EVIDENCE})*", where), idea
