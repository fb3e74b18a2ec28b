"""The README's table of chapters."""

import pytest

from tools import contents
from tools.repository import ROOT, current

INDEX = "| {doc}`1 · Ratings <chapters/01_ratings>` | averages | How good? |\n"
INDEX += "| {doc}`2 · Dots <chapters/02_dots>` | dots | x |\n"
README = "# A\n\n| chapter | you build | |\n|---|---|---|\n| old | row | x |\n\nmore | x\n"


def test_rows_come_from_the_index_and_the_rest_stays():
    new = contents.written(README, INDEX, "https://github.com/a/b")
    colab = "https://colab.research.google.com/github/a/b/blob/colab/book/chapters"
    rows = f"| 1 · Ratings | averages | [open in Colab]({colab}/01_ratings.ipynb) |\n"
    rows += f"| 2 · Dots | dots | [open in Colab]({colab}/02_dots.ipynb) |\n"
    assert new == README.replace("| old | row | x |\n", rows)


def test_a_readme_without_the_table_is_left_alone():
    with pytest.raises(SystemExit, match="README.md has 0 tables"):
        contents.written("# A\n", INDEX, "https://github.com/a/b")


def test_the_readme_is_as_it_would_be_written():
    readme = (ROOT / "README.md").read_text("utf8")
    assert contents.written(readme, (ROOT / "book/index.md").read_text("utf8"), current()) == readme, (
        "run `make notebooks`"
    )
