"""Run a study, one run after another or several in parallel. Each finished run is saved to the record at once."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import TypeAlias

import torch
from pydantic_core import to_jsonable_python

from fillrank.arguments import threads
from fillrank.errors import TrainingError
from fillrank.experiments.compare.failures import Failure, Failures, in_words
from fillrank.experiments.compare.runs import Protocol, run_model
from fillrank.experiments.reproduce.record import StudyRecord, StudyRun, add_run, read_record
from fillrank.experiments.reproduce.study import Study, Task
from fillrank.experiments.reproduce.table import METRICS
from fillrank.runtime.atomic_write import check_file
from fillrank.runtime.environment import machine

__all__ = ["curve_of", "run_study", "run_task"]

logger = logging.getLogger("fillrank")

_Done: TypeAlias = tuple[Task, StudyRun | Exception]
_KILLED = "its process was killed, perhaps for want of memory"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")


def run_study(
    study: Study,
    record_path: str | os.PathLike[str],
    *,
    only: Sequence[str] = (),
    jobs: int = 1,
    protocols: Sequence[Protocol] | None = None,
) -> StudyRecord:
    """Run a study, or continue it: runs that are in the record with the same settings are not repeated.

    Each run is written into the record as soon as it is finished. Ctrl-C drops those under way and keeps the others.

    Args:
        study: what is asked.
        record_path: of the record, a JSON file; made where there is none.
        only: these entries; all where there is none.
        jobs: how many runs at once, each in a process of its own with its part of the cores; a script that asks for
            several stands under ``if __name__ == "__main__":``.
        protocols: these of the study's protocols; None takes all.

    Returns:
        The record as it then stands, runs of earlier calls included.

    Raises:
        SettingsError: no such entry or protocol, or the record is of another study.
        DataError: the record is torn or none of a study, or the data are not there.
        TrainingError: a loss is not finite, or a process was killed.
    """
    read = [one for one in (study.data, study.train, study.test) if isinstance(one, str)]
    path = check_file(record_path, "the record", inputs=read)
    return _carry_out(study, path, list(study.tasks(only, protocols)), jobs)


def _carry_out(study: Study, path: Path, tasks: Sequence[Task], jobs: int) -> StudyRecord:
    threads("jobs", jobs)
    record = read_record(path, study)
    left = [task for task in tasks if not record.has(task)]
    if len(left) < len(tasks):
        logger.info("%d of %d runs are in %s", len(tasks) - len(left), len(tasks), path)
    jobs, tuning = min(jobs, len(left)), _tuning_of(path)
    failures = Failures()
    try:
        with closing(_several(left, tuning, jobs) if jobs > 1 else _one_by_one(left, tuning)) as runs:
            for number, (task, done) in enumerate(runs, start=1):
                if isinstance(done, Exception):
                    failures.note(Failure(task.entry, task.seed, task.protocol, in_words(done)), done)
                    continue
                record = add_run(path, study, done)
                logger.info("%d of %d: %s", number, len(left), _words(done))
    except KeyboardInterrupt:  # it may have come when a run was in the file, and not yet returned
        return replace(read_record(path, study), interrupted=True, failures=failures.or_raise(some=True))
    return replace(record, failures=failures.or_raise(some=bool(record.runs)))


def _tuning_of(record: Path) -> Path:
    """The folder beside a record in which each tuned entry has its trials; that of version 0.1, where there is one."""
    old = record.with_suffix(".sweeps")  # as in 0.1
    return old if old.exists() else record.with_suffix(".tuning")


def run_task(task: Task, tuning: Path, *, quiet: bool = False) -> StudyRun:
    """Fit and evaluate the model of one run.

    Args:
        task: the run.
        tuning: see :meth:`Task.settings`.
        quiet: no progress of the training, whatever the options of the study say.

    Raises:
        KeyboardInterrupt: the training was stopped by hand.
    """
    entry, k = task.study.entries[task.entry], task.study.k
    options = task.study.options.fit_options()
    found = run_model(
        entry.model,
        task.settings(tuning),
        task.open(),
        k=k,
        seed=task.seed,
        protocol=task.protocol,
        refit=task.refit,
        options=replace(options, progress=options.progress and not quiet),
    )
    asked, report = entry.asked(), found.report.to_dict()
    fitted = to_jsonable_python(dict(found.fitted.settings))
    return StudyRun(
        *task.key,
        model=entry.model,
        settings=asked,
        chosen={name: fitted[name] for name, value in asked.items() if name in fitted and fitted[name] != value},
        metrics={f"{name}@{k}": report["metrics"][f"{name}@{k}"] for name in METRICS},
        seconds=round(found.seconds, 3),
        curve=tuple(curve_of(found.fitted.history, k)),
        measured=to_jsonable_python(report["protocol"]),
        machine=machine(),
        besides=entry.besides(),
        refit=task.refit,
    )


def curve_of(history: Sequence[Mapping[str, float]], k: int) -> Iterator[dict[str, float]]:
    """A mapping for each evaluation in training: ``epoch``, ``seconds`` of all epochs so far, ``recall``, ``ndcg``.

    Example:
        >>> looked = {"epoch": 2, "seconds": 1.5, "valid_recall@5": 0.25, "valid_ndcg@5": 0.125}
        >>> list(curve_of([{"epoch": 1, "seconds": 2.0}, looked], 5))
        [{'epoch': 2, 'seconds': 3.5, 'recall': 0.25, 'ndcg': 0.125}]
    """
    names = {name: f"valid_{name}@{k}" for name in ("recall", "ndcg")}
    seconds = 0.0
    for epoch in history:
        if "refit" in epoch:  # nobody looks at the second fit, on everything
            break
        seconds += epoch["seconds"]
        if all(name in epoch for name in names.values()):
            metrics = {name: round(epoch[long], 6) for name, long in names.items()}
            yield {"epoch": int(epoch["epoch"]), "seconds": round(seconds, 3), **metrics}


def _one_by_one(tasks: Sequence[Task], tuning: Path) -> Generator[_Done, None, None]:
    for task in tasks:
        logger.info("%s: fitting %s", task.study.called, task)
        try:
            done: StudyRun | Exception = run_task(task, tuning)
        except Exception as error:  # noqa: BLE001 -- it says nothing of the other runs
            done = error
        yield task, done


def _several(tasks: Sequence[Task], tuning: Path, jobs: int) -> Generator[_Done, None, None]:
    """Yield the runs as they end. Several run at once, and each process gets its share of the cores.

    Where a process is killed, perhaps for want of memory, those that were not finished run again, one at a time: so it
    is known which one it is, and the others go on.
    """
    threads = max(1, _cores() // jobs)
    logger.info("%d runs, %d at once, threads of each: %d", len(tasks), jobs, threads)
    before = set(active_children())
    with _limited(threads):  # set before the processes begin: they read it when they load their libraries
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin, initargs=(threads,))
        futures, killed = dict[Future[StudyRun], Task](), list[Task]()
        try:
            for task in tasks:
                try:
                    futures[pool.submit(run_task, task, tuning, quiet=True)] = task
                except BrokenProcessPool:  # a process was killed while the runs were still being handed out
                    killed.append(task)
            for future in as_completed(futures):
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    killed.append(futures[future])
                elif isinstance(error, Exception):
                    yield futures[future], error
                else:
                    yield futures[future], future.result()  # or Ctrl-C
        finally:
            # Broken off, or broken: what is at work is not waited for. A pool that breaks while it starts a process
            # does not end that process, and would wait for it for ever.
            if killed or not all(future.done() for future in futures):
                for process in set(active_children()) - before:
                    process.kill()
            pool.shutdown(cancel_futures=True)
    if len(tasks) == 1:
        yield from ((task, TrainingError(_KILLED)) for task in killed)
    elif killed:
        logger.warning("a process was killed; its runs and those that waited run again, one at a time")
        for task in sorted(killed, key=tasks.index):
            yield from _several([task], tuning, 1)


def _begin(threads: int) -> None:
    """Prepare a worker process: limit its threads, ignore Ctrl-C (the parent handles it), and end with the parent."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    torch.set_num_threads(threads)


def _end_with_the_first() -> None:
    """End this process if its parent was killed, because then nobody would use its result."""
    first = parent_process()
    if first is not None:
        first.join()
        os._exit(1)


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """Inside the block, new processes use at most this number of threads in every library."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _cores() -> int:
    """The number of cores that this process can use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _words(run: StudyRun) -> str:
    """A finished run in one line."""
    accuracy = [f"{name} {value:.4f}" for name, value in list(run.metrics.items())[:2] if value is not None]
    return f"{run.entry}, {run.protocol}, seed {run.seed}: {', '.join(accuracy)}, {run.seconds:.1f} s"
