"""Small data with known answers, shared by the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fillrank.data import IdMap, Interactions, Split, split, synthetic
from fillrank.runtime.notices import _NOTICES


@pytest.fixture(autouse=True)
def nothing_was_said() -> None:
    """What is said once in the life of a program is said in each test, whatever tests ran before."""
    _NOTICES.forget()


@pytest.fixture(scope="session")
def ratings() -> Interactions:
    """Ratings of 150 users and 80 items, low-rank with biases known, items named ``film 0`` …"""
    log = synthetic(150, 80, 4000, rank=4, seed=7).interactions
    labels = [f"film {place}" for place in range(log.n_items)]
    biases = np.linspace(-1, 1, log.n_users)[log.users] + np.linspace(1, -1, log.n_items)[log.items]
    return replace(log, item_ids=IdMap(log.item_ids.ids, labels=labels), values=3 + log.values + biases)


@pytest.fixture(scope="session")
def parts(ratings: Interactions) -> Split:
    """The same ratings, split 80/10/10."""
    return split.random(ratings, test=0.1, valid=0.1, seed=0)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real server of PostgreSQL, from Debian's packages, for this session alone; the URL of it without a database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    home = found[-1].parent if found else Path(shutil.which("initdb") or "").parent
    if not (home / "initdb").is_file():
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="comes with the extra fillrank[serve]")
    folder = Path(tempfile.mkdtemp(prefix="fillrank-postgresql-"))
    own = {}
    if os.geteuid() == 0:  # it refuses to run as root
        own = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **own}
    data = folder / "data"
    subprocess.run([home / "initdb", "-D", data, "-U", "fillrank", "-A", "trust", "-N"], check=True, **quiet)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    subprocess.run([home / "pg_ctl", "-D", data, "-w", "-o", options, "start"], check=True, **quiet)
    yield f"postgresql://fillrank@127.0.0.1:{port}"
    subprocess.run([home / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], check=True, **quiet)
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_database(postgresql: str) -> str:
    """The URL of a new database in that server."""
    import psycopg

    name = f"shop_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{postgresql}/{name}"
