"""Cold items by their features, and what features do for warm ones; docs/research/features.md has the record.

    FILLRANK_DATA=/path/to/data python benchmarks/features.py ml-100k --seeds 0,1,2

Cold: a fifth of the items loses all its rows. Models learn from the rest, get the cold items by ``add_items``, and rank
these alone for each user; hits are the rows that were taken out. Warm: a tenth of the rows is the test part, the lists
are of all items. Every model is ``Contrastive`` with its defaults but for what the row says.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fillrank as fr
from fillrank.data.features import FeatureCoding
from fillrank.runtime.rng import numpy_stream

MODELS: dict[str, dict[str, Any]] = {
    "features": {},
    "features, own_dropout .2": {"encoder_settings": {"own_dropout": 0.2}},
    "features, own_dropout .5": {"encoder_settings": {"own_dropout": 0.5}},
    "items by features alone": {"encoder_settings": {"own_vectors": "users"}},
}
Score = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def features_of(name: str) -> tuple[fr.Features, fr.Features]:
    folder = Path(os.environ["FILLRANK_DATA"]) / name
    return fr.Features.read(folder / "items.parquet"), fr.Features.read(folder / "users.parquet")


def recall(lists: NDArray[np.int64], test: fr.Interactions, users: NDArray[np.int64]) -> float:
    """Mean over the users of hits in the list over the number of hits that there could be."""
    truth = test.csr
    found = []
    for row, user in enumerate(users):
        own = truth.indices[truth.indptr[user] : truth.indptr[user + 1]]
        found.append(np.isin(lists[row], own).sum() / len(own))
    return float(np.mean(found))


def cold(name: str, seed: int, only: list[str]) -> dict[str, float]:
    """Recall@20 of cold items among cold items."""
    log = fr.load(name).without_values()
    items, users = features_of(name)
    rng = numpy_stream(seed, "cold items")
    chosen = rng.permutation(log.n_items)[: log.n_items // 5]
    is_cold = np.zeros(log.n_items, dtype=bool)
    is_cold[chosen] = True
    known = log.select(~is_cold[log.items]).compact()
    hidden = log.select(is_cold[log.items] & np.isin(log.users, np.unique(log.select(~is_cold[log.items]).users)))
    cold_ids = log.item_ids.decode(np.sort(chosen)).to_list()
    asked = np.unique(hidden.users)
    found: dict[str, float] = {}

    def judged(order: NDArray[np.int64]) -> float:
        return recall(order, hidden, asked)

    places = np.sort(chosen)
    found["random"] = judged(np.stack([rng.permutation(places)[:20] for _ in asked]))
    coding = FeatureCoding.of(items.rows_of(known.item_ids))
    x = coding.matrix(items.rows_of(known.item_ids)).toarray()
    counts = np.log1p(known.item_counts)
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(x.shape[1]), x.T @ (counts - counts.mean()))
    guessed = coding.matrix(items.rows_of(log.item_ids)).toarray()[places] @ weights
    found["popularity, guessed from features"] = judged(np.tile(places[np.argsort(-guessed)[:20]], (len(asked), 1)))
    truth = hidden.item_counts[places]
    found["popularity of the hidden rows (not to be had)"] = judged(
        np.tile(places[np.argsort(-truth)[:20]], (len(asked), 1))
    )
    for label in only:
        train = known.with_features(items=items, users=users)
        model = fr.Contrastive(**MODELS[label], seed=seed).fit(train, progress=False)
        model = model.add_items(items)
        lists = model.recommend(log.user_ids.decode(asked).to_list(), k=20, items=cold_ids)
        order = log.item_ids.encode(lists["item_id"]).reshape(len(asked), 20).astype(np.int64)
        found[label] = judged(order)
    return found


def warm(name: str, seed: int, only: list[str]) -> dict[str, dict[str, float]]:
    """Metrics of lists of all items."""
    log = fr.load(name).without_values()
    items, users = features_of(name)
    split = fr.split.random(log, test=0.1, valid=0.1, seed=seed)
    found = {}
    for label in ("without features", *only):
        parts = split
        if label != "without features":
            featured = split.train.with_features(items=items, users=users)
            kept = {"item_features": featured.item_features, "user_features": featured.user_features}
            parts = replace(split, train=featured, valid=replace(split.valid, **kept))
        model = fr.Contrastive(**MODELS.get(label, {}), seed=seed).fit(parts.train, parts.valid, progress=False)
        report = fr.evaluate(model, parts, k=(10, 20))
        found[label] = {metric: report.metrics[metric] for metric in ("recall@20", "ndcg@10")}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="ml-100k")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default=",".join(MODELS).replace(", own", "; own"))
    parser.add_argument("--what", default="cold,warm")
    asked = parser.parse_args()
    only = [name.replace("; own", ", own") for name in asked.only.split(",")]
    for seed in map(int, asked.seeds.split(",")):
        for what in asked.what.split(","):
            print(
                json.dumps({"seed": seed, what: {"cold": cold, "warm": warm}[what](asked.data, seed, only)}), flush=True
            )


if __name__ == "__main__":
    main()
