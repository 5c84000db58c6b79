"""What a batch is contrasted with."""

from fillrank.samplers.base import Negatives, Sampler
from fillrank.samplers.in_batch import InBatch
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.uniform import Uniform

__all__ = ["InBatch", "KnownPositives", "Negatives", "Sampler", "Uniform"]
