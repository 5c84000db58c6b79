"""Events: who did what with which item, and when. Each is there once, by its id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from fillrank.errors import DataError
from fillrank.store.checks import LONGEST_TYPE, check_number, check_text, now_ms
from fillrank.store.migrate import LOCK
from fillrank.store.tables import events

__all__ = [
    "Appended",
    "UserEvent",
    "append",
    "count_after",
    "latest",
    "live",
    "newest",
    "of_user",
    "page",
    "remove",
    "since",
]

_ROWS = 1_000  # of one statement
_SPAN = 8_640_000_000_000_000  # milliseconds around 1970 that Python and databases have dates for, and no more


@dataclass(frozen=True)
class UserEvent:
    """One event.

    Attributes:
        user, item: ids, as texts.
        type: such as ``"click"``, ``"purchase"`` or ``"rating"``.
        value: a rating, or None.
        time: milliseconds since 1970, UTC; now, unless given.
        id: two events with one id are one; unless given, a new one, and then nobody can tell that it came twice.
        expires: from when on it does not count any more, in milliseconds; None: never.
        seq: its number in a store; 0: it comes from none.

    Raises:
        DataError: a text is empty, too long or cannot be stored, or a number is not finite or out of range.

    Example:
        >>> UserEvent("ann", "Heat", "rating", 5, id="e1").value
        5
    """

    user: str
    item: str
    type: str = "event"
    value: float | None = None
    time: int = field(default_factory=now_ms)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    expires: int | None = None
    seq: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        for what in ("user", "item", "id"):
            check_text(what, getattr(self, what))
        check_text("type", self.type, LONGEST_TYPE)
        check_number("value", self.value)
        for what in ("time", "expires"):
            moment = getattr(self, what)
            if moment is not None and not -_SPAN <= moment <= _SPAN:
                raise DataError(f"{what} must be within {_SPAN} milliseconds around 1970, got {moment}")


@dataclass(frozen=True)
class Appended:
    """What became of events that were given.

    Attributes:
        accepted: how many are new, and on the disk.
        repeated: how many were there already, by their ids; they stay as they were.
        conflicting: ids of those repeated ones that say something else than what is stored.
    """

    accepted: int
    repeated: int
    conflicting: tuple[str, ...] = ()


def append(connection: Connection, given: Sequence[UserEvent]) -> Appended:
    """Add those events whose ids are not there yet."""
    once: dict[str, UserEvent] = {}
    conflicting: dict[str, None] = {}
    for event in given:
        if _said(once.setdefault(event.id, event)) != _said(event):
            conflicting[event.id] = None
    if connection.dialect.name == "postgresql":  # writers take turns, so that seq is the order of the commits
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
    fresh: set[str] = set()
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [_row(event) for event in once.values()]
    for start in range(0, len(rows), _ROWS):
        statement = insert(events).values(rows[start : start + _ROWS])
        done = connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]).returning(events.c.id))
        fresh.update(done.scalars())
    old = [one for one in once if one not in fresh]
    for start in range(0, len(old), _ROWS):
        found = connection.execute(select(events).where(events.c.id.in_(old[start : start + _ROWS])))
        for row in found.mappings():
            if _said(_event(row)) != _said(once[row["id"]]):
                conflicting[row["id"]] = None
    return Appended(len(fresh), len(given) - len(fresh), tuple(conflicting))


def of_user(connection: Connection, user: str, *, limit: int, now: int, before: int | None = None) -> list[UserEvent]:
    """A user's newest events that still count, the oldest first.

    Args:
        connection: to the database.
        user: whose events.
        limit: how many at most.
        now: events that have expired by then are left out.
        before: only events from before this moment.
    """
    asked = live(select(events), now).where(events.c.user_id == user).order_by(events.c.seq.desc()).limit(limit)
    asked = asked if before is None else asked.where(events.c.time < before)
    rows = connection.execute(asked).mappings().all()
    return [_event(row) for row in rows][::-1]


def page(connection: Connection, *, after: int, limit: int, now: int, **where: str) -> tuple[list[UserEvent], int]:
    """Events in the order in which they came, from the one after the number ``after`` on, and the number of the last.

    Args:
        connection: to the database.
        after: 0 for the first page.
        limit: how many.
        now: events that have expired by then are left out.
        **where: values of columns.
    """
    asked = live(select(events), now).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    for column, value in where.items():
        asked = asked.where(events.c[column] == value)
    rows = connection.execute(asked).mappings().all()
    return [_event(row) for row in rows], rows[-1]["seq"] if rows else after


def remove(connection: Connection, **where: str) -> int:
    """Delete the events that have these values in these columns; gives their number."""
    wanted = [events.c[column] == value for column, value in where.items()]
    return int(connection.execute(delete(events).where(*wanted)).rowcount)


def since(connection: Connection, moment: int, *, limit: int) -> list[UserEvent]:
    """The newest events from a moment on that still count."""
    asked = live(select(events), now_ms()).where(events.c.time >= moment).order_by(events.c.seq.desc()).limit(limit)
    return [_event(row) for row in connection.execute(asked).mappings()]


def latest(connection: Connection) -> int | None:
    """The time of the latest event that is not in the future; None where there is none."""
    found = connection.execute(select(func.max(events.c.time)).where(events.c.time <= now_ms())).scalar_one()
    return None if found is None else int(found)


def newest(connection: Connection) -> int:
    """The number of the event that came last; 0 where there is none."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one())


def count_after(connection: Connection, seq: int) -> int:
    """How many events came after that of the number ``seq``."""
    return int(connection.execute(select(func.count()).select_from(events).where(events.c.seq > seq)).scalar_one())


def live(asked: Select[Any], now: int) -> Select[Any]:
    """Without the events that have expired."""
    return asked.where(or_(events.c.expires.is_(None), events.c.expires > now))


def _row(event: UserEvent) -> dict[str, Any]:
    row = asdict(event)
    row.pop("seq")  # the database gives it
    return {"user_id": row.pop("user"), "item_id": row.pop("item"), **row}


def _event(row: RowMapping) -> UserEvent:
    own: Iterable[str] = ("type", "value", "time", "id", "expires", "seq")
    return UserEvent(row["user_id"], row["item_id"], **{name: row[name] for name in own})


def _said(event: UserEvent) -> tuple[Any, ...]:
    """What an event says; its time may have been filled in anew when it was sent again."""
    return event.user, event.item, event.type, None if event.value is None else float(event.value)
