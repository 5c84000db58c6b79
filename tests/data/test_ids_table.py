"""What each kind of id becomes: a test for each line of the tables in docs/reference/ids.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from fillrank.data import IdMap, Interactions, scan
from fillrank.errors import FillrankError, UnknownIdError

DOC = Path(__file__).parents[2] / "docs" / "reference" / "ids.md"
ONE = UUID("12345678-1234-5678-1234-567812345678")
BIG = 2**63


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Line:
    """A line of a table: what comes, what it becomes, and the proof.

    Attributes:
        comes, becomes: as the document has them.
        given: the ids that come; of the table of what is found, the ids that are known.
        wanted: the ids of the log, in their order, or a pattern that the error's message holds; of the table of what is
            found, what is asked for, with what it finds (None: nothing); of the last table the groups pointed out.
    """

    comes: str
    becomes: str
    given: Any
    wanted: Any


NUMBERS = IdMap([4, 5, 6])
NAMES = IdMap(["5", "6", "ann"])

TABLES: dict[str, list[Line]] = {
    "From text files": [
        Line("`1`, `20`, `-3`", "whole numbers", ["1", "20", "-3"], [-3, 1, 20]),
        Line("`1`, `x`", "texts, all of them", ["1", "x"], ["1", "x"]),
        Line("`01`, `2`", "texts: the zero may mean something", ["01", "2"], ["01", "2"]),
        Line("`+1`, `2`", "texts", ["+1", "2"], ["+1", "2"]),
        Line("`1.0`, `2`", "texts", ["1.0", "2"], ["1.0", "2"]),
        Line("`1e3`, `2`", "texts", ["1e3", "2"], ["1e3", "2"]),
        Line("`1,234` in quotes, `2`", "texts", ['"1,234"', "2"], ["1,234", "2"]),
        Line("`9223372036854775808` (2⁶³), `2`", "texts", [str(BIG), "2"], ["2", str(BIG)]),
        Line("`ann`, ` ann`", "one id: blanks around do not count", ["ann", " ann"], ["ann"]),
        Line("`ann`, `Ann`", "two ids", ["ann", "Ann"], ["Ann", "ann"]),
        Line("`O'Hara`, `東京`, `a/b`", "the text, as it stands", ["O'Hara", "東京", "a/b"], ["O'Hara", "a/b", "東京"]),
        Line("`true`, `false`", "the texts `true`, `false`", ["true", "false"], ["false", "true"]),
        Line("`2020-01-31`", "the text", ["2020-01-31"], ["2020-01-31"]),
        *[
            Line("an empty cell, `NULL`, `nan`", "a bad row", ["ann", cell], "line 3: no user")
            for cell in ("", "NULL", "nan")
        ],
    ],
    "From tables, lists and typed files": [
        *[
            Line("whole numbers of any width, also of NumPy", "whole numbers", given, [1, 2])
            for given in ([2, 1], np.array([2, 1], np.uint8), [np.int16(2), 1], pd.Series([2, 1], dtype="Int32"))
        ],
        Line(
            "unsigned numbers of 64 bits beyond 2⁶³",
            "the text of each",
            np.array([BIG, 1], np.uint64),
            ["1", str(BIG)],
        ),
        Line("Python integers beyond 64 bits", "the text of each", [2**70, 1], ["1", str(2**70)]),
        Line(
            "floating-point numbers that are all whole, as a table with gaps gives them",
            "whole numbers",
            [2.0, 1.0],
            [1, 2],
        ),
        Line(
            "floating-point numbers of which one is not whole",
            "the text of each: `1.5`, `2.0`",
            [2.0, 1.5],
            ["1.5", "2.0"],
        ),
        Line(
            "floating-point numbers beyond 2⁵³",
            "an error: neighbours are no longer distinguished",
            [2.0**60, 1.0],
            "no longer distinguish neighbours",
        ),
        Line("decimals that are all whole", "whole numbers", [Decimal("2.0"), Decimal(1)], [1, 2]),
        Line(
            "other decimals",
            "the text without trailing zeros: `1.5`",
            [Decimal("1.50"), Decimal("2.00")],
            ["1.5", "2"],
        ),
        Line('the texts `"1"`, `"2"`', "texts", ["2", "1"], ["1", "2"]),
        Line("texts with blanks around them", "the text, blanks and all", ["ann", " ann "], [" ann ", "ann"]),
        *[
            Line("categories, enumerations", "the text of each", given, ["a", "b"])
            for given in (
                pd.Series(["b", "a"], dtype="category"),
                pl.Series(["b", "a"], dtype=pl.Categorical),
                pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])),
            )
        ],
        Line(
            "members of a Python `Enum` whose values are texts", "the value", [Colour.RED, Colour.BLUE], ["blue", "red"]
        ),
        Line("numbers and texts mixed", "the text of each", [1, "a", 2.5], ["1", "2.5", "a"]),
        Line("True and False", "the texts `True`, `False`", [True, False], ["False", "True"]),
        Line("bytes that are UTF-8", "that text", [b"ann", "é".encode()], ["ann", "é"]),
        Line("other bytes", "`0x` and hexadecimal digits", [b"\xff\x00", b"ann"], ["0xff00", "ann"]),
        *[
            Line("dates", "`2020-01-31`", given, ["2020-01-31"])
            for given in ([date(2020, 1, 31)], pl.Series([date(2020, 1, 31)]))
        ],
        Line(
            "moments",
            "`2020-01-31 10:00:00`, with `+02:00` where there is a zone",
            [datetime(2020, 1, 31, 10), datetime(2020, 1, 31, 10, tzinfo=timezone(timedelta(hours=2)))],
            ["2020-01-31 10:00:00", "2020-01-31 10:00:00+02:00"],
        ),
        Line("UUIDs", "as they are usually written", [ONE], [str(ONE)]),
        *[
            Line("intervals and periods of pandas", "what `str` says", given, wanted)
            for given, wanted in (
                ([pd.Interval(0, 1)], ["(0, 1]"]),
                (pd.Series(pd.period_range("2020-01", periods=2, freq="M")), ["2020-01", "2020-02"]),
            )
        ],
        Line("tensors of whole numbers", "whole numbers", torch.tensor([2, 1]), [1, 2]),
        *[
            Line("None, NaN, `pd.NA`, `NaT`", "a bad row", ["ann", gone], "row 2: no user")
            for gone in (None, float("nan"), pd.NA, pd.NaT)
        ],
        Line("lists, or tables within cells", "an error", [[1, 2], [3]], "a single value was wanted|in place of ids"),
        Line("objects that do not say what they are", "an error", [object()], "a single value was wanted"),
        Line("one text in place of a list", "an error: write a list", "ann", "write a list"),
    ],
    "Finding an id again": [
        Line("5, of the whole numbers", "found", NUMBERS, [(5, 5), (np.int8(5), 5)]),
        Line('`"5"`, of the whole numbers', "found", NUMBERS, [("5", 5)]),
        Line(
            '`"05"`, `"+5"`, `"5.0"` or `" 5"`, of the whole numbers',
            "not found",
            NUMBERS,
            [(asked, None) for asked in ("05", "+5", "5.0", " 5")],
        ),
        Line("5.0 or a decimal 5, of the whole numbers", "found", NUMBERS, [(5.0, 5), (Decimal(5), 5)]),
        Line("5.5, of the whole numbers", "not found", NUMBERS, [(5.5, None)]),
        Line("True, of the whole numbers", "not found", IdMap([0, 1]), [(True, None)]),
        Line('`"ann"`, of the texts', "found", NAMES, [("ann", "ann")]),
        Line(
            '`"Ann"` or `"ann "`, where the text is `ann`',
            "not found",
            NAMES,
            [("Ann", None), ("ann ", None)],
        ),
        Line("5, of the texts, where there is `5`", "found", NAMES, [(5, "5")]),
        Line("2, of the texts, where there is `2.0` and no `2`", "found", IdMap(["2.0", "1.5"]), [(2, "2.0")]),
        Line("2.0, of the texts, where there is `2` and no `2.0`", "found", IdMap(["2", "x"]), [(2.0, "2")]),
        Line("a date, of dates", "found", IdMap([date(2020, 1, 31)]), [(date(2020, 1, 31), "2020-01-31")]),
        Line("a UUID, of UUIDs", "found, and by its text", IdMap([ONE]), [(ONE, str(ONE)), (str(ONE), str(ONE))]),
        Line("bytes, of texts", "found by their text", NAMES, [(b"ann", "ann")]),
        Line("None or NaN", "not found", NAMES, [(None, None), (float("nan"), None)]),
    ],
    "Ids that differ only in form": [
        Line(
            "`1`, `01`, `1.0` and `+1`",
            "four ids, pointed out",
            ["1", "01", "1.0", "+1"],
            [("+1", "01", "1", "1.0")],
        ),
        Line("`ann`, `Ann` and `ANN`", "three ids, pointed out", ["ann", "Ann", "ANN"], [("ANN", "Ann", "ann")]),
        Line(
            '`"ann"`, `"ann "` and `" ann"` in a table',
            "three ids, pointed out",
            ["ann", "ann ", " ann"],
            [(" ann", "ann", "ann ")],
        ),
        Line("`a b` and `a  b`", "two ids, pointed out", ["a b", "a  b"], [("a  b", "a b")]),
        Line(
            "an `é` of one character and one of two",
            "two ids, pointed out",
            ["caf\u00e9", "cafe\u0301"],
            [("cafe\u0301", "caf\u00e9")],
        ),
        Line("`1.5` and `1.50`", "two ids, not pointed out", ["1.5", "1.50"], []),
        Line("whole numbers", "nothing to point out", [1, 2], []),
    ],
}


def each(section: str) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("line", [pytest.param(line, id=line.comes) for line in TABLES[section]])


def refused_or_ids(make: Callable[[], Interactions], wanted: Any) -> None:
    if isinstance(wanted, str):
        with pytest.raises(FillrankError, match=wanted):
            make()
        return
    ids = make().user_ids.ids.to_list()
    assert ids == wanted
    assert list(map(type, ids)) == list(map(type, wanted))


@each("From text files")
def test_ids_of_a_text(line: Line, tmp_path: Path) -> None:
    rows = "".join(f"{one},x{place}\n" for place, one in enumerate(line.given))
    (tmp_path / "log.csv").write_text(f"user,item\n{rows}", encoding="utf-8")
    refused_or_ids(lambda: scan(tmp_path / "log.csv").interactions, line.wanted)


@each("From tables, lists and typed files")
def test_ids_of_a_column(line: Line) -> None:
    items = [f"x{place}" for place in range(len(line.given))]
    refused_or_ids(lambda: Interactions.from_arrays(line.given, items), line.wanted)


def test_typed_files_are_as_tables(tmp_path: Path) -> None:
    for write in ("write_parquet", "write_ipc"):
        for given, wanted in ((["2", "1"], ["1", "2"]), ([2.0, 1.0], [1, 2]), ([" a", "a"], [" a", "a"])):
            getattr(pl.DataFrame({"user": given, "item": ["x", "y"]}), write)(tmp_path / "log")
            refused_or_ids(lambda: scan(tmp_path / "log").interactions, wanted)
    (tmp_path / "log.jsonl").write_text('{"user": "2", "item": "x"}\n{"user": "1", "item": "y"}\n', encoding="utf-8")
    refused_or_ids(lambda: scan(tmp_path / "log.jsonl").interactions, ["1", "2"])


@each("Finding an id again")
def test_what_finds_an_id(line: Line) -> None:
    for asked, found in line.wanted:
        (place,) = line.given.encode([asked], unknown="mark")
        assert (line.given.ids[int(place)] if place >= 0 else None) == found, asked


def test_what_is_not_found_is_an_error_that_shows_what_ids_look_like() -> None:
    with pytest.raises(UnknownIdError, match=r"'05'; known ids look like 4"):
        NUMBERS.encode(["05"])


@each("Ids that differ only in form")
def test_ids_that_are_alike(line: Line) -> None:
    log = Interactions.from_arrays(line.given, range(len(line.given)))
    assert log.n_users == len(line.given)
    summary = log.summary()
    assert [group for one in summary.alike for group in one.examples] == line.wanted
    assert ("differ from another only in form" in str(summary)) == bool(line.wanted)


def test_items_are_pointed_out_as_well() -> None:
    log = Interactions.from_arrays([1, 2, 3, 4], ["a", "A", "b", "c"], times=[datetime(2020, 1, 1, tzinfo=UTC)] * 4)
    (found,) = log.summary().alike
    assert (found.kind, found.n_groups, found.n_ids) == ("item", 1, 2)
    assert "2 item ids differ" in str(found)


def documented() -> Iterator[tuple[str, str, str]]:
    section = ""
    for said in DOC.read_text(encoding="utf-8").splitlines():
        if said.startswith("## "):
            section = said.removeprefix("## ")
        elif said.startswith("| ") and not said.startswith(("| What comes", "| ---")):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", said)[1:-1]]
            yield section, cells[0], cells[1]


def test_the_document_has_these_lines_and_no_others() -> None:
    wanted = [(section, line.comes, line.becomes) for section, lines in TABLES.items() for line in lines]
    assert list(documented()) == list(dict.fromkeys(wanted))
