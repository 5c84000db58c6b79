"""The checkpoint folder of a run: its state, and the run that it belongs to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fillrank.errors import DataError, SettingsError
from fillrank.experiments.toml.files import read_toml, toml_text
from fillrank.experiments.toml.tables import differences
from fillrank.runtime.atomic_write import remove_leftovers, replacing
from fillrank.runtime.paths import with_ending
from fillrank.training.options import without_run_words

__all__ = ["Resumable", "remove_states"]


class Resumable:
    """The folder ``<out>.checkpoint``: ``state.safetensors``, written after each epoch, and the ``run.toml`` it is of.

    Args:
        out: where the model will be saved.
    """

    def __init__(self, out: Path) -> None:
        self.folder = with_ending(out, ".checkpoint")
        self.state = self.folder / "state.safetensors"
        self._run = self.folder / "run.toml"

    @property
    def begun(self) -> bool:
        """Whether there is a state to continue from; a blend has one for each part that is trained."""
        return any(self.folder.glob(f"{self.state.name}*"))

    def begin(self, run: Mapping[str, Any], *, fresh: bool = False) -> None:
        """Store the run of the state; a state that exists already must belong to the same run.

        Args:
            run: as plain data.
            fresh: remove a state that exists.

        Raises:
            SettingsError: it is of a run with other settings (names those that differ), its ``run.toml`` is torn, or
                the folder holds something else.
        """
        self._check_own()
        if fresh and self.folder.exists():
            self.end()
        if self.begun and self._run.exists():
            before, now = (_what_is_fitted(one) for one in (self._before(), tomllib.loads(toml_text(run))))
            other = differences(before, now)
            if other:
                raise SettingsError(
                    f"{self.folder} holds an unfinished training with other settings ({', '.join(other)}); "
                    "give the same ones to go on with it, or remove the folder to begin anew (fillrank fit --fresh)"
                )
        with replacing(self._run) as temporary:
            temporary.write_text(toml_text(run), encoding="utf-8")

    def end(self) -> None:
        """Remove the folder after the training, or only fillrank's files in it."""
        remove_states(self.state)
        self._run.unlink(missing_ok=True)
        for file in (self.state, self._run):  # of a process that was killed in its first epoch
            remove_leftovers(file)
        with suppress(OSError):
            self.folder.rmdir()

    def _before(self) -> dict[str, Any]:
        try:
            return read_toml(self._run, "run")
        except DataError as error:
            raise SettingsError(f"{self._run} is torn ({error}); remove {self.folder} to begin anew") from error

    def _check_own(self) -> None:
        """Refuse a folder with other files, because the folder is removed at the end."""
        if not self.folder.exists() and not self.folder.is_symlink():
            return
        if not self.folder.is_dir():
            raise SettingsError(f"{self.folder} is a file, and the state of the training goes there; move it")
        others = [file.name for file in self.folder.iterdir() if not _OURS.fullmatch(file.name)]
        if others:
            raise SettingsError(
                f"{self.folder} is where the state of the training goes, and it holds something else "
                f"({', '.join(sorted(others)[:3])}); move it, or save the model under another name"
            )


def remove_states(state: Path) -> None:
    """Remove the file of a state, and those of the second fit and of the parts of a blend beside it."""
    suffix = re.compile(rf"{re.escape(state.name)}(?:\.(?:refit|\d+))*")
    for file in state.parent.glob(f"{state.name}*") if state.parent.is_dir() else ():
        if suffix.fullmatch(file.name):
            remove_leftovers(file)
            file.unlink(missing_ok=True)


def _what_is_fitted(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run without its options, and without ``refit``, which matters only after the state is complete."""
    settings = run.get("settings", {})
    own = without_run_words(settings) if isinstance(settings, Mapping) else settings
    return {name: value for name, value in run.items() if name not in {"refit", "options"}} | {"settings": own}


_STATE = r"state\.safetensors(?:\.(?:refit|\d+))*"  # of the second fit, of a part of a blend
_OURS = re.compile(rf"run\.toml|{_STATE}|\.(?:run\.toml|{_STATE})\..{{8}}\.fillrank-tmp")
