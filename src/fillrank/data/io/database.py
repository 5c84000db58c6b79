"""A log from a database: the rows of a query, by SQLAlchemy where that is installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl

from fillrank.data.id_values import values_of
from fillrank.errors import DataError, FillrankError, MissingExtraError, SettingsError
from fillrank.runtime.paths import expanded

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = ["is_database", "rows_of"]

_URL = re.compile(r"(?:sqlite|postgres(?:ql)?|mysql|mariadb|oracle|mssql|duckdb)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_ROWS = 100_000


def is_database(path: Any) -> bool:
    """Whether what stands for a path is the URL of a database.

    Example:
        >>> is_database("sqlite:///shop.db"), is_database("log.csv"), is_database("file:///log.csv")
        (True, False, False)
    """
    return isinstance(path, str) and _URL.match(path) is not None


def rows_of(url: str, query: str | None) -> pl.DataFrame:
    """What a query gives, as a frame; values are as the database has them.

    Raises:
        SettingsError: there is no query, or the URL is none that SQLAlchemy knows.
        DataError: the database cannot be reached, or does not understand the query.
        MissingExtraError: SQLAlchemy, or its driver, is not installed.
    """
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ImportError as error:
        raise MissingExtraError('reading from a database needs SQLAlchemy: pip install "fillrank[serve]"') from error
    try:
        parsed = sa.make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        if not query or not query.strip():
            raise SettingsError(
                f"{shown} is a database: say which rows, as in query='select who, what, stars from ratings'"  # noqa: S608
            ).about("query")
        engine = sa.create_engine(_ready(parsed))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        if isinstance(error, FillrankError):
            raise
        raise SettingsError(f"the path is no URL of a database that SQLAlchemy knows ({error})") from error
    except ImportError as error:
        raise MissingExtraError(f"reading from {url.partition(':')[0]} needs a driver: {error}") from error
    try:
        with engine.connect() as connection:
            result = connection.execution_options(stream_results=True, no_parameters=True).exec_driver_sql(query)
            if not result.returns_rows:
                raise DataError(f"the query of {shown} gives no rows; write one that begins with select")
            names = [str(name) for name in tuple(result.keys())]
            parts = [list(zip(*part, strict=True)) for part in result.partitions(_ROWS)]
    except SQLAlchemyError as error:
        said = (str(getattr(error, "orig", None) or error).strip().splitlines() or [""])[0]
        raise DataError(f"{shown} cannot be read: {said}") from error
    finally:
        engine.dispose()
    columns = [values_of([value for part in parts for value in part[place]], name) for place, name in enumerate(names)]
    if len(set(names)) < len(names):
        raise DataError(f"the query of {shown} gives two columns of one name ({', '.join(names)}); name them apart")
    return pl.DataFrame([column.alias(name) for name, column in zip(names, columns, strict=True)])


def _ready(url: URL) -> URL:
    """The URL for reading: a file of SQLite that is not there is not made, and the usual driver of PostgreSQL."""
    if url.get_backend_name() == "sqlite" and url.database:
        file = expanded(url.database, "the database")
        if not file.is_file():
            raise DataError(
                f"there is no file {url.database}; sqlite:///log.db is a file of this folder, and "
                "sqlite:////srv/log.db one that is named from the root"
            )
        return url.set(database=f"file:{quote(file.as_posix())}", query={"mode": "ro", "uri": "true"})
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    return url
