"""The minutes in the plans of book/appendix/teachers.md, as chapters and labs state them; its table of labs.

    python -m tools.plans

A plan is written by hand, apart from its numbers. In the plan by weeks, a row has the chapters to read, their minutes
and seconds, the lab, its minutes, and all minutes with a meeting; the last row has the sums. In the plan by hours, a
row that links to a chapter or names a lab gets its minutes; a row that does neither keeps its own. A day starts at
the time of its first row, and the other times follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools import reading
from tools.repository import ROOT

PAGE = "book/appendix/teachers.md"
WEEKS = re.compile(r"(?<=^\| Week \|)(.*\n\|[-|:]+\|\n)((?:\|.*\n)+)", re.M)
DAY = re.compile(r"(?<=^\| Start \|)(.*\n\|[-|:]+\|\n)((?:\|.*\n)+)", re.M)
LABS = re.compile(r"(?<=^\| Lab \|)(.*\n\|[-|:]+\|\n)((?:\|.*\n)*)", re.M)
MEETING = re.compile(r"^\| What happens \|.*\n\|[-|:]+\|\n((?:\|.*\n)+)", re.M)


@dataclass
class Lab:
    """What a master says of itself under its title."""

    title: str
    chapters: str
    minutes: int
    points: int


def labs(root: Path = ROOT) -> dict[int, Lab]:
    """Of the course, by number."""
    found = {}
    for path in sorted((root / "book/labs").glob("*.ipynb")):
        cells = nbformat.reads(path.read_text("utf8"), as_version=4).cells
        top = next(cell.source for cell in cells if cell.cell_type == "markdown")
        said = dict(re.findall(r"\*\*(\w[\w ]*)\*\*: ([^·\n]+?)(?= ·|\n)", top))
        title = re.match(r"# Lab (\d+) · (.+)", top)
        if not title or not {"Chapters", "Minutes", "Points"} <= said.keys():
            raise SystemExit(f"{path.name}: start with # Lab N · title, and **Chapters**, **Minutes**, **Points**")
        found[int(title[1])] = Lab(title[2].strip(), said["Chapters"], int(said["Minutes"]), int(said["Points"]))
    return found


class Plans:
    """What chapters and labs state, written into a page."""

    def __init__(self, root: Path = ROOT) -> None:
        self.chapters = {name: reading.said(nb) or (0, 0) for name, nb in reading.chapters(root).items()}
        self.labs = labs(root)

    def stated(self, text: str) -> list[tuple[int, int]]:
        """Minutes and seconds of all chapters that a text links to."""
        names = re.findall(r"<\.\./chapters/(\w+)>", text)
        for name in names:
            if name not in self.chapters:
                raise SystemExit(f"{PAGE} links to {name}, and book/chapters has no such chapter")
        return [self.chapters[name] for name in names]

    def of_labs(self, text: str) -> int:
        """Minutes of all labs that a text names, as in *Lab 3* and *Labs 3, 4*."""
        named = [int(n) for numbers in re.findall(r"\bLabs? (\d[\d, ]*)", text) for n in re.findall(r"\d+", numbers)]
        for number in named:
            if number not in self.labs:
                there = ", ".join(map(str, self.labs)) or "none"
                raise SystemExit(f"{PAGE} names lab {number}, and book/labs has labs {there}")
        return sum(self.labs[number].minutes for number in named)

    def written(self, page: str) -> str:
        """The page, with the minutes that are stated now."""
        meeting = sum(minutes(MEETING.findall(page)))
        page = WEEKS.sub(lambda table: table[1] + self.weeks(table[2], meeting), page)
        page = DAY.sub(lambda table: table[1] + self.day(table[2]), page)
        return LABS.sub(lambda table: table[1] + self.table(), page)

    def weeks(self, rows: str, meeting: int) -> str:
        lines, sums = [], [0, 0, 0, 0]
        for row in map(cells, rows.splitlines()[:-1]):
            read, run = (sum(column) for column in zip((0, 0), *self.stated(row[1]), strict=True))
            lab = self.of_labs(row[4])
            numbers = [read, run, lab, read + lab + meeting]
            sums = [total + number for total, number in zip(sums, numbers, strict=True)]
            lines.append([row[0], row[1], *map(str, numbers[:2]), row[4], *map(str, numbers[2:])])
        lines.append(["All", "", *map(str, sums[:2]), "", *map(str, sums[2:])])
        return "".join(map(line, lines))

    def day(self, rows: str) -> str:
        table = [cells(row) for row in rows.splitlines()]
        hours, past = map(int, table[0][0].split(":"))
        now, lines = 60 * hours + past, []
        for _, what, typed in table:
            counted = sum(read for read, _ in self.stated(what)) + self.of_labs(what)
            typed = str(counted) if counted else typed
            lines.append([f"{now // 60}:{now % 60:02}", what, typed])
            now += int(typed or 0)
        return "".join(map(line, lines))

    def table(self) -> str:
        return "".join(
            line([f"{number} · {lab.title}", lab.chapters, str(lab.minutes), str(lab.points)])
            for number, lab in self.labs.items()
        )


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def line(row: list[str]) -> str:
    return f"| {' | '.join(row)} |\n".replace("|  |", "| |")


def minutes(tables: list[str]) -> list[int]:
    """The last column of some tables."""
    return [int(cells(row)[-1]) for table in tables for row in table.splitlines()]


def main(root: Path = ROOT) -> None:
    page = root / PAGE
    new = Plans(root).written(page.read_text("utf8"))
    if new != page.read_text("utf8"):
        page.write_text(new, "utf8")
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
