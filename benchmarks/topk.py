"""Top-20 of the whole catalogue for every user of Gowalla, seen items removed: fillrank against its rivals.

Run ``python benchmarks/topk.py --out topk.json``. The rivals take turns with fillrank, so that a busy machine is busy
for all of them; what counts is the median of the ratios of neighbouring runs (above 1: fillrank is faster). Factors are
random, as the work does not depend on what they are. Seen items are Gowalla's where ``FILLRANK_DATA`` holds it, and as
many random ones elsewhere.

The rivals are the plain way in PyTorch (chunks of 1,024 users: product, -inf at the seen items, ``torch.topk``) and,
where it is installed, ``implicit``'s ``recommend``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch

import fillrank
from fillrank.factors import Factors
from fillrank.ranking import rank

N_USERS, N_ITEMS, N_SEEN = 29_858, 40_981, 810_128
K = 20


def seen_items() -> sp.csr_array:
    """Gowalla's training pairs, or random ones."""
    path = Path(os.environ.get("FILLRANK_DATA", "")) / "gowalla" / "train.parquet"
    if path.is_file():
        pairs = pl.read_parquet(path)
        users, items = pairs["user"].to_numpy(), pairs["item"].to_numpy()
    else:
        rng = np.random.default_rng(0)
        users, items = rng.integers(N_USERS, size=N_SEEN), rng.integers(N_ITEMS, size=N_SEEN)
    return sp.csr_array((np.ones(len(users), dtype=np.float32), (users, items)), shape=(N_USERS, N_ITEMS))


def random_factors(dim: int) -> Factors:
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, dim, generator=generator) for n in (N_USERS, N_ITEMS))
    return Factors(users, items)


def by_fillrank(factors: Factors, seen: sp.csr_array, n_users: int) -> np.ndarray:
    return rank(factors, range(n_users), K, seen=seen).items


def by_torch(factors: Factors, seen: sp.csr_array, n_users: int) -> np.ndarray:
    lists = []
    for start in range(0, n_users, 1024):
        users = np.arange(start, min(start + 1024, n_users))
        scores = factors.users[start : start + len(users)] @ factors.items.T
        rows, columns = seen[users].nonzero()
        scores[torch.from_numpy(rows), torch.from_numpy(columns)] = -torch.inf
        lists.append(scores.topk(K).indices.numpy().ravel())
    return np.concatenate(lists)


def by_implicit(factors: Factors, seen: sp.csr_array, n_users: int) -> np.ndarray:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=factors.dim)
    model.user_factors, model.item_factors = factors.users.numpy(), factors.items.numpy()
    users = np.arange(n_users)
    items, _ = model.recommend(users, sp.csr_matrix(seen[:n_users]), N=K, filter_already_liked_items=True)
    return items.ravel()


def ratio(ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray], rounds: int) -> dict[str, object]:
    """Alternating runs after a first one that compiles and warms up; both must list the same items."""
    agree = float((ours() == theirs()).mean())
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, run in (("ours", ours), ("theirs", theirs)):
            start = perf_counter()
            run()
            seconds[name].append(perf_counter() - start)
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["theirs"], strict=True)]
    return {
        "ratio": median(ratios),
        "ratios": ratios,
        "seconds": {n: median(s) for n, s in seconds.items()},
        "agree": agree,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=N_USERS, help="only the first so many users")
    settings = parser.parse_args()
    rivals = {"torch.topk": by_torch} | ({"implicit": by_implicit} if find_spec("implicit") else {})
    seen, results = seen_items(), []
    for dim in settings.dims:
        factors = random_factors(dim)
        for name, rival in rivals.items():
            of_both = (partial(way, factors, seen, settings.users) for way in (by_fillrank, rival))
            result = {"dim": dim, "rival": name, **ratio(*of_both, settings.rounds)}
            results.append(result)
            took = result["seconds"]
            print(
                f"d={dim:<4} {name:<11} {result['ratio']:.2f}x  ({took['ours']:.2f} s against {took['theirs']:.2f} s, "
                f"{result['agree']:.4%} of the places agree)"
            )
    if settings.out:
        write(
            settings.out, {"benchmark": "topk", "users": settings.users, "k": K, "results": results, **surroundings()}
        )


def surroundings() -> dict[str, object]:
    versions = {"python": platform.python_version(), "torch": torch.__version__, "fillrank": fillrank.__version__}
    return {"versions": versions, "threads": torch.get_num_threads(), "machine": platform.machine()}


def write(path: Path, record: dict[str, object]) -> None:
    half = path.with_name(path.name + ".part")
    half.write_text(json.dumps(record, indent=2) + "\n")
    half.replace(path)


if __name__ == "__main__":
    main()
