"""A log in a file and a saved model, for the commands to work on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from fillrank.cli import app
from fillrank.data import Interactions


@pytest.fixture(scope="session")
def log_file(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared ratings as a CSV file with labels, its columns under usual names in an unusual order."""
    titles = pl.Series("title", [ratings.item_ids.label(int(item)) for item in ratings.items])
    frame = ratings.to_frame().rename({"value": "rating"}).with_columns(titles)
    path = tmp_path_factory.mktemp("cli") / "log.csv"
    frame.select("rating", "title", "item_id", "user_id").write_csv(path)
    return path


@pytest.fixture(scope="session")
def fillrank() -> Callable[..., Result]:
    """Run a command line in this process."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def json_of(fillrank: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command line with ``--json``; what it prints has to be one JSON document."""

    def run(*words: object) -> Any:
        result = fillrank(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="session")
def saved(log_file: Path, fillrank: Callable[..., Result]) -> Path:
    """A PureSVD fitted by the command line on nine tenths of the log."""
    out = log_file.parent / "svd"
    result = fillrank("fit", "--data", log_file, "--model", "pure-svd", "--set", "rank=4", "--valid", 0, "--out", out)
    assert result.exit_code == 0, result.stderr
    return out
