"""What one version of fillrank takes against another: each hot path in a process of its own, by turns.

Run ``python benchmarks/versions.py --old OTHER_TREE --out versions.json``; the new one is the tree of this file. To
have an old one: ``git archive COMMIT | tar x -C OTHER_TREE``. Seconds are those of the processor, with one thread, as
other work on the machine counts less there; a ratio is old divided by new, of neighbouring runs (above 1: the new one
is faster), and their median is what is quoted. Each path runs once before it is timed, so that nothing compiles.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from rivals import Answer, Job, call, ratio_of, write

HERE = Path(__file__).parents[1]


def timed(job: Job, work: Callable[[Any], Any]) -> Answer:
    """Seconds of ``work`` the second time, which is given the package of the tree that the job names."""
    sys.path.insert(0, f"{job['tree']}/src")
    import fillrank as fr

    assert fr.__file__ is not None
    assert Path(fr.__file__).is_relative_to(job["tree"]), "another fillrank was imported"
    work(fr)
    began = process_time()
    work(fr)
    return {"seconds": process_time() - began}


def contrastive(job: Job) -> Answer:
    """Two epochs of 200,000 rows, d = 64, 256 negatives."""
    settings = {"epochs": 2, "batch_size": 1024, "learning_rate": 0.001, "sampler_settings": {"n_negatives": 256}}
    ranking = {"neighbour_weight": 0.0, "popularity_beta": 0.0}
    loss = {"loss_settings": {"temperature": 0.1}, "init": "random"}

    def work(fr: Any) -> None:
        own = {
            ("start" if name == "init" and "start" in fr.Contrastive.model_fields else name): v
            for name, v in loss.items()
        }
        log = fr.synthetic(10_000, 5_000, 200_000, seed=0).interactions.without_values()
        fr.Contrastive(**settings, **own, **ranking).fit(log)

    return timed(job, work)


def sgd(job: Job) -> Answer:
    """Twenty epochs of 500,000 ratings, d = 32."""
    return timed(job, lambda fr: fr.SGD(dim=32, epochs=20).fit(ratings(fr)))


def ials(job: Job) -> Answer:
    """Three iterations on 500,000 rows, d = 64."""
    settings = {"dim": 64, "iterations": 3, "unobserved_weight": 0.1, "regularization": 0.01}
    return timed(job, lambda fr: fr.IALS(**settings).fit(ratings(fr).without_values()))


def lists(job: Job) -> Answer:
    """The 20 best of 20,000 items for 20,000 users, as a table."""
    made: list[Any] = []

    def work(fr: Any) -> None:
        if not made:
            log = fr.synthetic(20_000, 20_000, 200_000, seed=0).interactions
            made.append(fr.NormalisedSVD(rank=32, beta=0.5, power=0.0).fit(log))
        made[0].recommend(k=20)

    return timed(job, work)


def reading(job: Job) -> Answer:
    """A CSV of a million rows with ratings and times."""
    return timed(job, lambda fr: fr.read(job["csv"]))


def help_text(job: Job) -> Answer:
    """``fillrank --help`` as a whole process."""
    import os
    import resource

    run = [sys.executable, "-m", "fillrank", "--help"]
    took = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(run, env={**os.environ, "PYTHONPATH": f"{job['tree']}/src"}, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"seconds": took[-1]}


PATHS: dict[str, Callable[[Job], Answer]] = {
    "contrastive training": contrastive,
    "SGD": sgd,
    "iALS": ials,
    "lists of 20": lists,
    "reading a million rows": reading,
    "--help": help_text,
}


def ratings(fr: Any) -> Any:
    return fr.synthetic(20_000, 5_000, 500_000, seed=0).interactions


def draw(path: Path) -> None:
    """A million different pairs in random order."""
    rng = np.random.default_rng(0)
    pairs = rng.permutation(np.unique(rng.integers(0, 20_000 * 20_000, 1_000_000)))
    columns = (pairs // 20_000, pairs % 20_000, rng.integers(1, 11, len(pairs)) / 2, 10**9 + pairs)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("user_id,item_id,rating,timestamp\n")
        stream.writelines(f"{u},{i},{r},{t}\n" for u, i, r, t in zip(*(c.tolist() for c in columns), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="a tree of the other version")
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(PATHS), default=list(PATHS))
    asked = parser.parse_args()
    trees = {"ours": str(HERE), "theirs": str(asked.old.resolve())}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "log.csv"
        draw(csv)
        for name in asked.only:
            answers: dict[str, list[Answer]] = {"ours": [], "theirs": []}
            for turn in range(asked.rounds):
                for side in sorted(trees, reverse=bool(turn % 2)):
                    job = {"tree": trees[side], "csv": str(csv)}
                    answers[side].append(call(sys.executable, PATHS[name], job, threads=1))
            results[name] = ratio_of(answers, "seconds")
            one = results[name]
            print(
                f"{name:24} old {one['theirs']:.3f} s  new {one['ours']:.3f} s  ratio {one['median']:.3f}", flush=True
            )
    if asked.out:
        write(asked.out, {"benchmark": "versions", "rounds": asked.rounds, "results": results})


if __name__ == "__main__":
    main()
