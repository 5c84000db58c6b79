"""Ids: every id has one place, whatever order the ids come in."""

from __future__ import annotations

import uuid

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data import IdMap
from fillrank.data.ids import as_id_column
from fillrank.errors import DataError, UnknownIdError

INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=100, unique=True)
STRINGS = st.lists(st.text(max_size=8), min_size=1, max_size=100, unique=True)


@given(INTEGERS | STRINGS)
def test_decoding_is_the_inverse_of_encoding(ids: list[int] | list[str]) -> None:
    known = IdMap(ids)
    places = known.encode(ids)
    assert sorted(places.tolist()) == list(range(len(ids)))
    assert known.decode(places).to_list() == ids


@given(INTEGERS | STRINGS, st.randoms(use_true_random=False))
def test_places_do_not_depend_on_the_order_of_the_ids(ids: list[int] | list[str], random: object) -> None:
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert IdMap(ids) == IdMap(shuffled)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40, unique=True), st.lists(st.integers(0, 60), max_size=150))
def test_the_join_and_the_search_agree(known: list[int], asked: list[int]) -> None:
    """Long requests are joined, short ones searched: the answers are those of a plain list."""
    ids = IdMap(known)
    expected = [sorted(known).index(i) if i in known else -1 for i in asked]
    assert ids.encode(asked, unknown="mark").tolist() == expected
    assert [int(ids.encode([i], unknown="mark")[0]) for i in asked] == expected


def test_labels_follow_their_ids() -> None:
    films = IdMap([1214, 6], labels=["Alien (1979)", None])
    assert [films.label(0), films.label(1)] == ["6", "Alien (1979)"]


def test_strings_that_look_like_one_number_stay_apart() -> None:
    assert IdMap(["01", "1"]).encode(["1", "01"]).tolist() == [1, 0]


def test_a_number_is_found_by_its_string_and_the_other_way_round() -> None:
    assert IdMap([15, 7]).encode(["15"]).tolist() == [1]
    assert IdMap(["15", "7"]).encode([7]).tolist() == [1]


def test_uuids_are_kept_as_strings() -> None:
    one = uuid.UUID(int=5)
    assert IdMap([one]).ids.to_list() == [str(one)]
    assert IdMap([one]).encode([one]).tolist() == [0]


@pytest.mark.parametrize(
    "ids",
    [
        [2**63, 2**63 + 1],
        np.array([2**63, 2**63 + 1], dtype=np.uint64),
        pl.Series([2**63, 2**63 + 1], dtype=pl.Int128),
    ],
    ids=["list", "numpy", "polars"],
)
def test_integers_beyond_64_bits_are_not_changed(ids: object) -> None:
    assert IdMap(ids).ids.to_list() == ["9223372036854775808", "9223372036854775809"]  # type: ignore[arg-type]


def test_whole_floating_point_ids_are_integers() -> None:
    assert as_id_column(np.array([3.0, 1.0])).to_list() == [3, 1]
    assert as_id_column(pl.Series([3.0, None, float("nan")])).to_list() == [3, None, None]
    assert as_id_column([1.5, 2.0]).to_list() == ["1.5", "2.0"]


def test_floating_point_ids_that_have_lost_digits_are_refused() -> None:
    with pytest.raises(DataError, match="no longer distinguish neighbours; give them as integers or strings"):
        as_id_column(np.array([2.0**60]))


def test_categories_are_read_by_their_names_not_their_codes() -> None:
    column = pl.Series(["b", "a", "b"], dtype=pl.Categorical)
    assert IdMap(column.unique()).encode(column).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("ids", "labels", "words"),
    [
        ([1, 1, 2], None, "id 1 stands more than once among 3 ids"),
        (["a", None], None, "1 of 2 ids are missing"),
        ([1, 2], ["one"], "1 labels came for 2 ids"),
    ],
)
def test_what_is_no_id_map_is_refused(ids: list[object], labels: list[str] | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        IdMap(ids, labels=labels)


def test_unknown_ids_are_named_and_counted() -> None:
    with pytest.raises(UnknownIdError, match=r"2 of 3 ids are not in the data: 'x', 'y'; known ids look like 1"):
        IdMap([1, 2]).encode([1, "x", "y"])


def test_names_are_resolved_as_a_person_would_type_them() -> None:
    films = IdMap([1, 2, 3, 4], labels=["Heat (1995)", "Alien (1979)", "Heat (1986)", None])
    assert films.resolve(2) == films.resolve("2") == films.resolve(" ALIEN ") == films.resolve("alien (1979)") == 1
    assert films.resolve("heat (1986)") == 2
    with pytest.raises(UnknownIdError, match=r"'Heat' may be any of: Heat \(1995\) \[1\], Heat \(1986\) \[3\]"):
        films.resolve("Heat")
    with pytest.raises(UnknownIdError, match=r"neither an id nor a name in the data; did you mean 'Alien \(1979\)'"):
        films.resolve("Alein")


def test_an_id_that_is_another_spelling_of_a_number_is_suggested() -> None:
    with pytest.raises(UnknownIdError, match="'000003' is neither an id nor a name in the data; did you mean '3'"):
        IdMap([3, 4]).resolve("000003")
    with pytest.raises(UnknownIdError, match="'3' is neither an id nor a name in the data; did you mean '000003'"):
        IdMap(["000003", "000004"]).resolve("3")
    with pytest.raises(UnknownIdError, match="'7' is neither an id nor a name in the data; known ids look like 3"):
        IdMap([3, 4]).resolve("7")


def test_an_id_and_a_title_that_both_fit_are_listed() -> None:
    films = IdMap([21, 300, 7], labels=["Get Shorty (1995)", "Quiz Show (1994)", "300 (2007)"])
    with pytest.raises(
        UnknownIdError, match=r"'300' may be any of: Quiz Show \(1994\) \[300\], 300 \(2007\) \[7\]; give"
    ):
        films.resolve("300")
    assert films.resolve("[300]") == films.resolve(300) == films.resolve(np.int64(300)) == 2
    assert films.resolve("300 (2007)") == 0
    assert films.resolve("21") == 1
    with pytest.raises(UnknownIdError, match="'8'"):
        films.resolve("[8]")


def test_a_title_that_is_the_items_own_id_is_no_second_item() -> None:
    assert IdMap(["Heat", "Alien"], labels=["Heat", None]).resolve("Heat") == 1


def test_labels_may_be_numbers_and_missing_in_many_ways() -> None:
    films = IdMap([1, 2, 3], labels=[300, float("nan"), None])
    assert [films.label(place) for place in range(3)] == ["300", "2", "3"]


@pytest.mark.parametrize("places", [[3], [-1], [[0]], np.array([0.5])])
def test_places_that_are_not_there_are_refused(places: object) -> None:
    with pytest.raises(ValueError, match=r"indices|indexes"):
        IdMap([1, 2, 3]).decode(places)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="index is a number from 0 to 2"):
        IdMap([1, 2, 3]).label(3)
