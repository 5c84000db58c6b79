"""What is read, and what each odd input becomes: a test for each line of the tables in docs/reference/reading.md."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import socket
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fillrank.data import scan
from fillrank.errors import DataError

DOC = Path(__file__).parents[2] / "docs" / "reference" / "reading.md"
ROWS = [("ann", "Heat", 4.5), ("bob", "Alien", 3.0)]
TEXT = "user,item,rating\nann,Heat,4.5\nbob,Alien,3\n"
MOMENT = 1_580_515_200  # 2020-02-01


@dataclass(frozen=True)
class Line:
    """A line of a table: what comes, what it becomes, and the proof.

    Attributes:
        comes, becomes: as the document has them.
        content: bytes or text of the file, or a function that makes what is given to ``scan`` in a folder.
        wanted: rows of the log; a pattern that the error's message holds; or a function of the result that is true.
        name: of the file.
        options: of ``scan``.
    """

    comes: str
    becomes: str
    content: Any
    wanted: Any
    name: str = "log.csv"
    options: dict[str, Any] = field(default_factory=dict)


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return buffer.getvalue()


def frame(write: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> Path:
        table = pl.DataFrame(ROWS, schema=["user", "item", "rating"], orient="row")
        getattr(table, write)(folder / "log")
        return folder / "log"

    return make


def noted(words: str) -> Callable[[Any], bool]:
    return lambda result: any(words in note for note in result.notes) and result.interactions.to_frame().rows() == ROWS


def parts(folder: Path) -> list[Path]:
    for name, row in (("a.csv", "ann,Heat,4.5"), ("b.csv", "bob,Alien,3")):
        (folder / name).write_text(f"user,item,rating\n{row}\n")
    return [folder / "a.csv", folder / "b.csv"]


def as_address(folder: Path) -> str:
    (folder / "my log.csv").write_text(TEXT)
    return (folder / "my log.csv").as_uri()


def as_database(folder: Path) -> str:
    with sqlite3.connect(folder / "log.db") as base:
        base.execute("create table log (user text, item text, rating real)")
        base.executemany("insert into log values (?, ?, ?)", ROWS)
    base.close()
    return f"sqlite:///{folder}/log.db"


def database(folder: Path) -> Path:
    with sqlite3.connect(folder / "shop.db") as base:
        base.execute("create table log (user, item)")
    base.close()
    return folder / "shop.db"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def unix_socket(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket has a limit
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("s")
    finally:
        os.chdir(here)
    return folder / "s"


def array(folder: Path) -> Path:
    np.savez(folder / "log.npz", users=np.arange(3))
    return folder / "log.npz"


def bomb(folder: Path) -> Path:
    with gzip.open(folder / "bomb.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(b"user,item,text\n")
        block = (b"ann,1," + b"a" * 4_000 + b"\n") * 256
        for _ in range(8):
            stream.write(block)
    return folder / "bomb.csv.gz"


def long_line(folder: Path) -> Path:
    with gzip.open(folder / "line.csv.gz", "wb", compresslevel=1) as stream:
        for _ in range(70):
            stream.write(b"a" * (1 << 20))
    return folder / "line.csv.gz"


def at(*times: str) -> str:
    return "user,item,time\n" + "".join(f"u{n},i,{time}\n" for n, time in enumerate(times))


def times(*seconds: int) -> Callable[[Any], bool]:
    return lambda result: result.interactions.times.tolist() == list(seconds)


def labels(*titles: str | None) -> Callable[[Any], bool]:
    def are(result: Any) -> bool:
        found = result.interactions.item_ids.labels
        return (found is None) if titles == (None,) else found is not None and found.to_list() == list(titles)

    return are


FILES = [
    Line(
        "CSV, TSV, fields between `;`, `|` or `::`", "inferred from the text", TEXT.replace(",", "::"), ROWS, "log.txt"
    ),
    Line("blanks or tabs as separators, any number of them", "one separator", TEXT.replace(",", " \t "), ROWS, "log"),
    Line("Parquet", "read", frame("write_parquet"), ROWS),
    Line("Arrow, Feather", "read", frame("write_ipc"), ROWS),
    Line("an Arrow stream", "read", frame("write_ipc_stream"), ROWS),
    Line("JSON lines", "read", frame("write_ndjson"), ROWS),
    Line("a JSON array of objects", "one row for each", frame("write_json"), ROWS),
    Line(
        "objects within objects, in JSON",
        "columns `outer.inner`",
        '{"user": {"id": 1}, "product": {"id": "a", "sku": "x"}}\n',
        [(1, "a")],
        "log.jsonl",
        {"user": "user.id", "item": "product.id"},
    ),
    Line(
        "MatrixMarket, in coordinates",
        "rows are users and columns items, from 1",
        "%%MatrixMarket matrix coordinate real general\n% made by hand\n2 3 2\n1 3 4.5\n2 1 3\n",
        [(1, 3, 4.5), (2, 1, 3.0)],
        "log.mtx",
    ),
    Line(
        "a MatrixMarket file with fewer entries than it says",
        "an error",
        "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 3 4.5\n",
        "says that it holds 2 entries and holds 1",
        "log.mtx",
    ),
    Line(
        "an entry outside of the matrix",
        "a bad row",
        "%%MatrixMarket matrix coordinate real general\n2 3 1\n9 3 4.5\n",
        "line 3: no entry of the matrix",
        "log.mtx",
    ),
    Line(
        'JSON by columns (`{"user": […], …}`), or an array within an object',
        "one row for each",
        '{"data": [{"user": "ann", "item": "Heat", "rating": 4.5}, {"user": "bob", "item": "Alien", "rating": 3}]}',
        ROWS,
        "log.json",
    ),
    Line(
        "lines `user item item …` (LightGCN)",
        "one row for each pair",
        "0 5 7\n1 5\n",
        [(0, 5), (0, 7), (1, 5)],
        "train.txt",
    ),
    Line("gzip", "unpacked", gzip.compress(TEXT.encode()), ROWS, "log.csv.gz"),
    Line("bzip2", "unpacked", bz2.compress(TEXT.encode()), ROWS, "log"),
    Line("xz", "unpacked", lzma.compress(TEXT.encode()), ROWS, "log"),
    Line("a zip archive with one file", "that file", zipped(log__csv=TEXT), ROWS, "log.zip"),
    Line(
        "a zip archive with several",
        "an error that lists them",
        zipped(a__csv=TEXT, b__csv=TEXT),
        "holds 2 files; say which: member=…, or unpack it and give the folder",
        "log.zip",
    ),
    Line("the same with `member=`", "that file", zipped(a__csv=TEXT, b__csv="x"), ROWS, "log.zip", {"member": "a.csv"}),
    Line("a folder of parts, or a pattern", "one log", lambda folder: parts(folder)[0].parent, ROWS),
    Line("a list of paths", "one log", parts, ROWS),
    Line("an open file of text", "read", lambda _: io.StringIO(TEXT), ROWS),
    Line("an open file of bytes", "read", lambda _: io.BytesIO(TEXT.encode()), ROWS),
    Line(
        "an address (`https://…`)",
        "an error: download it first",
        lambda _: "https://example.org/log.csv",
        "is a network address; download it",
    ),
    Line("an address of this machine (`file:///…`)", "that file", as_address, ROWS),
    Line(
        "an address of another (`file://server/…`)",
        "an error",
        lambda _: "file://server/log.csv",
        "is on another machine, 'server'",
    ),
    Line(
        "a database (`sqlite:///…`, `postgresql://…`) with `query=`",
        "the rows of the query, ids as they are",
        as_database,
        ROWS,
        options={"query": "select * from log"},
    ),
    Line("no such file", "an error", lambda folder: folder / "no.csv", "there is no file"),
    Line("an empty file", "an error", "", "is empty"),
    Line("a header and nothing below", "an error", "user,item\n", "holds no rows below its header"),
    Line("bytes", "an error: put them into `io.BytesIO`", lambda _: TEXT.encode(), r"io.BytesIO\(…\)"),
]
ENCODINGS = [
    Line("UTF-8, with or without a byte-order mark", "read", TEXT.encode("utf-8-sig"), ROWS),
    Line("UTF-16 with a mark", "read; `inspect` says so", TEXT.encode("utf-16"), noted("read as utf-16")),
    Line("UTF-16 without a mark", "inferred from its NUL bytes", TEXT.encode("utf-16-le"), noted("read as utf-16-le")),
    Line(
        "no UTF-8 at all (Windows-1252, Latin-1)",
        "Windows-1252, with a warning",
        "user,item,title\nann,1,“Amélie” – €5\n".encode("cp1252"),
        labels("“Amélie” – €5"),
    ),
    Line(
        "no UTF-8, and bytes that Windows-1252 does not have",
        "an error: `encoding=`",
        b"user,item\nann,\x8d\x81\n",
        "neither UTF-8 nor Windows-1252",
    ),
    Line(
        "the same with `encoding=`",
        "read",
        "user,item\nann,千\n".encode("shift_jis"),
        [("ann", "千")],
        options={"encoding": "shift_jis"},
    ),
    Line(
        "UTF-8 with a stray byte in a cell that is used",
        "a bad row that names the byte",
        "user,item,title\nann,1,Amélie\nbob,2,".encode() + b"Caf\xe9\n",
        r"line 3: label 'Caf�' holds the byte 0xe9, which is not UTF-8",
    ),
    Line(
        "UTF-8 with a stray byte in a cell that is not used",
        "read",
        "user,item,rating,note\nann,Heat,4.5,é\nbob,Alien,3,".encode() + b"\xe9\n",
        ROWS,
    ),
    Line(
        "a byte-order mark within the text (files put together)",
        "does not count",
        "\ufeffuser,item,rating\nann,Heat,4.5\n\ufeffuser,item,rating\n\ufeffbob,Alien,3\n",
        ROWS,
    ),
    Line(
        "a NUL character in an id, or half of a surrogate pair",
        "a bad row",
        "user,item\nann,He\0at\nbob,x\n",
        r"line 2: item 'He\\x00at' holds a NUL",
    ),
    Line("lines that end in `\\r\\n`", "read", TEXT.replace("\n", "\r\n"), ROWS),
    Line("lines that end in `\\r` alone", "read", TEXT.replace("\n", "\r"), ROWS),
    Line("no newline at the end", "read", TEXT.rstrip(), ROWS),
]
LAYOUTS = [
    Line("blank lines", "passed over", TEXT.replace("\n", "\n\n"), ROWS),
    Line("a first line `sep=;`", "names the separator", "sep=;\n" + TEXT.replace(",", ";"), ROWS),
    Line(
        "lines of comment (`#`, `%`, `//`) at the top",
        "passed over; `inspect` says how many",
        "# from the shop\n# 2020\n" + TEXT,
        noted("2 lines of comment"),
    ),
    Line("names of columns behind a `#`, as NumPy writes them", "the header", "# " + TEXT, ROWS),
    Line("a line of comment (`#`) among the rows", "passed over", TEXT.replace("bob", "# part two\nbob"), ROWS),
    Line(
        "lines of title above the header",
        "passed over; `inspect` says how many",
        "Ratings of the shop\nspring 2020\n\n" + TEXT,
        noted("2 lines above the header"),
    ),
    Line(
        "the header again among the rows (files put together)",
        "passed over",
        TEXT.replace("bob", "user,item,rating\nbob"),
        noted("1 line of the header again"),
    ),
    Line("a separator at the end of each row", "no field", TEXT.replace("\n", ",\n"), ROWS),
    Line("a separator at the end of some rows", "no field", TEXT.replace("4.5\n", "4.5,\n"), ROWS),
    Line(
        "row names without a name in the header, as R writes them",
        "a column that is not used",
        'user item rating\n"1" "ann" "Heat" 4.5\n"2" "bob" "Alien" 3\n',
        ROWS,
        "log.txt",
    ),
    Line(
        "quotes around fields, and separators or newlines within them",
        "parts of the field",
        'user,item\nann,"Heat, or\n""Fire"""\n',
        [("ann", 'Heat, or\n"Fire"')],
    ),
    Line(
        "blanks between separators and quotes",
        "do not count",
        'user, item, rating\n"ann", "Heat" , 4.5\n"bob" , "Alien",3\n',
        ROWS,
    ),
    Line(
        "a row that begins with `# `, or with `#` below a comment at the top",
        "a comment",
        TEXT.replace("bob", "# cy,Heat,3\nbob"),
        ROWS,
    ),
    Line(
        "lines of title with separators in them",
        "passed over",
        "Report, made in 2020, by X\n" + TEXT,
        noted("1 line above the header"),
    ),
    Line(
        "a quote that is not closed",
        "a bad row, and no other",
        'user,item,rating\n"ann,Heat,1\nbob,Alien,3\n',
        "1 of 2 rows .* line 2: not 3 fields",
    ),
    Line(
        "a row with too few or too many fields",
        "a bad row",
        TEXT + "cy,Heat\n",
        "line 4: not 3 fields, as in the first line",
    ),
    Line(
        "no header, and a number in the first line",
        "columns by place: `user=0, item=1`",
        "ann,7\nbob,8\n",
        [("ann", 7), ("bob", 8)],
        options={"user": 0, "item": 1},
    ),
    Line(
        "no header, and none of it a number",
        "an error: `header=`",
        "ann,Heat\n",
        r"Say header=True or header=False",
        options={"user": 0, "item": 1},
    ),
    Line(
        "more than 10,000 columns",
        "an error",
        ",".join(f"c{n}" for n in range(10_001)) + "\n",
        "has more than 10,000 fields",
    ),
]
COLUMNS = [
    Line(
        "names such as `userId`, `Movie ID`, `ISBN`, `user_id:token`",
        "recognised",
        "User-ID,ISBN,rating:float\nann,Heat,4.5\nbob,Alien,3\n",
        ROWS,
    ),
    Line(
        "a column of numbers whose name ends in “rating”, “score” or “stars”, and no usual one",
        "the ratings; `inspect` says so",
        TEXT.replace("rating", "Book-Rating"),
        noted("'Book-Rating' is taken for the ratings"),
    ),
    Line(
        "two such columns",
        "neither, with a warning",
        "user,item,my_score,your_score\na,1,2,3\n",
        lambda r: r.interactions.values is None and "may hold ratings" in r.notes[0],
    ),
    Line(
        "two columns with a usual name for one thing",
        "an error: name one",
        "user,item,rating,count\na,1,2,3\n",
        "the value may be 'rating' or 'count'",
    ),
    Line(
        "columns that are not used",
        "named by `inspect`",
        "user,item,colour\nann,1,red\n",
        lambda r: r.unused == ("colour",),
    ),
    Line(
        "`title`, where the texts beside one item differ",
        "no title of the item",
        "user,item,title\na,1,Lovely scent\nb,1,Broke\n",
        labels(None),
    ),
    Line(
        "`title` beside the text of a review",
        "no title of the item",
        "user,item,title,text\na,1,Lovely,I like it\n",
        labels(None),
    ),
    Line(
        "`title` otherwise", "the item's title, the first there is", "user,item,title\na,1,\nb,1,Heat\n", labels("Heat")
    ),
]
CELLS = [
    Line(
        "blanks around ids, names and values",
        "do not count",
        "user , item, rating\nann, Heat , 4.5\n bob,Alien, 3\n",
        ROWS,
    ),
    Line("ids that are whole numbers in every row", "whole numbers", "user,item\n 7,1\n8,1\n", [(7, 1), (8, 1)]),
    Line(
        "ids with leading zeros, or beyond 64 bits, in any row",
        "strings, all of them",
        "user,item\n007,1\n8,1\n",
        [("007", 1), ("8", 1)],
    ),
    Line(
        "an empty id, or a word for a missing one (`NULL`, `NaN`, `None`, `\\N`, `#N/A` …)",
        "a bad row",
        "user,item\nann,1\nNULL,2\n",
        r"line 3: no user: 'NULL' stands for a missing one",
    ),
    Line("the same with `missing=False`", "an id", "user,item\nNULL,2\n", [("NULL", 2)], options={"missing": False}),
    Line(
        'another word, with `missing=["?"]`',
        "a bad row",
        "user,item\nann,1\n?,2\n",
        "line 3: no user",
        options={"missing": ["?"]},
    ),
    Line(
        "a value that is no finite number",
        "a bad row",
        "user,item,rating\na,1,inf\n",
        "line 2: value 'inf' is not a finite number",
    ),
    Line("a value `4,5`", "a bad row that names the option", "user;item;rating\na;1;4,5\n", r"decimal=','"),
    Line(
        'the same with `decimal=","`',
        "4.5",
        "user;item;rating\nann;Heat;4,5\nbob;Alien;3\n",
        ROWS,
        options={"decimal": ","},
    ),
    Line(
        "a value `1,234`",
        "a bad row that names the options",
        'user,item,plays\na,1,"1,234"\n',
        r"thousands=… or decimal=','",
    ),
    Line(
        'the same with `thousands=","`',
        "1234",
        'user,item,plays\na,1,"1,234"\n',
        [("a", 1, 1234.0)],
        options={"thousands": ","},
    ),
    Line(
        'bad rows, with `on_bad="skip"`',
        "left out and counted",
        TEXT + "cy,,1\n",
        lambda r: r.bad_lines == (4,) and len(r.interactions) == 2,
        options={"on_bad": "skip"},
    ),
    Line(
        "a pair more than once",
        "an error, or as `duplicates=` says",
        "user,item\na,1\na,1\n",
        r"say duplicates='last', 'first', 'mean' or 'sum'",
    ),
    Line(
        "a column of weights, with `weight=`",
        "what each row counts",
        "user,item,w\na,1,2.5\n",
        lambda r: r.interactions.weights.tolist() == [2.5],
        options={"weight": "w"},
    ),
    Line(
        "a weight below 0, or that is no number",
        "a bad row",
        "user,item,w\na,1,2.5\na,2,-1\na,3,much\n",
        r"2 of 3 rows .* line 3: weight '-1' is not a finite number of 0 or more",
        options={"weight": "w"},
    ),
    Line(
        'types of events, with `event={"view": 1, "buy": 5}`',
        "weights; those of a pair add up",
        "user,item,event\na,1,view\na,1,buy\na,2,view\n",
        lambda r: r.interactions.weights.tolist() == [6, 1],
        options={"event": {"view": 1, "buy": 5}},
    ),
    Line(
        "a pair whose last event weighs 0",
        "a row of weight 0",
        "user,item,event,time\na,1,hide,20\na,1,view,10\na,2,view,10\n",
        lambda r: r.interactions.weights.tolist() == [0, 1],
        options={"event": {"view": 1, "hide": 0}},
    ),
    Line(
        "a type of event that has no weight",
        "an error that names each and counts its rows",
        "user,item,event\na,1,view\na,2,share\nb,1,share\n",
        r"event types without a weight: 'share' \(2 rows\)",
        options={"event": {"view": 1}},
    ),
]
TIMES = [
    Line(
        "seconds, milli-, micro- or nanoseconds since 1970",
        "inferred from the magnitude of most",
        at(f"{MOMENT}000", f"{MOMENT}500"),
        times(MOMENT, MOMENT),
    ),
    Line(
        "a number in another unit than the rest of its column",
        "a bad row",
        at(str(MOMENT), str(MOMENT), f"{MOMENT}000"),
        "line 4: time 1580515200000 is in another unit",
    ),
    Line(
        "`20200201` as a number, among seconds",
        "a bad row",
        at(str(MOMENT), str(MOMENT), "20200201"),
        "line 4: time 20200201 is in another unit",
    ),
    Line(
        "the same with `time_unit=`",
        "in that unit",
        at(str(MOMENT), f"{MOMENT}000"),
        times(MOMENT, MOMENT * 1000),
        options={"time_unit": "s"},
    ),
    Line(
        "ISO 8601, with or without a clock time and a zone",
        "UTC",
        at("2020-02-01", "2020-02-01T01:00:00+01:00", "2020-02-01 00:00:00Z", "20200201T000000Z"),
        times(*[MOMENT] * 4),
    ),
    Line(
        "`20200201`, as a text or a number, where the whole column is so",
        "a date",
        at("20200201", "20200202"),
        times(MOMENT, MOMENT + 86_400),
    ),
    Line("`20200201134500`", "a date and a time", at("20200201000001"), times(MOMENT + 1)),
    Line(
        "`01/02/2020`, `01.02.2020`, `01-02-2020`",
        "a bad row that names the option",
        at("01/02/2020"),
        r"day_first=True or day_first=False",
    ),
    Line(
        "the same with `day_first=True`",
        "the first of February",
        at("01/02/2020", "01.02.2020 00:00"),
        times(MOMENT, MOMENT),
        options={"day_first": True},
    ),
    Line(
        "the same with `day_first=False`",
        "the second of January",
        at("02/01/2020"),
        times(MOMENT),
        options={"day_first": False},
    ),
    Line(
        "a number that is no date in a column of such dates",
        "a bad row",
        at("20200201", "20200231", "20200202"),
        "line 3: time 20200231",
    ),
    Line("a year of two digits", "a bad row", at("1/2/20"), "time '1/2/20' is not a time", options={"day_first": True}),
    Line("anything else", "a bad row", at("soon"), "time 'soon' is not a time"),
]
REFUSED = [
    Line("an SQLite database", "an error", database, "is an SQLite database, and no log"),
    Line("a picture, a sound, a film", "an error", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG picture, and no log"),
    Line("a PDF, Word or LibreOffice document", "an error", b"%PDF-1.7\n%\xe2\xe3", "is a PDF document, and no log"),
    Line(
        "an Excel workbook",
        "an error: save it as CSV",
        zipped(**{"[Content_Types]__xml": "", "xl/workbook__xml": ""}),
        "is an Excel workbook, and no log; save the sheet as CSV",
        "log.xlsx",
    ),
    Line(
        "a pickle, or a file of PyTorch",
        "an error; it is never opened",
        b"\x80\x04\x95\x0b\0\0\0",
        "is a pickle of Python",
    ),
    Line("arrays of NumPy (`.npy`, `.npz`)", "an error that names the way", array, "holds NumPy arrays"),
    Line("HDF5, ORC, Avro, R data, MATLAB …", "an error", b"\x89HDF\r\n\x1a\n\0", "is an HDF5 file, and no log"),
    Line("a tar, 7z or RAR archive", "an error: unpack it", b"7z\xbc\xaf\x27\x1c\0\x04", "is a 7z archive"),
    Line("a web page", "an error", "<!DOCTYPE html>\n<html>", "is a web page, and no log"),
    Line("any other binary file", "an error", bytes(range(256)) * 20, "is a binary file in no format that is known"),
    Line(
        "a torn or damaged file of any format",
        "an error",
        gzip.compress(TEXT.encode() * 99)[:-20],
        "cannot be read: .* if it is torn",
        "log.csv.gz",
    ),
    Line(
        "a file compressed twice",
        "an error",
        gzip.compress(gzip.compress(TEXT.encode())),
        "is a gzip file within a compressed file",
        "log.gz",
    ),
    Line(
        "a file that unpacks to more than 128 MB and 100 times its size",
        "an error: `max_expansion=`",
        bomb,
        "unpacks to more than 100 times its size",
    ),
    Line("a line longer than 64 MB", "an error", long_line, "a line is longer than 64 MB"),
    Line(
        "JSON nested too deep for a log",
        "a bad line",
        '{"user": 1, "item": 2}\n' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "\n",
        "line 2: not a JSON object",
        "log.jsonl",
    ),
    Line("`/proc`, `/sys`, devices", "an error", lambda _: "/dev/null", "is a device"),
    Line("a pipe", "an error", fifo, "is a pipe"),
    Line("a socket", "an error", unix_socket, "is a socket"),
    Line("a folder with no files", "an error", lambda folder: folder, "holds no files to read"),
]
TABLES = {
    "Files and formats": FILES,
    "Encodings and lines": ENCODINGS,
    "Layout of a text": LAYOUTS,
    "Columns": COLUMNS,
    "Ids, values, rows": CELLS,
    "Times": TIMES,
    "What is refused": REFUSED,
}


@pytest.mark.parametrize("line", [pytest.param(one, id=one.comes) for table in TABLES.values() for one in table])
def test_what_an_odd_input_becomes(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if line.content is bomb:
        monkeypatch.setattr("fillrank.data.io.compression.FREE_EXPANSION", 1 << 22)  # sooner, so that the test is fast
    if callable(line.content):
        source = line.content(tmp_path)
    else:
        source = tmp_path / line.name
        source.write_bytes(line.content if isinstance(line.content, bytes) else line.content.encode())
    if isinstance(line.wanted, str):
        with pytest.raises(DataError, match=line.wanted):
            scan(source, **line.options)
        return
    result = scan(source, **line.options)
    if callable(line.wanted):
        assert line.wanted(result), (result.notes, result.interactions.to_frame())
    else:
        assert result.interactions.to_frame().rows() == line.wanted


def documented() -> Iterator[tuple[str, str, str]]:
    section = ""
    for said in DOC.read_text(encoding="utf-8").splitlines():
        if said.startswith("## "):
            section = said.removeprefix("## ")
        elif said.startswith("| ") and not said.startswith(("| What comes", "| ---")):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", said)[1:-1]]
            if section in TABLES:
                yield section, cells[0], cells[1]


def test_the_document_has_these_lines_and_no_others() -> None:
    wanted = [(section, line.comes, line.becomes) for section, lines in TABLES.items() for line in lines]
    assert list(documented()) == wanted


def test_every_option_of_reading_is_documented() -> None:
    from dataclasses import fields

    from fillrank.data import ReadOptions

    text = DOC.read_text(encoding="utf-8")
    assert [one.name for one in fields(ReadOptions) if f"`{one.name}" not in text and f"`{one.name}=" not in text] == []
