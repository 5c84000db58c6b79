"""What the library says of its arguments, said of the options of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["in_options", "in_plain_words", "takes_read"]

_READ = (
    "user item value time label duplicates on_bad missing day_first time_unit format separator header encoding decimal "
    "thousands member max_expansion relevant_from"
)
_ARGUMENT = re.compile(rf"(?<![\w.-])(?<!--read )({_READ.replace(' ', '|')})=")
_PHRASES = (
    ("and no valid; give valid, or them", "and no validation part; give --valid 0.1, or the settings with --set"),
    ("read it with a value column", "name the column of values with --read value=…"),
    ("read the time column", "name the column of times with --read time=…"),
    ("use random or per_user", "use --split random or --split per-user"),
    ("leave split out", "leave --split out"),
    ("name the column of the values", "name the column of the values with --read value=…"),
)


_KIND = re.compile(r"\b(?P<door>[A-Za-z_]\w*): (?=(?P<name>\w+) must be (?P<wanted>.*?), got )")
_TYPE = re.compile(r"(, got .*) \((?:str|int|float|bool|list|dict)\)")
_FLAG = re.compile(r"(?<=[a-z]=)(True|False)\b")
_READERS = {"ReadOptions", "LogOptions", "Columns", "read", "scan"}


def in_plain_words(said: str) -> str:
    """A message about the kind of an argument without the names of classes, and with flags as TOML writes them.

    Example:
        >>> in_plain_words("ReadOptions: day_first must be True or False or None, got 'perhaps' (str)")
        "--read day_first must be true, false or None, got 'perhaps'"
    """
    found = _KIND.search(said)
    if found is None:
        return said
    option = "--read " if found["door"] in _READERS else ""
    wanted = (
        found["wanted"]
        .replace("True or False or None", "true, false or None")
        .replace("True or False", "true or false")
    )
    rest = said[found.end() :].replace(found["wanted"], wanted, 1)
    return said[: found.start()] + option + _TYPE.sub(r"\1", rest)


def in_options(said: str) -> str:
    """A message of the library with arguments as options: ``item=…`` is ``--read item=…`` here.

    Example:
        >>> in_options("no column is recognised as the item; name it: item=…")
        'no column is recognised as the item; name it: --read item=…'
    """
    for phrase, own in _PHRASES:
        said = said.replace(phrase, own)
    said = _ARGUMENT.sub(r"--read \1=", said)
    return _FLAG.sub(lambda flag: flag[0].lower(), said)


def takes_read(group: Any, args: Sequence[str]) -> bool:
    """Whether the command that ``args`` name has the option ``--read``."""
    command = group
    for word in args:
        inner = getattr(command, "commands", {})
        if word not in inner:
            break
        command = inner[word]
    return any("--read" in parameter.opts for parameter in command.params)
