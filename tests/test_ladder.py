"""The ladder: what each rung knows, and that the top one is the model that the course recommends."""

import numpy as np
import pytest

from benchmarks import ladder
from collabkit import BayesianMF, everything_known, k_fold, rmse
from tests.tables import dated_films


@pytest.fixture
def split():
    return next(iter(k_fold(dated_films())))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(ladder, "SETTINGS", {"n_factors": 2, "n_samples": 5})
    monkeypatch.setattr(ladder, "WINDOWS", (86_400,))
    return ladder.SETTINGS


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_each_rung_keeps_what_the_rungs_before_it_know(split, short, monkeypatch):
    given = []

    class Watched(BayesianMF):
        def fit(self, train, *features):
            given.append((self.windows, *features))
            return super().fit(train, *features)

    monkeypatch.setattr(ladder, "BayesianMF", Watched)
    found = ladder.climb(split)
    assert list(found) == list(ladder.RUNGS)
    assert len(set(found.values())) == len(found)

    known = everything_known(split.train)
    widths = [[0 if side is None else side.shape[1] for side in sides] for _, *sides in given[:5]]
    of = {name: columns.shape[1] for name, columns in known.item_features.items()}
    films = np.cumsum([0, of["genres"] + of["years"], of["popularity"], of["audience"], 0]).tolist()
    users = [0, 0, 0, 0, sum(columns.shape[1] for columns in known.user_features.values())]
    assert widths == [list(pair) for pair in zip(films, users, strict=True)]
    for windows, (at, *groups) in zip(((), (86_400,)), given[5:], strict=True):
        assert (at, [list(side) for side in groups]) == (windows, [list(side) for side in known])


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_the_rungs_are_scored_on_what_is_held_out(split, short):
    found = ladder.climb(split)
    rows = split.valid.frame
    model = BayesianMF(**short, progress=False).fit(split.train, *everything_known(split.train))
    assert found[ladder.GROUPED] == pytest.approx(rmse(rows["rating"], model.predict(rows["user"], rows["item"])))
    model = BayesianMF(**short, progress=False).fit(split.train)
    assert found["ids"] == pytest.approx(rmse(rows["rating"], model.predict(rows["user"], rows["item"])))
