"""A step of contrastive training on Gowalla: fillrank's fast route against the usual ones.

Run ``python benchmarks/training.py --out training.json`` (with ``FILLRANK_DATA`` set: Gowalla's log; elsewhere a
synthetic one of its size). All routes minimise the same loss (softmax, temperature 0.1) over the same vectors (d = 64)
with 1,024 negatives for each positive:

* ``fast``: one draw for the batch, gradients in closed form, Adam on touched rows;
* ``shared``: one draw for the batch, plain autograd, Adam on whole tables;
* ``usual``: a draw for each positive, autograd, Adam on whole tables: what most code does.

They take turns, so that a busy machine is busy for all of them; what counts is the median of the ratios of neighbouring
rounds (above 1: the fast route is faster). Time is per interaction, as the usual route needs smaller batches to fit
into memory. ``--growth`` times an epoch's interaction on logs of Gowalla's size and ten times as large, and the memory
with 256 to 4,096 negatives.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from fillrank.data import Interactions, load_split, synthetic
from fillrank.encoders import MF
from fillrank.errors import DataNotFoundError
from fillrank.experiments.machine import machine
from fillrank.losses import InfoNCE
from fillrank.samplers import KnownPositives, Uniform
from fillrank.training import Autograd, Batch, ContrastSettings, Learner, SharedContrast, Step

DIM, NEGATIVES, RATE = 64, 1024, 1e-3
BATCH = {"fast": 2048, "shared": 2048, "usual": 128}


def gowalla() -> Interactions:
    try:
        return load_split("gowalla").train
    except DataNotFoundError:
        return synthetic(n_users=29_858, n_items=40_981, n_interactions=810_128).interactions.without_values()


def plain(encoder: MF, loss: InfoNCE, sampler: Uniform) -> Step:
    """The contrast as one writes it down: everything, the block of scores too, is left to autograd."""

    def step(batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        drawn = sampler.sample(batch.users, batch.items, generator)
        users, items = encoder.user_vectors(batch.users), encoder.item_vectors(batch.items)
        negatives = encoder.item_vectors(drawn.items.flatten()).view(*drawn.items.shape, DIM)
        scores = users @ negatives.T if drawn.shared else torch.einsum("bd,bnd->bn", users, negatives)
        return {"contrastive": loss((users * items).sum(1), scores, mask=drawn.mask, log_q=drawn.log_q).mean()}

    return step


def learner(route: str, log: Interactions, n_negatives: int = NEGATIVES) -> Learner:
    encoder = MF.random(log.n_users, log.n_items, DIM, generator=torch.Generator().manual_seed(0), std=0.1)
    sampler = Uniform(KnownPositives.of_users(log), n_negatives, shared=route != "usual")
    if route == "fast":
        return SharedContrast(encoder, InfoNCE(), sampler, ContrastSettings(learning_rate=RATE))
    return Autograd(plain(encoder, InfoNCE(), sampler), [encoder], [RATE])


def steps(route: str, log: Interactions, n_negatives: int = NEGATIVES) -> Iterator[float]:
    """Seconds per interaction, one step after another, the first of which is warming up and not told."""
    made, rows, generator = (
        learner(route, log, n_negatives),
        Batch.of(log, None, "cpu"),
        torch.Generator().manual_seed(1),
    )
    size = BATCH[route]
    while True:
        order = torch.randperm(len(rows), generator=generator)
        for number, places in enumerate(torch.split(order, size)[:-1]):
            begin = perf_counter()
            made.learn(rows.rows(places), generator)
            if number:
                yield (perf_counter() - begin) / size


def compare(rounds: int, log: Interactions) -> dict[str, object]:
    running = {route: steps(route, log) for route in BATCH}
    seconds = {route: [] for route in BATCH}
    for _ in range(rounds):
        for route, clock in running.items():
            taken = [next(clock) for _ in range(3 if route == "usual" else 10)]
            seconds[route].append(median(taken))
    found = {route: {"microseconds_per_interaction": 1e6 * median(each)} for route, each in seconds.items()}
    ratios = {
        route: median(theirs / ours for ours, theirs in zip(seconds["fast"], seconds[route], strict=True))
        for route in ("shared", "usual")
    }
    return {"routes": found, "speed_up_over": ratios}


def growth(log: Interactions) -> dict[str, object]:
    large = synthetic(
        n_users=10 * log.n_users, n_items=10 * log.n_items, n_interactions=10 * len(log)
    ).interactions.without_values()
    found: dict[str, object] = {}
    clocks = {len(one): steps("fast", one) for one in (log, large)}
    taken = {n: [] for n in clocks}
    for _ in range(5):
        for n, clock in clocks.items():
            taken[n].append(median(next(clock) for _ in range(20)))
    found["microseconds_per_interaction"] = {str(n): 1e6 * median(each) for n, each in taken.items()}
    found["peak_megabytes_by_negatives"] = peaks = {}
    for n_negatives in (256, 1024, 4096):  # in rising order: the peak never falls
        clock = steps("fast", log, n_negatives)
        for _ in range(5):
            next(clock)
        peaks[str(n_negatives)] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    log = gowalla()
    record = {"data": log.name or "synthetic", "dim": DIM, "n_negatives": NEGATIVES, "threads": given.threads}
    found = growth(log) if given.growth else compare(given.rounds, log)
    record |= {"batch_size": BATCH, "rounds": given.rounds, **found, "machine": machine()}
    print(json.dumps(record, indent=2))
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
