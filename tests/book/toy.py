"""A chapter that follows every rule, for tests that break one rule at a time."""

from __future__ import annotations

from textwrap import dedent

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks

STEPS = ("Warm-up: the mean", "Build: a table", "Stretch: a proof")


def markdown(text: str) -> NotebookNode:
    return new_markdown_cell(dedent(text).strip())


def code(text: str, *tags: str) -> NotebookNode:
    return new_code_cell(dedent(text).strip(), metadata={"tags": list(tags)} if tags else {})


def figure(text: str, caption: str, name: str) -> NotebookNode:
    shown = {"image": {"alt": caption}, "figure": {"caption": caption, "name": name}}
    return new_code_cell(text, metadata={"mystnb": shown})


def exercise(k: int) -> list[NotebookNode]:
    student = f"my_answer_{k} = None  # your code here\n\nch09.check_{k}(my_answer_{k})"
    solution = f"# @title Solution 9.{k}\nsolution_{k} = {k}\nassert ch09.check_{k}(solution_{k})"
    return [
        markdown(f"### Exercise 9.{k} · {STEPS[k - 1]}\n\nSet `my_answer_{k}` to {k}."),
        code(student, "exercise"),
        code(solution, "solution"),
    ]


def chapter() -> NotebookNode:
    """Chapter 9 of a book that does not exist."""
    cells = [
        markdown("# A toy\n\nYou will see what every chapter looks like."),
        markdown("""
            ## Before you start

            - **You need**: nothing.
            - **You will learn**: the order of things.
            - **Minutes**: read 5 · run 1 s; no GPU is needed
        """),
        code("", "setup"),
        markdown("## A first step\n\nTwo factors $p_u$, as in {cite:t}`koren2009matrix`, and a rate of 0.05."),
        code("""
            import matplotlib.pyplot as plt
            import numpy as np

            rate = 0.05
            factors = np.arange(6.0).reshape(3, 2)  # (U, K)
        """),
        markdown("## A picture\n\n:::{tip}\nLook at the slope.\n:::"),
        figure('plt.plot(factors)\nplt.title("Factors")\nplt.show()', "The factors of three users.", "fig-factors"),
        markdown("## What you should see\n\nA score inside its band."),
        code('from collabkit import band\n\nband("toy").check(0.5)'),
        markdown("## Quick check\n\nTwo questions."),
        code("from collabkit.exercises import quiz\n\nquiz(9)"),
        markdown("## Exercises\n\nThree, from easy to hard."),
        code("from collabkit.exercises import ch09"),
        *(cell for k in (1, 2, 3) for cell in exercise(k)),
        markdown("## Summary\n\n- One idea."),
        markdown("## Further reading\n\n- The classic {cite:p}`koren2009matrix`."),
    ]
    return notebooks.clean(notebooks.set_up(new_notebook(cells=cells)))
