"""The built pages in a browser of this machine: served as a web server would, compressed, to Debian's Chromium.

What measures the pages (benchmarks/page_weight.py), prints them (tools/pdf.py) and draws the preview card
(tools/card.py) opens them here.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build/html"
TEXT = {".html", ".css", ".js", ".json", ".svg", ".txt"}  # what servers compress; pictures and fonts are so already


def pages(root: Path = ROOT) -> list[str]:
    """Addresses of all pages of the book, in its order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    parts = toc.get("parts", [toc])
    return [f"{name}.html" for name in (toc["root"], *(page["file"] for part in parts for page in part["chapters"]))]


@cache
def compressed(path: Path, changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix not in TEXT or not path.is_file():
            return super().do_GET()
        body = compressed(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serve(folder: Path = BUILT) -> Iterator[str]:
    """The address under which this machine, and no other, reaches the folder."""
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there: `make book` builds the pages")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator:
    """A Chromium that asks nobody else; Playwright's `Browser`."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise SystemExit("no Chromium on the path: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
        running = playwright.chromium.launch(executable_path=found, args=quiet)
        try:
            yield running
        finally:
            running.close()
