"""Make .venv with everything the book needs; `make` calls this first, every time.

A second call returns at once: it installs again only when pyproject.toml or constraints.txt has changed.
Needs the standard library alone, and keeps to what an old Python can read, so that it can say which one to take.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed"
SUPPORTED = [(3, 13), (3, 12), (3, 11)]  # a test holds this against requires-python
ROOM = 4  # GB, for the packages and what is built from them

CURES = {
    r"No space left|Errno 28": "The disk is full. Make room in {root} and in {temp}, then run make again.\n"
    "On Linux, PyTorch's CPU build needs some 4 GB less: .github/workflows/ci.yml shows how to ask for it.",
    r"ConnectionError|Timeout|Temporary failure|not known|unreachable|ProxyError|SSLError|Retrying":
        "The package index cannot be reached. Check the network and run make again;\n"
        "behind a proxy set HTTPS_PROXY, and for a mirror set PIP_INDEX_URL.",
    r"No matching distribution|ResolutionImpossible": "The index has no such version for this system and Python. "
    "Try another Python (make PYTHON=python3.12),\nor loosen the line of constraints.txt that pip names.",
}  # fmt: skip


def fail(message: str) -> NoReturn:
    sys.exit("\n" + message)


def find_python(
    supported: list[tuple[int, int]] = SUPPORTED,
    needed_by: str = "The book needs one of",
    how: str = "make PYTHON=/path/to/python3.12 …",
) -> str:
    """This interpreter, if it is one of `supported`; else the first on the path that is."""
    if sys.version_info[:2] in supported:
        return sys.executable
    for major, minor in supported:
        found = shutil.which(f"python{major}.{minor}")
        # It must run: pyenv puts shims on the path for versions that are switched off.
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    names = ", ".join(f"{major}.{minor}" for major, minor in reversed(supported))
    fail(
        f"{needed_by} Python {names}; this is {sys.version.split()[0]}, and the path leads to no other that will do.\n"
        f"Install one, or say where it is: {how}"
    )


def usable() -> bool:
    """Is there a .venv that was made here, is whole, and has a Python the book runs on?"""
    try:
        pip = subprocess.run([VENV / "bin/pip", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return str(VENV) in pip and any(f"(python {major}.{minor})" in pip for major, minor in SUPPORTED)


def create() -> None:
    python = find_python()
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True).returncode:
        fail(
            f"{python} cannot make an environment: its venv module is missing.\n"
            "On Debian and Ubuntu: sudo apt install python3-venv (or python3.12-venv, for that version)."
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < ROOM:
        fail(f"The book needs {ROOM} GB of free disk, and {ROOT} has {free:.1f} GB. Make room, then run make again.")
    print(f"Making .venv with {python}", flush=True)
    if subprocess.run([python, "-m", "venv", "--clear", str(VENV)]).returncode:
        fail("The environment could not be made; the reason is above. Mend it, then run make again.")


def install() -> None:
    print("Installing the book and its tools. The first time takes a few minutes.", flush=True)
    run_pip([str(VENV / "bin/python"), "-m", "pip"], "install", "-c", "constraints.txt", "-e", f".[{extras()}]")


def extras() -> str:
    """Those that everybody needs, and what EXTRAS names besides: `EXTRAS=spark make test` runs the engine too."""
    return ",".join(["book", "test", "teach", *os.environ.get("EXTRAS", "").replace(",", " ").split()])


def run_pip(pip: list[str], *arguments: str, cures: dict[str, str] | None = None) -> None:
    """Run pip, showing what it is at, and keeping all it says in case it fails. Stopped, it stops pip too."""
    command = [*pip, *arguments, "--disable-pip-version-check", "--progress-bar", "off"]
    start, said = time.monotonic(), []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        try:
            for line in running.stdout or ():
                said.append(line)
                step = progress(line)
                if step:
                    print(f"  {time.monotonic() - start:3.0f} s  {step}", flush=True)
        except BaseException:
            running.terminate()
            raise
    if running.returncode:
        text = "".join(said)
        found = [cure for symptom, cure in (cures or CURES).items() if re.search(symptom, text)]
        cure = (found or ["pip's own last words are above. Mend what they name, then run this again."])[0]
        fail("".join(said[-12:]) + "\n" + cure.format(root=ROOT, temp=tempfile.gettempdir()))
    print(f"  {time.monotonic() - start:3.0f} s  done", flush=True)


def progress(line: str) -> str:
    """What a reader wants to see of a line of pip's: the large downloads, the installing, the trouble."""
    wheel = re.match(r"\s*(?:Downloading|Using cached) \S*?([\w.]+-[\w.+]+)-\S+ \((\d{2,}\.\d MB|\S+ GB)\)", line)
    if wheel:
        return f"{wheel[1].replace('-', ' ')}, {wheel[2]}"
    if line.startswith("Installing collected packages"):
        return f"unpacking {line.count(',') + 1} packages"
    return line.strip() if line.startswith("WARNING: Retrying") else ""


def wanted() -> str:
    """Changes when the environment must: with the dependencies, their versions, or the place of this clone."""
    parts = [
        (ROOT / "pyproject.toml").read_bytes(),
        (ROOT / "constraints.txt").read_bytes(),
        str(ROOT).encode(),
        extras().encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def main() -> None:
    if STAMP.exists() and STAMP.read_text() == wanted() and (VENV / "bin/python").exists():
        return
    if STAMP.exists():
        STAMP.unlink()  # what follows may fail, and then the next call must not trust this environment
    if not usable():
        create()
    install()
    STAMP.write_text(wanted())


if __name__ == "__main__":
    main()
