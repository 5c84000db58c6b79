"""``Evaluator``: an evaluation that is prepared once and run on many models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.arguments import MOST_DIM, Own, checked, count, naming, shown
from fillrank.data.held_out_users import HeldOutUsers
from fillrank.data.interactions import Interactions
from fillrank.data.split import Split
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation.metrics import ACCURACY, coverage, gini, mae, rmse, self_information
from fillrank.evaluation.model import Model, parts_of
from fillrank.evaluation.predictions import error_sums, prediction_errors
from fillrank.evaluation.report import Report
from fillrank.evaluation.tally import Tally
from fillrank.factors import Scorer
from fillrank.retrieval.finite import with_ids
from fillrank.retrieval.lists import MEMORY, RankedLists, rank_blocks

__all__ = ["METRICS", "Evaluator", "Kind"]

METRICS = ("recall", "precision", "hit_rate", "ndcg", "map", "mrr")
"""The default accuracy metrics of a report; all are in :mod:`fillrank.evaluation.metrics`."""

Kind = Literal["honest", "legacy"]


class Evaluator:
    """An evaluation that is prepared once, and run on many models or epochs.

    Args:
        test: the rows held out. A relevant row that is also in ``seen`` cannot be listed, so it does not count in
            ``n_relevant``. Where they are of held-out users
            (:class:`~fillrank.data.held_out_users.HeldOutUsers`), each model is given the known rows first, which
            count as seen.
        train: the rows that the model learned from; popularity is counted in them.
        seen: ``[n_users, n_items]``, with an entry where a user has seen an item. None: lists may contain seen items.
        k: length of the lists, or several lengths.
        metrics: accuracy metrics by name.
        notes: goes into the report's protocol.
        memory: bytes for a block of scores.

    Raises:
        SettingsError: an unknown metric or a bad ``k``.
        DataError: test and train have different ids, or there is nothing relevant to look for.

    Example:
        >>> import torch
        >>> from fillrank.data import split, synthetic
        >>> from fillrank.factors import Factors
        >>> parts = split.random(synthetic(60, 30, 600, seed=0).interactions, seed=0)
        >>> watch = Evaluator.on_valid(parts, k=5)
        >>> report = watch.run(Factors(torch.ones(60, 1), torch.ones(30, 1)))
        >>> report.protocol["part"], 0 <= report["recall@5"] <= 1
        ('valid', True)
    """

    @checked
    def __init__(
        self,
        test: Interactions,
        *,
        train: Interactions,
        seen: sp.csr_array[Any] | None,
        k: Own[int | Sequence[int]] = 10,
        metrics: Sequence[str] = METRICS,
        notes: Mapping[str, Any] | None = None,
        memory: int = MEMORY,
    ) -> None:
        if test.user_ids != train.user_ids or test.item_ids != train.item_ids:
            raise DataError("test and train have different ids; fillrank.split.published() gives them shared ones")
        self.ks, self.metrics = _cut_offs(k), _known(metrics)
        if seen is not None and seen.shape != (test.n_users, test.n_items):
            raise DataError(f"seen must be [{test.n_users}, {test.n_items}] as the test is, got {list(seen.shape)}")
        self.introductions: Interactions | None = None
        self._n_users, self._place = test.n_users, np.arange(test.n_users)
        if isinstance(test, HeldOutUsers):
            test.check_unknown_to(train)
            self._place = np.unique(test.users).astype(np.int64)
            self.introductions, test = test.alone()
            seen = None if seen is None else _pattern(seen[self._place] + self.introductions.without_values().csr)
        self.test, self.train, self.memory = test, train, memory
        self.seen = None if seen is None else _pattern(seen)
        self._look_for(test.relevant())
        self.train_counts = train.item_counts
        self.information = self_information(self.train_counts, train.n_users)
        self.protocol = {**(notes or {}), **self._facts()}

    @classmethod
    @checked
    def on_test(
        cls,
        split: Split,
        *,
        k: Own[int | Sequence[int]] = 10,
        metrics: Sequence[str] = METRICS,
        filter_seen: bool = True,
        protocol: Kind = "honest",
        memory: int = MEMORY,
    ) -> Self:
        """Prepare the final evaluation: on the test part, with train and valid as seen."""
        seen = [split.train] if split.valid is None else [split.train, split.valid]
        notes = {"protocol": protocol, "part": "test", "split": dict(split.protocol)}
        return cls(
            split.test,
            train=split.train,
            seen=_union(seen) if filter_seen else None,
            k=k,
            metrics=metrics,
            notes=notes,
            memory=memory,
        )

    @classmethod
    @checked
    def on_valid(
        cls,
        split: Split,
        *,
        k: Own[int | Sequence[int]] = 10,
        metrics: Sequence[str] = METRICS,
        filter_seen: bool = True,
        memory: int = MEMORY,
    ) -> Self:
        """Prepare an evaluation for choosing settings: on the validation part, with train as seen. Test is not used.

        Raises:
            DataError: the split has no validation part.
        """
        if split.valid is None:
            raise DataError("the split has no validation part; split again, for example with valid=0.1")
        seen = split.train.csr if filter_seen else None
        notes = {"protocol": "honest", "part": "valid", "split": dict(split.protocol)}
        return cls(split.valid, train=split.train, seen=seen, k=k, metrics=metrics, notes=notes, memory=memory)

    @checked
    def run(self, model: Own[Model | Scorer]) -> Report:
        """Rank and predict with ``model``; see :func:`fillrank.evaluation.evaluate` for what the metrics are.

        Raises:
            DataError: the model is for other numbers of users and items.
            ScoreError: a score or a prediction is NaN or infinite.
        """
        with naming("model"):
            parts = parts_of(model)
        parts.check_size(self._n_users, self.test.n_items)
        if self.introductions is not None:
            parts = parts.introduced(self.introductions)
        with with_ids(self.test.user_ids, self.test.item_ids):
            metrics, of_ranked_users = self._rank(parts.scorer)
        users = self.users
        per_user: dict[str, NDArray[np.float64]] = {}
        if parts.predictor is not None and self.test.values is not None:
            errors = prediction_errors(parts.predictor, self.test, value_range=parts.value_range, memory=self.memory)
            metrics |= {"rmse": rmse(errors), "mae": mae(errors)}
            users = np.union1d(users, self.test.users)
            per_user = error_sums(errors, np.searchsorted(users, self.test.users), len(users))
        place = np.searchsorted(users, self.users)
        for metric, values in of_ranked_users.items():
            per_user[metric] = np.full(len(users), np.nan)
            per_user[metric][place] = values
        learnt = {} if parts.refit is None else {"refit": parts.refit}
        return Report(parts.name, metrics, self._place[users], per_user, self.protocol | learnt)

    def _look_for(self, relevant: Interactions) -> None:
        """Store what lists should contain: ``users``, ``n_relevant`` and the sorted keys of the (user, item) pairs."""
        new = np.ones(len(relevant), dtype=bool)
        if self.seen is not None and len(relevant):
            new = ~np.asarray(self.seen[relevant.users, relevant.items], dtype=bool)
        if not new.any():
            raise DataError(
                f"none of the {len(self.test)} rows held out is relevant and new to its user; "
                f"check relevant_from={self.test.relevant_from} and the split"
            )
        users, items = relevant.users[new].astype(np.int64), relevant.items[new]
        self.users, self.n_relevant = np.unique(users, return_counts=True)
        self._keys = users * self.test.n_items + items

    def _facts(self) -> dict[str, Any]:
        """The facts that must be equal in two evaluations that are compared."""
        return {
            "data": self.test.name,
            "candidates": "all",
            "filter_seen": self.seen is not None,
            "k": list(self.ks),
            "relevant_from": self.test.relevant_from,
            "n_items": self.test.n_items,
            "n_users": len(self.users),
            "n_test": len(self.test),
            "n_relevant": len(self._keys),
            **({} if self.introductions is None else {"users": "new"}),
            "digest": _digest(self.test, self.seen),
        }

    def _rank(self, scorer: Scorer) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
        """The metrics of the lists, and the values for each of ``users``."""
        tally = Tally(len(self.users), self.train_counts, self.information, self.ks)
        for lists in rank_blocks(scorer, self.users, self.ks[-1], seen=self.seen, memory=self.memory):
            tally.add(lists, self._are_hits(lists))
        per_user = {
            f"{name}@{k}": ACCURACY[name](tally.hits[:, :k], self.n_relevant) for name in self.metrics for k in self.ks
        }
        metrics = {name: float(values.mean()) for name, values in per_user.items()}
        metrics |= {f"coverage@{k}": coverage(tally.counts[k]) for k in self.ks}
        metrics |= {f"gini@{k}": gini(tally.counts[k]) for k in self.ks}
        for name, of_lists in (("novelty", tally.novelty), ("popularity", tally.popularity)):
            for k in self.ks:
                per_user[f"{name}@{k}"] = of_lists[k]
                metrics[f"{name}@{k}"] = _mean_of_known(of_lists[k])
        return metrics, per_user

    def _are_hits(self, lists: RankedLists) -> NDArray[np.bool_]:
        """Which listed items are relevant: bool, as long as ``lists.items``."""
        keys = lists.users[lists.rows] * self.test.n_items + lists.items
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(self._keys[place] == keys)


def _cut_offs(k: Own[int | Sequence[int]]) -> tuple[int, ...]:
    given = list(k) if isinstance(k, Sequence) else [k]
    if not given or any(isinstance(one, bool) or not isinstance(one, int | np.integer) or one < 1 for one in given):
        raise SettingsError(f"k must be a whole number of 1 or more, or several of them, got {shown(k)}")
    count("k", max(given), most=MOST_DIM)
    return tuple(sorted({int(one) for one in given}))


def _known(metrics: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in metrics if name not in ACCURACY]
    if unknown:
        raise SettingsError(f"unknown metrics {unknown}; there are {', '.join(ACCURACY)} (give k apart: k=10)")
    return tuple(metrics)


def _pattern(matrix: sp.csr_array[Any]) -> sp.csr_array[Any]:
    """A matrix with True at each stored entry (also zeros)."""
    return sp.csr_array((np.ones(matrix.nnz, dtype=bool), matrix.indices, matrix.indptr), shape=matrix.shape)


def _union(parts: Sequence[Interactions]) -> sp.csr_array[Any]:
    """A matrix with True where any of the logs has a row."""
    users, items = (np.concatenate([getattr(part, side) for part in parts]) for side in ("users", "items"))
    return sp.csr_array((np.ones(len(users), dtype=bool), (users, items)), shape=(parts[0].n_users, parts[0].n_items))


def _mean_of_known(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _digest(test: Interactions, seen: sp.csr_array[Any] | None) -> str:
    """A short fingerprint of the test rows and of the seen items."""
    columns = [test.users, test.items, test.values, *([] if seen is None else [seen.indptr, seen.indices])]
    digest = hashlib.blake2b(digest_size=8)
    for column in columns:
        digest.update(b"none" if column is None else np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
