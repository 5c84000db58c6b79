"""Tables about users or items: a file or a frame in, the ids of its rows and the cells of its columns out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fillrank.arguments import shown
from fillrank.data.io.frames import columns_of_frame
from fillrank.data.io.names import LESS_USUAL_NAMES, USUAL_NAMES, plain_name
from fillrank.data.io.table import read_table
from fillrank.errors import DataError

__all__ = ["ids_and_cells"]

_WANTED = "a table of pandas, polars or pyarrow, or a file with one"


def ids_and_cells(
    given: Any, what: str, roles: Sequence[str], *, id_column: str | None = None, least: int = 1, wanted: str = _WANTED
) -> tuple[list[Any], dict[str, list[Any]]]:
    """The ids of the rows of a frame, and the cells of each other column, by its name.

    Args:
        given: a table of pandas, polars or pyarrow, or a file with one.
        what: it is, for messages: ``"an item table"``.
        roles: ``"user"`` or ``"item"``, or both: of whose usual names the column of ids may have one.
        id_column: its name; None: the first with a usual name, or else the first of all.
        least: so many columns there have to be beside it.
        wanted: what it may be, for messages.

    Raises:
        DataError: it is no table, it has too few columns, or none of that name.

    Example:
        >>> import polars as pl
        >>> ids_and_cells(pl.DataFrame({"year": [1979], "movieId": [7]}), "a table", ["item"])
        ([7], {'year': [1979]})
    """
    if isinstance(given, str | os.PathLike):
        given = read_table(given)
    try:
        found = columns_of_frame(given)
    except DataError as error:
        raise DataError(f"{what} is {wanted}; got {shown(given)}") from error
    names = [str(name) for name, _ in found]
    if len(names) < 1 + least:
        columns = f"a column of {roles[0]}s and at least one more" if least else "a column of ids"
        raise DataError(f"{what} has {columns}, got {', '.join(names) or 'none'}")
    if len(set(names)) < len(names):
        raise DataError(f"two columns of {what} have one name, among {', '.join(names)}; rename one")
    cells = {name: column.to_list() for name, (_, column) in zip(names, found, strict=True)}
    return cells.pop(_id_column(names, what, roles, id_column)), cells


def _id_column(names: list[str], what: str, roles: Sequence[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in names:
            raise DataError(f"{what} has no column {asked!r}; it has {', '.join(names)}").about("ids")
        return asked
    for table in (USUAL_NAMES, LESS_USUAL_NAMES):
        for name in names:
            if any(plain_name(name) in table[role] for role in roles):
                return name
    return names[0]
