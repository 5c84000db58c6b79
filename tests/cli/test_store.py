"""``fillrank store``: dump, restore and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from fillrank.store import Store, UserEvent


def test_dump_and_restore(fillrank: Callable[..., Result], json_of: Callable[..., Any], tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    with Store(url) as store:
        store.append([UserEvent("ann", "Heat")])
    assert json_of("store", "dump", tmp_path / "a.jsonl", "--store", url)["rows"]["events"] == 1
    assert "1 event came from" in fillrank("store", "restore", tmp_path / "a.jsonl", "--store", other).stdout
    with Store(other) as store:
        assert store.history("ann")[0].item == "Heat"
    (tmp_path / "mine.jsonl").write_text("{}")
    refused = fillrank("store", "dump", tmp_path / "mine.jsonl", "--store", url)
    assert "is not a dump of a store" in refused.stderr


def test_a_store_that_is_not_there_is_not_made_to_be_read(fillrank: Callable[..., Result], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/typo.db"
    for words in (["dump", tmp_path / "a.jsonl"], ["keys", "list"], ["keys", "revoke", "x"]):
        refused = fillrank("store", *words, "--store", url)
        assert refused.exit_code == 1
        assert "there is no store at sqlite:///" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_keys(fillrank: Callable[..., Result], json_of: Callable[..., Any], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    made = json_of("store", "keys", "add", "--name", "shop", "--scope", "read", "--scope", "write", "--store", url)
    assert made["key"].startswith("fillrank_")
    listed = fillrank("store", "keys", "list", "--store", url).stdout
    assert "shop" in listed
    assert made["key"] not in listed
    assert fillrank("store", "keys", "revoke", made["id"], "--store", url).exit_code == 0
    assert json_of("store", "keys", "list", "--store", url)["keys"][0]["revoked"]
    assert "scopes are some of" in fillrank("store", "keys", "add", "--scope", "root", "--store", url).stderr
