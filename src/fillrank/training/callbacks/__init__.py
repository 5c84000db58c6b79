"""Callbacks: they are called during a training, and can stop it.

======================= ==============================================================
:class:`Callback`       the base class: override what you want to hear
:class:`CSVLogger`      a row of a CSV file for each epoch
:class:`JSONLLogger`    a line of JSON for each epoch
:class:`TensorBoard`    scalars for TensorBoard (``pip install "fillrank[tensorboard]"``)
:class:`TimeBudget`     stops when the time is up, and keeps the best epoch
:class:`Recorder`       keeps what it hears in a list
:class:`LambdaCallback` functions in the place of methods
======================= ==============================================================

They are handed in: ``model.fit(train, valid, callbacks=[TimeBudget("10m")])``.
"""

from fillrank.training.callbacks.budget import TimeBudget
from fillrank.training.callbacks.events import Callback, EpochEnd, FitEnd, FitStart, Stage, StageStart, StepEnd
from fillrank.training.callbacks.loggers import CSVLogger, JSONLLogger
from fillrank.training.callbacks.simple import LambdaCallback, Recorder
from fillrank.training.callbacks.tensorboard import TensorBoard

__all__ = [
    "CSVLogger",
    "Callback",
    "EpochEnd",
    "FitEnd",
    "FitStart",
    "JSONLLogger",
    "LambdaCallback",
    "Recorder",
    "Stage",
    "StageStart",
    "StepEnd",
    "TensorBoard",
    "TimeBudget",
]
