"""Parts of a recipe (loss, sampler, encoder), given by name, as a table or as an object: read and write them."""

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
"""The settings that are parts, each with its registry. ``loss_settings`` and so on contain the parts' own settings."""


def called(part: Any) -> str:
    """The name of a part, or the full name of the object's class."""
    return part if isinstance(part, str) else label(part)


def written(part: Any) -> Any:
    """A part as written to a file: its name, or the record of an object without a name."""
    return part if isinstance(part, str) else record_of(part)


Part = Annotated[Any, PlainSerializer(written)]
"""A setting that is a name, or an object that cannot be made again from a name."""


def named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Separate the names of the parts from the parts' own settings.

    A table ``{"name": "bsl", "temperature": 0.2}``, or an object that can be made again from a name, becomes the name
    and the entries of ``loss_settings``; any other object is kept.

    Raises:
        SettingsError: see :meth:`fillrank.registry.Registry.split`; or a setting of a part is given twice, or is given
            together with an object.

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
    """Refuse objects without a name if names are needed.

    Args:
        objects: see :func:`objects_of`.
        needed_by: what needs the names: ``"a checkpoint"``.

    Raises:
        SettingsError: there is one; the message says how to give it a name.
    """
    for part, value in objects.items():
        kind = part.rpartition(".")[2]
        record = record_of(value)
        what = record.get("class") or record["function"]
        raise SettingsError(
            f"{needed_by} identifies a training by the names of its parts, and the {kind} {what} has none: "
            f"{PARTS[kind].how_to_name(value)}"
        )
