"""What stands before all routes: hosts, sizes, rates, load; and what every answer carries."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fillrank.server.metrics import Metrics
from fillrank.server.problems import problem
from fillrank.server.recent import Recent
from fillrank.server.settings import ServerSettings

__all__ = ["Buckets", "Guard", "client_of"]

LOOPBACK = {"127.0.0.1", "localhost", "::1", "testserver"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ALWAYS = {"/healthz", "/readyz", "/metrics", "/api/health/live", "/api/health/ready"}  # also under load
_CLIENTS = 10_000  # whose rates are remembered


class Buckets:
    """How many more requests each client may make now: ``burst`` at once, ``rate`` a second for long.

    Args:
        rate, burst: see :class:`~fillrank.server.settings.ServerSettings`.
        clock: gives seconds; another one is for tests.

    Example:
        >>> buckets = Buckets(rate=1, burst=2, clock=lambda: 0.0)
        >>> [buckets.take("ann") for _ in range(3)], buckets.take("bob")
        ([True, True, False], True)
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Whether a client may make one more."""
        now = self._clock()
        left, since = self._left.pop(client, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._rate)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return left >= 1


def client_of(scope: Scope) -> str:
    """Who is asking, for rates: a digest of the key, or else the address."""
    headers = Headers(scope=scope)
    key = headers.get("authorization") or headers.get("x-api-key")
    address = (scope.get("client") or ("", 0))[0]
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16] + address if key else str(address)


class Guard:
    """An ASGI middleware; the class says in which order it looks.

    Args:
        app: what is guarded.
        settings: the limits.
        metrics, recent: where requests are counted.
        is_open: whether no key is asked for; then only requests to a name of this machine itself are answered, so that
            no page of the web can speak to the server through somebody's browser.
    """

    def __init__(
        self, app: ASGIApp, settings: ServerSettings, metrics: Metrics, recent: Recent, is_open: Callable[[], bool]
    ) -> None:
        self._app, self._settings, self._is_open = app, settings, is_open
        self._metrics, self._recent = metrics, recent
        self._buckets = Buckets(settings.rate, settings.burst)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let the routes answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._guarded(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "refused")
            seconds = time.perf_counter() - start
            self._metrics.count(str(scope["method"]), route, status, seconds)
            self._recent.answered(route, status, seconds)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        self._waiting += 1
        self._metrics.waiting.set(self._waiting)
        try:
            whole = await self._body(scope, receive)
            if isinstance(whole, JSONResponse):
                await whole(scope, receive, send)
            else:
                await self._app(scope, _replayed(whole, receive), send)
        finally:
            self._waiting -= 1
            self._metrics.waiting.set(self._waiting)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if self._is_open() and _host(headers.get("host", "")) not in LOOPBACK:
            return problem(421, "wrong_host", "without API keys this server answers to names of its own machine alone")
        if not self._buckets.take(client_of(scope)):
            return problem(429, "too_many_requests", "too many requests; slow down", {"Retry-After": "1"})
        if self._waiting >= self._settings.max_waiting:
            return problem(503, "overloaded", "too much to do; try again", {"Retry-After": "1"})
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return problem(400, "bad_request", "content-length is no number")
        if len(length) > 15 or int(length) > self._settings.max_body:
            return self._too_large()
        has_body = int(length) > 0 or "transfer-encoding" in headers
        if has_body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return problem(415, "unsupported_media_type", "the body must be application/json")
        return None

    async def _body(self, scope: Scope, receive: Receive) -> bytes | JSONResponse:
        """All of the body, if it is small enough and there in time."""
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return problem(400, "bad_request", "the client has gone")
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._settings.max_body:
                        return self._too_large()
                    parts.append(part)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            return problem(
                408, "timeout", f"the body of {scope['method']} was not there in time", {"Connection": "close"}
            )

    def _too_large(self) -> JSONResponse:
        limit = self._settings.max_body
        return problem(413, "too_large", f"a request may have {limit:,} bytes", {"Connection": "close"})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, and then whatever comes."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _host(header: str) -> str:
    """The name in a header ``Host``, without its port."""
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdecimal() and "]" not in header[-1:] else header
    return name.strip("[]").lower()
