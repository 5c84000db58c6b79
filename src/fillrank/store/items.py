"""Items and users: what is known of them beside the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from fillrank.errors import DataError
from fillrank.store.checks import check_text, now_ms
from fillrank.store.tables import counters, items, users

__all__ = [
    "CatalogueItem",
    "all_items",
    "count_change",
    "get_item",
    "get_user",
    "hidden_items",
    "put_item",
    "put_user",
    "remove_item",
    "upsert",
    "users_after",
]

_MOST = 100  # categories of an item
_LONGEST_TITLE = 1000


@dataclass(frozen=True)
class CatalogueItem:
    """An item as somebody has described it.

    Attributes:
        id: of the item.
        title: for people; None: the one that the log has.
        categories: in which it is listed.
        hidden: never listed.
        details: whatever else is to be kept with it; nothing looks at it.
        changed: when, in milliseconds since 1970.

    Raises:
        DataError: a text is empty, too long or cannot be stored, or there are more than 100 categories.
    """

    id: str
    title: str | None = None
    categories: tuple[str, ...] = ()
    hidden: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    changed: int = field(default_factory=now_ms)

    def __post_init__(self) -> None:
        check_text("id", self.id)
        if self.title is not None:
            check_text("title", self.title, _LONGEST_TITLE)
        if len(self.categories) > _MOST:
            raise DataError(f"an item has at most {_MOST} categories, got {len(self.categories):,}")
        for category in self.categories:
            check_text("a category", category)


def put_item(connection: Connection, item: CatalogueItem) -> None:
    """Write an item, in the place of one of its id."""
    row = {"title": item.title, "categories": list(item.categories), "hidden": item.hidden}
    upsert(connection, items, {"id": item.id}, {**row, "details": dict(item.details), "changed": item.changed})
    count_change(connection, "items")


def get_item(connection: Connection, item: str) -> CatalogueItem | None:
    """The item of an id, or None."""
    row = connection.execute(select(items).where(items.c.id == item)).mappings().one_or_none()
    return None if row is None else _item(row)


def all_items(connection: Connection, *, after: str = "", limit: int | None = None) -> list[CatalogueItem]:
    """All items, or a page of them, in the order of their ids."""
    asked = select(items).where(items.c.id > after).order_by(items.c.id).limit(limit)
    return [_item(row) for row in connection.execute(asked).mappings()]


def hidden_items(connection: Connection) -> list[str]:
    """The ids of the items that are hidden."""
    return list(connection.execute(select(items.c.id).where(items.c.hidden)).scalars())


def remove_item(connection: Connection, item: str) -> bool:
    """Forget what was said of an item; whether there was something."""
    count_change(connection, "items")
    return bool(connection.execute(delete(items).where(items.c.id == item)).rowcount)


def put_user(connection: Connection, user: str, details: Mapping[str, Any]) -> None:
    """Write what is to be kept with a user."""
    upsert(connection, users, {"id": check_text("user", user)}, {"details": dict(details)})


def get_user(connection: Connection, user: str) -> Mapping[str, Any] | None:
    """What is kept with a user, or None."""
    found = connection.execute(select(users.c.details).where(users.c.id == user)).scalar_one_or_none()
    return None if found is None else dict(found)


def users_after(connection: Connection, after: str, limit: int) -> list[tuple[str, Mapping[str, Any]]]:
    """A page of users, in the order of their ids, with what is kept with them."""
    asked = select(users).where(users.c.id > after).order_by(users.c.id).limit(limit)
    return [(row["id"], dict(row["details"])) for row in connection.execute(asked).mappings()]


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write a row in the place of that with the same key."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def count_change(connection: Connection, name: str) -> None:
    """Let all that hold a copy of the table ``name`` see that it has changed."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(counters).values(name=name, value=1)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + 1}))


def _item(row: RowMapping) -> CatalogueItem:
    return CatalogueItem(**{**row, "categories": tuple(row["categories"]), "hidden": bool(row["hidden"])})
