"""Exact search or an index? Recall against milliseconds, among 60,000 and a million items.

    python -m benchmarks.index [SIZE ...]  (needs 4 GB and some minutes of a machine that does nothing else)

Writes collabkit/results/index.json, which chapter 16 shows. Named sizes are measured again, and the others stay.

No public table of ratings has a million items with trained vectors, so these are made of trained ones. `ImplicitALS`
learns the films of an edition. Each new item lies somewhere between a film and one of its ten nearest, with
noise of a share `NOISE` of its length; users likewise. `NOISE` was chosen so that among as many new items as there are
films, the nearest neighbour is as near as among the films: `nearest` has both. Lengths keep their long tail by
themselves: `lengths` has quantiles of both.

Exact search is one matrix product for a block of users, by BLAS, and then the best ten of each row. It has `THREADS`
threads, and so has the index, which is built by all processors. Both take the least of some rounds, which alternate, so
that a busy machine is as busy for the one as for the other. `at once` are milliseconds of a user in a block, `alone`
those of a block of one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.results import in_order, kept, write
from collabkit import ImplicitALS, Index, load_movielens

EDITION, AT_LEAST, NOISE, NEAR = "small-2016", 4.0, 0.3, 10
SIZES = {"60,000": 60_000, "1,000,000": 1_000_000}
N_FACTORS, K, QUERIES, BLOCK, ROUNDS = 64, 10, 500, 100, 3
WIDTHS = (20, 32, 64, 128, 256)
LINKS, WIDTH, THREADS = 16, 128, 2
SETTINGS = {
    "edition": EDITION,
    "at_least": AT_LEAST,
    "noise": NOISE,
    "near": NEAR,
    "n_factors": N_FACTORS,
    "k": K,
    "queries": QUERIES,
    "block": BLOCK,
    "rounds": ROUNDS,
    "widths": list(WIDTHS),
    "links": LINKS,
    "width": WIDTH,
    "threads": THREADS,
}


def cosines(rows: np.ndarray) -> np.ndarray:
    long = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return long @ long.T


def more(trained: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """So many vectors ``(n, K)`` that lie as the trained ones do."""
    near = np.argpartition(-cosines(trained), NEAR, axis=1)[:, : NEAR + 1]  # itself among them
    one = rng.integers(len(trained), size=n)
    other = near[one, rng.integers(NEAR + 1, size=n)]
    share = rng.random((n, 1), dtype="float32")
    rows = (1 - share) * trained[one] + share * trained[other]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    noise = rng.standard_normal(rows.shape, dtype="float32")
    return (rows + NOISE * length / rows.shape[1] ** 0.5 * noise).astype("float32")


def likeness(trained: np.ndarray, made: np.ndarray) -> dict[str, Any]:
    """How near the nearest neighbour is, among as many of both, and how long vectors are."""
    parts = {"trained": trained, "made": made[: len(trained)]}
    found = {name: cosines(rows) - 2 * np.eye(len(rows)) for name, rows in parts.items()}
    return {
        "nearest": {name: float(np.median(one.max(axis=1))) for name, one in found.items()},
        "lengths": {
            name: np.quantile(np.linalg.norm(rows, axis=1), [0.01, 0.5, 0.99]).round(4).tolist()
            for name, rows in parts.items()
        },
    }


def resident() -> float:
    """Megabytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def exact(items: torch.Tensor, users: torch.Tensor) -> np.ndarray:
    """The best of each ``(n, K)``, by one product and a partial sort."""
    return (users @ items.T).topk(K, dim=1).indices.cpu().numpy()


def seconds(search: Callable[[Any], Any], blocks: list[Any]) -> float:
    start = time.perf_counter()
    for block in blocks:
        search(block)
    return time.perf_counter() - start


def refuses(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        Index.load(path)
    except ValueError:
        return True
    return False


def measure(items: np.ndarray, users: np.ndarray) -> dict[str, Any]:
    before, start, used, processors = resident(), time.perf_counter(), time.process_time(), os.cpu_count() or 1
    index = Index(LINKS, WIDTH, processors).build(items)
    build = {
        "seconds": time.perf_counter() - start,
        "processor seconds": time.process_time() - used,
        "threads": processors,
        "MB": resident() - before,
        "vectors MB": items.nbytes / 1e6,
    }
    print(f"{len(items):,} items: built in {build['seconds']:.0f} s, {build['MB']:.0f} MB", flush=True)
    table = torch.from_numpy(items)

    def exactly(block: np.ndarray) -> np.ndarray:
        return exact(table, torch.from_numpy(block))

    blocks = np.split(users, QUERIES // BLOCK)
    truth = np.concatenate([exactly(block) for block in blocks])  # (QUERIES, K)
    few = list(users[: QUERIES // 20, None])  # blocks of one

    ways: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {"exact": (exactly, exactly)}
    found = {name: {"recall": 1.0} for name in ways}
    for width in WIDTHS:
        ways[f"index {width}"] = (
            partial(index.query, k=K, width=width, threads=THREADS),
            partial(index.query, k=K, width=width),
        )
        best = index.query(users, K, width=width, threads=THREADS).item.reshape(QUERIES, K)
        hits = [len(set(one) & set(other)) for one, other in zip(best.tolist(), truth.tolist(), strict=True)]
        found[f"index {width}"] = {"recall": float(np.mean(hits)) / K}
    for name, (_, alone) in ways.items():
        found[name] |= {"at once": np.inf, "alone": np.inf}
        alone(few[0])
    for _ in range(ROUNDS):
        for name, (at_once, alone) in ways.items():
            some = blocks[:1] if name.startswith("exact") else blocks
            times = {"at once": (at_once, some, BLOCK * len(some)), "alone": (alone, few, len(few))}
            for how, (search, asked, n) in times.items():
                found[name][how] = min(found[name][how], 1000 * seconds(search, asked) / n)
    for name, one in found.items():
        print(f"  {name:14} " + ", ".join(f"{key} {value:.4f}" for key, value in one.items()), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "items.index")
        start = time.perf_counter()
        index.save(path)
        saved = time.perf_counter()
        again = Index.load(path).query(users[:100], K)
        loaded = time.perf_counter()
        content = path.read_bytes()
        file = {
            "MB": len(content) / 1e6,
            "save s": saved - start,
            "load s": loaded - saved,
            "same answers": bool(np.array_equal(again.item, index.query(users[:100], K).item)),
            "truncated is refused": refuses(path, content[: len(content) // 2]),
            "changed is refused": refuses(path, content[:-99] + bytes([content[-99] ^ 1]) + content[-98:]),
        }
    print(f"  {file}", flush=True)
    return {"build": build, "search": found, "file": file}


def main(names: list[str]) -> None:
    if odd := sorted(set(names) - SIZES.keys()):
        sys.exit(f"no size {', '.join(odd)}: choose from {', '.join(SIZES)}.")
    body = kept("index", names)
    ratings, rng = load_movielens(EDITION), np.random.default_rng(0)
    model = ImplicitALS(N_FACTORS, at_least=AT_LEAST).fit(ratings)
    films, people = (rows[rows.any(axis=1)] for rows in (model.item_, model.user_))
    queries, items = more(people, QUERIES, rng), more(films, max(SIZES.values()), rng)
    torch.set_num_threads(THREADS)
    sizes = body.get("sizes", {})
    for name in names or SIZES:
        sizes[name] = measure(items[: SIZES[name]], queries)
        head = {"settings": SETTINGS, "usearch": version("usearch")}
        write("index", head | likeness(films, items) | {"sizes": in_order(SIZES, sizes)})


if __name__ == "__main__":
    main(sys.argv[1:])
