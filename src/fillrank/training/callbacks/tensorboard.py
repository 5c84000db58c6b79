"""``TensorBoard``: write metrics for TensorBoard."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from fillrank.errors import DataError, MissingExtraError
from fillrank.runtime.atomic_write import check_inside
from fillrank.runtime.distributed import World
from fillrank.training.callbacks.events import Callback, EpochEnd, FitEnd, FitStart

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes each metric of each epoch as a scalar: ``tensorboard --logdir FOLDER`` shows them while a fit runs.

    The name of a scalar is ``stage/metric``, such as ``fit/valid_ndcg@20``; for a part of a blend, the name of the part
    comes first. Each call of ``fit`` makes a new run in the folder. With several processes, only the first one writes.

    Args:
        folder: the folder for TensorBoard's files; it is created if it does not exist.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        DataError: the folder cannot be written to.

    Example:
        ``recipe.fit(train, valid, callbacks=[TensorBoard("runs")])``
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            import_module("tensorboard")
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError('TensorBoard is not installed; pip install "fillrank[tensorboard]"') from error
        self._make: Any = SummaryWriter
        self.folder = check_inside(folder, "the folder of TensorBoard", DataError)
        self._writer: Any = None
        self._fits, self._model = 0, ""

    def on_fit_start(self, start: FitStart) -> None:
        """Open a run."""
        if World.current().rank > 0:
            return
        while (run := self.folder / f"{start.model}-{self._fits}").exists():
            self._fits += 1
        self._writer, self._model = self._make(log_dir=str(run)), start.model

    def on_epoch_end(self, end: EpochEnd) -> None:
        """Write the scalars."""
        if self._writer is None:
            return
        part = "" if end.model == self._model else f"{end.model.removeprefix(f'{self._model}.')}/"
        scalars = dict(end.metrics) | ({} if end.score is None else {"score": end.score})
        for name, value in scalars.items():
            self._writer.add_scalar(f"{part}{end.stage}/{name}", value, end.epoch)
        self._writer.flush()

    def on_fit_end(self, end: FitEnd) -> None:  # noqa: ARG002
        """Close the run."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
