"""What the next model learns from: a log and the events of a store, as one log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import select

from fillrank.data import Interactions
from fillrank.data.id_values import text_of
from fillrank.errors import DataError
from fillrank.store.checks import digest_of, now_ms
from fillrank.store.events import live, newest
from fillrank.store.meaning import EventMeaning
from fillrank.store.store import Store
from fillrank.store.tables import events

__all__ = ["Learnt", "all_to_learn"]

_ROWS = 50_000
_SCHEMA = {"user": pl.String, "item": pl.String, "type": pl.String, "value": pl.Float64, "time": pl.Int64}


@dataclass(frozen=True, eq=False)
class Learnt:
    """A log with the events in it.

    Attributes:
        interactions: all rows.
        seq: the number of the last event that is in it.
    """

    interactions: Interactions
    seq: int


def all_to_learn(
    store: Store, interactions: Interactions | None, meaning: EventMeaning, *, until: int | None = None
) -> Learnt:
    """The rows of a log and what events say, without the users and items that were deleted.

    Of a pair that is in both, the newer row counts. Where the log has ratings, events without one say only that a user
    has met the item: they are left out, as there is no rating to learn from. Where its rows have weights, or the types
    of events have, those of a pair are added up; after a dislike the pair has the weight 0. Ids of events are texts;
    among whole numbers, a text that is the number as it is usually written is that number.

    Args:
        store: with the events.
        interactions: what there was before; None: nothing.
        meaning: of the types of events.
        until: only events before this moment (milliseconds since 1970); the log is not cut.

    Raises:
        DataError: there is nothing to learn from.
    """
    with store.reading() as connection:
        seq = newest(connection)
        columns = [events.c.user_id, events.c.item_id, events.c.type, events.c.value, events.c.time]
        asked = live(select(*columns), now_ms()).where(events.c.seq <= seq).order_by(events.c.seq)
        if until is not None:
            asked = asked.where(events.c.time < until)
        parts = connection.execution_options(yield_per=_ROWS).execute(asked).partitions()
        frames = [pl.DataFrame([tuple(row) for row in part], schema=_SCHEMA, orient="row") for part in parts]
    said = _newest_of_pairs(pl.concat([pl.DataFrame(schema=_SCHEMA), *frames]), meaning)
    titles = {item.id: item.title for item in store.items() if item.title is not None}
    kept = None if interactions is None else _without_deleted(interactions, store)
    rows = _joined(kept, said, titles, weighted=meaning.weights is not None)
    if not len(rows):
        raise DataError("there is nothing to learn from: no log was given, and the store has no events that count")
    options = {"duplicates": "last", "name": "store" if interactions is None else interactions.name}
    label = {"label": "label"} if "label" in rows.columns else {"label": False}
    names: dict[str, Any] = {role: role if role in rows.columns else False for role in ("value", "time", "weight")}
    relevant = None if interactions is None or "value" not in rows.columns else interactions.relevant_from
    return Learnt(
        Interactions.from_frame(rows, user="user", item="item", **names, **label, relevant_from=relevant, **options),
        seq,
    )


def _newest_of_pairs(rows: pl.DataFrame, meaning: EventMeaning) -> pl.DataFrame:
    """:meth:`EventMeaning.tastes` for all users at once: ``user, item, value, time, weight``; unwanted: 0."""
    counted = rows.filter(~pl.col("type").is_in(list(meaning.ignored))).sort("time", maintain_order=True)
    negative = pl.col("type").is_in(list(meaning.negative))
    since = negative.cum_sum().over("user", "item")  # what was said before a dislike is void
    counted = counted.with_columns(negative.alias("negative"), since.alias("since"))
    last = counted.filter(pl.col("since") == pl.col("since").max().over("user", "item"))
    weights = meaning.weights or {}
    each = pl.col("type").replace_strict(list(weights), list(weights.values()), default=1.0, return_dtype=pl.Float32)
    together = each.filter(~pl.col("negative")).sum()
    weight = pl.lit(1.0, dtype=pl.Float32).first() if meaning.weights is None else together
    return last.group_by("user", "item", maintain_order=True).agg(
        pl.col("value").filter(~pl.col("negative")).drop_nulls().last(),
        pl.col("time").last() // 1000,
        pl.when(pl.col("negative").last()).then(0.0).otherwise(weight).cast(pl.Float32).alias("weight"),
    )


def _without_deleted(interactions: Interactions, store: Store) -> Interactions:
    keep = None
    for kind, ids, places in (
        ("user", interactions.user_ids, interactions.users),
        ("item", interactions.item_ids, interactions.items),
    ):
        gone = store.deleted(kind)
        if gone:
            stays = pl.Series([digest_of(kind, text_of(one)) not in gone for one in ids.ids.to_list()]).to_numpy()
            keep = stays[places] if keep is None else keep & stays[places]
    return interactions if keep is None else interactions.select(keep)


def _joined(
    interactions: Interactions | None, said: pl.DataFrame, titles: dict[str, str], *, weighted: bool
) -> pl.DataFrame:
    weighted = weighted or (interactions is not None and interactions.weights is not None)
    if not weighted:
        said = said.filter(pl.col("weight") > 0).drop("weight")
    if interactions is None:
        rated = said["value"].is_not_null()
        rows = said.filter(rated) if 2 * int(rated.sum()) > len(rated) else said.drop("value")
        return _labelled(rows, titles)
    columns = {
        "user": interactions.user_ids.decode(interactions.users),
        "item": interactions.item_ids.decode(interactions.items),
    }
    own = {"value": interactions.values, "time": interactions.times, "weight": interactions.weights}
    old = pl.DataFrame(columns | {name: column for name, column in own.items() if column is not None})
    if weighted and interactions.weights is None:
        old = old.with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
    if interactions.item_ids.labels is not None:
        old = old.with_columns(label=interactions.item_ids.labels.gather(interactions.items))
    new = said.filter(pl.col("value").is_not_null()) if interactions.values is not None else said.drop("value")
    if interactions.times is None:
        new = new.drop("time")
    for role, ids in (("user", interactions.user_ids), ("item", interactions.item_ids)):
        spelled = ids.spelled(new[role])
        new = new.with_columns(spelled.alias(role) if len(new) else spelled.cast(ids.ids.dtype).alias(role))
        if new[role].dtype != old[role].dtype:
            old = old.with_columns(pl.col(role).cast(pl.String))
    new = new.with_columns(pl.col("value").cast(pl.Float32)) if "value" in new.columns else new
    rows = pl.concat([old, new], how="diagonal")
    if weighted:
        pair = ("user", "item")
        last, together = pl.col("weight").last().over(pair), pl.col("weight").sum().over(pair)
        rows = rows.with_columns(pl.when(last == 0).then(0.0).otherwise(together).cast(pl.Float32).alias("weight"))
    return _labelled(rows, titles)


def _labelled(rows: pl.DataFrame, titles: dict[str, str]) -> pl.DataFrame:
    """With the titles that somebody gave to items, in the place of those of the log."""
    if not titles or not len(rows):
        return rows
    given = pl.Series([titles.get(text_of(item)) for item in rows["item"].to_list()], dtype=pl.String)
    known = rows["label"] if "label" in rows.columns else pl.Series([None] * len(rows), dtype=pl.String)
    return rows.with_columns(given.zip_with(given.is_not_null(), known).alias("label"))
