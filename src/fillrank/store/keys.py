"""API keys: kept as digests, each with what it may do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select, update

from fillrank.arguments import shown
from fillrank.errors import SettingsError, UnknownIdError
from fillrank.store.checks import check_text, now_ms
from fillrank.store.tables import api_keys

__all__ = ["SCOPES", "ApiKey", "add_key", "all_keys", "key_of", "revoke_key"]

SCOPES = ("read", "write", "admin")
"""``read``: lists and predictions; ``write``: events, items and users; ``admin``: all, and the model."""

_MARK = "fillrank_"


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept: nobody can make the key from it.

    Attributes:
        id: to name it by.
        name: whom it is for.
        scopes: see :data:`SCOPES`.
        created, revoked: milliseconds since 1970; None: it is valid.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created: int
    revoked: int | None = None

    def may(self, scope: str) -> bool:
        """Whether it opens what ``scope`` guards."""
        return self.revoked is None and (scope in self.scopes or "admin" in self.scopes)


def add_key(connection: Connection, name: str, scopes: Sequence[str]) -> tuple[str, ApiKey]:
    """A new key, which is shown this once, and what is kept of it.

    Raises:
        SettingsError: a scope is not known, or there is none.
    """
    check_text("name", name)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise SettingsError(f"scopes are some of {', '.join(SCOPES)}, got {shown(list(scopes))}").about("scopes")
    key = _MARK + secrets.token_urlsafe(32)
    kept = ApiKey(secrets.token_hex(4), name, tuple(dict.fromkeys(scopes)), now_ms())
    row = {"id": kept.id, "digest": _digest(key), "name": name, "scopes": list(kept.scopes), "created": kept.created}
    connection.execute(insert(api_keys).values(row))
    return key, kept


def key_of(connection: Connection, key: str) -> ApiKey | None:
    """What is kept of a key, or None where there is no such key, or it was revoked."""
    asked = select(api_keys).where(api_keys.c.digest == _digest(key), api_keys.c.revoked.is_(None))
    row = connection.execute(asked).mappings().one_or_none()
    return None if row is None else _key(row)


def all_keys(connection: Connection) -> list[ApiKey]:
    """Every key that there was, the oldest first."""
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created)).mappings()]


def revoke_key(connection: Connection, key_id: str) -> None:
    """Let a key open nothing any more.

    Raises:
        UnknownIdError: there is none of that id.
    """
    known = api_keys.c.id == key_id
    if not connection.execute(update(api_keys).where(known).values(revoked=now_ms())).rowcount:
        raise UnknownIdError(f"there is no key {key_id!r}; `fillrank store keys list` shows them")


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(row["id"], row["name"], tuple(row["scopes"]), row["created"], row["revoked"])


def _digest(key: str) -> str:
    """Keys are 256 random bits, so one pass of a plain digest is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
