"""A model on MovieLens 1M by two protocols: rows held out of everybody, and whole users held out.

    nice python benchmarks/new_users.py ease
    nice python benchmarks/new_users.py multvae hidden=300 dim=100

Models that have ``positive_from`` learn ratings of 4 or more; these are what is to be found in any case. Settings that
are not given are as they are by default: what is "auto" is chosen on the validation part. Seed 0. A line of JSON for
each protocol goes to the standard output.
"""

from __future__ import annotations

import json
import sys
import time

import fillrank as fr
from fillrank.models import recipe

METRICS = {
    "random": ("recall@20", "ndcg@20", "coverage@20"),
    "strong": ("recall_capped@20", "recall_capped@50", "ndcg@100", "coverage@20"),
}


def main(model: str, *given: str) -> None:
    """Fit one model on both splits, and print what came of it."""
    log = fr.load("ml-1m")
    kind = recipe(model)
    settings = {name: json.loads(value) for name, value in (one.split("=") for one in given)}
    if "positive_from" in kind.model_fields:
        settings = {"positive_from": "relevant"} | settings
    for way, make in (("random", fr.split.random), ("strong", fr.split.strong)):
        parts = make(log, test=0.1, valid=0.1, seed=0)
        began, cpu = time.perf_counter(), time.process_time()
        fitted = kind(**settings).fit(parts.train, parts.valid, progress=False)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        report = fr.evaluate(fitted, parts, k=(20, 50, 100), metrics=("recall", "recall_capped", "ndcg"))
        line = {"split": way, "model": model, **{name: round(report[name], 4) for name in METRICS[way]}}
        line |= {"seconds": round(seconds), "cpu_seconds": round(cpu)}
        own = {name: value for name, value in fitted.settings.items() if value != kind.usual().get(name)}
        sys.stdout.write(json.dumps({**line, "settings": own}, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
