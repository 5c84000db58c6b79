"""A step of LightGCN: by autograd, by autograd with products in bfloat16, and on tables whose changes are spread.

Run ``python benchmarks/lightgcn.py --out lightgcn.json`` (with ``FILLRANK_DATA`` set: Gowalla's log; elsewhere one
made up of its size). Two layers, d = 64, softmax over 1,024 negatives that the batch shares. The routes take turns on
the same batches, in one process for each size of batch. Time is per interaction, for ``spread`` with what its spreading
costs (a round is the 50 steps between two); what counts is the median of the ratios of neighbouring rounds: above 1,
``spread`` is faster. That its steps are not those of the others is said in
:class:`fillrank.training.DelayedPropagation`; what both learn is in docs/research/gowalla-yelp2018.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rivals import Answer, Job, call, ratio_of, write

DIM, NEGATIVES, LAYERS, EVERY = 64, 1024, 2, 50
BATCHES = (512, 2048)
STEPS = {"spread": EVERY, "exact": 5, "exact-bf16": 5}


def learner(route: str, log: Any) -> Any:
    """A learner on a graph of its own, begun at the same tables."""
    import torch

    from fillrank.encoders import LightGCN, normal_tables
    from fillrank.losses import InfoNCE
    from fillrank.samplers import KnownPositives, Uniform
    from fillrank.training import (
        Autograd,
        ContrastSettings,
        ContrastStep,
        DelayedPropagation,
        TableContrast,
        propagated,
    )

    start = normal_tables(log.n_users, log.n_items, DIM, generator=torch.Generator().manual_seed(0), std=0.1)
    precision = "bfloat16" if route == "exact-bf16" else "float32"
    graph = LightGCN(*start, log, n_layers=LAYERS, precision=precision)
    loss, sampler, settings = InfoNCE(), Uniform(KnownPositives.of_users(log), NEGATIVES), ContrastSettings()
    if route == "spread":
        return DelayedPropagation(TableContrast(propagated(graph), loss, sampler, settings), graph, every=EVERY)
    return Autograd(ContrastStep(graph, loss, sampler, settings), [graph], [settings.learning_rate])


def measure(job: Job) -> Answer:
    """Microseconds an interaction of each route, round by round."""
    import torch

    from training import batches, open_log

    log, size = open_log(None, job["shrink"]), job["batch_size"]
    learners = {route: learner(route, log) for route in STEPS}
    drawn, generator = batches(log, size), torch.Generator().manual_seed(1)
    taken: dict[str, list[Answer]] = {route: [] for route in STEPS}
    for round_ in range(job["rounds"] + 1):
        for route, made in learners.items():
            some = [next(drawn) for _ in range(STEPS[route])]
            begin = perf_counter()
            for batch in some:
                made.learn(batch, generator)
            spent = perf_counter() - begin
            if round_:  # the first compiles and warms up
                taken[route].append({"microseconds": 1e6 * spent / (size * len(some))})
    return {"taken": taken, "log": log.name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shrink", type=int, default=1, help="a synthetic log so many times smaller, to try it out")
    asked = parser.parse_args()
    job = {name: value for name, value in vars(asked).items() if name != "out"}
    results: list[dict[str, Any]] = []
    for size in BATCHES:
        found = call(sys.executable, measure, {**job, "batch_size": size}, threads=asked.threads)
        taken = found["taken"]
        for route in STEPS:
            if route != "spread":
                speed = ratio_of({"ours": taken["spread"], "theirs": taken[route]}, "microseconds")
                results.append({"rival": f"{route}, batches of {size:,}", "dim": DIM, "microseconds": speed})
                each = median(one["microseconds"] for one in taken[route])
                print(f"batches of {size:>5,}: {route:<10} {each:.1f} µs, {speed['median']:.1f}x", flush=True)
    from fillrank.runtime.environment import machine

    settings = {"dim": DIM, "n_negatives": NEGATIVES, "n_layers": LAYERS, "every": EVERY} | job
    record = {"benchmark": "lightgcn", "settings": settings, "sides": ["spread", "by autograd"], "results": results}
    if asked.out:
        write(asked.out, {**record, "log": found["log"], "machine": machine()})


if __name__ == "__main__":
    main()
