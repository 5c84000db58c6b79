"""``FitOptions``: how a fit runs (progress, device, threads, checkpoint, callbacks)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict

from fillrank.arguments import checked, threads
from fillrank.errors import SettingsError
from fillrank.runtime.atomic_write import check_file
from fillrank.training.callbacks.events import Callback

__all__ = ["RUN_WORDS", "FitKeywords", "FitOptions", "options_with", "without_run_words"]

RUN_WORDS = ("progress", "device", "n_threads", "checkpoint")
"""Options of a fit that were settings of recipes in version 0.1; older files have them among the settings."""


class FitKeywords(TypedDict, total=False):
    """The options of a fit as keywords; see :class:`FitOptions`."""

    progress: bool
    device: str
    n_threads: int | None
    checkpoint: str | Path | None
    callbacks: Sequence[Callback]


@checked
@dataclass(frozen=True)
class FitOptions:
    """How a fit runs. These options are not settings of the model, and are not saved with it.

    Attributes:
        progress: show the progress: a bar on a terminal, elsewhere a line from time to time.
        device: the device on which the contrastive models and CMC train; ``"auto"`` takes a GPU if there is one. All
            other models are fitted on the CPU.
        n_threads: the largest number of threads; None: as many as PyTorch uses.
        checkpoint: a file that gets the state after each epoch. A training that was stopped continues from it. Only for
            models that are trained batch by batch. The second fit has its own file (``….refit``), and so has each part
            of a blend (``….0``).
        callbacks: objects that follow the training and may stop it; see :class:`fillrank.training.callbacks.Callback`.

    Raises:
        SettingsError: the file of the checkpoint cannot be written.

    Example:
        >>> from fillrank.data import synthetic
        >>> from fillrank.models import SGD
        >>> quietly = FitOptions(progress=False, n_threads=1)
        >>> model = SGD(dim=4).fit(synthetic(200, 100, 6000, rank=2).interactions, options=quietly)
        >>> "progress" in model.settings
        False
    """

    progress: bool = True
    device: str = "auto"
    n_threads: int | None = None
    checkpoint: str | Path | None = None
    callbacks: Sequence[Callback] = ()

    def __post_init__(self) -> None:
        if self.n_threads is not None:
            threads("n_threads", self.n_threads)
        if self.checkpoint is not None:
            place = check_file(self.checkpoint, "the checkpoint", SettingsError)
            object.__setattr__(self, "checkpoint", place)


def options_with(options: FitOptions | None, keywords: Mapping[str, Any]) -> FitOptions:
    """The options, with the given keywords in place of its own values.

    Raises:
        SettingsError: a keyword is no option.
    """
    known = [field.name for field in fields(FitOptions)]
    for name in keywords:
        if name not in known:
            raise SettingsError(f"fit has no option {name!r}; it has {', '.join(('refit', *known))}").about(name)
    return FitOptions(**keywords) if options is None else replace(options, **keywords)


def without_run_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Remove fit options from the settings in a file of an older version, also from the parts of a blend.

    Example:
        >>> without_run_words({"dim": 8, "progress": False, "parts": [{"model": "sgd", "settings": {"n_threads": 2}}]})
        {'dim': 8, 'parts': [{'model': 'sgd', 'settings': {}}]}
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            own = value.get("settings")
            return value if not isinstance(own, Mapping) else {**value, "settings": without_run_words(own)}
        return value

    kept = {name: value for name, value in settings.items() if name not in RUN_WORDS}
    if isinstance(kept.get("parts"), list):
        kept["parts"] = [plain(part) for part in kept["parts"]]
    return kept
