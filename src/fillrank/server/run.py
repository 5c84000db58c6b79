"""A server as a process: where it listens, and how it ends."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from fillrank.errors import SettingsError

__all__ = ["check_address", "run"]

logger = logging.getLogger("fillrank")


def check_address(app: FastAPI, host: str) -> None:
    """Refuse to be heard by other machines without a key.

    Raises:
        SettingsError: ``host`` is no address of this machine alone, and the store has no valid key.
    """
    if not _is_loopback(host) and app.state.server.access.is_open:
        raise SettingsError(
            f"{host} is open to other machines, and the store has no API key; make one first "
            "(fillrank store keys add), or listen on 127.0.0.1"
        ).about("host")


def run(app: FastAPI, host: str = "127.0.0.1", port: int = 8000, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished.

    Args:
        app: of :func:`fillrank.server.create_app`.
        host: address to listen on.
        port: 0: any free one.
        ready: called with the address once connections are taken.

    Raises:
        SettingsError: see :func:`check_address`; or the address is taken, or none of this machine.
    """
    check_address(app, host)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # ids of people stand in paths
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=30,
        ws="none",
    )
    with _bound(host, port) as bound:
        address, number = bound.getsockname()[:2]
        if ready is not None:
            ready(f"http://{f'[{address}]' if ':' in address else address}:{number}")
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:  # uvicorn has shut down, and gives the signal back
            logger.info("stopped")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # of TCP, or asyncio lets answers wait
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"cannot listen on {host}, port {port}: {reason}; name another --port or --host") from error
    return bound


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
