"""The files of results: each with its date and versions, as the one writer of the benchmarks writes them."""

import json
from datetime import date

import pytest

from benchmarks import results as writer
from collabkit import results


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(writer, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", results.names())
def test_a_file_says_when_and_with_what_it_was_measured(name):
    head = list(results.load(name).items())[:2]
    assert [key for key, _ in head] == ["measured", "versions"]
    (_, day), (_, versions) = head
    assert date(2026, 11, 1) <= date.fromisoformat(day)
    assert list(versions) == ["python", *writer.PACKAGES]
    assert all(version[0].isdigit() for version in versions.values())


@pytest.mark.parametrize("name", results.names())
def test_a_file_is_as_the_writer_writes_it(name):
    text = (writer.FOLDER / f"{name}.json").read_text("utf8")
    assert text == writer.formatted(json.loads(text))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(KeyError, match="no results 'x'. There are: bands, bayes"):
        results.load("x")


def test_what_is_written_has_date_and_versions_and_comes_back_in_order(folder):
    writer.write("some", {"b": {"é": [1.5, None]}, "a": 2})
    text = (folder / "some.json").read_text("utf8")
    written = json.loads(text)
    assert list(written) == ["measured", "versions", "b", "a"]
    assert (written["measured"], written["versions"]) == (str(date.today()), writer.versions())
    assert "é" in text and text.endswith("}\n") and not text.endswith("\n\n")
    assert writer.kept("some", ["a"]) == {"b": {"é": [1.5, None]}, "a": 2}


def test_nothing_is_kept_when_all_is_measured_anew(folder):
    writer.write("some", {"a": 2})
    assert writer.kept("some", []) == {}
    assert writer.kept("other", ["a"]) == {}


def test_versions_are_not_mixed(folder):
    writer.write("some", {"a": 2})
    text = (folder / "some.json").read_text("utf8")
    (folder / "some.json").write_text(text.replace(writer.versions()["torch"], "1.2.3"), "utf8")
    with pytest.raises(SystemExit, match=r"^the rest of some.json was .* other versions \(torch 1.2.3 → .*measure all"):
        writer.kept("some", ["a"])


def test_what_json_has_no_word_for_is_refused_and_nothing_is_lost(folder):
    writer.write("some", {"a": 2})
    for bad in ({"a": float("nan")}, {"a": {1, 2}}):
        with pytest.raises((ValueError, TypeError)):
            writer.write("some", bad)
    assert writer.kept("some", ["a"]) == {"a": 2}
    assert [path.name for path in folder.iterdir()] == ["some.json"]


def test_entries_that_are_measured_no_more_go():
    assert list(writer.in_order("cab", {"a": 1, "x": 2, "c": 3}).items()) == [("c", 3), ("a", 1)]
