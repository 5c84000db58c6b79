"""Delimited text: true line numbers, and a damaged line that costs itself only."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data.io.lightgcn import lightgcn_pairs
from fillrank.data.io.lines import as_utf8, read_records, table
from fillrank.errors import BadRowsError, DataError

WORDS = st.text(alphabet='ab," é', max_size=6) | st.text(alphabet='ab"\n é', max_size=6)


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=15))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    """The twin is the standard library's writer; every field is quoted, so that none is a blank line."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    records = read_records(buffer.getvalue().encode(), ",")
    assert [list(row) for row in records.fields.rows()] == rows
    heights = [1 + sum(field.count("\n") for field in row) for row in rows]
    assert records.lines.tolist() == [1 + sum(heights[:i]) for i in range(len(rows))]
    assert not len(records.ragged)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_records_of_another_length_are_named_by_their_lines(widths: list[int]) -> None:
    text = "a,b,c\n" + "".join(",".join("x" * width) + "\n" for width in widths)
    records = read_records(text.encode(), ",")
    assert records.lines.tolist() == [1] + [line for line, width in enumerate(widths, start=2) if width == 3]
    assert records.ragged.tolist() == [line for line, width in enumerate(widths, start=2) if width != 3]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_every_kind_and_blank_lines(end: str, last: bool) -> None:
    text = as_utf8(end.join(["a,b", "", "1,2", "", "", "3,4"]).encode() + (end.encode() if last else b""))
    records = read_records(text, ",")
    assert records.fields.rows() == [("a", "b"), ("1", "2"), ("3", "4")]
    assert records.lines.tolist() == [1, 3, 6]


@pytest.mark.parametrize(
    "damaged",
    ['u2,"i2,3', 'u2,i2,"3', '"u2,i2,3', '"u2"x,i2,3', '"u2,i2",3'],
)
def test_a_stray_quote_costs_its_own_line_only(damaged: str) -> None:
    text = f"user,item,value\nu1,i1,5\n{damaged}\nu3,i3,1\nu4,i4,2\n"
    records = read_records(text.encode(), ",")
    assert records.fields["0"].to_list() == ["user", "u1", "u3", "u4"]
    assert records.lines.tolist() == [1, 2, 4, 5]
    assert records.ragged.tolist() == [3]


def test_two_stray_quotes_do_not_swallow_what_stands_between() -> None:
    text = 'user,item,value\nu1,"i1,5\nu2,i2,3\nu3,i3",1\nu4,i4,2\n'
    records = read_records(text.encode(), ",")
    assert records.fields["0"].to_list() == ["user", "u2", "u4"]
    assert records.ragged.tolist() == [2, 4]


def test_a_first_line_whose_quotes_do_not_fit() -> None:
    with pytest.raises(DataError, match="the quotes in line 2 do not fit together"):
        read_records(b'\nuser,"item\n1,2\n', ",")


def test_a_quote_within_a_word_is_a_letter() -> None:
    records = read_records(b'user,item\nu1,7" single\nu2,"a ""b"", c"\n', ",")
    assert [row for row in records.fields.rows() if row[0] == "u2"] == [("u2", 'a "b", c')]
    assert records.ragged.tolist() == [2]
    assert table(b'u1,7" single\n', ",").rows() == [("u1", '7" single')]


@pytest.mark.parametrize(("separator", "text"), [("::", b"1::2::3\n"), (" ", b" 1\t 2  3 \n"), ("|", b"1|2|3")])
def test_separators_of_every_kind(separator: str, text: bytes) -> None:
    assert read_records(text, separator).fields.rows() == [("1", "2", "3")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert as_utf8("1,Café\n".encode(encoding)).decode() == "1,Café\n"


def test_a_table_that_should_be_regular_and_is_not() -> None:
    with pytest.raises(BadRowsError, match=r"2 lines have another number of fields .* the first of them is line 2"):
        table(b"a|b\nc\nd|e\nf|g|h\n", "|")


def test_lightgcn_lines() -> None:
    assert lightgcn_pairs(b"3 10 11 \r\n\n7  5\n8\n").rows() == [(3, 10, 1), (3, 11, 1), (7, 5, 3)]
    with pytest.raises(BadRowsError, match=r"1 lines hold something that is not a whole number, the first .* line 2"):
        lightgcn_pairs(b"1 2\n1 x 3\n")
