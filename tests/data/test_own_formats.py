"""A format of somebody's own: by its ending, by its name, packed, in a folder; and what is wrong with it is told."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import polars as pl
import pytest

from fillrank.data import READERS, read, scan
from fillrank.errors import DataError, SettingsError


def pairs(content: bytes) -> pl.DataFrame:
    """``ann>tea=5`` in each line."""
    fields = [re.split("[>=]", line) for line in content.decode().split()]
    return pl.DataFrame([(u, i, float(v)) for u, i, v in fields], schema=["user", "item", "rating"], orient="row")


pairs.endings = (".pairs",)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(READERS, "_more", {})
    READERS.register("pairs", pairs)


def test_it_is_told_by_its_ending_or_its_name_packed_or_not(tmp_path: Path) -> None:
    text = b"ann>tea=5\nbob>rum=3\n"
    (tmp_path / "a.pairs").write_bytes(text)
    (tmp_path / "b.pairs.gz").write_bytes(gzip.compress(text))
    (tmp_path / "c.txt").write_bytes(text)
    rows = [("ann", "tea", 5.0), ("bob", "rum", 3.0)]
    assert sorted(read(tmp_path / "a.pairs").to_frame().rows()) == rows
    assert sorted(read(tmp_path / "b.pairs.gz").to_frame().rows()) == rows
    assert sorted(read(tmp_path / "c.txt", format="pairs").to_frame().rows()) == rows
    assert scan(tmp_path, duplicates="last").interactions.to_frame().height == 2  # c.txt is no part of the log


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pairs").write_text("ann>tea")
    with pytest.raises(DataError, match=r"a.pairs cannot be read as 'pairs': ValueError"):
        read(tmp_path / "a.pairs")
    READERS.register("nothing", len)
    with pytest.raises(DataError, match=r"gives int, not a polars.DataFrame"):
        read(tmp_path / "a.pairs", format="nothing")
    with pytest.raises(SettingsError, match=r"format must be one of 'csv', .*'pairs', 'nothing', got 'pears'"):
        read(tmp_path / "a.pairs", format="pears")
    with pytest.raises(SettingsError, match=r"'csv' is a format of fillrank's own"):
        READERS.register("csv", pairs)
