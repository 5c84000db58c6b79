"""Biased SGD on MovieLens 1M: fillrank against LibMF and Surprise, to equal error, with equally many threads.

Run ``FILLRANK_DATA=… python benchmarks/sgd.py --out sgd.json``. The rivals come from the package index into an
environment of their own (``--rivals``). Each rival runs with good settings for the validation part, searched at k = 64
(27 for LibMF, 21 for Surprise); fillrank, with its defaults, then takes as many epochs as it needs to predict that part
at least as well. The ratio holds for that error, at a looser one all need fewer epochs. They take turns, each run in a
fresh process that imports and compiles before the clock starts; measured is the whole fit, from arrays of indices and
values to factors. A ratio above 1 means that fillrank is faster. Without ``FILLRANK_DATA`` the ratings are synthetic.

Surprise knows one thread only. LibMF is as its package builds it, which is without the AVX instructions that its source
can use.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from rivals import Answer, Job, call, environment, peak_mb, ratio_of, versions, write

REQUIREMENTS = {"libmf": "0.9.2", "scikit-surprise": "1.1.5", "numpy": "2.4.6"}
RIVALS: dict[str, dict[str, Any]] = {
    "libmf": {"learning_rate": 0.08, "regularization": 0.05, "epochs": 12},
    "surprise": {"learning_rate": 0.01, "regularization": 0.05, "epochs": 20},
}
MOST_EPOCHS = 40


def by_fillrank(job: Job) -> Answer:
    from fillrank.data import IdMap, Interactions
    from fillrank.solvers.sparse.sgd import SgdSettings, biased_sgd

    log, held_out = _parts(job)
    ids = {f"{kind}_ids": IdMap(range(job[f"n_{kind}s"])) for kind in ("user", "item")}
    train = Interactions(*log, None, **ids)
    settings = SgdSettings(dim=job["dim"], epochs=job["epochs"])
    biased_sgd(train.select(np.arange(1000)), settings)  # compiles
    errors: list[float] = []

    def good_enough(epoch: Any) -> bool:
        factors = epoch.factors()
        errors.append(_error(factors, held_out))
        return errors[-1] <= job["target"]

    if job["target"] is not None:
        biased_sgd(train, settings, n_threads=job["threads"], after_epoch=good_enough)
        return {"epochs": len(errors), "rmse": errors[-1]}
    before, started = peak_mb(), time.perf_counter()
    factors = biased_sgd(train, settings, n_threads=job["threads"])
    return _measured(job, started, before) | {"rmse": _error(factors, held_out)}


def _error(factors: Any, held_out: list[np.ndarray]) -> float:
    import torch

    users, items = (torch.from_numpy(column.astype(np.int64)) for column in held_out[:2])
    return _rmse(factors.score_pairs(users, items).numpy(), held_out[2])


def by_libmf(job: Job) -> Answer:
    from libmf import mf

    log, (users, items, values) = _parts(job)
    rows = np.ascontiguousarray(np.column_stack(log), dtype=np.float32)
    penalties = {"lambda_p1": 0.0, "lambda_q1": 0.0} | dict.fromkeys(("lambda_p2", "lambda_q2"), job["regularization"])
    model = mf.MF(
        k=job["dim"],
        nr_threads=job["threads"],
        nr_iters=job["epochs"],
        eta=job["learning_rate"],
        quiet=True,
        **penalties,
    )
    before, started = peak_mb(), time.perf_counter()
    model.fit(rows)
    answer = _measured(job, started, before)
    found = model.model  # its own predict() mixes up the columns of what it is asked
    P, Q = (np.ctypeslib.as_array(part, (n, found.k)) for part, n in ((found.P, found.m), (found.Q, found.n)))
    predicted = np.einsum("nk,nk->n", P[users], Q[items])
    return answer | {"rmse": _rmse(np.where(np.isnan(predicted), found.b, predicted), values)}


def by_surprise(job: Job) -> Answer:
    import pandas as pd
    from surprise import SVD, Dataset, Reader

    log, (users, items, values) = _parts(job)
    frame = pd.DataFrame(dict(zip(("user", "item", "value"), log, strict=True)))
    train = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    model = SVD(
        n_factors=job["dim"],
        n_epochs=job["epochs"],
        lr_all=job["learning_rate"],
        reg_all=job["regularization"],
        random_state=0,
    )
    before, started = peak_mb(), time.perf_counter()
    model.fit(train)
    answer = _measured(job, started, before)
    predicted = [model.predict(user, item).est for user, item in zip(users.tolist(), items.tolist(), strict=True)]
    return answer | {"rmse": _rmse(np.array(predicted), values)}


def _parts(job: Job) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The columns (users, items, values) to learn from, and those held out."""
    with np.load(job["log"]) as kept:
        log, held_out = (
            [kept[f"{part}_{column}"] for column in ("users", "items", "values")] for part in ("train", "valid")
        )
    return log, held_out


def _rmse(predicted: np.ndarray, values: np.ndarray) -> float:
    return float(np.sqrt(np.square(predicted.clip(1, 5) - values, dtype=np.float64).mean()))


def _measured(job: Job, started: float, before: float) -> Answer:
    seconds = time.perf_counter() - started
    updates = job["epochs"] * job["n_ratings"] / seconds
    return {"seconds": seconds, "updates_per_second": updates, "fit_mb": peak_mb() - before, "epochs": job["epochs"]}


def ratings(folder: Path) -> dict[str, Any]:
    """Write the parts for all to learn from; what every job says of them."""
    import fillrank as fr

    if os.environ.get("FILLRANK_DATA"):
        log = fr.load("ml-1m")
    else:
        made = fr.synthetic(6000, 3700, 1_000_000).interactions
        log = fr.Interactions(made.users, made.items, 3 + made.values.clip(-2, 2), None, made.user_ids, made.item_ids)
    parts = fr.split.random(log, test=0.1, valid=0.1, seed=0)
    columns = {
        f"{name}_{column}": getattr(part, column)
        for name, part in (("train", parts.train), ("valid", parts.valid))
        for column in ("users", "items", "values")
    }
    path = folder / "log.npz"
    np.savez(path, **columns)
    return {"log": str(path), "n_users": log.n_users, "n_items": log.n_items, "n_ratings": len(parts.train)}


def compared(rival: str, python: Path, data: Job, rounds: int) -> Answer:
    """One rival, one width: the epochs that fillrank needs, then turns."""
    theirs = {**data, **RIVALS[rival]}
    run = {"libmf": by_libmf, "surprise": by_surprise}[rival]
    answers: dict[str, list[Answer]] = {"ours": [], "theirs": []}
    ours: dict[str, Any] = {}
    for _ in range(rounds):
        answers["theirs"].append(call(python, run, theirs, threads=data["threads"]))
        if not ours:
            search = {**data, "epochs": MOST_EPOCHS, "target": answers["theirs"][0]["rmse"]}
            found = call(sys.executable, by_fillrank, search, threads=data["threads"])
            ours = {**data, "epochs": found["epochs"], "target": None}
        answers["ours"].append(call(sys.executable, by_fillrank, ours, threads=data["threads"]))
    time_ratio = ratio_of(answers, "seconds")
    speed = ratio_of(answers, "updates_per_second")
    return {
        "rival": rival,
        "dim": data["dim"],
        "settings": RIVALS[rival],
        "time_to_equal_error": time_ratio,
        "updates_per_second": {
            "median": speed["ours"] / speed["theirs"],
            "ours": speed["ours"],
            "theirs": speed["theirs"],
        },
        "last": {name: runs[-1] for name, runs in answers.items()},
    }


def line(result: Answer) -> str:
    took, rate = result["time_to_equal_error"], result["updates_per_second"]
    sides = []
    for name, side in (("fillrank", "ours"), (result["rival"], "theirs")):
        last, speed = result["last"][side], rate[side] / 1e6
        memory = f"peak {last['peak_mb']:.0f} MB, {last['fit_mb']:.0f} of it the fit's"
        sides.append(
            f"{name} {took[side]:.2f} s ({last['epochs']} epochs to {last['rmse']:.4f}, {speed:.1f} M/s, {memory})"
        )
    return f"k={result['dim']:<4} {took['median']:.1f}x, in updates/s {rate['median']:.1f}x: {'; '.join(sides)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--rivals", type=Path, default=Path("runs/rivals"), help="folder of their environment")
    parser.add_argument("--only", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--dims", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    python, results = environment(options.rivals, REQUIREMENTS), []
    with tempfile.TemporaryDirectory() as folder:
        data = ratings(Path(folder))
        for rival in options.only:
            for dim in options.dims:
                job = {**data, "dim": dim, "threads": options.threads}
                results.append(compared(rival, python, job, options.rounds))
                print(line(results[-1]), flush=True)
    if options.out:
        there = versions(python)
        surroundings = {
            "threads": options.threads,
            "versions": {"python": platform.python_version(), **{name: there[name] for name in REQUIREMENTS}},
            "machine": platform.machine(),
            "ratings": "ml-1m" if os.environ.get("FILLRANK_DATA") else "synthetic",
        }
        write(options.out, {"benchmark": "sgd", "results": results, **surroundings})


if __name__ == "__main__":
    main()
