"""``Learner``: turns a batch into an update of the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fillrank.runtime.distributed import World
from fillrank.runtime.threads import all_threads, one_thread
from fillrank.training.autograd.step import Batch, Step
from fillrank.training.thresholds import Thresholds

__all__ = ["Autograd", "Learner"]


class Learner(Protocol):
    """The interface that the training loop uses: it takes batches, and updates the parameters of its modules.

    A learner may have ``thresholds`` (:class:`fillrank.training.Thresholds`): the loop refreshes and saves them.

    Attributes:
        modules: the modules whose parameters are trained.
        route: a name for the method, for reports.
    """

    modules: Sequence[nn.Module]
    route: str

    def learn(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Do one step on a batch, and return the named parts of its loss, each a scalar."""
        ...

    def scale_lr(self, factor: float) -> None:
        """From now on, use the initial learning rates times ``factor``."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """The state that a resumed training needs besides the parameters; all processes must call it together."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        ...

    def all_gather(self, tensors: Sequence[Tensor]) -> None:
        """Fetch the rows that other processes have updated; all processes must call it together.

        Args:
            tensors: one for each parameter of the modules, such as the parameters themselves or an average of them.
        """
        ...


class Autograd:
    """A learner for any step: PyTorch computes the gradients, and Adam (Kingma & Ba 2015) updates all parameters.

    Args:
        step: computes the loss of a batch.
        modules: the modules whose parameters are trained.
        learning_rates: one for each module.
        max_grad_norm: largest length of the whole gradient; longer ones are scaled down to it. None: no limit.
        world: the processes that share each batch.
    """

    route = "autograd"

    def __init__(
        self,
        step: Step,
        modules: Sequence[nn.Module],
        learning_rates: Sequence[float],
        *,
        max_grad_norm: float | None = None,
        world: World | None = None,
    ) -> None:
        groups = zip(modules, learning_rates, strict=True)
        self.modules = modules
        self._step, self._clip, self._world = step, max_grad_norm, world or World()
        self.thresholds: Thresholds | None = getattr(step, "thresholds", None)
        self._rates = list(learning_rates)
        self._adam = torch.optim.Adam(
            [{"params": list(part.parameters()), "lr": rate} for part, rate in groups], fused=True
        )

    @one_thread()
    def learn(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :meth:`Learner.learn`."""
        parts = self._step(batch.shard(self._world), generator)
        if not parts:  # no process has anything to learn from these rows
            return {}
        self._adam.zero_grad()
        total: Any = sum(parts.values())
        total.backward()
        parameters = [p for module in self.modules for p in module.parameters() if p.grad is not None]
        found = {name: part.detach().clone() for name, part in parts.items()}
        self._world.all_reduce(*[p.grad for p in parameters if p.grad is not None], *found.values())
        if self._clip is not None:
            nn.utils.clip_grad_norm_(parameters, self._clip)
        with all_threads():  # allowed: Adam is element-wise, without sums
            self._adam.step()
        return found

    def scale_lr(self, factor: float) -> None:
        """See :meth:`Learner.scale_lr`."""
        for group, rate in zip(self._adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def state_dict(self) -> dict[str, Tensor]:
        """See :meth:`Learner.state_dict`."""
        moments = self._adam.state_dict()["state"]
        return {f"{number}.{name}": torch.as_tensor(t) for number, own in moments.items() for name, t in own.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """See :meth:`Learner.load_state_dict`."""
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            number, _, moment = name.partition(".")
            moments.setdefault(int(number), {})[moment] = tensor
        parameters = [parameter for group in self._adam.param_groups for parameter in group["params"]]
        for place, found in moments.items():
            wanted = {"exp_avg": parameters[place].shape, "exp_avg_sq": parameters[place].shape, "step": torch.Size()}
            if {name: tensor.shape for name, tensor in found.items()} != wanted:
                raise ValueError("the moments of its gradients are not those of this training")
        self._adam.load_state_dict({**self._adam.state_dict(), "state": moments})

    def all_gather(self, tensors: Sequence[Tensor]) -> None:
        """See :meth:`Learner.all_gather`; here all processes have all rows already."""
