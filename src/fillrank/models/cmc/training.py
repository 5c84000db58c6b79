"""The training of CMC: short trainings to choose the temperature, then the full training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from fillrank.data import Interactions
from fillrank.losses import Ladder
from fillrank.models.cmc.build import CMCMonitor, CMCParts
from fillrank.models.cmc.settings import CMCSettings
from fillrank.models.trials import Allowance, Found, chosen_before, climb_ladders
from fillrank.training import Autograd, History, LoopSettings, World, train
from fillrank.training.context import FitContext

__all__ = ["CMCTraining"]


@dataclass(frozen=True)
class CMCTraining:
    """The trained modules, their log, and the monitor.


    Attributes:
        recipe: the recipe; no setting of the training is ``"auto"``.
        parts: the untrained parts.
        interactions: the log to learn from.
        watch: evaluates the validation part; None: there is none.
        context: the context of the fit.
    """

    recipe: CMCSettings
    parts: CMCParts
    interactions: Interactions
    watch: CMCMonitor | None
    context: FitContext

    def choose(self, ladders: Sequence[Ladder]) -> tuple[CMCTraining, Found | None]:
        """The same training with the best settings along the ladders: from a checkpoint, or by short trainings."""
        if not ladders or self.watch is None:
            return self, None
        settings, names = self.recipe.loop_settings(), [name for ladder in ladders for name in ladder.names]
        if (known := chosen_before(settings, names, self.context)) is not None:
            return self._with(known), None
        allowed = Allowance.of(settings, len(self.interactions), ladders)
        found = climb_ladders(
            ladders,
            {name: getattr(self.recipe, name) for name in names},
            nn.ModuleList(self.parts.modules),
            partial(self._briefly, allowed),
            allowed=allowed,
            context=self.context,
        )
        return self._with(found.settings), found

    def run(self) -> History:
        """Run the full training."""
        return self.loop(self.recipe.loop_settings())

    def loop(self, settings: LoopSettings) -> History:
        """Run a training with ``settings``."""
        recipe, parts = self.recipe, self.parts
        step = parts.step(recipe, self.interactions)
        rates = recipe.learning_rates(len(parts.modules))
        learner = Autograd(step, parts.modules, rates, max_grad_norm=recipe.max_grad_norm, world=World.current())
        rows = parts.rows(step, recipe, self.interactions)
        return train(learner, rows, settings, None if self.watch is None else self.watch.look, self.context)

    def _with(self, chosen: Mapping[str, Any]) -> CMCTraining:
        recipe = self.recipe.model_copy(update=dict(chosen))
        return replace(self, recipe=recipe, watch=None if self.watch is None else replace(self.watch, settings=recipe))

    def _briefly(self, allowed: Allowance, chosen: Mapping[str, Any]) -> tuple[float, History]:
        """See :data:`fillrank.models.trials.Training`; with the exponential, a gain of one percent is one percent."""
        tried = replace(self._with(chosen), context=self.context.within_trial())
        history = tried.loop(allowed.loop(tried.recipe.loop_settings(), len(self.interactions)))
        return math.exp(tried.reached()), history

    def reached(self) -> float:
        """Evaluate the current modules by the monitor."""
        return World.current().broadcast(lambda: -math.inf if self.watch is None else self.watch.look()[0])
