"""Set up the course on this machine, with no network: python3 install.py

Checks the wheels in this folder, makes .venv beside them, and says how to start. Once all is done, it only says that.
`make offline` puts this file where README.md describes it; it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import signal
import subprocess
from pathlib import Path
from shlex import quote

from tools.make_venv import fail, find_python, run_pip

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
WHEELS = HERE / "wheels"
# JupyterLab would ask a host for news, and each student whether it may.
LAB = VENV / "share/jupyter/lab/settings/overrides.json"
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}

CURES = {
    r"No space left|Errno 28": "The disk is full. Make room, then run this again.",
    r"No matching distribution|not a supported wheel": "The package that pip names above has no wheel here that this "
    "system can use. It may be older than the\none that made the folder: make the folder on a machine like this one.",
}  # fmt: skip


def check_machine(made_on: dict) -> None:
    here = f"{platform.system()} on {platform.machine()}"
    if here != made_on["system"]:
        fail(
            f"These wheels are for {made_on['system']}; this machine is {here}. Nothing was installed.\n"
            "Get a folder that was made (make offline) on a machine like this one. On Windows, work inside WSL."
        )


def check_wheels(digests: dict[str, str]) -> None:
    """All that the manifest lists, as it was made, and nothing else: a copy that was cut short is found here."""
    print(f"Checking {len(digests)} wheels", flush=True)
    found = {path.name for path in WHEELS.glob("*")}
    wrong = [f"{name} does not belong here" for name in sorted(found - digests.keys())]
    for name, digest in digests.items():
        if name not in found:
            wrong.append(f"{name} is missing")
        elif sha256(WHEELS / name) != digest:
            wrong.append(f"{name} is damaged")
    if wrong:
        fail(
            "\n".join(
                ["The wheels are not as they were made:", *wrong, "Copy the folder again. Nothing was installed."]
            )
        )


def sha256(path: Path) -> str:
    try:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
        return digest.hexdigest()
    except OSError:  # a bad stick
        return "unreadable"


def check_room(gigabytes: float) -> None:
    free = shutil.disk_usage(HERE).free / 1e9
    if free < gigabytes:
        fail(
            f"The set-up needs {gigabytes:.1f} GB of free disk, and {HERE} has {free:.1f} GB. Nothing was installed.\n"
            "Make room, or copy this folder to another disk, then run this again."
        )


def install(python: str, packages: list[str]) -> None:
    """Make .venv, whole or not at all. pip runs out of its own wheel: Debian's Python may come without it."""
    print("Setting up .venv: a few minutes", flush=True)
    (pip,) = WHEELS.glob("pip-*.whl")
    try:
        if subprocess.run([python, "-m", "venv", "--clear", "--without-pip", str(VENV)]).returncode:
            fail(f"No environment can be made in {HERE}; Python's reason is above.\n"
                 "On a memory stick? Copy this folder to the machine's own disk, and run this there.")  # fmt: skip
        offline = ["--isolated", "--no-index", "--find-links", str(WHEELS)]
        run_pip([str(VENV / "bin/python"), f"{pip}/pip"], "install", *offline, *packages, cures=CURES)
        LAB.parent.mkdir(parents=True, exist_ok=True)
        LAB.write_text(json.dumps(QUIET))
        (VENV / "installed").write_text(wanted())
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise


def wanted() -> str:
    """Changes with the wheels, and with the place of this folder: an environment cannot be moved."""
    return hashlib.sha256((HERE / "manifest.json").read_bytes() + str(HERE).encode()).hexdigest()


def is_done() -> bool:
    """Was .venv made here, from these wheels, and is the Python that made it still there?"""
    stamp = VENV / "installed"
    return stamp.is_file() and stamp.read_text() == wanted() and (VENV / "bin/python").exists()


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    manifest = json.loads((HERE / "manifest.json").read_text("utf8"))
    if not is_done():
        check_machine(manifest)
        major, minor = manifest["python"]
        python = find_python([(major, minor)], "These wheels need", f"/path/to/python{major}.{minor} install.py")
        check_wheels(manifest["wheels"])
        check_room(manifest["gigabytes"])
        for ending in (signal.SIGTERM, signal.SIGHUP):  # the window closed, the machine told to stop
            signal.signal(ending, stop)
        try:
            install(python, manifest["packages"])
        except KeyboardInterrupt:
            fail("Stopped. Nothing half done is left; run this again.")
    print(f"\nReady. To start:\n\n    cd {quote(str(HERE))}")
    if (HERE / "data").is_dir():
        print(f"    export COLLABKIT_DATA={quote(str(HERE / 'data'))}")
    print("    .venv/bin/jupyter lab\n\nREADME.md says what is where.")


if __name__ == "__main__":
    main()
