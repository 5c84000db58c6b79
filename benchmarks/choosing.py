"""What the choice of settings costs in a contrastive fit, and what it comes to, on logs of many shapes.

Run ``python benchmarks/choosing.py --out choosing.jsonl --logs movielens-small --recipes contrastive cmc``.

A line for each log and recipe, fitted by its defaults with seed 0 under the honest protocol, refitted: rows (of all
steps' batches) that the trials took, the training with what they chose, and the fit on everything; what was chosen;
nDCG@20 (and RMSE) on the test part; seconds of the processor. ``ratio``: of trials and training to the training alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import fillrank as fr
from fillrank.experiments.compare import default_split
from fillrank.models import RECIPES
from fillrank.training import Autograd, TableContrast

sys.path.insert(0, str(Path(__file__).parent))
from shapes import LOGS

NAMES = (
    *("temperature", "loss_settings", "neighbour_weight", "popularity_beta", "popularity_weight", "rating_share"),
    *("batch_size", "learning_rate", "epochs"),
)


def counted(rows: list[int]) -> None:
    """From now on, the rows of each step go to ``rows``."""
    for kind in (TableContrast, Autograd):

        def learn(self: Any, batch: Any, generator: Any, learn: Any = kind.learn) -> Any:
            rows.append(len(batch))
            return learn(self, batch, generator)

        kind.learn = learn  # type: ignore[method-assign]


def measured(log: str, kind: str, rows: list[int]) -> dict[str, Any]:
    """One line."""
    parts = default_split(LOGS[log](), test=0.1, valid=0.1, seed=0)
    rows.clear()
    began = time.process_time()
    model = RECIPES[kind]().fit(parts.train, parts.valid, progress=False)
    seconds = time.process_time() - began
    epochs = sum("refit" not in epoch for epoch in model.history)
    training = epochs * len(parts.train)
    refit = (len(model.history) - epochs) * (len(parts.train) + len(parts.valid))
    trials = sum(rows) - training - refit
    metrics = fr.evaluate(model, parts, k=20).metrics
    return {
        "log": log,
        "recipe": kind,
        "rows": {"trials": trials, "training": training, "refit": refit},
        "ratio": round((trials + training) / training, 3),
        "settings": {name: model.settings[name] for name in NAMES if name in model.settings},
        "test": {name: round(metrics[name], 4) for name in ("ndcg@20", "recall@20", "rmse") if name in metrics},
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="of the lines, JSON; those that are there are kept")
    parser.add_argument("--logs", nargs="+", default=["movielens-small"], help="; ".join(LOGS))
    parser.add_argument("--recipes", nargs="+", default=["contrastive", "cmc"])
    asked = parser.parse_args()
    counted(rows := [])
    for log in asked.logs:
        for kind in asked.recipes:
            found = measured(log, kind, rows)
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            with asked.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(found) + "\n")
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
