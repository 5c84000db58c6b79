"""Top-20 of the whole catalogue for every user of Gowalla, seen items removed: fillrank against its rivals.

Run ``python benchmarks/topk.py --out topk.json``. The rival lives in an environment of its own (``--rivals DIR``), made
from the package index when it is not there. All take turns, each run in a fresh process with two threads, whose first
pass over the users compiles and warms up and is not timed; what counts is the median of the ratios of neighbouring runs
(above 1: fillrank is faster). Factors are random, as the work does not depend on what they are. Seen items are
Gowalla's where ``FILLRANK_DATA`` holds it, and as many random ones elsewhere.

The rivals are ``implicit``'s ``recommend`` (with the threads of its linear algebra on or off, whichever was faster when
warming up), the plain way in PyTorch (chunks of 1,024 users: product, -inf at the seen items, ``torch.topk``), and the
bare product: fillrank's own tiles of scores, from which nothing is picked. The lists of all must be the same; an
item in the place of another of equal score, to rounding, counts as the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from rivals import Answer, Job, call, environment, ratio_of, versions, write

REQUIREMENTS = {"implicit": "0.7.3", "threadpoolctl": "3.8.0"}
N_USERS, N_ITEMS, N_SEEN = 29_858, 40_981, 810_128
K = 20
LEAST_OVERLAP = 0.999
ROUNDING = 1e-5  # of a score


def work(folder: Path, dim: int, n_users: int) -> dict[str, Any]:
    """Factors and seen items, written for all to read."""
    import polars as pl

    rng = np.random.default_rng(0)
    factors = {side: rng.standard_normal((n, dim), dtype=np.float32) for side, n in (("u", N_USERS), ("i", N_ITEMS))}
    path = Path(os.environ.get("FILLRANK_DATA", "")) / "gowalla" / "train.parquet"
    if path.is_file():
        pairs = pl.read_parquet(path)
        users, items = pairs["user"].to_numpy(), pairs["item"].to_numpy()
    else:
        users, items = rng.integers(N_USERS, size=N_SEEN), rng.integers(N_ITEMS, size=N_SEEN)
    kept = users < n_users
    np.savez(folder / "work.npz", users=factors["u"][:n_users], items=factors["i"], of=users[kept], seen=items[kept])
    return {"work": str(folder / "work.npz"), "dim": dim}


def opened(job: Job) -> tuple[np.ndarray, np.ndarray, Any]:
    """Users' and items' vectors, and who has seen what, ``[n_users, n_items]``."""
    import scipy.sparse as sp

    with np.load(job["work"]) as kept:
        users, items, of, seen = (kept[name] for name in ("users", "items", "of", "seen"))
    ones = np.ones(len(of), dtype=np.float32)
    return users, items, sp.csr_matrix((ones, (of, seen)), shape=(len(users), len(items)))


def timed(run: Callable[[], np.ndarray | None], job: Job) -> Answer:
    """Seconds of a pass, now that everything is warm; its lists ``[n_users, K]`` go into a file."""
    seconds = []
    for _ in range(job["passes"]):
        begin = perf_counter()
        lists = run()
        seconds.append(perf_counter() - begin)
    if lists is not None:
        np.save(job["lists"], lists)
    return {"seconds": median(seconds)}


def our_parts(job: Job) -> tuple[Any, Any]:
    import scipy.sparse as sp
    import torch

    from fillrank.factors import Factors

    torch.set_num_threads(job["threads"])
    users, items, seen = opened(job)
    return Factors(torch.from_numpy(users), torch.from_numpy(items)), sp.csr_array(seen)


def by_fillrank(job: Job) -> Answer:
    from fillrank.retrieval import rank

    factors, seen = our_parts(job)

    def run() -> np.ndarray:
        return rank(factors, k=K, seen=seen).items.reshape(-1, K)

    run()
    return timed(run, job)


def by_product(job: Job) -> Answer:
    from fillrank.retrieval import rank
    from fillrank.retrieval.kernel import Lists

    factors, seen = our_parts(job)
    Lists.offer = lambda *_: None  # type: ignore[method-assign, assignment]  # the tiles, and nothing picked from them

    def run() -> None:
        rank(factors, k=K, seen=seen)

    run()
    return timed(run, job)


def by_torch(job: Job) -> Answer:
    import torch

    factors, seen = our_parts(job)

    def run() -> np.ndarray:
        lists = []
        for start in range(0, factors.n_users, 1024):
            users = slice(start, min(start + 1024, factors.n_users))
            scores = factors.users[users] @ factors.items.T
            rows, columns = seen[users].nonzero()
            scores[torch.from_numpy(rows), torch.from_numpy(columns)] = -torch.inf
            lists.append(scores.topk(K).indices.numpy())
        return np.concatenate(lists)

    run()
    return timed(run, job)


def by_implicit(job: Job) -> Answer:
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    users, items, seen = opened(job)
    model = AlternatingLeastSquares(factors=job["dim"], num_threads=job["threads"])
    model.user_factors, model.item_factors = users, items
    everyone = np.arange(len(users))

    def run() -> np.ndarray:
        lists: np.ndarray = model.recommend(everyone, seen, N=K, filter_already_liked_items=True)[0]
        return lists

    run()
    ways = {"on": nullcontext, "off": lambda: threadpool_limits(1, user_api="blas")}
    tried = {}
    for name, way in ways.items():
        with way():
            begin = perf_counter()
            run()
            tried[name] = perf_counter() - begin
    faster = min(tried, key=tried.__getitem__)
    with ways[faster]():
        return timed(run, job) | {"blas_threads": faster}


RIVALS = {"implicit": by_implicit, "torch.topk": by_torch, "bare product": by_product}


def overlap(ours: Path, theirs: Path, job: Job) -> float:
    """The share of their places with an unseen item that is in our list too, or scores like our last, to rounding."""
    users, items, seen = opened(job)
    mine, other = np.load(ours), np.load(theirs)
    same = (other[:, :, None] == mine[:, None, :]).any(2)
    rows, places = np.nonzero(~same)
    scores = [np.einsum("nd,nd->n", users[rows], items[lists]) for lists in (other[rows, places], mine[rows, K - 1])]
    same[rows, places] = np.abs(scores[0] - scores[1]) <= ROUNDING * np.abs(scores[1])
    cells = np.arange(len(users))[:, None] * len(items) + other
    same &= ~np.isin(cells, np.repeat(np.arange(len(users)), np.diff(seen.indptr)) * len(items) + seen.indices)
    return float(same.mean())


def compare(python: Path, job: Job, rivals: list[str], rounds: int) -> list[dict[str, Any]]:
    """Fillrank and each rival by turns: a row for each rival."""
    ways = {"fillrank": by_fillrank} | {name: RIVALS[name] for name in rivals}
    files = {name: Path(job["work"]).with_name(f"{name}.npy") for name in ways}
    answers: dict[str, list[Answer]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            where = python if name == "implicit" else sys.executable
            answers[name].append(call(where, way, {**job, "lists": str(files[name])}, threads=job["threads"]))
    results = []
    for name in rivals:
        pair = {"ours": answers["fillrank"], "theirs": answers[name]}
        result = {"rival": name, "dim": job["dim"], "seconds_for_all": ratio_of(pair, "seconds")}
        if files[name].exists():
            result["overlap"] = overlap(files["fillrank"], files[name], job)
            if result["overlap"] < LEAST_OVERLAP:
                raise SystemExit(f"{name} lists other items: only {result['overlap']:.2%} of the places agree")
        results.append(result | {"peak_mb": ratio_of(pair, "peak_mb"), "last": answers[name][-1]})
    return results


def line(result: dict[str, Any]) -> str:
    took = result["seconds_for_all"]
    seconds = f"{took['ours']:.2f} s against {took['theirs']:.2f} s"
    agree = f"; overlap {result['overlap']:.5f}" if "overlap" in result else ""
    return f"d={result['dim']:<4} {result['rival']:<13} {took['median']:.2f}x ({seconds}{agree})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--rivals", type=Path, default=Path("runs/rivals"), help="their environment")
    parser.add_argument("--only", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=2, help="timed passes over the users in a run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--users", type=int, default=N_USERS, help="only the first so many users")
    asked = parser.parse_args()
    python, results = environment(asked.rivals, REQUIREMENTS), []
    for dim in asked.dims:
        with TemporaryDirectory() as folder:
            job = work(Path(folder), dim, asked.users) | {"threads": asked.threads, "passes": asked.passes}
            for result in compare(python, job, asked.only, asked.rounds):
                results.append(result)
                print(line(result), flush=True)
    if asked.out:
        from fillrank.runtime.environment import machine

        settings = {name: getattr(asked, name) for name in ("rounds", "passes", "threads", "users")} | {"k": K}
        there = {name: versions(python)[name] for name in REQUIREMENTS}
        record = {"benchmark": "topk", "settings": settings, "results": results, "versions": there}
        write(asked.out, record | {"machine": machine()})


if __name__ == "__main__":
    main()
