"""The examples add parts from outside of the package, in less than 40 lines each, and train with them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from fillrank.data import READERS
from fillrank.encoders import ENCODERS
from fillrank.losses import LOSSES
from fillrank.recommend import Recommender
from fillrank.samplers import SAMPLERS

FOLDER = Path(__file__).parents[2] / "examples"
MAKES = {
    "own_loss": {"loss": "squared-hinge"},
    "own_sampler": {"sampler": "parity"},
    "own_encoder": {"encoder": "prototypes"},
}


@pytest.fixture(autouse=True)
def names_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (LOSSES, SAMPLERS, ENCODERS, READERS):
        monkeypatch.setattr(registry, "_more", {})


def test_every_example_is_run_and_short() -> None:
    files = {file.stem: file for file in FOLDER.glob("*.py")}
    assert files.keys() == {*MAKES, "own_format"}
    for file in files.values():
        assert len(file.read_text(encoding="utf-8").splitlines()) < 40, file


@pytest.mark.parametrize("name", MAKES)
def test_a_part_of_ones_own(name: str) -> None:
    model = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](epochs=2)
    assert isinstance(model, Recommender)
    for part, given in MAKES[name].items():
        assert model.settings[part] == given


def test_a_format_of_ones_own() -> None:
    log = runpy.run_path(str(FOLDER / "own_format.py"))["main"]().interactions
    assert (log.n_users, log.n_items, len(log)) == (60, 30, 900)
    assert log.user_ids.ids[0] == "u0"
