"""The next model: taken if it is not worse, kept, taken back; and nothing half done is ever at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import fillrank as fr
from fillrank.cli import app
from fillrank.data import Interactions
from fillrank.errors import DataError, ModelFileError, SettingsError
from fillrank.server.retraining.attempt import retrain, roll_back
from fillrank.server.retraining.journal import append_entry, last_entry
from fillrank.server.retraining.judge import Verdict, judged
from fillrank.server.retraining.schedule import Schedule, Scheduler
from fillrank.server.retraining.versions import Versions
from fillrank.server.served import Served
from fillrank.store import Store, UserEvent
from fillrank.store.meaning import EventMeaning

DAY = 24 * 3600 * 1000
MEANING = EventMeaning()


def two_camps(n_users: int = 60, n_items: int = 40) -> list[tuple[str, str]]:
    """Users who take the even items, and users who take the odd ones."""
    rng = np.random.default_rng(0)
    pairs = []
    for user in range(n_users):
        own = np.arange(user % 2, n_items, 2)
        pairs += [(f"u{user}", f"i{item}") for item in rng.permutation(own)[:10]]
    return pairs


@pytest.fixture
def log() -> Interactions:
    """What the camps took before the shop opened: of each user's ten items, the first six."""
    pairs = [pair for place, pair in enumerate(two_camps()) if place % 10 < 6]
    return Interactions.from_arrays([user for user, _ in pairs], [item for _, item in pairs])


@pytest.fixture
def shop(store: Store) -> Store:
    """What they took since: two items each on a day before, and two on the newest day."""
    now = int(time.time() * 1000) - 60_000
    rest = [(place % 10, pair) for place, pair in enumerate(two_camps()) if place % 10 >= 6]
    store.append([
        UserEvent(user, item, "click", time=now - (5 * DAY if place < 8 else 1000), id=f"{user}-{item}")
        for place, (user, item) in rest
    ])  # fmt: skip
    return store


@pytest.fixture
def run(log: Interactions, tmp_path: Path) -> Path:
    fr.PureSVD(rank=2, use_values=False).fit(log).save(tmp_path / "run")
    return tmp_path / "run"


def shuffled(log: Interactions) -> Interactions:
    """A log in which everybody took what the others took: lists from it are as wrong as can be."""
    frame = log.to_frame()
    swapped = [f"i{int(item[1:]) ^ 1}" for item in frame["item_id"]]
    return Interactions.from_arrays(frame["user_id"], swapped)


def test_a_better_model_is_taken_and_kept(run: Path, shop: Store, log: Interactions) -> None:
    before = Served.load(run).version
    done = retrain(run, shop, log)
    assert done.taken
    assert done.verdict.users == 60
    served = Served.load(run)
    assert served.version != before
    assert served.seq == shop.newest() == 240
    assert len(served.model.interactions) == 600  # the newest day too, in the end
    assert (Versions(run).numbers(), Versions(run).at_work()) == ([1, 2], 2)
    assert last_entry(Versions(run).folder)["what"] == "taken"


def test_a_worse_model_is_refused_and_that_is_said(run: Path, shop: Store, log: Interactions) -> None:
    before = Served.load(run).version
    meaning = EventMeaning(negative=frozenset({"nothing"}))
    done = retrain(run, shop, shuffled(log), meaning=meaning)
    assert not done.taken
    assert done.verdict.new < done.verdict.running
    assert Served.load(run).version == before
    entry = last_entry(Versions(run).folder)
    assert entry["what"] == "refused"
    assert "standard error" in entry["verdict"]


def test_few_users_do_not_judge() -> None:
    assert not Verdict(19, 0.0, 1.0, 0.0).worse
    assert Verdict(20, 0.5, 0.6, 0.05).worse
    assert not Verdict(20, 0.5, 0.6, 0.061).worse
    assert "too few" in str(Verdict(19, 0.0, 1.0, 0.0))


def test_a_model_is_as_good_as_itself_and_what_it_knows_is_no_hit(run: Path, shop: Store, log: Interactions) -> None:
    served = Served.load(run)
    verdict = judged(served, served, shop, MEANING)
    assert verdict.new == verdict.running > 0.2
    knows = Served(fr.PureSVD(rank=2, use_values=False).fit(retrained(log, shop)), "x", shop.newest())
    assert judged(knows, served, shop, MEANING).users == 0


def retrained(log: Interactions, shop: Store) -> Interactions:
    from fillrank.store.learning import all_to_learn

    return all_to_learn(shop, log, MEANING).interactions


def test_the_model_before_is_put_to_work_again(run: Path, shop: Store, log: Interactions) -> None:
    first = Served.load(run).version
    retrain(run, shop, log)
    second = Served.load(run).version
    assert roll_back(run) == 1
    assert Served.load(run).version == first
    with pytest.raises(ModelFileError, match="no model from before"):
        roll_back(run)
    assert roll_back(run, 2) == 2
    assert Served.load(run).version == second
    with pytest.raises(ModelFileError):
        roll_back(run, 9)


def test_only_the_last_models_are_kept(run: Path, shop: Store, log: Interactions) -> None:
    for number in range(3):
        shop.append([UserEvent("late", f"i{number}", id=f"late-{number}", time=1)])
        retrain(run, shop, log, keep=2)
    versions = Versions(run)
    assert versions.numbers() == [3, 4]
    assert versions.at_work() == 4


def test_a_deleted_user_is_in_no_later_model(run: Path, shop: Store, log: Interactions) -> None:
    shop.delete_user("u3")
    retrain(run, shop, log)
    assert "u3" not in Served.load(run).model.user_ids.ids.to_list()


def test_what_cannot_be_fitted_says_why_and_changes_nothing(run: Path, store: Store, log: Interactions) -> None:
    before = Served.load(run).version
    with pytest.raises(DataError, match="nothing to learn from"):
        retrain(run, store, None)
    assert last_entry(Versions(run).folder)["what"] == "failed"
    config = json.loads((run / "config.json").read_text())
    assert config["name"] == "pure-svd"
    assert Served.load(run).version == before
    from dataclasses import replace

    replace(Served.load(run).model, settings={"rank": 2, "nonsense": 1}).save(run)
    with pytest.raises(SettingsError, match="cannot be fitted again by its settings"):
        retrain(run, store, log)


def test_a_torn_line_of_the_journal_is_passed_over(tmp_path: Path) -> None:
    assert last_entry(tmp_path) is None
    append_entry(tmp_path, "begun", seq=1)
    append_entry(tmp_path, "taken")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"time": 1, "wh')
    assert last_entry(tmp_path)["what"] == "taken"
    assert last_entry(tmp_path, "begun")["seq"] == 1


def test_commands_do_it_and_end_with_what_became_of_it(
    run: Path, shop: Store, log: Interactions, tmp_path: Path
) -> None:
    log.to_frame().write_csv(tmp_path / "log.csv")
    shuffled(log).to_frame().write_csv(tmp_path / "wrong.csv")

    def said(*words: object) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words])

    url = shop.url.render_as_string(hide_password=False)
    done = said("retrain", run, "--data", tmp_path / "log.csv", "--store", url, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["taken"]
    assert json.loads(said("rollback", run, "--json").stdout) == {"number": 1}
    refused = said("retrain", run, "--data", tmp_path / "wrong.csv", "--store", url)
    assert refused.exit_code == 1
    assert "the new model is worse, and the one at work stays" in refused.stderr


@pytest.mark.slow
def test_a_server_begins_an_attempt_after_so_many_events(
    run: Path, shop: Store, log: Interactions, tmp_path: Path
) -> None:
    log.to_frame().write_csv(tmp_path / "log.csv")
    words = ("--data", str(tmp_path / "log.csv"))
    scheduler = Scheduler(run, shop, Schedule(after=241), words)
    assert not scheduler.look()
    shop.append([UserEvent("one", "more")])
    assert scheduler.look()
    assert scheduler.running
    assert not scheduler.look()
    scheduler._process.wait(120)
    assert not scheduler.look()  # the events of the last attempt do not count again
    assert Versions(run).at_work() == 2
    scheduler.close()


def test_the_server_serves_the_new_model_and_tells_of_it(
    serving: Callable[..., Any], run: Path, shop: Store, log: Interactions
) -> None:
    client = serving(run)
    assert client.get("/v1/model").json()["retraining"] is None
    assert client.get("/v1/model").json()["events_since"] == 240
    retrain(run, shop, log)
    assert client.app.state.server.holder.look()
    about = client.get("/v1/model").json()
    assert about["retraining"]["what"] == "taken"
    assert (about["events_since"], about["events_learnt"]) == (0, 240)
    assert client.post("/v1/recommend", json={"user": "u1"}).json()["basis"] == "model"


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_model_at_work(
    run: Path, shop: Store, log: Interactions, tmp_path: Path
) -> None:
    log.to_frame().write_csv(tmp_path / "log.csv")
    command = [sys.executable, "-m", "fillrank", "retrain", str(run), "--data", str(tmp_path / "log.csv")]
    environment = os.environ | {"FILLRANK_STORE": shop.url.render_as_string(hide_password=False)}
    start = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    whole = time.monotonic() - start
    known = {Served.load(Versions(run).place(number)).version for number in Versions(run).numbers()}
    for share in np.linspace(0.3, 1.0, 12):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(share * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        served = Served.load(run)
        known |= {Served.load(Versions(run).place(number)).version for number in Versions(run).numbers()}
        assert served.version in known
    assert retrain(run, shop, log).taken
