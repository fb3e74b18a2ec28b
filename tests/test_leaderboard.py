"""The leaderboard's own parts: what a model may see, what is tried, what is written when something fails."""

import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd
import pytest

from benchmarks import leaderboard, ours, peers
from benchmarks.leaderboard import Row
from collabkit import (
    ALS,
    BayesianMF,
    everything_known,
    film_features,
    k_fold,
    popularity,
    random_split,
)
from tests.tables import dated_films, random_ratings


@pytest.fixture(scope="module")
def split():
    return next(iter(k_fold(dated_films(), 5, seed=0)))


@pytest.fixture
def fold(split, tmp_path):
    leaderboard.write_fold(split, tmp_path / "fold.npz")
    return peers.read_fold(tmp_path / "fold.npz")


def test_the_stars_to_predict_are_not_in_the_file(split, fold):
    assert len(fold.valid_user) == len(split.valid)
    assert sum(np.size(array) == len(split.valid) for array in vars(fold).values()) == 3  # user, item, time
    assert np.array_equal(fold.rating, split.train.rating)


def test_it_tunes_inside_the_training_part_of_the_first_fold():
    ratings = random_ratings()
    inner, splits = leaderboard.splits_of(ratings, 2)
    assert len(splits) == 2
    first = splits[0].train.frame
    both = pd.concat([inner.train.frame, inner.valid.frame])
    assert len(both) == len(first) == len(both.merge(first, on=["user", "item"]))
    for split, again in zip(splits, islice(k_fold(ratings, 5, seed=0), 2), strict=True):
        assert split.valid.frame.equals(again.valid.frame)


@pytest.mark.parametrize(
    ("name", "settings", "model", "features"),
    [
        ("als", {"n_factors": 2}, ALS(n_factors=2), ()),
        ("bayes", {"features": [], "n_factors": 2, "n_samples": 5}, BayesianMF(2, n_samples=5), ()),
        (
            "bayes",
            {"features": ["film_features", "popularity"], "n_factors": 2, "n_samples": 5},
            BayesianMF(2, n_samples=5),
            (film_features, popularity),
        ),
    ],
    ids=["als", "bayes", "features"],
)
@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_ours_are_measured_as_they_are(split, fold, name, settings, model, features):
    stars, took = peers.run(getattr(ours, name), fold, settings)
    tables = [table(split.train) for table in features]
    model.fit(split.train, *([pd.concat(tables, axis=1)] if tables else []))
    rows = split.valid.frame
    assert np.allclose(stars, model.predict(rows["user"], rows["item"]), atol=1e-5)
    assert set(took) == {"prepare_seconds", "fit_seconds", "predict_seconds", "processor", "peak_mb"}
    assert took["processor"]["fit_seconds"] > 0
    assert took["peak_mb"] > 1


def test_a_process_does_not_inherit_the_peak_of_the_one_that_started_it():
    child = "from benchmarks.peers import peak_mb; print(peak_mb())"
    parent = f"""if True:
        import subprocess, sys
        from benchmarks.peers import peak_mb
        bytearray(500_000_000)
        print(peak_mb(), flush=True)
        subprocess.run([sys.executable, "-c", {child!r}], check=True)
    """
    said = subprocess.run([sys.executable, "-c", parent], check=True, capture_output=True, text=True).stdout
    large, small = map(float, said.split())
    assert large > 500_000_000 / 2**20 > 2 * small


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_everything_known_and_the_day_come_from_training_rows(split, fold):
    settings = {"n_factors": 2, "n_samples": 5, "windows": (86_400,)}
    given = settings | {"columns": 4, "sitting": "around"}
    stars, _ = peers.run(ours.bayes, fold, given)
    model = BayesianMF(**settings).fit(split.train, *everything_known(split.train, n_features=4))
    rows = split.valid.frame
    direct, _ = model.predict_at(rows["user"], rows["item"], rows["timestamp"], "around")
    assert np.allclose(stars, direct, atol=1e-5)
    before, _ = peers.run(ours.bayes, fold, given | {"sitting": "before"})
    assert not np.allclose(stars, before, atol=1e-3)


def test_the_others_get_the_columns_that_ours_has(split, fold):
    known = everything_known(split.train)
    for ids, table, names, groups in (
        (fold.film_item, fold.film_known, fold.film_groups, known.item_features),
        (fold.user_ids, fold.user_known, fold.user_groups, known.user_features),
    ):
        *others, audience = peers.known_of(table, names, 3)
        assert np.array_equal(audience.toarray(), groups["audience"].iloc[:, :3].to_numpy("float64"))
        wanted = {name: columns for name, columns in groups.items() if name != "audience" and columns.size}
        for part, columns in zip(others, wanted.values(), strict=True):
            assert np.array_equal(part.toarray(), columns.to_numpy("float64"))
            assert np.array_equal(ids, columns.index)
        assert len(peers.known_of(table, names, 0)) == len(others)  # of its audience nothing


def test_a_model_that_leaves_rows_out_is_refused(fold):
    def lazy(fold):
        yield
        yield
        yield np.full(len(fold.valid_user), np.nan)

    with pytest.raises(ValueError, match="0 finite predictions"):
        peers.run(lazy, fold, {})


def test_columns_of_the_peers(fold):
    assert peers.one_hot(np.array([3, 9, 4]), np.array([3, 4])).toarray().tolist() == [[1, 0], [0, 0], [0, 1]]
    seen = peers.one_hot(np.array([3, 4]), np.array([3, 4]))
    assert np.allclose(peers.in_equal_parts(seen[:, [0, 0, 1]]).toarray(), [[0.5**0.5, 0.5**0.5, 0], [0, 0, 1]])
    genres, years = (table.toarray() for table in peers.film_features(fold))
    assert genres[0].sum() == 0  # a film that nothing is known of
    assert set(genres.sum(axis=1)) == {0, 1, 2}
    assert (years.sum(axis=1) == 1).all()


def test_every_setting_of_a_grid_is_tried_and_the_best_one_used(split, tmp_path, monkeypatch):
    def fit(row, settings, split, scratch):
        return [{"rmse": abs(one["a"] - 2), "fit_seconds": 1, "predict_seconds": 1, "peak_mb": 1} for one in settings]

    monkeypatch.setattr(leaderboard, "fit", fit)
    row = Row("surprise", "surprise", {"b": 0}, {"a": [1, 2, 3]})
    *_, entry = leaderboard.measure(row, split, [split, split], tmp_path, {})
    assert [one["settings"]["a"] for one in entry["tuning"]["tried"]] == [1, 2, 3]
    assert entry["settings"] == {"a": 2, "b": 0}
    assert entry["rmse"] == [0, 0]


def test_a_trial_is_short_and_a_row_takes_the_choice_of_another(split, tmp_path, monkeypatch):
    asked = []

    def fit(row, settings, split, scratch):
        asked.extend(settings)
        return [{"rmse": abs(one["a"] - 2), "fit_seconds": 1, "predict_seconds": 1, "peak_mb": 1} for one in settings]

    monkeypatch.setattr(leaderboard, "fit", fit)
    first = Row("surprise", "surprise", {"n": 300}, {"a": [1, 2]}, trial={"n": 100})
    *_, entry = leaderboard.measure(first, split, [split], tmp_path, {})
    assert asked == [{"n": 100, "a": 1}, {"n": 100, "a": 2}, {"n": 300, "a": 2}]
    second = Row("surprise", "surprise", {"n": 300, "day": True}, like="first")
    *_, entry = leaderboard.measure(second, split, [split], tmp_path, {"first": entry})
    assert (asked[-1], entry["settings"]) == ({"n": 300, "day": True, "a": 2},) * 2
    *_, entry = leaderboard.measure(second, split, [split], tmp_path, {})
    assert "'first', which has chosen none: measure that first" in entry["error"]


def test_what_fails_is_named_and_does_not_stop_the_others(split, tmp_path):
    row = Row("nowhere", "surprise")
    unknown = replace(row, library="collabkit", model="no such model")
    for failing, words in ((row, "python is not there"), (unknown, "no such model")):
        *_, entry = leaderboard.measure(failing, split, [split], tmp_path, {})
        assert words in entry["error"]
        assert entry["rmse"] == []


def test_a_library_that_cannot_be_installed_is_named(monkeypatch, tmp_path):
    def refuse(*words, seconds=None):
        raise RuntimeError("no matching distribution")

    monkeypatch.setattr(leaderboard, "command", refuse)
    monkeypatch.setattr(leaderboard, "PEERS", tmp_path)
    assert leaderboard.install("myfm")["error"] == "no matching distribution"


def test_rows_are_chosen_by_words_of_their_names_and_libraries():
    assert {row.library for row in leaderboard.chosen(["myfm"]).values()} == {"myfm"}
    assert list(leaderboard.chosen([])) == list(leaderboard.ROWS)
    with pytest.raises(SystemExit, match="There are"):
        leaderboard.chosen(["zzz"])


def test_every_row_has_its_model_and_library():
    models = {"means", "dot product", "als", "bayes", "surprise", "myfm", "lenskit", "cornac"}
    for row in leaderboard.ROWS.values():
        assert row.model in models
        assert row.library in {"collabkit", *leaderboard.LIBRARIES}
        assert not row.like or leaderboard.ROWS[row.like].grid


def test_the_inner_split_holds_out_a_fifth():
    inner, splits = leaderboard.splits_of(random_ratings(), 1)
    assert len(inner.valid) == len(random_split(splits[0].train, valid=0.2, seed=0).valid)
