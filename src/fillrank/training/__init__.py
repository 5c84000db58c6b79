"""Batches, learners, the loop."""

from fillrank.runtime.distributed import World
from fillrank.training.contrast import ContrastStep, ViewTerm
from fillrank.training.learner import Autograd, Learner
from fillrank.training.looks import Listener, Look, listening, listening_alone, only_stops, tell
from fillrank.training.loop import History, LoopSettings, Monitor, train
from fillrank.training.rowwise import RowAdam
from fillrank.training.spread import SpreadContrast, smoothed
from fillrank.training.step import Batch, CompletionStep, Step, StepWeights
from fillrank.training.table_contrast import ContrastSettings, TableContrast

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
