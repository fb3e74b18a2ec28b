"""One process and an engine: Spark's ALS beside ours on the same ratings, and what files larger than memory take.

    python -m benchmarks.engine                    all parts (needs pyspark and Java; half an hour of a busy machine)
    python -m benchmarks.engine sides              our ALS beside Spark's: error, seconds, memory
    python -m benchmarks.engine files              Parquet in, lists out, and a model served from its file
    … --sizes 100000 1000000                       these sizes only

Writes results/engine.json after each size; parts and sizes that are not named are kept. Each figure comes from a
process of its own. Seconds are those of the clock, and beside them the processor's, of all processes together, which a
busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.parquet import write_table

from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments
from benchmarks.speed import SIZES
from collabkit import ALS, DotProductBias, MeanBaseline, Ratings, Recommender, evaluate, load_movielens, random_split
from collabkit.data.columns import film_table
from collabkit.ratings import Vocabulary

REAL = 100_000  # of this size it is the embedded edition; the others are made up
SETTINGS: dict[str, Any] = {"n_factors": 16, "n_sweeps": 5}
LONGEST = 3600  # seconds that one run may take
PENALTIES = {REAL: 0.2}  # Spark's λ, times the number of ratings: chosen on training ratings, as is
MADE_UP = 0.08  # that of the other tables, from .02, .05, .08 and .12
EXECUTORS, MEMORY = 2, 2048  # MB each
BLOCKS: dict[str, Any] = {"n_blocks": EXECUTORS}  # of Spark, which takes ten unless told
LISTS, SOME = 10, 10_000  # the length of a list, and the users who get one where all would take too long
MILLION = (1_000_000, 10_000, 20)  # users, items, ratings a user, of a model that is served
TICK = os.sysconf("SC_CLK_TCK")


def made_up(n: int) -> Ratings:
    """So many ratings of a planted model: means, eight factors and noise; users and items as in an edition."""
    n_users, n_items = SIZES[n]
    rng = np.random.default_rng(0)
    user = (n_users * rng.random(int(1.35 * n)) ** 1.6).astype("int64")
    item = (n_items * rng.random(int(1.35 * n)) ** 2.0).astype("int64")
    cells = np.unique(user * n_items + item)
    while len(cells) < n:
        more = rng.integers(0, n_users * n_items, n - len(cells))
        cells = np.unique(np.concatenate([cells, more]))
    cells = np.sort(rng.permutation(cells)[:n])
    user, item = (cells // n_items).astype("int32"), (cells % n_items).astype("int32")
    b_u, b_i = rng.normal(0, 0.4, n_users).astype("float32"), rng.normal(0, 0.5, n_items).astype("float32")
    p, q = (rng.normal(0, 0.4, (size, 8)).astype("float32") for size in (n_users, n_items))
    stars = np.empty(n, dtype="float32")
    for start in range(0, n, 1_000_000):
        u, i = user[start : start + 1_000_000], item[start : start + 1_000_000]
        score = 3.5 + b_u[u] + b_i[i] + np.einsum("nk,nk->n", p[u], q[i]) + rng.normal(0, 0.75, len(u))
        stars[start : start + len(u)] = np.clip(np.round(2 * score) / 2, 0.5, 5)
    users, items = Vocabulary(np.arange(n_users), "user"), Vocabulary(np.arange(n_items), "item")
    return Ratings(user, item, stars, None, users, items, film_table(items, None), (0.5, 5.0))


def table(n: int) -> Ratings:
    return load_movielens() if n == REAL else made_up(n)


def processes() -> list[int]:
    """This one and all that it has started, as Linux numbers them."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    found = [os.getpid()]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def processor() -> float:
    """Seconds of the processor that this process and those below it have had."""
    spent = 0
    for one in processes():
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            spent += int(fields[11]) + int(fields[12])
    return spent / TICK


def megabytes(kind: str, pids: Iterable[int] = ()) -> float:
    """``VmHWM`` (the most so far), ``RssAnon`` or ``RssFile``, of these processes together; of this one unless told."""
    found = 0
    for one in pids or [os.getpid()]:
        with suppress(OSError):  # it has ended meanwhile; one that is about to says nothing of its memory
            found += sum(map(int, re.findall(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text())))
    return round(found / 1024, 1)


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    clock, spent = time.perf_counter(), processor()
    done = work()
    return done, {"seconds": round(time.perf_counter() - clock, 2), "cpu": round(processor() - spent, 2)}


# ---- each of these runs in a process of its own ----


def ours(n: int) -> dict[str, Any]:
    """Our ALS on four fifths of a table, on one thread."""
    split = random_split(table(n))
    means = evaluate(MeanBaseline(damping=5).fit(split.train), split)["rmse"]
    model, taken = timed(lambda: ALS(**SETTINGS).fit(split.train))
    error = evaluate(model, split)
    return taken | {"rmse": error["rmse"], "rmse_warm": error["rmse_warm"], "means": means, "mb": megabytes("VmHWM")}


def spark(n: int) -> dict[str, Any]:
    """Spark's on the same: what it takes to start the session, and to train."""
    from collabkit.spark import SparkALS, session

    split = random_split(table(n))
    clock, spent = time.perf_counter(), processor()
    with session(executors=EXECUTORS, memory=MEMORY) as running:
        running.range(1).count()  # the executors are there
        start = {"start": round(time.perf_counter() - clock, 2), "start_cpu": round(processor() - spent, 2)}
        penalty = PENALTIES.get(n, MADE_UP)
        model, taken = timed(lambda: SparkALS(running, penalty=penalty, **SETTINGS, **BLOCKS).fit(split.train))
        below = processes()
        memory = {"mb": megabytes("VmHWM", below), "processes": len(below)}
    error = evaluate(model, split)
    return start | taken | {"rmse": error["rmse"], "rmse_warm": error["rmse_warm"], "penalty": penalty} | memory


def load(n: int) -> dict[str, Any]:
    """From Parquet into codes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ratings.parquet")
        command = [sys.executable, "-m", "benchmarks.engine", "--run", "wrote", str(n), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        before = megabytes("VmHWM")
        ratings, taken = timed(lambda: Ratings.from_parquet(path, scale=(0.5, 5)))
        size = round(path.stat().st_size / 2**20, 1)
    return taken | {"ratings": len(ratings), "file": size, "before": before, "mb": megabytes("VmHWM")}


def wrote(n: int, path: str) -> dict[str, Any]:
    ratings = table(n)
    columns = {"user": ratings.users.ids[ratings.user], "item": ratings.items.ids[ratings.item]}
    write_table(pa.table(columns | {"rating": ratings.rating, "timestamp": np.arange(len(ratings))}), path)
    return {}


def lists(n: int) -> dict[str, Any]:
    """Everybody's lists to Parquet, of tables as large as trained ones; at the largest size, of some users."""
    ratings = table(n)
    if n == max(SIZES):
        ratings = ratings.take(ratings.user < SOME)
        users = Vocabulary(np.arange(SOME), "user")
        ratings = Ratings(ratings.user, ratings.item, ratings.rating, None, users, ratings.items, ratings.films)
    model = DotProductBias(ratings.n_users, ratings.n_items, SETTINGS["n_factors"])
    recommender = Recommender(model, ratings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lists.parquet")
        rows, taken = timed(lambda: recommender.recommend_to_parquet(path, LISTS))
        size = round(path.stat().st_size / 2**20, 1)
    return taken | {"users": ratings.n_users, "rows": rows, "file": size, "mb": megabytes("VmHWM")}


def million(n: int) -> Ratings:
    """A million users, in their order, for serving; any other number takes the table of that size."""
    n_users, n_items, per_user = MILLION
    user = np.repeat(np.arange(n_users, dtype="int32"), per_user)
    item = ((user.astype("int64") * 7 + np.tile(np.arange(per_user), n_users) * 13) % n_items).astype("int32")
    users, items = Vocabulary(np.arange(n_users), "user"), Vocabulary(np.arange(n_items), "item")
    stars = np.full(len(user), 3.5, dtype="float32")
    return Ratings(user, item, stars, None, users, items, film_table(items, None))


def saved(n: int, path: str) -> dict[str, Any]:
    ratings = million(n) if n == MILLION[0] * MILLION[2] else table(n)
    model = DotProductBias(ratings.n_users, ratings.n_items, SETTINGS["n_factors"])
    Recommender(model, ratings).save(path)
    return {"users": ratings.n_users, "file": round(Path(path).stat().st_size / 2**20, 1)}


def served(path: str, how: str, small: str) -> dict[str, Any]:
    """A hundred lists, from a file that is mapped or read whole: what stays in memory for it."""
    Recommender.load(small, mmap=how == "mapped").recommend([1, 2], LISTS)  # and all that is imported late
    before = {kind: megabytes(kind) for kind in ("RssAnon", "RssFile")}
    recommender, taken = timed(lambda: Recommender.load(path, mmap=how == "mapped"))
    users = np.random.default_rng(0).choice(recommender.ratings.users.ids, 100)
    _, asked = timed(lambda: [recommender.recommend(user, LISTS) for user in users])
    own, file = (round(megabytes(kind) - before[kind], 1) for kind in before)
    return taken | {"list_cpu": round(asked["cpu"] / 100, 4), "own": own, "file": file, "mb": megabytes("VmHWM")}


RUNS: dict[str, Callable[..., Any]] = {one.__name__: one for one in (ours, spark, load, wrote, lists, saved, served)}


def run(name: str, *arguments: object) -> dict[str, Any]:
    """One of them in a process of its own; ``stopped`` where it took too long."""
    command = [sys.executable, "-m", "benchmarks.engine", "--run", name, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return {"stopped": LONGEST}
    if done.returncode:
        sys.exit(f"{name} {arguments}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(name, *arguments, found, flush=True)
    return found


# ---- the parts, a size at a time ----


def sides(n: int) -> dict[str, Any]:
    return {"ours": run("ours", n), "spark": run("spark", n)}


def files(n: int) -> dict[str, Any]:
    return {"load": run("load", n), "lists": run("lists", n)}


def serve(n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        small, path = Path(folder, "small.safetensors"), Path(folder, "large.safetensors")
        run("saved", REAL, small)
        size = run("saved", n, path)
        return size | {how: run("served", path, how, small) for how in ("mapped", "whole")}


LARGE = [n for n in SIZES if n != REAL]
PARTS: dict[str, tuple[Callable[[int], Any], list[int]]] = {
    "sides": (sides, [n for n in SIZES if n != max(SIZES)]),
    "files": (files, LARGE),
    "serve": (serve, [*LARGE[:-1], MILLION[0] * MILLION[2]]),
}


def settings() -> dict[str, Any]:
    from collabkit.spark import SparkALS

    theirs = arguments(SparkALS(None, **SETTINGS, **BLOCKS))  # no session is asked for
    return {
        "ours": arguments(ALS(**SETTINGS)),
        "spark": {name: value for name, value in theirs.items() if name != "spark"},
        "executors": EXECUTORS,
        "memory": MEMORY,
        "lists": LISTS,
        "million": list(MILLION),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        name, *rest = given.run
        print(json.dumps(RUNS[name](*(int(one) if one.isdigit() else one for one in rest))))
        return
    for part in given.parts or PARTS:
        measure, sizes = PARTS[part]
        for n in given.sizes or sizes:
            measured = measure(n) | {"load_average": round(os.getloadavg()[0], 1)}
            body = kept("engine", PARTS)  # as it is now: another part may be measured meanwhile
            if body.get("settings", settings()) != settings():
                body = {}
            rows = body.get(part, {}) | {str(n): measured}
            body |= {"settings": settings(), part: in_order(map(str, sizes), rows)}
            write("engine", in_order(["settings", *PARTS], body))


if __name__ == "__main__":
    main()
