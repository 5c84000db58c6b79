"""A delimited text taken apart so that it can be put together again to the letter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fillrank.data.sniff import separator_of
from fillrank.errors import BadRowsError, DataError

__all__ = ["Record", "Text", "plain"]

_ENCODINGS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SHOWN = 5  # lines that an error names


@dataclass
class Record:
    """One record: its fields as they are written, quotes and blanks included; its line end; the line it begins on."""

    fields: list[str]
    end: str
    line: int

    @property
    def is_blank(self) -> bool:
        return len(self.fields) == 1 and not self.fields[0].strip()


@dataclass
class Text:
    """A text of records. Blank lines are kept, and are no records.

    Attributes:
        records: all of it, in order; change their fields and :meth:`encoded` writes the change.
        separator: one character.
        mark: the byte-order mark that the text began with, or nothing.
        encoding: of the rest.

    Example:
        >>> text = Text.decoded(b'who;"a;b"\\r\\nann;\\r\\n')
        >>> [record.fields for record in text.records]
        [['who', '"a;b"'], ['ann', '']]
        >>> text.records[1].fields[1] = "5"
        >>> text.encoded()
        b'who;"a;b"\\r\\nann;5\\r\\n'
    """

    records: list[Record]
    separator: str
    mark: bytes
    encoding: str

    @classmethod
    def decoded(cls, data: bytes) -> Text:
        """Take a text apart. What is neither UTF-16 with its mark nor valid UTF-8 is taken as Latin-1.

        Raises:
            BadRowsError: the quotes of a record do not fit together, or records differ in their number of fields.
        """
        mark = next((mark for mark in _ENCODINGS if data.startswith(mark)), b"")
        text, encoding = _decoded(data[len(mark) :], _ENCODINGS.get(mark, "utf-8"))
        separator = _separator(text)
        taken_apart = cls(_records(text, separator), separator, mark, encoding)
        taken_apart._check_widths()
        return taken_apart

    def encoded(self) -> bytes:
        """The text put together again."""
        lines = (self.separator.join(record.fields) + record.end for record in self.records)
        return self.mark + "".join(lines).encode(self.encoding)

    @property
    def rows(self) -> list[Record]:
        """The records that are not blank."""
        return [record for record in self.records if not record.is_blank]

    def _check_widths(self) -> None:
        rows = self.rows
        if not rows:
            raise DataError("the file holds no records; there is nothing to complete")
        width = len(rows[0].fields)
        ragged = [row for row in rows if len(row.fields) != width]
        if ragged:
            named = ", ".join(f"line {row.line} has {len(row.fields)}" for row in ragged[:_SHOWN])
            more = f" and {len(ragged) - _SHOWN:,} more" if len(ragged) > _SHOWN else ""
            raise BadRowsError(
                f"{len(ragged)} of {len(rows):,} records have another number of fields than line {rows[0].line}, which "
                f"has {width}: {named}{more}; mend them (separator: {self.separator!r})"
            )


def plain(field: str) -> str:
    """What a written field says: without blanks around it, and without quotes.

    Example:
        >>> plain(' 4.5 '), plain('"Alien, ""79"'), plain('""')
        ('4.5', 'Alien, "79', '')
    """
    stripped = field.strip()
    if len(stripped) >= 2 and stripped[0] == stripped[-1] == '"':
        return stripped[1:-1].replace('""', '"').strip()
    return stripped


def _decoded(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _separator(text: str) -> str:
    """A comma if the first line that is not blank holds one, or else what fits; a comma also where none is needed."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not any(mark in first for mark in ",;|\t"):
        return ","
    return separator_of(text.encode(), expected=",")


def _records(text: str, separator: str) -> list[Record]:
    mark = re.escape(separator)
    blanks = r"[ ]*" if separator == "\t" else r"[ \t]*"
    field = re.compile(rf'({blanks}"(?:[^"]|"")*"{blanks}|[^{mark}"\r\n]*)({mark}|\r\n|\n|\r|\Z)')
    records: list[Record] = []
    fields: list[str] = []
    place, line, first_line = 0, 1, 1
    while place < len(text) or fields:
        found = field.match(text, place)
        if found is None:
            raise BadRowsError(f"the quotes in line {line} do not fit together; mend it")
        written, end = found.groups()
        fields.append(written)
        line += _line_ends(written) + (end != separator)
        place = found.end()
        if end != separator:
            records.append(Record(fields, end, first_line))
            fields, first_line = [], line
    return records


def _line_ends(written: str) -> int:
    return written.count("\n") + written.count("\r") - written.count("\r\n")
