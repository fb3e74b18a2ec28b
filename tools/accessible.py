"""A Sphinx extension: what the theme, Sphinx and pandas write that not everybody can use, mended in the finished pages.

Each entry of `MENDED` is one fault, and twice gives the same. When a newer version writes something else, `tests/pages`
finds it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

MENDED: dict[str, str | Callable[[re.Match[str]], str]] = {
    # The corner of a table is no heading.
    r"<th(?: [^>]*)?>(?:\s|&nbsp;|<p></p>)*</th>": "<td></td>",
    # A signature of several lines is a list without terms, inside of a term.
    r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>": lambda found: re.sub(
        r"<dd>(.*)</dd>\n", r'<span class="sig-line">\1</span>', found[1]
    ),
    # A role that ARIA 1.2 has dropped, within a list.
    r'role="doc-biblioentry"': 'role="listitem"',
    # A name that is not the text which one sees: who says the text to his computer gets no answer.
    r'(<summary|<button class="btn search-button-field [^>]*?) aria-label="[^"]*"': r"\1",
    r'(<i class="theme-switch [^>]*?) title="[^"]*"': r"\1",
    # The sidebar's logo stands outside of all landmarks.
    r'(<div id="pst-primary-sidebar")(?! role)': r'\1 role="complementary" aria-label="Contents"',
    # The box that a wide table or figure scrolls in has no name; the theme lets the Tab key stop there when it scrolls.
    r'(<div class="output text_html)(">)(?=(?:<style[^<]*</style>|\s|<div>)*<table)': (
        r'\1 data-table" role="group" aria-label="Table\2'
    ),
    r'(?<!aria-label="Figure">)(<img [^>]*src="[^"]*/_images/[0-9a-f]{40,}\.png"[^>]*>)': (
        r'<div class="output picture" tabindex="0" role="group" aria-label="Figure">\1</div>'
    ),
    r'(<div class="pst-scrollable-table-container")(?! role)': r'\1 role="group" aria-label="Table"',
}


CELL = re.compile(r"<t[hd]\b.*?</t[hd]>", re.DOTALL)
WORDS = re.compile(r"<td\b[^>]*>(?!nan\b|inf\b|none\b)[\"'(]?[^\W\d_]", re.IGNORECASE)


def names_left(table: re.Match[str]) -> str:
    """Columns of words, and their heading, get the class ``words``: pandas sets all to the right, as numbers are."""
    rows = [CELL.findall(row) for row in re.findall(r"<tr\b.*?</tr>", table[0], re.DOTALL)]
    width = max(map(len, rows), default=0)
    body = [row for row in rows if len(row) == width and "<td" in row[-1]]
    words = {at for at in range(width) if body and all(WORDS.match(row[at]) for row in body)}

    def marked(row: re.Match[str]) -> str:
        cells = iter(range(width))
        if len(CELL.findall(row[0])) != width or 'class="words' in row[0]:
            return row[0]
        return CELL.sub(lambda cell: mark(cell[0]) if next(cells) in words else cell[0], row[0])

    def mark(cell: str) -> str:
        tag, rest = cell.split(">", 1)
        given = re.sub(r'class="', 'class="words ', tag)
        return (given if given != tag else f'{tag} class="words"') + ">" + rest

    return re.sub(r"<tr\b.*?</tr>", marked, table[0], flags=re.DOTALL)


def mend(page: str) -> str:
    for fault, mended in MENDED.items():
        page = re.sub(fault, mended, page)
    return re.sub(r'<div class="output text_html data-table".*?</table>', names_left, page, flags=re.DOTALL)


def once(index: str) -> str:
    """The search index, where the heading of a page is the page: it is numbered as one alone, and was found as two."""
    start, end = index.index("{"), index.rindex("}") + 1
    found = json.loads(index[start:end])
    found["titles"] = [re.sub("<[^>]*>", "", title) for title in found["titles"]]
    headings: dict[str, list] = {}
    for heading, places in found["alltitles"].items():
        for page, anchor in places:
            title = found["titles"][page]
            same = re.sub(r"^\d+\. ", "", title) == heading
            headings.setdefault(title if same else heading, []).append([page, None if same else anchor])
    found["alltitles"] = headings
    return index[:start] + json.dumps(found, ensure_ascii=False, separators=(",", ":")) + index[end:]


def finish(app, error) -> None:
    if error or app.builder.name != "html":
        return
    folder = Path(app.outdir)
    for path in folder.rglob("*.html"):
        page = path.read_text("utf8")
        if (better := mend(page)) != page:
            path.write_text(better, "utf8")
    path = folder / "searchindex.js"
    if path.exists():
        path.write_text(once(path.read_text("utf8")), "utf8")


def setup(app) -> dict[str, bool]:
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
