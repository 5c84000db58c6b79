"""Compare several models under one protocol."""

from fillrank.experiments.compare.runs import Protocol, StopByHand, compare, refits, run_model

__all__ = ["Protocol", "StopByHand", "compare", "refits", "run_model"]
