"""Two processes that train one model against one process alone: interactions a second, and where the rest goes.

Run ``python benchmarks/processes.py --out processes.json`` (with ``FILLRANK_DATA`` set: Gowalla's log; elsewhere a
synthetic one of its size). The fast route, softmax, d = 64; a case is a size of batch and a number of negatives.
``torchrun`` starts the processes, each with one thread, and they speak through gloo. One and two take turns, on the
same global batches; what counts is the median of the ratios of neighbouring runs (2 would be ideal).

Where the rest goes is measured by clocks around the calls of the first process. Sampling, and numbering, gathering and
updating the rows of items, is what every process does for the whole batch, and two of them gain nothing there; the
exchange (``World.adding``) includes waiting for the other one, so a message of its size is sent once more, when both
are ready: ``bare_exchange``. What is left is the contrast itself (scores, loss, products), which is shared out.
``shared_exchange`` is what the same message takes through memory that both processes see, with gloo for the waiting
alone: what a library that left the loopback could save.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from rivals import Answer, Job, ratio_of, write

DIM = 64
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of files that live in memory, where the system has one
CASES = ("2048x1024", "8192x1024", "32768x1024", "8192x4096")
PARTS = ("sampling", "numbering", "gathering", "adding_up", "normalising_back", "updating", "exchange")


class Clocks:
    """Seconds spent in some calls, by the name of their part."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def around(self, owner: object, name: str, part: str, *, and_what_it_gives: bool = False) -> None:
        """Put a clock around ``owner.name``, and around the call that it gives if so asked."""
        timed = self._timed(getattr(owner, name), part)
        if not and_what_it_gives:
            setattr(owner, name, timed)
            return
        setattr(owner, name, wraps(timed)(lambda *args, **kwargs: self._timed(timed(*args, **kwargs), part)))

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[part] += perf_counter() - begin

        return timed


def clocked() -> Clocks:
    """Clocks around what a step of the fast route is made of."""
    from fillrank.samplers import Uniform
    from fillrank.training import World
    from fillrank.training.rowwise import table_contrast
    from fillrank.training.rowwise.adam import RowAdam

    clocks = Clocks()
    clocks.around(Uniform, "sample", "sampling")
    clocks.around(World, "adding", "exchange", and_what_it_gives=True)
    clocks.around(RowAdam, "step", "updating")
    side = table_contrast._Side  # noqa: SLF001  # the rows of one table: there is no other door to them
    for name, part in zip(("number", "gather", "add_up", "through"), PARTS[1:5], strict=True):
        clocks.around(side, name, part)
    return clocks


def measure(job: Job) -> Answer:
    """For each size of batch, interactions a second and milliseconds a step, all and by part: one process's view."""
    import torch

    from fillrank.runtime.launch import processes
    from training import open_log

    torch.set_num_threads(1)
    clocks, log = clocked(), open_log(None, job["shrink"])
    with processes("cpu") as world:
        return {case: _steps(world, clocks, log, *numbers(case), job["steps"]) for case in job["cases"]}


def numbers(case: str) -> tuple[int, int]:
    """Size of the batch and number of negatives, of ``8192x1024``."""
    size, _, n_negatives = case.partition("x")
    return int(size), int(n_negatives)


def _steps(world: Any, clocks: Clocks, log: Any, size: int, n_negatives: int, n_steps: int) -> Answer:
    import torch

    from fillrank.encoders import MF
    from fillrank.losses import InfoNCE
    from fillrank.samplers import KnownPositives, Uniform
    from fillrank.training import ContrastSettings, TableContrast
    from training import batches

    encoder = MF.random(log.n_users, log.n_items, DIM, generator=torch.Generator().manual_seed(0), std=0.1)
    sampler = Uniform(KnownPositives.of_users(log), n_negatives)
    learner = TableContrast(encoder, InfoNCE(), sampler, ContrastSettings(), world=world)
    drawn, generator = batches(log, size), torch.Generator().manual_seed(1)
    for _ in range(3):  # compiles and warms up
        learner.learn(next(drawn), generator)
    some = [next(drawn) for _ in range(n_steps)]
    world.any(False)  # all begin together
    clocks.seconds.clear()
    begin = perf_counter()
    for batch in some:
        loss = learner.learn(batch, generator)["contrastive"]
    taken = perf_counter() - begin
    parts = {part: 1e3 * clocks.seconds[part] / n_steps for part in PARTS}
    step = 1e3 * taken / n_steps
    parts |= {"contrast": step - sum(parts.values()), "step": step} | _exchanges(world, some[-1], n_negatives)
    return {"interactions_per_second": size * n_steps / taken, "milliseconds": parts, "loss": loss.item()}


def _exchanges(world: Any, batch: Any, n_negatives: int) -> dict[str, float]:
    """Milliseconds to add up as many numbers as a step does (or a few more, where negatives are in the batch)."""
    import torch

    n_rows = len(batch.items.unique()) + n_negatives
    message = torch.zeros(n_rows, DIM)
    return {
        "bare_exchange": _median_ms(lambda: world.add(message)),
        "shared_exchange": _shared_exchange(world, message) if world.size > 1 else 0.0,
    }


def _shared_exchange(world: Any, message: Any) -> float:
    """The same sum through a file in memory that every process maps: write, wait, add up the others', wait."""
    import torch

    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as own:
        folder = Path(world.first(lambda: own))
        maps = [
            torch.from_file(str(folder / f"{rank}.bin"), shared=True, size=message.numel()).view_as(message)
            for rank in range(world.size)
        ]
        mine, others = maps[world.rank], [part for rank, part in enumerate(maps) if rank != world.rank]

        def add() -> None:
            mine.copy_(message)
            world.any(False)
            for part in others:
                message.add_(part)
            world.any(False)

        taken = _median_ms(add)
        world.any(False)  # nobody removes what another still reads
        return taken


def _median_ms(work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(10):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return 1e3 * median(seconds)


def started(n_processes: int, job: Job) -> Answer:
    """What the first of so many processes measured."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    with TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "job.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(job))
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command = [*torchrun, str(n_processes), __file__, "--job", str(asked), "--answer", str(answered)]
        surroundings = {**os.environ, **threads, "OMP_WAIT_POLICY": "PASSIVE"}
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{n_processes} processes failed:\n{done.stderr}")
        answer: Answer = json.loads(answered.read_text())
        return answer


def compare(job: Job) -> dict[str, Any]:
    """Both by turns, for all sizes of batches."""
    taken: dict[str, list[Answer]] = {"ours": [], "theirs": []}
    for _ in range(job["rounds"]):
        taken["theirs"].append(started(1, job))
        taken["ours"].append(started(2, job))
    found = [_compared(taken, case) for case in job["cases"]]
    return {"results": [result for result, _ in found], "parts": [row for _, rows in found for row in rows]}


def _compared(taken: dict[str, list[Answer]], case: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    of_case = {side: [answer[case] for answer in answers] for side, answers in taken.items()}
    speed = ratio_of({"ours": of_case["theirs"], "theirs": of_case["ours"]}, "interactions_per_second")
    size, n_negatives = numbers(case)
    name = f"batches of {size:,}, {n_negatives:,} negatives"
    speed |= {"ours": speed["theirs"], "theirs": speed["ours"]}  # a ratio above 1: two are faster than one
    result = {
        "rival": name,
        "dim": DIM,
        "interactions_per_second": speed,
        "last_loss": {side: runs[-1]["loss"] for side, runs in of_case.items()},
    }
    rows = []
    for part in (*PARTS, "contrast", "step", "bare_exchange", "shared_exchange"):
        one, two = (median(run["milliseconds"][part] for run in of_case[side]) for side in ("theirs", "ours"))
        rows.append({"batch_size": size, "n_negatives": n_negatives, "part": part, "one_ms": one, "two_ms": two})
    print(f"{name}: {speed['median']:.2f}x", flush=True)
    for row in rows:
        print(f"    {row['part']:<17} {row['one_ms']:8.2f} ms alone {row['two_ms']:8.2f} ms of two", flush=True)
    return result, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--cases", nargs="+", default=list(CASES), help="such as 8192x1024: batch and negatives")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--shrink", type=int, default=1, help="a synthetic log so many times smaller, to try it out")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.job:
        answer = measure(json.loads(asked.job.read_text()))
        if int(os.environ.get("RANK", "0")) == 0:
            write(asked.answer, answer)
        return
    from fillrank.runtime.environment import machine

    job = {name: value for name, value in vars(asked).items() if name not in {"out", "job", "answer"}}
    settings = {"dim": DIM, "threads_of_each": 1} | job
    sides = ["two processes", "one process"]
    found = {"benchmark": "processes", "sides": sides, "settings": settings, **compare(job), "machine": machine()}
    if asked.out:
        write(asked.out, found)


if __name__ == "__main__":
    main()
