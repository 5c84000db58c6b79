"""Samplers: draw the negatives of a batch."""

from fillrank.samplers.base import Negatives, Sampler, Score
from fillrank.samplers.hard import Hard
from fillrank.samplers.in_batch import InBatch
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.mixed import Mixed
from fillrank.samplers.policy import Exclude, NegativePolicy
from fillrank.samplers.popularity import Popularity
from fillrank.samplers.registry import SAMPLERS, as_sampler, sampler, takes_usual_count
from fillrank.samplers.uniform import Uniform

__all__ = [
    "SAMPLERS",
    "Exclude",
    "Hard",
    "InBatch",
    "KnownPositives",
    "Mixed",
    "NegativePolicy",
    "Negatives",
    "Popularity",
    "Sampler",
    "Score",
    "Uniform",
    "as_sampler",
    "sampler",
    "takes_usual_count",
]
