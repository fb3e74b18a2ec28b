"""Other people's libraries and the course's models, on the same folds, on one machine, in one run.

    python -m benchmarks.leaderboard                all rows (needs the 2018 edition in $COLLABKIT_DATA; 75 minutes)
    python -m benchmarks.leaderboard myfm bayes     rows with one of these in their name or library, the others kept
    python -m benchmarks.leaderboard --folds 1      a trial: the first fold only, and nothing is written

Writes results/leaderboard.json, fold by fold, so that nothing is lost when a run is cut off. Each library gets an
environment of its own below .peers. Each fit is a fresh process that knows the training ratings and the pairs to
predict, and not the stars held out; one at a time, each with the same number of threads. On a machine that has other
work, that is one thread, and seconds are those of the processor: the file says so of each run. What a library needs
tuned is tuned on the training ratings of the first fold, of which a fifth is held out. What fails is kept, with its
error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers import SCALE
from benchmarks.results import in_order, kept, versions, write
from benchmarks.settings import arguments, combinations
from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    Ratings,
    Split,
    everything_known,
    k_fold,
    load_movielens,
    random_split,
    rmse,
)

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"
EDITIONS = ("small-2018", "small-2016")
FOLDS = 5
BUSY = os.getloadavg()[0] > (os.cpu_count() or 1)  # then the clock would measure the others
THREADS = 1 if BUSY else 2
LIMIT = 900  # seconds for one process; what takes longer has failed
POOLS = ("OMP", "OPENBLAS", "MKL", "RAYON", "LK")  # …_NUM_THREADS: every pool that these libraries draw upon

# What pip is asked for, and the module that must then import. numpy, scipy and torch are those of constraints.txt.
LIBRARIES = {
    "surprise": "scikit-surprise==1.1.5 pandas",
    "myfm": "myfm==0.4.0 setuptools<80",  # it imports pkg_resources, which later ones lack
    "lenskit": "lenskit==2025.8.1",
    "cornac": "cornac==3.0.1",
    "implicit": "implicit==0.7.3",
}
NO_STARS = {"implicit": "learns from who took what and gives scores without a unit: it ranks, and predicts no stars"}
SAME_VERSIONS = ("numpy", "scipy", "torch")


@dataclass(frozen=True)
class Row:
    """A line of the table: a model of a library, its settings, and what it is told besides ids and stars."""

    library: str
    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, list] = field(default_factory=dict)  # each combination is tried; the best goes with `settings`
    knows: str = "ids"
    trial: dict[str, Any] = field(default_factory=dict)  # settings while that is done: a shorter chain
    like: str = ""  # the row before whose choice it takes


ITEMS = {"name": "pearson_baseline", "user_based": False}
WITH_FEATURES = arguments(BayesianMF(16, n_samples=200))
WHO, FILMS, ALL = "ids, who rated what", "ids, genres, years", "ids, who rated what, genres, years"
KNOWN, DAY = "everything", ", day of the rating"
FULL = arguments(BayesianMF(24, n_samples=300, overrelaxation=0.95))
SITTINGS = arguments(BayesianMF(24, n_samples=300, overrelaxation=0.95, windows=(86_400, 3_600, 600)))
ROWS = {
    "means of user and film": Row("collabkit", "means"),
    "DotProductBias, course recipe": Row("collabkit", "dot product", RECIPE._asdict()),
    "ALS": Row("collabkit", "als", arguments(ALS())),
    "BayesianMF": Row("collabkit", "bayes", {"features": [], **arguments(BayesianMF())}),
    "BayesianMF, who rated": Row("collabkit", "bayes", {"features": ["who_rated"], **arguments(BayesianMF())}, {}, WHO),
    "BayesianMF, films": Row("collabkit", "bayes", {"features": ["film_features"], **WITH_FEATURES}, knows=FILMS),
    "BayesianMF, films and popularity": Row(
        "collabkit",
        "bayes",
        {"features": ["film_features", "popularity"], **WITH_FEATURES},
        knows="ids, how often rated, genres, years",
    ),
    "BayesianMF, films and who rated": Row(
        "collabkit",
        "bayes",
        {"features": ["film_features", "popularity", "who_rated"], **WITH_FEATURES},
        knows=ALL,
    ),
    "BayesianMF, everything": Row(
        "collabkit",
        "bayes",
        FULL,
        {"n_factors": [16, 24], "columns": [32, 64, 128]},
        KNOWN,
        {"n_samples": 100},
    ),
    "BayesianMF, everything and day": Row(
        "collabkit", "bayes", SITTINGS | {"sitting": "around"}, knows=KNOWN + DAY, like="BayesianMF, everything"
    ),
    "BaselineOnly": Row("surprise", "surprise", {"algorithm": "BaselineOnly"}),
    "BaselineOnly, tuned": Row(
        "surprise",
        "surprise",
        {"algorithm": "BaselineOnly"},
        {"bsl_options": [{"method": "als", "reg_u": u, "reg_i": i} for u in (3, 5, 10) for i in (1, 2, 3, 5)]},
    ),
    "SVD": Row("surprise", "surprise", {"algorithm": "SVD"}),
    "SVD, tuned": Row(
        "surprise",
        "surprise",
        {"algorithm": "SVD", "lr_all": 0.01},
        {"n_factors": [50, 100, 200], "n_epochs": [20, 50], "reg_all": [0.05, 0.1, 0.15]},
    ),
    "SVD++": Row("surprise", "surprise", {"algorithm": "SVDpp", "cache_ratings": True}, {"reg_all": [0.02, 0.05]}, WHO),
    "KNNBaseline, items": Row(
        "surprise", "surprise", {"algorithm": "KNNBaseline", "sim_options": ITEMS}, {"k": [40, 80], "min_k": [1, 3]}
    ),
    "BiasedMF (ALS)": Row(
        "lenskit",
        "lenskit",
        {"scorer": "BiasedMF"},
        {"embedding_size": [20, 50], "regularization": [0.1, 0.15, 0.2]},
    ),
    "ItemKNN": Row("lenskit", "lenskit", {"scorer": "ItemKNN"}, {"max_nbrs": [20, 40, 80]}),
    "MF": Row(
        "cornac",
        "cornac",
        {"learning_rate": 0.005},
        {"k": [10, 50, 100, 200], "max_iter": [50, 100], "lambda_reg": [0.02, 0.05, 0.1]},
    ),
    "FM, ids": Row("myfm", "myfm", {"sweeps": 200}, {"rank": [8, 12, 16]}),
    "FM, who rated": Row("myfm", "myfm", {"sweeps": 200, "watched": True}, {"rank": [8, 16]}, WHO),
    "FM, films": Row("myfm", "myfm", {"sweeps": 300, "films": True}, {"rank": [8, 16]}, FILMS),
    "FM, films and who rated": Row(
        "myfm", "myfm", {"rank": 16, "sweeps": 200, "films": True, "watched": True}, knows=ALL
    ),
    "FM, films, who rated and day": Row(
        "myfm", "myfm", {"rank": 16, "sweeps": 200, "films": True, "watched": True, "day": True}, knows=ALL + DAY
    ),
} | {
    f"FM{ordered}, everything{day}": Row(
        "myfm",
        "myfm",
        {"sweeps": 120, "day": bool(day), "ordered": bool(ordered)},
        {} if day else {"rank": [8, 16, 24], "known": [0, 32]},
        KNOWN + (DAY if day else ""),
        {} if day else {"sweeps": 60},
        like=f"FM{ordered}, everything" if day else "",
    )
    for ordered in ("", " ordered")
    for day in ("", " and day")
}


# ---------------------------------------------------------------- environments


def python_of(library: str) -> Path:
    return PEERS / library / "bin" / "python"


def install(library: str) -> dict[str, Any]:
    """Make the environment of a library, unless it is there as wanted; what is installed in it, or why nothing is."""
    asked = LIBRARIES[library]
    pins = [line for line in (ROOT / "constraints.txt").read_text("utf8").split() if line.startswith(SAME_VERSIONS)]
    held = "\n".join(pin for pin in pins if pin.split("==")[0] in SAME_VERSIONS)
    stamp, wanted = PEERS / library / "installed", f"{asked}\n{held}\n{platform.python_version()}"
    found: dict[str, Any] = {"asked": asked, "versions": {}, "error": None}
    try:
        if not stamp.exists() or stamp.read_text("utf8") != wanted:
            command(sys.executable, "-m", "venv", "--clear", str(PEERS / library))
            (PEERS / library / "held.txt").write_text(held, "utf8")
            pip = [str(python_of(library)), "-m", "pip", "install", "--disable-pip-version-check"]
            command(*pip, "-c", str(PEERS / library / "held.txt"), *asked.split())
        command(str(python_of(library)), "-c", f"import {library}")
        stamp.write_text(wanted, "utf8")
        ask = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
        there = json.loads(command(str(python_of(library)), "-c", ask))
        names = {part.split("==")[0].split("<")[0] for part in asked.split()} | {*SAME_VERSIONS}
        found["versions"] = {name: there[name] for name in sorted(names) if name in there}
    except RuntimeError as error:
        found["error"] = str(error)
    return found


def command(*words: str, seconds: float | None = None, threads: int = THREADS) -> str:
    """What a command prints. ``RuntimeError`` with the last line of its complaint when it fails."""
    env = os.environ | {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    try:
        done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"stopped after {seconds:.0f} s") from None
    except FileNotFoundError:  # the environment of a library that could not be installed
        raise RuntimeError(f"{Path(words[0]).name} is not there") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = [line for line in lines if "rror" in line] or lines or [f"exit status {done.returncode}"]
        raise RuntimeError(told[-1].replace(str(ROOT), "…")[:300])
    return done.stdout


# ---------------------------------------------------------------- folds


def write_fold(split: Split, path: Path) -> None:
    """What a model may see of a split, in the data's own ids; the stars held out are not among it."""
    train, valid, films = split.train.frame, split.valid.frame, split.train.films
    of_films, of_users = (pd.concat(tables, axis=1) for tables in everything_known(split.train))
    np.savez(
        path,
        user=train["user"].to_numpy("int64"),
        item=train["item"].to_numpy("int64"),
        rating=train["rating"].to_numpy("float32"),
        time=train["timestamp"].to_numpy("int64"),
        valid_user=valid["user"].to_numpy("int64"),
        valid_item=valid["item"].to_numpy("int64"),
        valid_time=valid["timestamp"].to_numpy("int64"),
        film_item=films["item"].to_numpy("int64"),
        film_year=films["year"].to_numpy("float64", na_value=np.nan),
        film_genres=films["genres"].fillna("").to_numpy("str"),
        film_known=of_films.to_numpy("float32"),
        film_groups=of_films.columns.get_level_values(0).to_numpy("str"),
        user_ids=split.train.users.ids,
        user_known=of_users.to_numpy("float32"),
        user_groups=of_users.columns.get_level_values(0).to_numpy("str"),
    )


def splits_of(ratings: Ratings, folds: int) -> tuple[Split, list[Split]]:
    """The split to tune on, inside the training part of the first fold; and the folds."""
    splits = list(islice(k_fold(ratings, FOLDS, seed=0), folds))
    return random_split(splits[0].train, valid=0.2, seed=0), splits


def fit(row: Row, settings: list[dict], split: Split, scratch: Path) -> list[dict]:
    """Fit a row with each of these settings in one fresh process; RMSE, seconds and memory of each."""
    paths = {name: str(scratch / name) for name in ("fold.npz", "stars.npy", "measured.json", "job.json")}
    write_fold(split, Path(paths["fold.npz"]))
    job = {"model": row.model, "settings": settings, "fold": paths["fold.npz"]}
    job |= {"stars": paths["stars.npy"], "measured": paths["measured.json"]}
    Path(paths["job.json"]).write_text(json.dumps(job), "utf8")
    if row.library == "collabkit":
        how = [sys.executable, "-m", "benchmarks.ours"]
    else:  # -I: it sees its own environment, and neither this folder nor the user's
        how = [str(python_of(row.library)), "-I", str(ROOT / "benchmarks" / "peers.py")]
    command(*how, paths["job.json"], seconds=LIMIT * len(settings))
    measured = json.loads(Path(paths["measured.json"]).read_text("utf8"))
    if BUSY:
        measured = [took | took["processor"] for took in measured]
    scores = [rmse(split.valid.rating, stars.clip(*SCALE)) for stars in np.load(paths["stars.npy"])]
    return [{"rmse": round(score, 5), **took} for score, took in zip(scores, measured, strict=True)]


# ---------------------------------------------------------------- one run


def measure(row: Row, inner: Split, splits: list[Split], scratch: Path, others: dict) -> Iterator[dict[str, Any]]:
    """The entry of a row in the JSON: after tuning, and after each fold. The last one holds all.

    Args:
        others: entries of this edition so far, where a row that is tuned `like` another finds what that one chose.
    """
    entry: dict[str, Any] = {"library": row.library, "knows": row.knows, "settings": row.settings, "error": None}
    entry |= {"tuning": None, "rmse": [], "fit_seconds": [], "predict_seconds": [], "peak_mb": []}
    try:
        if row.like:
            entry["settings"] = row.settings | chosen_by(others, row.like)
        if row.grid:
            choices = combinations(row.grid)
            start = time.perf_counter()
            tries = [row.settings | row.trial | one for one in choices]
            scores = [done["rmse"] for done in fit(row, tries, inner, scratch)]
            tried = [{"settings": one, "rmse": score} for one, score in zip(choices, scores, strict=True)]
            seconds = round(time.perf_counter() - start, 1)
            entry["tuning"] = {"grid": row.grid, "with": row.trial, "tried": tried, "seconds": seconds}
            entry["settings"] = row.settings | choices[int(np.argmin(scores))]
            yield entry
        for split in splits:
            done = fit(row, [entry["settings"]], split, scratch)[0]
            for name, digits in (("rmse", 5), ("fit_seconds", 3), ("predict_seconds", 3), ("peak_mb", 0)):
                entry[name].append(round(done[name], digits))
            yield entry
    except RuntimeError as error:
        entry["error"] = str(error)
        yield entry


def chosen_by(entries: dict[str, Any], name: str) -> dict[str, Any]:
    """What a row that was tuned has chosen. ``RuntimeError`` where there is none."""
    tuning = entries.get(name, {}).get("tuning")
    if tuning is None:
        raise RuntimeError(f"its settings are those of the row {name!r}, which has chosen none: measure that first")
    return min(tuning["tried"], key=lambda one: one["rmse"])["settings"]


def this_machine() -> dict[str, Any]:
    """Where, with what, and how busy it was before."""
    here = {"cores": os.cpu_count(), "threads": THREADS, "seconds": "of the processor" if BUSY else "by the clock"}
    here |= {"system": f"{platform.system()} {platform.machine()}"}
    here |= {"memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)}
    return here | {"load_before": round(os.getloadavg()[0], 1), "versions": versions()}


def chosen(wanted: list[str], table: Mapping[str, Any] = ROWS) -> dict[str, Any]:
    """Rows with one of these words in their name or library; all of them without any."""
    words = [word.lower() for word in wanted]
    found = {
        name: row
        for name, row in table.items()
        if not words or any(word in f"{row.library} {name}".lower() for word in words)
    }
    if not found:
        sys.exit(f"no row has {' or '.join(wanted)} in its name or library. There are:\n  " + "\n  ".join(table))
    return found


def progress(entry: dict[str, Any], folds: int) -> str:
    """What the last step of a row was, for the terminal."""
    if entry["error"]:
        return entry["error"]
    if not entry["rmse"]:
        return f"tuned in {entry['tuning']['seconds']:.0f} s"
    done = len(entry["rmse"])
    return f"fold {done} of {folds}, RMSE {entry['rmse'][-1]:.4f}, fitted in {entry['fit_seconds'][-1]:.1f} s"


def main(wanted: list[str], folds: int) -> None:
    began, rows = time.perf_counter(), chosen(wanted)
    board = {"rows": {}, "runs": {}, "peers": {}} | kept("leaderboard", wanted)
    run = datetime.now().strftime("%Y-%m-%d %H:%M")
    board["runs"][run] = this_machine()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", flush=True)

    def save() -> None:
        if folds < FOLDS:  # a trial
            return
        rows = {edition: in_order(ROWS, board["rows"].get(edition, {})) for edition in EDITIONS}
        used = {entry["run"] for table in rows.values() for entry in table.values()}
        runs = {name: machine for name, machine in board["runs"].items() if name in used or name == run}
        peers = in_order(LIBRARIES, board["peers"])
        write("leaderboard", {"folds": FOLDS, "no_stars": NO_STARS, "peers": peers, "runs": runs, "rows": rows})

    for library in LIBRARIES:
        if not wanted or any(row.library == library for row in rows.values()):
            say(f"{library}: an environment of its own")
            board["peers"][library] = install(library)
            say(f"{library}: {board['peers'][library]['error'] or board['peers'][library]['versions']}")
    for edition in EDITIONS:
        inner, splits = splits_of(load_movielens(edition), folds)
        table = board["rows"].setdefault(edition, {})
        for name, row in rows.items():
            with tempfile.TemporaryDirectory() as scratch:
                for entry in measure(row, inner, splits, Path(scratch), table):
                    table[name] = entry | {"run": run}
                    save()
                    say(f"{edition}  {row.library} {name}: {progress(entry, folds)}")
    say("done")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="words of the rows to measure; the others are kept")
    parser.add_argument("--folds", type=int, default=FOLDS, choices=range(1, FOLDS + 1), help="how many of the five")
    asked = parser.parse_args()
    main(asked.only, asked.folds)
