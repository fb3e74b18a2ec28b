"""The README's table of chapters, out of the one in book/index.md: titles, what a reader builds, and links to Colab.

python -m tools.contents
"""

from __future__ import annotations

import re
from pathlib import Path

from tools.repository import ROOT, current

ROW = re.compile(r"^\| \{doc\}`(?P<title>[^<`]+) <(?P<page>chapters/\w+)>` \| (?P<builds>[^|]+) \|", re.M)
TABLE = re.compile(r"^\| chapter \| you build \| \|\n\|---\|---\|---\|\n(?:\|.*\n)*", re.M)


def table(index: str, url: str) -> str:
    colab = url.replace("https://github.com", "https://colab.research.google.com/github") + "/blob/colab/book"
    rows = (
        f"| {r['title']} | {r['builds']} | [open in Colab]({colab}/{r['page']}.ipynb) |" for r in ROW.finditer(index)
    )
    return "\n".join(["| chapter | you build | |", "|---|---|---|", *rows]) + "\n"


def written(readme: str, index: str, url: str) -> str:
    """The README with that table in the place of the one it has."""
    new, times = TABLE.subn(lambda _: table(index, url), readme)
    if times != 1:
        raise SystemExit(f"README.md has {times} tables `| chapter | you build | |`; one was expected")
    return new


def main(root: Path = ROOT) -> None:
    readme = root / "README.md"
    new = written(readme.read_text("utf8"), (root / "book/index.md").read_text("utf8"), current(root))
    if new != readme.read_text("utf8"):
        readme.write_text(new, "utf8")
        print("wrote README.md")


if __name__ == "__main__":
    main()
