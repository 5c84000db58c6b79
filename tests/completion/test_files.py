"""Completing tables in files: to the letter where nothing was missing."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.completion import MatrixCompletion
from fillrank.completion.files import CompletedFile, complete_file
from fillrank.completion.long import looks_long
from fillrank.completion.reading import Reading
from fillrank.completion.text import Text
from fillrank.errors import BadRowsError, DataError, DuplicateError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast


def complete(tmp_path: Path, data: bytes | str, digits: int = 6, **how: Any) -> tuple[str, CompletedFile]:
    source, target = tmp_path / "in.csv", tmp_path / "out" / "out.csv"
    source.write_bytes(data.encode() if isinstance(data, str) else data)
    estimator = MatrixCompletion(1, regularization=0, bias=False)
    done = complete_file(source, target, estimator, reading=Reading(**how), digits=digits, force=True)
    return target.read_bytes().decode("latin-1" if isinstance(data, bytes) else "utf-8"), done


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1,2,4\n2,,8\n3,6,12\n", "1,2,4\n2,4,8\n3,6,12\n"),
        ("a,b,c\n1,2,4\n2,NA,8\n3,6,12\n", "a,b,c\n1,2,4\n2,4,8\n3,6,12\n"),
        ("who;a;b\nann;1;2\nbob;2;\n", "who;a;b\nann;1;2\nbob;2;4\n"),
        (",0,1\nx,1,2\ny,2,\n", ",0,1\nx,1,2\ny,2,4\n"),
        ("user,10,20\n7,1,2\n8,2,\n", "user,10,20\n7,1,2\n8,2,4\n"),
        ("ann\t4\t2\nbob\t2\t\n", "ann\t4\t2\nbob\t2\t1\n"),
        ("1|2\n2|", "1|2\n2|4"),
        ('"a, b","c"\r\n1.0,"2"\r\n+2e0,""\r\n', '"a, b","c"\r\n1.0,"2"\r\n+2e0,4\r\n'),
        ("\n1, 2.00\n\n 2 , \n\n", "\n1, 2.00\n\n 2 ,4\n\n"),
        ("a,b\n1,2\n2, null \n", "a,b\n1,2\n2,4\n"),
        ('"two\nlines",b\n1,2\n2,\n', '"two\nlines",b\n1,2\n2,4\n'),
        ("1,2\r2,\r", "1,2\r2,4\r"),
    ],
)
def test_wide_tables_change_in_their_holes_only(before: str, after: str, tmp_path: Path) -> None:
    written, done = complete(tmp_path, before)
    assert written == after
    assert (done.layout, done.n_filled) == ("wide", 1)
    assert done.n_known == done.n_rows * done.n_columns - 1


def test_what_it_was_taken_for(tmp_path: Path) -> None:
    seen = {}
    for name, data in {
        "bare": "1,2\n2,\n",
        "header": "a,b\n1,2\n2,\n",
        "ids": "x,1\ny,\n",
        "both": "id,a\n7,2\n8,\n",
        "one column": "a\n1\n2\n",
    }.items():
        _, done = complete(tmp_path, data)
        seen[name] = (done.header, done.row_ids, done.n_rows, done.n_columns)
    assert seen == {
        "bare": (False, False, 2, 2),
        "header": (True, False, 2, 2),
        "ids": (False, True, 2, 1),
        "both": (True, True, 2, 1),
        "one column": (True, False, 2, 1),
    }


def test_what_cannot_be_told_can_be_said(tmp_path: Path) -> None:
    numbered = ",1,2\n3,1,2\n5,2,\n"
    with pytest.raises(DataError, match=r"cannot tell whether line 1 is a header of numbers .* --no-header"):
        complete(tmp_path, numbered)
    assert complete(tmp_path, numbered, header=True)[0] == ",1,2\n3,1,2\n5,2,4\n"
    _, done = complete(tmp_path, numbered, header=False)
    assert (done.n_rows, done.n_columns, done.n_filled) == (3, 3, 2)
    assert complete(tmp_path, "id,a\n1,2\n2,\n", row_ids=False)[1].n_columns == 2
    assert complete(tmp_path, "1,2\n2,\n", row_ids=True)[1].n_columns == 1
    assert complete(tmp_path, "1,2\n2,-\n", missing=("-",))[0] == "1,2\n2,4\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n2,\n", "utf-8"),
        ("\ufeffé,b\r\n1,2\r\n2,\r\n".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffé,b\n1,2\n2,\n".encode("utf-16-be"), "utf-16-be"),
        ("é,b\n1,2\n2,\n".encode("latin-1"), "latin-1"),
        ("é,日本\n1,2\n2,\n".encode(), "utf-8"),
    ],
)
def test_encodings_come_back(data: bytes, encoding: str, tmp_path: Path) -> None:
    complete(tmp_path, data)
    written = (tmp_path / "out" / "out.csv").read_bytes()
    assert written.decode(encoding) == data.decode(encoding).replace("2,\n", "2,4\n").replace("2,\r\n", "2,4\r\n")


def test_long_tables_fill_their_blank_values(tmp_path: Path) -> None:
    before = 'user,item,rating\nann,x,1\nann,"y",2.0\nbob,x,2\nbob,"y",\n'
    written, done = complete(tmp_path, before)
    assert written == before[:-1] + "4\n"
    assert (done.layout, done.n_rows, done.n_columns, done.n_known, done.n_filled) == ("long", 2, 2, 3, 1)


def test_all_pairs_of_a_long_table(tmp_path: Path) -> None:
    before = 'item,user,rating\r\nx,ann,1\r\ny,ann,2\r\n"x",bob,2\r\nz,bob,\r\nz,ann,3'
    written, done = complete(tmp_path, before, all_pairs=True)
    assert written == before.replace("bob,\r\n", "bob,6\r\n") + "\r\ny,bob,4\r\n"
    assert done.n_filled == 2


def test_a_long_table_without_a_header_has_to_be_called_one(tmp_path: Path) -> None:
    data = "1,1,1\n1,2,2\n2,1,2\n2,2,\n"
    assert complete(tmp_path, data, layout="long")[0] == "1,1,1\n1,2,2\n2,1,2\n2,2,4\n"
    assert complete(tmp_path, data)[1].layout == "wide"
    assert complete(tmp_path, "user,item,rating\n1,2,3\n2,4,\n", layout="wide")[1].layout == "wide"


@pytest.mark.parametrize(
    ("header", "long"),
    [
        ("user_id,movieId,rating", True),
        ("Item,User,Score", True),
        ("row,column,value", True),
        ("name,exam,score", False),
        ("user,item,time", False),
        ("user,item,rating,time", True),
        ("time,item_id,uid,note,stars", True),
    ],
)
def test_long_tables_are_known_by_their_header(header: str, long: bool) -> None:
    assert looks_long(Text.decoded(header.encode())) is long


@pytest.mark.parametrize(
    ("data", "how", "error", "said"),
    [
        (
            "1,2\n3\n4,5,6\n7,8\n",
            {},
            BadRowsError,
            "2 of 4 records do not have the number of fields of line 1, which "
            "has 2: line 2 has 1, line 3 has 3; fix them",
        ),
        ("\n\n" + "1,2\n" * 8 + "3\n" * 7, {}, BadRowsError, r"7 of 15 records .* line 3, .*line 15 has 1 and 2 more"),
        ('a,"two\nlines"\n1,2\n3\n', {}, BadRowsError, "of line 1, which has 2: line 4 has 1; fix"),
        ('1,2\n"3,4\n', {}, BadRowsError, "the quotes in line 2 do not match"),
        ('1,2\n3,4"5\n', {}, BadRowsError, "the quotes in line 2 do not match"),
        (
            "a,b\n1,2\n3,x\ny,4\n",
            {"row_ids": False},
            BadRowsError,
            "2 fields are no finite numbers: line 3, column 'b': 'x'; line 4, column 'a': 'y'; fix them, or name",
        ),
        (
            "1,inf\n-inf,2\n",
            {"row_ids": False, "header": False},
            BadRowsError,
            "line 1, column '2': 'inf'; line 2, .*'-inf'",
        ),
        ("1,1e999\n1,2\n", {}, BadRowsError, "line 1, column '2': '1e999'"),
        ("1,1_000\n1,2\n", {"header": False}, BadRowsError, "'1_000'"),
        ("a,b\n", {}, DataError, "no cells besides its header and ids; there is nothing to complete"),
        ("x\ny\n", {"row_ids": True}, DataError, "no cells besides its header and ids"),
        ("", {}, DataError, "is empty; there is nothing to read"),
        (",\n,\n", {}, DataError, "no cell of the 2×1 table is known"),
        ("1,2\n", {"all_pairs": True}, SettingsError, "a wide table has all pairs already"),
        ("1,2\n", {"layout": "long"}, DataError, r"a long table has three columns .*, and this one has 2"),
        ("u,i,v\n", {"layout": "long"}, DataError, "no cells besides its header"),
        ("u,i,v\na,b,1\n", {"layout": "long", "row_ids": False}, SettingsError, "a long table names its rows"),
        (
            "u,i,v\na,b,1\n\nc,b,1\n a ,b,2\n",
            {"layout": "long"},
            DuplicateError,
            r"the pair \('a', 'b'\) is in line 2 and again in line 5; keep one",
        ),
        ("u,i,v\na,b,good\n", {"layout": "long"}, BadRowsError, "line 2, column 'v': 'good'"),
    ],
)
def test_files_that_cannot_be_completed(data: str, how: Any, error: type[Exception], said: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=said):
        complete(tmp_path, data, **how)
    assert not (tmp_path / "out").exists()


def test_a_log_too_large_for_a_table(tmp_path: Path) -> None:
    lines = "".join(f"u{i},i{i},1\n" for i in range(8000))
    with pytest.raises(DataError, match=r"8,000 rows × 8,000 columns are too many .* train a model on the log instead"):
        complete(tmp_path, "user,item,rating\n" + lines)


def test_a_file_may_be_completed_in_place_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("1,2\n2,\n")
    complete_file(file, file, MatrixCompletion(1, regularization=0, bias=False))
    assert file.read_text() == "1,2\n2,4\n"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_failure_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("1,2\n2\n")
    with pytest.raises(BadRowsError):
        complete_file(file, file, MatrixCompletion())
    assert file.read_text() == "1,2\n2\n"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_write_that_fails_leaves_the_target_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    (tmp_path / "table.csv").write_text("1,2\n2,\n")
    (tmp_path / "out.csv").write_text("as it was")
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="is not written: no space is left on the disk"):
        complete_file(tmp_path / "table.csv", tmp_path / "out.csv", MatrixCompletion(1), force=True)
    assert (tmp_path / "out.csv").read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "table.csv"]


def test_compressed_tables_are_read(tmp_path: Path) -> None:
    assert complete(tmp_path, gzip.compress(b"1,2\n2,\n"))[0] == "1,2\n2,4\n"
    with pytest.raises(DataError, match="cannot be read"):
        complete_file(tmp_path / "none.csv", tmp_path / "out.csv", MatrixCompletion())


def test_digits(tmp_path: Path) -> None:
    data = "3,1\n1,\n"
    assert complete(tmp_path, data)[0] == "3,1\n1,0.333333\n"
    assert complete(tmp_path, data, digits=2)[0] == "3,1\n1,0.33\n"
    with pytest.raises(SettingsError, match="digits must be from 1 to 17, got 0"):
        complete(tmp_path, data, digits=0)


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(FIELD, min_size=n, max_size=n), min_size=1, max_size=5)),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_text_is_put_together_again(rows: list[list[str]], end: str, quoting: Any) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end, quoting=quoting).writerows(rows)
    data = buffer.getvalue().encode()
    try:
        text = Text.decoded(data)
    except DataError:  # nothing but blanks, or another separator seemed to fit better
        return
    assert text.encoded() == data


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_numbers_filled_in_are_the_estimators(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(6, 4))
    table[rng.random(table.shape) < 0.3] = np.nan
    if np.isnan(table).all():
        return
    folder = tmp_path_factory.mktemp("filled")
    (folder / "in.csv").write_text(
        "".join(",".join("" if v != v else repr(float(v)) for v in row) + "\n" for row in table)
    )
    how = Reading(header=False, row_ids=False)
    complete_file(
        folder / "in.csv", folder / "out.csv", MatrixCompletion(2, regularization=0.1), reading=how, digits=17
    )
    filled = np.loadtxt(folder / "out.csv", delimiter=",")
    np.testing.assert_array_equal(filled, MatrixCompletion(2, regularization=0.1).fit_transform(table))
