"""tools/offline.py and what it writes: a folder that sets a machine up, or says why not and leaves nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import nbformat
import pip
import pytest

from tools import make_venv, notebooks, offline
from tools.classroom import install


def wheel(folder: Path, name: str, files: dict[str, str], needs: str = "") -> None:
    """A wheel of a few lines, version 1."""
    about = f"{name}-1.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {**files, f"{about}/METADATA": metadata, f"{about}/WHEEL": tags}
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as file:
        for path, text in files.items():
            file.writestr(path, text)
        file.writestr(f"{about}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"]))


# pip's own wheel lies in another place on each system: this one runs the pip that is here.
RUN_PIP = f"import sys; sys.path[0] = {str(Path(pip.__file__).parents[1])!r}\nfrom pip._internal.cli.main import main\n"


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder as `make offline` writes it, with two small wheels: `room.run()` sets it up in a process of its own."""
    folder = tmp_path / "a room"
    shutil.copytree(offline.ROOT / "tools/classroom", folder)
    (folder / "tools").mkdir()
    (folder / "tools/__init__.py").touch()
    shutil.copy(make_venv.__file__, folder / "tools")
    (folder / "wheels").mkdir()
    wheel(folder / "wheels", "course", {"course.py": "import helper"}, needs="helper")
    wheel(folder / "wheels", "helper", {"helper.py": ""})
    wheel(folder / "wheels", "pip", {"pip/__main__.py": RUN_PIP + "sys.exit(main())"})
    monkeypatch.setattr(offline, "PACKAGES", ["course"])

    def write_manifest(**other):
        manifest = {**offline.describe(folder / "wheels"), **other}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    def run(python=sys.executable, **environ):
        command = [python, str(folder / "install.py")]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **environ})

    write_manifest()
    Room = namedtuple("Room", "folder run write_manifest")
    return Room(folder, run, write_manifest)


def refused(done, *words: str) -> bool:
    return done.returncode == 1 and all(word in done.stderr for word in words)


def imports(room) -> bool:
    return not subprocess.run([room.folder / ".venv/bin/python", "-c", "import course"]).returncode


def test_one_command_sets_up_a_second_does_nothing_and_a_moved_folder_is_set_up_again(room, tmp_path):
    done = room.run(PIP_CONSTRAINT="/gone", PIP_INDEX_URL="http://127.0.0.1:9")  # what that machine is used to
    assert done.returncode == 0, done.stderr
    assert imports(room) and f"cd '{room.folder}'\n" in done.stdout and "COLLABKIT_DATA" not in done.stdout
    assert "fetchNews" in (room.folder / ".venv/share/jupyter/lab/settings/overrides.json").read_text()
    (room.folder / "data").mkdir()
    again = room.run()
    assert again.returncode == 0 and "Checking" not in again.stdout and "jupyter lab" in again.stdout
    assert f"export COLLABKIT_DATA='{room.folder}/data'\n" in again.stdout
    # An environment cannot be moved: in another place it is made again.
    moved = room._replace(folder=room.folder.rename(tmp_path / "elsewhere"))
    done = subprocess.run([sys.executable, moved.folder / "install.py"], capture_output=True, text=True)
    assert done.returncode == 0 and "Setting up" in done.stdout and imports(moved)
    assert str(moved.folder) in (moved.folder / ".venv/pyvenv.cfg").read_text()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
        (lambda path: (path.unlink(), path.mkdir()), "is damaged"),  # cannot be read
        (lambda path: shutil.copy(path, path.with_name("helper-2-py3-none-any.whl")), "does not belong here"),
    ],
    ids=["missing", "damaged", "unreadable", "added"],
)
def test_a_wheel_that_is_not_as_it_was_made_is_named_before_anything_is_made(room, spoil, said):
    path = room.folder / "wheels/helper-1-py3-none-any.whl"
    spoil(path)
    named = "helper-2-py3-none-any.whl" if "belong" in said else path.name
    assert refused(room.run(), f"{named} {said}", "Copy the folder again")
    assert not (room.folder / ".venv").exists()


def test_another_system_is_refused(room):
    room.write_manifest(system="Windows on AMD64")
    here = f"{platform.system()} on {platform.machine()}"
    assert refused(room.run(), f"for Windows on AMD64; this machine is {here}", "Nothing was installed")


def test_another_python_is_refused_or_the_right_one_found(room, tmp_path):
    room.write_manifest(python=[3, 99])
    said = ("These wheels need Python 3.99; this is 3.", "/path/to/python3.99 install.py")
    assert refused(room.run(), *said) and not (room.folder / ".venv").exists()
    (tmp_path / "python3.99").symlink_to(sys._base_executable)
    assert room.run(PATH=f"{tmp_path}:{os.environ['PATH']}").returncode == 0 and imports(room)


def test_a_full_disk_is_noticed_before_anything_is_made(room):
    room.write_manifest(gigabytes=1e6)
    assert refused(room.run(), "needs 1000000.0 GB of free disk", "Nothing was installed")
    assert not (room.folder / ".venv").exists()


def test_when_pip_fails_its_words_and_a_cure_are_shown_and_nothing_is_left(room):
    (room.folder / "wheels/helper-1-py3-none-any.whl").unlink()
    room.write_manifest()  # a folder that was made without it
    assert refused(room.run(), "helper", "has no wheel here that this system can use")
    assert not (room.folder / ".venv").exists()


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_stopped_half_way_it_leaves_nothing(room, ending):
    wheel(room.folder / "wheels", "pip", {"pip/__main__.py": "import time; print('here', flush=True); time.sleep(60)"})
    room.write_manifest()
    command = [sys.executable, room.folder / "install.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 30
        while not (room.folder / ".venv/bin/python").exists() and time.monotonic() < until:
            time.sleep(0.02)
        running.send_signal(getattr(signal, ending))
        _, said = running.communicate(timeout=30)
    assert running.returncode == 1 and "Nothing half done is left" in said
    assert not (room.folder / ".venv").exists()


def test_what_a_power_cut_leaves_is_made_afresh(room):
    (room.folder / ".venv/bin").mkdir(parents=True)
    (room.folder / ".venv/half").touch()
    assert room.run().returncode == 0
    assert imports(room) and not (room.folder / ".venv/half").exists()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The repository, with a book and labs that were built, and a pip that takes no wheels."""
    monkeypatch.setattr(offline, "OUT", tmp_path / "offline")
    monkeypatch.setattr(offline, "SITE", tmp_path / "html")
    monkeypatch.setattr(offline, "LABS", tmp_path / "student")
    monkeypatch.setattr(offline, "take_wheels", lambda folder: wheel(folder, "course", {"course.py": "pass"}))
    for name in ("html/index.html", "student/1_lab.ipynb"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


def test_the_folder_has_what_its_readme_lists(clone):
    offline.main([])
    out = offline.OUT
    rows = [line for line in (out / "README.md").read_text("utf8").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in row.split("|")[1].strip(" `").split("` `")}
    assert named == {"install.py", "site/index.html", "book/chapters/", "book/appendix/", "labs/", "wheels/"}
    assert all((out / name).exists() for name in [*named, "manifest.json"])
    assert "{" not in (out / "README.md").read_text("utf8")
    assert not list(out.rglob("__pycache__"))


def test_students_get_every_chapter_and_no_master_of_a_lab(clone):
    offline.main([])
    found = sorted(path.relative_to(offline.OUT) for path in offline.OUT.rglob("*.ipynb"))
    chapters = sorted(path.relative_to(offline.ROOT) for path in (offline.ROOT / "book/chapters").glob("*.ipynb"))
    assert [path for path in found if path.match("book/chapters/*")] == chapters
    assert {path.parent.as_posix() for path in found} == {"book/chapters", "book/appendix", "labs"}


def test_its_notebooks_have_no_outputs_and_lead_to_the_book_beside_them(clone):
    offline.main([])
    path = offline.OUT / "book/chapters/02_dot_product.ipynb"
    nb = nbformat.read(path, as_version=4)
    assert not [cell for cell in nb.cells if cell.get("outputs")]
    text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    assert "](../../site/book/appendix/glossary.html#term-" in text and notebooks.site_url() not in text


def test_without_labs_it_says_how_to_have_them(clone, capsys):
    shutil.rmtree(clone / "student")
    offline.main([])
    assert "make labs" in capsys.readouterr().out and not (offline.OUT / "labs").exists()
    assert "labs/" not in (offline.OUT / "README.md").read_text("utf8")


def test_without_a_book_it_says_how_to_build_it(clone):
    (clone / "html/index.html").unlink()
    with pytest.raises(SystemExit, match="make offline, which builds it first"):
        offline.main([])


def test_a_failure_leaves_the_folder_of_last_time(clone, monkeypatch):
    offline.main([])
    monkeypatch.setattr(offline, "take_wheels", lambda folder: make_venv.fail("no network"))
    with pytest.raises(SystemExit, match="no network"):
        offline.main([])
    assert (offline.OUT / "manifest.json").exists() and not list(clone.glob("*.part"))


def test_an_edition_goes_along_if_its_terms_allow(clone, monkeypatch):
    monkeypatch.setenv("COLLABKIT_DATA", str(clone / "data"))
    for name, terms in {
        "ml-latest-small": "You may\nredistribute it.",
        "ml-1m": "You may not redistribute it.",
    }.items():
        (clone / "data" / name).mkdir(parents=True)
        (clone / "data" / name / "README.txt").write_text(terms)
    offline.main(["small-2018"])
    assert (offline.OUT / "data/ml-latest-small/README.txt").exists()
    assert "in `data/`, are GroupLens" in (offline.OUT / "README.md").read_text("utf8")
    for name, said in {"1m": "ask you to obtain permission", "25m": "ml-25m is not there", "2m": "choose from"}.items():
        with pytest.raises(SystemExit, match=said):
            offline.main([name])


def test_pip_is_asked_for_the_build_of_torch_that_is_here_and_no_larger_one(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(offline.wheels, "build", lambda folder: None)
    monkeypatch.setattr(offline, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setattr(make_venv, "run_pip", lambda pip, *arguments, cures: asked.extend(arguments))
    offline.take_wheels(tmp_path)
    assert asked[0] == "wheel" and {"torch==2.13.0+cpu", "collabkit[classroom]", "pip"} <= set(asked)
    assert asked[asked.index("-c") + 1] == str(offline.ROOT / "constraints.txt")


def test_the_set_up_needs_the_standard_library_alone():
    code = "import sys; import tools.classroom.install; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=offline.ROOT, capture_output=True, text=True)
    names = {name for name in done.stdout.split() if not name.startswith("_")}
    assert names - sys.stdlib_module_names == {"tools"}
    assert install.HERE == offline.ROOT / "tools/classroom"
