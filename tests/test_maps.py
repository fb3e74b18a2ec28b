"""Maps: labels that can be read, and a page that explores without any other host."""

import itertools
import json
import shutil

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from collabkit import InteractiveMap, labelled_map

matplotlib.use("agg")


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.normal(size=25), rng.normal(size=25), [f"Film number {i}" for i in range(25)]


def test_no_label_covers_another(points):
    fig, ax = plt.subplots(figsize=(5, 7.5))
    labelled_map(*points, ax=ax)
    fig.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts if text.get_text()}
    plt.close(fig)
    assert sorted(boxes) == sorted(points[2])
    covered = [(a, b) for a, b in itertools.combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert covered == []


def test_the_html_names_no_other_host(points):
    html = InteractiveMap(*points)._repr_html_()
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert InteractiveMap(*points)._repr_html_() == html


def test_titles_stay_text():
    html = InteractiveMap([0], [0], ["</script><img src=x onerror=alert(1)>"])._repr_html_()
    assert "<img" not in html
    data = html.split('type="application/json">')[1].split("</script>")[0]
    assert json.loads(data)["points"][0][2] == "</script><img src=x onerror=alert(1)>"


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 x, 1 y and 1 labels"):
        InteractiveMap([0, 1], [0], ["a"])


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on the path: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
        running = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield running
        running.close()


def test_in_a_browser_names_appear_under_the_pointer_and_by_search(browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(error))
    page.on("request", lambda request: requests.append(request.url))
    html = InteractiveMap([0, 1, 2], [0, 1, 0], ["Alien (1979)", "<b>Heat</b> (1995)", "Aliens (1986)"])._repr_html_()
    page.set_content(html)
    circle = page.locator("circle").nth(1).bounding_box()
    page.mouse.move(circle["x"] + 2, circle["y"] + 2)
    assert page.locator("output").inner_text() == "<b>Heat</b> (1995)"
    page.get_by_label("Find a film").fill("alien")
    assert page.locator("output").inner_text() == "Alien (1979) · Aliens (1986)"
    assert page.locator("circle.found").count() == 2
    page.get_by_label("Find a film").fill("zzz")
    assert "No film" in page.locator("output").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    assert [url for url in requests if url.startswith("http")] == []
