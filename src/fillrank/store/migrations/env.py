"""What Alembic runs: the migrations on the connection that it is given, inside the transaction that is open there."""

from __future__ import annotations

from alembic import context

from fillrank.store.tables import metadata

__all__: list[str] = []


def run() -> None:
    """Run the migrations that were asked for."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()


if getattr(context, "config", None) is not None:  # an import for another reason runs nothing
    run()
