"""``DelayedPropagation``: train a graph encoder on the fast route, and propagate changes only from time to time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fillrank.encoders import MF, GraphEncoder
from fillrank.errors import SettingsError
from fillrank.training.autograd.step import Batch
from fillrank.training.rowwise.table_contrast import TableContrast

__all__ = ["DelayedPropagation", "propagated"]


def propagated(encoder: GraphEncoder) -> MF:
    """The propagated vectors of a graph encoder as separate tables, which :class:`DelayedPropagation` trains."""
    with torch.no_grad():
        return MF(*encoder.tables(), similarity=encoder.similarity)


class DelayedPropagation:
    """LightGCN trained without a propagation in each step.

    LightGCN's vectors are ``F = M E`` with ``M = Σ_l w_l Â^l``. Here the steps of :class:`TableContrast` change F
    directly, as if each vector were its own layer 0 and its neighbours did not change. After ``every`` steps, the
    change of F is read as a change of ``w_0 E`` and propagated over the graph:

    ``F ← F₀ + (M/w_0) (F - F₀)``,

    where F₀ are the vectors after the last propagation. This approximates LightGCN in two ways: no gradient goes from a
    vector to its neighbours' parameters, and neighbours see a step up to ``every`` steps late. In return, a step costs
    as little as with MF. :class:`fillrank.training.Autograd` on the encoder is exact. The penalty applies to F.

    A change that all neighbours share is multiplied by up to ``Σ_l w_l / w_0`` (by three with two layers of equal
    weight). If other layers weigh much more than layer 0, lower the learning rate: with a factor of 17 the training did
    not converge.

    Args:
        steps: the learner of the tables that :func:`propagated` returned; they are changed in place.
        graph: the encoder that they came from. Its parameters are not used.
        every: steps between two propagations.

    Raises:
        SettingsError: layer 0 has weight 0, so a change of F cannot be read as a change of E; or ``every`` is below 1.
    """

    route = "closed form, touched rows, changes propagated over the graph"

    def __init__(self, steps: TableContrast, graph: GraphEncoder, *, every: int = 50) -> None:
        if every < 1:
            raise SettingsError(f"changes are propagated after a number of steps, 1 or more, got {every}")
        own, *others = graph.layer_weights
        if own == 0:
            raise SettingsError(
                "layer 0 has the weight 0, so a step on a vector is no step on its parameters; give it one, or take "
                "route='autograd'"
            )
        self.modules: Sequence[nn.Module] = steps.modules
        self.thresholds = steps.thresholds
        self._steps, self._graph, self._every, self._taken = steps, graph, every, 0
        self._weights = (0.0, *(weight / own for weight in others))
        self._tables = [parameter.detach() for module in steps.modules for parameter in module.parameters()]
        self._before = [table.clone() for table in self._tables]

    def learn(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :meth:`fillrank.training.Learner.learn`."""
        found = self._steps.learn(batch, generator)
        self._taken += 1
        if self._taken % self._every == 0:
            self._steps.all_gather(self._tables)
            users, items = (now - before for now, before in zip(self._tables, self._before, strict=True))
            reached = self._graph.propagated((users, items), self._weights)
            for table, before, change in zip(self._tables, self._before, reached, strict=True):
                before.copy_(table.add_(change))
        return found

    def scale_lr(self, factor: float) -> None:
        """See :meth:`fillrank.training.Learner.scale_lr`."""
        self._steps.scale_lr(factor)

    def state_dict(self) -> dict[str, Tensor]:
        """See :meth:`fillrank.training.Learner.state_dict`."""
        before = {f"before.{place}": table for place, table in enumerate(self._before)}
        return {**self._steps.state_dict(), **before, "taken": torch.tensor(self._taken)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """See :meth:`fillrank.training.Learner.load_state_dict`."""
        self._steps.load_state_dict(state)
        self._taken = int(state["taken"])
        for place, table in enumerate(self._before):
            table.copy_(state[f"before.{place}"])

    def all_gather(self, tensors: Sequence[Tensor]) -> None:
        """See :meth:`fillrank.training.Learner.all_gather`."""
        self._steps.all_gather(tensors)
