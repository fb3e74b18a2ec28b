"""The quizzes are complete, give nothing away, and can be read and answered by everybody, in the book and outside."""

from __future__ import annotations

import base64
import json
import random
import re
from html import escape
from statistics import median

import pytest

from collabkit.exercises import questions, quiz
from collabkit.exercises.quiz_page import files, html
from tests.themed import THEMES, WIDTHS, in_the_book, styles, violations  # noqa: F401

QUIZZES = sorted((files("collabkit.exercises") / "quizzes").iterdir(), key=lambda path: path.name)
CHAPTERS = [int(path.name[:2]) for path in QUIZZES]
ASKED = [
    {
        "question": "Is `a < b` so?",
        "type": "multiple_choice",
        "answers": [
            {"answer": "It surely is", "correct": True, "feedback": "Right. It is."},
            {"answer": "It is not so", "correct": False, "feedback": "Look at `b` again."},
            {"answer": "It depends", "correct": False, "feedback": "Upon what?"},
        ],
    },
    {
        "question": "Which share?",
        "type": "numeric",
        "precision": 2,
        "answers": [
            {"type": "default", "feedback": "Divide 2 by 5."},
            {"type": "value", "value": 0.4, "correct": True, "feedback": "Right: two of five."},
            {"type": "value", "value": -0.2, "correct": False, "feedback": "Below zero."},
            {"type": "range", "range": [3, 4], "correct": False, "feedback": "Between three and four."},
        ],
    },
]
PAGE = html("quick-check-0", ASKED)


def test_missing_quiz_names_the_file():
    with pytest.raises(FileNotFoundError, match=r"chapter 99 has no quiz: write collabkit/exercises/quizzes/99\.json"):
        questions(99)


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.name)
def test_quiz_is_complete(path):
    asked = json.loads(path.read_text("utf8"))
    assert len(asked) >= 3, "a quiz has three questions or more"
    for question in asked:
        label = question["question"]
        assert question["type"] in {"multiple_choice", "numeric"}, label
        answers = question["answers"]
        assert all(answer.get("feedback") for answer in answers), f"every answer has feedback: {label}"
        correct = [answer for answer in answers if answer.get("correct")]
        if question["type"] == "multiple_choice":
            assert len(answers) >= 3 and len(correct) == 1, f"three answers or more, one of them right: {label}"
            assert len({answer["answer"] for answer in answers}) == len(answers), f"an answer comes twice: {label}"
        else:
            assert correct, f"no right answer: {label}"
        if question["type"] == "numeric":
            assert any(a.get("type") == "default" for a in answers), f"no feedback for other numbers: {label}"


CHOICES = [one for chapter in CHAPTERS for one in questions(chapter) if one["type"] == "multiple_choice"]


def lengths(question) -> tuple[int, list[int]]:
    """Of the right choice, and of the others."""
    right = next(len(one["answer"]) for one in question["answers"] if one.get("correct"))
    return right, [len(one["answer"]) for one in question["answers"] if not one.get("correct")]


@pytest.mark.parametrize("question", CHOICES, ids=lambda one: one["question"][:40])
def test_the_right_choice_is_about_as_long_as_the_others(question):
    right, others = lengths(question)
    assert 0.8 <= right / median([right, *others]) <= 1.25


def test_who_picks_the_longest_choice_is_right_no_more_often_than_by_chance():
    longest = sum(right > max(others) for right, others in map(lengths, CHOICES))
    assert longest <= sum(1 / len(question["answers"]) for question in CHOICES)


def test_the_right_choice_stands_in_no_place_of_its_own():
    places = [
        [answer["correct"] for answer in key["answers"]].index(True)
        for chapter in CHAPTERS
        for key in keys(html("a", questions(chapter)))
        if len(key["answers"]) == 4 and "value" not in key["answers"][0]
    ]
    assert all(places.count(place) <= 0.4 * len(places) for place in range(4))


def keys(page: str) -> list[dict]:
    return [json.loads(base64.b64decode(key)) for key in re.findall(r'data-key="([^"]+)"', page)]


def test_quiz_shows_its_questions_and_draws_nothing_at_random(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    state = random.getstate()
    quiz(1)
    quiz(1)
    assert random.getstate() == state
    assert shown[0].data == shown[1].data
    assert all(f"<legend>{escape(one['question'])}</legend>" in shown[0].data for one in questions(1))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_answer_is_in_plain_text(chapter):
    page = html("quick-check-0", questions(chapter))
    assert "http" not in page
    for question, key in zip(questions(chapter), keys(page), strict=True):
        assert sorted(one["feedback"].split()[0] for one in key["answers"]) == sorted(
            one["feedback"].split()[0] for one in question["answers"]
        )
        assert not any(one["feedback"][:25] in page for one in question["answers"])
    body = page.partition("</style>")[2].partition("<script>")[0]
    usual = [
        "aria-live",
        "aria-pressed",
        "autocomplete",
        "data-key",
        "inputmode",
        "role",
        "spellcheck",
        "type",
        "value",
    ]
    assert set(re.findall(r"[a-z-]+(?==\")", body)) <= set(usual)  # none that could hold one


def test_no_class_of_ours_is_one_of_the_theme():
    theirs = set(re.findall(r"\.([A-Za-z_][\w-]*)", "".join(sheet.read_text("utf8") for sheet in styles())))
    assert {"quick-check", "right", "wrong"} & theirs == set()


def status(page, at: int) -> str:
    return page.locator('[role="status"]').nth(at).inner_text()


class TestInTheBook:
    @pytest.mark.parametrize("theme", THEMES)
    def test_axe_finds_nothing_before_and_after_an_answer(self, in_the_book, theme):  # noqa: F811
        page = in_the_book(PAGE, theme, WIDTHS[0])
        assert violations(page) == []
        for choice, typed in [("It is not so", "7"), ("It surely is", "0.4")]:
            page.get_by_role("button", name=choice).click()
            page.get_by_label("Your answer").fill(typed)
            page.get_by_role("button", name="Check").click()
            assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[0]

    def test_a_question_is_a_group_of_its_name_and_feedback_is_told(self, in_the_book):  # noqa: F811
        page = in_the_book(PAGE, touch=True)
        group = page.get_by_role("group", name="Is a < b so?", exact=True)
        group.get_by_role("button", name="It is not so").tap()
        told = group.get_by_role("status")
        assert told.inner_text() == "✗ Not yet. Look at b again."
        assert told.get_attribute("aria-live") == "polite"
        assert group.locator('[aria-pressed="true"]').all_inner_texts() == ["It is not so"]
        group.get_by_role("button", name="It surely is").tap()
        assert told.inner_text() == "✓ Right. It is."
        assert group.locator('[aria-pressed="true"]').all_inner_texts() == ["It surely is"]

    def test_the_keyboard_passes_choices_without_answering(self, in_the_book):  # noqa: F811
        page = in_the_book(PAGE)
        page.locator("fieldset button").first.focus()
        for key in ("ArrowDown", "ArrowUp", "ArrowRight", "Tab", "Shift+Tab", "Tab"):
            page.keyboard.press(key)
        assert status(page, 0) == ""
        page.keyboard.press("Enter")
        first = status(page, 0)
        assert first
        page.keyboard.press("Tab")
        assert status(page, 0) == first
        page.keyboard.press("Space")
        assert status(page, 0) not in ("", first)

    @pytest.mark.parametrize(
        "typed, said",
        [
            ("0.4", "✓ Right: two of five."),
            (" .404 ", "✓ Right: two of five."),
            ("0,4", "✓ Right: two of five."),
            ("2/5", "✓ Right: two of five."),
            ("−0.2", "✗ Not yet. Below zero."),
            ("3.5", "✗ Not yet. Between three and four."),
            ("0.41", "✗ Not yet. Divide 2 by 5."),
            ("0.4 stars", "Type a number, such as 0.25 or 1/4."),
            ("1/0", "Type a number, such as 0.25 or 1/4."),
            ("", "Type a number, such as 0.25 or 1/4."),
        ],
    )
    def test_numbers(self, in_the_book, typed, said):  # noqa: F811
        page = in_the_book(PAGE)
        page.get_by_label("Your answer").fill(typed)
        assert status(page, 1) == ""
        page.get_by_role("button", name="Check").click()
        assert status(page, 1) == said

    def test_a_changed_number_forgets_what_was_said_of_the_old_one(self, in_the_book):  # noqa: F811
        page = in_the_book(PAGE)
        page.get_by_label("Your answer").fill("7")
        page.keyboard.press("Enter")
        assert "Divide" in status(page, 1)
        page.keyboard.type("1")
        assert status(page, 1) == ""
        assert page.get_by_label("Your answer").input_value() == "71"

    def test_shown_twice_each_is_answered_by_itself(self, in_the_book):  # noqa: F811
        page = in_the_book(PAGE + PAGE)
        page.get_by_role("button", name="It surely is").nth(1).click()
        assert (status(page, 0), status(page, 2)) == ("", "✓ Right. It is.")
        assert page.get_by_text("once the scripts").count() == 0


class TestElsewhere:
    """In a notebook: without the book's styles, and perhaps without scripts."""

    @pytest.mark.parametrize(
        "host, dark",
        [
            ("<html><body>", False),
            ('<html theme="dark"><body>', True),  # Colab
            ('<html theme="light"><body>', False),
            ('<html><body data-jp-theme-light="false">', True),  # JupyterLab
            ('<html><body data-jp-theme-light="true">', False),
            ('<html><body class="vscode-dark">', True),
        ],
    )
    def test_it_is_dark_where_the_notebook_is(self, browser, host, dark):
        page = browser.new_page()
        page.set_content(host + PAGE)
        page.get_by_role("button", name="It surely is").click()
        assert status(page, 0) == "✓ Right. It is."
        seen = (
            "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor].map(c => c.match(/\\d+/)[0])"
        )
        ink, paper = (int(red) for red in page.locator("fieldset").first.evaluate(seen))
        assert (ink > paper) == dark
        page.close()

    def test_without_scripts_the_questions_can_be_read_and_it_says_why_nothing_answers(self, browser):
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.set_content(PAGE)
        assert page.get_by_text("trust it, or run the cell").is_visible()
        assert page.get_by_role("group", name="Which share?").is_visible()
        context.close()
