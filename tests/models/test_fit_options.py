"""How a fit runs: given to ``fit``, in a group or one by one, and stored nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import ArgumentError, SettingsError
from fillrank.models import RECIPES
from fillrank.renames import read_settings
from fillrank.training.callbacks import Recorder
from fillrank.training.options import RUN_WORDS, without_run_words

OLD = Path(__file__).parents[1] / "golden" / "version-0.1"


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_has_a_setting_for_it(name: str) -> None:
    assert not set(RUN_WORDS) & RECIPES[name].model_fields.keys()
    assert "callbacks" not in RECIPES[name].model_fields


def test_options_and_keywords(parts: Split) -> None:
    first, second = Recorder(), Recorder()
    options = fr.FitOptions(progress=False, n_threads=1, callbacks=[first])
    model = fr.SGD(dim=3, epochs=2).fit(parts.train, options=options)
    fr.SGD(dim=3, epochs=2).fit(parts.train, options=options, callbacks=[second])
    assert len(first.epochs) == len(second.epochs) == 2, "a keyword takes the place of the option"
    assert not set(RUN_WORDS) & model.settings.keys()


def test_threads_are_set_for_the_fit_alone(parts: Split) -> None:
    found: list[int] = []
    before = torch.get_num_threads()
    seen = fr.callbacks.LambdaCallback(on_epoch_end=lambda _: found.append(torch.get_num_threads()))
    fr.ALS(dim=3, iterations=1, regularization=0.1, bias_regularization=2.0).fit(
        parts.train, n_threads=before + 1, callbacks=[seen]
    )
    assert (found, torch.get_num_threads()) == ([before + 1], before)


def test_what_cannot_be_is_refused(parts: Split, tmp_path: Path) -> None:
    recipe = fr.SGD(dim=3, epochs=1)
    with pytest.raises(SettingsError, match="fit has no option 'verbose'; it has refit, progress, device, n_threads"):
        recipe.fit(parts.train, verbose=True)
    with pytest.raises(SettingsError, match="pure-svd keeps no state that a fit could go on from; leave check"):
        fr.PureSVD(rank=2).fit(parts.train, checkpoint=tmp_path / "state")
    with pytest.raises(ArgumentError, match=r"number 1 of them is a .*function.*, and must be a Callback"):
        recipe.fit(parts.train, callbacks=[print])
    with pytest.raises(ArgumentError, match="progress must be True or False"):
        recipe.fit(parts.train, progress="yes")
    with pytest.raises(SettingsError, match="n_threads must be from 1 to"):
        recipe.fit(parts.train, n_threads=0)


def test_a_device_that_a_model_does_not_use_is_said(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    fr.PureSVD(rank=2).fit(parts.train, device="cuda")
    assert "pure-svd is fitted on the CPU, and not on 'cuda'" in caplog.text


def test_the_words_of_old_work_with_a_warning_until_the_next_release(
    parts: Split, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    recipe = fr.SGD(dim=3, epochs=1, progress=False)
    assert "progress is an option of fit, not a setting; give it to fit, as in fit(train, progress=False)" in (
        caplog.text
    )
    recipe.fit(parts.train)
    assert capsys.readouterr().err == ""
    recipe.fit(parts.train, progress=True)
    assert "epoch 1/1" in capsys.readouterr().err
    assert recipe.model_dump() == fr.SGD(dim=3, epochs=1).model_dump()
    with pytest.raises(SettingsError, match="n_threads must be from 1 to"):
        fr.SGD(n_threads=0)


@pytest.mark.parametrize("name", sorted(path.stem for path in (OLD / "models").glob("*.json")))
def test_an_old_model_is_rid_of_them(name: str) -> None:
    settings = fr.Recommender.load(OLD / "models" / name).settings
    assert not any(f'"{word}"' in json.dumps(dict(settings)) for word in RUN_WORDS)
    before = json.loads((OLD / "models" / name / "config.json").read_text(encoding="utf-8"))["settings"]
    assert read_settings(without_run_words(before))[0] == settings
