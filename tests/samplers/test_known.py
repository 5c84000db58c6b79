"""The mask of known positives: every way of making it against the plain look-up."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.samplers import KnownPositives, known


def of(pairs: list[tuple[int, int]]) -> KnownPositives:
    return KnownPositives.of_users(Interactions.from_arrays([u for u, _ in pairs], [i for _, i in pairs]))


PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=40, unique=True)


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS, data=st.data(), shared=st.booleans())
def test_every_way_agrees_with_the_plain_lookup(
    pairs: list[tuple[int, int]], data: st.DataObject, shared: bool
) -> None:
    positives = of(pairs)
    rows = torch.tensor(data.draw(st.lists(st.integers(0, positives.n_rows - 1), min_size=1, max_size=12)))
    column = st.integers(0, positives.n_columns - 1)
    if shared:
        columns = torch.tensor(data.draw(st.lists(column, min_size=1, unique=True)))
    else:
        n = data.draw(st.integers(1, 6))
        flat = data.draw(st.lists(column, min_size=n * len(rows), max_size=n * len(rows)))
        columns = torch.tensor(flat).view(len(rows), n)
    plain = positives.mask_by_lookup(rows, columns)
    assert plain.shape == (len(rows), columns.shape[-1])
    torch.testing.assert_close(positives.mask(rows, columns), plain)
    torch.testing.assert_close(positives._mask_by_kernel(rows, columns), plain)


def test_a_large_block_takes_the_kernel_and_a_small_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    positives = of([(0, 0), (0, 2), (1, 1)])
    taken = []
    plain = KnownPositives._mask_by_kernel
    monkeypatch.setattr(KnownPositives, "_mask_by_kernel", lambda *args: taken.append(1) or plain(*args))
    rows = torch.tensor([0, 1])
    positives.mask(rows, torch.arange(3))
    assert not taken
    monkeypatch.setattr(known, "_KERNEL_FROM", 6)
    found = positives.mask(rows, torch.arange(3))
    assert taken
    assert found.tolist() == [[True, False, True], [False, True, False]]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([0, 2], [0], r"rows run from 0 to 2, and there are 2: 0 to 1"),
        ([0], [[-1, 1]], r"columns run from -1 to 1, and there are 3: 0 to 2"),
    ],
)
def test_places_out_of_range_are_caught_before_the_kernel(rows: list[int], columns: list[int], message: str) -> None:
    positives = of([(0, 0), (0, 2), (1, 1)])
    with pytest.raises(DataError, match=message):
        positives._mask_by_kernel(torch.tensor(rows), torch.tensor(columns))


def test_items_see_their_users() -> None:
    log = Interactions.from_arrays([0, 0, 1, 1, 2, 3, 3], [0, 1, 1, 2, 3, 0, 3])
    positives = KnownPositives.of_items(log)
    assert positives.mask(torch.tensor([1]), torch.tensor([0, 1, 2, 3])).tolist() == [[True, True, False, False]]


def test_full_rows_are_those_that_know_every_column() -> None:
    assert of([(0, 0), (1, 0), (1, 1), (2, 1), (3, 0), (3, 1)]).full_rows.tolist() == [1, 3]
    assert of([(0, 0), (1, 1)]).full_rows.tolist() == []


def test_a_log_without_positives_is_an_error(log: Interactions) -> None:
    with pytest.raises(DataError, match="not a single positive"):
        KnownPositives.of_users(log.select(log.items > 99))
