"""Batches, the step, the loop."""

from fillrank.training.loop import History, LoopSettings, Monitor, train
from fillrank.training.step import Batch, CompletionStep, Step, StepWeights

__all__ = ["Batch", "CompletionStep", "History", "LoopSettings", "Monitor", "Step", "StepWeights", "train"]
