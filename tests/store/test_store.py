"""A store keeps what it was given: once, whole, and until somebody deletes it."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from fillrank.errors import DataError, DiskFullError, SettingsError, StoreError, UnknownIdError
from fillrank.store import CatalogueItem, Store, UserEvent
from fillrank.store.dump import dump, restore
from fillrank.store.tables import metadata

CLICK = UserEvent("ann", "Heat", "click", time=1_000, id="e1")


def test_events_come_back_as_they_were(store: Store) -> None:
    given = [CLICK, UserEvent("ann", "Alien", "rating", 4.5, time=2_000, id="e2"), UserEvent("bob", "Heat", id="e3")]
    assert store.append(given).accepted == 3
    assert store.history("ann") == given[:2]
    assert store.history("nobody") == []
    assert store.history("ann", limit=1) == given[1:2]
    assert (store.count_after(), store.newest()) == (3, 3)
    first, after = store.events(limit=2)
    assert [*first, *store.events(after=after)[0]] == given


def test_an_event_is_there_once_by_its_id(store: Store) -> None:
    assert store.append([CLICK, CLICK, replace(CLICK, time=5)]).accepted == 1
    again = store.append([CLICK, replace(CLICK, id="e2"), replace(CLICK, item="Alien")])
    assert (again.accepted, again.repeated, again.conflicting) == (1, 2, ("e1",))
    assert [event.id for event in store.history("ann")] == ["e1", "e2"]


def test_events_that_have_expired_do_not_count(store: Store) -> None:
    store.append([CLICK, replace(CLICK, id="e2", expires=5), replace(CLICK, id="e3", expires=8_000_000_000_000)])
    assert [event.id for event in store.history("ann")] == ["e1", "e3"]


def test_a_deleted_user_is_gone_and_may_come_back(store: Store, url: str) -> None:
    store.append([CLICK, UserEvent("bob", "Heat")])
    store.put_user("ann", {"town": "Perth"})
    before = store.changes()
    store.delete_user("ann")
    assert store.history("ann") == []
    assert store.user("ann") is None
    assert len(store.deleted("user")) == 1
    assert store.changes() != before
    assert store.count_after() == 1
    store.append([replace(CLICK, id="e9")])
    assert [event.id for event in store.history("ann")] == ["e9"]
    assert store.newest() == 3  # no number is given twice


def test_what_was_deleted_is_not_in_the_file_any_more(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/shop.db") as store:
        store.append([UserEvent("somebody-with-a-name", "Heat")])
        store.delete_user("somebody-with-a-name")
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"somebody-with-a-name" not in left


def test_items_and_their_marks(store: Store) -> None:
    heat = CatalogueItem("Heat", "Heat (1995)", ("crime", "drama"), details={"year": 1995}, changed=1)
    store.put_item(heat)
    assert store.item("Heat") == heat
    store.put_item(replace(heat, hidden=True))
    assert store.items() == [replace(heat, hidden=True)]
    store.delete_item("Heat")
    assert store.item("Heat") is None
    assert len(store.deleted("item")) == 1
    store.put_item(heat)
    assert store.deleted("item") == frozenset()


def test_keys_open_what_their_scopes_say(store: Store) -> None:
    key, kept = store.add_key("shop", ["read", "write"])
    found = store.key(key)
    assert found == kept
    assert [kept.may(scope) for scope in ("read", "write", "admin")] == [True, True, False]
    assert store.key(key + "x") is None
    store.revoke_key(kept.id)
    assert store.key(key) is None
    assert store.all_keys()[0].revoked is not None
    with pytest.raises(UnknownIdError, match="no key 'nope'"):
        store.revoke_key("nope")
    with pytest.raises(SettingsError, match="scopes are some of read, write, admin"):
        store.add_key("shop", ["root"])


def test_no_key_is_in_the_file(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/shop.db") as store:
        key, _ = store.add_key("shop", ["read"])
    assert key.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_several_threads_write_at_once(store: Store) -> None:
    def write(who: int) -> None:
        for number in range(10):
            store.append([UserEvent(f"user {who}", "Heat", id=f"{who}-{number}"), replace(CLICK, id=f"all-{number}")])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count_after() == 50


def test_two_stores_of_one_database_see_each_other(store: Store, url: str) -> None:
    with Store(url) as other:
        other.append([CLICK])
        assert store.history("ann") == [CLICK]
        store.append([replace(CLICK, id="e2")])
        assert other.count_after() == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"user": ""}, "user must have 1 to 512 characters, got 0"),
        ({"item": "x" * 513}, "item must have 1 to 512 characters, got 513"),
        ({"id": "a\0b"}, "id holds a character that no database takes"),
        ({"type": "\ud800"}, "type holds a character that no database takes"),
        ({"type": "x" * 65}, "type must have 1 to 64 characters"),
        ({"value": float("nan")}, "value must be a finite number, got nan"),
        ({"value": 1e39}, "value must be a finite number"),
        ({"time": 10**18}, "time must be within"),
        ({"user": 5}, r"user must be a text, got 5 \(int\)"),
    ],
)
def test_events_that_no_database_could_hold_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replace(CLICK, **wrong)  # type: ignore[arg-type]


def test_any_text_is_kept(store: Store) -> None:
    odd = ["'; DROP TABLE events; --", "日本 ♥ 🎬", "a/b?c#d%20", "\x1b[31m", "%s %(x)s :name"]
    store.append([UserEvent(text, text, id=text) for text in odd])
    assert [store.history(text)[0].item for text in odd] == odd


def test_the_migrations_make_the_tables(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_a_store_of_a_newer_version_is_refused(store: Store, url: str) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="was written by a newer fillrank"):
        Store(url)


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz"])
def test_a_dump_is_the_whole_store(store: Store, tmp_path: Path, name: str) -> None:
    store.append([CLICK, UserEvent("bob", "日本", "rating", 3.5)])
    store.put_item(CatalogueItem("Heat", "Heat (1995)", ("crime",)))
    store.put_user("ann", {"a": [1, None]})
    store.delete_user("carol")
    key, _ = store.add_key("shop", ["admin"])
    assert dump(store, tmp_path / name)["events"] == 2
    with Store(f"sqlite:///{tmp_path}/other.db") as other:
        restore(other, tmp_path / name)
        assert other.events() == store.events()
        assert (other.items(), other.users(), other.deleted("user")) == (
            store.items(),
            store.users(),
            store.deleted("user"),
        )
        assert other.key(key) == store.key(key)
        assert other.append([CLICK, replace(CLICK, id="new")]).accepted == 1
        with pytest.raises(StoreError, match=r"has rows in .*; restore into an empty one"):
            restore(other, tmp_path / name)


@pytest.mark.slow
def test_a_dump_goes_into_the_other_database(postgresql_database: str, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/a.db") as store, Store(postgresql_database) as other:
        store.append([CLICK, replace(CLICK, id="e2")])
        dump(store, tmp_path / "a.jsonl")
        restore(other, tmp_path / "a.jsonl")
        assert other.events() == store.events()
        assert other.append([replace(CLICK, id="e3")]).accepted == 1
        assert other.newest() == 3


def test_a_torn_dump_restores_nothing(store: Store, tmp_path: Path) -> None:
    store.append([replace(CLICK, id=str(number)) for number in range(30)])
    dump(store, tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes()
    with Store(f"sqlite:///{tmp_path}/other.db") as other:
        for size in (0, 10, len(whole) // 2, len(whole) - 3):
            (tmp_path / "torn.jsonl").write_bytes(whole[:size])
            with pytest.raises(DataError, match="torn, or no dump"):
                restore(other, tmp_path / "torn.jsonl")
        assert other.count_after() == 0
        with pytest.raises(DataError, match="there is no file"):
            restore(other, tmp_path / "absent.jsonl")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("shop.db", "store is no database URL; give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"),
        ("sqlite://", "a store needs a file"),
        ("mysql://x@y/z", r"a store is SQLite or PostgreSQL|no database 'mysql'"),
        ("nothing://x", "there is no database 'nothing'"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Store(url)


def test_a_database_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"does not answer: .*see whether it is there") as caught:
        Store("postgresql://ann:very-secret@127.0.0.1:9/shop")
    assert "very-secret" not in str(caught.value)
    (tmp_path / "text.db").write_text("this is no database" * 100)
    with pytest.raises(StoreError, match=r"the folder of .* cannot be made"):
        Store(f"sqlite:///{tmp_path}/text.db/shop.db")
    with pytest.raises(StoreError, match="file is not a database"):
        Store(f"sqlite:///{tmp_path}/text.db")


def test_the_folder_of_a_new_store_is_made_and_home_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Store("sqlite:///~/new folder/shop.db").close()
    assert (tmp_path / "new folder" / "shop.db").is_file()


def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.execute("create table invoices (number)")
        connection.commit()
    before = (tmp_path / "app.db").read_bytes()
    with pytest.raises(StoreError, match=r"holds tables of another program \(invoices\), and is left as it is"):
        Store(f"sqlite:///{tmp_path}/app.db")
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("invoices",)]
    assert len((tmp_path / "app.db").read_bytes()) == len(before)


def test_a_full_database_is_said_to_be_full(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/shop.db", connections=1) as store:
        with store.reading() as connection:
            connection.execute(sa.text("PRAGMA max_page_count=40"))
        with pytest.raises(DiskFullError, match="is not written: no space is left"):
            fill(store)
        held = store.count_after()
        assert held % 20 == 0  # each request is there whole, or not at all
        assert re.fullmatch(r"Store\(sqlite:///.*shop\.db\)", repr(store))


def fill(store: Store) -> None:
    for number in range(200):
        store.append([replace(CLICK, id=f"{number}-{place}", item="x" * 500) for place in range(20)])
