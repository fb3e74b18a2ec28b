"""Mark a folder of submitted labs into one CSV.

    python -m tools.mark FOLDER [--out marks.csv] [--seconds 120] [--memory 2] [--jobs 2]

Any file in the folder or below is a submission, whatever its name; which lab it belongs to stands in the notebook. A
row has the file, the lab, the points of each question, total and maximum, what went wrong, the tests that failed, and
the seconds.

Each submission runs in a process of its own, with limits of time and memory, without a network. On Linux bubblewrap
locks it up: it sees Python, the course and an empty folder that is gone afterwards, and neither the other submissions
nor the labs' sources. Where bubblewrap is not, an audit hook of Python refuses the same; the first line says which.

The tests come from the autograder archive, not from the student's folder, and reach the process when the student's
cells have ended. What the cells replaced in the course, NumPy, pandas and otter is put back before, and a test
during which something is replaced has failed. Not defended against: code that was written to outwit this marker from
within, such as a process that waits for the tests, or answers that compare equal to everything; without bubblewrap,
native code too. It stands in the notebook: where one has words that no answer needs, its message starts with
"read it". Memory is limited for each process, and a submission may start many until its time is up; root's are not
even counted, so do not mark as root.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script

from tools.locked import Lab, Limits, NotMarked, converse, sandbox  # noqa: E402

BUILT = ROOT / "_build/labs"
LARGEST = 20_000_000  # bytes of a submission
LAB = re.compile(r'otter\.Notebook\(tests_dir="tests/([\w-]+)"\)')  # the last line of the set-up cell

# Words that outwit a marker and that no answer needs: special methods, other processes, what lies beneath.
ODD = re.compile(
    r"__(?!init__|name__|main__|call__|len__|getitem__|iter__|repr__|version__|doc__)[a-z_]+__"
    r"|\b(?:_getframe|_thread|addaudithook|atexit|ctypes|fdopen|fork|forkpty|gc|multiprocessing|pty|setattr|setitimer"
    r"|setprofile|settrace|socket|subprocess|threading)\b"
    r"|\b(?:import|from) +(?:inspect|signal)\b"
    r"|sys\.modules|/proc\b|os\.(?:read|write|kill|system|dup2?)\b|(?<![\w.])(?:compile|eval|exec)\("
    r"|\b(?:np|numpy|pd|pandas|torch|builtins|collabkit)\.\w+ *=(?!=)"
)


@dataclass
class Row:
    file: str
    lab: str = ""
    points: dict[str, float] = field(default_factory=dict)
    possible: float | None = None
    messages: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0


def cells_of(path: Path) -> tuple[str, list[str]]:
    """The lab that a notebook belongs to, "" where it does not say, and its code without the set-up cell."""
    if path.is_symlink() or not path.is_file():  # a link may lead to somebody else's
        raise NotMarked("not a file")
    if path.stat().st_size > LARGEST:
        raise NotMarked(f"larger than {LARGEST // 1_000_000} MB: clear its outputs and save it again")
    try:
        nb = json.loads(path.read_bytes().decode("utf-8-sig"))
        code = ["".join(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"]
        named = str(nb.get("metadata", {}).get("otter", {}).get("assignment_name", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotMarked("not a notebook, or only a part of one: download it again as .ipynb") from None
    labs = [found for cell in code for found in LAB.findall(cell)]
    return (labs or [named])[0], [cell for cell in code if not LAB.search(cell)]


def odd(cells: list[str]) -> list[str]:
    """What a teacher is to read: the odd words of a submission, each once."""
    words = list(dict.fromkeys(word for cell in cells for word in ODD.findall(cell)))
    return [f"read it, for it has {', '.join(words[:5])}"] if words else []


def mark(path: Path, name: str, labs: dict[str, Lab], limits: Limits) -> Row:
    """One submission's row; nothing that is in it raises here."""
    row, start = Row(name), time.monotonic()
    try:
        row.lab, cells = cells_of(path)
        if row.lab not in labs:
            raise NotMarked("it does not say which lab it is: is its set-up cell there?")
        lab, row.messages = labs[row.lab], odd(cells)
        row.points, row.possible = dict.fromkeys(lab.questions, 0), sum(lab.possible.values())
        problems, row.points, row.failed = converse(cells, lab, limits)
        row.messages += problems[:3]
    except NotMarked as why:
        row.messages.append(str(why))
    row.seconds = time.monotonic() - start
    return row


def submissions(folder: Path) -> list[Path]:
    """All files, but hidden ones and what unpacking leaves behind."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    return [folder / p for p in sorted(found) if not any(part.startswith((".", "__MACOSX")) for part in p.parts)]


def safe(text: str) -> str:
    """For a spreadsheet, which would take it for a formula."""
    return re.sub(r"(^|;)(?=[=+\-@\t\r])", r"\1'", text)  # some split at semicolons


def write(rows: list[Row], out: Path) -> None:
    questions = sorted({question for row in rows for question in row.points})
    with out.open("w", newline="", encoding="utf8", errors="backslashreplace") as file:
        table = csv.writer(file)
        table.writerow(["file", "lab", *questions, "total", "max", "message", "failed", "seconds"])
        for row in rows:
            points = [round(row.points[one], 2) if one in row.points else "" for one in questions]
            total = round(sum(row.points.values()), 2)
            possible = "" if row.possible is None else round(row.possible, 2)
            texts = [safe("; ".join(row.messages)), safe(" ".join(row.failed))]
            table.writerow([safe(row.file), safe(row.lab), *points, total, possible, *texts, f"{row.seconds:.1f}"])


def main(argv: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=lambda name: Path(name).expanduser())  # which not every shell does after `=`
    parser.add_argument("--out", type=Path, default=BUILT / "marks.csv")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="of one submission (%(default)s)")
    parser.add_argument("--memory", type=float, default=Limits.memory, help="GiB of one submission (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time (%(default)s)")
    args = parser.parse_args(argv)
    if os.name == "nt":
        parser.error("Windows cannot limit what a process does: run this in WSL, with bubblewrap installed")
    labs = {path.stem: Lab.read(path) for path in sorted((BUILT / "autograder").glob("*.zip"))}
    if not labs:
        parser.error("there is nothing to mark with: run `make labs` first")
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is not a folder: pass the one with the submitted notebooks, unpacked")
    found = submissions(args.folder)
    if not found:
        parser.error(f"{args.folder} has no files: pass the folder with the submitted notebooks")
    command, why = sandbox()
    print("Each in a sandbox of bubblewrap." if command else f"No sandbox, an audit hook instead: {why}.")
    secret = [os.path.realpath(one) for one in (args.folder, BUILT, ROOT / "book/labs", ROOT / "tests/labs")]
    limits = Limits(args.seconds, args.memory, command, secret)
    start, rows = time.monotonic(), []
    with ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda path: mark(path, str(path.relative_to(args.folder)), labs, limits), found):
            rows.append(row)
            earned = "not marked" if row.possible is None else f"{sum(row.points.values()):g} of {row.possible:g}"
            line = f"{row.file}: {'; '.join([earned, *row.messages])}"
            print(line[:160].encode("unicode_escape").decode())  # a name may have what a terminal obeys
    write(rows, args.out)
    print(f"{len(rows)} submissions in {(time.monotonic() - start) / 60:.1f} minutes: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
