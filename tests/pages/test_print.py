"""Pages on paper: light, whole lines, solutions or none, and all of them one document."""

from __future__ import annotations

import shutil
from io import BytesIO

import pytest

from tools.browser import ROOT, pages, serve

PdfReader = pytest.importorskip("pypdf").PdfReader

from tools.pdf import bound, open_page, printed  # noqa: E402

LONG = "x = " + "a_long_name + " * 40
FIRST = f"""
<nav class="bd-sidebar-primary">Elsewhere</nav>
<div class="bd-content"><article class="bd-article"><h1>One<a class="headerlink" href="#">#</a></h1>
<p>Before, and <a href="two.html#there">the next page</a>.</p>
<div class="cell_input" style="overflow-x: auto"><pre style="overflow-x: auto">{LONG}END</pre></div>
<table><tr>{"<td style='white-space: nowrap'>a cell of many words</td>" * 9}</tr></table>
<div class="cell tag_solution"><details class="hide"><summary><p class="collapsed">Show</p></summary>
<pre>ANSWER</pre></details></div></article></div>
"""
SECOND = "<article><h1>Two</h1><p style='height: 1500px'>There.</p></article>"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    shutil.copy(ROOT / "book/_static/print.css", folder)
    for name, body in {"one": FIRST, "two": SECOND}.items():
        style = "<style>html { background: #111; color: #eee } body { margin: 0 }</style>"
        head = f'<html data-theme="dark"><meta charset="utf-8">{style}<link rel="stylesheet" href="print.css">'
        (folder / f"{name}.html").write_text(f"<!DOCTYPE html>{head}{body}", "utf8")
    with serve(folder) as address:
        yield address


# What reaches beyond the paper, or scrolls on it; what only screen readers read does not count.
CUT = """() => {
    const right = document.documentElement.clientWidth + 1;
    const parts = [...document.querySelectorAll("article *:not(mjx-assistive-mml, mjx-assistive-mml *)")];
    const cut = (part) => part.getBoundingClientRect().right > right
        || (getComputedStyle(part).overflowX !== "visible" && part.scrollWidth > part.clientWidth + 1);
    return parts.filter(cut).map((part) => `${part.tagName} ${part.className}: ${part.textContent.slice(0, 80)}`);
}"""


def test_paper_is_light_and_cuts_no_line(address, browser):
    tab = open_page(browser, f"{address}/one.html")
    colours = "getComputedStyle(document.documentElement)"
    assert tab.evaluate(f"[{colours}.backgroundColor, {colours}.color]") == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert tab.evaluate(CUT) == []
    assert not tab.get_by_text("Elsewhere").is_visible()
    tab.emulate_media(media="screen")
    assert len(tab.evaluate(CUT)) > 3, "on a screen this page is cut"
    tab.close()


def words(pdf: PdfReader) -> str:
    return " ".join(page.extract_text() for page in pdf.pages)


@pytest.mark.parametrize("solutions", [True, False])
def test_solutions_lie_open_or_are_left_out(address, browser, solutions):
    title, pdf = printed(browser, f"{address}/one.html", solutions)
    text = words(PdfReader(BytesIO(pdf)))
    assert title == "One" and "Before" in text and "END" in text
    assert ("ANSWER" in text) == solutions


def test_all_pages_are_one_document_and_links_stay_in_it(address, browser, tmp_path):
    urls = [f"{address}/{name}.html" for name in ("one", "two")]
    book = bound({url: printed(browser, url) for url in urls})
    with (tmp_path / "book.pdf").open("wb") as file:
        book.write(file)
    pdf = PdfReader(tmp_path / "book.pdf")
    assert len(pdf.pages) == 3, "one sheet for the first page, two for the second"
    assert [entry.title for entry in pdf.outline if not isinstance(entry, list)] == ["One", "Two"]
    links = [link.get_object() for page in pdf.pages for link in page.get("/Annots", ())]
    leads = [link["/Dest"][0].get_object() for link in links if "/Dest" in link]
    assert pdf.pages[1] in leads and not any("127.0.0.1" in str(link) for link in links)


@pytest.mark.parametrize("page", pages())
def test_no_line_of_a_page_is_cut(page, book, browser):
    tab = open_page(browser, f"{book}/{page}")
    assert tab.evaluate(CUT) == []
    tab.close()
