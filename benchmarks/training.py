"""Contrastive training on Gowalla: the fast route against the usual ones, how time grows, and what memory it takes.

Run ``python benchmarks/training.py --out training.json`` (with ``FILLRANK_DATA`` set: Gowalla's log; elsewhere a
synthetic one of its size). All routes minimise the same loss (softmax, temperature 0.1) over the same unit vectors
(d = 64) with 1,024 negatives for each positive:

* ``fast``: one draw for the batch, gradients in closed form, Adam on touched rows; ``fast-bf16``: in bfloat16;
* ``shared``: one draw for the batch, plain autograd, Adam on whole tables;
* ``usual``: a draw for each positive, autograd, Adam on whole tables: what most code does. It holds gigabytes at this
  size, so it is timed with batches of 128 as well (``usual-128``).

The record has three parts, each measured in processes of its own (``--only`` picks some):

* ``results``: the routes take turns, so that a busy machine is busy for all of them; what counts is the median of the
  ratios of neighbouring rounds (above 1: the fast route is faster). Time is per interaction; batches are of 2,048. The
  loss of each route's first step is told: ``fast`` and ``shared`` make the very same draw, the others one of its kind.
* ``growth``: microseconds an interaction of the fast route on Gowalla, on a synthetic log of its size, and on one with
  ten times the users, items and rows, by turns; the first two tell the effect of the log's shape, the last two that of
  its size. The loop's running average of the tables (every 8 steps) goes over all rows; it is told apart.
* ``memory``: resident memory before the first step and at the peak of five steps, by the number of negatives, each in
  a process of its own. Kernels have been compiled before, on few negatives, and the peak is set back. Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from fillrank.data import Interactions, load_split, synthetic
from fillrank.encoders import MF
from fillrank.losses import InfoNCE
from fillrank.runtime.environment import machine
from fillrank.samplers import KnownPositives, Uniform
from fillrank.training import Autograd, Batch, ContrastSettings, Learner, Step, TableContrast
from fillrank.training.ema import Average
from rivals import Answer, Job, call, ratio_of, write

DIM, NEGATIVES, RATE = 64, 1024, 1e-3
N_USERS, N_ITEMS, N_ROWS = 29_858, 40_981, 810_128
BATCH = {"fast": 2048, "fast-bf16": 2048, "shared": 2048, "usual": 2048, "usual-128": 128}
STEPS = {"fast": 10, "fast-bf16": 10, "shared": 5, "usual": 1, "usual-128": 3}
AVERAGE_EVERY = 8
LOGS = {"Gowalla": None, "synthetic, ×1": 1, "synthetic, ×10": 10}
MEMORY_OF = ("fast", "shared", "usual-128")


def open_log(times: int | None, shrink: int) -> Interactions:
    """Gowalla's training pairs (None), or a synthetic log of so many times its size; divided by ``shrink``."""
    if times is None and shrink == 1 and os.environ.get("FILLRANK_DATA"):
        return load_split("gowalla").train
    sizes = (max(n * (times or 1) // shrink, 2 * NEGATIVES) for n in (N_USERS, N_ITEMS, N_ROWS))
    return synthetic(*sizes).interactions.without_values()


def plain(encoder: MF, loss: InfoNCE, sampler: Uniform) -> Step:
    """The contrast as one writes it down: everything, the block of scores too, is left to autograd."""

    def step(batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        drawn = sampler.sample(batch.users, batch.items, generator)
        unit = torch.nn.functional.normalize
        users, items = unit(encoder.users[batch.users], dim=1), unit(encoder.items[batch.items], dim=1)
        negatives = unit(encoder.items[drawn.items], dim=-1)
        scores = users @ negatives.T if drawn.shared else torch.einsum("bd,bnd->bn", users, negatives)
        return {"contrastive": loss((users * items).sum(1), scores, mask=drawn.mask, log_q=drawn.log_q).mean()}

    return step


def learner(route: str, log: Interactions, n_negatives: int = NEGATIVES) -> Learner:
    encoder = MF.random(log.n_users, log.n_items, DIM, generator=torch.Generator().manual_seed(0), std=0.1)
    sampler = Uniform(KnownPositives.of_users(log), n_negatives, shared=not route.startswith("usual"))
    if route.startswith("fast"):
        precision = "bfloat16" if route == "fast-bf16" else "float32"
        return TableContrast(encoder, InfoNCE(), sampler, ContrastSettings(learning_rate=RATE, precision=precision))
    return Autograd(plain(encoder, InfoNCE(), sampler), [encoder], [RATE])


def batches(log: Interactions, size: int) -> Iterator[Batch]:
    """Whole batches of a log in random order, epoch after epoch."""
    rows, order = Batch.of(log, None, "cpu"), torch.Generator().manual_seed(2)
    while True:
        for places in torch.split(torch.randperm(len(rows), generator=order), size):
            if len(places) == size:
                yield rows.rows(places)


@dataclass
class Clock:
    """One route on one log, step after step; its first step compiles and warms up."""

    route: str
    log: Interactions
    n_negatives: int = NEGATIVES
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.learner = learner(self.route, self.log, self.n_negatives)
        self._batches, self._generator = batches(self.log, BATCH[self.route]), torch.Generator().manual_seed(1)
        self.seconds()

    def seconds(self) -> float:
        """Seconds of the next step, for each interaction."""
        batch = next(self._batches)
        begin = perf_counter()
        parts = self.learner.learn(batch, self._generator)
        self.losses.append(parts["contrastive"].item())
        return (perf_counter() - begin) / len(batch)


def by_routes(job: Job) -> Answer:
    """Microseconds an interaction of each route, round by round."""
    log = open_log(None, job["shrink"])
    clocks = {route: Clock(route, log) for route in BATCH}
    taken: dict[str, list[Answer]] = {route: [] for route in BATCH}
    for _ in range(job["rounds"]):
        for route, clock in clocks.items():
            step = median(clock.seconds() for _ in range(STEPS[route]))
            taken[route].append({"microseconds": 1e6 * step})
    first = {route: clock.losses[0] for route, clock in clocks.items()}
    return {"taken": taken, "first_loss": first, "log": log.name, "machine": machine()}


def by_logs(job: Job) -> Answer:
    """Microseconds an interaction of the fast route on each log, round by round, and of the average besides."""
    clocks = {name: Clock("fast", open_log(times, job["shrink"])) for name, times in LOGS.items()}
    averages = {name: Average(torch.nn.ModuleList(clock.learner.modules), 100.0) for name, clock in clocks.items()}
    taken: dict[str, list[Answer]] = {name: [] for name in LOGS}
    for _ in range(job["rounds"]):
        for name, clock in clocks.items():
            step = median(clock.seconds() for _ in range(2 * STEPS["fast"]))
            begin = perf_counter()
            averages[name].update()
            average = (perf_counter() - begin) / (AVERAGE_EVERY * BATCH["fast"])
            taken[name].append({"microseconds": 1e6 * step, "average": 1e6 * average})
    logs = {name: {"log": clock.log.name, "interactions": len(clock.log)} for name, clock in clocks.items()}
    return {"taken": taken, "logs": logs}


def by_negatives(job: Job) -> Answer:
    """Megabytes (10⁶ bytes) before the first step of a route, and at the peak of five."""
    log = open_log(None, job["shrink"])
    Clock(job["route"], log, 64)
    made, generator = learner(job["route"], log, job["n_negatives"]), torch.Generator()
    drawn = batches(log, BATCH[job["route"]])
    first = next(drawn)
    Path("/proc/self/clear_refs").write_text("5")  # the peak falls back to what is resident now
    before = resident("VmRSS")
    made.learn(first, generator)
    for _ in range(4):
        made.learn(next(drawn), generator)
    return {"before_mb": before, "highest_mb": resident("VmHWM")}


def resident(name: str) -> float:
    """A line of the process's own status. (``ru_maxrss`` would tell of the process that started this one, too.)"""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


def speed(job: Job) -> dict[str, Any]:
    found = call(sys.executable, by_routes, job, threads=job["threads"])
    taken = found["taken"]
    results = [
        {
            "rival": route,
            "dim": DIM,
            "batch_size": BATCH[route],
            "microseconds": ratio_of({"ours": taken["fast"], "theirs": taken[route]}, "microseconds"),
            "first_loss": {"ours": found["first_loss"]["fast"], "theirs": found["first_loss"][route]},
        }
        for route in taken
        if route != "fast"
    ]
    for result in results:
        print(f"{result['rival']:<10} {result['microseconds']['median']:.2f}x", flush=True)
    return {"results": results, "log": found["log"], "machine": found["machine"]}


def growth(job: Job) -> dict[str, Any]:
    found = call(sys.executable, by_logs, job, threads=job["threads"])
    rows = []
    for name, taken in found["taken"].items():
        against = ratio_of({"ours": found["taken"]["Gowalla"], "theirs": taken}, "microseconds")
        log = found["logs"][name]
        stand_in = " (synthetic in its place)" if name == "Gowalla" and log["log"] == "synthetic" else ""
        rows.append(
            {
                "log": name + stand_in,
                "interactions": log["interactions"],
                "microseconds": against["theirs"],
                "against_gowalla": against["median"],
                "average_microseconds": median(each["average"] for each in taken),
            }
        )
        print(f"{name:<15} {rows[-1]['microseconds']:.2f} µs, {rows[-1]['against_gowalla']:.2f}x Gowalla's", flush=True)
    return {"growth": rows}


def memory(job: Job) -> dict[str, Any]:
    rows = []
    for route in MEMORY_OF:
        for n_negatives in job["negatives"]:
            asked = {**job, "route": route, "n_negatives": n_negatives}
            found = call(sys.executable, by_negatives, asked, threads=job["threads"])
            before, highest = found["before_mb"], found["highest_mb"]
            sizes = {"before_mb": before, "highest_mb": highest, "steps_mb": highest - before}
            rows.append({"route": route, "batch_size": BATCH[route], "n_negatives": n_negatives} | sizes)
            print(f"{route:<9} {n_negatives:>5} negatives: {before:.0f} MB + {highest - before:.0f} MB", flush=True)
    return {"memory": rows}


PARTS: dict[str, Callable[[Job], dict[str, Any]]] = {"speed": speed, "growth": growth, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--negatives", type=int, nargs="+", default=[256, 1024, 4096], help="of the memory")
    parser.add_argument("--shrink", type=int, default=1, help="synthetic logs so many times smaller, to try it out")
    asked = parser.parse_args()
    job = {name: value for name, value in vars(asked).items() if name not in {"out", "only"}}
    settings = {"dim": DIM, "n_negatives": NEGATIVES, "ema_every": AVERAGE_EVERY} | job
    record: dict[str, Any] = {"benchmark": "training", "settings": settings, "machine": machine()}
    for part in asked.only:
        record |= PARTS[part](job)
    if asked.out:
        write(asked.out, record)


if __name__ == "__main__":
    main()
