"""What a reader has read and answered: marked in the contents, counted on the front page, and in the browser alone."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.pages import checks, site
from tools.browser import BUILT, compressed, serve

KEY = "collabkit-progress-1 /"
FIRST, SECOND = [path.stem for path in sorted(BUILT.glob("book/chapters/*.html"))][:2] or ["none", "none"]
LIMIT_BYTES = 3000


@pytest.fixture
def reader(browser, book):
    """A visitor with a storage of his own; what goes wrong in his pages is the test's fault."""
    visitor = site.Visitor(browser, book)
    yield visitor
    assert visitor.faults() == []
    visitor.tab.context.close()


def address(chapter):
    return f"book/chapters/{chapter}.html"


def answer(tab, at=0, right=True):
    """Answer one question of the quiz, as a reader does."""
    group = tab.locator(".quick-check fieldset").nth(at)
    answers = json.loads(base64.b64decode(group.get_attribute("data-key")))["answers"]
    if group.locator("input").count():
        value = next(one.get("value", one.get("range", [0])[0]) for one in answers if one["correct"])
        group.locator("input").fill(str(value if right else value + 1234.5))
        group.locator("input").press("Enter")
    else:
        group.locator("button").nth(next(n for n, one in enumerate(answers) if one["correct"] == right)).click()
    assert ("✓" in group.locator("[role=status]").inner_text()) == right


def reach_the_end(tab):
    tab.locator("#summary .course-progress").scroll_into_view_if_needed()
    tab.wait_for_function("document.querySelector('#summary input').checked")


def marks(tab):
    """What stands beside each chapter that has a mark: (seen, said)."""
    return tab.evaluate("""Object.fromEntries([...document.querySelectorAll(".chapter-mark")].map(one => [
        one.parentElement.firstChild.data.trim().split(".")[0],
        [one.querySelector("[aria-hidden]").innerText.trim(), one.querySelector(".visually-hidden").textContent]]))""")


def kept(tab):
    return json.loads(tab.evaluate("key => localStorage.getItem(key)", KEY) or "{}")


def test_who_looks_in_has_not_begun(reader):
    tab = reader.open(address(FIRST), 1440)
    tab.mouse.wheel(0, 100)
    tab.wait_for_function("scrollY > 0")
    tab.wait_for_timeout(200)
    assert marks(tab) == {} and kept(tab) == {}


def test_answers_are_remembered(reader):
    tab = reader.open(address(FIRST), 1440)
    asked = tab.locator(".quick-check fieldset").count()
    answer(tab, 0)
    answer(tab, 1, right=False)
    expected = {"1": [f"1/{asked}", f" (begun, quiz 1 of {asked} right)"]}
    tab.reload()
    assert marks(tab) == expected
    reader.open(address(SECOND), 1440)
    assert marks(tab) == expected, "the other chapters show it too"


def test_an_answer_once_right_stays_right(reader):
    tab = reader.open(address(FIRST), 1440)
    asked = tab.locator(".quick-check fieldset").count()
    for right in (False, True, False):
        answer(tab, 0, right)
    assert marks(tab)["1"][0] == f"1/{asked}"


@pytest.mark.parametrize("page", sorted(path.stem for path in BUILT.glob("book/chapters/*.html")))
def test_every_question_of_every_quiz_counts(reader, page):
    tab = reader.open(address(page), 1440)
    asked = tab.locator(".quick-check fieldset").count()
    for at in range(asked):
        answer(tab, at)
    reach_the_end(tab)
    assert list(marks(tab).values()) == [[f"{asked}/{asked}", f" (read, quiz {asked} of {asked} right)"]]


def test_the_end_makes_it_read_unless_the_reader_says_no(reader):
    tab = reader.open(address(FIRST), 390)
    tab.mouse.wheel(0, 1500)
    tab.wait_for_function("document.querySelector('.chapter-mark')")
    assert kept(tab)[FIRST] == {"begun": True, "asked": tab.locator(".quick-check fieldset").count(), "answers": {}}
    reach_the_end(tab)
    assert kept(tab)[FIRST]["read"] is True
    box = tab.get_by_label("I have read this chapter")
    box.uncheck()
    tab.reload()
    box.scroll_into_view_if_needed()
    tab.wait_for_timeout(200)
    assert not box.is_checked() and kept(tab)[FIRST]["read"] is False
    box.check()
    tab.reload()
    assert box.is_checked()


def test_the_front_page_counts_and_forgets(reader):
    tab = reader.open("book/index.html", 1440)
    line, button = tab.locator("article .course-progress"), tab.get_by_role("button", name="Forget my progress")
    chapters = tab.locator(".bd-docs-nav a[href*='chapters/']").count()
    assert "This browser alone remembers which" in line.inner_text() and not button.is_visible()
    reader.open(address(FIRST), 1440)
    answer(tab, 0)
    answer(tab, 1, right=False)
    reach_the_end(tab)
    reader.open("book/index.html", 1440)
    assert f"answered 2 of them, 1 rightly, and read 1 of {chapters} chapters" in line.inner_text()

    tab.once("dialog", lambda dialog: dialog.dismiss())
    button.click()
    assert len(marks(tab)) == 1 and kept(tab)
    tab.once("dialog", lambda dialog: dialog.accept())
    button.click()
    assert marks(tab) == {} and not button.is_visible()
    assert tab.evaluate("key => localStorage.getItem(key)", KEY) is None
    assert tab.evaluate("document.activeElement.closest('.course-progress') !== null"), "the focus is lost"


def test_two_tabs_at_once(reader):
    tab = reader.open(address(FIRST), 1440)
    other = tab.context.new_page()
    other.goto(f"{reader.address}/{address(SECOND)}")
    answer(tab, 0)
    other.wait_for_function("document.querySelector('.chapter-mark')")
    answer(other, 0)
    tab.wait_for_function("document.querySelectorAll('.chapter-mark').length === 2")
    assert set(kept(tab)) == {FIRST, SECOND}


def test_two_books_of_one_host(browser, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(BUILT)
    with serve(tmp_path) as host, browser.new_context() as context:
        tab = context.new_page()
        tab.goto(f"{host}/one/{address(FIRST)}")
        answer(tab)
        tab.goto(f"{host}/two/{address(FIRST)}")
        assert marks(tab) == {}
        tab.goto(f"{host}/one/book/index.html")
        assert set(marks(tab)) == {"1"}


def test_pages_opened_from_the_disk(browser):
    with browser.new_context() as context:
        tab, errors = context.new_page(), []
        tab.on("pageerror", lambda error: errors.append(error))
        tab.goto((BUILT / address(FIRST)).as_uri())
        answer(tab)
        tab.goto((BUILT / "book/index.html").as_uri())
        tab.wait_for_timeout(500)  # the new page may have another process, which hears of the answer a moment later
        tab.reload()
        assert set(marks(tab)) == {"1"} and errors == []


REFUSED = 'Object.defineProperty(window, "localStorage", {get() { throw new DOMException("no", "SecurityError") }})'
FULL = """() => { Storage.prototype.setItem = (key) => {
    if (key.startsWith("%s")) throw new DOMException("full", "QuotaExceededError");
} }"""


def test_storage_refused(browser, book):
    """The theme's own scripts stumble here: with this script they stumble no more often."""
    errors = {}
    for body in (None, ""):
        with browser.new_context() as context:
            tab, heard = context.new_page(), []
            tab.on("pageerror", lambda error, heard=heard: heard.append(str(error)))
            tab.add_init_script(REFUSED)
            if body is not None:
                tab.route("**/progress.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
            tab.goto(f"{book}/{address(FIRST)}")
            answer(tab)
            tab.locator("#summary").scroll_into_view_if_needed()
            assert marks(tab) == {} and tab.locator(".course-progress").count() == 0
            tab.goto(f"{book}/book/index.html")
            assert tab.locator("article .course-progress").inner_text().endswith("questions.")
            tab.wait_for_timeout(50)
            errors[body] = sorted(heard)
    assert errors[None] == errors[""]


def test_storage_full(reader):
    tab = reader.open(address(FIRST), 1440)
    answer(tab)
    tab.add_init_script(f"({FULL % 'collabkit'})()")
    reader.open(address(SECOND), 1440)
    answer(tab)
    assert set(marks(tab)) == {"1"}, "what was kept once can still be seen"
    assert tab.locator("#summary .course-progress").count() == 0


def test_storage_that_fills_up_while_one_reads(reader):
    tab = reader.open(address(FIRST), 1440)
    tab.evaluate(FULL % "collabkit-progress")
    answer(tab)
    assert marks(tab) == {}
    box = tab.get_by_label("I have read this chapter")
    box.scroll_into_view_if_needed()
    tab.get_by_text("no room left").wait_for()
    assert not box.is_checked()


RUBBISH = [
    "not JSON",
    "null",
    "3",
    '"text"',
    "[1, null]",
    '{"CHAPTER": null}',
    '{"CHAPTER": 7, "gone": {"read": true}}',
    '{"CHAPTER": {"begun": "yes", "read": 1, "asked": -1, "answers": [true, 0]}}',
    '{"CHAPTER": {"asked": {}, "answers": "all"}}',
    '{"CHAPTER": {"asked": 9, "answers": {"A question of an older edition": true}}}',
]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_in_the_storage(reader, rubbish):
    tab = reader.open("book/index.html", 1440)
    tab.evaluate("entry => localStorage.setItem(...entry)", [KEY, rubbish.replace("CHAPTER", FIRST)])
    reader.open("book/index.html", 1440)
    assert "NaN" not in tab.locator("article .course-progress").inner_text() and reader.faults() == []
    reader.open(address(FIRST), 1440)
    asked = tab.locator(".quick-check fieldset").count()
    answer(tab)
    assert marks(tab) == {"1": [f"1/{asked}", f" (begun, quiz 1 of {asked} right)"]}


def test_nothing_leaves_the_page(reader):
    tab, asked = reader.open(address(FIRST), 1440), []
    answer(tab)
    reach_the_end(tab)
    tab.wait_for_load_state("networkidle")  # pictures come when they are near
    tab.on("request", lambda request: asked.append(request.url))
    answer(tab, right=False)
    answer(tab, 1)
    tab.get_by_label("I have read this chapter").uncheck()
    tab.wait_for_timeout(200)
    assert marks(tab)["1"][0].startswith("2/") and asked == []


@pytest.mark.parametrize("width", site.WIDTHS)
@pytest.mark.parametrize("page", ["book/index.html", address(FIRST)])
def test_marks_can_be_used_by_everybody(reader, page, width):
    tab = reader.open(address(SECOND), 1440)
    answer(tab)
    reader.open(address(FIRST), 1440)
    answer(tab)
    reach_the_end(tab)
    reader.open(page, site.WIDTHS[width])
    if width == "phone":
        tab.locator(".primary-toggle").click()
        tab.evaluate("document.activeElement.blur()")  # a dialog gives the focus to its first link
    tab.locator(".chapter-mark").nth(1).wait_for(state="visible")
    checks.prepare(tab)
    for theme in site.THEMES:
        reader.theme(theme)
        faults = checks.sideways(tab) + checks.focus(tab) + checks.accessible(tab) + checks.colours(tab)
        assert faults == [], theme


def test_a_mark_is_part_of_the_links_name(reader):
    tab = reader.open(address(FIRST), 1440)
    answer(tab)
    name = re.compile(r"^1\. .+ \(begun, quiz 1 of \d right\)$")
    assert tab.locator(".bd-docs-nav").get_by_role("link", name=name).count() == 1


def test_the_script_is_light():
    path = BUILT / "_static/progress.js"
    assert len(compressed(path, path.stat().st_mtime_ns)) <= LIMIT_BYTES
