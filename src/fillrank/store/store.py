"""The store of a recommender at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Connection, delete, select

from fillrank.arguments import checked
from fillrank.errors import FillrankError
from fillrank.store import events, items, keys
from fillrank.store.checks import check_text, digest_of, now_ms
from fillrank.store.engine import WRITING, engine_of, faults_in_words, shown_url
from fillrank.store.migrate import migrate
from fillrank.store.tables import counters, deletions, users

__all__ = ["Store"]

_NEWEST = 2_000  # events of a user that are looked at


class Store:
    """Events, items, users, keys and deletions, in SQLite or PostgreSQL.

    Whatever returns has been written to the disk. Several threads and several processes may use one store at a time.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``; tables are made, or brought to this
            version, when it is opened.
        connections: how many are kept open.

    Raises:
        SettingsError: the URL is none.
        StoreError: the database cannot be reached, or was written by a newer fillrank.

    Example:
        >>> import tempfile
        >>> from fillrank.store import UserEvent
        >>> folder = tempfile.TemporaryDirectory()
        >>> with Store(f"sqlite:///{folder.name}/shop.db") as store:
        ...     done = store.append([UserEvent("ann", "Heat", id="1"), UserEvent("ann", "Heat", id="1")])
        ...     done.accepted, done.repeated, [event.item for event in store.history("ann")]
        (1, 1, ['Heat'])
        >>> folder.cleanup()
    """

    @checked
    def __init__(self, url: str, *, connections: int = 8) -> None:
        self._engine = engine_of(url, connections=connections)
        self._writer = self._engine.execution_options(**WRITING)
        self._turn = threading.Lock()  # SQLite has one writer: threads wait here, not by trying again and again
        try:
            migrate(self._engine)
        except FillrankError:
            self.close()
            raise

    @property
    def url(self) -> URL:
        return self._engine.url

    def __repr__(self) -> str:
        return f"Store({shown_url(self.url)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the store as it is at one moment."""
        with faults_in_words(self.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it is on the disk at the end of the block, or nothing of it is."""
        with faults_in_words(self.url):
            if self._engine.dialect.name != "sqlite":
                with self._writer.begin() as connection:
                    yield connection
                return
            with self._turn, self._writer.begin() as connection:
                yield connection

    def append(self, given: Sequence[events.UserEvent], *, replacing: bool = False) -> events.Appended:
        """Add events; those whose ids are there already stay as they were.

        Args:
            given: the events.
            replacing: delete those of the same user, item and type first.
        """
        if not given:
            return events.Appended(0, 0)
        with self.writing() as connection:
            for user, item, kind in {(one.user, one.item, one.type) for one in given} if replacing else ():
                events.remove(connection, user_id=user, item_id=item, type=kind)
            return events.append(connection, given)

    def history(self, user: str, *, limit: int = _NEWEST, before: int | None = None) -> list[events.UserEvent]:
        """The newest events of a user that have not expired, the oldest first.

        Args:
            user: whose events.
            limit: how many at most.
            before: only events from before this moment (milliseconds since 1970).
        """
        with self.reading() as connection:
            return events.of_user(connection, user, limit=limit, now=now_ms(), before=before)

    def newest_day(self, span: int, *, limit: int) -> tuple[list[events.UserEvent], int]:
        """The events of the last ``span`` milliseconds up to the latest one, and where that span begins; at most
        ``limit`` of them, the newest."""
        with self.reading() as connection:
            end = events.latest(connection)
            start = 0 if end is None else end - span
            return ([] if end is None else events.since(connection, start, limit=limit)), start

    def events(self, *, after: int = 0, limit: int = 1000, **where: str) -> tuple[list[events.UserEvent], int]:
        """A page of events in the order in which they came, and where the next one begins.

        Args:
            after: where the page before has ended.
            limit: how many.
            **where: values of the columns ``user_id``, ``item_id``, ``type``.
        """
        with self.reading() as connection:
            return events.page(connection, after=after, limit=limit, now=now_ms(), **where)

    def remove_events(self, **where: str) -> int:
        """Delete events by the values of the columns ``user_id``, ``item_id``, ``type``; gives their number."""
        with self.writing() as connection:
            return events.remove(connection, **where)

    def newest(self) -> int:
        """The number of the event that came last."""
        with self.reading() as connection:
            return events.newest(connection)

    def count_after(self, seq: int = 0) -> int:
        """How many events came after that of a number."""
        with self.reading() as connection:
            return events.count_after(connection, seq)

    def put_item(self, item: items.CatalogueItem) -> None:
        """Write an item in the place of the one of its id, also if that was deleted."""
        with self.writing() as connection:
            items.put_item(connection, item)
            _unmark(connection, "item", item.id)

    def item(self, item: str) -> items.CatalogueItem | None:
        """The item of an id, or None."""
        with self.reading() as connection:
            return items.get_item(connection, item)

    def items(self, *, after: str = "", limit: int | None = None) -> list[items.CatalogueItem]:
        """All items, or a page of them, in the order of their ids."""
        with self.reading() as connection:
            return items.all_items(connection, after=after, limit=limit)

    def hidden(self) -> list[str]:
        """The ids of the items that are hidden."""
        with self.reading() as connection:
            return items.hidden_items(connection)

    def delete_item(self, item: str) -> None:
        """Never list an item again, and let no model learn of it; its events go too."""
        check_text("item", item)
        with self.writing() as connection:
            items.remove_item(connection, item)
            _mark(connection, "item", item)
            events.remove(connection, item_id=item)

    def put_user(self, user: str, details: Mapping[str, Any]) -> None:
        """Write what is to be kept with a user."""
        with self.writing() as connection:
            items.put_user(connection, user, details)

    def user(self, user: str) -> Mapping[str, Any] | None:
        """What is kept with a user, or None."""
        with self.reading() as connection:
            return items.get_user(connection, user)

    def users(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, Mapping[str, Any]]]:
        """A page of users in the order of their ids."""
        with self.reading() as connection:
            return items.users_after(connection, after, limit)

    def delete_user(self, user: str) -> None:
        """Forget a user: events and details are gone, and no later model learns what a log says of them.

        What stays is a digest of the id. Events that come later count again.
        """
        check_text("user", user)
        with self.writing() as connection:
            connection.execute(delete(users).where(users.c.id == user))
            _mark(connection, "user", user)
            events.remove(connection, user_id=user)

    def deleted(self, kind: str, *, since: int = 0) -> frozenset[str]:
        """Digests (:func:`fillrank.store.checks.digest_of`) of the ids of a kind that were deleted.

        Args:
            kind: ``"user"`` or ``"item"``.
            since: only those that were deleted when the event of this number, or a later one, was the last.
        """
        with self.reading() as connection:
            asked = select(deletions.c.digest).where(deletions.c.kind == kind, deletions.c.seq >= since)
            return frozenset(connection.execute(asked).scalars())

    def changes(self) -> Mapping[str, int]:
        """How often items have changed, and deletions: a copy of them is stale when its number is not this one."""
        with self.reading() as connection:
            found = connection.execute(select(counters.c.name, counters.c.value))
            return {name: int(value) for name, value in found}

    def add_key(self, name: str, scopes: Sequence[str]) -> tuple[str, keys.ApiKey]:
        """A new key, which nobody can be shown again, and what is kept of it."""
        with self.writing() as connection:
            return keys.add_key(connection, name, scopes)

    def key(self, key: str) -> keys.ApiKey | None:
        """What is kept of a valid key, or None."""
        with self.reading() as connection:
            return keys.key_of(connection, key)

    def all_keys(self) -> list[keys.ApiKey]:
        """Every key that there was."""
        with self.reading() as connection:
            return keys.all_keys(connection)

    def revoke_key(self, key_id: str) -> None:
        """Let a key open nothing any more."""
        with self.writing() as connection:
            keys.revoke_key(connection, key_id)


def _mark(connection: Connection, kind: str, one: str) -> None:
    values = {"seq": events.newest(connection), "time": now_ms()}
    items.upsert(connection, deletions, {"kind": kind, "digest": digest_of(kind, one)}, values)
    items.count_change(connection, "deletions")


def _unmark(connection: Connection, kind: str, one: str) -> None:
    marked = (deletions.c.kind == kind) & (deletions.c.digest == digest_of(kind, one))
    if connection.execute(delete(deletions).where(marked)).rowcount:
        items.count_change(connection, "deletions")
