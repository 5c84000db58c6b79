"""Runs as files: strict, overridden by options, resumable, and shared by two processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions, synthetic
from fillrank.errors import DataError, ModelFileError, SettingsError
from fillrank.experiments.run.fit import RunPlan, fit_run, read_run
from fillrank.experiments.toml.files import toml_text
from fillrank.experiments.toml.tables import deep_merge, flatten, unflatten
from fillrank.recommend import Recommender
from fillrank.runtime.launch import processes
from fillrank.training.callbacks import EpochEnd, FitEnd, LambdaCallback, Recorder

SMALL = {
    "dim": 4,
    "epochs": 3,
    "batch_size": 256,
    "sampler_settings": {"n_negatives": 8},
    "loss_settings": {"temperature": 0.1},
    "neighbour_weight": 0.0,
    "popularity_beta": 0.0,
}


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "log.csv"
    small_log().to_frame().write_csv(path)
    return path


def small_log() -> Interactions:
    return synthetic(60, 40, 900, seed=3).interactions


def plan(log_file: Path, out: Path, **own: Any) -> RunPlan:
    return RunPlan.of({"data": str(log_file), "out": str(out), "model": "contrastive", "settings": SMALL | own})


def cmc_plan(log_file: Path, out: Path) -> RunPlan:
    settings = {"dim": 4, "rating_dim": 2, "epochs": 2, "batch_size": 256}
    return RunPlan.of({"data": str(log_file), "out": str(out), "model": "cmc", "settings": settings})


def vectors(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    model = Recommender.load(folder)
    factors = model.scorer if model.predictor is None else model.predictor
    return factors.users, factors.items


def test_a_run_is_a_toml_file_and_what_it_did_is_one_too(log_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(toml_text({"data": str(log_file), "out": str(tmp_path / "model"), "model": "pure-svd", "seed": 3}))
    outcome = fit_run(read_run(file, {"settings": {"rank": 3}}))
    assert outcome is not None
    assert (outcome.model.settings["rank"], outcome.model.settings["seed"]) == (3, 3)
    resolved = tomllib.loads((tmp_path / "model" / "run.toml").read_text())
    assert resolved["settings"] == {
        "rank": 3,
        "use_values": True,
        "method": "randomized",
        "oversampling": 10,
        "monitor": "ndcg@20",
        "seed": 3,
    }
    again = fit_run(read_run(tmp_path / "model" / "run.toml", {"out": str(tmp_path / "again")}))
    assert again is not None
    assert all(
        torch.equal(*pair) for pair in zip(vectors(tmp_path / "model"), vectors(tmp_path / "again"), strict=True)
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "data = 1\nout = 'x'",
            SettingsError,
            "data must be a text; a run has data, train, ",
        ),
        (
            "data = 'x'\nout = 'x'\nmodell = 'cmc'",
            SettingsError,
            "modell is not known here .did you mean 'model'.*; a run has",
        ),
        ("data = 'x'", SettingsError, "out is missing"),
        ("data = 'x'\nout = 'x'\ntest = 1.5", SettingsError, "test must be a fraction from 0 up to 1"),
        ("data = 'x'\nout = 'x'\nsplit = 'half'", SettingsError, "split must be 'auto'"),
        ("data = 'x'\nout = 'x'\nmodel = 'cmcc'", SettingsError, "no model is called 'cmcc'"),
        ("data = 'x'\nout = 'x'\n[settings]\ndimm = 3", SettingsError, "CMC has no setting 'dimm'"),
        (
            "data = 'x'\nout = 'x'\n[model]\nname = 'cmc'\n[model.optimizer]\nwarmup = 0.1",
            SettingsError,
            r'model: it is the name of a recipe, as in model = "cmc"; .* a table such as \[settings.optimizer\]',
        ),
        ("data = ", DataError, "is not TOML"),
    ],
)
def test_a_wrong_run_is_refused_before_data_are_read(text: str, error: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(error, match=message):
        read_run(tmp_path / "run.toml")


def test_a_folder_of_something_else_is_refused_before_the_training(log_file: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(ModelFileError, match="is no saved model"):
        fit_run(plan(log_file, tmp_path / "notes"))
    assert [file.name for file in tmp_path.iterdir()] == ["notes"]


def test_a_training_that_broke_off_goes_on(log_file: Path, tmp_path: Path) -> None:
    """Broken after its second epoch, the same run goes on there and ends at the factors of one that was not broken."""

    def power_cut(end: EpochEnd) -> None:
        if end.epoch == 3:
            raise RuntimeError("no power")

    whole, broken = plan(log_file, tmp_path / "whole"), plan(log_file, tmp_path / "broken")
    fit_run(whole)
    with pytest.raises(RuntimeError, match="no power"):
        fit_run(broken, callbacks=[LambdaCallback(on_epoch_end=power_cut)])
    state = tmp_path / "broken.checkpoint" / "state.safetensors"
    assert state.exists()
    with pytest.raises(SettingsError, match=r"with other settings \(settings.learning_rate\)"):
        fit_run(plan(log_file, tmp_path / "broken", learning_rate=0.1))
    heard = Recorder()
    outcome = fit_run(broken, callbacks=[heard])
    assert outcome is not None
    assert [end.epoch for end in heard.of("fit")] == [3]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["broken", "whole"]
    assert all(
        torch.equal(*pair) for pair in zip(vectors(tmp_path / "whole"), vectors(tmp_path / "broken"), strict=True)
    )


def test_a_training_that_broke_off_in_its_second_fit_goes_on(log_file: Path, tmp_path: Path) -> None:
    def power_cut(end: FitEnd) -> None:
        raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="no power"):
        fit_run(plan(log_file, tmp_path / "x"), callbacks=[LambdaCallback(on_fit_end=power_cut)])
    assert (tmp_path / "x.checkpoint" / "state.safetensors.refit").exists()
    heard = Recorder()
    outcome = fit_run(plan(log_file, tmp_path / "x"), callbacks=[heard])
    assert outcome is not None
    assert outcome.model.refit
    assert heard.of("fit") == []
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_how_it_runs_is_not_what_is_saved(log_file: Path, tmp_path: Path) -> None:
    options = {
        "progress": False,
        "device": "cpu",
        "n_threads": 1,
        "time_budget": "1h",
        "log_to": str(tmp_path / "a.csv"),
    }
    content = {"data": str(log_file), "out": str(tmp_path / "x"), "model": "contrastive", "settings": SMALL}
    outcome = fit_run(RunPlan.of(content | {"options": options}))
    assert outcome is not None
    resolved = tomllib.loads((tmp_path / "x" / "run.toml").read_text())
    assert resolved["options"] == {"time_budget": "1h"}, "which alone makes a difference to what is learnt"
    for found in (resolved["settings"], Recommender.load(tmp_path / "x").settings):
        assert not {"progress", "device", "n_threads", "checkpoint"} & found.keys()
    assert (tmp_path / "a.csv").read_text().startswith("fit,model,stage,epoch,")


def test_files_that_hold_it_among_the_settings_are_read(
    log_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = {"progress": False, "device": "cpu"}
    run = plan(log_file, tmp_path / "x", **old)
    assert (run.options.progress, run.options.device) == (False, "cpu")
    assert run.settings == SMALL
    assert "progress, device: how a fit runs stands under [options] in a TOML file" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"progres": True}, r"options.progres is not known here"),
        ({"time_budget": "soon"}, "options.time_budget: a time budget is a number of seconds above 0"),
        ({"log_to": "a.txt"}, "options.log_to: the log of a training is a file that ends in .csv or .jsonl"),
        ({"n_threads": 0}, "options.n_threads must be 1 or more"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RunPlan.of({"data": "x", "out": "x", "model": "als", "options": options}, "run.toml")


def test_a_run_that_cannot_begin_leaves_nothing(log_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no setting 'warmth'"):
        fit_run(plan(log_file, tmp_path / "x", loss_settings={"warmth": 1}))
    assert list(tmp_path.iterdir()) == []


PLAIN = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text())
VALUES = st.one_of(
    PLAIN, st.lists(PLAIN, max_size=3), st.lists(st.dictionaries(st.text(), PLAIN, max_size=2), max_size=2)
)


@given(
    st.recursive(st.dictionaries(st.text(), VALUES, max_size=4), lambda t: st.dictionaries(st.text(), t, max_size=3))
)
@settings(deadline=None, max_examples=60)
def test_what_is_written_as_toml_is_read_again(content: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(content)) == content


def test_tables_by_dotted_names() -> None:
    content = {"a": 1, "b": {"c": [2], "d": {"e": "x"}}}
    assert dict(flatten(content)) == {"a": 1, "b.c": [2], "b.d.e": "x"}
    assert unflatten(dict(flatten(content))) == content
    assert deep_merge(content, {"b": {"d": {"e": "y"}}, "a": 2}) == {"a": 2, "b": {"c": [2], "d": {"e": "y"}}}
    assert toml_text({"a": None, "b": {}}) == "\n[b]\n".lstrip()
    with pytest.raises(SettingsError, match="TOML has no form for"):
        toml_text({"a": object()})


def test_a_world_of_one() -> None:
    with processes() as world:
        assert (world.rank, world.size) == (0, 1)


def start(rank: int, size: int, port: int, *words: object) -> subprocess.Popen[str]:
    """One process of a group, as ``torchrun`` starts it."""
    group = {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "-m", "fillrank", "fit", *map(str, words)],
        env={"FILLRANK_TIMEOUT": "60", **os.environ, **group, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(*words: object, ranks: tuple[tuple[object, ...], ...] = ((), ())) -> list[tuple[int, str, str]]:
    """Exit code and the two streams of each of the processes; ``ranks`` are the words that only one of them gets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [start(rank, len(ranks), port, *words, *own) for rank, own in enumerate(ranks)]
    spoken = [process.communicate(timeout=100) for process in running]
    return [(process.returncode, *said) for process, said in zip(running, spoken, strict=True)]


@pytest.mark.parametrize("plan_of", [plan, pytest.param(cmc_plan, marks=pytest.mark.slow)])
def test_two_processes_fit_what_one_fits(plan_of: Callable[..., RunPlan], log_file: Path, tmp_path: Path) -> None:
    fit_run(plan_of(log_file, tmp_path / "one"))
    file = tmp_path / "run.toml"
    file.write_text(toml_text(plan_of(log_file, tmp_path / "two").resolved()))
    (code, said, errors), (other_code, other_said, other_errors) = together(file, "--json")
    assert (code, other_code) == (0, 0), errors + other_errors
    assert json.loads(said)["out"] == str(tmp_path / "two")
    assert other_said + other_errors == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "run.toml", "two"]
    for alone, shared in zip(vectors(tmp_path / "one"), vectors(tmp_path / "two"), strict=True):
        torch.testing.assert_close(shared, alone, rtol=1e-3, atol=2e-5)


def test_an_error_in_one_process_ends_the_other(log_file: Path, tmp_path: Path) -> None:
    """The second finds no log where it was told to look; the first waits for it at the first step, and is told."""
    words = ("--out", tmp_path / "x", "--model", "contrastive", "--set", "dim=4", "--set", "epochs=50")
    words = (*words, "--no-progress")
    first, second = together(*words, ranks=(("--data", log_file), ("--data", tmp_path / "nothing.csv")))
    assert (first[0], second[0]) == (1, 1)
    assert "nothing.csv" in second[2]
    assert "process 0 of 2 lost another one, whose own message says why" in first[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dim", "data", "said"),
    [
        (5, "log.csv", "process 1 of 2 was started otherwise than process 0: settings.dim 5, not 4"),
        (4, "other.csv", "process 1 of 2 was started otherwise than process 0: data of train "),
    ],
)
def test_processes_of_other_settings_or_data_are_refused(
    dim: int, data: str, said: str, log_file: Path, tmp_path: Path
) -> None:
    lines = log_file.read_text().splitlines()
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "other.csv").write_text("\n".join(lines[:-1]) + "\n")
    words = ("--out", tmp_path / "x", "--model", "contrastive", "--set", "sampler_settings.n_negatives=4")
    ranks = [("--data", tmp_path / file, "--set", f"dim={n}") for file, n in (("log.csv", 4), (data, dim))]
    for code, spoken, errors in together(*words, ranks=(ranks[0], ranks[1])):
        assert (code, spoken) == (1, "")
        assert len(errors.splitlines()) == 1
        assert said in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "other.csv"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="stops a process")
def test_a_process_that_falls_silent_is_not_waited_for_without_end(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILLRANK_TIMEOUT", "5")
    words = ("--data", log_file, "--out", tmp_path / "x", "--model", "contrastive", "--set", "dim=4")
    words = (*words, "--set", "epochs=100000", "--set", "patience=100000")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first, second = (start(rank, 2, port, *words) for rank in (0, 1))
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("epoch "):
            break
    second.send_signal(signal.SIGSTOP)
    try:
        said, errors = first.communicate(timeout=60)
    finally:
        second.kill()
        second.communicate()
    assert (first.returncode, said) == (1, "")
    assert "process 0 of 2 heard nothing from another one for 5 s (FILLRANK_TIMEOUT)" in errors
    assert "Traceback" not in errors


def test_a_model_that_shares_no_batches_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from fillrank.experiments.run import fit as run
    from fillrank.training import World

    with pytest.raises(SettingsError, match="pure-svd is fitted by one process, and 2 were started"):
        run._check_shareable(RunPlan.of({"data": "x", "out": "x", "model": "pure-svd"}).recipe(), World(0, 2))


def test_ctrl_c_keeps_the_model_and_the_way_on(log_file: Path, tmp_path: Path) -> None:
    words = ("--data", log_file, "--model", "contrastive", "--out", tmp_path / "x", "--set", "epochs=100000")
    words = (*words, "--set", "patience=100000", "--set", "dim=4", "--set", "sampler_settings.n_negatives=8")
    with start(0, 1, 0, *words) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch "):
                process.send_signal(signal.SIGINT)
                break
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, ""), errors
    assert re.search(r"interrupted in epoch \d+: there is no \S*x; the same command goes on from", errors)
    assert not (tmp_path / "x").exists()
    assert Recommender.load(tmp_path / "x.interrupted").settings["epochs"] >= 1
    assert (tmp_path / "x.checkpoint" / "state.safetensors").exists()
