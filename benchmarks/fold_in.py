"""What folding users in loses against full training, on real ratings.

Run ``python benchmarks/fold_in.py --data movielens-small --out fold-in.json``. For each seed:

* Half of the users, drawn at random, are *old*, the others *new*. A model is fitted to all that the old users rated,
  its settings chosen on a validation part of theirs. Only its item vectors (and item biases) are kept.
* Of each new user's ratings 20 % are the test and 10 % the validation part, drawn at random.
* Each objective of ``fillrank.fold_in`` solves for the new users from the rest, its settings chosen on the validation
  part (RMSE for ``ridge``, nDCG@10 for the others); then once more from both parts, which is what is tested.
* ``full`` is the same recipe with the same settings, fitted to the old users and to the new users' train and validation
  parts together; ``own`` folds the new users in as the fitted model itself does.

RMSE is over the test ratings, predictions clipped to the scale; the ranking is of the whole catalogue without what the
user has rated in train or validation, and liked test items count (``relevant_from`` of the data).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

import fillrank as fr
from fillrank.data import IdMap, Interactions, Split, split
from fillrank.experiments.compare.table import ComparisonTable, Run
from fillrank.factors import Blend, Factors
from fillrank.losses import InfoNCE
from fillrank.models import recipe
from fillrank.runtime.atomic_write import replacing
from fillrank.runtime.environment import machine
from fillrank.runtime.rng import numpy_stream

K = 10
MODELS = ("als", "ials", "pure-svd", "cmc")
TRIED = {"ials": [{"unobserved_weight": w, "regularization": r} for w, r in product((0.1, 0.3, 1.0), (0.003, 0.01))]}
"""For a recipe that does not choose its settings by itself; nDCG@10 decides."""
RIDGE = [{"regularization": strength} for strength in (0.003, 0.01, 0.03, 0.1, 0.3)]
IALS = [
    {"unobserved_weight": weight, "regularization": strength, "frequency_exponent": exponent}
    for exponent, strengths in ((0.0, (0.1, 1.0, 10.0)), (1.0, (0.001, 0.003, 0.01, 0.03)))
    for weight, strength in product((0.03, 0.1, 0.3, 1.0), strengths)
]
LOSS = [
    {"loss": InfoNCE(temperature), "similarity": "cosine", "n_negatives": 500, "epochs": epochs}
    for temperature, epochs in product((0.05, 0.1, 0.2), (5, 15))
]


@dataclass(frozen=True)
class Halves:
    """The log with its old users alone, and the new users' three parts, over the same items."""

    log: Interactions
    is_new: np.ndarray
    old: Interactions
    new: Split

    @classmethod
    def of(cls, log: Interactions, seed: int) -> Halves:
        is_new = np.zeros(log.n_users, dtype=bool)
        is_new[numpy_stream(seed, "halves").permutation(log.n_users)[: log.n_users // 2]] = True
        return cls(
            log,
            is_new,
            old=only_users(log, ~is_new),
            new=split.per_user(only_users(log, is_new), test=0.2, valid=0.1, seed=seed),
        )

    @property
    def known(self) -> Interactions:
        """What is known of the new users when they are tested."""
        return self.new.train.union(self.new.valid)

    def everything_but_the_test(self) -> Interactions:
        """Old and new users' rows in the ids of the whole log."""
        held = np.flatnonzero(self.is_new)[self.new.test.users] * self.log.n_items + self.new.test.items
        pairs = self.log.users.astype(np.int64) * self.log.n_items + self.log.items
        return self.log.select(~np.isin(pairs, held))


def only_users(log: Interactions, chosen: np.ndarray) -> Interactions:
    """The rows of some users, the items as they were."""
    part, places = log.select(chosen[log.users]), np.cumsum(chosen) - 1
    ids = IdMap(log.user_ids.decode(np.flatnonzero(chosen)))
    return replace(part, users=places[part.users].astype(np.int32), user_ids=ids)


def fitted(name: str, halves: Halves, seed: int) -> tuple[fr.Recommender, fr.Recommender]:
    """The model of the old users, and the one of everybody with the same settings."""
    parts = split.random(halves.old, test=0.1, valid=0.1, seed=seed)  # the test part only goes back into training
    kind = recipe(name)
    own = {"seed": seed} if "seed" in kind.model_fields else {}
    candidates = [
        kind(**own, **settings).fit(parts.train, parts.valid, refit=False, progress=False)
        for settings in TRIED.get(name, [{}])
    ]

    def score(model: fr.Recommender) -> float:
        return fr.evaluate(model, test=parts.valid, train=parts.train, k=K).metrics[f"ndcg@{K}"]

    best = candidates[0] if len(candidates) == 1 else max(candidates, key=score)
    return tuple(kind(**best.settings).fit(log) for log in (halves.old, halves.everything_but_the_test()))


def rows_of(scorer: Factors | Blend, chosen: np.ndarray) -> Factors:
    """Some of the users, as one set of factors."""
    factors = flat(scorer)
    rows = torch.from_numpy(np.flatnonzero(chosen))
    bias = None if factors.user_bias is None else factors.user_bias[rows]
    return replace(factors, users=factors.users[rows], user_bias=bias)


def flat(scorer: Factors | Blend) -> Factors:
    return scorer.flat if isinstance(scorer, Blend) else scorer


def folded(items: Factors, log: Interactions, objective: str, settings: Mapping[str, Any]) -> Factors:
    """The new users by ``fillrank.fold_in``; for ratings, a column of ones gives them a bias."""
    if objective != "ridge":
        users = fr.fold_in(items.item_vectors, log, objective=objective, **settings)
        return Factors(users, items.item_vectors, similarity=settings.get("similarity", "dot"))
    vectors = torch.cat([items.item_vectors, torch.ones(items.n_items, 1)], dim=1)
    users = fr.fold_in(vectors, log, item_bias=items.item_bias + items.offset, **settings)
    return replace(items, users=users[:, :-1], user_bias=users[:, -1], folding=None)


def judged(scorer: Factors, predictor: Factors | None, known: Interactions, test: Interactions) -> fr.Report:
    """Of new users, from what is known of them."""
    model = fr.Recommender(
        scorer=scorer,
        predictor=predictor,
        interactions=known.without_values(),
        value_range=known.value_range,
        name="folded",
    )
    return fr.evaluate(model, test=test, train=known, k=K)


def chosen(items: Factors, new: Split, objective: str) -> Mapping[str, Any]:
    """The settings that do best on the new users' validation part."""

    def score(settings: Mapping[str, Any]) -> float:
        found = folded(items, new.train, objective, settings)
        metrics = judged(found, found, new.train, new.valid).metrics
        return -metrics["rmse"] if objective == "ridge" else metrics[f"ndcg@{K}"]

    return max({"ridge": RIDGE, "ials": IALS, "loss": LOSS}[objective], key=score)


@dataclass(frozen=True)
class Way:
    """One way to come by the new users: what ranks for them, what predicts their ratings, and at what price."""

    name: str
    scorer: Factors
    predictor: Factors | None
    settings: Mapping[str, Any]
    seconds: float


def ways(name: str, halves: Halves, seed: int) -> Iterator[Way]:
    begin = perf_counter()
    old, full = fitted(name, halves, seed)
    scorer, predictor = (
        None if part is None else rows_of(part, halves.is_new) for part in (full.scorer, full.predictor)
    )
    yield Way("full", scorer, predictor, full.settings, perf_counter() - begin)
    begin = perf_counter()
    scorer, predictor = (
        None if part is None else flat(part.fold_in(halves.known)) for part in (old.scorer, old.predictor)
    )
    yield Way("own", scorer, predictor, old.settings, perf_counter() - begin)
    ranker = old.scorer.parts[0] if isinstance(old.scorer, Blend) else old.scorer
    bases = (
        {"ridge": old.predictor}
        if old.predictor is old.scorer
        else {"ridge": old.predictor, "ials": ranker, "loss": ranker}
    )
    for objective, items in bases.items():
        if items is not None:
            settings = chosen(items, halves.new, objective)
            begin = perf_counter()
            found = folded(items, halves.known, objective, settings)
            yield Way(objective, found, found if objective == "ridge" else None, settings, perf_counter() - begin)


def runs(data: str, models: list[str], seeds: list[int]) -> Iterator[Run]:
    log = fr.load(data)
    for seed in seeds:
        halves = Halves.of(log, seed)
        for model in models:
            for way in ways(model, halves, seed):
                report = judged(way.scorer, way.predictor, halves.known, halves.new.test)
                shell = fr.Recommender(way.scorer, way.predictor, halves.known.without_values(), settings=way.settings)
                print(f"{data}, seed {seed}: {model}, {way.name}", {k: round(v, 4) for k, v in report.metrics.items()})
                yield Run(f"{model}, {way.name}", seed, shell, report, way.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--data", default="movielens-small")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    asked = parser.parse_args()
    table = ComparisonTable(asked.data, tuple(runs(asked.data, asked.models, asked.seeds)), machine())
    print(table)
    if asked.out:
        with replacing(asked.out) as fresh:
            fresh.write_text(table.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
