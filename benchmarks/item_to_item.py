"""Item-to-item models with published settings, or with their own choice: quality, seconds and memory.

    nice python benchmarks/item_to_item.py gowalla ease regularization=80
    nice python benchmarks/item_to_item.py yelp2018 item-knn similarity=pearson k=150 averaged=true

The data sets are split by their publishers; nothing is chosen on the test part where all settings are given ("auto"
chooses on a tenth of train). A line of JSON for each run goes to the standard output.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import torch

import fillrank as fr
from fillrank.data import load_split
from fillrank.models import recipe


def main(data: str, model: str, *given: str) -> None:
    """Fit one model on one data set, and print what came of it."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    split = load_split(data)
    settings = {name: json.loads(value) if value[:1] in "0123456789-tfn." else value for name, value in
                (one.split("=") for one in given)}  # fmt: skip
    start = time.perf_counter()
    fitted = recipe(model)(**settings).fit(split.train, progress=True)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    report = fr.evaluate(fitted, split, k=20, metrics=("recall", "ndcg"))
    line = {
        "data": data,
        "model": model,
        "settings": dict(fitted.settings),
        "recall@20": round(report["recall@20"], 5),
        "ndcg@20": round(report["ndcg@20"], 5),
        "seconds": round(seconds, 1),
        "ranking_seconds": round(time.perf_counter() - start, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "threads": torch.get_num_threads(),
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
