"""A connection to a database by its URL, and its faults in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from fillrank.errors import DiskFullError, SettingsError, StoreError
from fillrank.runtime.atomic_write import full_disk_reason
from fillrank.runtime.paths import expanded

__all__ = ["WRITING", "engine_of", "faults_in_words", "refuse_if_not_there", "shown_url"]

WRITING = {"fillrank_writing": True}
"""Options of a connection whose transactions write: on SQLite each begins by waiting for its turn."""

_PATIENCE = 10  # seconds that a writer waits for another, or anybody for a connection
_PRAGMAS = (
    "journal_mode=WAL",  # readers and a writer do not wait for one another
    "synchronous=FULL",  # a commit returns when it is on the disk
    "secure_delete=ON",  # what is deleted is overwritten
    "foreign_keys=ON",
    "journal_size_limit=67108864",
)


def engine_of(url: str | URL, *, connections: int = 8) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://user:password@host/name``.

    Raises:
        SettingsError: it is no such URL.
        StoreError: there is no folder for the file, and none can be made.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("a store needs a file: give sqlite:///PATH (three slashes and a path)").about("store")
        file = expanded(parsed.database, "the store", SettingsError)
        parsed = parsed.set(database=str(file))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder of {file} cannot be made: {error.strerror}; give another place") from error
        engine = create_engine(
            parsed, connect_args={"timeout": _PATIENCE}, pool_size=connections, pool_timeout=_PATIENCE
        )
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed,
        connect_args={"connect_timeout": _PATIENCE},
        pool_size=connections,
        pool_timeout=_PATIENCE,
        pool_pre_ping=True,  # the database may have been gone and be back
    )
    event.listen(engine, "connect", _open_postgresql)
    return engine


def shown_url(url: str | URL) -> str:
    """A URL for a message, without its password."""
    return _parsed(url).render_as_string(hide_password=True)


def refuse_if_not_there(url: str | URL) -> None:
    """Refuse a store of SQLite whose file is not there, where none is to be made.

    Raises:
        StoreError: it is not there.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and not expanded(parsed.database or "", "the store").is_file():
        raise StoreError(f"there is no store at {shown_url(parsed)}; check the path")


@contextmanager
def faults_in_words(url: URL) -> Iterator[None]:
    """Inside the block, an error of the database becomes one of ours.

    Raises:
        DiskFullError: there is no room.
        StoreError: the database cannot be reached, or refuses.
    """
    try:
        yield
    except DBAPIError as error:
        shown, cause = shown_url(url), error.orig
        full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        reason = full_disk_reason(cause) if cause is not None else None
        if full or reason is not None or getattr(cause, "sqlstate", None) == "53100":
            raise DiskFullError(f"{shown} is not written: {reason or 'no space is left on its disk'}") from error
        first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise StoreError(f"{shown} does not answer: {first}; see whether it is there and takes connections") from error
    except SQLAlchemyError as error:
        raise StoreError(f"{shown_url(url)} does not answer: {str(error).splitlines()[0]}") from error


def _parsed(url: str | URL) -> URL:
    wanted = "give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (NoSuchModuleError, ImportError) as error:
        name = str(url).partition(":")[0]
        raise SettingsError(f"there is no database {name!r} to speak to; {wanted}").about("store") from error
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"the store is no database URL; {wanted}").about("store") from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise SettingsError(f"a store is SQLite or PostgreSQL, not {parsed.get_backend_name()!r}; {wanted}").about(
            "store"
        )
    return parsed


def _open_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _begin_sqlite
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that reads first and then writes would fail where another has written in between."""
    writing = connection.get_execution_options().get("fillrank_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _open_postgresql(connection: Any, _: Any) -> None:
    """Durable before it is acknowledged, also where the server is set up otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")
    connection.commit()
