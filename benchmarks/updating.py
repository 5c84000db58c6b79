"""Day by day: `model.update` against a full fit each day and against no update, on MovieLens 100k, which has times.

Run ``python benchmarks/updating.py --days 40 --out updating.json``.

Each recipe is fitted on all rows before the first of the last ``--days`` days; what is "auto" is chosen there once, on
a tenth that is held out, and kept. Then, day after day, three models list 20 items for each user who has rows on that
day and some before: *none* (the first model, as it is), *update* (the model of the day before, updated with that day's
rows) and *refit* (the same settings fitted anew on everything). All three leave out what the user has met by then, and
list what is popular for users whom they do not know. nDCG@20 counts the user's rows of the day as relevant; the mean is
over pairs of a user and a day. Seconds are of the update and of the fit, for each day; on a shared machine their ratio
is what tells.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import fillrank as fr
from fillrank.runtime.environment import machine

K = 20
DAY = 86_400
QUIET = {"epochs": 5, "batch_size": 2048, "neighbour_weight": 0.1, "popularity_beta": 0.0}
RECIPES = {
    "popularity": fr.Popularity(),
    "pure-svd": fr.PureSVD(),
    "normalised-svd": fr.NormalisedSVD(),
    "ials": fr.IALS(dim=32, unobserved_weight=0.3, regularization=0.01, iterations=8),
    "contrastive": fr.Contrastive(loss="bsl", loss_settings={"temperature": 0.2}, popularity_weight=0.0, **QUIET),
    "history": fr.Contrastive(encoder="history", loss="bsl", loss_settings={"temperature": 0.2}, **QUIET),
}


def part(log: fr.Interactions, rows: Any) -> fr.Interactions:
    """Some rows, with only the users and items that are in them."""
    return log.select(rows).compact()


def days_of(log: fr.Interactions) -> Any:
    """The day of each row."""
    assert log.times is not None
    return log.times // DAY


def ndcg(model: fr.Recommender, before: fr.Interactions, day: fr.Interactions) -> list[float]:
    """nDCG@20 of each user of ``day`` who is in ``before``."""
    met = set(before.user_ids.decode(np.unique(before.users)).to_list())
    users = [user for user in day.user_ids.ids.to_list() if user in met]
    if not users:
        return []
    known = set(model.item_ids.ids.to_list())
    history = before.to_frame()
    seen = {
        user: [item for item in history.filter(user_id=user)["item_id"].to_list() if item in known] for user in users
    }
    lists = model.recommend(users, k=K, filter_seen=False, unknown="popular", per_user_exclude=seen)
    relevant = day.to_frame()
    found = []
    for user in users:
        wanted = set(relevant.filter(user_id=user)["item_id"].to_list())
        hits = [item in wanted for item in lists.filter(user_id=user)["item_id"].to_list()]
        gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
        found.append(gain / sum(1 / math.log2(place + 2) for place in range(min(K, len(wanted)))))
    return found


def run(recipe: Any, log: fr.Interactions, n_days: int) -> dict[str, Any]:
    """The three models of one recipe over the last days."""
    day_of = days_of(log)
    last = np.unique(day_of)[-n_days:]
    first = recipe.fit(part(log, day_of < last[0]), progress=False)
    kept = recipe.again(first.settings)
    models = dict.fromkeys(("none", "update", "refit"), first)
    found: dict[str, list[float]] = {name: [] for name in models}
    seconds: dict[str, list[float]] = {"update": [], "refit": []}
    for day in last:
        before, rows = part(log, day_of < day), part(log, day_of == day)
        for name, model in models.items():
            found[name] += ndcg(model, before, rows)
        start = time.perf_counter()
        models["update"] = models["update"].update(rows)
        middle = time.perf_counter()
        models["refit"] = kept.fit(part(log, day_of <= day), progress=False)
        seconds["update"].append(middle - start)
        seconds["refit"].append(time.perf_counter() - middle)
    scores = {name: np.array(values) for name, values in found.items()}
    gains = {name: scores[name] - scores["none"] for name in ("update", "refit")}
    return {
        "ndcg@20": {name: round(float(values.mean()), 4) for name, values in scores.items()},
        "gain": {name: round(float(gain.mean()), 4) for name, gain in gains.items()},
        "standard error": {name: round(float(gain.std() / len(gain) ** 0.5), 4) for name, gain in gains.items()},
        "seconds": {name: round(float(np.median(values)), 3) for name, values in seconds.items()},
        "users and days": len(scores["none"]),
    }


def main() -> None:
    """Run the comparison and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    log = replace(fr.load("ml-100k").without_values(), name="ml-100k")
    found = {}
    for name in asked.recipes:
        found[name] = run(RECIPES[name], log, asked.days)
        print(name, json.dumps(found[name]), flush=True)
    if asked.out is not None:
        document = {"machine": machine(), "days": asked.days, "recipes": found}
        asked.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
