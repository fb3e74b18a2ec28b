"""A Sphinx extension: a docstring's `Shape: …`, `Returns: …`, `Raises: …` and `Source: …` become labelled fields.

The docstrings stay short this way: napoleon alone wants each of these on a line of its own, with an indented block.
"""

from __future__ import annotations

import re

LABEL = re.compile(r"(Shape|Returns|Raises|Source): (?=\S)")


def fields(lines: list[str]) -> list[str]:
    """The docstring's lines, where a line with a label, and those below it up to an empty one, are a field."""
    found: list[str] = []
    inside = False
    for line in lines:
        label = LABEL.match(line)
        if label:
            found += ["", f":{label[1]}: {line[label.end() :]}"]
        else:
            found.append("    " + line if inside and line else line)
        inside = bool(label) or (inside and bool(line))
    return found


def setup(app) -> dict[str, bool]:
    def process(app, what, name, obj, options, lines):
        lines[:] = fields(lines)

    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
