"""The options of a fit: the table ``[options]`` of a TOML file, or options of a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fillrank.errors import SettingsError
from fillrank.runtime.notices import say_once
from fillrank.training.callbacks import Callback, CSVLogger, JSONLLogger, TimeBudget
from fillrank.training.callbacks.budget import seconds_of
from fillrank.training.options import RUN_WORDS, FitOptions

__all__ = ["QuietOptions", "RunOptions", "options_apart"]

_LOGGERS = {".csv": CSVLogger, ".jsonl": JSONLLogger}


def _is_a_span(span: float | str | None) -> float | str | None:
    if span is not None:
        seconds_of(span)
    return span


def _is_a_log(path: str | None) -> str | None:
    if path is not None and Path(path).suffix not in _LOGGERS:
        raise SettingsError(f"the log of a training is a file that ends in {' or '.join(_LOGGERS)}, got {path!r}")
    return path


class RunOptions(BaseModel):
    """How a fit runs. These options are no settings of the model, and are not saved with it.

    In TOML::

        [options]
        device = "cpu"
        time_budget = "10m"
        log_to = "training.csv"

    Attributes:
        progress, device, n_threads, checkpoint: see :class:`fillrank.training.FitOptions`.
        time_budget: seconds, or a text such as ``"10m"``: see :class:`fillrank.training.callbacks.TimeBudget`.
        log_to: a file with a row for each epoch; it ends in ``.csv`` or ``.jsonl``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    progress: bool = True
    device: str = "auto"
    n_threads: int | None = Field(default=None, ge=1)
    checkpoint: str | None = None
    time_budget: Annotated[float | str | None, AfterValidator(_is_a_span)] = None
    log_to: Annotated[str | None, AfterValidator(_is_a_log)] = None

    def fit_options(self, *, checkpoint: Path | None = None, callbacks: Sequence[Callback] = ()) -> FitOptions:
        """Convert to the ``FitOptions`` of a fit.

        Args:
            checkpoint: where it goes, unless the options say so.
            callbacks: besides those that the options ask for.

        Raises:
            DataError: the log cannot be written.
        """
        logger = [] if self.log_to is None else [_LOGGERS[Path(self.log_to).suffix](self.log_to)]
        budget = [] if self.time_budget is None else [TimeBudget(self.time_budget)]
        return FitOptions(
            progress=self.progress,
            device=self.device,
            n_threads=self.n_threads,
            checkpoint=checkpoint if self.checkpoint is None else self.checkpoint,
            callbacks=(*logger, *budget, *callbacks),
        )


class QuietOptions(RunOptions):
    """The options for each of many fits, which show no progress unless it is asked for."""

    progress: bool = False


def options_apart(content: Mapping[str, Any]) -> dict[str, Any]:
    """Move options out of ``[settings]`` to ``[options]``; older files have them among the settings.

    Example:
        >>> options_apart({"model": "als", "settings": {"dim": 8, "n_threads": 2}})
        {'model': 'als', 'settings': {'dim': 8}, 'options': {'n_threads': 2}}
    """
    settings = content.get("settings")
    old = [name for name in RUN_WORDS if isinstance(settings, Mapping) and name in settings]
    if not old or not isinstance(settings, Mapping):
        return dict(content)
    say_once(
        f"{', '.join(old)}: how a fit runs stands under [options] in a TOML file; among the settings it is read until "
        "the next release"
    )
    given = content.get("options", {})
    moved = {name: settings[name] for name in old}
    kept = {name: value for name, value in settings.items() if name not in old}
    return {**content, "settings": kept, "options": {**moved, **given} if isinstance(given, Mapping) else given}
