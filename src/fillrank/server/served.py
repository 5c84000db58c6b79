"""A model as it is served: nobody changes it, all that requests need is ready, and another takes its place whole."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data import IdMap
from fillrank.data.id_lookup import indices_of
from fillrank.errors import ModelFileError
from fillrank.factors.fold_in import looks_at_values
from fillrank.recommend import Recommender
from fillrank.runtime.atomic_write.marks import CONFIG
from fillrank.runtime.strict_json import read_json
from fillrank.server.search import TitleIndex
from fillrank.store.checks import digest_of

__all__ = ["LEARNT", "ModelHolder", "Served"]

LEARNT = "learnt.json"
"""In the folder of a model: the number of the last event that it has learnt from."""


@dataclass(frozen=True, eq=False)
class Served:
    """A recommender, and what is asked of it again and again.

    Attributes:
        model: the recommender.
        version: a word that changes with the model.
        seq: the number of the last event that it has learnt from; 0: of none.
        loaded: when, in seconds since 1970.
    """

    model: Recommender
    version: str
    seq: int = 0
    loaded: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        """Do now what the first request would have to wait for."""
        _ = self.model.interactions.csr, self.ids, self.labels, self.popular, self.titles, self._users, self._items

    @cached_property
    def _users(self) -> dict[Any, int]:
        return {one: place for place, one in enumerate(self.model.user_ids.ids.to_list())}

    @cached_property
    def _items(self) -> dict[Any, int]:
        return {one: place for place, one in enumerate(self.model.item_ids.ids.to_list())}

    @cached_property
    def ids(self) -> list[str]:
        """The ids of the items, as texts."""
        return [str(one) for one in self.model.item_ids.ids.to_list()]

    @cached_property
    def labels(self) -> list[str | None]:
        """The titles of the items, as the log has them."""
        labels = self.model.item_ids.labels
        return [None] * len(self.ids) if labels is None else labels.to_list()

    @cached_property
    def titles(self) -> TitleIndex:
        return TitleIndex(self.labels)

    @cached_property
    def popular(self) -> NDArray[np.int64]:
        """Items in the order of how many users met them."""
        counts = np.asarray(self.model.popularity)
        return np.argsort(-counts, kind="stable")

    @cached_property
    def surprise(self) -> NDArray[np.float64]:
        """How surprising each item is, in bits: minus the binary logarithm of the share of users who have met it."""
        counts = np.asarray(self.model.popularity, dtype=np.float64)
        return np.array(np.log2(self.model.interactions.n_users + 1) - np.log2(counts + 1))

    @cached_property
    def ranks_by_ratings(self) -> bool:
        """Whether the vector that ranks for a new user depends on their ratings."""
        return any(looks_at_values(way) for way in getattr(self.model.scorer, "foldings", ()))

    @cached_property
    def by_digest(self) -> dict[str, int]:
        """The index of each item by the digest of its id, as marks of deletions have it."""
        return {digest_of("item", item): place for place, item in enumerate(self.ids)}

    def user(self, user: str) -> int:
        """The index of a user; -1 where the model does not know them."""
        return int(_places([user], self.model.user_ids, self._users)[0])

    def items(self, items: list[str]) -> NDArray[np.int64]:
        """The indices of items; -1 where the model does not know one."""
        return _places(items, self.model.item_ids, self._items)

    def met_by(self, user: int) -> NDArray[np.int64]:
        """The items that a user had met when the model was fitted."""
        first, end = self.model.interactions.csr.indptr[user : user + 2]
        return self.model.interactions.items[first:end].astype(np.int64)

    def weights_of(self, user: int) -> NDArray[np.float32] | None:
        """The weights of these rows; None: the log has none."""
        weights = self.model.interactions.weights
        first, end = self.model.interactions.csr.indptr[user : user + 2]
        return None if weights is None else weights[first:end]

    @classmethod
    def load(cls, folder: Path) -> Served:
        """The model in a folder.

        Raises:
            ModelFileError: there is none, or it is torn.
        """
        model = Recommender.load(folder)
        version = hashlib.sha256((folder / CONFIG).read_bytes()).hexdigest()[:12]
        learnt = folder / LEARNT
        seq = read_json(learnt, ModelFileError, largest=4096).get("seq", 0) if learnt.is_file() else 0
        return cls(model, f"{model.name}-{version}", int(seq))


class ModelHolder:
    """The model of the moment. Who has taken it keeps it until their request is done; the next request gets the next.

    Args:
        served: the first model.
        folder: looked at for a new one; None: there is none.
    """

    def __init__(self, served: Served, folder: Path | None = None) -> None:
        self._served, self.folder = served, folder
        self._seen = None if folder is None else _stamp(folder)
        self._turn = threading.Lock()
        self.refused = ""  # why a new model in the folder was not taken
        self.listeners: list[Callable[[Served], Any]] = []

    @property
    def served(self) -> Served:
        return self._served

    def swap(self, served: Served) -> None:
        """Let the next requests have another model."""
        for prepare in self.listeners:
            prepare(served)
        self._served, self.refused = served, ""

    def look(self) -> bool:
        """Take the model in the folder if it is another one, and whole; whether that was so."""
        if self.folder is None:
            return False
        with self._turn:
            stamp = _stamp(self.folder)
            if stamp == self._seen:
                return False
            try:
                fresh = Served.load(self.folder)
            except (ModelFileError, OSError) as error:
                if _stamp(self.folder) == stamp:  # it is not being written just now
                    self._seen, self.refused = stamp, str(error)
                return False
            self._seen = stamp
            if fresh.version == self._served.version:
                return False
            self.swap(fresh)
            return True


def _places(texts: list[str], ids: IdMap, places: dict[Any, int]) -> NDArray[np.int64]:
    """As ``ids.encode(texts, unknown="mark")``, by a table that is ready: a request has a handful of ids."""
    found = indices_of(pl.Series(texts, dtype=pl.String), places, numbers=ids.ids.dtype == pl.Int64)
    return np.array(found, dtype=np.int64)


def _stamp(folder: Path) -> tuple[Any, ...]:
    """What changes when something in a folder does."""
    try:
        files = sorted(folder.iterdir())
        return tuple((file.name, *_facts(file)) for file in files)
    except OSError:
        return ()


def _facts(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
