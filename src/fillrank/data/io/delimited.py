"""Read delimited text (CSV and similar): first find its layout, then read it chunk by chunk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

import numpy as np
import polars as pl

from fillrank.data.io.formats import Chunk, Format, Part
from fillrank.data.io.guard import no_panic
from fillrank.data.io.layout import TextLayout, find_layout, without_blanks_at_quotes
from fillrank.data.io.lines import read_records
from fillrank.data.io.sniff import are_numbers

__all__ = ["delimited_part", "takes_quotes"]

_SEPARATORS: dict[str, str] = {"csv": ",", "tsv": "\t", "dat": "::", "ml-100k": "\t"}
_COMMENT = re.compile(rb"^[ \t]*#[^\n]*", re.MULTILINE)
_CLEAR_COMMENT = re.compile(rb"^[ \t]*#+[ \t][^\n]*", re.MULTILINE)  # no id begins like this
_MOVIELENS = ("user", "item", "value", "time")


def takes_quotes(form: Format | None) -> bool:
    """Whether ``"`` encloses fields in this format."""
    return form in {None, "csv", "tsv"}


def delimited_part(
    chunks: Iterator[bytes],
    form: Format | None,
    *,
    separator: str | None,
    header: bool | None,
    is_name: Callable[[str], bool],
) -> Part:
    """A :class:`~fillrank.data.io.formats.Part` for a text of fields between separators.

    Args:
        chunks: UTF-8, each with whole records.
        form: the format that the name of the file suggests.
        separator, header: see :class:`~fillrank.data.io.options.ReadOptions`.
        is_name: whether a field is the name of a column.

    Raises:
        DataError: see :func:`~fillrank.data.io.layout.find_layout`.
    """
    first = next(chunks)
    quotes = takes_quotes(form)
    layout = find_layout(
        first,
        separator=separator,
        expected=None if form is None else _SEPARATORS.get(form),
        header=header,
        quotes=quotes,
        is_name=is_name,
    )
    names = list(layout.names)
    if form in {"dat", "ml-100k"} and not layout.is_named:  # MovieLens has its columns in this order, without a header
        names[: len(_MOVIELENS)] = _MOVIELENS[: len(names)]

    def read(chosen: Mapping[str, int]) -> Iterator[Chunk]:
        line = layout.line
        for text in chain([first[layout.start :]], chunks):
            chunk, comments, headers = _rows(text, layout, chosen, quotes=quotes)
            yield chunk._replace(lines=chunk.lines + (line - 1), broken=chunk.broken + (line - 1))
            line += text.count(b"\n")
            for count, what in ((comments, "comment"), (headers, "the header again")):
                if count:
                    part.notes.append(f"{count} {'line' if count == 1 else 'lines'} of {what}")

    part = Part(
        names,
        read,
        is_text=True,
        guessed=layout.guessed,
        is_number=lambda place: are_numbers([fields[place] for fields in layout.sample if place < len(fields)]),
        broken_as=f"not {layout.n_fields} fields, as in the first line",
        notes=layout.notes,
    )
    return part


def _rows(text: bytes, layout: TextLayout, chosen: Mapping[str, int], *, quotes: bool) -> tuple[Chunk, int, int]:
    """The rows of a chunk, and the numbers of comment lines and repeated headers that were left out."""
    wanted = sorted(set(chosen.values()))
    if layout.is_spaced:
        text = without_blanks_at_quotes(text, layout.separator)
    n_notes = 0
    if b"#" in text:  # replace a comment by an empty line, so that the line numbers stay right
        text, n_notes = (_COMMENT if layout.has_comments else _CLEAR_COMMENT).subn(b"", text)
    with no_panic():
        fields, lines, ragged, n_comments = read_records(
            text, layout.separator, quotes=quotes, n_fields=layout.n_fields, wanted=wanted
        )
    if not fields.width:
        fields = pl.DataFrame(schema={str(place): pl.String for place in wanted})
    if len(wanted) < fields.width:
        fields = fields.select(str(place) for place in wanted)
    n_headers = 0
    if layout.is_named and len(fields):
        again = np.ones(len(fields), dtype=bool)
        for place in wanted:
            again[again] = (
                fields[str(place)].filter(pl.Series(again)).str.strip_chars('\ufeff \t"') == layout.names[place]
            ).fill_null(False)
            if not again.any():
                break
        n_headers = int(again.sum())
        if n_headers:
            fields, lines = fields.filter(pl.Series(~again)), lines[~again]
    frame = fields.select(pl.col(str(place)).alias(role) for role, place in chosen.items())
    return Chunk(frame, lines, ragged), n_comments + n_notes, n_headers
