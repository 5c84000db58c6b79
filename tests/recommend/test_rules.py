"""What may be on a list: no rule leaks, whatever rules come together, and short lists are said to be short."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import IdMap, Split
from fillrank.data.item_table import ItemTable
from fillrank.errors import DataError, SettingsError, UnknownIdError
from fillrank.recommend import Recommender

GENRES = ["Crime", "Drama", "Horror", "War"]
TAGS = {n: [GENRES[n % 4], GENRES[(n // 3) % 4]] for n in range(80) if n % 7}
STOCK = [n % 3 > 0 for n in range(80)]
TABLE = pl.DataFrame({"item_id": range(80), "genre": [TAGS.get(n, []) for n in range(80)], "in_stock": STOCK})


@pytest.fixture(scope="module")
def model(parts: Split) -> Recommender:
    return fr.PureSVD(rank=4).fit(parts.train).with_item_table(TABLE)


def genres(item: int) -> set[str]:
    return set(TAGS.get(item, []))


some_items = st.lists(st.integers(0, 79), min_size=1, max_size=40, unique=True)
rules_drawn = st.fixed_dictionaries(
    {},
    optional={
        "items": some_items,
        "exclude": some_items,
        "per_user_items": st.dictionaries(st.integers(0, 7), some_items, min_size=1, max_size=4),
        "per_user_exclude": st.dictionaries(st.integers(0, 7), some_items, min_size=1, max_size=4),
        "where": st.fixed_dictionaries({}, optional={"genre": st.lists(st.sampled_from(GENRES), min_size=1)}).filter(
            bool
        )
        | st.just({"in_stock": True}),
        "where_not": st.just({"genre": "War"}) | st.just({"in_stock": [False]}),
        "at_most": st.just({"genre": 2}) | st.just({"genre": 1, "in_stock": 4}),
    },
)


def may(rules: dict[str, Any], user: int, item: int) -> bool:
    """Whether an item may be on a user's list, by the words of the rules."""
    where, where_not = rules.get("where", {}), rules.get("where_not", {})
    return (
        item in rules.get("items", [item])
        and item not in rules.get("exclude", [])
        and item in rules.get("per_user_items", {}).get(user, [item])
        and item not in rules.get("per_user_exclude", {}).get(user, [])
        and ("genre" not in where or bool(genres(item) & set(where["genre"])))
        and ("in_stock" not in where or STOCK[item] == where["in_stock"])
        and ("genre" not in where_not or where_not["genre"] not in genres(item))
        and ("in_stock" not in where_not or STOCK[item] not in where_not["in_stock"])
    )


def expected(model: Recommender, rules: dict[str, Any], user: int, k: int, *, filter_seen: bool) -> list[int]:
    """The list that a walk down all items, the best first, comes to."""
    n_items = len(model.item_ids)
    ranking = model.recommend([user], k=n_items, filter_seen=filter_seen)["item_id"].to_list()
    found: list[int] = []
    for item in ranking:
        full = any(
            sum(group in (genres(one) if name == "genre" else {STOCK[one]}) for one in found) >= n
            for name, n in rules.get("at_most", {}).items()
            for group in (genres(item) if name == "genre" else {STOCK[item]})
        )
        if len(found) < k and may(rules, user, item) and not full:
            found.append(item)
    return found


@settings(max_examples=60, deadline=None)
@given(rules=rules_drawn, k=st.integers(1, 12), filter_seen=st.booleans())
def test_no_rule_leaks_and_nothing_else_is_left_out(
    model: Recommender, rules: dict[str, Any], k: int, *, filter_seen: bool
) -> None:
    users = [3, 0, 5]
    given_rules = {
        name: {user: items for user, items in rule.items() if user in range(8)} if name.startswith("per_") else rule
        for name, rule in rules.items()
    }
    frame = model.recommend(users, k=k, filter_seen=filter_seen, **given_rules)
    for user in users:
        listed = frame.filter(user_id=user)
        assert listed["item_id"].to_list() == expected(model, rules, user, k, filter_seen=filter_seen)
        assert listed["rank"].to_list() == list(range(1, len(listed) + 1))
        assert all(a >= b - 1e-6 for a, b in pairwise(listed["score"]))


@settings(max_examples=25, deadline=None)
@given(rules=rules_drawn, k=st.integers(1, 12))
def test_what_is_popular_keeps_to_the_rules_too(model: Recommender, rules: dict[str, Any], k: int) -> None:
    rules = {name: rule for name, rule in rules.items() if name != "at_most"}
    for name in ("per_user_items", "per_user_exclude"):
        if name in rules:
            rules[name] = {"nobody": next(iter(rules[name].values()))}
    frame = model.recommend(["nobody", 3, "somebody"], k=k, unknown="popular", **rules)
    assert frame["user_id"].is_in(["nobody", "3", "somebody"]).all()
    for user, item in frame.select("user_id", "item_id").iter_rows():
        assert may(rules, user, item)


def test_short_lists_are_said_to_be_short(model: Recommender, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fillrank"):
        model.recommend([3, 5], k=4, items=[1, 2], filter_seen=False)
        assert (
            "2 of 2 lists have fewer than k=4 items, as the rules leave no more; the shortest, of user 3, has 2"
            in caplog.text
        )
        caplog.clear()
        model.recommend([3, 5], k=4, exclude=[1])
        assert model.recommend([3], k=4, per_user_items={3: []}).is_empty()
        assert caplog.text.count("fewer than") == 1


def test_a_table_comes_from_pandas_polars_or_a_mapping(model: Recommender) -> None:
    listed = model.recommend([3], k=5, where={"genre": "War"})
    as_pandas = pd.DataFrame({"film": range(80), "genre": ["|".join(TAGS.get(n, [])) for n in range(80)]})
    table = ItemTable.of(as_pandas, model.item_ids, separator="|")
    assert model.recommend([3], k=5, where={"genre": "War"}, item_table=table).equals(listed)
    assert model.recommend([3], k=5, where={"category": "War"}, item_table=TAGS).equals(listed)
    assert model.with_item_table(None).item_table is None


def test_a_table_comes_from_a_series_an_index_or_a_file(model: Recommender, tmp_path: Path) -> None:
    listed = model.recommend([3], k=5, where={"in_stock": True})
    series = pd.Series(STOCK, name="in_stock")
    indexed = pd.DataFrame({"in_stock": STOCK}, index=pd.Index(range(80), name="film"))
    cells = "".join(f"{n};{'yes' if n % 2 else ''};{str(STOCK[n]).lower()};é\n" for n in range(80))
    (tmp_path / "films.csv").write_bytes(f"# the shop's\nFilm ID;note;in stock;x\n{cells}".encode("cp1252"))
    for table in (series, indexed, pl.DataFrame({"film": range(80), "in_stock": STOCK})):
        assert model.with_item_table(table).recommend([3], k=5, where={"in_stock": True}).equals(listed)
    for path in (tmp_path / "films.csv", str(tmp_path / "films.csv")):
        assert model.recommend([3], k=5, where={"in stock": True}, item_table=path).equals(listed)


def test_the_table_is_saved_with_the_model(model: Recommender, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    rules: dict[str, Any] = {"where": {"genre": ["War", "Crime"], "in_stock": True}, "at_most": {"genre": 2}}
    assert loaded.recommend(k=4, **rules).equals(model.recommend(k=4, **rules))
    assert loaded.fold_in([3, 4]).recommend(k=4, **rules).equals(model.fold_in([3, 4]).recommend(k=4, **rules))


def test_items_that_came_later_have_no_category() -> None:
    table = ItemTable.of({"a": "x", "b": ["x", "y"]}, IdMap(["a", "b"])).grown(3)
    assert table.having({"category": "x"}).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"where": {"gender": "War"}}, "where: the item table has no column 'gender'; it has genre, in_stock"),
        ({"where": {"genre": "Wat"}}, "where: no item has 'Wat' in column 'genre'; did you mean 'War'?"),
        ({"where": "War"}, "where: a mapping from a column of the item table to values was wanted, got 'War'"),
        ({"where_not": {}}, "where_not: a mapping from a column"),
        ({"at_most": {"genre": 0}}, "at_most: a list has at most 1 or more of a category, got 0 for 'genre'"),
        ({"at_most": 3}, "at_most: a mapping from a column of the item table to a number was wanted, got 3"),
        ({"per_user_exclude": [1]}, "per_user_exclude: a mapping from user ids to lists of items was wanted"),
        (
            {"per_user_exclude": {"nobody": [1]}},
            "user 'nobody' is neither known to the model nor among the users asked for",
        ),
        ({"per_user_items": {3: 5}}, "the list of '3': a list of item ids was wanted, got 5"),
        ({"per_user_items": {3: ["Brazil"]}}, "1 of 1 ids are not in the data: 'Brazil'"),
        (
            {"item_table": {"x": "y"}, "where": {"category": "y"}},
            "none of the 1 items of the table is known to the model",
        ),
        (
            {"item_table": 3, "where": {"category": "y"}},
            "an item table is a table, a file with one, or a mapping from items",
        ),
        ({"only": [3]}, "recommend has no argument 'only'; it has user_ids, k, filter_seen, unknown, items, exclude"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(model: Recommender, rules: dict[str, Any], said: str) -> None:
    with pytest.raises((DataError, SettingsError, UnknownIdError)) as caught:
        model.recommend([3], **rules)
    assert said in str(caught.value)


def test_a_table_that_makes_no_sense_says_why(model: Recommender) -> None:
    with pytest.raises(SettingsError, match=r"the model keeps none; give item_table=, or keep one"):
        model.with_item_table(None).recommend([3], where={"genre": "War"})
    with pytest.raises(DataError, match="the item table has 2 rows of 3; give each item one row"):
        model.with_item_table(pl.DataFrame({"item": [3, 3], "genre": ["a", "b"]}))
    with pytest.raises(DataError, match="an item table has a column of items and at least one more, got item"):
        model.with_item_table(pl.DataFrame({"item": [3]}))
    with pytest.raises(DataError, match="column 'genre' of the table holds"):
        model.with_item_table(pl.DataFrame({"item": [3], "genre": [{"a": 1}]}))
    with pytest.raises(DataError, match="the item table is of 2 items, the model of 80"):
        model.with_item_table(ItemTable.of({"a": "x"}, IdMap(["a", "b"])))


def test_a_value_is_found_as_it_is_typed(model: Recommender) -> None:
    years = {n: 1990 + n % 3 for n in range(80)}
    table = model.with_item_table(years)
    assert table.recommend([3], where={"category": "1991"}).equals(table.recommend([3], where={"category": 1991}))
    assert model.recommend([3], where={"in_stock": "true"}).equals(model.recommend([3], where={"in_stock": True}))


@pytest.mark.parametrize("ids", ["Heat", 5, pd.DataFrame({"item": [1]}), {"a": 1}])
def test_rules_name_their_own_argument(model: Recommender, ids: Any) -> None:
    for rule in ("items", "exclude"):
        with pytest.raises(DataError, match=f"^{rule}: a list of item ids was wanted, got "):
            model.recommend([3], **{rule: ids})


@pytest.mark.parametrize("name", ["recommend", "similar_items", "similar_users", "fold_in"])
def test_a_log_is_no_id(model: Recommender, name: str) -> None:
    with pytest.raises(DataError, match=r"a list of \w+( ids)? was wanted, got an Interactions"):
        getattr(model, name)(model.interactions)


def test_numpy_numbers_and_truth_values_are_found(model: Recommender) -> None:
    listed = model.recommend([3], k=5, where={"in_stock": np.bool_(True)})["item_id"].to_list()
    assert all(STOCK[item] for item in listed)
