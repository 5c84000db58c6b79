"""Tune settings of a study's entries before its runs, each entry with the same number of trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fillrank.errors import TrainingError
from fillrank.experiments.data.subsample import Subsample
from fillrank.experiments.toml.tables import deep_merge, unflatten
from fillrank.experiments.tune.plan import TunePlan
from fillrank.experiments.tune.run import run_tune

__all__ = ["Tuning"]


class Tuning(BaseModel):
    """Trials on the validation part. All runs of the entry use their best settings, whatever the protocol.

    In TOML::

        [entries.mmcl.tune]
        n_trials = 6
        subsample = { users = 0.25 }
        settings = { epochs = 8 }

        [entries.mmcl.tune.search]
        learning_rate = { low = 1e-3, high = 1e-2, log = true }

    Attributes:
        n_trials: how many; none is cut short.
        seed: of the split, of the trials and of what they draw.
        subsample: the part of the data on which the trials work.
        settings: of the trials, over those of the entry.
        search: what is varied; see :class:`fillrank.experiments.tune.plan.TunePlan`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_trials: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    subsample: Subsample = Subsample()
    settings: dict[str, Any] = Field(default_factory=dict)
    search: dict[str, Any]

    @property
    def varied(self) -> set[str]:
        """The settings that are varied as a whole (not those of which only a part is varied)."""
        return {
            name
            for name, wanted in self.search.items()
            if isinstance(wanted, list) or not {"low", "choices"}.isdisjoint(wanted)
        }

    def plan(self, study: Mapping[str, Any], model: str, settings: Mapping[str, Any], out: Path) -> TunePlan:
        """The trials as a plan.

        Args:
            study: what they take from the study: its data, the share held out, the metric.
            model: the name of the recipe.
            settings: of the entry.
            out: their folder.

        Raises:
            SettingsError: a range or a setting cannot work.
        """
        content = {
            **study,
            "seed": self.seed,
            "subsample": self.subsample.model_dump(),
            "model": model,
            "n_trials": self.n_trials,
            "out": str(out),
            "pruning": False,
            "settings": deep_merge(settings, self.settings),
            "search": self.search,
        }
        return TunePlan.of(content, f"tune of {model}")

    def best(self, study: Mapping[str, Any], model: str, settings: Mapping[str, Any], out: Path) -> dict[str, Any]:
        """The entry's settings with the best ones of the trials; trials in the folder ``out`` are not repeated.

        Args:
            study, model, settings, out: see :meth:`plan`.

        Raises:
            KeyboardInterrupt: it was stopped by hand.
            TrainingError: no trial came to its end.
        """
        record = run_tune(self.plan(study, model, settings, out))
        if record.interrupted:
            raise KeyboardInterrupt
        if record.best is None:
            raise TrainingError(f"no trial of {model} came to its end, so there are no settings to go by")
        return deep_merge(settings, unflatten(record.best.settings))
