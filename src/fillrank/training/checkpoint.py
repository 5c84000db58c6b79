"""``Checkpoint``: the state of a training in one file, to continue it later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fillrank.errors import DataError
from fillrank.runtime.atomic_write import UNSEALED, is_sealed, replacing, seal
from fillrank.runtime.strict_json import parse_json

__all__ = ["Checkpoint", "Saved"]


@dataclass(frozen=True)
class Saved:
    """The content of a checkpoint: named tensors, and plain data that JSON can hold."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix``, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


class Checkpoint:
    """A file for the state of a training, in safetensors format, so that nothing in it can be executed.

    Its header contains a digest of the whole file. Files of version 0.1 have no digest, and can still be read.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, saved: Saved) -> None:
        """Replace the content of the file by ``saved``; the file is complete at any time."""
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in saved.tensors.items()}
        with replacing(self.path) as temporary:
            metadata = {"facts": json.dumps(dict(saved.facts)), "digest": UNSEALED}
            save_file(tensors, temporary, metadata=metadata)
            seal(temporary)

    def read(self) -> Saved | None:
        """Read the last state; None if there is no file.

        Raises:
            DataError: the file is damaged or is no checkpoint.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.keys() not in ({"facts", "digest"}, {"facts"}):
                    raise ValueError("it has no record of its training")
                if "digest" in metadata and not is_sealed(self.path):
                    raise ValueError("it is not as it was written")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- it is no mapping
            facts = parse_json(metadata["facts"])
            if not isinstance(facts, dict):
                raise ValueError("its record is no table")
        except (SafetensorError, OSError, ValueError) as error:
            raise self.torn(error) from error
        return Saved(tensors, facts)

    def torn(self, reason: object) -> DataError:
        """Make the error that says that training cannot continue from the file."""
        return DataError(
            f"{self.path} is no whole checkpoint ({reason}); remove it to begin anew, or name another file"
        )
