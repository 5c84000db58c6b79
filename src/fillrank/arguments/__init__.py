"""Arguments of public functions, looked at once at the door: kinds, limits, and words for what is wrong."""

from fillrank.arguments.checked import checked
from fillrank.arguments.kinds import Own, takes_also
from fillrank.arguments.limits import MOST_DIM, MOST_ROUNDS, affordable, count, threads
from fillrank.arguments.naming import naming
from fillrank.arguments.shapes import check_places, fitting
from fillrank.arguments.showing import shown
from fillrank.arguments.single import Refused

__all__ = [
    "MOST_DIM",
    "MOST_ROUNDS",
    "Own",
    "Refused",
    "affordable",
    "check_places",
    "checked",
    "count",
    "fitting",
    "naming",
    "shown",
    "takes_also",
    "threads",
]
