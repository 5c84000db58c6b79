"""Split a delimited text into records so that it can be written back exactly as it was."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from fillrank.errors import BadRowsError, DataError, SettingsError

__all__ = ["Record", "Text", "plain"]

_ENCODINGS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SHOWN = 5  # lines that an error names
_SEPARATORS = ("\t", ";", "|", ",")  # the comma last, because it is also used in numbers and names
_SAMPLE = 50  # lines from which the separator is inferred


@dataclass
class Record:
    """One record: its fields as written (with quotes and blanks), its line end, and its line number."""

    fields: list[str]
    end: str
    line: int

    @property
    def is_blank(self) -> bool:
        return len(self.fields) == 1 and not self.fields[0].strip()


@dataclass
class Text:
    """A text of records. Blank lines are kept, but are not records.

    Attributes:
        records: all records in order; :meth:`encoded` writes their changed fields.
        separator: one character.
        mark: the byte-order mark at the beginning of the text, or nothing.
        preamble: the lines before the records: ``sep=;``, comments that begin with ``#``, and titles (lines of one
            field, if all others have more).
        encoding: the encoding of the rest.

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
    preamble: str = ""

    @classmethod
    def decoded(cls, data: bytes, separator: str | None = None) -> Text:
        """Split a text into records. Text that is neither UTF-16 with a mark nor valid UTF-8 is read as Latin-1.

        Args:
            data: the whole file.
            separator: one character; None: inferred from the first lines.

        Raises:
            BadRowsError: the quotes of a record do not match, or records have different numbers of fields.
            DataError: there are no records, or fields are separated by blanks.
            SettingsError: the separator is not one character, or a quote or a line end.
        """
        if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
            raise SettingsError(f"separator must be one character, and no quote or line end, got {separator!r}")
        mark = next((mark for mark in _ENCODINGS if data.startswith(mark)), b"")
        text, encoding = _decoded(data[len(mark) :], _ENCODINGS.get(mark, "utf-8"))
        preamble = _PREAMBLE.match(text)
        begin, said = (preamble.end(), preamble["separator"]) if preamble else (0, None)
        separator = separator or said or _separator(text[begin:])
        records = _records(text[begin:], separator, 1 + _line_ends(text[:begin]))
        n_titles = _n_titles(records)
        titles = "".join(separator.join(record.fields) + record.end for record in records[:n_titles])
        taken_apart = cls(records[n_titles:], separator, mark, encoding, text[:begin] + titles)
        taken_apart._check_widths()
        return taken_apart

    def field(self, written: str) -> str:
        """Write a value as a field; in quotes if it contains the separator."""
        return f'"{written}"' if self.separator in written else written

    def append(self, rows: list[list[str]]) -> None:
        """Add records at the end."""
        if rows:
            last, end = self.records[-1], self.records[0].end or "\n"
            last.end = last.end or end
            self.records += [Record(fields, end, last.line) for fields in rows]

    def encoded(self) -> bytes:
        """The whole text, joined again."""
        lines = (self.separator.join(record.fields) + record.end for record in self.records)
        return self.mark + (self.preamble + "".join(lines)).encode(self.encoding)

    @property
    def rows(self) -> list[Record]:
        """The records that are not blank."""
        return [record for record in self.records if not record.is_blank]

    @property
    def has_short_header(self) -> bool:
        """Whether the first record has one field less than all others: a header without a name for the ids."""
        first, *others = (len(row.fields) for row in self.rows)
        return len(others) > 1 and set(others) == {first + 1}

    def _check_widths(self) -> None:
        rows = self.rows
        if not rows:
            raise DataError("the file holds no records; there is nothing to complete")
        width = Counter(len(row.fields) for row in rows).most_common(1)[0][0]
        usual = next(row for row in rows if len(row.fields) == width)
        ragged = [row for row in rows if len(row.fields) != width]
        if ragged and not (ragged == rows[:1] and self.has_short_header):
            named = ", ".join(f"line {row.line} has {len(row.fields)}" for row in ragged[:_SHOWN])
            more = f" and {len(ragged) - _SHOWN:,} more" if len(ragged) > _SHOWN else ""
            raise BadRowsError(
                f"{len(ragged)} of {len(rows):,} records do not have the number of fields of line {usual.line}, which "
                f"has {width}: {named}{more}; fix them, or name what separates the fields if it is not "
                f"{self.separator!r} (--separator)"
            )


def plain(field: str) -> str:
    """The content of a field, without blanks around it and without quotes.

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


_PREAMBLE = re.compile(
    r"(?:sep=(?P<separator>[^\r\n\"])(?:\r\n|\r|\n))?(?:[ \t]*#[^\r\n]*(?:\r\n|\r|\n))*", re.IGNORECASE
)


def _separator(text: str) -> str:
    """The mark that occurs equally often (outside quotes) in each of the first lines; a comma if there is none.

    Raises:
        DataError: only blanks can be what separates the fields.
    """
    lines = [re.sub(r'"(?:[^"]|"")*"', "", line) for line in text.splitlines()[:_SAMPLE] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in _SEPARATORS}
    steady = [mark for mark in _SEPARATORS if lines and min(counts[mark]) > 0 and len(set(counts[mark])) == 1]
    found = [mark for mark in _SEPARATORS if any(counts[mark])]
    if not steady and not found and len(lines) > 1 and len({len(line.split()) for line in lines} - {1}) == 1:
        raise DataError(
            f"the first line {lines[0].strip()[:60]!r} contains none of , ; | or a tab; blanks between fields are not "
            "read: replace them by one of these"
        )
    commonest = sorted(found, key=lambda mark: -sum(count > 0 for count in counts[mark]))
    return (steady or commonest or [","])[0]


def _n_titles(records: list[Record]) -> int:
    """The number of title records at the top, with the blank lines below them."""
    n = 0
    while n < len(records) and len(records[n].fields) == 1:
        n += 1
    said = [record for record in records[:n] if not record.is_blank]
    widths = {len(record.fields) for record in records[n:] if not record.is_blank}
    if not said or not widths or min(widths) == 1 or any(_is_number(record.fields[0]) for record in said):
        return 0
    # over two columns one word may be the header of the second, above ids that it does not name
    return 0 if widths == {2} and n == 1 and " " not in plain(said[0].fields[0]) else n


def _is_number(field: str) -> bool:
    return plain(field)[:1].isdigit() or plain(field)[1:2].isdigit()


def _records(text: str, separator: str, first: int = 1) -> list[Record]:
    """The records of a text whose first line has the number ``first``."""
    mark = re.escape(separator)
    blanks = r"[ ]*" if separator == "\t" else r"[ \t]*"
    field = re.compile(rf'({blanks}"(?:[^"]|"")*"{blanks}|[^{mark}"\r\n]*)({mark}|\r\n|\n|\r|\Z)')
    records: list[Record] = []
    fields: list[str] = []
    place, line, first_line = 0, first, first
    while place < len(text) or fields:
        found = field.match(text, place)
        if found is None:
            raise BadRowsError(f"the quotes in line {line} do not match; fix it")
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
