"""The disk is full; the database is gone, and comes back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fillrank.recommend import Recommender
from fillrank.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


def events(number: int) -> dict[str, Any]:
    return {"events": [{"user": "ann", "item": "x" * 400, "id": f"{number}-{part}"} for part in range(100)]}


def test_a_full_disk_refuses_events_and_still_lists(
    small_disk: Path, serving: Callable[..., Any], svd: Recommender
) -> None:
    with Store(f"sqlite:///{small_disk}/shop.db") as store:
        client = serving(svd, of=store)
        accepted = 0
        for number in range(100):
            answer = client.post("/v1/events", json=events(number))
            if answer.status_code != 200:
                break
            accepted += answer.json()["accepted"]
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
        assert client.post("/v1/recommend", json={"user": "7"}).status_code == 200
        assert store.count_after() == accepted > 0
        with Store(f"sqlite:///{small_disk}/shop.db") as other:  # what was acknowledged is in the file
            assert other.count_after() == accepted
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        assert client.post("/v1/events", json=events(number)).json()["accepted"] == 100  # there is room again


def test_a_database_that_is_gone_is_said_to_be_and_found_again(
    postgresql: str, postgresql_database: str, serving: Callable[..., Any], svd: Recommender
) -> None:
    import psycopg

    with Store(postgresql_database) as store:
        client = serving(svd, of=store)
        assert client.post("/v1/events", json=events(0)).status_code == 200
        name = postgresql_database.rpartition("/")[2]
        with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
            gone = client.post("/v1/events", json=events(1))
            assert (gone.status_code, gone.json()["error"]["code"]) == (503, "store_unavailable")
            assert gone.headers["retry-after"] == "1"
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            admin.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/events", json=events(1)).json()["accepted"] == 100
        assert store.count_after() == 200


def test_two_processes_migrate_one_new_store_at_once(tmp_path: Path) -> None:
    import sys

    code = f"from fillrank.store import Store; Store('sqlite:///{tmp_path}/new.db').add_key('x', ['read'])"
    started = [subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ)) for _ in range(4)]
    assert [one.wait(120) for one in started] == [0] * 4
    with Store(f"sqlite:///{tmp_path}/new.db") as store:
        assert len(store.all_keys()) == 4
