"""What the store says of items, laid over the items of a model: titles, categories, what is hidden or deleted."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fillrank.data.categories import Categories
from fillrank.data.item_table import ItemTable
from fillrank.server.search import TitleIndex
from fillrank.server.served import Served
from fillrank.store import CatalogueItem, Store

__all__ = ["CATEGORY", "Catalogue", "Catalogues"]

CATEGORY = "category"
"""The column of an item table that holds what the store calls categories."""

_SHARE = 10  # a large copy is made anew after at least so many times as long as making it took
_MODELS = 8  # whose copies are kept: of those side by side, and of one that requests under way still have
_SMALL = 1000  # items; a copy of so few is made anew at each change


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The items of one model as they are at one moment.

    Attributes:
        served: the model.
        changes: of the store, when the descriptions were read.
        marked: of the store, when what is not to be listed was read.
        unlisted: bool ``[n_items]``: hidden or deleted.
        described: what the store says of items, by id, also of those that the model does not know.
        table: columns of categories: those of the model's item table, and ``category``, what the store says (of items
            that it has nothing of, what the model's table says).
        deleted_users: digests of users of whom the model may know what was to be forgotten.
    """

    served: Served
    changes: Mapping[str, int]
    marked: Mapping[str, int]
    unlisted: NDArray[np.bool_]
    described: Mapping[str, CatalogueItem]
    table: ItemTable
    deleted_users: frozenset[str]
    made: float = field(default_factory=time.monotonic)
    cost: float = 0.0

    @cached_property
    def index(self) -> TitleIndex:
        """Of the titles that the store has."""
        return TitleIndex([item.title for item in self.described.values()])

    def title(self, place: int) -> str | None:
        """The title of an item of the model."""
        own = self.described.get(self.served.ids[place])
        return own.title if own is not None and own.title is not None else self.served.labels[place]

    def describe(self, item: str) -> dict[str, object] | None:
        """What is known of an item, by its id; None for an item that nobody knows."""
        own = self.described.get(item)
        place = int(self.served.items([item])[0])
        if own is None and (place < 0 or self.unlisted[place]):
            return None
        title = own.title if own is not None and own.title is not None else None
        if title is None and place >= 0:
            title = self.served.labels[place]
        own = own or CatalogueItem(item)
        return {
            "item": item, "title": title, "categories": list(own.categories), "hidden": own.hidden, "known": place >= 0
        }  # fmt: skip

    def in_categories(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which items are in one of these categories; none is in one that nobody has heard of."""
        known = [name for name in names if name in self.table.columns[CATEGORY].places]
        if not known:
            return np.zeros(len(self.served.ids), dtype=bool)
        return self.table.having({CATEGORY: known})

    def search(self, query: str, limit: int) -> list[str]:
        """The ids of the items whose titles are nearest to a query; an item of exactly that id stands first."""
        renamed = {item for item, own in self.described.items() if own.title is not None}
        hidden = {item for item, own in self.described.items() if own.hidden}
        wanted = limit + len(renamed) + len(hidden)
        places, scores = self.served.titles.scored(query, wanted)
        ids, unlisted = self.served.ids, self.unlisted
        found = [
            (-float(score), ids[place])
            for place, score in zip(places.tolist(), scores, strict=True)
            if not unlisted[place] and ids[place] not in renamed
        ]
        own_ids = list(self.described)
        places, scores = self.index.scored(query, wanted)
        found += [
            (-float(score), own_ids[place])
            for place, score in zip(places.tolist(), scores, strict=True)
            if own_ids[place] not in hidden
        ]
        best = [item for _, item in sorted(found, key=lambda pair: pair[0])]
        exact = [query] if (known := self.describe(query)) is not None and not known["hidden"] else []
        return list(dict.fromkeys([*exact, *best]))[:limit]


class Catalogues:
    """The catalogue of the moment, made anew when the store says that something has changed.

    What was hidden or deleted counts at once, and so does all else in a store of up to 1,000 described items. Beyond,
    titles and categories may be old for ten times as long as reading all of them takes, so that a stream of changes to
    a large catalogue does not stop the lists.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._kept: OrderedDict[Served, Catalogue] = OrderedDict()

    def of(self, served: Served) -> Catalogue:
        """The catalogue for a model."""
        changes = self._store.changes()
        last = self._kept.get(served)
        if last is not None and last.changes == changes:
            return last
        with self._turn:  # one makes it, the others wait for that
            last, changes = self._kept.get(served), self._store.changes()
            if last is None:
                last = self._made(served, changes)
            elif last.changes != changes:
                rested = len(last.described) <= _SMALL or time.monotonic() - last.made >= _SHARE * last.cost
                last = self._made(served, changes) if rested else self._marked(last, changes)
            self._kept[served] = last
            while len(self._kept) > _MODELS:
                self._kept.popitem(last=False)
            return last

    def _marked(self, last: Catalogue, changes: Mapping[str, int]) -> Catalogue:
        """The same descriptions with what is hidden or deleted now."""
        if last.marked == changes:
            return last
        return replace(
            last, marked=changes, unlisted=self._unlisted(last.served), deleted_users=self._gone(last.served)
        )

    def _made(self, served: Served, changes: Mapping[str, int]) -> Catalogue:
        start = time.monotonic()
        described = {item.id: item for item in self._store.items()}
        return Catalogue(
            served=served,
            changes=changes,
            marked=changes,
            unlisted=self._unlisted(served),
            described=described,
            table=_table(served, described),
            deleted_users=self._gone(served),
            cost=time.monotonic() - start,
        )

    def _unlisted(self, served: Served) -> NDArray[np.bool_]:
        unlisted = np.zeros(len(served.ids), dtype=bool)
        places = served.items(self._store.hidden())
        unlisted[places[places >= 0]] = True
        deleted = self._store.deleted("item")
        if deleted:
            unlisted[[served.by_digest[one] for one in deleted if one in served.by_digest]] = True
        return unlisted

    def _gone(self, served: Served) -> frozenset[str]:
        return self._store.deleted("user", since=served.seq)


def _table(served: Served, described: Mapping[str, CatalogueItem]) -> ItemTable:
    """The item table of the model, with the categories of the store."""
    own = served.model.item_table
    columns = {} if own is None else dict(own.columns)
    old = columns.get(CATEGORY)
    cells: dict[int, Sequence[str | int | float | bool]] = {}
    if old is not None:
        for place in range(len(served.ids)):
            found = old.of_rows.indices[old.of_rows.indptr[place] : old.of_rows.indptr[place + 1]]
            cells[place] = [old.values[code] for code in found.tolist()]
    for place, item in zip(served.items(list(described)).tolist(), described.values(), strict=True):
        if place >= 0 and item.categories:
            cells[place] = item.categories
    columns[CATEGORY] = Categories.of(cells, len(served.ids))
    return ItemTable(columns, len(served.ids))
