"""Rewrite messages of the library about arguments as messages about options of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["as_typed", "command_of", "in_options", "in_plain_words", "of_option", "takes_read"]

_READ = (
    "user item value time label duplicates on_bad missing day_first time_unit format separator header encoding decimal "
    "thousands member max_expansion relevant_from weight event_column event"
)
_ARGUMENT = re.compile(rf"(?<![\w.-])(?<!--read )({_READ.replace(' ', '|')})=")
_TYPE = re.compile(r"(, got .*) \((?:str|int|float|bool|list|dict)\)")
_TRUTH = (("True or False or None", "true, false or None"), ("True or False", "true or false"))
_FLAG = re.compile(r"(?<=[a-z]=)(True|False)\b")
_READERS = {"ReadOptions", "LogOptions", "Columns", "read", "scan"}


def in_plain_words(error: BaseException, said: str) -> str:
    """The message of an error; for errors about types, without names of classes and with flags as in TOML.

    Example:
        >>> from fillrank.errors import ArgumentError
        >>> error = ArgumentError("read: header must be True or False or None, got 'perhaps' (str)").at("read")
        >>> in_plain_words(error, str(error))
        "header must be true, false or None, got 'perhaps'"
    """
    door = getattr(error, "door", "")
    if not door:
        return said
    wanted, got, rest = said.replace(f"{door}: ", "", 1).partition(", got ")
    for python, plain in _TRUTH:
        wanted = wanted.replace(python, plain)
    return wanted + _TYPE.sub(r"\1", got + rest)


_ALSO = {
    "user_ids": "user",
    "item_id": "item",
    "histories": "like",
    "random_state": "seed",
    "seeds": "seed",
    "max_iter": "max_iter",
}
"""Arguments of the library that have another name among the options."""


def of_option(said: str, error: BaseException, command: Any, args: Sequence[str]) -> str:
    """Rewrite a message about an argument as one about the option that it came from.

    Args:
        said: the message; it names the argument, or begins with it.
        error: knows the argument, :attr:`fillrank.errors.FillrankError.argument`, and perhaps the function.
        command: that was run.
        args: the words that were typed.
    """
    argument = getattr(error, "argument", "")
    of_reading = getattr(error, "door", "") in _READERS
    option = f"--read {argument}" if of_reading else _option(argument, command, args) if argument else ""
    if not option:
        return said
    head = f"{argument}: "
    if said.startswith(head):
        return f"{option}: {said.removeprefix(head)}"
    return re.sub(rf"(?<![\w.='-])(?<!--read ){re.escape(argument)}\b(?!=)", option, said, count=1)


def _option(argument: str, command: Any, args: Sequence[str]) -> str:
    name = _ALSO.get(argument, argument)
    for parameter in command.params:
        if parameter.name == name:
            return as_typed(parameter, args)
    named = {parameter.name for parameter in command.params}
    if argument in _READ.split() and "read" in named:
        return f"--read {argument}"
    pattern = re.compile(rf"(--set=?)?\s*{re.escape(argument)}\s*=")
    return f"--set {argument}" if "settings" in named and any(pattern.match(word) for word in args) else ""


def as_typed(parameter: Any, args: Sequence[str]) -> str:
    """An option as it was typed, or else by its first name; an argument by its metavar."""
    if not parameter.opts[0].startswith("-"):
        return str(parameter.metavar or parameter.name)
    short = [option for option in parameter.opts if len(option) == 2]
    for word in args:
        found = [option for option in parameter.opts if word == option or word.startswith(f"{option}=")]
        found += [option for option in short if word.startswith(option)]
        if found:
            return str(found[0])
    return str(parameter.opts[0])


def in_options(said: str) -> str:
    """Rewrite arguments in a message as options: ``item=…`` becomes ``--read item=…``.

    Example:
        >>> in_options("no column is recognised as the item; name it: item=…")
        'no column is recognised as the item; name it: --read item=…'
    """
    said = _ARGUMENT.sub(r"--read \1=", said)
    return _FLAG.sub(lambda flag: flag[0].lower(), said)


def takes_read(command: Any) -> bool:
    """Whether a command has the option ``--read``."""
    return any("--read" in parameter.opts for parameter in command.params)


def command_of(group: Any, args: Sequence[str]) -> Any:
    """The command that ``args`` name."""
    command = group
    for word in args:
        inner = getattr(command, "commands", {})
        if word not in inner:
            break
        command = inner[word]
    return command
