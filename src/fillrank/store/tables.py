"""The tables of a store. A change needs a migration beside it (``migrations/versions``); a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

__all__ = ["api_keys", "counters", "deletions", "events", "items", "metadata", "users"]

metadata = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts by itself in INTEGER alone

events = Table(
    "events",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),  # in the order in which they were committed
    Column("id", String, nullable=False, unique=True),
    Column("user_id", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("value", Float),
    Column("time", BigInteger, nullable=False),  # milliseconds since 1970, UTC, as are all times
    Column("expires", BigInteger),
    Index("events_of_user", "user_id", "seq"),
    Index("events_of_item", "item_id"),
    Index("events_by_expiry", "expires"),
    sqlite_autoincrement=True,  # a number is never given again, also after the last event was deleted
)
items = Table(
    "items",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", String),
    Column("categories", JSON, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("details", JSON, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
users = Table("users", metadata, Column("id", String, primary_key=True), Column("details", JSON, nullable=False))
deletions = Table(
    "deletions",
    metadata,
    Column("kind", String, primary_key=True),  # "user" or "item"
    Column("digest", String, primary_key=True),  # of the id: a mark should not keep what was to be deleted
    Column("seq", BigInteger, nullable=False),  # the last event that there was
    Column("time", BigInteger, nullable=False),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),  # what is counted: changes of items, deletions
    Column("value", BigInteger, nullable=False),
)
