"""Parts of a recipe: by name, as a table, or as an object; how they are read, and what is written down of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer

from fillrank.encoders import ENCODERS
from fillrank.errors import SettingsError
from fillrank.losses import LOSSES
from fillrank.registry import Registry, label, record_of
from fillrank.samplers import SAMPLERS

__all__ = ["PARTS", "Part", "called", "named", "objects_of", "refuse_objects", "written"]

PARTS: Mapping[str, Registry[Any]] = {"loss": LOSSES, "sampler": SAMPLERS, "encoder": ENCODERS}
"""The settings that are parts, and where their names are looked up. ``loss_settings`` and so on are theirs."""


def called(part: Any) -> str:
    """The name of a part, or in its place the full name of the object's class."""
    return part if isinstance(part, str) else label(part)


def written(part: Any) -> Any:
    """A part for a file: its name, or the record of an object that has none."""
    return part if isinstance(part, str) else record_of(part)


Part = Annotated[Any, PlainSerializer(written)]
"""A name once it is read, or an object that no name can make again."""


def named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a recipe with the names of its parts apart from the parts' own settings.

    A table ``{"name": "bsl", "temperature": 0.2}`` and an object that a name can make again become that name and what
    stands in ``loss_settings``; any other object stays.

    Raises:
        SettingsError: see :meth:`fillrank.registry.Registry.split`; or a setting of a part is given twice, or one of an
            object that is made already.

    Example:
        >>> named({"loss": {"name": "ccl", "margin": 0.4}, "loss_settings": {"negative_weight": 10}})
        {'loss': 'ccl', 'loss_settings': {'margin': 0.4, 'negative_weight': 10}}
    """
    found = dict(settings)
    for part, registry in PARTS.items():
        beside = f"{part}_settings"
        given, apart = settings.get(part), settings.get(beside, {})
        if (
            given is None or isinstance(given, str) or not isinstance(apart, Mapping)
        ):  # the latter is refused by its type
            if isinstance(given, str):
                registry.check(given)
            continue
        found[part], own = registry.split(given)
        if twice := sorted(own.keys() & apart.keys()):
            raise SettingsError(
                f"{', '.join(twice)} of the {part} is given twice; leave it out of {part} or of {beside}"
            )
        is_made = not isinstance(given, Mapping | type) and not hasattr(given, "__qualname__")
        if is_made and apart:
            raise SettingsError(f"the {part} is an object, and takes no more settings; leave {beside} out")
        if own or apart:
            found[beside] = {**own, **apart}
    return found


def objects_of(recipe: Any) -> dict[str, Any]:
    """The parts of a recipe that are objects without a name, by the names of the settings."""
    values = {part: getattr(recipe, part, None) for part in PARTS}
    return {part: value for part, value in values.items() if value is not None and not isinstance(value, str)}


def refuse_objects(objects: Mapping[str, Any], needed_by: str) -> None:
    """Refuse what has no name, where a name is needed.

    Args:
        objects: see :func:`objects_of`.
        needed_by: what needs it: ``"a checkpoint"``.

    Raises:
        SettingsError: there is one; says how to give it a name.
    """
    for part, value in objects.items():
        kind = part.rpartition(".")[2]
        record = record_of(value)
        what = record.get("class") or record["function"]
        raise SettingsError(
            f"{needed_by} tells a training by the names of its parts, and the {kind} {what} has none: "
            f"{PARTS[kind].how_to_name(value)}"
        )
