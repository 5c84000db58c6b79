"""What the environment says of several processes: some of its variables, wrong ones, and nobody who comes."""

from __future__ import annotations

import socket

import pytest

from fillrank.errors import SettingsError, TrainingError
from fillrank.runtime import launch as meeting
from fillrank.runtime.group import Group, patience
from fillrank.runtime.launch import agree, processes, world_size
from fillrank.training import World

WHOLE = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WHOLE, "LOCAL_RANK", "LOCAL_WORLD_SIZE", "FILLRANK_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "group"),
    [
        ({}, Group()),
        ({"WORLD_SIZE": ""}, Group()),
        ({"WORLD_SIZE": "1"}, Group()),
        ({"WORLD_SIZE": "1", "RANK": "0"}, Group()),
        ({"MASTER_ADDR": "here", "MASTER_PORT": "x"}, Group()),  # nobody is to come, so it says nothing
        (WHOLE, Group(1, 2, "127.0.0.1:29500", 1, 2)),
        ({**WHOLE, "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}, Group(1, 2, "127.0.0.1:29500", 0, 1)),
    ],
)
def test_a_group_that_is_one(variables: dict[str, str], group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, variables)
    assert Group.of_environment() == group
    assert world_size() == group.size


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"RANK": "1"}, "RANK=1 is set and WORLD_SIZE is not"),
        ({"WORLD_SIZE": "2"}, "RANK, MASTER_ADDR, MASTER_PORT are not set; torchrun sets WORLD_SIZE, RANK"),
        ({**WHOLE, "RANK": None}, "RANK is not set"),
        ({**WHOLE, "MASTER_ADDR": ""}, "MASTER_ADDR is not set"),
        ({**WHOLE, "MASTER_PORT": None}, "MASTER_PORT is not set"),
        ({**WHOLE, "WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number of 1 or more, got 'two'"),
        ({**WHOLE, "WORLD_SIZE": "2.0"}, "WORLD_SIZE must be a whole number"),
        ({**WHOLE, "WORLD_SIZE": "0"}, "WORLD_SIZE must be a whole number of 1 or more, got '0'"),
        ({**WHOLE, "WORLD_SIZE": "9" * 5000}, "WORLD_SIZE must be a whole number"),
        ({**WHOLE, "RANK": "2"}, "RANK must be a whole number of 0 or more and at most 1, got '2'"),
        ({**WHOLE, "RANK": "-1"}, "RANK must be a whole number"),
        ({"WORLD_SIZE": "1", "RANK": "1"}, "RANK must be a whole number of 0 or more and at most 0"),
        ({**WHOLE, "MASTER_PORT": "65536"}, "MASTER_PORT must be a whole number of 1 or more and at most 65535"),
        ({**WHOLE, "LOCAL_RANK": "2"}, "LOCAL_RANK must be a whole number of 0 or more and at most 1"),
        ({**WHOLE, "LOCAL_WORLD_SIZE": "none"}, "LOCAL_WORLD_SIZE must be a whole number of 1 or more"),
    ],
)
def test_a_group_that_is_none_is_an_error_before_anybody_waits(
    variables: dict[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, variables)
    with pytest.raises(SettingsError, match=said), processes():
        pass


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e300"])
def test_a_patience_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILLRANK_TIMEOUT", text)
    with pytest.raises(SettingsError, match="FILLRANK_TIMEOUT must be seconds"):
        patience()


def test_a_port_that_is_taken_and_others_who_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "_RESTART", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given(monkeypatch, {**WHOLE, "RANK": "0", "MASTER_PORT": port, "FILLRANK_TIMEOUT": "1"})
        said = rf"process 0 of 2 cannot wait for the others at 127\.0\.0\.1:{port}: the port is in use"
        with pytest.raises(TrainingError, match=said), processes("cpu"):
            pass
    with pytest.raises(TrainingError, match=r"process 0 of 2 waited 1 s \(FILLRANK_TIMEOUT\)"), processes("cpu"):
        pass
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(TrainingError, match=r"process 1 of 2 found nobody at 127\.0\.0\.1"), processes("cpu"):
        pass


def test_processes_agree_or_say_on_what_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"dim": 4, "seed": 1, "data": "3 rows"}

    def gather(everybody: list[object], mine: object) -> None:
        everybody[:] = [mine, other]

    monkeypatch.setattr(meeting.dist, "all_gather_object", gather)
    agree(World(0, 2), other)
    with pytest.raises(
        SettingsError, match="process 1 of 2 was started otherwise than process 0: seed 1, not 0, dim 4, not None"
    ):
        agree(World(0, 2), {"seed": 0, "data": "3 rows"} | {"dim": None})
    agree(World(), {"alone": True})
