"""The map of concepts: which idea rests on which, drawn as book/appendix/map.svg and listed in book/appendix/map.md.

python -m tools.concepts
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY, PAGE, DRAWING = (ROOT / "book/appendix" / name for name in ("glossary.md", "map.md", "map.svg"))

# A term of the glossary: its place from left to right, and the terms it rests on, without those that they rest on. Its
# chapter, which is its row, is what the glossary says.
CONCEPTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "rating": (0, ()),
    "validation set": (1, ("rating",)),
    "RMSE": (2, ("validation set",)),
    "dot product": (0, ("rating",)),
    "embedding": (1, ("dot product",)),
    "gradient descent": (2, ("RMSE",)),
    "sigmoid": (0, ("dot product",)),
    "bias": (0, ("sigmoid",)),
    "parameter": (1, ("embedding", "gradient descent")),
    "weight decay": (1, ("parameter", "bias")),
    "cosine similarity": (2, ("weight decay",)),
    "hidden layer": (0, ("weight decay",)),
    "ridge regression": (1, ("weight decay",)),
    "alternating least squares": (0, ("ridge regression",)),
    "fold-in": (0, ("alternating least squares",)),
    "cross-validation": (2, ("RMSE",)),
    "paired comparison": (0, ("cross-validation",)),
    "posterior": (1, ("ridge regression",)),
    "Gibbs sampling": (0, ("posterior",)),
    "side information": (0, ("Gibbs sampling",)),
    "neighbour": (2, ("cosine similarity",)),
    "EASE": (1, ("neighbour", "ridge regression")),
    "BPR": (0, ("sigmoid",)),
    "two-tower model": (1, ("side information",)),
    "partition": (1, ("alternating least squares",)),
}
SHORT = {"alternating least squares": "least squares"}  # where the box is too small for the term

# Units of the drawing, of whose letters 12 are the height: its width, a row, a box, the middles of the three columns,
# and the margin that a line takes round the boxes in its way.
WIDTH, ROW, BOX, MIDDLES, MARGIN = 400, 54, 26, (92, 212, 322), 396
ENTRY = re.compile(r"^(\S.*)\n(?: {4}.*\n)*? {4}.*\{doc\}`Chapter (\d+) <\.\./chapters/(\w+)>`", re.M)


def chapters() -> dict[str, tuple[int, str]]:
    """Term of the glossary -> number and file name of the chapter that introduces it."""
    return {term: (int(number), stem) for term, number, stem in ENTRY.findall(GLOSSARY.read_text("utf8"))}


def places() -> dict[str, tuple[int, int, int]]:
    """Left, top and width of each box, which is as wide as its words ask."""
    of = chapters()
    found = {}
    for term, (column, _) in CONCEPTS.items():
        width = 14 + 7 * len(SHORT.get(term, term))
        found[term] = (MIDDLES[column] - width // 2, 8 + ROW * (of[term][0] - 1), width)
    return found


def line(term: str, below: str) -> str:
    """From a concept to the one that rests on it: level, down, or round what lies between."""
    at = places()
    (x0, y0, w0), (x1, y1, w1) = at[below], at[term]
    if y0 == y1:
        left, right = sorted([(x0, w0), (x1, w1)])
        return f"M{left[0] + left[1]} {y0 + BOX // 2}H{right[0]}"
    columns = CONCEPTS[below][0], CONCEPTS[term][0]
    if columns[0] == columns[1] and any(CONCEPTS[one][0] == columns[0] and y0 < at[one][1] < y1 for one in CONCEPTS):
        return f"M{x0 + w0} {y0 + BOX // 2}H{MARGIN}V{y1 + BOX // 2}H{x1 + w1}"
    x0, x1, middle = x0 + w0 // 2, x1 + w1 // 2, y1 - ROW // 4
    return f"M{x0} {y0 + BOX}V{y1 - ROW // 2}C{x0} {middle} {x1} {middle} {x1} {y1}"


def drawing() -> str:
    """The map as SVG: lines first, so that boxes lie on them."""
    of = chapters()
    rows = sorted({of[term][0] for term in CONCEPTS})
    boxes = [
        f'<a href="../chapters/{of[term][1]}.html" aria-label="{escape(SHORT.get(term, term))}, chapter {of[term][0]}">'
        f'<rect x="{x}" y="{y}" width="{width}" height="{BOX}" rx="6"/>'
        f'<text x="{x + width // 2}" y="{y + 17}">{escape(SHORT.get(term, term))}</text></a>'
        for term, (x, y, width) in places().items()
    ]
    parts = [
        f'<svg class="concepts" viewBox="0 0 {WIDTH} {ROW * rows[-1] - ROW + BOX + 16}" role="group" '
        'aria-labelledby="concepts-title">',
        f'<title id="concepts-title">Concepts of the course, from chapter {rows[0]} at the top to chapter {rows[-1]} '
        "at the bottom. Lines lead from a concept to those that rest on it. The table below says the same.</title>",
        *(f'<path d="{line(term, other)}"/>' for term, (_, below) in CONCEPTS.items() for other in below),
        *(f'<text class="chapter" x="12" y="{25 + ROW * (row - 1)}">{row}</text>' for row in rows),
        *boxes,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def table() -> str:
    """The map as a table."""
    of = chapters()
    rows = [
        f"| {{term}}`{term}` | {', '.join(f'{{term}}`{other}`' for other in below) or '—'} "
        f"| {{doc}}`{of[term][0]} <../chapters/{of[term][1]}>` |"
        for term, (_, below) in CONCEPTS.items()
    ]
    return "\n".join(["| concept | rests on | chapter |", "|---|---|--:|", *rows]) + "\n"


TABLE = re.compile(r"^\| concept \| rests on \| chapter \|\n(?:\|.*\n)*", re.M)


def written(page: str) -> str:
    """The page with that table in the place of the one it has."""
    new, times = TABLE.subn(lambda _: table(), page)
    if times != 1:
        raise SystemExit(f"{PAGE.name} has {times} tables `| concept | rests on | chapter |`; one was expected")
    return new


def main() -> None:
    for path, new in ((PAGE, written(PAGE.read_text("utf8"))), (DRAWING, drawing())):
        if not path.exists() or new != path.read_text("utf8"):
            path.write_text(new, "utf8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
