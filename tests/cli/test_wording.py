"""Errors on the command line name the option to give, not the argument of a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

ODD = "who,what,stars\n" + "".join(f"{row % 7},{row},{row % 5}\n" for row in range(40))
EVENTS = "user,item\n" + "".join(f"{row % 7},{row % 11}\n" for row in range(77))


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (ODD, "", "name it: --read user=…, --read item=…"),
        ("user,item,rating\n1,2,x\n1,3,4\n", "", "leave them out with --read on_bad='skip'"),
        (
            EVENTS,
            "--model pure-svd --set rank=auto --valid 0",
            "no validation part: give --valid, or those settings",
        ),
        (
            EVENTS,
            "--split by-time",
            "take the split random or per-user, or name their column: --read time=…",
        ),
        (EVENTS, "--model als", "name their column: --read value=…"),
        (EVENTS, "--read relevant_from=4", "--read relevant_from=4 asks for values, .* their column: --read value=…"),
        (
            EVENTS,
            "--split random --test 2020-01-31",
            "--split: 'random' .* a moment, which goes with by-time; leave it",
        ),
    ],
)
def test_an_error_names_the_option(
    text: str, words: str, said: str, tmp_path: Path, fillrank: Callable[..., Result]
) -> None:
    import re

    (tmp_path / "log.csv").write_text(text)
    result = fillrank("fit", "--data", tmp_path / "log.csv", "--out", tmp_path / "m", *words.split())
    assert result.exit_code == 1
    assert re.search(said, result.stderr), result.stderr


def test_a_handful_of_rows_can_be_fitted(tmp_path: Path, fillrank: Callable[..., Result]) -> None:
    (tmp_path / "log.csv").write_text("user,item\n1,2\n1,3\n2,3\n")
    words = ("fit", "--data", tmp_path / "log.csv", "--test", 0, "--model", "popularity", "--out", tmp_path / "m")
    assert fillrank(*words).exit_code == 0
