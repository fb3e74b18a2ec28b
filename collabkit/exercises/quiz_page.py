"""Quick checks: a few questions in a page, each answer with a reason why it is right or wrong."""

from __future__ import annotations

import base64
import json
import random
import re
from html import escape
from importlib.resources import files
from typing import Any

Question = dict[str, Any]


def questions(chapter: int) -> list[Question]:
    """The quiz of one chapter, in the format of jupyterquiz: ``multiple_choice`` and ``numeric`` questions."""
    path = files(__package__) / "quizzes" / f"{chapter:02}.json"
    if not path.is_file():
        raise FileNotFoundError(f"chapter {chapter} has no quiz: write collabkit/exercises/quizzes/{chapter:02}.json")
    return json.loads(path.read_text("utf8"))


def quiz(chapter: int) -> None:
    """Show the quick check of one chapter. It needs no network: questions and script travel in the notebook.

    Each question is a group that bears its name. A choice is a button, which answers when it is pressed and not when
    the keyboard passes it; a number has a label and a button *Check*. What comes back is told to a screen reader. The
    answers stand in the page in base64, so that nobody reads them there by accident.

    It is our own page, not jupyterquiz: there an arrow key answers, a number that was typed and left is not judged, the
    answers stand in plain text in the page and on its console, and in some notebooks its script asks another host for
    MathJax. What would mend all that from outside is longer than this page.
    """
    page = html(f"quick-check-{chapter}", questions(chapter))
    from IPython.display import HTML, display

    display(HTML(page))


def html(name: str, asked: list[Question]) -> str:
    """The questions as one piece of HTML, whose element has this name."""
    page = files(__package__).joinpath("quiz_page.html").read_text("utf8")
    return page.replace("{{name}}", name).replace("{{questions}}", "\n".join(map(_group, asked)))


def _group(question: Question) -> str:
    """One question, with its choices in an order that depends on nothing but its text."""
    answers = question["answers"]
    if question["type"] == "multiple_choice":
        answers = random.Random(question["question"]).sample(answers, len(answers))
        controls = "\n".join(
            f'<button type="button" value="{at}" aria-pressed="false">{_marked(answer["answer"])}</button>'
            for at, answer in enumerate(answers)
        )
    else:
        answers = sorted(answers, key=lambda answer: answer.get("type") == "default")  # it is for all that is left
        field = '<input type="text" inputmode="text" autocomplete="off" spellcheck="false">'
        controls = f'<div><label>Your answer {field}</label><button type="button">Check</button></div>'
    told = [{**_judged(answer), "feedback": _marked(answer["feedback"])} for answer in answers]
    key = json.dumps({"answers": told, "precision": question.get("precision", 3)})
    return (
        f'<fieldset data-key="{base64.b64encode(key.encode()).decode()}">\n<legend>{_marked(question["question"])}'
        f'</legend>\n{controls}\n<p role="status" aria-live="polite"></p>\n</fieldset>'
    )


def _judged(answer: dict[str, Any]) -> dict[str, Any]:
    """What decides whether an answer fits, and whether it is right."""
    return {"correct": False} | {key: answer[key] for key in ("correct", "value", "range") if key in answer}


def _marked(text: str) -> str:
    """Text as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
