"""tools/docstrings.py: labelled lines of a docstring become fields."""

from tools.docstrings import fields


def test_labelled_lines_become_fields_up_to_the_next_empty_line():
    said = ["One line.", "", "Shape: x ``(B, 2)``", "and more of it.", "Raises: an error.", "", "After: words."]
    assert fields(said) == [
        "One line.",
        "",
        "",
        ":Shape: x ``(B, 2)``",
        "    and more of it.",
        "",
        ":Raises: an error.",
        "",
        "After: words.",
    ]


def test_other_lines_stay_as_they_are():
    said = [
        "Args:",
        "    x: Shape: no label, for it is indented.",
        "",
        "Returns:",
        "    a block, which napoleon reads.",
        "",
    ]
    assert fields(said) == said
