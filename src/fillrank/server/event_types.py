"""What the types of events mean to a server: what they meant to the fit of its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fillrank.experiments.run import read_run
from fillrank.store.meaning import EventMeaning

__all__ = ["meaning_of"]


def meaning_of(run: Path | None, weights: Mapping[str, float] | None = None) -> EventMeaning:
    """The meaning of events for the model in a folder.

    Args:
        run: the folder, where ``run.toml`` says what the fit gave each type; None, or a folder without: nothing did.
        weights: take these instead.

    Raises:
        SettingsError: the weights are none, or the file cannot be read.
    """
    if weights is None and run is not None and (run / "run.toml").is_file():
        weights = read_run(run / "run.toml").read.get("event")
    return EventMeaning(weights=weights)
