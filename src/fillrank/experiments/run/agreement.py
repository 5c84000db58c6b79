"""Check that several processes that train one model have the same settings and data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fillrank._version import __version__
from fillrank.data import Interactions, Split
from fillrank.data.features import FeatureCoding
from fillrank.data.held_out_users import all_rows
from fillrank.experiments.toml.tables import flatten

__all__ = ["facts_of"]

_THEIR_OWN = {"data", "read", "out", "options", "item_features", "user_features"}
"""Facts that may differ between processes: paths, because another machine may have the same data elsewhere."""


def facts_of(asked: Mapping[str, Any], parts: Split, state: Path | None) -> dict[str, Any]:
    """The facts of a run: settings, data, versions, and the state that training continues from.

    Args:
        asked: the run, as plain data.
        parts: the data as this process has read them.
        state: the file or files of a training that was stopped (others begin with its name); None for none.
    """
    shared = {name: value for name, value in flatten(asked) if not _own(name)}
    logs = {"data of train": parts.train, "data of validation": parts.valid}
    read = {
        name: "none" if interactions is None else _digest(all_rows(interactions)) for name, interactions in logs.items()
    }
    return {**shared, **read, "unfinished training": _state(state), "fillrank": __version__}


def _own(name: str) -> bool:
    return any(name == own or name.startswith(f"{own}.") for own in _THEIR_OWN)


def _digest(interactions: Interactions) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for ids in (interactions.user_ids, interactions.item_ids):
        digest.update("\0".join(map(str, ids.ids)).encode("utf-8", "surrogatepass"))
    weights = (
        () if interactions.weights is None else (interactions.weights,)
    )  # digests of logs without them stay what they were
    for column in (interactions.users, interactions.items, interactions.values, interactions.times, *weights):
        digest.update(b"none" if column is None else np.ascontiguousarray(column).tobytes())
    for features in (interactions.item_features, interactions.user_features):
        if features is not None:
            numbers = FeatureCoding.of(features).matrix(features)
            for part in (numbers.indptr, numbers.indices, numbers.data):
                digest.update(np.ascontiguousarray(part).tobytes())
    return f"{len(interactions):,} rows, {digest.hexdigest()}"


def _state(state: Path | None) -> str:
    files = [] if state is None else sorted(state.parent.glob(f"{state.name}*"))
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest() if files else "none"
