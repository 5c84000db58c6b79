"""A training that has not ended: its state beside the place of the model, and which run it belongs to."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillrank.errors import SettingsError
from fillrank.experiments.nested import differences
from fillrank.experiments.toml_files import toml_text
from fillrank.writing import replacing

__all__ = ["Unfinished"]


class Unfinished:
    """The folder ``<out>.checkpoint``: ``state.safetensors``, written after each epoch, and the ``run.toml`` it is of.

    Args:
        out: where the model will be saved.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f"{out.name}.checkpoint")
        self.state = self.folder / "state.safetensors"
        self._run = self.folder / "run.toml"

    @property
    def begun(self) -> bool:
        """Whether there is a state to go on from; a blend has one for each part that is trained."""
        return any(self.folder.glob(f"{self.state.name}*"))

    def begin(self, run: Mapping[str, Any]) -> None:
        """Note which run the state is of; a state that is there already has to be of the same run.

        Raises:
            SettingsError: it is of a run with other settings; names those that differ.
        """
        if self.begun and self._run.exists():
            before = tomllib.loads(self._run.read_text(encoding="utf-8"))
            other = differences(before, tomllib.loads(toml_text(run)))
            if other:
                raise SettingsError(
                    f"{self.folder} holds an unfinished training with other settings ({', '.join(other)}); "
                    "give the same ones to go on with it, or remove the folder to begin anew"
                )
        with replacing(self._run) as temporary:
            temporary.write_text(toml_text(run), encoding="utf-8")

    def end(self) -> None:
        """The training is done: remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
