"""Explicit ALS on MovieLens 1M: fillrank against ``cmfrec``, seconds for a round and the error reached.

Run ``python benchmarks/als.py --out als.json``. The rival lives in an environment of its own (``--rivals DIR``), made
from the package index when it is not there. Both take turns, each run in a fresh process with two threads; what counts
is the median of the ratios of neighbouring runs (above 1: fillrank is faster). A run of one round comes before the run
of all rounds in the same process, and is taken off it: it compiles, warms up and builds the tables.

The settings are the same: rank, biases on both sides as unknowns of the same regressions, weighted-λ regularisation
with one λ for vectors and biases, single precision, exact solutions (``cholesky``) or three steps of conjugate
gradients (``cg``). The RMSE is on a tenth of the ratings, which neither has seen.

Ratings are MovieLens 1M's where ``FILLRANK_DATA`` holds it, and as many of a random low-rank table elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from rivals import call, environment, ratio_of, versions, write

N_USERS, N_ITEMS, N_ROWS = 6_040, 3_706, 1_000_209
REQUIREMENTS = {"cmfrec": "3.5.1.post14", "threadpoolctl": "3.8.0"}
Job = dict[str, Any]
Answer = dict[str, Any]


def ratings() -> dict[str, np.ndarray]:
    """Users and items as places, values, and which rows are held out."""
    import polars as pl

    path = Path(os.environ.get("FILLRANK_DATA", "")) / "ml-1m" / "ratings.parquet"
    rng = np.random.default_rng(0)
    if path.is_file():
        table = pl.read_parquet(path)
        users, items, values = (table[name].to_numpy() for name in ("user", "item", "rating"))
    else:
        cells = np.unique(rng.integers(N_USERS * N_ITEMS, size=N_ROWS))
        users, items = cells // N_ITEMS, cells % N_ITEMS
        p, q = rng.standard_normal((N_USERS, 8)), rng.standard_normal((N_ITEMS, 8))
        values = 3.5 + 0.3 * (p[users] * q[items]).sum(1) + 0.8 * rng.standard_normal(len(cells))
    places = {"users": users, "items": items}
    held_out = rng.random(len(users)) < 0.1
    return {side: np.unique(ids, return_inverse=True)[1] for side, ids in places.items()} | {
        "values": values.astype(np.float32),
        "held_out": held_out,
    }


def timed(run: Callable[[int], Callable[..., np.ndarray]], job: Job) -> Answer:
    """``run(rounds)`` fits and gives a function that predicts; the first, of one round, is taken off the second."""
    log = np.load(job["log"])
    seconds = []
    for rounds in (1, job["rounds"]):
        start = perf_counter()
        predict = run(rounds)
        seconds.append(perf_counter() - start)
    start = perf_counter()
    run(1)
    seconds[0] = perf_counter() - start  # now that everything is warm
    held_out = log["held_out"]
    predicted = predict(log["users"][held_out], log["items"][held_out]).clip(log["values"].min(), log["values"].max())
    rmse = float(np.sqrt(np.square(predicted - log["values"][held_out]).mean()))
    return {"seconds": (seconds[1] - seconds[0]) / (job["rounds"] - 1), "rmse": rmse}


def by_fillrank(job: Job) -> Answer:
    import torch

    from fillrank import Interactions
    from fillrank.factors.ridge import RowSolver
    from fillrank.solvers.sparse.als import RatingLoss, als

    torch.set_num_threads(job["threads"])
    columns = np.load(job["log"])
    seen = Interactions.from_arrays(*(columns[name].tolist() for name in ("users", "items", "values")))
    seen = seen.select(~columns["held_out"][np.lexsort((columns["items"], columns["users"]))])

    def run(rounds: int) -> Callable[..., np.ndarray]:
        loss = RatingLoss(job["regularization"], job["regularization"], bias_per_rating=True)
        solver = RowSolver(job["method"], n_threads=job["threads"])
        factors = als(seen, job["dim"], loss, iterations=rounds, solver=solver)
        return lambda users, items: factors.score_pairs(torch.from_numpy(users), torch.from_numpy(items)).numpy()

    return timed(run, job)


def by_cmfrec(job: Job) -> Answer:
    import scipy.sparse as sp
    from cmfrec import CMF
    from threadpoolctl import threadpool_limits

    columns = np.load(job["log"])
    seen, shape = ~columns["held_out"], (int(columns["users"].max()) + 1, int(columns["items"].max()) + 1)
    table = sp.coo_matrix(
        (columns["values"][seen], (columns["users"][seen].astype(np.int32), columns["items"][seen].astype(np.int32))),
        shape=shape,
    )

    def run(rounds: int) -> Callable[..., np.ndarray]:
        model = CMF(
            k=job["dim"],
            lambda_=job["regularization"],
            scale_lam=True,
            niter=rounds,
            use_cg=job["method"] == "cg",
            max_cg_steps=3,
            finalize_chol=False,
            use_float=True,
            precompute_for_predictions=False,
            nthreads=job["threads"],
            verbose=False,
            random_state=1,
        )
        with threadpool_limits(1, user_api="blas"):  # its own threads are one level up; more make it slower by half
            model.fit(table)
        return model.predict

    return timed(run, job)


def duel(
    ours: Callable[[Job], Answer], theirs: Callable[[Job], Answer], there: Path, job: Job, *, turns: int
) -> dict[str, Any]:
    """Both by turns, each run in a process of its own: the ratios of each figure, theirs to ours, and all answers."""
    answers: dict[str, list[Answer]] = {"ours": [], "theirs": []}
    for _ in range(turns):
        answers["ours"].append(call(sys.executable, ours, job, threads=job["threads"]))
        answers["theirs"].append(call(there, theirs, job, threads=job["threads"]))
    figures = {key: ratio_of(answers, key) for key in answers["ours"][0] if key != "losses"}
    return {"dim": job["dim"], "method": job["method"], **figures, "answers": answers}


def line(result: dict[str, Any], quality: str) -> str:
    """A result in one line; ``quality`` is the figure that must be equal for the times to compare."""
    seconds, reached, memory = (result[key] for key in ("seconds", quality, "peak_mb"))
    return (
        f"d={result['dim']:<4} {result['method']:<9} {seconds['median']:.2f}x ({seconds['ours']:.3f} s a round against "
        f"{seconds['theirs']:.3f} s); {quality} {reached['ours']:.6g} against {reached['theirs']:.6g}; "
        f"peak {memory['ours']:.0f} MB against {memory['theirs']:.0f} MB"
    )


def arguments(about: str, *, rounds: int, regularization: float) -> argparse.ArgumentParser:
    """The options that both benchmarks of least squares have."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--rivals", type=Path, default=Path("runs/rivals"), help="their environment")
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--methods", nargs="+", default=["cholesky", "cg"], choices=["cholesky", "cg"])
    parser.add_argument("--turns", type=int, default=3, help="runs of each")
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds in a run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--regularization", type=float, default=regularization)
    return parser


def compare(
    name: str,
    pair: tuple[Callable[[Job], Answer], Callable[[Job], Answer]],
    data: dict[str, np.ndarray],
    asked: argparse.Namespace,
    *,
    requirements: dict[str, str],
    quality: str,
) -> None:
    """All that was asked for, printed line by line and written as one record."""
    there, results = environment(asked.rivals, requirements), []
    settings = {key: value for key, value in vars(asked).items() if key not in {"out", "rivals", "dims", "methods"}}
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.npz"
        np.savez(log, **data)
        for dim in asked.dims:
            for method in asked.methods:
                job = settings | {"log": str(log), "dim": dim, "method": method}
                results.append(duel(*pair, there, job, turns=asked.turns))
                print(line(results[-1], quality), flush=True)
    if asked.out:
        packages = {"fillrank": versions(Path(sys.executable))["fillrank"]} | requirements
        write(asked.out, {"benchmark": name, "settings": settings, "results": results, "versions": packages})


def main() -> None:
    asked = arguments(__doc__, rounds=12, regularization=0.06).parse_args()
    compare("als", (by_fillrank, by_cmfrec), ratings(), asked, requirements=REQUIREMENTS, quality="rmse")


if __name__ == "__main__":
    main()
