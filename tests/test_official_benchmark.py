"""The benchmark of official splits: end to end from a folder of 100K's format, and plain words where there is none."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import official, results
from collabkit import results as results_of_the_package
from collabkit.movielens import EDITIONS
from collabkit.results import load
from tests.files import made_up_100k
from tools.notebooks import ROOT


@pytest.fixture
def data(monkeypatch, tmp_path):
    """A folder of data that holds 100K alone, and one for results."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    short = {"n_factors": 2, "n_samples": 30}
    small = {name: short | {"windows": settings["windows"]} for name, settings in official.MODELS.items()}
    monkeypatch.setattr(official, "MODELS", small)
    monkeypatch.setenv("COLLABKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(EDITIONS, "100k", made_up_100k(tmp_path / "data/ml-100k"))
    return tmp_path


def written() -> dict:
    return results.kept("official", ["published"])


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_from_a_folder_to_the_file(data, capsys):
    official.main([])
    found = written()
    assert found["published"] == official.PUBLISHED
    assert list(found["ours"]) == ["100k"]
    for by_fold in found["ours"]["100k"]["models"].values():
        assert list(by_fold) == ["u1", "u2", "u3", "u4", "u5"]
        assert all(0.3 < one["rmse"] < 0.8 and 0 < one["seconds"] < 60 for one in by_fold.values())
    said = capsys.readouterr().out
    assert "1m is not run, for the data is not here: no ratings file in" in said and "unpack ml-10M100K there" in said
    assert len(re.findall(r"100k u[1-5], BayesianMF.*: 0\.\d{4}, fitted in \d+\.\d s\n", said)) == 5 * len(
        official.MODELS
    )
    assert len({by_fold["u1"]["rmse"] for by_fold in found["ours"]["100k"]["models"].values()}) == 3


def test_what_is_not_here_keeps_what_was_measured(data, monkeypatch, capsys):
    before = {"published": [], "ours": {"100k": {"threads": 2}}}
    results.write("official", before)
    monkeypatch.setenv("COLLABKIT_DATA", str(data / "elsewhere"))
    official.main([])
    assert written()["ours"] == before["ours"]
    assert capsys.readouterr().out.count("is not run, for the data is not here") == 3


def test_a_damaged_copy_is_no_missing_one(data):
    (data / "data/ml-100k/u3.test").unlink()
    with pytest.raises(ValueError, match=r"lacks u3.test\. Unpack ml-100k.zip there anew"):
        official.main(["100k"])


def test_the_page_shows_what_was_run(monkeypatch, capsys):
    """The page's own cell, with results that are not there yet."""
    stored = load("official")
    stored = stored | {"ours": {"100k": {"threads": 1, "models": {}}}}
    for error, name in enumerate(official.MODELS):
        folds = {f"u{k}": {"rmse": 0.9 + error / 100 + k / 1000, "seconds": 7} for k in range(1, 6)}
        stored["ours"]["100k"]["models"][name] = folds
    monkeypatch.setattr("collabkit.results.load", lambda name: stored)
    page = json.loads((ROOT / "book/appendix/leaderboard.ipynb").read_text("utf8"))
    cell = next(text for one in page["cells"] if "Published records, and" in (text := "".join(one["source"])))
    names = {"pd": pd, "np": np, "results": results_of_the_package, "short": {}}
    exec(cell, names)
    said = capsys.readouterr().out
    assert "ours on 100k: BayesianMF, 0.9030 over u1, u2, u3, u4, u5; 7 s a fit" in said
    assert "ours on 1m: not run here, the data is not with the course" in said
    assert names["records"]["ours"].isna().tolist() == [False] * 3 + [True] * 9
    assert names["records"]["ours"][0] == pytest.approx(0.921)  # everything known and the day, on u1


def test_every_record_has_its_protocol_its_source_and_ours_that_knows_as_much():
    for record in load("official")["published"]:
        assert record["edition"] in official.FIRST and record["protocol"] and record["source"]
        assert (record["ours"] == official.IDS) == (record["knows"] == "")
        assert (record["ours"] == official.DAYS) == ("day" in record["knows"])
