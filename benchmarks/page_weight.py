"""What the first view of each page weighs, and how long it takes: from a server on this machine, with nothing cached.

`seconds` is what a reader waits. On a machine that does other things besides it says more about those; `busy` is what
the page itself keeps a processor at work, and that is what the tests hold.

python -m benchmarks.page_weight [folder of the built pages]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tools.browser import BUILT, chromium, pages, serve

LIMIT_KB, LIMIT_S = 1500, 1.0
TRIES = 3
# Ready is when all has come, and formulas, if the page has some, stand in their place.
READY = """async () => {
    if (window.MathJax?.startup) await window.MathJax.startup.promise;
    await document.fonts.ready;
    return performance.now() / 1000;
}"""


@dataclass(frozen=True)
class Weight:
    page: str
    kilobytes: float  # of all requests of its first view, compressed
    requests: int
    busy: float  # seconds of one processor until it is ready
    seconds: float  # of the clock


def weigh(browser, address: str, page: str, tries: int = TRIES) -> Weight:
    """The quickest of some loads, for what a machine does besides makes a page only slower."""
    return min((once(browser, address, page) for _ in range(tries)), key=lambda weight: weight.busy)


def once(browser, address: str, page: str) -> Weight:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:  # each with an empty cache
        tab = context.new_page()
        bytes_of: list[int] = []
        devtools = context.new_cdp_session(tab)
        devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", lambda event: bytes_of.append(event["encodedDataLength"]))
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        answer = tab.goto(f"{address}/{page}", wait_until="load")
        if answer is None or not answer.ok:
            raise SystemExit(f"{page} is not among the built pages: `make book` builds them")
        seconds = tab.evaluate(READY)
        metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
        return Weight(page, sum(bytes_of) / 1000, len(bytes_of), metrics["TaskDuration"], seconds)


def main(folder: Path = BUILT) -> None:
    with serve(folder) as address, chromium() as browser:
        once(browser, address, pages()[0])  # the browser's own start is no page's
        weights = [weigh(browser, address, page) for page in pages()]
    print("| page | KB | requests | busy, s | seconds |\n|---|--:|--:|--:|--:|")
    for one in weights:
        print(f"| {one.page} | {one.kilobytes:.0f} | {one.requests} | {one.busy:.2f} | {one.seconds:.2f} |")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
