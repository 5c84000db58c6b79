"""Checks of the arguments of public functions: their types, their limits, and clear messages for wrong ones."""

from fillrank.arguments.checked import checked
from fillrank.arguments.kinds import Own, takes_also
from fillrank.arguments.limits import MOST_DIM, MOST_ROUNDS, affordable, count, threads
from fillrank.arguments.naming import naming
from fillrank.arguments.shapes import check_indices, fitting
from fillrank.arguments.showing import shown
from fillrank.arguments.single import Refused

__all__ = [
    "MOST_DIM",
    "MOST_ROUNDS",
    "Own",
    "Refused",
    "affordable",
    "check_indices",
    "checked",
    "count",
    "fitting",
    "naming",
    "shown",
    "takes_also",
    "threads",
]
