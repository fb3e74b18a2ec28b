"""Lists of other people's libraries and of the course's models, on the same splits, on one machine, in one run.

    python -m benchmarks.lists                  all rows (needs the 2018 edition in $COLLABKIT_DATA; half an hour)
    python -m benchmarks.lists cornac EASE      rows with one of these in their name or library, the others kept

Writes results/lists.json, row by row, so that nothing is lost when a run is cut off. The libraries have the
environments of `benchmarks.leaderboard`. A row tries its settings in one process and is measured in another, on one
thread; neither knows what was held out.

Three protocols. *Strong generalization*: users held out whole, placed by four fifths of their ratings. *Last five*: of
each user. *In time*: the last tenth of all ratings, most of it from users who are new. Every model tries the same
number of settings on ratings of the 2018 edition that were held out of its training in the same way (of whole users,
on some that are never measured). Those with the best NDCG@10 are measured on both editions, with three seeds where a
split or a model is random. A user is asked for who has a held-out film of four stars or more, and those are what the
list should find, among all films. A film with fewer than FEWEST training ratings is offered to no model: none can list
it, and it counts as missed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.leaderboard import LIBRARIES as ALL_LIBRARIES
from benchmarks.leaderboard import LIMIT, PEERS, ROOT, chosen, command, install, python_of, this_machine
from benchmarks.list_rows import PUBLISHED, ROWS, TRIALS, Row
from benchmarks.results import in_order, kept, write
from collabkit import (
    Ratings,
    Split,
    film_features,
    leave_last_out,
    load_movielens,
    ranking_scores,
    strong_generalization,
    temporal_split,
)

TUNED_ON = "small-2018"
EDITIONS = ("small-2018", "small-2016")
LIBRARIES = {name: ALL_LIBRARIES[name] for name in ("implicit", "lenskit", "cornac")}
SEEDS = (0, 1, 2)
RELEVANT = 4.0
FEWEST = 5  # training ratings of a film that models are offered
SPLITS = {"strong generalization": len(SEEDS), "last five": 1, "in time": 1}  # of each protocol, those measured
PROTOCOLS = tuple(SPLITS)
SCORES = PEERS / "lists"  # of each user: for differences between rows that were measured at different times


# ---------------------------------------------------------------- splits


def protocols(ratings: Ratings) -> dict[str, tuple[Split, list[Split]]]:
    """Of each protocol the split that chooses, and those that are measured."""
    chooses = strong_generalization(ratings, valid=0.15, test=0)
    others = ratings.take(~np.isin(ratings.user, chooses.valid.user))
    last_five = leave_last_out(ratings, 5)
    splits = (
        (chooses, [strong_generalization(others, 0.3, 0, seed=seed) for seed in SEEDS]),
        (leave_last_out(last_five.train, 5), [last_five]),
        (temporal_split(ratings), [temporal_split(ratings, valid=0.1, test=0)]),
    )
    return dict(zip(PROTOCOLS, splits, strict=True))


def write_table(split: Split, path: Path) -> np.ndarray:
    """What a model may see of a split, by code, without what it should find; returns the codes of users asked for."""
    often = np.bincount(split.train.item, minlength=split.train.n_items) >= FEWEST
    train, known = split.train.take(often[split.train.item]), split.known
    asked = np.unique(split.valid.user[split.valid.rating >= RELEVANT])
    columns: dict[str, Any] = {"user": train.user, "item": train.item, "rating": train.rating, "time": train.timestamp}
    columns |= {"known_user": known.user, "known_item": known.item}
    columns |= {"known_rating": known.rating, "known_time": known.timestamp}
    columns |= {"film_features": film_features(train).to_numpy()}
    columns |= {"n_users": train.n_users, "n_items": train.n_items, "held_out": split.history is not None}
    np.savez(path, asked=asked, **columns)
    return asked


class Stored:
    """Lists by code, as a recommender in the data's own ids."""

    def __init__(self, split: Split, asked: np.ndarray, lists: np.ndarray):
        self.split, self.asked, self.lists = split, asked, lists

    def recommend(self, users: np.ndarray, k: int) -> pd.DataFrame:
        ratings = self.split.train
        codes = self.lists[np.searchsorted(self.asked, ratings.users.index(users)), :k]  # (users, k)
        user, item = np.repeat(users, codes.shape[1]), codes.ravel()
        return pd.DataFrame({"user": user[item >= 0], "item": ratings.items.ids[item[item >= 0]]})


def lists(row: Row, runs: list[tuple[Split, dict[str, Any]]]) -> tuple[list[pd.DataFrame], list[dict[str, float]]]:
    """Each run is a fit to a split with some settings, all in one process: scores of each user, and what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = {name: str(Path(scratch, name)) for name in ("lists.npz", "measured.json", "job.json")}
        splits = {id(split): split for split, _ in runs}
        tables = {one: str(Path(scratch, f"{place}.npz")) for place, one in enumerate(splits)}
        asked = {one: write_table(split, Path(tables[one])) for one, split in splits.items()}
        job: dict[str, Any] = {"model": row.model, "lists": paths["lists.npz"], "measured": paths["measured.json"]}
        job["runs"] = [{"table": tables[id(split)], "settings": settings} for split, settings in runs]
        Path(paths["job.json"]).write_text(json.dumps(job), "utf8")
        if row.library == "collabkit":
            how = [sys.executable, "-m", "benchmarks.list_ours"]
        else:  # -I: it sees its own environment, and neither this folder nor the user's
            how = [str(python_of(row.library)), "-I", str(ROOT / "benchmarks" / "list_peers.py")]
        command(*how, paths["job.json"], seconds=LIMIT * len(runs), threads=1)
        measured = json.loads(Path(paths["measured.json"]).read_text("utf8"))
        with np.load(paths["lists.npz"]) as found:
            codes = [found[name] for name in found.files]
    return [scores_of(split, asked[id(split)], one) for (split, _), one in zip(runs, codes, strict=True)], measured


def scores_of(split: Split, asked: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
    """NDCG@10 and recall@20 of each user."""
    stored = Stored(split, asked, codes)
    ndcg, recall = (ranking_scores(stored, split, k=k, relevant=RELEVANT) for k in (10, 20))
    return pd.DataFrame({"ndcg": ndcg["ndcg"], "recall": recall["recall"]})


# ---------------------------------------------------------------- one row


def tune(row: Row, chooses: dict[str, Split]) -> dict[str, dict[str, Any]]:
    """Of each protocol what every setting scores, and the one with the best NDCG@10."""
    scores, _ = lists(row, [(split, settings) for split in chooses.values() for settings in row.tries])
    found, ndcg = {}, iter(round(float(one["ndcg"].mean()), 5) for one in scores)
    for protocol in chooses:
        tried: list[dict[str, Any]] = [{"settings": settings, "ndcg": next(ndcg)} for settings in row.tries]
        found[protocol] = {"tried": tried, "settings": max(tried, key=lambda one: one["ndcg"])["settings"]}
    return found


def entry_of(scores: list[pd.DataFrame], took: list[dict[str, float]]) -> dict[str, Any]:
    """What the runs of a row in one edition and protocol go into the JSON as."""
    entry: dict[str, Any] = {name: [round(float(one[name].mean()), 5) for one in scores] for name in ("ndcg", "recall")}
    each = of_users(scores)
    entry |= {f"{name}_se": round(float(each[name].sem()), 5) for name in each}
    entry |= {name: [round(one[name], 3) for one in took] for name in ("fit_seconds", "list_seconds")}
    return entry | {"peak_mb": round(max(one["peak_mb"] for one in took)), "users": len(each)}


def runs_of(row: Row, settings: dict[str, Any], splits: list[Split]) -> list[tuple[Split, dict[str, Any]]]:
    """One for each seed, of what is random: the split, or the model."""
    if not row.random:
        return [(split, settings) for split in splits]
    return [(splits[seed % len(splits)], settings | {"seed": seed}) for seed in SEEDS]


def of_users(scores: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean of each user over the runs that asked them: one user counts once, however often they were drawn."""
    return pd.concat(scores).groupby(level="user")[["ndcg", "recall"]].mean()


def compared(entries: dict[str, dict], edition: str, protocol: str, tuning: dict[str, dict]) -> dict[str, Any]:
    """Ours that did best where settings are chosen, less the peer that does best where they are measured.

    The mean over users of ours minus theirs, and half its 95 % interval.
    """
    done = [name for name, entry in entries.items() if not entry["error"]]
    own = [name for name in done if ROWS[name].library == "collabkit"]
    peers = [name for name in done if ROWS[name].library != "collabkit"]
    if not own or not peers:
        return {}
    ours = max(own, key=lambda name: max(one["ndcg"] for one in tuning[name]["tried"]))
    scores = {name: pd.read_csv(file_of(edition, protocol, name), index_col="user") for name in (ours, *peers)}
    found = {}
    for name in ("ndcg", "recall"):
        peer = max(peers, key=lambda one: scores[one][name].mean())
        gain = scores[ours][name] - scores[peer][name]
        found[name] = {"ours": ours, "peer": peer, "gain": round(float(gain.mean()), 5)}
        found[name]["interval"] = round(float(1.96 * gain.sem()), 5)
    return found


def file_of(edition: str, protocol: str, name: str) -> Path:
    """Where the scores of each user are kept for comparisons to come."""
    folder = SCORES / edition / protocol
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.csv"


def main(wanted: list[str]) -> None:
    began, rows = time.perf_counter(), chosen(wanted, ROWS)
    if wanted and not SCORES.exists():  # nothing could be compared with the rows that are kept
        sys.exit(f"the scores of each user, {SCORES.relative_to(ROOT)}, are not in this clone: measure all rows.")
    board: dict[str, Any] = {"peers": {}, "runs": {}, "tuning": {}, "editions": {}} | kept("lists", wanted)
    run = datetime.now().strftime("%Y-%m-%d %H:%M")
    board["runs"][run] = this_machine() | {"threads": 1, "seconds": "of the processor"}
    splits = {edition: protocols(load_movielens(edition)) for edition in EDITIONS}

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", flush=True)

    for library in LIBRARIES:
        if any(row.library == library for row in rows.values()):
            board["peers"][library] = install(library)
            say(f"{library}: {board['peers'][library]['error'] or board['peers'][library]['versions']}")
    for name, row in rows.items():
        names = [protocol for protocol in PROTOCOLS if row.asked(protocol)]
        places = [(edition, protocol) for edition in EDITIONS for protocol in names]
        entries: dict[tuple[str, str], dict[str, Any]] = {place: {} for place in places}
        error = None
        try:
            found = tune(row, {one: splits[TUNED_ON][one][0] for one in names})
            say(f"{name}: tuned")
            runs = {(e, p): runs_of(row, found[p]["settings"], splits[e][p][1]) for e, p in places}
            scores, took = lists(row, [one for some in runs.values() for one in some])
            for (edition, protocol), some in runs.items():
                mine, scores = scores[: len(some)], scores[len(some) :]
                cost, took = took[: len(some)], took[len(some) :]
                entries[edition, protocol] = entry_of(mine, cost)
                of_users(mine).to_csv(file_of(edition, protocol, name))
            for protocol in names:
                board["tuning"].setdefault(protocol, {})[name] = found[protocol]
        except RuntimeError as reason:
            error = str(reason)
        for edition, protocol in places:
            table = board["editions"].setdefault(edition, {}).setdefault(protocol, {"models": {}})
            table["models"] = in_order(
                ROWS, table["models"] | {name: {"error": error, "run": run} | entries[edition, protocol]}
            )
            table["compared"] = compared(table["models"], edition, protocol, board["tuning"].get(protocol, {}))
            say(f"{edition}, {protocol}, {name}: {error or entries[edition, protocol]['ndcg']}")
        write_board(board)
    say("done")


def write_board(board: dict[str, Any]) -> None:
    tables = [table for by_protocol in board["editions"].values() for table in by_protocol.values()]
    used = {entry["run"] for table in tables for entry in table["models"].values()}
    write(
        "lists",
        settings()
        | {
            "published": PUBLISHED,
            "peers": in_order(LIBRARIES, board["peers"]),
            "runs": {name: machine for name, machine in board["runs"].items() if name in used},
            "tuning": {protocol: in_order(ROWS, board["tuning"].get(protocol, {})) for protocol in PROTOCOLS},
            "editions": board["editions"],
        },
    )


def settings() -> dict[str, Any]:
    """What every row has in common, and what each of them is told."""
    rows = {name: {"library": row.library, "knows": row.knows} for name, row in ROWS.items()}
    common = {"relevant": RELEVANT, "fewest": FEWEST, "tuned_on": TUNED_ON, "seeds": len(SEEDS), "trials": TRIALS}
    return common | {"rows": rows}


if __name__ == "__main__":
    main(sys.argv[1:])
