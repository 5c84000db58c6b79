"""Find the layout of a delimited text: the lines above its rows, its separator, and the names of its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fillrank.data.io.lines import with_single_separator
from fillrank.data.io.sniff import has_header, separator_of
from fillrank.data.io.spans import Spans, parse_one
from fillrank.errors import DataError

__all__ = ["MAX_COLUMNS", "TextLayout", "find_layout", "without_blanks_at_quotes"]

MAX_COLUMNS = 10_000
_SEP_LINE = re.compile(rb'\A"?sep=(.)"?[ \t;,]*\r?\n', re.IGNORECASE)
_COMMENT = re.compile(rb"[ \t]*(?:#|%|//)")
_SAMPLE = 1 << 17  # bytes
_FEW = 3
_MOST_ABOVE = 30  # lines above a header


@dataclass
class TextLayout:
    """Where the rows of a text begin, and how they are read.

    Attributes:
        separator: between fields.
        names: names of the columns.
        n_fields: number of fields of a row.
        start: position of the first row, in bytes.
        line: line on which the first row begins (the first line of the text is 1).
        is_named: whether ``names`` come from the text.
        guessed: whether this is only a guess.
        notes: which lines were left out, in words.
        sample: the fields of some rows.
        has_comments: whether all lines that begin with ``#`` are comments.
        is_spaced: whether there are blanks between separators and quotes.
    """

    separator: str
    names: list[str]
    n_fields: int
    start: int
    line: int
    is_named: bool
    guessed: bool = False
    notes: list[str] = field(default_factory=list)
    sample: list[list[str]] = field(default_factory=list)
    has_comments: bool = False
    is_spaced: bool = False


def find_layout(
    text: bytes,
    *,
    separator: str | None = None,
    expected: str | None = None,
    header: bool | None = None,
    quotes: bool = True,
    is_name: Callable[[str], bool],
) -> TextLayout:
    """Infer the layout of a text from its first lines.

    These lines are left out: a line ``sep=;`` for spreadsheets, comments (``#``, ``%``, ``//``), and lines above the
    header with another number of fields.

    Args:
        text: in UTF-8; only its beginning is used.
        separator: None: inferred from the lines.
        expected: the separator that the name of the file suggests.
        header: whether there is a header; None: inferred from the lines.
        quotes: whether ``"`` encloses fields.
        is_name: whether a field is the name of a column.

    Raises:
        DataError: no separator, quotes that do not fit together, or too many columns.

    Example:
        >>> layout = find_layout(b"# from the shop\\nuser,item\\nann,Heat\\n", is_name={"user", "item"}.__contains__)
        >>> layout.names, layout.line
        (['user', 'item'], 3)
    """
    notes: list[str] = []
    start = 0
    said = _SEP_LINE.match(text)
    if said and separator is None:
        separator, start = said.group(1).decode("latin-1"), said.end()
    body, above = _below_comments(text, start)
    comments = text[start:body].splitlines() if body > start else []
    if separator is None:
        separator = separator_of(text[body : body + _SAMPLE], expected=expected, is_name=is_name)
    sample = text[body : body + _SAMPLE]
    is_spaced = quotes and separator != " " and _has_blanks_at_quotes(sample, separator)
    if is_spaced:
        sample = without_blanks_at_quotes(sample, separator)
    rows = _sampled(sample, separator, quotes, complete=len(text) <= body + _SAMPLE)
    place = _place_of_header(rows, header, is_name)
    commented = _header_in_comment(comments, separator, rows, is_name) if header is not False else None
    if above:
        notes.append(f"{above} {'line' if above == 1 else 'lines'} of comment at the top")
    if place:
        notes.append(f"{place} {'line' if place == 1 else 'lines'} above the header")
    first = rows[place]
    lines_before = text[:body].count(b"\n")
    if first.fields is None:
        raise DataError(f"the quotes in line {lines_before + first.line} do not fit together; fix it")
    if len(first.fields) > MAX_COLUMNS:
        raise DataError(
            f"its first line has more than {MAX_COLUMNS:,} fields, which are the most that are read; "
            "a log has a row for each interaction (a table of users by items goes to `complete`, or to from_csr)"
        )
    guessed = header is None and commented is None and has_header(first.fields)
    if header or guessed:
        names, n_fields = _fitted([(name or "").strip() for name in first.fields], rows[place + 1 :])
        end = _below(text, body, first.line + first.height - 1)
        return TextLayout(
            *(separator, names, n_fields, end, lines_before + first.line + first.height, True, guessed, notes),
            has_comments=above > 0,
            is_spaced=is_spaced,
            sample=[row.fields for row in rows[place + 1 :] if row.fields is not None and len(row.fields) == n_fields],
        )
    names = commented or [f"column {at}" for at in range(len(first.fields))]
    return TextLayout(
        *(
            separator,
            names,
            len(first.fields),
            _below(text, body, first.line - 1),
            lines_before + first.line,
            commented is not None,
        ),
        notes=notes,
        sample=[row.fields for row in rows if row.fields is not None and len(row.fields) == len(first.fields)],
        has_comments=above > 0,
        is_spaced=is_spaced,
    )


def without_blanks_at_quotes(text: bytes, separator: str) -> bytes:
    """Remove blanks between separators and quotes, so that each quote begins or ends a field.

    Example:
        >>> without_blanks_at_quotes(b'ann, "Heat, 1995" ,4\\n', ",")
        b'ann,"Heat, 1995",4\\n'
    """
    mark = re.escape(separator.encode())
    text = re.sub(rb"(?m)(^|" + mark + rb')[ \t]+"', rb'\1"', text)
    return re.sub(rb'"[ \t]+(' + mark + rb"|\r?$)", rb'"\1', text, flags=re.MULTILINE)


def _has_blanks_at_quotes(sample: bytes, separator: str) -> bool:
    mark = re.escape(separator.encode())
    bare = re.sub(rb'"(?:[^"\n]|"")*"', b'"', sample)
    return re.search(mark + rb'[ \t]+"[ \t]*(?:' + mark + rb"|\r?$)|\"[ \t]+" + mark, bare, re.MULTILINE) is not None


@dataclass(frozen=True)
class _Row:
    fields: list[str] | None
    line: int
    height: int


def _below(text: bytes, place: int, n_lines: int) -> int:
    """The position in the text ``n_lines`` below ``place``."""
    for _ in range(n_lines):
        end = text.find(b"\n", place)
        if end < 0:
            return len(text)
        place = end + 1
    return place


def _sampled(sample: bytes, separator: str, quotes: bool, *, complete: bool) -> list[_Row]:
    """The first records; ``fields`` is None where quotes do not fit together."""
    if not complete:
        cut = sample.rfind(b"\n") + 1
        sample = sample[: cut or len(sample)]
    text, mark = with_single_separator(sample, separator)
    spans = Spans.find(text, mark, quotes=quotes)
    rows = []
    for record in range(min(len(spans.lines), 300)):
        line = int(spans.lines[record])
        said = spans.text(record)
        height = said.count("\n") + 1
        if spans.n_separators[record] < 0:
            fields = None
        elif quotes and '"' in said:
            fields = parse_one(said, mark)
        else:
            fields = said.removesuffix("\r").split(mark)
        rows.append(_Row(fields, line, height))
    if not rows:
        raise DataError("it holds no rows; there is nothing to read")
    return rows


def _below_comments(text: bytes, start: int) -> tuple[int, int]:
    """The end of the comment lines at the top, and the number of these lines."""
    place, n_lines = start, 0
    while (match := _COMMENT.match(text, place)) is not None:
        end = text.find(b"\n", match.end())
        if end < 0:
            break
        place, n_lines = end + 1, n_lines + 1
        while text[place : place + 1] in {b"\n", b"\r"}:
            place += 1
    if n_lines > _MOST_ABOVE or not text[place:].strip() or _are_rows(text[start:place], text[place:]):
        return start, 0
    return place, n_lines


def _are_rows(above: bytes, below: bytes) -> bool:
    """Whether lines that begin with ``#`` are rows (of hashtags): they have as many fields as others, and numbers."""
    try:
        separator = separator_of(below[:_SAMPLE])
    except DataError:
        return False
    first = below[:_SAMPLE].decode(errors="ignore").split("\n", 1)[0]
    rows = [line.split(separator) for line in above.decode(errors="ignore").split("\n") if line.strip()]
    return all(len(row) == len(first.split(separator)) and not has_header(row) for row in rows)


def _header_in_comment(
    comments: list[bytes], separator: str, rows: list[_Row], is_name: Callable[[str], bool]
) -> list[str] | None:
    """The names of the columns if the last comment line contains them, as ``numpy.savetxt`` writes it."""
    if not comments or not rows[0].fields or any(map(is_name, rows[0].fields)):
        return None
    said, mark = with_single_separator(comments[-1].lstrip(b" \t#%/").rstrip(), separator)
    names = [name.strip().strip('"') for name in said.decode(errors="replace").split(mark)]
    return names if len(names) == len(rows[0].fields) and sum(map(is_name, names)) >= 2 else None


def _place_of_header(rows: list[_Row], header: bool | None, is_name: Callable[[str], bool]) -> int:
    """The position of the header, or of the first row, among the first records."""
    counts = Counter(len(row.fields) for row in rows if row.fields is not None)
    if not counts:
        return 0
    if header is not False:
        for place, row in enumerate(rows[:_MOST_ABOVE]):
            if row.fields is not None and sum(is_name(name) for name in row.fields) >= 2:
                return place if all(_may_stand_above(above, row, place) for above in rows[:place]) else 0
    usual = max(counts, key=lambda n: (counts[n], n))
    if counts[usual] < 2 or usual < 2:
        return 0
    place = next(place for place, row in enumerate(rows) if row.fields is not None and len(row.fields) == usual)
    above = rows[:place]
    fewer = all(row.fields is not None and len(row.fields) < usual - 1 for row in above)
    return place if place <= _MOST_ABOVE and fewer else 0


def _may_stand_above(above: _Row, header: _Row, n_above: int) -> bool:
    """Whether a record is a title line and not a row: it has another width, or is one of few lines without a number."""
    if above.fields is None or header.fields is None or len(above.fields) != len(header.fields):
        return True
    return n_above <= _FEW and has_header(above.fields)


def _fitted(names: list[str], rows: list[_Row]) -> tuple[list[str], int]:
    """The names and the number of fields if the rows have one field more or less than the header."""
    counts = Counter(len(row.fields) for row in rows if row.fields is not None)
    usual = max(counts, key=lambda n: (counts[n], n)) if counts else len(names)
    mine = [row.fields for row in rows if row.fields is not None and len(row.fields) == usual]
    if usual == len(names) + 1 and counts[usual] > counts[len(names)]:
        if all(not fields[-1].strip() for fields in mine):  # a separator at the end of each row
            return [*names, ""], usual
        numbers = [fields[0].strip() for fields in mine]
        if numbers == [str(n) for n in range(1, len(numbers) + 1)] and len(numbers) > 1:  # the row names of R
            return ["", *names], usual
    if usual == len(names) - 1 and not names[-1]:  # a separator at the end of the header alone
        return names[:-1], usual
    return names, len(names)
