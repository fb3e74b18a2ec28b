"""The built book as a reader gets it: served from this machine, opened in a browser, and what was heard meanwhile."""

from __future__ import annotations

from tools.browser import BUILT

WIDTHS = {"desk": 1440, "phone": 390}
THEMES = ("light", "dark")


def built() -> list[str]:
    """The pages that readers get, and of the package's sources the longest alone: they are all made alike."""
    sources = sorted(BUILT.glob("_modules/**/*.html"), key=lambda path: path.stat().st_size)
    pages = [*BUILT.glob("book/**/*.html"), *BUILT.glob("genindex.html"), *BUILT.glob("search.html"), *sources[-1:]]
    return sorted(path.relative_to(BUILT).as_posix() for path in pages)


class Visitor:
    """One tab that goes from page to page, and hears what goes wrong."""

    def __init__(self, browser, address: str) -> None:
        self.address = address
        self.heard: list[str] = []
        self.tab = browser.new_context(color_scheme="light").new_page()
        self.tab.on("console", self.console)
        self.tab.on("pageerror", lambda error: self.heard.append(f"error in a script: {error}"))
        self.tab.on("request", self.request)
        self.tab.on("requestfailed", lambda request: self.heard.append(f"no answer from {request.url}"))
        self.tab.on("response", self.response)

    def console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.type} in the console: {message.text}")

    def request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:", "about:")):
            self.heard.append(f"asked another host: {request.url}")

    def response(self, response) -> None:
        if response.status >= 400:
            self.heard.append(f"{response.status} for {response.url}")

    def open(self, page: str, width: int, height: int = 900):
        """The tab, once the page and its formulas stand."""
        self.tab.goto("about:blank")  # so that the last page has said all
        self.faults()
        self.heard.clear()
        self.tab.emulate_media(media="screen", color_scheme="light")
        self.tab.set_viewport_size({"width": width, "height": height})
        self.tab.goto(f"{self.address}/{page}")
        self.tab.evaluate("window.MathJax?.startup?.promise?.then(() => window.formulas)")
        return self.tab

    def faults(self) -> list[str]:
        """What went wrong since the page was opened; a moment later, for what is said is heard in turn."""
        self.tab.wait_for_timeout(50)
        return self.heard

    def theme(self, name: str) -> None:
        """As the operating system says it, which is what the pages follow unless their button was pressed."""
        self.tab.emulate_media(color_scheme=name)
        self.tab.wait_for_function("name => (document.documentElement.dataset.theme ?? name) === name", arg=name)
