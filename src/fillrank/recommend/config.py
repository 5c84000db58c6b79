"""Read and check ``config.json`` of a saved model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fillrank._version import __version__
from fillrank.arguments import shown
from fillrank.errors import ModelFileError
from fillrank.renames import read_model, warn_of
from fillrank.runtime.atomic_write import is_sealed
from fillrank.runtime.atomic_write.marks import CONFIG, LARGEST
from fillrank.runtime.strict_json import is_number, read_json

__all__ = ["FORMAT", "read_config"]

FORMAT = 2
"""Version of the folder's layout. A newer one is refused. Version 1, of fillrank 0.1, had no mark and no digest of
``config.json`` itself."""

_ADVICE = "save the model again"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` in ``folder``, and check the types of its entries.

    Raises:
        ModelFileError: the file is missing, damaged, not written by fillrank, or of a newer format.
    """
    file = folder / CONFIG
    if folder.exists() and not folder.is_dir():
        raise ModelFileError(f"{folder} is a file; give the folder that save() wrote")
    if not file.is_file():
        raise ModelFileError(f"there is no saved model in {folder} (no {CONFIG}); give the folder that save() wrote")
    config = read_json(file, ModelFileError, advice=_ADVICE, largest=LARGEST)
    found = config.get("format") if isinstance(config, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise ModelFileError(f"{file} is torn or foreign: it names no format; {_ADVICE}")
    if found > FORMAT:
        raise ModelFileError(
            f"{folder} is of format {found}, this fillrank {__version__} reads up to {FORMAT}; upgrade fillrank"
        )
    if is_sealed(file) is False or (found > 1 and not is_sealed(file)):
        raise ModelFileError(f"{folder} is torn: {CONFIG} is not as it was written; {_ADVICE}")
    config, renamed = read_model(config)
    for name in ("refit", "relevant_from", "item_table", "item_features", "user_features"):  # 0.1 has none of them
        config.setdefault(name, None)
    config.setdefault("same", {})
    for name, (fits, wanted) in _PARTS.items():
        if name not in config or not fits(config[name]):
            came = shown(config[name]) if name in config else "nothing"
            raise ModelFileError(f"{file} is torn or foreign: {name} has to be {wanted}, it is {came}; {_ADVICE}")
    warn_of(renamed, str(folder))
    return dict(config)


def _is_range(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and value[0] <= value[1]
    )


def _are_digests(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _NAME.fullmatch(name) and isinstance(digest, str) and _DIGEST.fullmatch(digest)
        for name, digest in value.items()
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(other, str) for other in value.values())


def _is_item_table(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(
            isinstance(one, Mapping) and _is_text(one.get("name")) and isinstance(one.get("values"), list)
            for one in value
        )
    )


def _are_columns(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(one, Mapping) and _is_text(one.get("name")) for one in value)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


_PARTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sha256": (_are_digests, "a table of file names and digests"),
    "name": (_is_text, "text"),
    "data": (_is_text, "text"),
    "settings": (_is_table, "a table"),
    "value_range": (_is_range, "null or two finite numbers, the smaller first"),
    "scorer": (_is_table, "a table"),
    "relevant_from": (lambda value: value is None or is_number(value), "null or a finite number"),
    "same": (_are_names, "a table of names of tensors"),
    "item_table": (_is_item_table, "null or a list of columns, each with a name and values"),
    "item_features": (_are_columns, "null or a list of columns, each with a name"),
    "user_features": (_are_columns, "null or a list of columns, each with a name"),
    "refit": (lambda value: value is None or isinstance(value, bool), "null, true or false"),
    "predictor": (lambda value: value is None or _is_table(value), "null or a table"),
}
