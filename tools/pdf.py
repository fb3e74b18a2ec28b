"""The whole book as one PDF, out of the built pages, through Chromium: `make pdf`, or `make pdf SOLUTIONS=no`.

python -m tools.pdf [--solutions no] [--to book.pdf] [pages…]
"""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path
from urllib.parse import urldefrag

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject

from tools.browser import BUILT, chromium, pages, serve

A4 = {"format": "A4", "margin": {"top": "18mm", "bottom": "18mm", "left": "17mm", "right": "17mm"}}
WIDTH = 665  # pixels of paper between those margins
# All that a reader would scroll to, or wait for.
ALL_HERE = """async () => {
    await window.formulas;
    for (const picture of document.images) picture.loading = "eager";
    await Promise.all([...document.images].map((picture) => picture.decode().catch(() => {})));
    await document.fonts.ready;
    for (const formula of document.querySelectorAll("mjx-container")) {  // one that is too long for a line is smaller
        const room = formula.closest(".math").parentElement.clientWidth;
        const wide = formula.firstElementChild.getBoundingClientRect().width;
        if (wide > room) formula.style.fontSize = `${Math.floor(100 * room / wide)}%`;
    }
}"""


def open_page(browser, url: str, solutions: bool = True):
    """A tab with the page as it is printed: light, formulas set, pictures there."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
    tab.add_init_script("localStorage.setItem('mode', 'light'); localStorage.setItem('theme', 'light')")
    answer = tab.goto(url, wait_until="load")
    if answer is None or not answer.ok:
        raise SystemExit(f"{url} is not among the built pages: `make book` builds them")
    tab.emulate_media(media="print")
    tab.evaluate("choice => { document.documentElement.dataset.solutions = choice; }", "yes" if solutions else "no")
    tab.evaluate(ALL_HERE)
    return tab


def printed(browser, url: str, solutions: bool = True) -> tuple[str, bytes]:
    """A page's title and its PDF."""
    tab = open_page(browser, url, solutions)
    try:
        title = tab.locator("article h1").first.inner_text().strip().rstrip("#").strip()
        footer = (
            '<div style="font-size: 8px; width: 100%; padding: 0 17mm; text-align: right; color: #444">'
            f'{title} · <span class="pageNumber"></span></div>'
        )
        return title, tab.pdf(
            **A4,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=footer,
            outline=True,
            tagged=True,
        )
    finally:
        tab.close()


def bound(parts: dict[str, tuple[str, bytes]]) -> PdfWriter:
    """One document, with a bookmark for each page; a link from page to page leads to where that page begins."""
    book, starts = PdfWriter(), {}
    for url, (title, pdf) in parts.items():
        starts[url] = len(book.pages)
        book.append(PdfReader(BytesIO(pdf)), outline_item=title)
    for sheet in book.pages:
        for link in sheet.get("/Annots", ()):
            action = link.get_object().get("/A", {})
            start = starts.get(urldefrag(str(action.get("/URI", "")))[0])
            if start is not None:
                there = book.pages[start].indirect_reference
                link.get_object().pop("/A")
                link.get_object()[NameObject("/Dest")] = ArrayObject([there, NameObject("/Fit")])
    return book


def make(to: Path, solutions: bool = True, only: list[str] | None = None, built: Path = BUILT) -> int:
    """Write the PDF, and say how many sheets it has."""
    with serve(built) as address, chromium() as browser:
        urls = [f"{address}/{page}" for page in only or pages()]
        book = bound({url: printed(browser, url, solutions) for url in urls})
    book.add_metadata({"/Title": "Collaborative Filtering: from a dot product to the state of the art"})
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as file:
        book.write(file)
    return len(book.pages)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="*", help="addresses in the built book; all by default")
    parser.add_argument("--solutions", choices=["yes", "no"], default="yes")
    parser.add_argument("--to", type=Path, default=BUILT.parent / "book.pdf")
    given = parser.parse_args(arguments)
    sheets = make(given.to, given.solutions == "yes", given.pages)
    print(f"{given.to}: {sheets} pages, {given.to.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
