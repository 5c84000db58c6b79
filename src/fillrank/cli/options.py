"""The options that several commands share, and what stands behind them: ``KEY=VALUE``, logs, splits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fillrank.errors import DataError
from fillrank.experiments.opening import SplitName
from fillrank.paths import expanded

if TYPE_CHECKING:
    from fillrank.data import Interactions, Split

__all__ = [
    "DataOption",
    "JsonOption",
    "KOption",
    "ReadOption",
    "RunArgument",
    "SeedOption",
    "SetOption",
    "SplitName",
    "SplitOption",
    "TestOption",
    "ValidOption",
    "named_or_read",
    "open_log",
    "open_split",
    "parse_settings",
    "parse_value",
    "path_of",
]


def path_of(text: str | Path) -> Path:
    """What an option or an argument names as a path, with ``~`` read as everywhere.

    Raises:
        typer.BadParameter: it cannot be a path.
    """
    try:
        return expanded(text, "the path")
    except DataError as error:
        raise typer.BadParameter(str(error)) from None


RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a saved model.", parser=path_of)]
DataOption = Annotated[
    str, typer.Option("--data", metavar="NAME|PATH", help="A data set that `fillrank data list` names, or a file.")
]
ReadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        metavar="KEY=VALUE",
        help="How to read a file: user=, item=, value=, time= name its columns; relevant_from=, duplicates=, "
        "on_bad= and the other options of fillrank.read. Repeat as needed.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the model, such as dim=64. Repeat as needed."),
]
SplitOption = Annotated[
    SplitName,
    typer.Option(
        "--split", help="auto: the published split of a data set that has one (or is named DATA/SPLIT), else random."
    ),
]
TestOption = Annotated[float, typer.Option("--test", help="Fraction of the rows kept for the test.")]
ValidOption = Annotated[float, typer.Option("--valid", help="Fraction on which stopping and settings are chosen.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same result.")]
KOption = Annotated[int, typer.Option("--k", "-k", min=1, help="Length of a list.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def parse_value(text: str) -> Any:
    """A TOML value; what is none, such as a bare word, is a string.

    Example:
        >>> parse_value("64"), parse_value("[1, 2]"), parse_value("true"), parse_value("cosine")
        (64, [1, 2], True, 'cosine')
    """
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # also numbers of thousands of digits: whoever takes the text will refuse it
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def parse_settings(pairs: Iterable[str] | None, option: str) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as settings; see :func:`parse_value`. A dot in a key leads into a table, as in TOML.

    Raises:
        typer.BadParameter: a pair has no ``=`` or no key, or a key comes twice.

    Example:
        >>> parse_settings(["dim=64", "loss=ccl", "loss_settings.margin=0.4"], "--set")
        {'dim': 64, 'loss': 'ccl', 'loss_settings': {'margin': 0.4}}
    """
    settings: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        *tables, last = [part.strip() for part in key.split(".")]
        if not equals or not last or not all(tables):
            raise typer.BadParameter(f"{pair!r} is no KEY=VALUE", param_hint=option)
        place = settings
        for table in tables:
            place = place.setdefault(table, {})
            if not isinstance(place, dict):
                raise typer.BadParameter(f"{table!r} is a value and a table at once", param_hint=option)
        if last in place:
            raise typer.BadParameter(f"{key.strip()!r} comes twice", param_hint=option)
        place[last] = parse_value(value)
    return settings


def named_or_read(data: str, read: Iterable[str] | None) -> str | Interactions:
    """The name of a known data set as it came, or the log in the file of that path.

    Raises:
        typer.BadParameter: ``--read`` was given for a data set that is known by name.
        DataError: there is no such data set or file, or it cannot be read.
    """
    from fillrank.experiments import opening

    return opening.named_or_read(data, _read_options(data, read))


def open_log(data: str, read: Iterable[str] | None) -> Interactions:
    """The whole log of a data set or a file; errors as in :func:`named_or_read`."""
    from fillrank.experiments import opening

    return opening.open_log(data, _read_options(data, read))


def open_split(data: str, read: Iterable[str] | None, how: SplitName, test: float, valid: float, seed: int) -> Split:
    """The data set or the file, split as ``--split`` says; see :func:`fillrank.experiments.opening.open_split`."""
    from fillrank.experiments import opening

    return opening.open_split(data, _read_options(data, read), how, test, valid, seed)


def _read_options(data: str, read: Iterable[str] | None) -> dict[str, Any]:
    from fillrank.experiments.opening import is_known

    options = parse_settings(read, "--read")
    if options and is_known(data):
        raise typer.BadParameter(f"{data!r} is a data set known by name; only files need it", param_hint="--read")
    return options
