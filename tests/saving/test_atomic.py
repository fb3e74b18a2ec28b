import os
import random
import signal
import stat
import subprocess
import sys
import time

import pytest

from collabkit.saving.atomic import TEMPORARY, write_together


@pytest.fixture
def old(tmp_path):
    (tmp_path / "a").write_text("old a")
    (tmp_path / "c").write_text("old c")
    return tmp_path


def files(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_all_are_written_with_the_rights_of_any_new_file(old):
    write_together({old / name: b"new" for name in "abc"})
    assert files(old) == dict.fromkeys("abc", "new")
    (old / "d").touch()
    assert (old / "b").stat().st_mode == (old / "d").stat().st_mode


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("moved", [True, False])
def test_when_one_cannot_be_moved_all_are_as_they_were(call, moved, old, monkeypatch):
    """Whether the interruption comes just before a move or just after it."""
    before, calls, replace = files(old), [], os.replace

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) != call:
            return replace(*arguments)
        if moved and call < 3:
            replace(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", fail)
        write_together({old / name: b"new" for name in "abc"})
    assert files(old) == before


def test_a_disk_that_is_full(old, monkeypatch):
    before = files(old)

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fsync", full)
        write_together({old / "a": b"new"})
    assert files(old) == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_that_is_replaced_keeps_its_mode(mode, old, monkeypatch):
    """It may hold what others must not read; so nor may they while it is written."""
    (old / "a").chmod(mode)
    (old / "c").chmod(mode)
    seen, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda *names: seen.append(os.stat(names[0]).st_mode) or replace(*names))
    write_together({old / name: b"new" for name in "ac"})
    modes = [file.stat().st_mode for file in old.iterdir()]
    assert {stat.S_IMODE(one) for one in (*seen, *modes)} == {mode}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_that_is_replaced_keeps_its_owner(old):
    os.chown(old / "a", 4321, 1234)
    write_together({old / "a": b"new"})
    assert ((old / "a").stat().st_uid, (old / "a").stat().st_gid) == (4321, 1234)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_is_read_only_stays(old):
    (old / "a").chmod(0o400)
    with pytest.raises(PermissionError, match="a is read-only: make it writable"):
        write_together({old / "a": b"new"})
    assert (old / "a").read_text() == "old a"


def test_links_stay_links_and_their_targets_are_written(old, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    (far / "there").write_text("old")
    (far / "there").chmod(0o600)
    (old / "link").symlink_to(far / "there")
    (old / "chain").symlink_to("link")
    (old / "new").symlink_to(far / "not yet")
    write_together({old / "new": b"1", old / "a": b"2", old / "chain": b"3"})
    assert files(far) == {"there": "3", "not yet": "1"}
    assert stat.S_IMODE((far / "there").stat().st_mode) == 0o600
    assert all((old / name).is_symlink() for name in ("link", "chain", "new"))
    assert files(old) == {"a": "2", "c": "old c", "link": "3", "chain": "3", "new": "1"}


def test_links_that_lead_to_no_place_for_a_file_are_refused(old):
    before = files(old)
    (old / "nowhere").symlink_to(old / "no folder" / "x")
    (old / "ring").symlink_to("ring")
    (old / "alias").symlink_to("a")
    for name, error, message in [
        ("nowhere", FileNotFoundError, "no folder .*no folder: make it first"),
        ("ring", ValueError, "a link that leads to itself"),
        ("alias", ValueError, "are one file, by a link"),
    ]:
        with pytest.raises(error, match=message):
            write_together({old / "a": b"new", old / name: b"new"})
        (old / name).unlink()
    assert files(old) == before


def test_what_is_no_file_is_not_replaced(old):
    os.mkfifo(old / "pipe")
    (old / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(ValueError, match=f"{name} is a folder, or no ordinary file"):
            write_together({old / "a": b"new", old / name: b"new"})
    assert (old / "a").read_text() == "old a"
    assert not (old / "pipe").is_file()


# ---------------------------------------------------------------- killed, and several at a time

SAVE = """if True:
    import sys
    from pathlib import Path
    from collabkit.saving.atomic import write_together
    folder, letter = Path(sys.argv[1]), sys.argv[2].encode()
    print(flush=True)
    for _ in range(int(sys.argv[3])):
        write_together({folder / "a": letter * 300_000, folder / "c": letter * 900_000})
"""


def saver(folder, letter, times):
    process = subprocess.Popen([sys.executable, "-c", SAVE, folder, letter, str(times)], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_what_a_killed_save_left_goes_with_the_next_and_nothing_else(old):
    left = []
    rng = random.Random(0)
    (old / ".notes.tmp").write_text("mine")
    for _ in range(8):
        with saver(old, "x", 10**6) as process:
            time.sleep(rng.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        left += [file for file in old.iterdir() if TEMPORARY.fullmatch(file.name)]
    assert left, "no kill came in the middle of a save"
    assert len((old / "a").read_bytes()) in (5, 300_000)
    write_together({old / "a": b"new"})
    assert {file.name for file in old.iterdir()} == {"a", "c", ".notes.tmp"}


def test_saves_of_several_processes_do_not_mix(old):
    savers = [saver(old, letter, 8) for letter in "xyz"]
    for process in savers:
        with process:
            assert process.wait() == 0
    content = files(old)
    assert content.keys() == {"a", "c"}
    assert len(set(content["a"] + content["c"])) == 1


def test_a_file_that_another_process_is_writing_is_not_taken_for_a_leftover(old):
    with saver(old, "x", 25) as process:
        while process.poll() is None:
            write_together({old / "b": b"new"})
        assert process.returncode == 0
