"""``fillrank serve`` as a process of its own: what it prints, how it ends, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fillrank.store import Store


@contextmanager
def served(*words: object, stop: int = signal.SIGTERM) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server process and its address; its end is waited for."""
    command = [sys.executable, "-m", "fillrank", "serve", *map(str, words), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "is served at" not in line:
            raise AssertionError(process.communicate(timeout=60))
        yield line.rsplit(" ", 1)[1].strip(), process
    finally:
        if process.poll() is None:
            process.send_signal(stop)
        process.communicate(timeout=60)


def test_from_a_log_to_a_list_that_knows_what_has_just_happened(log_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    saved = ["fit", "--data", log_file, "--model", "pure-svd", "--set", "rank=4", "--test", 0, "--out", folder]
    subprocess.run([sys.executable, "-m", "fillrank", *map(str, saved)], check=True, capture_output=True)
    with served(folder, "--data", log_file) as (address, process), httpx.Client(base_url=address) as client:
        assert client.get("/readyz").status_code == 200
        event = {"events": [{"user": "new", "item": "3", "id": "e1"}]}
        assert client.post("/v1/events", json=event).json()["accepted"] == 1
        assert client.post("/v1/recommend", json={"user": "new"}).json()["basis"] == "history"
        raw = httpx.Headers(client.get("/healthz").headers)
        assert "uvicorn" not in raw.get("server", "")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with Store(f"sqlite:///{folder}.db") as store:  # beside the model, unless a store is named
        assert store.count_after() == 1


def test_a_server_that_cannot_begin_says_why(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from fillrank.cli import app

    def said(*words: object) -> str:
        result = CliRunner().invoke(app, ["serve", *map(str, words)])
        assert result.exit_code in {1, 2}
        return result.stderr

    assert "there is no saved model in" in said(tmp_path / "absent")
    assert "give the folder of a model, or --data" in said()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_acknowledged_event_is_lost_by_a_kill(
    database: str, request: pytest.FixtureRequest, svd: Any, tmp_path: Path
) -> None:
    """Four clients send events, each until it has its answer; the server is killed again and again."""
    url = f"sqlite:///{tmp_path}/shop.db"
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    svd.save(tmp_path / "run")
    acknowledged: set[str] = set()
    rounds = int(os.environ.get("FILLRANK_KILL_ROUNDS", "5"))

    def send(address: str, who: str) -> None:
        with httpx.Client(base_url=address, timeout=20) as client:
            for number in range(10_000):
                events = [{"user": who, "item": "3", "id": f"{who}-{number}-{part}"} for part in range(3)]
                try:
                    answer = client.post("/v1/events", json={"events": events + events[:1]})
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200, answer.text
                acknowledged.update(answer.json()["ids"])

    for number in range(rounds):
        with served(tmp_path / "run", "--store", url) as (address, process):
            threads = [threading.Thread(target=send, args=(address, f"{number}-{who}")) for who in range(4)]
            for thread in threads:
                thread.start()
            threads[0].join(0.3 + 0.2 * number)
            process.kill()
            for thread in threads:
                thread.join()
    assert len(acknowledged) > 20 * rounds
    kept: list[str] = []
    with Store(url) as store:
        after = 0
        while page := (found := store.events(after=after))[0]:
            kept += [event.id for event in page]
            after = found[1]
    assert len(kept) == len(set(kept))
    assert acknowledged <= set(kept)
    extra = set(kept) - acknowledged  # kept, and killed before the answer: whole requests, and at most one a client
    assert len(extra) <= 3 * 4 * rounds
    by_request = {}
    for one in extra:
        by_request.setdefault(one.rpartition("-")[0], []).append(one)
    assert all(len(ids) == 3 for ids in by_request.values())
