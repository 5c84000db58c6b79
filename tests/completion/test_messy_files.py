"""Files as people have them: what is missing, what is a number, what is a name, and nothing told wrong in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fillrank.cli.app import app
from fillrank.completion import MatrixCompletion
from fillrank.completion.files import CompletedFile, complete_file
from fillrank.completion.numbers import Notation
from fillrank.completion.reading import Reading
from fillrank.errors import BadRowsError, DataError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast


def complete(tmp_path: Path, data: str, **how: Any) -> tuple[str, CompletedFile]:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(data.encode())
    estimator = MatrixCompletion(1, regularization=0, bias=False)
    done = complete_file(source, target, estimator, reading=Reading(**how), force=True)
    return target.read_bytes().decode(), done


@pytest.mark.parametrize("code", ["99", "0", "-1", "-999"])
@pytest.mark.parametrize("written", ["{}", "{}.0", "{}.00", '"{}"', " {} "])
def test_a_number_that_was_named_as_missing_is_missing(code: str, written: str, tmp_path: Path) -> None:
    before = "a,b\n1,2\n2,HOLE\n3,6\n"
    after, done = complete(tmp_path, before.replace("HOLE", written.format(code)), missing=(code,))
    assert (after, done.n_filled, done.n_known) == (before.replace("HOLE", "4"), 1, 5)
    long = "user,item,rating\n99,0,1\n99,-1,2\n0,0,2\n0,-1,HOLE\n"  # ids are no values
    after, done = complete(tmp_path, long.replace("HOLE", written.format(code)), missing=("7", code, "x"))
    assert (after, done.n_filled, done.n_rows, done.n_columns) == (long.replace("HOLE", "4"), 1, 2, 2)


def test_codes_leave_headers_and_ids_alone(tmp_path: Path) -> None:
    before = "id,0,1,2\n0,0,2,3\n1,1,0,6\n"
    after, done = complete(tmp_path, before, missing=("0",))
    assert (done.header, done.row_ids, done.n_filled) == (True, True, 2)
    assert after.splitlines()[0] == "id,0,1,2"
    assert [line.split(",")[0] for line in after.splitlines()] == ["id", "0", "1"]


def test_the_command_takes_several_codes(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("a,b\n1,2\n2,-1\n99,?\n3,6\n4,8\n")
    how = ["--rank", "1", "--missing", "99", "--missing", "-1", "--missing", "?", "--json"]
    result = CliRunner().invoke(app, ["complete", str(source), "-o", str(target), *how])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n_filled"] == 3
    assert target.read_text().startswith("a,b\n1,2\n2,")


@pytest.mark.parametrize("word", ["?", "4,5", "inf", "x", "12 %", "<0.1", "1e999", "--"])
def test_one_odd_word_makes_no_column_of_names(word: str, tmp_path: Path) -> None:
    with pytest.raises(BadRowsError, match=r"1 field is no finite number: line 3, column 'a': "):
        complete(tmp_path, f"a;b\n5;1\n{word};2\n;3\n4;2\n")
    with pytest.raises(DataError, match=r"line 1, column '2': "):  # nor a header of a line of numbers
        complete(tmp_path, f"1;{word};3\n4;5;6\n7;8;9\n")


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (["Heat", "1984", "Alien"], True),
        (["2020-01-01", "2020-01-02", "2020-01-03"], True),
        (["01.02.2020", "02.02.2020", "03.02.2020"], True),
        (["A1", "A2", ""], True),
        (["1", "", "2"], False),
    ],
)
def test_a_column_of_names_is_ids(column: list[str], ids: bool, tmp_path: Path) -> None:
    data = "x,a,b\n" + "".join(f"{name},{value},{2 * value}\n" for name, value in zip(column, (1, 2, 3), strict=True))
    assert complete(tmp_path, data)[1].row_ids is ids


@pytest.mark.parametrize(
    "name", ["user_id", "uid", "customer_id", "movieId", "item_id", "student_id", "ISBN", "", "Unnamed: 0", "id", "row"]
)
def test_ids_by_many_names(name: str, tmp_path: Path) -> None:
    after, done = complete(tmp_path, f"{name},a,b\n101,1,2\n102,,4\n103,3,6\n")
    assert (done.row_ids, after) == (True, f"{name},a,b\n101,1,2\n102,2,4\n103,3,6\n")


@pytest.mark.parametrize("name", ["humid", "acid", "grid", "price", "rating"])
def test_measurements_are_no_ids(name: str, tmp_path: Path) -> None:
    assert complete(tmp_path, f"{name},a\n2,4\n7,\n1,2\n")[1].row_ids is False


def test_what_may_have_been_meant_otherwise_is_said(tmp_path: Path) -> None:
    _, done = complete(tmp_path, "plot,a\n1,2\n2,\n3,6\n")
    assert done.notes == (
        "column 'plot' counts from 1 to 3 and is read as values like the others; if it numbers the rows: --row-ids",
    )
    _, done = complete(tmp_path, "year,a,b\n2001,2,4\n2002,3,\n2003,1,2\n")
    assert done.row_ids
    assert done.notes == (
        "column 'year' is read as the times of the rows, not as values; if it has values: --no-row-ids",
    )
    assert complete(tmp_path, "time,a\n10.5,21\n11,\n,24\n")[1].row_ids is False  # it has a hole: it is measured
    assert complete(tmp_path, "plot,a\n1,2\n2,\n3,6\n", row_ids=True)[1].notes == ()


def test_a_word_for_missing_that_no_cell_holds_is_said(tmp_path: Path) -> None:
    assert complete(tmp_path, "a,b\n4,2\n2,\n3,6\n", missing=("99", "?", "6.0"))[1].notes == (
        "no cell holds '99' or '?' (--missing)",
    )
    long = "user,item,rating\n99,0,1\n99,-1,2\n0,0,2\n0,-1,\n"
    assert complete(tmp_path, long, missing=("99",))[1].notes == ("no cell holds '99' (--missing)",)


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        ("wer;a;b\nann;1,5;3,0\nbob;2,5;\n", "wer;a;b\nann;1,5;3,0\nbob;2,5;5\n", {"notation": Notation(",")}),
        ("a;b\n2;1\n1;\n", "a;b\n2;1\n1;0,5\n", {"notation": Notation(",")}),
        ('a,b\n"2",1\n1,\n', 'a,b\n"2",1\n1,"0,5"\n', {"notation": Notation(",")}),
        (
            'a,b\n"1,200","2,400"\n"2,000",\n',
            'a,b\n"1,200","2,400"\n"2,000",4000\n',
            {"notation": Notation(thousands=",")},
        ),
        (
            "a;b\n1\u00a0200;2 400\n1 000;\n",
            "a;b\n1\u00a0200;2 400\n1 000;2000\n",
            {"notation": Notation(thousands=" ")},
        ),
        ("a,b\n12%,24%\n20 %,\n", "a,b\n12%,24%\n20 %,40%\n", {"notation": Notation(unit="%")}),
        ("a,b\n1000000,2000000\n2000000,\n", "a,b\n1000000,2000000\n2000000,4000000\n", {}),
        ("who,city,a,b\nann,Rome,1,2\nbob,,2,\n", "who,city,a,b\nann,Rome,1,2\nbob,,2,4\n", {"ignore": ("city",)}),
        ("who,x,a,b\nann,u,1,2\nbob,v,2,\n", "who,x,a,b\nann,u,1,2\nbob,v,2,4\n", {"ignore": ("2",)}),
        ("a;b;\n1;2;\n2;;\n", "a;b;\n1;2;\n2;4;\n", {}),
        ("1;2;\n2;;\n", "1;2;\n2;4;\n", {}),
        ("sep=;\r\na;b\r\n1;2\r\n2;\r\n", "sep=;\r\na;b\r\n1;2\r\n2;4\r\n", {}),
        ("# made by hand\n# twice; or so\na,b\n1,2\n2,\n", "# made by hand\n# twice; or so\na,b\n1,2\n2,4\n", {}),
        ("Table 1. Heights\n\na,b\n1,2\n2,\n", "Table 1. Heights\n\na,b\n1,2\n2,4\n", {}),
        ("height,weight\n(m),(kg)\n1,2\n2,\n", "height,weight\n(m),(kg)\n1,2\n2,4\n", {}),
        ('"a","b"\n"ann",1,2\n"bob",2,NA\n', '"a","b"\n"ann",1,2\n"bob",2,4\n', {}),
        ("country,2019,2020\nfr,1,2\nde,2,\n", "country,2019,2020\nfr,1,2\nde,2,4\n", {}),
        ("age,<18,18-65,>65\nx,1,2,3\ny,2,,6\n", "age,<18,18-65,>65\nx,1,2,3\ny,2,4,6\n", {}),
        ('"x, y";b\n1;2\n2;\n', '"x, y";b\n1;2\n2;4\n', {}),
        ("who;Alien, 1979;Heat\nann;1;2\nbob;2;\n", "who;Alien, 1979;Heat\nann;1;2\nbob;2;4\n", {}),
        ("a:b\n1:2\n2:\n", "a:b\n1:2\n2:4\n", {"separator": ":"}),
        ("a,b\n1,#N/A\n2,4\n", "a,b\n1,2\n2,4\n", {}),
        ("who,a,a\nann,1,2\nann,2,\n", "who,a,a\nann,1,2\nann,2,4\n", {}),
        (
            "stars,when,uid,item_id\n1,9,7,x\n2,9,7,y\n2,9,8,x\n",
            "stars,when,uid,item_id\n1,9,7,x\n2,9,7,y\n2,9,8,x\n4,,8,y\n",
            {"all_pairs": True},
        ),
    ],
)
def test_holes_alone_change(before: str, after: str, how: Any, tmp_path: Path) -> None:
    written, done = complete(tmp_path, before, **how)
    assert written == after
    assert done.n_filled == 1


@pytest.mark.parametrize(
    ("data", "how", "said"),
    [
        ("wer;a\nann;1,5\nbob;2\n", {}, "line 2, column 'a': '1,5'; --decimal , for a decimal comma"),
        ("wer;a\nann;1,500\nbob;2\n", {}, "'1,500'; --decimal , for a decimal comma or --thousands , for 1,234"),
        ("a;b\n4,5;1\n3,5;\n", {}, "2 fields are no finite numbers: line 2, column 'a': '4,5'; line 3.*--decimal ,"),
        ("a,b\n12%,3\n4,\n", {}, "'12%'; --unit % for a sign behind the numbers"),
        ("a,b\n1,k.A.\n2,k.A.\n3,6\n", {}, "'k.A.'; if that means a missing value: --missing=k.A."),
        ("a,b\n1,Inf\n2,4\n", {}, "line 2, column 'b': 'Inf'"),
        ("a,b\nx,1\n2,\n", {}, r"'x'; if that means"),
        (
            "who,city,a\nann,Rome,1\nbob,Paris,\n",
            {},
            r"column 'city': 'Rome'; .* are left as they are with --ignore city$",
        ),
        ("1,missing,3\n4,5,6\n", {}, "line 1, column '2': 'missing' may be the name of a column, or no number; say"),
        ("ann,gone,gone\nbob,5,gone\n", {}, "column '2': 'gone' may be the name of a column, or no number"),
        ("no,1.5,0\nyes,0,\n", {}, "cannot tell whether line 1 is a header of numbers or a row of values"),
        ("a b\n1 2\n2 NA\n", {}, "'a b' contains none of , ; | or a tab; blanks between fields are not read"),
        ("a,b\n1,2\n2,\nSource: me\n", {}, "1 of 4 records .* line 4 has 1; fix them, or name what separates"),
        ("a,b\n1,2\n2,\n3", {}, "1 of 4 records .* line 4 has 1"),
        (
            "who,x\nann,1\n",
            {"ignore": ("y",)},
            r"no column 'y' to leave as it is \(--ignore\); the columns are 'who', 'x'",
        ),
        ("user,item,rating\n1,1,1\n,2,2\n2,,2\n", {}, "line 3, 4: the row or the column has no name"),
        (
            "user,item,note,x\n1,1,1,1\n",
            {"layout": "long"},
            "this one has 4 without names such as user, item and rating",
        ),
    ],
)
def test_what_is_odd_is_named_with_its_place(data: str, how: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        complete(tmp_path, data, **how)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"decimal": ";"}, "decimal must be '.' or ',', got ';'"),
        ({"thousands": "x"}, "thousands must be one of '.', ','.* got 'x'"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','; they cannot be distinguished"),
    ],
)
def test_notations_that_cannot_be(settings: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        Notation(**settings)


@pytest.mark.parametrize("separator", ["", "ab", '"', "\n"])
def test_separators_that_cannot_be(separator: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="separator must be one character, and no quote or line end"):
        complete(tmp_path, "a,b\n1,2\n", separator=separator)


def test_notes_of_the_command_go_to_stderr(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("plot,a\n1,2\n2,\n3,6\n")
    result = CliRunner().invoke(app, ["complete", str(source), "-o", str(tmp_path / "out.csv"), "--json"])
    assert "if it numbers the rows: --row-ids" in result.stderr
    assert json.loads(result.stdout)["notes"]
