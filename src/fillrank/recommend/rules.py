"""What may be on a list: rules in outside ids, as they are given, and in indices, as the ranking takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.arguments import naming, shown
from fillrank.data import IdMap
from fillrank.data.id_values import text_of, values_of
from fillrank.data.ids import shown_id
from fillrank.data.item_table import ItemTable
from fillrank.errors import DataError, SettingsError, UnknownIdError
from fillrank.retrieval.capped import Caps

__all__ = ["ItemFilter", "ListRules", "rules_of"]


class ListRules(TypedDict, total=False):
    """What may be on the lists of one call; all that is given holds together.

    Attributes:
        items: only these items (ids) may be listed.
        exclude: these items (ids) may not.
        per_user_items: user id → the only items that this user may have; other users are not touched by it.
        per_user_exclude: user id → items that this user may not have.
        where: column of the item table → a value or a list of values: only items that have one of them, in each column.
        where_not: column of the item table → a value or a list: no item that has one of them.
        at_most: column of the item table → how many items of one category a list may have; from the top, what would be
            one too many is passed over.
        item_table: what is known of items, as :meth:`fillrank.data.item_table.ItemTable.of` takes it; None: the one
            that the model keeps.
    """

    items: Iterable[Any] | None
    exclude: Iterable[Any] | None
    per_user_items: Mapping[Any, Iterable[Any]] | None
    per_user_exclude: Mapping[Any, Iterable[Any]] | None
    where: Mapping[str, Any] | None
    where_not: Mapping[str, Any] | None
    at_most: Mapping[str, int] | None
    item_table: Any


@dataclass(frozen=True, eq=False)
class ItemFilter:
    """The rules of one call in indices. A row is a place among the users asked for.

    Attributes:
        allowed: bool ``[n_items]``: what may be listed for anybody; None: everything.
        hidden: ``[n_asked, n_items]``, what is stored in a row may not be listed there; None: nothing.
        own: ``[n_asked, n_items]``, what is stored in a row is all that may be listed there.
        has_own: bool ``[n_asked]``: the rows that ``own`` is for.
        caps: how many of each category; None: any number.
        any: whether there is a rule at all.
    """

    allowed: NDArray[np.bool_] | None = None
    hidden: sp.csr_array[Any] | None = None
    own: sp.csr_array[Any] | None = None
    has_own: NDArray[np.bool_] | None = None
    caps: Caps | None = None

    @property
    def any(self) -> bool:
        return any(rule is not None for rule in (self.allowed, self.hidden, self.own, self.caps))


def rules_of(
    given: Mapping[str, Any],
    asked: pl.Series,
    codes: NDArray[np.int32],
    ids: tuple[IdMap, IdMap],
    kept: ItemTable | None,
) -> ItemFilter:
    """The rules in indices.

    Args:
        given: see :class:`ListRules`.
        asked: the users' ids.
        codes: their indices, -1 for a stranger.
        ids: the model's users and items.
        kept: the model's own item table.

    Raises:
        SettingsError: there is no such rule, or one of the item table without a table.
        UnknownIdError: an item, or a user of a rule, is not known.
        DataError: a rule is not of the kind that it has to be.
    """
    user_ids, item_ids = ids
    for name in given:
        if name not in ListRules.__annotations__:
            known = ", ".join(("filter_seen", "unknown", *ListRules.__annotations__))
            raise SettingsError(f"recommend has no argument {name!r}; it has user_ids, k, {known}").about(name)
    allowed = _allowed(given, item_ids, kept)
    for_one = {}
    for name in ("per_user_items", "per_user_exclude"):
        if (lists := given.get(name)) is not None:
            with naming(name):
                for_one[name] = _rows(lists, asked, codes, user_ids, item_ids)
    own, has_own = for_one.get("per_user_items", (None, None))
    hidden, _ = for_one.get("per_user_exclude", (None, None))
    return ItemFilter(allowed, hidden, own, has_own, _caps(given, item_ids, kept))


def _allowed(given: Mapping[str, Any], item_ids: IdMap, kept: ItemTable | None) -> NDArray[np.bool_] | None:
    allowed = np.ones(len(item_ids), dtype=np.bool_)
    if (items := given.get("items")) is not None:
        with naming("items"):
            places = item_ids.encode(values_of(items, "item ids"))
        allowed[:] = False
        allowed[places] = True
    if (without := given.get("exclude")) is not None:
        with naming("exclude"):
            allowed[item_ids.encode(values_of(without, "item ids"))] = False
    for name in ("where", "where_not"):
        if (conditions := given.get(name)) is None:
            continue
        with naming(name):
            if not isinstance(conditions, Mapping) or not conditions:
                raise DataError(
                    f"a mapping from a column of the item table to values was wanted, got {shown(conditions)}".strip()
                )
            table = _table(given, item_ids, kept)
            if name == "where":
                allowed &= table.having(conditions)
            for column, values in conditions.items() if name == "where_not" else ():
                allowed &= ~table.having({column: values})
    rules = ("items", "exclude", "where", "where_not")
    return allowed if any(given.get(name) is not None for name in rules) else None


def _caps(given: Mapping[str, Any], item_ids: IdMap, kept: ItemTable | None) -> Caps | None:
    at_most = given.get("at_most")
    if at_most is None:
        return None
    with naming("at_most"):
        if not isinstance(at_most, Mapping) or not at_most:
            raise DataError(f"a mapping from a column of the item table to a number was wanted, got {shown(at_most)}")
        table = _table(given, item_ids, kept)
        columns, most = [], []
        for name, n in at_most.items():
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
                raise SettingsError(f"a list has at most 1 or more of a category, got {shown_id(n)} for {name!r}")
            column = table.column(name)
            columns.append(column.of_rows)
            most.append(np.full(len(column.values), int(n)))
    return Caps(sp.hstack(columns, format="csr"), np.concatenate(most))


def _table(given: Mapping[str, Any], item_ids: IdMap, kept: ItemTable | None) -> ItemTable:
    if given.get("item_table") is not None:
        with naming("item_table"):
            return ItemTable.of(given["item_table"], item_ids)
    if kept is None:
        raise SettingsError(
            "this asks for an item table, and the model keeps none; give item_table=, or keep one: "
            "model.with_item_table(table)"
        )
    return kept


def _rows(
    lists: Any, asked: pl.Series, codes: NDArray[np.int32], user_ids: IdMap, item_ids: IdMap
) -> tuple[sp.csr_array[Any], NDArray[np.bool_]]:
    """The items of each user asked for, ``[n_asked, n_items]``, and for which of them some are given."""
    if not isinstance(lists, Mapping):
        raise DataError(f"a mapping from user ids to lists of items was wanted, got {shown(lists)}")
    known = user_ids.encode(list(lists), unknown="mark").tolist()
    strangers = {text_of(one) for one, code in zip(asked.to_list(), codes.tolist(), strict=True) if code < 0}
    by_code: dict[int, NDArray[np.int32]] = {}
    by_text: dict[str, NDArray[np.int32]] = {}
    for (user, items), code in zip(lists.items(), known, strict=True):
        with naming(f"the list of {text_of(user)!r}"):
            places = item_ids.encode(values_of(items, "item ids"))
        if code >= 0:
            by_code[code] = places
        elif text_of(user) in strangers:
            by_text[text_of(user)] = places
        else:
            raise UnknownIdError(f"user {shown_id(user)} is neither known to the model nor among the users asked for")
    empty = np.zeros(0, dtype=np.int32)
    rows = [
        by_code.get(code) if code >= 0 else by_text.get(text_of(one))
        for one, code in zip(asked.to_list(), codes.tolist(), strict=True)
    ]
    filled = [empty if row is None else np.unique(row) for row in rows]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in filled], dtype=np.int64)])
    places = np.concatenate([empty, *filled])
    matrix = sp.csr_array((np.ones(len(places), dtype=np.float32), places, indptr), shape=(len(rows), len(item_ids)))
    return matrix, np.array([row is not None for row in rows], dtype=np.bool_)
