"""What the next model learns from: a log with the events in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError
from fillrank.store import CatalogueItem, Store, UserEvent
from fillrank.store.learning import all_to_learn
from fillrank.store.meaning import EventMeaning

MEANING = EventMeaning()
RATED = Interactions.from_arrays([1, 1, 2], [10, 11, 10], values=[5, 3, 4], times=[100, 200, 300])
MET = Interactions.from_arrays(["ann", "bob"], ["x", "y"])


def rows(store: Store, log: Interactions | None) -> list[tuple[object, ...]]:
    return all_to_learn(store, log, MEANING).interactions.to_frame().rows()


def test_ratings_join_ratings_and_the_newest_counts(store: Store) -> None:
    store.append([
        UserEvent("1", "10", "rating", 2, time=500_000),
        UserEvent("1", "12", "rating", 1, time=600_000),
        UserEvent("2", "10", "rating", 1, time=1_000),  # before what the log says
        UserEvent("3", "10", "click", time=700_000),  # no rating to learn from
    ])  # fmt: skip
    assert rows(store, RATED) == [(1, 10, 2.0, 500), (1, 11, 3.0, 200), (1, 12, 1.0, 600), (2, 10, 4.0, 300)]


def test_ids_that_are_no_numbers_make_all_of_them_texts(store: Store) -> None:
    store.append([UserEvent("ann", "10", "rating", 2, time=500_000), UserEvent("05", "11", "rating", 2, time=500_000)])
    found = all_to_learn(store, RATED, MEANING).interactions
    assert found.user_ids.ids.to_list() == ["05", "1", "2", "ann"]
    assert found.item_ids.ids.to_list() == [10, 11]


def test_events_without_values_join_a_log_without_values(store: Store) -> None:
    store.append([UserEvent("ann", "y"), UserEvent("ann", "x", "dislike"), UserEvent("bob", "y", "impression")])
    store.append([UserEvent("bob", "z", "impression")])
    assert rows(store, MET) == [("ann", "x"), ("ann", "y"), ("bob", "y")]


def test_events_alone_are_ratings_where_most_of_them_are(store: Store) -> None:
    store.append([UserEvent("1", "10", "rating", 2, time=1000), UserEvent("1", "11", "rating", 3, time=1000)])
    assert rows(store, None) == [(1, 10, 2.0, 1), (1, 11, 3.0, 1)] or rows(store, None)[0][0] == "1"
    store.append([UserEvent("1", str(number), "click", time=1000) for number in range(20, 25)])
    assert all_to_learn(store, None, MEANING).interactions.values is None


def test_nothing_is_learnt_of_what_was_deleted(store: Store) -> None:
    store.append([UserEvent("3", "10", "rating", 2)])
    store.delete_user("1")
    store.delete_item("11")
    found = all_to_learn(store, RATED, MEANING).interactions
    assert found.user_ids.ids.to_list() == [2, 3]
    assert found.item_ids.ids.to_list() == [10]


def test_titles_of_the_store_take_the_place_of_those_of_the_log(store: Store) -> None:
    labelled = replace(RATED, item_ids=IdMap([10, 11], labels=["ten", None]))
    store.put_item(CatalogueItem("11", "eleven"))
    store.append([UserEvent("1", "11", "rating", 1)])
    assert all_to_learn(store, labelled, MEANING).interactions.item_ids.labels.to_list() == ["ten", "eleven"]


def test_only_events_before_a_moment(store: Store) -> None:
    store.append([UserEvent("ann", "y", time=1_000), UserEvent("ann", "z", time=2_000)])
    found = all_to_learn(store, MET, MEANING, until=2_000)
    assert found.interactions.item_ids.ids.to_list() == ["x", "y"]
    assert found.seq == 2


def test_weights_of_types_add_up_as_in_a_log(store: Store) -> None:
    meaning = EventMeaning(weights={"view": 1, "purchase": 10, "hide": 0})
    store.append([UserEvent("ann", "x", "view"), UserEvent("ann", "x", "purchase"), UserEvent("bob", "y", "hide")])
    store.append([UserEvent("cleo", "x", "hide", time=1000), UserEvent("cleo", "x", "view", time=2000)])
    weighed = replace(MET, weights=np.array([3, 1], dtype=np.float32))
    expected = [("ann", "x", 14.0), ("bob", "y", 0.0), ("cleo", "x", 1.0)]
    assert all_to_learn(store, weighed, meaning).interactions.to_frame().rows() == expected
    found = all_to_learn(store, MET, meaning).interactions.to_frame().rows()
    assert found == [("ann", "x", 12.0), ("bob", "y", 0.0), ("cleo", "x", 1.0)]


def test_nothing_at_all_is_an_error(store: Store) -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        all_to_learn(store, None, MEANING)


EVENTS = st.lists(
    st.builds(
        UserEvent,
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
        st.sampled_from(["rating", "click", "dislike", "impression"]),
        st.none() | st.integers(1, 5),
        time=st.integers(0, 3).map(lambda second: 1000 * second),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_all_users_at_once_say_what_each_says_alone(store: Store, events: list[UserEvent]) -> None:
    """The frame of all events and the readable twin for one user agree."""
    store.remove_events()
    store.append(events)
    log = Interactions.from_arrays(["log"], ["log"])
    together = {row[:2] for row in rows(store, log)} - {("log", "log")}
    alone = {
        (user, item) for user in "ab" for item, taste in MEANING.tastes(store.history(user)).items() if taste.wanted
    }
    assert together == alone
    rated = Interactions.from_arrays(["log"], ["log"], values=[1], times=[0])
    found = {row[:2]: row[2] for row in rows(store, rated) if row[0] != "log"}
    expected = {
        (user, item): np.float32(taste.value)
        for user in "ab"
        for item, taste in MEANING.tastes(store.history(user)).items()
        if taste.wanted and taste.value is not None
    }
    assert found == expected
