"""Who may do what: API keys with scopes."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request

from fillrank.server.problems import ProblemError
from fillrank.store import ApiKey, Store

__all__ = ["Access", "needs"]

_STALE = 5.0  # seconds after which a key is looked up again: so soon a revoked one opens nothing
_MOST = 10_000  # keys that are remembered, wrong ones included


class Access:
    """The keys of a store, remembered for some seconds. Where it has none, everybody may do everything.

    Args:
        store: with the keys.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._is_open, self._looked = self._no_keys(), time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether there is no valid key, as it was seconds ago."""
        return self._is_open

    def look(self) -> None:
        """See whether somebody has made the first key."""
        if time.monotonic() - self._looked >= _STALE:
            self._is_open, self._looked = self._no_keys(), time.monotonic()

    def of(self, key: str) -> ApiKey | None:
        """What a key may do; None: there is no such valid key."""
        digest, now = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest(), time.monotonic()
        since, found = self._found.get(digest, (-_STALE, None))
        if now - since < _STALE:
            return found
        found = self._store.key(key)
        self._found[digest] = (now, found)
        self._found.move_to_end(digest)
        if len(self._found) > _MOST:
            self._found.popitem(last=False)
        return found

    def _no_keys(self) -> bool:
        return all(key.revoked is not None for key in self._store.all_keys())


def needs(scope: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency of routes that asks for a key with a scope."""

    async def check(request: Request) -> None:
        state = request.app.state.server
        key = _key_in(request)
        if key is None and state.access.is_open:
            return
        if key is None:
            raise ProblemError(401, "no_key", "give an API key: Authorization: Bearer KEY, or X-API-Key: KEY")
        if state.access.is_open:
            return
        found: Any = await state.work(state.access.of, key)
        if found is None:
            raise ProblemError(401, "wrong_key", "this API key is not known, or was revoked")
        if not found.may(scope):
            raise ProblemError(403, "not_allowed", f"this API key lacks the scope {scope!r}")

    check.scope = scope  # type: ignore[attr-defined]  # so that the reference can be held to it
    return check


def _key_in(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key") or None
