"""Bringing the tables of a database to what this version of fillrank works with."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect, text

from fillrank.errors import StoreError
from fillrank.store.engine import WRITING, faults_in_words, shown_url
from fillrank.store.tables import metadata

__all__ = ["LOCK", "migrate"]

LOCK = 0x66_69_6C_6C  # the number of PostgreSQL's advisory lock: one migration, and one writer of events, at a time


def migrate(engine: Engine) -> None:
    """Make the tables, or change those of an older version; a no-op where they are as they should be.

    All of it is one transaction: a process that is killed leaves the old tables. Two processes take turns.

    Raises:
        StoreError: the store was written by a newer fillrank, cannot be reached, or holds tables of another program.
    """
    config = Config()
    config.set_main_option("script_location", "fillrank.store:migrations")
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config).get_current_head()
    with faults_in_words(engine.url):
        with engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision == newest:
                return
            if revision is None:
                _refuse_others(connection)
        with engine.execution_options(**WRITING).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
            _upgrade(config, connection)


def _upgrade(config: Config, connection: Connection) -> None:
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"{shown_url(connection.engine.url)} was written by a newer fillrank, or is another program's ({error}); "
            "upgrade this one, or give a database of its own"
        ) from error


def _refuse_others(connection: Connection) -> None:
    """Refuse a database in which another program has tables: a file of SQLite, or ones with names that are ours."""
    found = inspect(connection).get_table_names()
    clash = found if connection.dialect.name == "sqlite" else [name for name in found if name in metadata.tables]
    if clash:
        raise StoreError(
            f"{shown_url(connection.engine.url)} holds tables of another program ({', '.join(clash[:5])}), and is left "
            "as it is; give a database of its own"
        )
