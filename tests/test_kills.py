"""Sixty processes killed (SIGKILL) in a save, a fit, a study or in tuning: nothing is lost, nothing stays behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import fillrank as fr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]
ROUNDS = 15  # of each of the four

SAVING = """
import sys, fillrank as fr
log = fr.synthetic(300, 200, 4000, seed=1).interactions
models = [fr.PureSVD(rank=rank).fit(log) for rank in (4, 5)]
print("ready", flush=True)
for n in range(int(sys.argv[2])):
    models[n % 2].save(sys.argv[1])
"""
FIT = """
data = "log.csv"
model = "contrastive"
out = "m"
refit = false
[settings]
dim = 16
epochs = 30
patience = 30
"""
STUDY = """
title = "A study"
data = "log.csv"
k = 5
seeds = [0, 1, 2, 3]
protocols = ["honest"]
[entries.popularity]
model = "popularity"
[entries.svd]
model = "pure-svd"
settings = {rank = 8}
"""
TUNE = """
data = "log.csv"
model = "pure-svd"
out = "trials"
metric = "ndcg@10"
n_trials = 8
[search]
rank = {low = 1, high = 20}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files above and a log."""
    monkeypatch.chdir(tmp_path)
    frame = fr.synthetic(300, 200, 4000, seed=1).interactions.to_frame()
    frame.rename({"user_id": "user", "item_id": "item", "value": "rating"}).write_csv("log.csv")
    for name, text in {"fit": FIT, "study": STUDY, "tune": TUNE}.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )


def kill_after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether the process was killed, and had not ended by itself before that."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def seconds_of(run: Callable[[], subprocess.Popen[str]]) -> float:
    began = time.monotonic()
    process = run()
    process.communicate()
    assert process.returncode == 0
    return time.monotonic() - began


def hidden(folder: Path) -> list[str]:
    """What is of no use to anybody."""
    return sorted(str(path) for path in folder.rglob("*") if "fillrank-" in path.name or path.name.startswith("."))


def test_a_model_that_is_saved_over(work: Path) -> None:
    rng = random.Random(1)
    fr.PureSVD(rank=3).fit(fr.read("log.csv")).save("m")
    for _ in range(ROUNDS):
        process = start("-c", SAVING, "m", "100000")
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert kill_after(process, rng.uniform(0, 0.5))
        assert fr.Recommender.load("m").settings["rank"] in {3, 4, 5}
        left = {Path(file).relative_to(work).parts[0] for file in hidden(work)}
        assert len(left) <= 1  # one killed process leaves one folder, whatever is in it, and the next removes it
    fr.PureSVD(rank=6).fit(fr.read("log.csv")).save("m")
    assert fr.Recommender.load("m").settings["rank"] == 6
    assert hidden(work) == []


def test_a_fit_over_a_model(work: Path) -> None:
    rng = random.Random(2)

    def fit() -> subprocess.Popen[str]:
        return start("-m", "fillrank", "fit", "fit.toml")

    whole = seconds_of(fit)
    wanted = fr.Recommender.load("m").recommend(k=5)
    fr.Popularity().fit(fr.read("log.csv")).save("m")
    for _ in range(ROUNDS):
        kill_after(fit(), rng.uniform(0.3, 1) * whole)
        model = fr.Recommender.load("m")
        assert model.name == "popularity" or model.recommend(k=5).equals(wanted)
    process = fit()
    process.communicate()
    assert process.returncode == 0
    assert fr.Recommender.load("m").recommend(k=5).equals(wanted)
    assert hidden(work) == []
    assert sorted(path.name for path in work.iterdir()) == ["fit.toml", "log.csv", "m", "study.toml", "tune.toml"]


def test_a_study(work: Path) -> None:
    rng = random.Random(3)

    def study() -> subprocess.Popen[str]:
        return start("-m", "fillrank", "reproduce", "study.toml", "--out", "records/s.json")

    whole = seconds_of(study)
    record = work / "records" / "s.json"
    wanted = len(json.loads(record.read_text())["runs"])
    record.unlink()
    runs = 0
    for _ in range(ROUNDS):
        kill_after(study(), rng.uniform(0.5, 1) * whole)
        now = len(json.loads(record.read_text())["runs"]) if record.exists() else 0
        assert now >= runs
        runs = now
        if runs == wanted:
            record.unlink()
            runs = 0
    process = study()
    process.communicate()
    assert process.returncode == 0
    assert len(json.loads(record.read_text())["runs"]) == wanted
    assert hidden(work) == []


def test_tuning(work: Path) -> None:
    rng = random.Random(4)

    def tuning() -> subprocess.Popen[str]:
        return start("-m", "fillrank", "tune", "tune.toml")

    pytest.importorskip("optuna", reason="tuning needs Optuna")
    whole = seconds_of(tuning)
    done = json.loads((work / "trials" / "record.json").read_text())["trials"]
    for file in (work / "trials").iterdir():
        file.unlink()
    for _ in range(ROUNDS):
        kill_after(tuning(), rng.uniform(0.5, 1) * whole)
        for name in ("record.json", "best.toml"):
            file = work / "trials" / name
            assert not file.exists() or file.stat().st_size
    process = tuning()
    process.communicate()
    assert process.returncode == 0
    trials = json.loads((work / "trials" / "record.json").read_text())["trials"]
    whole_ones = [trial for trial in trials if trial["value"] is not None]
    assert len(whole_ones) >= len(done)
    assert hidden(work) == []
