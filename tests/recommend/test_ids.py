"""What a model is asked in, and answers in: ids as they went in, at each door."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

from fillrank.cli.app import app
from fillrank.data import Interactions
from fillrank.errors import DataError, FillrankError, UnknownIdError
from fillrank.models import PureSVD
from fillrank.recommend import Recommender

PAIRS = [(user, item) for user in range(6) for item in range(5) if (user + 2 * item) % 3]


def model_with(users: list[Any], items: list[Any] | None = None) -> Recommender:
    given = list(range(5)) if items is None else items
    log = Interactions.from_arrays([users[u] for u, _ in PAIRS], [given[i] for _, i in PAIRS])
    return PureSVD(rank=2).fit(log)


@pytest.fixture(scope="module")
def numbered() -> Recommender:
    return model_with([5, 6, 7, 8, 9, 10])


def test_a_user_asked_for_by_text_comes_back_as_the_number_that_it_is(numbered: Recommender) -> None:
    by_number, by_text = numbered.recommend([5, 6], k=2), numbered.recommend(["5", "6"], k=2)
    assert by_text.equals(by_number)
    assert by_text["user_id"].dtype == pl.Int64
    for text in ("05", " 5", "+5", "5.0", "٥"):
        with pytest.raises(UnknownIdError, match="1 of 1 ids are not in the data"):
            numbered.recommend([text])


@pytest.mark.parametrize(
    "users",
    [
        [1.5, 2.0, 3.0, 4.0, 5.5, 6.0],
        [uuid.UUID(int=n) for n in range(6)],
        [1.0, "a", 2, b"b", True, dt.date(2020, 1, 1)],
        ["05", "5", " 5", "+5", "5.0", "٥"],
        [f"{n}" for n in range(6)],
    ],
    ids=["floats", "UUIDs", "mixed", "texts of numbers", "digits"],
)
def test_users_are_found_as_they_went_in_also_after_saving(users: list[Any], tmp_path: Path) -> None:
    model = model_with(users)
    model.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    every = set(model.recommend(k=2)["user_id"])
    for one in users:
        answer = model.recommend([one], k=2)
        assert answer.equals(loaded.recommend([one], k=2))
        assert set(answer["user_id"]) <= every
    assert model.recommend(users, k=1)["user_id"].n_unique() == 6


def test_a_single_user_is_one_user(numbered: Recommender) -> None:
    for one in (5, "5", np.int64(5), np.array(5), 5.0):
        assert numbered.recommend(one, k=2).equals(numbered.recommend([5], k=2))
    with pytest.raises(UnknownIdError, match="'56'"):
        numbered.recommend("56")


@pytest.mark.parametrize(
    "users",
    [
        (5, 6),
        np.array([5, 6]),
        pd.Series([5, 6]),
        pd.Index([5, 6]),
        pl.Series([5, 6]),
        range(5, 7),
        (user for user in [5, 6]),
        {5: "x", 6: "y"}.keys(),
        pd.Categorical([5, 6]),
        pd.array([5, 6], dtype="Int64"),
    ],
    ids=lambda users: type(users).__name__,
)
def test_lists_of_users_are_of_any_kind(numbered: Recommender, users: Any) -> None:
    assert numbered.recommend(users, k=2).equals(numbered.recommend([5, 6], k=2))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.score("5", 1),
        lambda model: model.score([5], 1),
        lambda model: model.score(5, [1]),
        lambda model: model.predict("5", "1"),
        lambda model: model.recommend([5], items=1),
        lambda model: model.recommend([5], items="1"),
        lambda model: model.recommend([5], exclude="1"),
        lambda model: model.recommend([5], exclude=np.int64(1)),
        lambda model: model.recommend({5: 1}),
        lambda model: model.recommend(pd.DataFrame({"user": [5]})),
        lambda model: model.recommend([[5]]),
        lambda model: model.recommend(np.array([[5]])),
        lambda model: model.fold_in("1"),
        lambda model: model.fold_in(1),
        lambda model: model.fold_in({"ann": "1"}),
        lambda model: model.fold_in({"ann": 1, "bob": [1]}),
        lambda model: model.fold_in(pd.DataFrame({"item": [1]})),
        lambda model: model.fold_in([[1]]),
        lambda model: model.similar_items([[1]]),
        lambda model: model.similar_users({}),
        lambda model: model.explain([5], 1),
        lambda model: model.explain(5, [1]),
        lambda model: model.similar_items(None),
        lambda model: model.similar_items({}),
    ],
)
def test_what_is_no_list_of_ids_or_no_id_is_an_error_of_ours(numbered: Recommender, ask: Any) -> None:
    with pytest.raises(FillrankError):
        ask(numbered)


def test_strangers_come_back_as_they_were_asked_for(numbered: Recommender) -> None:
    numbers = numbered.recommend(["99", 5], k=1, unknown="popular")["user_id"]
    assert numbers.to_list() == [99, 5]
    assert numbered.recommend(["x", "5"], k=1, unknown="popular")["user_id"].to_list() == ["x", "5"]
    assert numbered.recommend(["x", "5"], k=1, unknown="skip")["user_id"].to_list() == [5]


def test_a_series_of_ratings_is_a_mapping_from_its_index() -> None:
    model = model_with([1, 2, 3, 4, 5, 6], items=["a", "b", "c", "d", "e"])
    as_mapping = model.fold_in({"a": 5.0, "b": 1.0}).recommend(k=3)
    ratings = pd.Series([5.0, 1.0], index=["a", "b"])
    assert model.fold_in(ratings).recommend(k=3).equals(as_mapping)
    assert model.fold_in({"ann": ratings}).recommend(k=3).drop("user_id").equals(as_mapping.drop("user_id"))
    as_list = model.fold_in(["a", "b"]).recommend(k=3)
    for listed in (
        pd.Series(["a", "b"]),
        np.array(["a", "b"]),
        pl.Series(["a", "b"]),
        (i for i in "ab"),
        pd.Index(["a", "b"]),
    ):
        assert model.fold_in(listed).recommend(k=3).equals(as_list)
    with pytest.raises(
        DataError, match=r"they may be ratings or items; give series.to_dict\(\) .* or series.tolist\(\)"
    ):
        model.fold_in(pd.Series([5.0, 1.0]))
    with pytest.raises(DataError, match="names an item twice"):
        model.fold_in(pd.Series([5.0, 1.0], index=["a", "a"]))


def test_folded_users_keep_the_ids_that_they_were_given(numbered: Recommender) -> None:
    folded = numbered.fold_in({7: [1, 2], 3: [0]})
    assert folded.recommend(k=1)["user_id"].to_list() == [3, 7]
    assert numbered.fold_in({1.5: [1], "a": ["2"]}).recommend([1.5, "a"], k=1)["user_id"].to_list() == ["1.5", "a"]


def test_the_command_line_answers_in_the_models_own_ids(numbered: Recommender, tmp_path: Path) -> None:
    numbered.save(tmp_path / "model")
    (tmp_path / "users.txt").write_text("5\n6\n")

    def asked(*arguments: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        return next(iter(json.loads(done.stdout).values()))

    where = str(tmp_path / "model")
    every = {row["user_id"] for row in asked("recommend", where, "--all", "-k", "2")}
    assert every == {5, 6, 7, 8, 9, 10}
    for some in (["--user", "5", "--user", "6"], ["--users-file", str(tmp_path / "users.txt")]):
        assert [row["user_id"] for row in asked("recommend", where, *some, "-k", "2")] == [5, 5, 6, 6]
    assert {type(row["item_id"]) for row in asked("similar", where, "1", "-k", "2")} == {int}
    refused = CliRunner().invoke(app, ["recommend", where, "--user", "05"])
    assert refused.exit_code
    assert "1 of 1 ids are not in the data: '05'" in refused.stderr


def test_exports_keep_the_type_of_the_ids(numbered: Recommender, tmp_path: Path) -> None:
    numbered.save(tmp_path / "model")
    for name, read in (("out.parquet", pl.read_parquet), ("out.jsonl", pl.read_ndjson), ("out.csv", pl.read_csv)):
        out = tmp_path / name
        CliRunner().invoke(app, ["recommend", str(tmp_path / "model"), "--user", "5", "--out", str(out)])
        assert set(read(out)["user_id"].to_list()) == {5}
