"""Alembic's migrations of a store, in the package: :mod:`fillrank.store.migrate` runs them."""
