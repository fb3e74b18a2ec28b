"""The leaderboard of lists: what a model may see, how lists are made and judged, what is written; and its page."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks import list_ours, list_peers, lists
from collabkit import EASE, Recommender, by_recency, leave_last_out, ranking_scores, strong_generalization
from tests.tables import random_ratings
from tools.notebooks import ROOT


@pytest.fixture(scope="module")
def held_out():
    return strong_generalization(random_ratings(n=1200), valid=0.3, test=0)


@pytest.fixture(scope="module")
def last():
    return leave_last_out(random_ratings(n=1200), 5)


@pytest.fixture(params=["held_out", "last"])
def split(request):
    return request.getfixturevalue(request.param)


def table_of(split, folder) -> SimpleNamespace:
    lists.write_table(split, folder / "table.npz")
    return list_peers.read_table(folder / "table.npz")


def test_what_should_be_found_is_not_in_the_file(split, tmp_path):
    table = table_of(split, tmp_path)
    pairs = {name: set(zip(table_part.user, table_part.item, strict=True)) for name, table_part in parts(table).items()}
    hidden = set(zip(split.valid.user, split.valid.item, strict=True))
    assert hidden
    assert not hidden & (pairs["train"] | pairs["known"])
    assert len(pairs["known"]) == len(split.known)
    assert not any(np.size(array) == len(split.valid) for array in vars(table).values())


def parts(table) -> dict:
    known = SimpleNamespace(user=table.known_user, item=table.known_item)
    return {"train": table, "known": known}


def test_only_who_has_something_to_find_is_asked_for(split, tmp_path):
    asked = lists.write_table(split, tmp_path / "table.npz")
    assert set(asked) == set(split.valid.user[split.valid.rating >= 4])


def test_films_with_few_ratings_are_offered_to_nobody(last, tmp_path):
    often = np.flatnonzero(np.bincount(last.train.item, minlength=60) >= lists.FEWEST)
    train = last.train.take(~((last.train.item == often[0]) & (last.train.user > 3)))  # which leaves it a few
    table = table_of(replace(last, train=train), tmp_path)
    assert set(table.item) == set(often[1:])


def by_hand() -> SimpleNamespace:
    """Users 1 and 2 of four are asked for; 1 knows item 0, and 2 items 1 and 2."""
    known = {"known_user": np.array([1, 2, 2, 3]), "known_item": np.array([0, 1, 2, 5])}
    return SimpleNamespace(asked=np.array([1, 2]), n_users=4, n_items=30, **known)


def test_the_best_unseen_items_by_hand():
    scores = np.tile(np.arange(30.0), (2, 1))
    scores[0, [3, 7]], scores[1, 4] = 40, np.nan
    found = list_peers.best(by_hand(), scores.copy())
    assert found.shape == (2, 20)
    assert found[0].tolist() == [3, 7, *range(29, 11, -1)]
    assert found[1].tolist() == list(range(29, 9, -1))
    few = np.full((2, 30), np.nan)
    few[:, :3] = 1
    assert list_peers.best(by_hand(), few)[:, :3].tolist() == [[1, 2, -1], [0, -1, -1]]  # ties by code


@pytest.mark.parametrize(
    ("row", "said"), [([0, 5], "user 1 gets"), ([5, 5], "user 1 gets"), ([], "user 1 gets"), ([5, 6], None)]
)
def test_lists_with_what_is_known_or_twice_are_refused(row, said):
    codes = np.full((2, 20), -1)
    codes[0, : len(row)], codes[1, 0] = row, 7
    if said:
        with pytest.raises(ValueError, match=said):
            list_peers.checked(by_hand(), codes)
    else:
        assert list_peers.checked(by_hand(), codes) is codes
    with pytest.raises(ValueError, match=r"lists of shape \(1, 20\) for 2 users"):
        list_peers.checked(by_hand(), codes[:1])


def test_strangers_get_what_is_popular(last, tmp_path):
    table = table_of(last, tmp_path)
    x = list_peers.matrix(table, "known_", 4.0)[table.asked]
    x[0] = 0
    x.eliminate_zeros()
    scores = list_peers.or_popular(table, np.zeros(x.shape), 4.0, x)
    liked = last.train.take(last.train.rating >= 4)
    assert scores[0].tolist() == np.bincount(liked.item, minlength=60).tolist()
    assert not scores[1:][x[1:].getnnz(axis=1) > 0].any()


@pytest.mark.parametrize("recent", [None, {"decay": 0.5, "half_life": 10.0}])
def test_ours_are_measured_as_they_are(split, tmp_path, recent):
    table = table_of(split, tmp_path)
    found, took = list_peers.run(
        list_ours.solved, table, {"model": "EASE", "penalty": 20.0, "at_least": 3.0, "recent": recent}
    )
    often = np.bincount(split.train.item, minlength=60) >= lists.FEWEST
    model = EASE(20, at_least=3).fit(split.train.take(often[split.train.item]))
    model = model.with_history(split.known) if recent is None else by_recency(model, split.known, **recent)
    scores = lists.scores_of(split, table.asked, found)
    recommender = Recommender(model, split.known)
    assert scores["ndcg"].tolist() == pytest.approx(ranking_scores(recommender, split)["ndcg"].tolist())
    assert scores["recall"].tolist() == pytest.approx(ranking_scores(recommender, split, k=20)["recall"].tolist())
    assert took["peak_mb"] > 1
    assert {"prepare_seconds", "fit_seconds", "list_seconds"} < took.keys()


@pytest.mark.parametrize("name", ["popularity", "ItemKNN", "ImplicitALS"])
def test_every_kind_of_ours_makes_lists(last, tmp_path, name):
    row = lists.ROWS[name]
    kind = {"popularity": list_ours.popularity, "solved": list_ours.solved}[row.model]
    found, _ = list_peers.run(kind, table_of(last, tmp_path), row.tries[0])
    assert (found[:, 0] >= 0).all()


def test_a_split_is_tuned_on_others_than_it_is_measured_on():
    found = lists.protocols(random_ratings(n=1200))
    assert {name: len(splits) for name, (_, splits) in found.items()} == lists.SPLITS
    chooses, measured = found["strong generalization"]
    for split in measured:
        assert not set(split.valid.user) & set(chooses.valid.user)
        assert not set(split.train.user) & set(chooses.valid.user)
    for name in ("last five", "in time"):
        chooses, (split,) = found[name]
        pairs = [set(zip(part.user, part.item, strict=True)) for part in (chooses.train, chooses.valid, split.valid)]
        assert not (pairs[0] | pairs[1]) & pairs[2]


def test_what_did_best_where_settings_are_chosen_is_kept(last, monkeypatch):
    def scored(row, runs):
        return [pd.DataFrame({"ndcg": [settings["a"] % 3], "recall": [0.0]}) for _, settings in runs], []

    monkeypatch.setattr(lists, "lists", scored)
    found = lists.tune(lists.Row("implicit", "implicit", [{"a": 1}, {"a": 2}, {"a": 3}]), {"one": last, "two": last})
    assert found["one"]["settings"] == found["two"]["settings"] == {"a": 2}
    assert [one["ndcg"] for one in found["two"]["tried"]] == [1, 2, 0]


def test_a_difference_is_of_pairs_and_ours_is_chosen_beforehand(monkeypatch, tmp_path):
    monkeypatch.setattr(lists, "SCORES", tmp_path)
    ndcg = {
        "EASE": [0.5, 0.2, 0.6],
        "ItemKNN": [0.9, 0.9, 0.9],
        "Cornac EASE": [0.4, 0.2, 0.3],
        "implicit ALS": [0, 0, 0],
    }
    for name, values in ndcg.items():
        scores = pd.DataFrame({"ndcg": values, "recall": values}, index=pd.Index([7, 8, 9], name="user"))
        scores.to_csv(lists.file_of("small-2018", "in time", name))
    tuning = {name: {"tried": [{"ndcg": 0.2 if name == "EASE" else 0.1}]} for name in ndcg}
    entries = {name: {"error": None} for name in ndcg} | {"LensKit EASE": {"error": "it failed"}}
    found = lists.compared(entries, "small-2018", "in time", tuning)["ndcg"]
    gain = np.subtract(ndcg["EASE"], ndcg["Cornac EASE"])
    assert (found["ours"], found["peer"]) == ("EASE", "Cornac EASE")
    assert found["gain"] == pytest.approx(gain.mean(), abs=1e-5)
    assert found["interval"] == pytest.approx(1.96 * gain.std(ddof=1) / 3**0.5, abs=1e-5)


def test_a_user_who_was_drawn_twice_counts_once():
    runs = [
        pd.DataFrame({"ndcg": [0.0, 1.0], "recall": 0.0}, index=pd.Index(users, name="user"))
        for users in ([1, 2], [1, 3])
    ]
    assert lists.of_users(runs)["ndcg"].to_dict() == {1: 0.0, 2: 1.0, 3: 1.0}


def test_every_model_tries_as_many_settings():
    for name, row in lists.ROWS.items():
        assert len(row.tries) == (2 if name == "popularity" else lists.TRIALS), name
        assert row.library in {"collabkit", *lists.LIBRARIES}
    with pytest.raises(SystemExit, match="There are"):
        lists.chosen(["zzz"], lists.ROWS)
    assert set(lists.chosen(["cornac"], lists.ROWS)) == {"Cornac EASE", "Cornac VAECF"}


def test_some_rows_alone_need_the_scores_of_the_others(monkeypatch):
    monkeypatch.setattr(lists, "SCORES", ROOT / ".peers/not there")
    with pytest.raises(SystemExit, match="are not in this clone: measure all rows"):
        lists.main(["cornac"])


def test_what_measures_the_others_needs_no_collabkit():
    alone = "import sys; sys.path.insert(0, 'benchmarks'); import list_peers; print('collabkit' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-I", "-c", alone], cwd=ROOT, capture_output=True, text=True).stdout
        == "False\n"
    )


# ---- the page ----


def prose() -> str:
    page = json.loads((ROOT / "book/appendix/leaderboard_lists.ipynb").read_text("utf8"))
    return "\n".join("".join(cell["source"]) for cell in page["cells"] if cell["cell_type"] == "markdown")


def test_the_page_has_no_score_but_the_files():
    assert not re.findall(r"(?<![\w@.])0?\.\d+|\d+ %(?! interval)|\d+ s\b(?!; no GPU)", prose())


def test_the_page_shows_each_protocol_of_each_edition():
    page = (ROOT / "book/appendix/leaderboard_lists.ipynb").read_text("utf8")
    for edition in lists.EDITIONS:
        for protocol in lists.PROTOCOLS:
            assert f'show(\\"{edition}\\", \\"{protocol}\\")' in page
