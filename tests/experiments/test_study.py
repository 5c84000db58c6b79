"""Studies: every run under its protocol, none made twice, a record that survives whatever stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fillrank.data import Interactions, Split, synthetic
from fillrank.errors import DataError, DataNotFoundError, SettingsError
from fillrank.experiments.reproduce import runs as study_runs
from fillrank.experiments.reproduce.markdown import fill_tables, studied
from fillrank.experiments.reproduce.record import StudyRun, add_run, read_record
from fillrank.experiments.reproduce.runs import run_study
from fillrank.experiments.reproduce.study import Study, read_study, studies
from fillrank.experiments.reproduce.table import rows_of
from fillrank.models import Contrastive
from fillrank.models.contrastive.build import ContrastiveMonitor
from fillrank.report.study_plots import quality_against_seconds
from fillrank.runtime.atomic_write import turn

TEXT = """
title = "A small one"
data = "{data}"
k = 5

[entries.popular]
model = "popularity"
seeds = [0, 1]
published = {{ "recall@5" = 0.5, source = "nowhere" }}

[entries.mf]
model = "contrastive"
[entries.mf.settings]
dim = 4
epochs = {epochs}
patience = 10000
monitor = "ndcg@5"
sampler_settings.n_negatives = 8
loss_settings.temperature = 0.1
learning_rate = 0.001
batch_size = 1024
neighbour_weight = 0.0
popularity_beta = 0.0
"""
KEYS = [("popular", "honest", 0), ("popular", "honest", 1), ("mf", "honest", 0)]
KEYS += [(entry, "legacy", seed) for entry, _, seed in KEYS]


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "log.csv"
    synthetic(60, 40, 900, seed=3).interactions.to_frame().write_csv(path)
    return path


@pytest.fixture
def write(log_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the small study, with changes of its text."""

    def write(*changes: tuple[str, str], epochs: int = 2) -> Path:
        text = TEXT.format(data=log_file, epochs=epochs)
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        file = tmp_path / "small.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def study(write: Callable[..., Path]) -> Study:
    return read_study(write())


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were made, in their order."""
    made: list[str] = []
    original = study_runs.run_task

    def spy(task, tuning, **options):
        made.append(str(task))
        return original(task, tuning, **options)

    monkeypatch.setattr(study_runs, "run_task", spy)
    return made


def test_every_run_is_in_the_record_with_its_protocol(study: Study, tmp_path: Path) -> None:
    record = run_study(study, tmp_path / "r.json")
    assert [run.key for run in record.runs] == KEYS
    assert json.loads((tmp_path / "r.json").read_text()) == json.loads(json.dumps(record.to_dict()))
    for run in record.runs:
        assert run.measured["protocol"] == run.protocol
        assert run.measured["split"]["valid"] == (0.1 if run.protocol == "honest" else 0)
        assert run.metrics.keys() == {f"{name}@5" for name in ("recall", "ndcg", "coverage", "novelty", "gini")}
        assert run.seconds > 0
        assert run.machine["threads"] > 0
    assert not record.interrupted


def _rows(log: Interactions | None) -> list[tuple[int, int]]:
    assert log is not None
    return list(zip(log.users.tolist(), log.items.tolist(), strict=True))


def test_the_honest_protocol_keeps_test_away_and_the_legacy_one_watches_it(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any]] = []
    original = Contrastive._fit

    def spy(self, train, valid, context):
        seen.append((train, valid))
        return original(self, train, valid, context)

    monkeypatch.setattr(Contrastive, "_fit", spy)
    honest, legacy = run_study(study, tmp_path / "r.json", only=["mf"]).runs
    parts: list[Split] = [task.open() for task in study.tasks(["mf"])]
    everything = parts[0].train.union(parts[0].valid)
    wanted = [(parts[0].train, parts[0].valid), (everything, None), (parts[1].train, parts[1].test)]
    assert [[log and _rows(log) for log in pair] for pair in seen] == [
        [log and _rows(log) for log in pair] for pair in wanted
    ]
    assert (honest.refit, legacy.refit) == (True, False)
    assert max(point["ndcg"] for point in legacy.curve) == pytest.approx(legacy.metrics["ndcg@5"], abs=1e-6)
    assert max(point["ndcg"] for point in honest.curve) != pytest.approx(honest.metrics["ndcg@5"], abs=1e-6)


def test_a_curve_has_a_point_for_each_look_and_counts_no_look_as_training(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ContrastiveMonitor.look

    def slow(self):
        time.sleep(0.5)
        return original(self)

    monkeypatch.setattr(ContrastiveMonitor, "look", slow)
    (run,) = run_study(study, tmp_path / "r.json", only=["mf"], protocols=["legacy"]).runs
    assert [point["epoch"] for point in run.curve] == [1, 2]
    seconds = [point["seconds"] for point in run.curve]
    assert seconds == sorted(seconds)
    assert seconds[-1] < run.seconds - 1


def test_an_entry_may_run_under_one_protocol_alone(write: Callable[..., Path]) -> None:
    study = read_study(write(('model = "contrastive"', 'model = "contrastive"\nprotocols = ["legacy"]')))
    assert [task.key for task in study.tasks()] == [*KEYS[:2], *KEYS[3:]]
    with pytest.raises(SettingsError, match="popular: the study small has no protocol 'legacy'; there are honest"):
        read_study(write(("k = 5", 'k = 5\nprotocols = ["honest"]'), ("seeds = [0, 1]", 'protocols = ["legacy"]')))


def test_what_is_in_the_record_is_not_run_again(study: Study, tmp_path: Path, handed: list[str]) -> None:
    path = tmp_path / "r.json"
    run_study(study, path, only=["popular"], protocols=["legacy"])
    assert handed == ["popular, legacy, seed 0", "popular, legacy, seed 1"]
    del handed[:]
    record = run_study(study, path)
    assert handed == ["popular, honest, seed 0", "popular, honest, seed 1", "mf, honest, seed 0", "mf, legacy, seed 0"]
    assert [run.key for run in record.runs] == KEYS
    del handed[:]
    assert run_study(study, path) == record
    assert handed == []


def test_other_settings_are_another_run(
    study: Study, write: Callable[..., Path], tmp_path: Path, handed: list[str]
) -> None:
    path = tmp_path / "r.json"
    before = run_study(study, path)
    del handed[:]
    after = run_study(read_study(write(("n_negatives = 8", "n_negatives = 9"))), path)
    assert handed == ["mf, honest, seed 0", "mf, legacy, seed 0"]
    assert [run.key for run in after.runs] == KEYS
    assert [one == other for one, other in zip(before.runs, after.runs, strict=True)] == [True, True, False] * 2
    older = replace(
        after.runs[2], settings={name: v for name, v in after.runs[2].settings.items() if name != "max_grad_norm"}
    )
    add_run(path, study, older)
    del handed[:]
    run_study(read_study(write(("n_negatives = 8", "n_negatives = 9"))), path)
    assert handed == []  # a setting that recipes got later changes nothing


def test_ctrl_c_keeps_what_is_finished(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = study_runs.run_task

    def stopped(task, tuning, **options):
        if task.entry == "mf":
            raise KeyboardInterrupt
        return original(task, tuning, **options)

    monkeypatch.setattr(study_runs, "run_task", stopped)
    record = run_study(study, tmp_path / "r.json")
    assert record.interrupted
    assert [run.key for run in record.runs] == KEYS[:2]
    assert read_record(tmp_path / "r.json", study).runs == record.runs
    monkeypatch.undo()
    assert [run.key for run in run_study(study, tmp_path / "r.json").runs] == KEYS


def test_two_at_once_find_what_one_finds(study: Study, tmp_path: Path) -> None:
    environment = dict(os.environ)
    one, two = (run_study(study, tmp_path / f"{jobs}.json", jobs=jobs) for jobs in (1, 2))
    assert two.failures == ()
    assert [run.key for run in two.runs] == KEYS
    for alone, beside in zip(one.runs, two.runs, strict=True):
        assert beside.metrics == pytest.approx(alone.metrics, rel=1e-3)
        assert beside.measured == alone.measured
        assert beside.settings == alone.settings
    assert {run.machine["threads"] for run in two.runs} == {max(1, len(os.sched_getaffinity(0)) // 2)}
    assert dict(os.environ) == environment


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a group of processes")
def test_ctrl_c_ends_the_processes_and_the_command(write: Callable[..., Path], tmp_path: Path) -> None:
    process, said = _stopped(
        write(epochs=10_000), tmp_path / "r.json", lambda process: os.killpg(process.pid, signal.SIGINT)
    )
    assert process.returncode == 130, said
    assert "interrupted; the same command goes on with the 4 runs" in said
    assert "Traceback" not in said
    assert _ends(process.pid), "processes were left behind"


def test_a_run_that_is_written_counts_though_a_stop_came_at_once(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(path: Path, study: Study, run: StudyRun) -> None:
        add_run(path, study, run)
        raise KeyboardInterrupt

    monkeypatch.setattr("fillrank.experiments.reproduce.runs.add_run", stopped)
    record = run_study(study, tmp_path / "r.json", only=["popular"])
    assert record.interrupted
    assert len(record.runs) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="looks for a group of processes")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_no_process_outlives_a_killed_command(write: Callable[..., Path], tmp_path: Path, name: str) -> None:
    kill = getattr(signal, name)
    process, _ = _stopped(write(epochs=10_000), tmp_path / "r.json", lambda process: process.send_signal(kill))
    assert process.returncode == (143 if name == "SIGTERM" else -kill)
    assert _ends(process.pid), "processes were left behind"


def _stopped(
    study: Path, out: Path, stop: Callable[[subprocess.Popen[str]], None]
) -> tuple[subprocess.Popen[str], str]:
    """``fillrank reproduce`` with two jobs, stopped after its four short runs; and what it said."""
    command = [sys.executable, "-m", "fillrank", "reproduce", str(study), "--out", str(out), "--jobs", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if out.exists() and len(json.loads(out.read_text())["runs"]) == 4:
                break
            time.sleep(0.1)
        stop(process)
        _, said = process.communicate(timeout=30)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process, said


def _ends(group: int, seconds: float = 10) -> bool:
    """Whether the last process of a group ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_an_error_in_a_process_comes_through(write: Callable[..., Path], tmp_path: Path) -> None:
    file = write(("n_negatives = 8", "n_negatives = 4000"))
    with pytest.raises(SettingsError, match="4000"):
        run_study(read_study(file), tmp_path / "r.json", only=["mf"], jobs=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("k = 5", "k = 0"),
            "k must be 1 or more; a study has data, train, ",
        ),
        (("k = 5", "kk = 5"), "kk is not known here"),
        (('"contrastive"', '"contrast"'), "mf: no model is called 'contrast'"),
        (("dim = 4", "dimm = 4"), "mf: Contrastive has no setting 'dimm'"),
        (("dim = 4", "seed = 4"), r"mf: its settings hold a seed; give seeds = \[4\] instead"),
        (('"recall@5"', '"recall@20"'), "popular: published has recall@20 = 0.5; it takes numbers for recall@5"),
        (("= 0.5", '= "half"'), "popular: published has recall@5 = 'half'"),
    ],
)
def test_a_wrong_study_is_refused(change: tuple[str, str], message: str, write: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=message):
        read_study(write(change))


def test_what_is_not_there_is_named(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"no study is called 'gowala'; there are .*movielens-small.*FILE\.toml"):
        read_study("gowala")
    with pytest.raises(DataError, match=r"the study .*none\.toml cannot be read"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="the study small has no entry 'bsl'; there are popular, mf"):
        run_study(study, tmp_path / "r.json", only=["bsl"])
    honest = study.model_copy(update={"protocols": ["honest"]})
    with pytest.raises(SettingsError, match="the study small has no protocol 'legacy'; there are honest"):
        run_study(honest, tmp_path / "r.json", protocols=["legacy"])
    with pytest.raises(SettingsError, match=r"jobs must be from 1 to .* got 0"):
        run_study(study, tmp_path / "r.json", jobs=0)
    monkeypatch.delenv("FILLRANK_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="gowalla"):
        run_study(study.model_copy(update={"data": "gowalla"}), tmp_path / "r.json")
    assert not (tmp_path / "r.json").exists()


def test_a_record_in_the_way_is_left_alone(study: Study, tmp_path: Path, handed: list[str]) -> None:
    path = tmp_path / "r.json"
    run_study(study, path, only=["popular"])
    whole = path.read_text()
    del handed[:]
    with pytest.raises(SettingsError, match=r"record of another study .*k 5, not 10.*; remove it"):
        run_study(study.model_copy(update={"k": 10}), path)
    with pytest.raises(SettingsError, match="study 'small', not 'large'"):
        run_study(study.model_copy(update={"name": "large"}), path)
    for torn in (whole[: len(whole) // 2], whole.replace('"seed"', '"sed"'), whole.replace('"runs"', '"run"')):
        path.write_text(torn)
        with pytest.raises(
            DataError, match=r"is (no whole record of a study|torn or foreign) .*; remove it to begin anew"
        ):
            run_study(study, path)
        assert path.read_text() == torn
    for other in ('{"models": {}}', "[]"):
        path.write_text(other)
        with pytest.raises(DataError, match="is not the record of a study; name another file"):
            run_study(study, path)
    assert handed == []


@pytest.mark.parametrize("name", studies())
def test_the_studies_that_come_with_fillrank_can_be_read(name: str) -> None:
    study = read_study(name)
    assert study.name == name
    assert list(study.tasks())


def finished(entry: str, protocol: str, seed: int, recall: float, curve: tuple[dict[str, float], ...] = ()) -> StudyRun:
    metrics = {"recall@5": recall, "ndcg@5": recall / 2, "coverage@5": 0.5, "novelty@5": 3.0, "gini@5": 0.9}
    return StudyRun(entry, protocol, seed, "any", {}, {}, metrics, 10.0, curve, {}, {})


@pytest.fixture
def document(study: Study, tmp_path: Path) -> dict[str, Any]:
    runs = [finished("popular", "legacy", 0, 0.5), finished("popular", "legacy", 1, 0.6)]
    runs += [finished("popular", "legacy", 7, 100.0)]  # of a seed that the study has no more
    runs += [finished("mf", "honest", 0, 0.25), finished("mf", "legacy", 0, 0.4)]
    for run in runs:
        record = add_run(tmp_path / "r.json", study, run)
    return record.to_dict()


def test_rows_are_means_beside_what_was_published(document: dict[str, Any]) -> None:
    popular, honest, legacy = rows_of(document)
    assert (popular.entry, popular.protocol, popular.seeds) == ("popular", "legacy", (0, 1))
    assert popular.metrics["recall"].mean == pytest.approx(0.55)
    assert popular.metrics["recall"].half == pytest.approx(12.7062 * 0.05, rel=1e-4)  # Student, one degree of freedom
    assert popular.difference("recall") == pytest.approx(10)
    assert popular.difference("ndcg") is None
    assert honest.metrics["recall"].half is None
    assert legacy.difference("recall") is None


def test_seconds_of_two_kinds_of_machine_have_no_mean(document: dict[str, Any]) -> None:
    first, second = (run for run in document["runs"] if run["entry"] == "popular" and run["seed"] < 2)
    first["machine"] = {"cores": 2, "versions": {"torch": "2.13"}}
    second |= {"machine": {"cores": 2, "versions": {"torch": "2.14"}}, "seconds": 30.0}
    assert rows_of(document)[0].metrics["seconds"].mean == 20.0
    second["machine"]["cores"] = 4
    row = rows_of(document)[0]
    assert row.text("seconds") == "10.0"
    assert row.metrics["recall"].mean == pytest.approx(0.55)
    assert row.seeds == (0, 1)


def test_a_study_becomes_a_table_of_a_page(document: dict[str, Any], tmp_path: Path) -> None:
    lines = studied(document).splitlines()
    heads = "| entry | honest: Recall@5 / nDCG@5 | legacy: Recall@5 / nDCG@5 | published | coverage@5 |"
    assert lines[0] == f"{heads} novelty@5, bits | seconds |"
    popular = "| popular | – | 0.5500 ± 0.6353 / 0.2750 ± 0.3177 | 0.5000 / – |"
    assert lines[2] == f"{popular} 0.500 ± 0.000 | 3.00 ± 0.00 | 10.0 ± 0.0 |"
    assert lines[3] == "| mf | 0.2500 / 0.1250 | 0.4000 / 0.2000 | – | 0.500 | 3.00 | 10.0 |"
    page = "<!-- table: r.json -->\n<!-- end of table -->"
    assert fill_tables(page, tmp_path).splitlines()[1:-1] == lines


def test_a_picture_has_a_line_for_each_entry(study: Study, document: dict[str, Any], tmp_path: Path) -> None:
    curve = tuple({"epoch": n, "seconds": 2.0**n, "recall": 0.1, "ndcg": 0.1 + n / 100} for n in range(1, 6))
    record = add_run(tmp_path / "r.json", study, finished("mf", "legacy", 0, 0.4, curve)).to_dict()
    bare = quality_against_seconds(document, tmp_path / "bare.png").read_bytes()
    drawn = quality_against_seconds(record, tmp_path / "drawn.png").read_bytes()
    assert bare[:4] == drawn[:4] == b"\x89PNG"
    assert bare != drawn
    with pytest.raises(DataError, match="no run of the study small is finished"):
        quality_against_seconds(document | {"runs": []}, tmp_path / "none.png")


TUNED = """
[entries.tuned]
model = "contrastive"
subsample = { users = 0.5 }
[entries.tuned.settings]
dim = 4
epochs = 1
sampler_settings.n_negatives = 20
[entries.tuned.tune]
n_trials = 2
subsample = { users = 0.25 }
[entries.tuned.tune.search]
learning_rate = { low = 0.001, high = 0.1, log = true }
"""


def test_an_entry_may_be_tuned_first_on_a_part_of_the_data(write: Callable[..., Path], tmp_path: Path) -> None:
    file = write()
    file.write_text(file.read_text() + TUNED)
    study = read_study(file)
    record = run_study(study, tmp_path / "r.json", only=["tuned"])
    runs = [run for run in record.runs if run.entry == "tuned"]
    rates = {run.chosen["learning_rate"] for run in runs}
    assert len(rates) == 1  # both protocols take what validation chose
    assert 0.001 <= rates.pop() <= 0.1
    assert all(run.measured["split"]["kept"]["users"] == 0.5 for run in runs)
    trials = json.loads((tmp_path / "r.tuning" / "tuned" / "record.json").read_text())
    assert len(trials["trials"]) == 2
    assert trials["plan"]["subsample"] == {"users": 0.25, "rows": 1.0}
    file.write_text(file.read_text().replace("n_trials = 2", "n_trials = 3"))
    assert not record.has(next(iter(read_study(file).tasks(only=["tuned"]))))


def test_a_tuning_that_cannot_work_is_refused_at_once(write: Callable[..., Path]) -> None:
    file = write()
    file.write_text(file.read_text() + TUNED.replace("high = 0.1", "high = 0.0001"))
    with pytest.raises(SettingsError, match=r"tuned.*learning_rate"):
        read_study(file)


def test_one_entry_that_fails_leaves_the_others(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = study_runs.run_task

    def failing(task, tuning, **options):
        if task.entry == "mf":
            raise ZeroDivisionError("division by zero")
        return original(task, tuning, **options)

    with monkeypatch.context() as patch:
        patch.setattr(study_runs, "run_task", failing)
        record = run_study(study, tmp_path / "r.json")
        assert [run.key for run in record.runs] == [key for key in KEYS if key[0] != "mf"]
        assert {str(one) for one in record.failures} == {
            f"mf ({protocol}, seed 0) failed: a fault in fillrank itself: ZeroDivisionError: division by zero"
            for protocol in ("honest", "legacy")
        }
        assert read_record(tmp_path / "r.json", study).runs == record.runs
    assert [run.key for run in run_study(study, tmp_path / "r.json").runs] == KEYS  # tried again, and they pass
    monkeypatch.setattr(study_runs, "run_task", failing)
    with pytest.raises(ZeroDivisionError):  # there is nothing else to say
        run_study(study, tmp_path / "other.json", only=["mf"])


def _add(path: Path, study: Study, seeds: range) -> None:
    for seed in seeds:
        add_run(path, study, StudyRun("popular", "honest", seed, "popularity", {}, {}, {}, 1.0, (), {}, {}))


def test_two_processes_with_one_record_lose_no_run(study: Study, tmp_path: Path) -> None:
    """Each reads the record, adds a run and writes it: between the two nobody else may write."""
    path = tmp_path / "new" / "r.json"
    context = get_context("fork")
    both = [context.Process(target=_add, args=(path, study, range(half, 40, 2))) for half in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert sorted(run.seed for run in read_record(path, study).runs) == list(range(40))
    assert [file.name for file in path.parent.iterdir()] == ["r.json"]  # and no lock is left


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    script = (
        "import os; from pathlib import Path; from fillrank.runtime.atomic_write import turn; "
        f"held = turn(Path({str(target)!r})); held.__enter__(); print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "held\n"), killed.stderr
    assert len(list(tmp_path.iterdir())) == 1
    with turn(target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_process_that_is_killed_takes_no_other_run_with_it(study: Study, tmp_path: Path) -> None:
    def kill_one() -> None:
        deadline = time.monotonic() + 60
        while len(children := active_children()) < 2 and time.monotonic() < deadline:  # both are at work
            time.sleep(0.01)
        os.kill(children[0].pid, signal.SIGKILL)

    killer = Thread(target=kill_one)
    killer.start()
    record = run_study(study, tmp_path / "r.json", jobs=2)
    killer.join()
    assert [run.key for run in record.runs] == KEYS
    assert record.failures == ()
