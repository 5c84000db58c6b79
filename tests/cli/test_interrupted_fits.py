"""A fit that a signal ends early, whatever the recipe: exit code 130 or 143, and the old model stays byte for byte."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fillrank.recommend import Recommender
from fillrank.runtime.interrupt import Interrupt, terminate
from fillrank.runtime.progress import Progress

TRAINED: dict[str, tuple[str, ...]] = {
    "als": ("regularization=0.1", "bias_regularization=0.02", "dim=4"),
    "blended": ('parts=[{model="popularity"}, {model="contrastive", settings={dim=4}}, {model="pure-svd"}]',),
    "cmc": ("dim=4", "rating_dim=2"),
    "contrastive": ("dim=4", "sampler_settings.n_negatives=8"),
    "gibbs": ("dim=4", "iterations=5000", "burn_in=4000"),
    "ials": ("dim=4", "unobserved_weight=0.1", "regularization=0.01"),
    "lightgcn": ("dim=4",),
    "neumf": ("dim=4",),
    "sgd": ("dim=4",),
}
UNHELD = {"pure-svd": "svd.first_directions", "biased-svd": "svd.first_directions", "ials": "ials.ials_iterations"}


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Those of the program: the command line's, and not the one that a shell gives to what runs in the background."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    Interrupt.last = signal.SIGINT


@pytest.fixture
def fit(log_file: Path, tmp_path: Path, fillrank: Callable[..., Result]) -> Callable[..., Result]:
    def run(model: str, *settings: str, fresh: bool = False) -> Result:
        words = [word for setting in settings for word in ("--set", setting)] + ["--fresh"] * fresh
        return fillrank("fit", "--data", log_file, "--model", model, *words, "--out", tmp_path / "m", "--json")

    return run


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def interrupting(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, *, after: int) -> None:
    """Let the signal come when so many steps are done."""
    done: list[int] = []
    step_done = Progress.step_done

    def counted(self: Progress) -> None:
        step_done(self)
        done.append(1)
        if len(done) == after:
            signal.raise_signal(number)

    monkeypatch.setattr(Progress, "step_done", counted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("model", sorted(TRAINED))
def test_the_old_model_stays_and_what_was_learnt_lies_beside_it(
    model: str, number: signal.Signals, fit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit("popularity").exit_code == 0
    before = content(tmp_path / "m")
    with monkeypatch.context() as patch:
        interrupting(patch, number, after=2)
        result = fit(model, *TRAINED[model])
    assert result.exit_code == 128 + number, result.output
    assert content(tmp_path / "m") == before
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["interrupted"] is True
    assert document["out"] == str(tmp_path / "m.interrupted")
    said = [line for line in result.stderr.splitlines() if line.startswith("fillrank: interrupted")]
    assert len(said) == 1
    assert f"{tmp_path / 'm'} stays as it was" in said[0]
    assert ("the same command goes on from" in said[0]) == (tmp_path / "m.checkpoint").exists()
    assert len(Recommender.load(tmp_path / "m.interrupted").recommend(k=2)) > 0


def test_a_second_fit_that_is_interrupted_leaves_the_first_ones_model(
    fit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen on validation is fitted again on everything; a signal in that fit is one too."""
    with monkeypatch.context() as patch:
        interrupting(patch, signal.SIGINT, after=7)
        result = fit("sgd", "dim=4", "epochs=5")
    assert result.exit_code == 130
    assert not (tmp_path / "m").exists()
    assert Recommender.load(tmp_path / "m.interrupted").settings["epochs"] == 5


@pytest.mark.parametrize("model", sorted(UNHELD))
def test_what_cannot_stop_half_way_ends_at_once(
    model: str, fit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While ranks and penalties are chosen there is no model to keep."""

    def interrupted(*_: Any, **__: Any) -> Any:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(f"fillrank.models.{UNHELD[model]}", interrupted)
        result = fit(model)
    assert (result.exit_code, result.stdout) == (130, "")
    assert f"interrupted before there was a model to keep: there is no {tmp_path / 'm'}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_same_command_removes_the_partial_model_when_it_is_done(
    fit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupting(patch, signal.SIGINT, after=3)
        assert fit("sgd", "dim=4", "epochs=9").exit_code == 130
    refused = fit("sgd", "dim=4", "epochs=8")
    assert (refused.exit_code, "settings.epochs" in refused.stderr, "--fresh" in refused.stderr) == (1, True, True)
    assert fit("sgd", "dim=4", "epochs=8", fresh=True).exit_code == 0
    assert (tmp_path / "m.interrupted").exists(), "it is of another run"
    assert fit("sgd", "dim=4", "epochs=9").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_what_is_in_the_place_of_the_partial_model_is_not_touched(
    fit: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.interrupted").mkdir()
    (tmp_path / "m.interrupted" / "notes.txt").write_text("mine")
    with monkeypatch.context() as patch:
        interrupting(patch, signal.SIGINT, after=2)
        result = fit("sgd", "dim=4")
    assert result.exit_code == 130
    assert content(tmp_path / "m.interrupted") == {"notes.txt": b"mine"}
    assert "what was learnt cannot be kept: " in result.stderr or json.loads(result.stdout)["out"] is None
