import os

import pytest

from collabkit.atomic import write_together


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
