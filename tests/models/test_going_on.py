"""A fit that was stopped and begun again ends with the bits of one that was not; what is kept of another is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.errors import DataError, SettingsError
from fillrank.experiments.run import RunPlan, fit_run
from fillrank.models import Recipe, recipe
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.gibbs.products import ThinSum
from fillrank.training.callbacks import Callback, EpochEnd
from fillrank.training.checkpoint import Checkpoint, Saved

pytestmark = pytest.mark.filterwarnings("ignore")
PARTS = fr.split.random(fr.synthetic(60, 40, 1200, rank=2, seed=3).interactions, test=0.1, valid=0.2)
RECIPES: dict[str, Mapping[str, Any]] = {
    "als": {"dim": 4, "regularization": 0.1, "bias_regularization": 3.0, "iterations": 7},
    "als by conjugate gradients": {"dim": 4, "regularization": "auto", "method": "cg", "iterations": 6},
    "ials": {"dim": 4, "unobserved_weight": 0.1, "regularization": 0.02, "iterations": 7},
    "ials in blocks": {"dim": 6, "method": "block", "block": 2, "regularization": 0.02, "iterations": 6},
    "sgd": {"dim": 4, "epochs": 7},
    "gibbs": {"dim": 3, "iterations": 14, "burn_in": 4},
    "gibbs with sets": {"dim": 3, "iterations": 12, "burn_in": 3, "n_chains": 3, "sets": True},
    "contrastive": {"dim": 4, "epochs": 6, "loss_settings": {"temperature": 0.2}},
    "cmc": {"dim": 4, "epochs": 5, "temperature": 0.2, "batch_size": 256},
    "blended": {"parts": [{"model": "ials", "settings": {"dim": 3, "regularization": 0.1}}, "pure-svd"]},
}


def made(name: str) -> Recipe:
    return recipe(name.split(" ", maxsplit=1)[0])(**RECIPES[name])


class _Stopper(Callback):
    """Ends a fit by an exception after so many rounds, as a kill would."""

    def __init__(self, rounds: int) -> None:
        self.left = rounds

    def on_epoch_end(self, end: EpochEnd) -> None:
        if end.stage != "trial":
            self.left -= 1
            if not self.left:
                raise KilledError


class KilledError(Exception):
    """What a stopper raises."""


def bits(model: Recommender) -> dict[str, torch.Tensor]:
    scorers = {"scorer": model.scorer} | ({} if model.predictor is None else {"predictor": model.predictor})
    return {f"{kind}/{name}": tensor for kind, one in scorers.items() for name, tensor in one.tensors().items()}


def assert_same(one: Recommender, other: Recommender) -> None:
    assert bits(one).keys() == bits(other).keys()
    assert all(torch.equal(bits(one)[name], tensor) for name, tensor in bits(other).items())
    assert one.settings == other.settings
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in model.history] for model in (one, other)]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("name", RECIPES)
def test_it_goes_on_to_the_same_bits(name: str, watched: bool, tmp_path: Path) -> None:
    if not watched and "auto" in RECIPES[name].values():
        pytest.skip("there is nothing to choose on")
    data = (PARTS.train, PARTS.valid if watched else None)
    undisturbed = made(name).fit(*data, progress=False)
    place = tmp_path / "state"
    fits = 0
    for rounds in (2, 1, 3):
        try:
            made(name).fit(*data, progress=False, checkpoint=place, callbacks=[_Stopper(rounds)])
        except KilledError:
            fits += 1
        kept = list(tmp_path.glob("state*"))
        assert kept or name.startswith("gibbs"), "nothing was kept"  # until each of its chains has done a sweep
    assert fits
    assert_same(made(name).fit(*data, progress=False, checkpoint=place), undisturbed)
    assert_same(made(name).fit(*data, progress=False, checkpoint=place), undisturbed)  # of a training that was over


def test_a_large_table_of_samples_goes_on_as_well() -> None:
    rng = np.random.default_rng(0)
    samples = [(rng.standard_normal((9, 2)), rng.standard_normal((7, 2))) for _ in range(7)]
    whole, first, other = (ThinSum(9, 7, dim=3) for _ in range(3))
    for number, sample in enumerate(samples):
        whole.add(*sample)
        (first if number < 4 else other).add(*sample)
        if number == 3:
            state = first.state()
            first.add(*samples[0])  # what comes after a snapshot is not in it
            other.take_up(state)
    for one, two in zip(whole.kept(), other.kept(), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("name", ["als", "ials", "sgd", "gibbs"])
def test_a_state_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    place = tmp_path / "state"
    fitted = made(name)
    fitted.fit(PARTS.train, progress=False, checkpoint=place)
    for other, data in (
        (fitted.model_copy(update={"seed": 1}), PARTS.train),
        (fitted, PARTS.train.select(np.arange(800))),
    ):
        with pytest.raises(DataError, match=r"state belongs to another training .*; remove it to begin anew"):
            other.fit(data, progress=False, checkpoint=place)
    content = place.read_bytes()
    for wrong in (content[:-9], content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], b""):
        place.write_bytes(wrong)
        with pytest.raises(DataError, match=r"state is no whole checkpoint .*; remove it to begin anew"):
            fitted.fit(PARTS.train, progress=False, checkpoint=place)
    place.write_bytes(content)
    saved = Checkpoint(place).read()
    assert saved is not None
    Checkpoint(place).write(
        Saved({}, {key: fact for key, fact in saved.facts.items() if key in {"training", "chosen"}})
    )
    with pytest.raises(DataError, match=r"state is no whole checkpoint"):
        fitted.fit(PARTS.train, progress=False, checkpoint=place)


RUN = """
data = "log.csv"
model = "{model}"
out = "m"
[settings]
{settings}
"""
LONG = {
    "ials": "dim = 8\nregularization = 0.02\nunobserved_weight = 0.1\niterations = 40\npatience = 40",
    "sgd": "dim = 8\nepochs = 40\npatience = 40",
    "gibbs": "dim = 4\niterations = 60\nburn_in = 5",
}


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fillrank", "fit", "run.toml", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("model", LONG)
def test_a_process_that_is_killed_loses_nothing(
    model: str, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = fr.synthetic(300, 200, 9000, seed=1).interactions.to_frame()
    frame.rename({"user_id": "user", "item_id": "item", "value": "rating"}).write_csv("log.csv")
    Path("run.toml").write_text(RUN.format(model=model, settings=LONG[model]))
    assert start("--out", "undisturbed").wait() == 0
    folder, rng = Path("m.checkpoint"), np.random.default_rng(7)
    for _ in range(6):
        process = start()
        while process.poll() is None and not list(folder.glob("state.safetensors*")):
            time.sleep(0.02)
        time.sleep(float(rng.uniform(0, 0.3)))
        process.send_signal(number)
        if process.wait() == 0:
            break
    else:
        assert start().wait() == 0
    assert_same(Recommender.load("m"), Recommender.load("undisturbed"))
    assert sorted(file.name for file in tmp_path.iterdir() if "interrupted" not in file.name) == [
        "log.csv",
        "m",
        "run.toml",
        "undisturbed",
    ]


def test_fresh_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PARTS.train.to_frame().rename({"user_id": "user", "item_id": "item"}).write_csv("log.csv")
    plan = {
        "data": "log.csv",
        "model": "sgd",
        "out": "m",
        "settings": {"dim": 3, "epochs": 4},
        "options": {"progress": False},
    }
    for place in (None, "own"):
        asked = plan if place is None else plan | {"options": {"checkpoint": place}}
        state = Path("m.checkpoint/state.safetensors" if place is None else place)
        with pytest.raises(KilledError):
            fit_run(RunPlan.of(asked), callbacks=[_Stopper(2)])
        assert state.exists()
        other = RunPlan.of({**asked, "settings": {"dim": 4, "epochs": 4}})
        with pytest.raises((DataError, SettingsError), match=r"settings\.dim|belongs to another training"):
            fit_run(other)
        outcome = fit_run(other, fresh=True)
        assert outcome is not None
        assert outcome.model.settings["dim"] == 4
        state.unlink(missing_ok=True)
        Path(f"{state}.refit").unlink(missing_ok=True)
