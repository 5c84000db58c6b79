"""Bringing the tables of a database to what this version of fillrank works with."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from fillrank.errors import StoreError
from fillrank.store.engine import WRITING, faults_in_words, shown_url

__all__ = ["LOCK", "migrate"]

LOCK = 0x66_69_6C_6C  # the number of PostgreSQL's advisory lock: one migration, and one writer of events, at a time


def migrate(engine: Engine) -> None:
    """Make the tables, or change those of an older version; a no-op where they are as they should be.

    All of it is one transaction: a process that is killed leaves the old tables. Two processes take turns.

    Raises:
        StoreError: the store was written by a newer fillrank, or cannot be reached.
    """
    config = Config()
    config.set_main_option("script_location", "fillrank.store:migrations")
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config).get_current_head()
    with faults_in_words(engine.url):
        with engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == newest:
                return
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
            f"{shown_url(connection.engine.url)} was written by a newer fillrank ({error}); upgrade this one"
        ) from error
