"""Implicit ALS on Gowalla: fillrank against ``implicit``, seconds for a round and the loss reached, two threads each.

Run ``python benchmarks/ials.py --out ials.json``. The rival lives in an environment of its own (``--rivals DIR``), made
from the package index when it is not there. Both take turns, each run in a fresh process; what counts is the median of
the ratios of neighbouring runs (above 1: fillrank is faster). A first round warms up (and compiles) and is not timed.

Both minimise one loss, so that it can be compared. With ``implicit``'s confidence ``1 + 1/a`` for what was met and a
penalty of ``regularization · (1 + a)/a``, its scores times ``1/(1 + a)`` minimise fillrank's loss with
``unobserved_weight = a`` and ``frequency_exponent = 0``: the loss is taken of its vectors times the root of that.

Interactions are Gowalla's where ``FILLRANK_DATA`` holds it, and as many random ones elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter

import numpy as np

from als import Answer, Job, arguments, compare

N_USERS, N_ITEMS, N_ROWS = 29_858, 40_981, 810_128
REQUIREMENTS = {"implicit": "0.7.3", "threadpoolctl": "3.8.0"}


def interactions() -> dict[str, np.ndarray]:
    """Gowalla's training pairs, or random ones; users and items as places."""
    import polars as pl

    path = Path(os.environ.get("FILLRANK_DATA", "")) / "gowalla" / "train.parquet"
    if path.is_file():
        pairs = pl.read_parquet(path)
        columns = {"users": pairs["user"].to_numpy(), "items": pairs["item"].to_numpy()}
    else:
        cells = np.unique(np.random.default_rng(0).integers(N_USERS * N_ITEMS, size=N_ROWS))
        columns = {"users": cells // N_ITEMS, "items": cells % N_ITEMS}
    return {side: np.unique(ids, return_inverse=True)[1] for side, ids in columns.items()}


def loss(users: np.ndarray, items: np.ndarray, log: dict[str, np.ndarray], job: Job) -> float:
    """What both minimise, in double precision."""
    users, items = users.astype(np.float64), items.astype(np.float64)
    rows = np.array_split(np.arange(len(log["users"])), 50)
    scores = (np.einsum("rd,rd->r", users[log["users"][r]], items[log["items"][r]]) for r in rows)
    observed = sum(float(np.square(part - 1).sum()) for part in scores)
    everywhere = float(((users.T @ users) * (items.T @ items)).sum())
    lengths = float(np.square(users).sum() + np.square(items).sum())
    return observed + job["unobserved_weight"] * everywhere + job["regularization"] * lengths


def by_fillrank(job: Job) -> Answer:
    import torch

    from fillrank import Interactions
    from fillrank.factors.ridge import RowSolver
    from fillrank.solvers.sparse.ials import ImplicitLoss, ials_iterations

    torch.set_num_threads(job["threads"])
    log = dict(np.load(job["log"]))
    rounds = ials_iterations(
        Interactions.from_arrays(log["users"].tolist(), log["items"].tolist()),
        job["dim"],
        ImplicitLoss(job["unobserved_weight"], job["regularization"], 0.0),
        solver=RowSolver(job["method"], n_threads=job["threads"]),
    )
    seconds, losses = [], []
    for _ in range(job["rounds"]):
        start = perf_counter()
        factors = next(rounds)
        seconds.append(perf_counter() - start)
        losses.append(loss(factors.users.numpy(), factors.items.numpy(), log, job))
    return {"seconds": float(np.median(seconds[1:])), "loss": losses[-1], "losses": losses}


def by_implicit(job: Job) -> Answer:
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    log = dict(np.load(job["log"]))
    a, regularization = job["unobserved_weight"], job["regularization"]
    seconds, losses = [], []

    def note(_round: int, took: float, _loss: float | None = None) -> None:
        shrink = (1 + a) ** -0.5
        seconds.append(took)
        losses.append(loss(model.user_factors * shrink, model.item_factors * shrink, log, job))

    with threadpool_limits(1, user_api="blas"):  # as implicit asks for: its own threads are one level up
        model = AlternatingLeastSquares(
            factors=job["dim"],
            regularization=regularization * (1 + a) / a,
            alpha=1 + 1 / a,
            use_cg=job["method"] == "cg",
            iterations=job["rounds"],
            num_threads=job["threads"],
            random_state=0,
        )
        table = sp.csr_matrix((np.ones(len(log["users"]), dtype=np.float32), (log["users"], log["items"])))
        model.fit(table, show_progress=False, callback=note)
    return {"seconds": float(np.median(seconds[1:])), "loss": losses[-1], "losses": losses}


def main() -> None:
    parser = arguments(__doc__, rounds=8, regularization=1.0)
    parser.add_argument("--unobserved-weight", type=float, default=0.1)
    asked = parser.parse_args()
    compare("ials", (by_fillrank, by_implicit), interactions(), asked, requirements=REQUIREMENTS, quality="loss")


if __name__ == "__main__":
    main()
