"""Features of items and users on the command line and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fillrank.data import Features
from fillrank.errors import SettingsError
from fillrank.experiments.run.fit import RunPlan

QUICK = ("--set", "dim=4", "--set", "epochs=2", "--set", "batch_size=256", "--set", "n_negatives=8")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [f"{user},{item}" for user in range(30) for item in range(20) if (user + item) % 3 == 0]
    (tmp_path / "log.csv").write_text("\n".join(["user,item", *rows]) + "\n")
    kinds = [f"{item},{'red' if item % 3 == 0 else 'blue|dark'}" for item in range(25)]
    (tmp_path / "items.csv").write_text("\n".join(["item,kind", *kinds]) + "\n")
    people = [f"{user},{20 + user}" for user in range(31)]
    (tmp_path / "users.csv").write_text("\n".join(["user,age", *people]) + "\n")
    return tmp_path


def test_a_model_learns_of_features_and_takes_new_items(files: Path, json_of: Callable[..., Any]) -> None:
    of = ("--item-features", files / "items.csv", "--user-features", files / "users.csv")
    data = ("--data", files / "log.csv", "--model", "contrastive", *QUICK)
    json_of("fit", *data, *of, "--out", files / "m")
    kept = (files / "m" / "run.toml").read_text()
    assert "items.csv" in kept
    assert 'encoder = "features"' in kept
    added = json_of("update", files / "m", "--item-features", files / "items.csv", "--out", files / "wider")
    assert (added["rows"], added["new_items"], added["new_users"]) == (0, 5, 0)
    added = json_of("update", files / "m", "--user-features", files / "users.csv")
    assert (added["new_items"], added["new_users"]) == (0, 1)


def test_an_update_needs_something_new(files: Path, fillrank: Callable[..., Any]) -> None:
    result = fillrank("update", files / "m")
    assert result.exit_code == 2
    assert "give --data, --item-features" in " ".join(result.stderr.split())


def test_a_file_says_how_features_are_read(files: Path) -> None:
    table = {"file": str(files / "items.csv"), "kinds": {"kind": "category"}}
    plan = RunPlan.of({"data": str(files / "log.csv"), "out": "x", "item_features": table, "model": "contrastive"})
    assert str(plan.open().train.item_features) == "Features(20 rows; kind: 2 categories)"
    with pytest.raises(SettingsError, match="features want a file"):
        RunPlan.of({"data": str(files / "log.csv"), "out": "x", "item_features": {"separator": ";"}}).open()


def test_a_file_of_features_can_be_read(files: Path) -> None:
    assert str(Features.read(files / "items.csv")) == "Features(25 rows; kind: 3 tags)"
