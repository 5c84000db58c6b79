"""Saved models: written whole or not at all, and refused when torn, foreign or from the future."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import ModelFileError
from fillrank.models import PureSVD
from fillrank.recommend import saved as files


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
    (folder / "config.json").write_text(json.dumps({**config, "format": 3}))
    with pytest.raises(ModelFileError, match=r"is of format 3, this fillrank .* reads up to 2; upgrade fillrank"):
        fr.Recommender.load(folder)


def test_no_model_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no saved model in .*; give the folder that save\(\) wrote"):
        fr.Recommender.load(tmp_path / "nowhere")


def test_the_log_is_kept_with_values_and_times(parts: Split, tmp_path: Path) -> None:
    train = replace(parts.train, times=np.arange(len(parts.train)), relevant_from=4.0)
    PureSVD(rank=2).fit(train).save(tmp_path / "model")
    kept = fr.Recommender.load(tmp_path / "model").interactions
    assert (kept.csr != train.csr).nnz == 0
    assert kept.times.tolist() == train.times.tolist()
    assert kept.relevant_from == 4.0
    PureSVD(rank=2).fit(parts.train.without_values()).save(tmp_path / "model")
    kept = fr.Recommender.load(tmp_path / "model").interactions
    assert kept.values is None
    assert kept.times is None


@pytest.mark.parametrize(
    "config", ['{"name": "my web app"}', "[]", "not json", '{"format": 1}', '{"format": 2, "type": "x"}']
)
def test_a_folder_with_a_config_of_somebody_else_is_not_written_over(tmp_path: Path, parts: Split, config: str) -> None:
    (tmp_path / "app" / "src").mkdir(parents=True)
    (tmp_path / "app" / "config.json").write_text(config)
    (tmp_path / "app" / "src" / "thesis.tex").write_text("years of work")
    with pytest.raises(ModelFileError, match="exists and is no saved model; give a new folder"):
        PureSVD(rank=3).fit(parts.train).save(tmp_path / "app")
    assert (tmp_path / "app" / "src" / "thesis.tex").read_text() == "years of work"


def test_a_model_with_files_of_the_user_in_it_is_not_written_over(folder: Path, parts: Split) -> None:
    (folder / "notes.txt").write_text("what I found")
    with pytest.raises(ModelFileError, match=r"holds what is no part of a saved model \(notes.txt\)"):
        PureSVD(rank=3).fit(parts.train).save(folder)
    assert (folder / "notes.txt").read_text() == "what I found"
    (folder / "notes.txt").unlink()
    (folder / ".DS_Store").touch()
    PureSVD(rank=5).fit(parts.train).save(folder)
    assert fr.Recommender.load(folder).settings["rank"] == 5


def test_a_model_of_version_01_is_written_over(tmp_path: Path, parts: Split) -> None:
    old = Path(__file__).parents[1] / "golden" / "version-0.1" / "models" / "als"
    shutil.copytree(old, tmp_path / "run")
    PureSVD(rank=3).fit(parts.train).save(tmp_path / "run")
    assert fr.Recommender.load(tmp_path / "run").name == "pure-svd"


def test_an_empty_folder_is_taken(tmp_path: Path, parts: Split) -> None:
    (tmp_path / "run").mkdir()
    PureSVD(rank=3).fit(parts.train).save(tmp_path / "run")
    assert fr.Recommender.load(tmp_path / "run").settings["rank"] == 3


def test_all_files_are_as_readable_as_any_other(folder: Path) -> None:
    (folder.parent / "other").write_text("x")
    (folder.parent / "others").mkdir()
    assert {file.stat().st_mode for file in folder.iterdir()} == {(folder.parent / "other").stat().st_mode}
    assert folder.stat().st_mode == (folder.parent / "others").stat().st_mode


def test_every_byte_of_config_is_under_the_digest(folder: Path) -> None:
    content = (folder / "config.json").read_bytes()
    for place in range(0, len(content), 5):
        (folder / "config.json").write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ModelFileError):
            fr.Recommender.load(folder)


def test_a_card_that_somebody_has_written_in_is_said_and_no_reason_to_refuse(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "README.md").write_text("used by the shop")
    fr.Recommender.load(folder)
    assert "README.md is not as it was written" in caplog.text


def test_a_file_in_place_of_the_folder_is_said(folder: Path) -> None:
    with pytest.raises(ModelFileError, match="is a file; give the folder that save"):
        fr.Recommender.load(folder / "config.json")


def test_a_model_is_loaded_whole_while_another_takes_its_place(folder: Path, parts: Split) -> None:
    """The folder is exchanged between its config and its tensors being read."""
    other = PureSVD(rank=5).fit(parts.train)
    real, saved = files._parts, []

    def slow(place: Path, config: dict[str, Any]) -> dict[str, Any]:
        if not saved:
            saved.append(True)
            other.save(folder)
        return real(place, config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_parts", slow)
        model = fr.Recommender.load(folder)
    assert model.settings["rank"] == 5
    assert model.scorer.tensors()["items"].shape[1] == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": []}, "sha256 has to be a table"),
        ({"sha256": {"../../etc/passwd": "0" * 64}}, "sha256 has to be a table of file names"),
        ({"scorer": None}, "scorer has to be a table"),
        ({"scorer": {"kind": "factors", "offset": "x", "similarity": "dot", "folding": None}}, "offset"),
        ({"scorer": {"kind": "factors", "offset": 0.0, "similarity": "dot", "folding": 3}}, "folding"),
        ({"scorer": {"kind": ["x"]}}, "no scorer is of the kind"),
        ({"value_range": 3}, "value_range has to be null or two finite numbers"),
        ({"value_range": [5, 1]}, "value_range has to be null or two finite numbers"),
        ({"settings": [1]}, "settings has to be a table"),
        ({"name": 5}, "name has to be text"),
        ({"data": None}, "data has to be text"),
        ({"predictor": "x"}, "predictor has to be null or a table"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused_where_no_digest_sees_them(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    """Version 0.1 had no digest of its config.json."""
    shutil.copytree(Path(__file__).parents[1] / "golden" / "version-0.1" / "models" / "als", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelFileError, match=words):
        fr.Recommender.load(tmp_path / "run")


@pytest.mark.parametrize("text", ['{"format": ' + "9" * 5000 + "}", "[" * 100_000, '{"format": 1, "name": "\\ud800"}'])
def test_json_that_python_cannot_work_with_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match="is torn or foreign"):
        fr.Recommender.load(folder)
