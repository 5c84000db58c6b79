"""Two processes against one: the same losses, the same factors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PAIRS = """
import os, sys
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
import torch.distributed as dist
from fillrank.data import synthetic
from fillrank.encoders import MF, LightGCN, view
from fillrank.losses import InfoNCE, SLatK, ViewContrast
from fillrank.samplers import InBatch, KnownPositives, Uniform
from fillrank.training import Autograd, Batch, ContrastSettings, ContrastStep, LoopSettings, TableContrast, World
from fillrank.training import FitOptions, DelayedPropagation, ViewTerm, propagated, train
from fillrank.training.context import FitContext
from fillrank.training.callbacks import Callback

route, out = sys.argv[1:]
torch.set_num_threads(1)
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    dist.init_process_group("gloo")
large = route.startswith("compiled")  # tables of so many numbers take compiled passes, and here nothing is clipped
n, dim = (600, 32) if large else (60, 8)
log = synthetic(n_users=n, n_items=n, n_interactions=12 * n, seed=3).interactions.without_values()
mf = MF.random(log.n_users, log.n_items, dim, generator=torch.Generator().manual_seed(0))
known, world = KnownPositives.of_users(log), World.current()
clip = None if large else 1.0
settings = ContrastSettings(learning_rate=0.01, dropout=0.2, regularization=0.05, max_grad_norm=clip)
size = len(log) - 1 if route.endswith("one-is-left") else 101  # then the last batch has one row, and a process none
fast = {"fast", "resumed", "stopped", "one-is-left", "negatives-of-each", "compiled", "compiled-one-is-left"}

loss = SLatK(k=3, refresh_every=2) if route in {"fast", "resumed", "compiled", "plain"} else InfoNCE()

def fresh():
    sampler = Uniform(known, 16, shared=route != "negatives-of-each")
    return TableContrast(mf, loss, sampler, settings, world=world)

if route in fast:
    learner = fresh()
elif route in {"spread", "resumed-spread"}:
    graph = LightGCN(mf.users, mf.items, log, n_layers=2)
    mf = propagated(graph)
    of_tables = fresh

    def fresh():
        return DelayedPropagation(of_tables(), graph, every=3)

    learner = fresh()
else:
    views = None
    if route != "plain":
        mf = LightGCN(mf.users, mf.items, log, n_layers=2)
        views = ViewTerm(view(route, mf), ViewContrast(0.2), 0.5)
    step = ContrastStep(mf, loss, InBatch(known), settings, views)
    learner = Autograd(step, [mf], [0.01], max_grad_norm=1.0, world=world)
monitor = lambda: (float(mf.users.detach().square().sum()), {})
rows, loop, context = Batch.of(log, None, "cpu"), LoopSettings(4, size, patience=9), FitContext()
if route.startswith("resumed"):
    class Stop(Callback):
        def on_epoch_end(self, end):
            if end.epoch == 3:
                raise KeyboardInterrupt

    state = FitOptions(progress=False, checkpoint=out + ".state")
    context = FitContext(state)
    try:
        train(learner, rows, loop, monitor, FitContext(replace(state, callbacks=[Stop()])))
    except KeyboardInterrupt:
        with torch.no_grad():
            mf.users.zero_(), mf.items.zero_()
        learner = fresh()
if route == "stopped":  # the last process alone wants to stop
    class Enough(Callback):
        def on_epoch_end(self, end):
            return end.epoch == 2 and world.rank == world.size - 1

    context = FitContext(FitOptions(progress=False, callbacks=[Enough()]))
history = train(learner, rows, loop, monitor, context)
assert route != "stopped" or (len(history.epochs) == 2 and history.stopped)
if world.rank == 0:
    np.savez(out, users=mf.users.detach().numpy(), items=mf.items.detach().numpy(), best=history.best_epoch,
             losses=[epoch["contrastive"] + epoch.get("views", 0) for epoch in history.epochs])
"""

END = """
if World.current().size > 1:
    dist.destroy_process_group()
    tasks = Path("/proc/self/task")  # threads of a group that somebody still holds can abort the end of a process
    assert not [task for task in tasks.glob("*/comm") if "gloo" in task.read_text()]
"""

RECIPES = """
import os, sys
from pathlib import Path
import numpy as np, torch
import torch.distributed as dist
from fillrank.data import split, synthetic
from fillrank.training import World

route, out = sys.argv[1:]
torch.set_num_threads(1)
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    dist.init_process_group("gloo")
parts = split.random(synthetic(n_users=60, n_items=40, n_interactions=900, seed=3).interactions, test=0.1, valid=0.1)
"""

CMC = """
from fillrank.models import CMC
from fillrank.training import CompletionStep

one_is_left = len(parts.train) - 1  # the last batch has one row: too few for two processes
recipe = CMC(dim=6, rating_dim=3, positive_from=float(np.median(parts.train.values)), symmetric=True, dropout=0.2,
             vector_regularization=0.01, learning_rate=0.02, epochs=8, batch_size=one_is_left, patience=9,
             init="random", device="cpu")
rows, step = [], CompletionStep.__call__
CompletionStep.__call__ = lambda self, batch, draws: rows.append(len(batch)) or step(self, batch, draws)
model = recipe.fit(parts.train, parts.valid)
assert max(rows) <= -(-one_is_left // World.current().size), "each process takes its own rows, not all"
if World.current().rank == 0:
    loss = [sum(epoch[part] for part in ("squared_error", "penalty", "contrastive", "vector_penalty"))
            for epoch in model.history if "refit" not in epoch]  # the second fit has another last batch
    np.savez(out, users=model.predictor.users.numpy(), items=model.predictor.items.numpy(), losses=loss,
             best=[model.settings["epochs"], model.settings["rating_share"]])
"""
BLENDED = """
from fillrank.models import Blended, Contrastive, NormalisedSVD

learnt = Contrastive(dim=6, epochs=4, batch_size=101, learning_rate=0.01, sampler_settings={"n_negatives": 16})
seen, learn = [], Contrastive._fit
Contrastive._fit = lambda recipe, *given: seen.append(learn(recipe, *given)) or seen[-1]
spectral = NormalisedSVD(rank=4, beta=0.5, power=0.0)
model = Blended(parts=[learnt, spectral], device="cpu").fit(parts.train, parts.valid)
if World.current().rank == 0:
    np.savez(out, users=model.scorer.flat.users.numpy(), items=model.scorer.flat.items.numpy(),
             losses=[epoch["contrastive"] for epoch in seen[0].history], best=model.settings["weights"])
"""
WORK = {
    "fast": PAIRS,
    "one-is-left": PAIRS,
    "negatives-of-each": PAIRS,
    "resumed": PAIRS,
    "stopped": PAIRS,
    "compiled": PAIRS,
    "compiled-one-is-left": PAIRS,
    "spread": PAIRS,
    "resumed-spread": PAIRS,
    "plain": PAIRS,
    "edge-dropout": PAIRS,
    "noise": PAIRS,
    "cmc": RECIPES + CMC,
    "blended": RECIPES + BLENDED,
}


def run(route: str, size: int, folder: Path) -> dict[str, np.ndarray]:
    """Train in ``size`` processes, and read what the first of them wrote."""
    script, out = folder / "work.py", folder / f"{route}-{size}.npz"
    script.write_text(WORK[route] + END)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), route, str(out)],
            env={**common, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    return dict(np.load(out))


@pytest.mark.parametrize(
    ("broken", "whole"), [("resumed", "fast"), pytest.param("resumed-spread", "spread", marks=pytest.mark.slow)]
)
def test_a_training_resumed_by_two_processes_ends_where_an_unbroken_one_ends(
    broken: str, whole: str, tmp_path: Path
) -> None:
    resumed, unbroken = run(broken, 2, tmp_path), run(whole, 2, tmp_path)
    for name in ("users", "items", "losses"):
        np.testing.assert_array_equal(resumed[name], unbroken[name])


SLOW = {
    "blended",
    "cmc",
    "compiled",
    "edge-dropout",
    "one-is-left",
    "noise",
    "stopped",
    "negatives-of-each",
    "resumed",
    "resumed-spread",
    "compiled-one-is-left",
}


@pytest.mark.parametrize(
    "route", [pytest.param(route, marks=pytest.mark.slow if route in SLOW else ()) for route in WORK]
)
def test_two_processes_do_what_one_does(route: str, tmp_path: Path) -> None:
    one, two = (run(route, size, tmp_path) for size in (1, 2))
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(two["users"], one["users"], rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(two["items"], one["items"], rtol=1e-3, atol=2e-5)
    np.testing.assert_array_equal(two["best"], one["best"])
    if not route.endswith("one-is-left"):  # there one row counts as much as all others in the mean of the batches
        assert one["losses"][-1] < one["losses"][0]
