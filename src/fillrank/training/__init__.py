"""Batches, learners, the loop."""

from fillrank.runtime.distributed import World
from fillrank.training.autograd.contrast import ContrastStep, ViewTerm
from fillrank.training.autograd.step import Batch, CompletionStep, Step, StepWeights
from fillrank.training.learner import Autograd, Learner
from fillrank.training.looks import Listener, Look, listening, listening_alone, only_stops, tell
from fillrank.training.loop import History, LoopSettings, Monitor, train
from fillrank.training.rowwise.adam import RowAdam
from fillrank.training.rowwise.delayed_propagation import SpreadContrast, smoothed
from fillrank.training.rowwise.table_contrast import ContrastSettings, TableContrast

__all__ = [
    "Autograd",
    "Batch",
    "CompletionStep",
    "ContrastSettings",
    "ContrastStep",
    "History",
    "Learner",
    "Listener",
    "Look",
    "LoopSettings",
    "Monitor",
    "RowAdam",
    "SpreadContrast",
    "Step",
    "StepWeights",
    "TableContrast",
    "ViewTerm",
    "World",
    "listening",
    "listening_alone",
    "only_stops",
    "smoothed",
    "tell",
    "train",
]
