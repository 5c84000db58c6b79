"""The options that several commands share, and what stands behind them: ``KEY=VALUE``, logs, splits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fillrank.errors import DataError, SettingsError
from fillrank.experiments.data.data_source import SplitName
from fillrank.runtime.paths import expanded

if TYPE_CHECKING:
    from fillrank.data import Interactions
    from fillrank.experiments.data.source import DataSource

__all__ = [
    "BudgetOption",
    "DataOption",
    "DeviceOption",
    "EventOption",
    "HalfLifeOption",
    "ItemFeaturesOption",
    "JsonOption",
    "KOption",
    "LogToOption",
    "ProgressOption",
    "ReadOption",
    "RunArgument",
    "SeedOption",
    "SetOption",
    "SplitName",
    "SplitOption",
    "TestOption",
    "ThreadsOption",
    "TimeBudgetOption",
    "TrainOption",
    "UserFeaturesOption",
    "ValidOption",
    "WeightOption",
    "open_log",
    "parse_settings",
    "parse_value",
    "path_of",
    "read_table",
    "run_options",
    "source_of",
    "source_over",
]


def path_of(text: str | Path) -> Path:
    """Convert an option or an argument to a path, with ``~`` expanded.

    Raises:
        typer.BadParameter: it cannot be a path.
    """
    if not str(text).strip():
        raise typer.BadParameter("it is empty; give a path")
    try:
        return expanded(text, "the path")
    except DataError as error:
        raise typer.BadParameter(str(error)) from None


RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a saved model.", parser=path_of)]
DataOption = Annotated[
    str | None,
    typer.Option("--data", metavar="NAME|PATH", help="A data set that `fillrank data list` names, or a file."),
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
WeightOption = Annotated[
    str | None,
    typer.Option("--weight", metavar="COLUMN", help="The column of what each row counts; the same as --read weight=."),
]
EventOption = Annotated[
    str | None,
    typer.Option(
        "--event",
        metavar="TYPE=WEIGHT,…",
        help="What each type of event counts, such as view=1,cart=3,purchase=10; 0: it says nothing.",
    ),
]
ItemFeaturesOption = Annotated[
    str | None,
    typer.Option(
        "--item-features",
        metavar="FILE",
        help="What is known of items: a .csv, .tsv, .parquet or .jsonl file with a column of ids; tags between '|'.",
    ),
]
UserFeaturesOption = Annotated[
    str | None, typer.Option("--user-features", metavar="FILE", help="What is known of users: as --item-features.")
]
HalfLifeOption = Annotated[
    float | None,
    typer.Option("--half-life", metavar="DAYS", help="Days after which a row to learn from counts half."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the model, such as dim=64. Repeat as needed."),
]
SplitOption = Annotated[
    SplitName,
    typer.Option(
        "--split",
        help="auto: the published split of a data set that has one (or is named DATA/SPLIT), else random. "
        "strong: whole users are held out, and four fifths of what each met is known.",
    ),
]
TrainOption = Annotated[
    str | None,
    typer.Option(
        "--train", metavar="PATH", help="In place of --data: a file with the rows to learn from; --test names another."
    ),
]
TestOption = Annotated[
    str | None,
    typer.Option(
        "--test",
        metavar="FRACTION|DATE|PATH",
        help="The fraction of the rows kept for the test (0.1 unless given); the date, such as 2020-01-31, at which it "
        "begins (split by-time); or, beside --train, the file with the test rows.",
    ),
]
ValidOption = Annotated[float, typer.Option("--valid", help="Fraction of rows for choosing settings and when to stop.")]
_LARGEST = 2**63 - 1
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=_LARGEST, help="The same seed gives the same result.")]
KOption = Annotated[int, typer.Option("--k", "-k", min=1, help="Length of a list.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def _budget(text: str) -> str:
    from fillrank.training.callbacks.budget import seconds_of

    try:
        seconds_of(text)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _log(text: str | Path) -> Path:
    path = path_of(text)
    if path.suffix not in {".csv", ".jsonl"}:
        raise typer.BadParameter(f"it must end in .csv or .jsonl, got {str(text)!r}")
    return path


ProgressOption = Annotated[
    bool | None, typer.Option("--progress/--no-progress", help="Show the progress. Default: yes.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", help="Device for the contrastive models and cmc: cpu, cuda, … Default: a GPU if there is one."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Largest number of threads. Default: as many as PyTorch uses.")
]
TimeBudgetOption = Annotated[
    str | None,
    typer.Option(
        "--time-budget",
        metavar="TIME",
        help="Stop after this time (90s, 10m, 1h30m), and keep the best epoch so far.",
        parser=_budget,
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="90s, 10m, 1h30m for --model auto, which tries what fits in; 10m.",
        parser=_budget,
    ),
]
LogToOption = Annotated[
    Path | None,
    typer.Option("--log-to", metavar="FILE", help="A row for each epoch, to a .csv or .jsonl file.", parser=_log),
]


def run_options(
    progress: bool | None, device: str | None, threads: int | None, budget: str | None, log: Path | None
) -> dict[str, Any]:
    """The table ``options`` of a plan: what was given of how a fit runs."""
    table = {"progress": progress, "device": device, "n_threads": threads, "time_budget": budget}
    table["log_to"] = None if log is None else str(log)
    given = {name: value for name, value in table.items() if value is not None}
    return {"options": given} if given else {}


_PYTHON = {"True": True, "False": False, "None": None}
"""Values as Python writes them, and as the documentation of the library does."""


def parse_value(text: str) -> Any:
    """A TOML value, or ``True``, ``False`` or ``None``; what is none, such as a bare word, is a string.

    Example:
        >>> parse_value("64"), parse_value("[1, 2]"), parse_value("true"), parse_value("cosine")
        (64, [1, 2], True, 'cosine')
        >>> parse_value("True"), parse_value("None"), parse_value("'None'")
        (True, None, 'None')
    """
    if text.strip() in _PYTHON:
        return _PYTHON[text.strip()]
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


def read_table(read: Iterable[str] | None, weight: str | None = None, event: str | None = None) -> dict[str, Any]:
    """The options of :func:`fillrank.read` that ``--read``, ``--weight`` and ``--event`` say.

    Raises:
        typer.BadParameter: one is malformed, or comes twice.

    Example:
        >>> read_table(["item=sku"], event="view=1, purchase=10")
        {'item': 'sku', 'event': {'view': 1, 'purchase': 10}}
    """
    table = parse_settings(read, "--read")
    given: dict[str, Any] = {} if weight is None else {"weight": int(weight) if weight.isdigit() else weight}
    if event is not None:
        pairs = [pair.rpartition("=") for pair in event.split(",")]
        if not all(equals and kind.strip() for kind, equals, _ in pairs):
            raise typer.BadParameter(f"{event!r} is no list such as view=1,purchase=10", param_hint="--event")
        given["event"] = {kind.strip(): parse_value(number) for kind, _, number in pairs}
        if len(given["event"]) < len(pairs):
            raise typer.BadParameter(f"{event!r} names a type twice", param_hint="--event")
    if twice := given.keys() & table.keys():
        raise typer.BadParameter(f"{min(twice)!r} comes twice, in --read too", param_hint=f"--{min(twice)}")
    return table | given


def source_of(
    data: str | None,
    train: str | None,
    test: str | None,
    read: Iterable[str] | None,
    weight: str | None = None,
    event: str | None = None,
) -> DataSource:
    """What ``--data``, ``--train``, ``--test``, ``--read``, ``--weight`` and ``--event`` say.

    Raises:
        typer.BadParameter: ``--read`` was given for a data set that is known by name.
        SettingsError: neither ``--data`` nor ``--train``, or both; or ``--test`` does not go with them.
    """
    from fillrank.experiments.data.source import DataSource
    from fillrank.experiments.toml.files import OPTIONS, strict

    given = {"data": data, "train": train, "test": test}
    content = {name: value for name, value in given.items() if value is not None}
    return strict(DataSource, content | {"read": _read_options(data, read, weight, event)}, source=OPTIONS, what="data")


def source_over(data: str | None, train: str | None, test: str | None) -> dict[str, Any]:
    """What ``--data``, ``--train`` and ``--test`` put in the place of a file's own; data and train exclude each other.

    Example:
        >>> source_over(None, "train.csv", "test.csv")
        {'data': None, 'train': 'train.csv', 'test': 'test.csv'}
    """
    given = {name: value for name, value in (("data", data), ("train", train), ("test", test)) if value is not None}
    others = {"train": "data", "data": "train"}
    return {others[name]: None for name in given if name in others and others[name] not in given} | given


def open_log(data: str, read: Iterable[str] | None) -> Interactions:
    """The whole log of a data set or a file; errors as in :func:`named_or_read`."""
    from fillrank.experiments.data import data_source

    return data_source.open_log(data, _read_options(data, read))


def _read_options(
    data: str | None, read: Iterable[str] | None, weight: str | None = None, event: str | None = None
) -> dict[str, Any]:
    from fillrank.experiments.data.data_source import is_known

    options = read_table(read, weight, event)
    if options and data is not None and is_known(data):
        raise typer.BadParameter(f"{data!r} is a data set known by name; only files need it", param_hint="--read")
    return options
