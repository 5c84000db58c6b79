"""A model measured on another log than it was fitted on, or on one that was read otherwise: refused, or said."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError
from fillrank.models import PureSVD


@pytest.fixture(scope="module")
def log() -> Interactions:
    rng = np.random.default_rng(0)
    cells = np.flatnonzero(rng.random(60 * 40) < 0.3)
    users = [f"u{cell // 40}" for cell in cells]
    return Interactions.from_arrays(users, cells % 40, rng.integers(1, 6, len(cells)), relevant_from=4)


@pytest.fixture(scope="module")
def split(log: Interactions) -> Split:
    return fr.split.random(log, test=0.2, valid=0.1, seed=0)


@pytest.fixture(scope="module")
def model(split: Split) -> fr.Recommender:
    return PureSVD(rank=4).fit(split.train, valid=split.valid)


def said(caplog: pytest.LogCaptureFixture, model: fr.Recommender, **parts: object) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        fr.evaluate(model, **parts)
    return [record.getMessage() for record in caplog.records]


def test_nothing_is_said_of_the_split_that_it_was_fitted_on(
    split: Split, model: fr.Recommender, caplog: pytest.LogCaptureFixture
) -> None:
    assert said(caplog, model, split=split) == []
    alone = PureSVD(rank=4).fit(split.train)
    assert said(caplog, alone, split=split) == []
    assert said(caplog, alone, test=split.test, train=split.train) == []
    on_valid = PureSVD(rank=4).fit(split.train, valid=split.valid, refit=False)
    assert said(caplog, on_valid, split=Split(split.train, None, split.valid, split.protocol)) == []


def test_rows_that_are_not_in_the_split_are_counted(
    log: Interactions, split: Split, model: fr.Recommender, caplog: pytest.LogCaptureFixture
) -> None:
    filtered = log.select(log.values >= 2)  # as another positive_from, or another rule for duplicates
    other = fr.split.random(filtered, test=0.2, valid=0.1, seed=0)
    lines = said(caplog, model, split=other)
    assert len(lines) == 2
    assert "has learnt from" in lines[0]
    missing = len(set(pairs(model.interactions)) - set(pairs(filtered)))
    assert f"{missing} of the {len(model.interactions)} rows that it was given are not in this split" in lines[1]
    assert "values ran from 1 to 5, and run from 2 to 5 here" in lines[1]
    assert "other options?" in lines[1]


def test_values_of_another_range_are_said(
    split: Split, model: fr.Recommender, caplog: pytest.LogCaptureFixture
) -> None:
    doubled = [replace(part, values=part.values * 2) for part in (split.train, split.valid, split.test)]
    (line,) = said(caplog, model, split=Split(*doubled, split.protocol))
    assert "values ran from 1 to 5, and run from 2 to 10 here" in line
    assert "rows" not in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda users, items: (users[100:], items[100:]), r"all 5\d users and \d more and all 40 items;"),
        (lambda users, items: (users, items + 1), r"all 60 users and 39 of the 40 items;"),
        (
            lambda users, items: (np.char.upper(users), items),
            r"0 of the 60 users \(60 more in another form, such as upper case or leading zeros\) and all 40 items;",
        ),
        (lambda users, items: (users, np.char.zfill(items.astype(str), 3)), r"0 of the 40 items \(40 more in another"),
    ],
)
def test_other_ids_are_an_error_that_says_how_many_are_known(
    change: object, words: str, log: Interactions, model: fr.Recommender
) -> None:
    users, items = (ids.to_numpy() for ids in (log.to_frame()["user_id"], log.to_frame()["item_id"]))
    other = Interactions.from_arrays(*change(users.astype(str), items), relevant_from=None)
    with pytest.raises(DataError, match=r"fitted on other users or items: it knows .*; give the data") as error:
        fr.evaluate(model, fr.split.random(other, test=0.2, valid=0, seed=0))
    assert error.match(words)


def test_what_knows_no_ids_is_measured_as_it_comes(split: Split, model: fr.Recommender) -> None:
    assert fr.evaluate(model.scorer, split).metrics == pytest.approx(
        {name: value for name, value in fr.evaluate(model, split).metrics.items() if name not in {"rmse", "mae"}}
    )


def pairs(log: Interactions) -> list[tuple[object, object]]:
    return [row[:2] for row in log.to_frame().rows()]
