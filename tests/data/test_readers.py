"""Reading logs: every format gives the same log, and nothing bad goes by in silence."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fillrank.data import Interactions, read, scan
from fillrank.errors import BadRowsError, DataError, DuplicateError, SettingsError

FRAME = pl.DataFrame(
    {
        "title": ["Heat", "Alien", "Heat", None],
        "movieId": [6, 1214, 6, 31],
        "rating": [5.0, 0.0, 3.5, 4.0],
        "userId": ["ann", "ann", "bob", "Zoë"],
        "timestamp": [1_260_759_144, 1_260_759_179, 1_260_759_182, 1_260_759_185],
    }
)
EXPECTED = [
    ("Zoë", 31, 4.0, 1_260_759_185),
    ("ann", 6, 5.0, 1_260_759_144),
    ("ann", 1214, 0.0, 1_260_759_179),
    ("bob", 6, 3.5, 1_260_759_182),
]
WRITERS: dict[str, Callable[[Path], object]] = {
    "csv": FRAME.write_csv,
    "tsv": lambda path: FRAME.write_csv(path, separator="\t"),
    "parquet": FRAME.write_parquet,
    "arrow": FRAME.write_ipc,
    "feather": lambda path: FRAME.write_ipc(path, compression="zstd"),
    "jsonl": FRAME.write_ndjson,
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def zstd(data: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="makes Arrow tables")
    return bytes(pyarrow.compress(data, codec="zstd", asbytes=True))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_log(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"log.{form}"
    WRITERS[form](path)
    log = read(path, relevant_from=4)
    assert log.to_frame().rows() == EXPECTED
    assert [log.item_ids.label(place) for place in range(3)] == ["Heat", "31", "Alien"]
    assert (log.name, log.relevant_from, len(log.relevant())) == ("log", 4, 2)


@pytest.mark.parametrize("form", ["parquet", "arrow", "jsonl", "csv"])
def test_a_file_without_an_ending_is_told_by_what_it_holds(tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path / "log")
    assert read(tmp_path / "log").to_frame().rows() == EXPECTED


@pytest.mark.parametrize("ending", [*PACKERS, "zst"])
def test_compressed_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log.csv.{ending}"
    path.write_bytes(PACKERS.get(ending, zstd)(FRAME.write_csv().encode()))
    assert read(path).to_frame().rows() == EXPECTED


def test_lines_are_true_in_zstd_text_with_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.zst"
    path.write_bytes(zstd(b"user,item,value\n\n1,1,1\n1,2,x\n"))
    assert scan(path, on_bad="skip").bad_lines == (4,)


def test_arrow_streams(tmp_path: Path) -> None:
    FRAME.write_ipc_stream(tmp_path / "log.arrow")
    assert read(tmp_path / "log.arrow").to_frame().rows() == EXPECTED


def test_movielens_dat_in_latin_1(tmp_path: Path) -> None:
    path = write(tmp_path / "ratings.dat", "1::Amélie::5::978300760\n2::Heat::3::978302109\n", "latin-1")
    assert read(path).to_frame().rows() == [(1, "Amélie", 5.0, 978_300_760), (2, "Heat", 3.0, 978_302_109)]


@pytest.mark.parametrize("separator", ["\t", "  "], ids=repr)
@pytest.mark.parametrize(
    ("name", "options"),
    [("u.data", {}), ("u1.base", {}), ("log", {"format": "ml-100k"}), ("log.txt", {"user": 0, "item": 1, "value": 2})],
)
def test_columns_between_blanks_without_a_header(
    tmp_path: Path, name: str, options: dict[str, object], separator: str
) -> None:
    rows = ["196 242 3 881250949", "186 302 4 891717742"]
    path = write(tmp_path / name, "\n".join(rows).replace(" ", separator))
    frame = read(path, **options).to_frame()  # type: ignore[arg-type]
    assert frame.select("user_id", "item_id", "value").rows() == [(186, 302, 4.0), (196, 242, 3.0)]


@pytest.mark.parametrize("options", [{}, {"format": "lightgcn"}])
def test_lightgcn_text(tmp_path: Path, options: dict[str, str]) -> None:
    path = write(tmp_path / "train.txt", "0 5 7 9\n1 5\n2\n")
    log = read(path, **options)
    assert log.to_frame().rows() == [(0, 5), (0, 7), (0, 9), (1, 5)]
    assert log.values is None


def test_other_separators_are_told_from_the_first_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "user;item;value\nann;Alien, 1979;4\n")
    assert read(path).to_frame().rows() == [("ann", "Alien, 1979", 4.0)]
    path = write(tmp_path / "log.txt", "user^item\na^b\n")
    with pytest.raises(DataError, match=r"holds none of the usual separators; name it: separator=…"):
        read(path)
    assert read(path, separator="^").to_frame().rows() == [("a", "b")]


def test_the_natural_call(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "when,what,stars,who\n5,Heat,1,ann\n9,Heat,2,ann\n7,Heat,3,ann\n1,Heat,4,bob\n")
    log = read(path, user="who", item="what", value="stars", time="when", duplicates="last", relevant_from=4)
    assert log.to_frame().rows() == [("ann", "Heat", 2.0, 9), ("bob", "Heat", 4.0, 1)]


@pytest.mark.parametrize("shape", ["folder", "pattern"])
def test_parts_make_one_log_whatever_the_order_of_their_columns(tmp_path: Path, shape: str) -> None:
    FRAME[:2].write_csv(tmp_path / "part-0.csv")
    gzipped = FRAME[2:].select(reversed(FRAME.columns)).write_csv().encode()
    (tmp_path / "part-1.csv.gz").write_bytes(gzip.compress(gzipped, mtime=0))
    write(tmp_path / "_SUCCESS", "")
    write(tmp_path / "README.md", "not a part")
    assert read(tmp_path if shape == "folder" else tmp_path / "part-*").to_frame().rows() == EXPECTED


def test_ids_are_of_one_kind_over_all_parts(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "user,item\n1,1\n2,1\n")
    write(tmp_path / "b.csv", "user,item\nx,1\n")
    assert read(tmp_path).user_ids.ids.to_list() == ["1", "2", "x"]


def test_a_first_line_that_may_be_a_header_or_not(tmp_path: Path) -> None:
    """Columns by place and no number in the first line: neither reading may be taken in silence."""
    path = write(tmp_path / "log.csv", "ann,Heat\nbob,Alien\n")
    with pytest.raises(
        DataError, match=r"does the first line, ann, Heat, name the columns\? Say header=True or header=False"
    ):
        read(path, user=0, item=1)
    assert read(path, user=0, item=1, header=False).to_frame().rows() == [("ann", "Heat"), ("bob", "Alien")]
    assert read(path, user=0, item=1, header=True).to_frame().rows() == [("bob", "Alien")]
    assert len(read(write(path, "user,what\nann,Heat\n"), user=0, item=1)) == 1


def test_bad_rows_of_parts_are_named_with_their_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "user,item,value\n1,1,x\n")
    write(tmp_path / "b.csv", "user,item,value\n1,2,3\n1,3,\n")
    with pytest.raises(BadRowsError, match=r"2 of 3 rows .*: a.csv line 2: value 'x' .*; b.csv line 3: no value\."):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("user,item\n01,1\n1,1\n", ["01", "1"]),
        ("user,item\n1,1\n-2,1\n0,1\n", [-2, 0, 1]),
        ("user,item\n9223372036854775807,1\n", [2**63 - 1]),
        ("user,item\n9223372036854775808,1\n5,1\n", ["5", "9223372036854775808"]),
        ("user,item\n1.0,1\n2,1\n", ["1.0", "2"]),
        ("user,item\n00000000-0000-0000-0000-00000000000a,1\n", ["00000000-0000-0000-0000-00000000000a"]),
    ],
)
def test_ids_in_text_are_whole_numbers_only_if_all_are_written_so(
    tmp_path: Path, text: str, ids: list[int] | list[str]
) -> None:
    assert read(write(tmp_path / "log.csv", text)).user_ids.ids.to_list() == ids


def test_string_ids_of_a_typed_format_stay_strings(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["1", "2"], "item": [1, 2]}).write_parquet(tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet").user_ids.ids.to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("last", 2.0), ("first", 1.0), ("mean", 2.0), ("sum", 6.0)],
)
@pytest.mark.parametrize("timed", [True, False])
def test_duplicates(tmp_path: Path, policy: str, expected: float, timed: bool) -> None:
    """Rows in the file stand in the order 1, 3, 2; by time they are 1, 2, 3 or 3, 1, 2 …"""
    rows = ["1,a,1,100", "1,a,3,200", "1,b,9,0", "1,a,2,300"]
    path = write(tmp_path / "log.csv", "\n".join(["user,item,value,time", *rows]))
    result = scan(path, duplicates=policy, time=None if timed else False)
    assert result.interactions.to_frame()["value"].to_list() == [expected, 9.0]
    assert (result.n_rows, result.n_duplicates) == (4, 2)
    if timed and policy != "first":
        assert result.interactions.times.tolist() == [300, 0]  # type: ignore[union-attr]


def test_last_and_first_go_by_time_where_there_are_times(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "user,item,value,time\n1,a,1,300\n1,a,2,100\n1,a,3,200\n")
    assert read(path, duplicates="last").values.tolist() == [1.0]  # type: ignore[union-attr]
    assert read(path, duplicates="first").values.tolist() == [2.0]  # type: ignore[union-attr]
    assert read(path, duplicates="last", time=False).values.tolist() == [3.0]  # type: ignore[union-attr]


def test_the_sum_of_a_log_without_values_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "plays.csv", "user,song\nann,a\nann,b\nann,a\n")
    assert read(path, duplicates="sum").to_frame().rows() == [("ann", "a", 2.0), ("ann", "b", 1.0)]
    assert read(path, duplicates="mean").to_frame().rows() == [("ann", "a"), ("ann", "b")]


def test_duplicates_are_an_error_unless_a_policy_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "user,item\n1,a\n1,a\n")
    with pytest.raises(DuplicateError, match="say duplicates='last', 'first', 'mean' or 'sum' when reading"):
        read(path)


BAD = """value,item,user,note
5,a,u1,
x,b,u1,
nan,c,u1,

inf,d,u1,
4,,u1,
4,e,"  ",
1e39,f,u1,
3,g,u1
3,h,u1,,x
2,"i
2",u2,ok
,j,u1,
1,k,u2,
"""


def test_bad_rows_of_every_kind_are_named_by_their_true_lines(tmp_path: Path) -> None:
    result = scan(write(tmp_path / "log.csv", BAD), on_bad="skip")
    assert result.bad.select("line", "reason").rows() == [
        (3, "value 'x' is not a finite number"),
        (4, "no value: 'nan' stands for a missing one"),
        (6, "value 'inf' is not a finite number"),
        (7, "no item"),
        (8, "no user"),
        (9, "value '1e39' is not a finite number"),
        (10, "not 4 fields, as in the first line"),
        (11, "not 4 fields, as in the first line"),
        (14, "no value"),
    ]
    assert result.interactions.to_frame().rows() == [("u1", "a", 5.0), ("u2", "i\n2", 2.0), ("u2", "k", 1.0)]
    assert str(result) == "12 rows read, 9 bad ones left out, 0 merged with another row of their pair"


def test_bad_rows_are_an_error_that_names_the_first_lines_and_the_count(tmp_path: Path) -> None:
    words = (
        r"9 of 12 rows of .*log.csv cannot be read: line 3: value 'x' .*; line 8: no user; …. Correct them, or .*'skip'"
    )
    with pytest.raises(BadRowsError, match=words):
        read(write(tmp_path / "log.csv", BAD))


def test_rows_that_are_skipped_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        read(write(tmp_path / "log.csv", BAD), on_bad="skip")
    assert len(caplog.records) == 1
    assert "left out 9 of 12 rows that cannot be read: line 3" in caplog.text


def test_skipping_everything_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "user,item,value\n1,1,good\n2,2,bad\n")
    with pytest.raises(BadRowsError, match=r"none of the 2 rows .* Are the columns the right ones"):
        read(path, on_bad="skip")


def test_one_per_cent_of_damaged_rows_among_string_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    n = 5_000
    cells = rng.choice(200 * 300, size=n, replace=False)
    lines = [f"{3 + i % 3},tt{cell % 300:04d},{1_000_000 + i},u-{cell // 300}" for i, cell in enumerate(cells)]
    damages = [",,,", "??", 'x"y,1,2', "NaN,tt0001,1000000,u-1", "3,tt0001,never,u-1", "3,tt0001,,,,", '"3,tt,5,u']
    places = np.sort(rng.choice(n, size=n // 100, replace=False))
    for turn, place in enumerate(places):
        lines[place] = damages[turn % len(damages)]
    result = scan(write(tmp_path / "log.csv", "\n".join(["stars,item,ts,who", *lines])), user="who", on_bad="skip")
    assert result.bad_lines == tuple((places + 2).tolist())
    assert (result.n_rows, result.n_bad, len(result.interactions)) == (n, n // 100, n - n // 100)
    good = {(f"u-{cell // 300}", f"tt{cell % 300:04d}") for cell in np.delete(cells, places)}
    assert set(result.interactions.to_frame().select("user_id", "item_id").rows()) == good


def test_json_lines_that_are_no_objects(tmp_path: Path) -> None:
    lines = [
        '{"user": 1, "item": "a", "value": 3}',
        "",
        '{"user": 1,',
        "5",
        '{"user": 2, "value": NaN}',
        '{"item": "c"}',
    ]
    result = scan(write(tmp_path / "log.jsonl", "\n".join(lines)), on_bad="skip")
    assert result.bad.select("line", "reason").rows() == [
        (3, "not a JSON object"),
        (4, "not a JSON object"),
        (5, "not a JSON object"),
        (6, "no user"),
    ]
    assert result.interactions.to_frame().rows() == [(1, "a", 3.0)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("log.csv", b"", "log.csv is empty; there is nothing to read"),
        ("log.csv", b" \n\n", "log.csv is empty"),
        ("log.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("log.csv", b"user,item,rating\n", "holds no rows below its header"),
        ("log.csv", b"a,b\n1,2\n", "no column is recognised as the user or the item; .* the columns are 'a', 'b'"),
        ("log.csv", b"ann,5\nbob,7\n", "the columns are 'column 0', 'column 1'"),
        (
            "log.csv.gz",
            gzip.compress(b"user,item\n1,2\n" * 99, mtime=0)[:-9],
            "log.csv.gz cannot be read: .*; if it is torn, get",
        ),
        ("log.csv.xz", lzma.compress(b"user,item\n1,2\n" * 99)[:-9], "cannot be read"),
        ("log.parquet", b"PAR1" + bytes(40), "log.parquet is torn, or not in the format that was expected"),
        ("log.parquet", b"user,item\n1,2\n", "is torn, or not in the format"),
        ("log.arrow", b"ARROW1" + bytes(40), "is torn, or not in the format"),
        ("log.zip", b"PK\x03\x04...", "is a zip archive that cannot be read"),
        ("log.jsonl", b"user,item\n1,2\n", "log.jsonl: none of its 2 lines is a JSON object"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_a_torn_zstd_or_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv.zst").write_bytes(zstd(b"user,item\n1,2\n" * 99)[:-9])
    FRAME.write_parquet(tmp_path / "log.parquet")
    whole = (tmp_path / "log.parquet").read_bytes()
    (tmp_path / "log.parquet").write_bytes(whole[: len(whole) // 2])
    for name in ("log.csv.zst", "log.parquet"):
        with pytest.raises(DataError, match="torn"):
            read(tmp_path / name)


def test_places_without_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file '.*absent.csv', and no file fits it as a pattern"):
        read(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"the folder .* holds no files to read"):
        read(tmp_path)


def test_parts_that_do_not_fit_together(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "user,item\n1,1\n")
    write(tmp_path / "b.csv", "user,item,value\n1,1,5\n")
    with pytest.raises(DataError, match=r"the 2 parts of .* do not have the same columns"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_bat": "skip"}, "there is no option 'on_bat', did you mean 'on_bad'"),
        ({"tab": 1}, "there is no option 'tab'; known: "),
        ({"duplicates": "max"}, "duplicates must be 'error', 'last', 'first', 'mean', 'sum' or None, got 'max'"),
        ({"on_bad": "ignore"}, "on_bad must be 'raise' or 'skip', got 'ignore'"),
        ({"format": "xls"}, "format must be one of 'csv', .*, got 'xls'"),
        ({"separator": ""}, "separator is empty"),
        ({"separator": ",", "format": "parquet"}, "separator=',' has no meaning for format='parquet'"),
    ],
)
def test_options_that_do_not_exist(tmp_path: Path, options: dict[str, object], words: str) -> None:
    path = write(tmp_path / "log.csv", "user,item\n1,1\n")
    with pytest.raises(SettingsError, match=words):
        read(path, **options)  # type: ignore[arg-type]
    if "on_bat" in options or "format" in options or "separator" in options:
        return
    with pytest.raises(SettingsError, match=words.partition(", format")[0]):
        Interactions.from_frame(FRAME, **options)  # type: ignore[arg-type]
