"""Write _build/offline: all that a class without a network needs, for machines like this one.

    python tools/offline.py [EDITION ...]

Wheels of what a student needs (the extra `classroom`), in the versions of constraints.txt; the built book; the chapters
and the appendix as notebooks; the labs' student files; tools/classroom, which sets a machine up. The embedded ratings
are in a wheel; each EDITION of MovieLens named (small-2018, 25m, …) is copied from $COLLABKIT_DATA, with its terms.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "_build/offline"
SITE = ROOT / "_build/html"
LABS = ROOT / "_build/labs/student"
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script

from tools import make_venv, notebooks, wheels  # noqa: E402

PACKAGES = ["collabkit[classroom]", "pip"]
CURES = {
    r"No matching distribution found for torch": "This environment has a build of PyTorch that no index at hand has. "
    "Tell pip where it came from:\nfor the CPU build, set PIP_EXTRA_INDEX_URL as .github/workflows/ci.yml does.",
    **make_venv.CURES,
}  # fmt: skip


def main(editions: list[str]) -> None:
    if not (SITE / "index.html").is_file():
        raise SystemExit("There is no book in _build/html yet. Run make offline, which builds it first.")
    sources = [edition(name) for name in editions]
    part = OUT.with_name("offline.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        write(part, sources)
        shutil.rmtree(OUT, ignore_errors=True)
        part.rename(OUT)
    except BaseException:  # the folder of last time stays
        shutil.rmtree(part, ignore_errors=True)
        raise
    report()


def edition(name: str) -> Path:
    """The folder of one edition, if its terms let it be passed on."""
    from collabkit.movielens import EDITIONS

    if name not in EDITIONS:
        raise SystemExit(f"No edition '{name}': choose from {', '.join(EDITIONS)}; small-2016 is always there.")
    folder = Path(os.environ.get("COLLABKIT_DATA", "."), EDITIONS[name].folder)
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there. Set COLLABKIT_DATA to the folder that holds {folder.name}.")
    terms = " ".join(path.read_text("utf8", errors="replace") for path in sorted(folder.glob("README*")))
    if "may redistribute" not in " ".join(terms.split()):
        raise SystemExit(
            f"{folder} has no README that says you may redistribute it (those of 100k, 1m and 10m ask you to obtain "
            "permission first), so it does not go to a class from here."
        )
    return folder


def write(folder: Path, editions: list[Path]) -> None:
    (folder / "wheels").mkdir(parents=True)
    take_wheels(folder / "wheels")
    shutil.copytree(SITE, folder / "site", ignore=shutil.ignore_patterns("_sources", "objects.inv"))
    for path in students_notebooks():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        site = os.path.relpath(folder / "site", copy.parent)
        nb = notebooks.plain(notebooks.clean(notebooks.read(path)), path.parent, site=site)
        copy.write_text(notebooks.write(nb), "utf8")
    if LABS.is_dir():
        shutil.copytree(LABS, folder / "labs")
    for source in editions:
        shutil.copytree(source, folder / "data" / source.name)
    shutil.copytree(ROOT / "tools/classroom", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tools").mkdir()
    (folder / "tools/__init__.py").touch()  # or another `tools` on that machine could come before it
    shutil.copy(ROOT / "tools/make_venv.py", folder / "tools")
    manifest = describe(folder / "wheels")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf8")
    fill_in(folder / "README.md", manifest, editions)


def students_notebooks() -> Iterator[Path]:
    """Chapters and appendix; never book/labs, where the masters have their solutions and hidden tests."""
    for part in ("chapters", "appendix"):
        yield from sorted((ROOT / "book" / part).glob("*.ipynb"))


def take_wheels(folder: Path) -> None:
    print("Taking the wheels. The first time they are downloaded.", flush=True)
    wheels.build(folder)
    torch = f"torch=={version('torch')}"  # the build at hand: PyPI's own for Linux brings 4 GB of GPU libraries
    wanted = ["--wheel-dir", str(folder), "--find-links", str(folder), "-c", str(ROOT / "constraints.txt")]
    make_venv.run_pip([sys.executable, "-m", "pip"], "wheel", *wanted, *PACKAGES, torch, cures=CURES)


def describe(folder: Path) -> dict:
    """What install.py needs to know of the wheels."""
    unpacked, digests = 0, {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            # a module is compiled, to as much again
            unpacked += sum(i.file_size * (1 + i.filename.endswith(".py")) for i in wheel.infolist())
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "python": list(sys.version_info[:2]),
        "system": f"{platform.system()} on {platform.machine()}",
        "packages": PACKAGES,
        "gigabytes": round(unpacked / 1e9 + 0.05, 1),
        "wheels": digests,
    }


def fill_in(readme: Path, manifest: dict, editions: list[Path]) -> None:
    extra = ["| `labs/` | the labs |"] if LABS.is_dir() else []
    extra += (
        ["| `data/` | more of MovieLens: " + ", ".join(source.name for source in editions) + " |"] if editions else []
    )
    text = readme.read_text("utf8").replace("{extra}\n", "".join(line + "\n" for line in extra))
    readme.write_text(
        text.format(
            system=manifest["system"],
            python=".".join(map(str, manifest["python"])),
            size=f"{gigabytes(readme.parent):.1f}",
            room=manifest["gigabytes"],
            data_terms=" and in `data/`" if editions else "",
        ),
        "utf8",
    )


def gigabytes(folder: Path, pattern: str = "*") -> float:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file()) / 1e9


def report() -> None:
    count = len(list((OUT / "wheels").glob("*.whl")))
    print(f"{count} wheels, {gigabytes(OUT / 'wheels'):.2f} GB; the book, {gigabytes(OUT / 'site'):.2f} GB")
    gpu = gigabytes(OUT, "nvidia_*.whl")
    if gpu:
        print(f"{gpu:.1f} GB of that is for GPUs. Without: make distclean, then as .github/workflows/ci.yml does.")
    if not LABS.is_dir():
        print("No labs: make labs builds the student files; run it first to have them in the folder.")
    print(f"{OUT}: {gigabytes(OUT):.2f} GB. Its README.md says how to set up a room with it.")


if __name__ == "__main__":
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        raise SystemExit(__doc__)
    main(sys.argv[1:])
