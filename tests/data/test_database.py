"""Logs from databases, as ``fr.read`` takes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import fillrank as fr
from fillrank.data import scan
from fillrank.errors import DataError, SettingsError

QUERY = "select who as user_id, what as item_id, stars as rating, at as time from ratings where what like '%'"


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table ratings (who text, what integer, stars real, at text)")
        rows = [("007", 5, 3.5, "2020-01-01"), ("7", 6, 4.0, "2020-01-02"), ("7", 5, None, None)]
        connection.executemany("insert into ratings values (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{tmp_path}/shop.db"


def test_the_rows_of_a_query_are_the_log_with_the_ids_of_the_database(url: str) -> None:
    log = fr.read(url, query=f"{QUERY} and stars is not null")
    assert log.to_frame().rows() == [("007", 5, 3.5, 1577836800), ("7", 6, 4.0, 1577923200)]


def test_bad_rows_are_counted_as_in_a_file(url: str) -> None:
    assert scan(url, query=QUERY, on_bad="skip").n_bad == 1
    with pytest.raises(DataError, match=r"1 of 3 rows .* cannot be read: row 3"):
        fr.read(url, query=QUERY)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({}, SettingsError, "shop.db is a database: say which rows, as in query="),
        ({"query": "select nope from ratings"}, DataError, "no such column: nope"),
        ({"query": "insert into ratings values ('1', 1, 1, 1)"}, DataError, "readonly database|gives no rows"),
        ({"query": "select who, who, what from ratings"}, DataError, "two columns of one name"),
        ({"query": QUERY, "separator": ","}, SettingsError, "separator: for files alone"),
    ],
)
def test_what_cannot_be_read_says_why(url: str, options: dict[str, str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        fr.read(url, **options)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        fr.read(f"sqlite:///{tmp_path}/absent.db", query=QUERY)
    assert not (tmp_path / "absent.db").exists()


def test_home_is_home_and_a_name_may_hold_any_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "my shop #1 50%.db")) as connection:
        connection.execute("create table met (user, item)")
        connection.execute("insert into met values ('ann', 'Heat')")
        connection.commit()
    log = fr.read("sqlite:///~/my shop #1 50%.db", query="select * from met")
    assert log.to_frame().rows() == [("ann", "Heat")]


def test_a_query_is_for_databases_alone(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="query is for a database"):
        fr.read(tmp_path / "log.csv", query=QUERY)


def test_no_password_is_in_a_message() -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        fr.read("postgresql://ann:very-secret@127.0.0.1:9/shop", query="select 1")
    assert "very-secret" not in str(caught.value)


@pytest.mark.slow
def test_postgresql_keeps_its_ids(postgresql_database: str) -> None:
    import psycopg

    with psycopg.connect(postgresql_database) as connection:
        connection.execute("create table met (who uuid, what bigint, stars numeric(3, 1))")
        connection.execute("insert into met values (gen_random_uuid(), 5, 4.5), (gen_random_uuid(), 6, 3)")
    log = fr.read(postgresql_database, query="select who as user_id, what as item_id, stars as rating from met")
    assert (log.n_users, log.item_ids.ids.to_list()) == (2, [5, 6])
    assert all(len(one) == 36 for one in log.user_ids.ids)
