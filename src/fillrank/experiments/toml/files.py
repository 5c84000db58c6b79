"""Read plans from TOML files, and write plans as TOML."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError

from fillrank.arguments.findings import named
from fillrank.errors import DataError, SettingsError
from fillrank.experiments.toml.tables import deep_merge, flatten
from fillrank.renames import read_plan, warn_of
from fillrank.runtime.paths import expanded, refuse_special
from fillrank.runtime.strict_json import nested_deeper

__all__ = ["OPTIONS", "ModelName", "OutPath", "parse_toml", "read_toml", "strict", "toml_text"]

Model = TypeVar("Model", bound=BaseModel)

OPTIONS = "the options"
"""The source name for input from the command line; messages then name the option."""

OutPath = Annotated[str, AfterValidator(lambda path: str(expanded(path, "the place to write to")))]
"""A path in a plan, with ``~`` read as everywhere."""


def _name_of_model(value: Any) -> Any:
    if isinstance(value, Mapping):
        name = value.get("name", "NAME")
        raise SettingsError(
            f'it is the name of a recipe, as in model = "{name}"; settings are in the table [settings], and a group of '
            "them in a table such as [settings.optimizer]"
        )
    return value


ModelName = Annotated[str, BeforeValidator(_name_of_model)]
"""The name of a recipe in a plan."""

_DEEPEST = 32  # levels of tables and lists that a plan may have
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read_toml(path: str | os.PathLike[str], what: str, over: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a TOML file, with old names replaced by new ones.

    Args:
        path: of the file.
        what: it is, for messages: ``"plan"``.
        over: values that take the place of the file's, table by table.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: it gives something by its old and by its new name.
    """
    file = expanded(path, f"the {what}")
    refuse_special(file, f"the {what}")
    try:
        content = parse_toml(file.read_text(encoding="utf-8-sig"), f"the {what} {file}")
    except OSError as error:
        raise DataError(f"the {what} {file} cannot be read ({error.strerror}); give a TOML file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the {what} {file} is not TOML: it is not UTF-8 ({error.reason}); save it as UTF-8") from error
    return deep_merge(_of_today(content, str(file)), _of_today(over or {}, OPTIONS))


def _of_today(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Replace old names in a plan by new ones, with a warning if there were any."""
    try:
        renamed, found = read_plan(content)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None
    warn_of(found, source)
    return renamed


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML text.

    Raises:
        DataError: it is not TOML, is nested too deep, or holds a whole number of more than 64 bits, which TOML does not
            have; names the place.
    """
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{source} is not TOML: it is nested too deep") from None
    except ValueError as error:  # of tomllib, or of Python about numbers of thousands of digits
        said = "a number has thousands of digits" if "integer string conversion" in str(error) else error
        raise DataError(f"{source} is not TOML: {said}") from error
    if nested_deeper(content, _DEEPEST):
        raise DataError(f"{source} is not TOML: it is nested too deep")
    for name, value in flatten(content):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int) and not -(1 << 63) <= one < 1 << 63:
                raise DataError(
                    f"{source} is not TOML: {name} is a whole number of {one.bit_length()} bits, more than 64"
                )
    return content


def strict(model: type[Model], content: Mapping[str, Any], *, source: str, what: str) -> Model:
    """Make a ``model`` from ``content``. If something is wrong, the error lists the known keys.

    Raises:
        SettingsError: a key is not known or missing, or a value is of the wrong kind or out of range.
    """
    try:
        return model(**_of_today(content, source))
    except RecursionError:
        raise SettingsError(f"{source}: it is nested too deep") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        close = difflib.get_close_matches(where, model.model_fields, n=1)
        if source == OPTIONS:
            raise SettingsError(named(f"--{where.replace('_', '-')}" if where else "", first)) from None
        said = named(f"{source}: {where}", first) if where else f"{source}: {named('', first)}"
        if first["type"] == "extra_forbidden" and close:
            said = f"{said} (did you mean {close[0]!r}?)"
        raise SettingsError(f"{said}; {what} has {', '.join(model.model_fields)}") from None


def toml_text(content: Mapping[str, Any]) -> str:
    """``content`` as TOML: plain values first, then its tables. None, which TOML does not have, is left out.

    Raises:
        SettingsError: a value is of a kind that TOML does not have.

    Example:
        >>> print(toml_text({"data": "ml-1m", "settings": {"dim": 64, "loss_settings": {"margins": [0.5, 0.9]}}}))
        data = "ml-1m"
        <BLANKLINE>
        [settings]
        dim = 64
        <BLANKLINE>
        [settings.loss_settings]
        margins = [0.5, 0.9]
        <BLANKLINE>
    """
    return "\n".join(_table(content, ())).lstrip("\n") + "\n"


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = [f"{_key(name)} = {_value(value)}" for name, value in content.items() if not _is_absent(value)]
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    head = ["", f"[{'.'.join(map(_key, path))}]"] if path and (plain or not tables) else []
    return [*head, *plain, *(line for name, value in tables.items() for line in _table(value, (*path, name)))]


def _is_absent(value: Any) -> bool:
    """The plain values of a table, without None and without inner tables."""
    return value is None or isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str | os.PathLike):
        return _string(str(value))
    if isinstance(value, Mapping):
        inside = (f"{_key(name)} = {_value(part)}" for name, part in value.items() if part is not None)
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise SettingsError(f"TOML has no form for {value!r}; it has strings, numbers, true, false, lists and tables")


def _string(text: str) -> str:
    """A basic string: JSON's escapes, and those of the one control character that JSON leaves bare."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
