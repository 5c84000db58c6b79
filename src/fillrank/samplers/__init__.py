"""What a batch is contrasted with."""

from fillrank.samplers.base import Negatives, Sampler, Score
from fillrank.samplers.hard import Hard
from fillrank.samplers.in_batch import InBatch
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.mixed import Mixed
from fillrank.samplers.popularity import Popularity
from fillrank.samplers.registry import SAMPLERS, as_sampler, sampler, takes_usual_count
from fillrank.samplers.terms import Exclude, Terms
from fillrank.samplers.uniform import Uniform

__all__ = [
    "SAMPLERS",
    "Exclude",
    "Hard",
    "InBatch",
    "KnownPositives",
    "Mixed",
    "Negatives",
    "Popularity",
    "Sampler",
    "Score",
    "Terms",
    "Uniform",
    "as_sampler",
    "sampler",
    "takes_usual_count",
]
