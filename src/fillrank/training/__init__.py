"""Training: batches, learners, the trainer, the common loop of all iterative methods, and callbacks."""

from fillrank.runtime.distributed import World
from fillrank.training import callbacks
from fillrank.training.autograd.contrast import ContrastStep, ViewTerm
from fillrank.training.autograd.step import Batch, CompletionStep, Step, StepWeights
from fillrank.training.learner import Autograd, Learner
from fillrank.training.loop import LoopSettings, Monitor, train
from fillrank.training.options import FitOptions
from fillrank.training.rounds import History
from fillrank.training.rowwise.adam import RowAdam
from fillrank.training.rowwise.delayed_propagation import DelayedPropagation, propagated
from fillrank.training.rowwise.table_contrast import ContrastSettings, TableContrast
from fillrank.training.thresholds import TableScores, Thresholds

__all__ = [
    "Autograd",
    "Batch",
    "CompletionStep",
    "ContrastSettings",
    "ContrastStep",
    "DelayedPropagation",
    "FitOptions",
    "History",
    "Learner",
    "LoopSettings",
    "Monitor",
    "RowAdam",
    "Step",
    "StepWeights",
    "TableContrast",
    "TableScores",
    "Thresholds",
    "ViewTerm",
    "World",
    "callbacks",
    "propagated",
    "train",
]
