"""Saved models: written whole or not at all, and refused when torn, foreign or from the future."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import ModelFileError
from fillrank.models import PureSVD
from fillrank.recommend import files


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    PureSVD(rank=3).fit(parts.train).save(tmp_path / "run")
    return tmp_path / "run"


def test_a_model_is_plain_files_and_no_pickle(folder: Path) -> None:
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["README.md", "config.json", "history.jsonl", "items.parquet", "model.safetensors", "users.parquet"]


def test_saving_again_replaces_the_model_and_leaves_nothing_else(folder: Path, parts: Split) -> None:
    PureSVD(rank=5).fit(parts.train).save(folder)
    assert fr.Recommender.load(folder).settings["rank"] == 5
    assert [file.name for file in folder.parent.iterdir()] == ["run"]


def test_a_save_that_fails_leaves_the_old_model(folder: Path, parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(model: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr(files, "card", full_disk)
    with pytest.raises(OSError, match="no space left"):
        PureSVD(rank=5).fit(parts.train).save(folder)
    assert fr.Recommender.load(folder).settings["rank"] == 3
    assert [file.name for file in folder.parent.iterdir()] == ["run"]


def test_a_folder_that_holds_something_else_is_not_written_over(tmp_path: Path, parts: Split) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(ModelFileError, match="exists and is no saved model"):
        PureSVD(rank=3).fit(parts.train).save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["model.safetensors", "users.parquet", "items.parquet", "history.jsonl"])
def test_a_missing_or_changed_file_is_named(folder: Path, name: str) -> None:
    file = folder / name
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + b"x")
    with pytest.raises(ModelFileError, match=f"is torn: {name} is not as it was written"):
        fr.Recommender.load(folder)
    file.unlink()
    with pytest.raises(ModelFileError, match=f"is torn: {name} is missing"):
        fr.Recommender.load(folder)


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}', "[1, 2]", "\x00\x01"])
def test_a_torn_config_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match="is torn or foreign"):
        fr.Recommender.load(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 2}))
    with pytest.raises(ModelFileError, match=r"is of format 2, this fillrank .* reads up to 1; upgrade fillrank"):
        fr.Recommender.load(folder)


def test_no_model_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no saved model in .*; give the folder that save\(\) wrote"):
        fr.Recommender.load(tmp_path / "nowhere")


def test_the_seen_items_are_kept(folder: Path, parts: Split) -> None:
    model = fr.Recommender.load(folder)
    assert (model.log.csr != parts.train.without_values().csr).nnz == 0
