"""What was measured is what the benchmarks would measure now: settings are compared, and nothing is fitted.

Red: a figure whose settings have changed since, one that no benchmark measures any more, and one that is missing.
"""

from functools import partial
from itertools import product

import pytest

from benchmarks import (
    bands,
    bayes,
    blocks,
    choices,
    decays,
    engine,
    index,
    ladder,
    leaderboard,
    lists,
    official,
    ordered,
    ranking,
    reproduce,
    scale,
    shapes,
    sittings,
    small_tables,
    speed,
    two_processes,
)
from benchmarks.settings import arguments, combinations, plain
from collabkit import ALS, RECIPE, BayesianMF, DotProduct, MeanBaseline, film_features
from collabkit.propagation import PropagatedMF
from collabkit.recipe import Recipe
from collabkit.results import load, names

# ---- how settings are said ----


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((0, 5.5), [0, 5.5]),
        (Recipe(8, 2, 0.5, 0.0, 3), {"bs": 8, "epochs": 2, "lr": 0.5, "wd": 0.0, "n_factors": 3}),
        (film_features, {"film_features": {"years": 3}}),
        (partial(DotProduct, y_range=(0, 5)), {"DotProduct": {"y_range": [0, 5]}}),
        ({"a": [MeanBaseline(damping=4)]}, {"a": [{"MeanBaseline": {"by": ["user", "item"], "damping": 4}}]}),
    ],
)
def test_settings_are_said_with_their_defaults(value, said):
    assert plain(value) == said


def test_where_a_model_runs_is_no_setting():
    assert arguments(ALS(device="cuda")) == arguments(ALS())


def test_combinations_are_in_the_order_of_the_grid():
    assert combinations({"a": (1, 2), "b": "xy"}) == [{"a": a, "b": b} for a in (1, 2) for b in "xy"]
    assert combinations({}) == [{}]


# ---- each file ----


def check_bands(stored):
    now = {name: plain(score.keywords) for name, score in bands.runs().items()}
    assert not (missing := now.keys() - stored["bands"].keys()), f"make bands ONLY='{' '.join(sorted(missing))}'"
    assert not (gone := stored["bands"].keys() - now.keys()), f"no run of {sorted(gone)}: any `make bands` drops them"
    assert list(stored["bands"]) == list(now)
    for name, band in stored["bands"].items():
        assert band["settings"] == now[name], f"measured with other settings: make bands ONLY='{name}'"


def check_index(stored):
    assert stored["settings"] == index.SETTINGS, "measured with other settings: python -m benchmarks.index"
    assert list(stored["sizes"]) == list(index.SIZES)
    for one in stored["sizes"].values():
        assert list(one["search"]) == ["exact", *(f"index {width}" for width in index.WIDTHS)]
        assert one["file"]["same answers"] and one["file"]["truncated is refused"] and one["file"]["changed is refused"]


def check_bayes(stored):
    assert stored["edition"] == bayes.EDITION
    assert stored["defaults"] == arguments(BayesianMF())
    assert list(stored["choose"]) == list(bayes.MODELS)
    for name, (used, grid) in bayes.MODELS.items():
        found = stored["choose"][name]
        assert (found["in use"], found["grid"]) == (used, plain(grid))
        assert found["tried"] == [used | one for one in combinations(grid)]
        for fold in found["folds"]:
            assert len(fold["inner"]) == len(found["tried"])
            assert fold["chose"] in found["tried"]
    assert bayes.MODELS["ids"][0].items() <= stored["defaults"].items()  # the settings in use are the defaults
    assert [(chain["burn_in"], chain["n_samples"]) for chain in stored["reach"]["chains"]] == bayes.CHAINS


def check_choices(stored):
    assert [name for name in stored if name not in ("measured", "versions")] == list(choices.TABLES)
    for table, (_, rows) in choices.TABLES.items():
        assert list(stored[table]) == list(rows)
        for name, row in stored[table].items():
            assert row["settings"] == plain(rows[name]), f"{table}, {name}"
            assert {len(runs) for score, runs in row.items() if score != "settings"} == {
                len(choices.MORE_SEEDS.get(table, choices.SEEDS))
            }


def check_decays(stored):
    assert stored["settings"] == decays.settings()
    assert list(stored["decays"]) == [f"{wd:g}" for wd in decays.DECAYS]
    for row in stored["decays"].values():
        assert {len(row[part]) for part in decays.PARTS} == {RECIPE.epochs}
        assert len(row["lengths"]) == len(decays.POPULARITY)


def check_ladder(stored):
    assert stored["settings"] == arguments(BayesianMF(**ladder.SETTINGS))
    for edition in ladder.EDITIONS:
        assert list(stored[edition]) == list(ladder.RUNGS)
        assert {len(errors) for errors in stored[edition].values()} == {5}


def check_engine(stored):
    assert stored["settings"] == engine.settings()
    for part, (_, sizes) in engine.PARTS.items():
        assert list(stored[part]) == [str(n) for n in sizes], f"python -m benchmarks.engine {part}"
    for n, row in stored["sides"].items():
        assert row["spark"]["penalty"] == engine.PENALTIES.get(int(n), engine.MADE_UP)


def check_leaderboard(stored):
    assert stored["folds"] == leaderboard.FOLDS
    assert stored["no_stars"] == leaderboard.NO_STARS
    assert {name: peer["asked"] for name, peer in stored["peers"].items()} == leaderboard.LIBRARIES
    assert list(stored["rows"]) == list(leaderboard.EDITIONS)
    for edition, rows in stored["rows"].items():
        assert list(rows) == list(leaderboard.ROWS)
        assert {entry["run"] for entry in rows.values()} <= set(stored["runs"])
        for name, row in leaderboard.ROWS.items():
            entry, where = rows[name], f"{edition}, {name}"
            assert (entry["library"], entry["knows"]) == (row.library, row.knows), where
            assert entry["error"] or len(entry["rmse"]) == leaderboard.FOLDS, where
            tuning = entry["tuning"] or {"grid": {}, "tried": [{"settings": {}, "rmse": 0.0}]}
            assert (tuning["grid"], tuning.get("with", {})) == (row.grid, row.trial), where
            assert [one["settings"] for one in tuning["tried"]] == combinations(row.grid), where
            best = min(tuning["tried"], key=lambda one: one["rmse"])
            taken = leaderboard.chosen_by(rows, row.like) if row.like else best["settings"]
            assert entry["settings"] == row.settings | taken, where


def check_lists(stored):
    assert {name: stored[name] for name in lists.settings()} == lists.settings()
    assert stored["published"] == lists.PUBLISHED
    assert {name: peer["asked"] for name, peer in stored["peers"].items()} == lists.LIBRARIES
    asked = {
        protocol: [name for name, row in lists.ROWS.items() if row.asked(protocol)] for protocol in lists.PROTOCOLS
    }
    assert list(stored["tuning"]) == list(lists.PROTOCOLS)
    for protocol, rows in stored["tuning"].items():
        assert list(rows) == [name for name in asked[protocol] if name in rows]
        for name, found in rows.items():
            assert [one["settings"] for one in found["tried"]] == plain(lists.ROWS[name].tries), (protocol, name)
            best = max(found["tried"], key=lambda one: one["ndcg"])
            assert found["settings"] == best["settings"], (protocol, name)
    assert list(stored["editions"]) == list(lists.EDITIONS)
    for edition, tables in stored["editions"].items():
        assert {protocol: list(table["models"]) for protocol, table in tables.items()} == asked
        for protocol, table in tables.items():
            assert {entry["run"] for entry in table["models"].values()} <= set(stored["runs"])
            for name, entry in table["models"].items():
                runs = lists.runs_of(lists.ROWS[name], {}, [None] * lists.SPLITS[protocol])
                assert entry["error"] or len(entry["ndcg"]) == len(runs), (edition, protocol, name)
                assert entry["error"] or name in stored["tuning"][protocol], (edition, protocol, name)


def check_official(stored):
    assert (stored["first"], stored["models"]) == (official.FIRST, official.MODELS)
    assert stored["published"] == official.PUBLISHED
    assert list(stored["ours"]) == [edition for edition in official.FIRST if edition in stored["ours"]]
    for edition, found in stored["ours"].items():
        assert list(found["models"]) == list(official.MODELS)
        assert {len(by_fold) for by_fold in found["models"].values()} == {official.FIRST[edition]}


def check_ordered(stored):
    assert stored["settings"] == ordered.settings()
    assert list(stored["editions"]) == list(ordered.EDITIONS)
    for found in stored["editions"].values():
        assert len(found["folds"]) == ordered.FOLDS
        assert found["ordered less gaussian"] == ordered.apart(found["folds"])
        for fold in found["folds"]:
            assert list(fold) == list(ordered.LIKELIHOODS)
            for one in fold.values():
                assert {len(one["bins"][part]) for part in ("count", "said", "so")} == {ordered.BINS}
                assert {len(one["stars"][part]) for part in ("said", "so")} == {len(found["stars"])}


def check_ranking(stored):
    assert (stored["edition"], stored["seeds"]) == (ranking.EDITION, len(ranking.SEEDS))
    assert stored["grids"] == plain(ranking.GRIDS)
    assert list(stored["splits"]) == ["in time", "last five"]
    for found in stored["splits"].values():
        assert all(found["chosen"][name] in combinations(grid) for name, grid in ranking.GRIDS.items())
        now = {label: plain(fit.keywords) for label, (fit, _) in ranking.models(found["chosen"]).items()}
        assert found["settings"] == now
        assert list(found["models"]) == list(now)


def check_reproductions(stored):
    assert [name for name in stored if name not in ("measured", "versions")] == list(reproduce.NOTEBOOKS)
    for name in reproduce.NOTEBOOKS:
        assert stored[name]["settings"] == reproduce.settings(name), name


def check_small_tables(stored):
    assert stored["settings"] == small_tables.settings()
    for part, compared in (("tables", small_tables.compared(0)), ("lists", small_tables.listed(0))):
        assert list(stored[part]) == list(stored["shapes"]) == list(small_tables.MEASURED)
        for name, by_size in stored[part].items():
            assert list(by_size) == list(stored["shapes"][name]) == [str(n) for n in small_tables.SIZES]
            for models in by_size.values():
                assert list(models) == list(compared)
                assert {len(runs) for runs in models.values()} == {len(small_tables.SEEDS)}


def check_scale(stored):
    assert stored["settings"] == scale.settings()
    assert [(scale.named(row), row["ratings"]) for row in stored["rows"]] == list(product(scale.MODELS, speed.SIZES))


def check_shapes(stored):
    assert stored["settings"] == shapes.settings()
    assert list(stored["shapes"]) == list(shapes.SHAPES)
    assert {len(shape["runs"]) for shape in stored["shapes"].values()} == {len(shapes.SEEDS)}


def check_speed(stored):
    assert stored["settings"] == speed.settings()
    assert [row["split"] for row in stored["peers"]] == list(speed.SPLITS)
    epochs = [(n, bs) for n in speed.SIZES for bs in speed.batch_sizes(n)]
    assert [(row["ratings"], row["bs"]) for row in stored["scale"]] == epochs
    sweeps = [(row["ratings"], row["n_factors"]) for row in stored["sweeps"]]
    assert sweeps == list(product(speed.SIZES, speed.FACTORS))
    assert stored["floor"]["bytes"]["rows"] == RECIPE.bs * 2 * RECIPE.n_factors * 4 * 4


def check_sittings(stored):
    assert stored["settings"] == arguments(BayesianMF(windows=sittings.WINDOWS, **sittings.SETTINGS))
    for edition in sittings.EDITIONS:
        assert list(stored[edition]) == list(sittings.NAMES)


def check_two_processes(stored):
    assert stored["settings"] == plain(RECIPE) and stored["edition"] == two_processes.EDITION
    assert list(stored["rows"]) == list(two_processes.RUNS)


def check_blocks(stored):
    assert stored["settings"] == arguments(PropagatedMF(**blocks.SETTINGS))
    assert [tuple(grid) for grid in stored["grids"]] == list(blocks.GRIDS)
    names = ["one chain", *("{} x {} blocks".format(*grid) for grid in blocks.GRIDS)]
    for edition in blocks.EDITIONS:
        assert list(stored["editions"][edition]["means"]) == names
        assert len(stored["editions"][edition]["runs"]) == blocks.FOLDS * blocks.SEEDS


CHECKS = {name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")}


@pytest.mark.parametrize("name", names())
def test_the_file_has_what_would_be_measured_now(name):
    CHECKS[name](load(name))


@pytest.mark.parametrize("change", ["another rate", "a band too many", "a band too few"])
def test_bands_that_are_stale_are_red(change):
    measured = {name: {"settings": plain(score.keywords)} for name, score in bands.runs().items()}
    check_bands({"bands": measured})
    name = "small-2016/course/bias"
    if change == "another rate":
        measured[name]["settings"]["recipe"]["lr"] *= 2
    elif change == "a band too many":
        measured["small-2016/course/other"] = measured[name]
    else:
        del measured[name]
    with pytest.raises(AssertionError, match="small-2016/course/"):
        check_bands({"bands": measured})
