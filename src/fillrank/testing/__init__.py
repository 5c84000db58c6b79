"""Contract tests for your own losses, samplers, encoders, solvers and models; fillrank tests its own parts with them.

Each is one call, tries what the contracts in ``docs/architecture.md`` promise, and raises a
:class:`~fillrank.errors.ContractError` (an ``AssertionError``) that names the part, the place and the broken promise.

>>> def squared_hinge(pos, neg):
...     return (neg - pos[:, None] + 0.5).relu().square().mean(1)
>>> check_loss(squared_hinge)
>>> check_loss(lambda pos, neg: (neg - pos[:, None]).mean(1))
Traceback (most recent call last):
fillrank.errors.ContractError: the loss <lambda> with some negatives masked (as minus infinity: take mask ...): ...
"""

from fillrank.testing.encoders import check_encoder
from fillrank.testing.losses import check_loss
from fillrank.testing.models import check_model
from fillrank.testing.samplers import check_sampler
from fillrank.testing.solvers import check_solver

__all__ = ["check_encoder", "check_loss", "check_model", "check_sampler", "check_solver"]
