"""The training of contrastive recipes: short trainings to choose the loss's settings, then the full training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fillrank.data import Interactions
from fillrank.losses import Ladder, ScoreLoss
from fillrank.models.contrastive.build import ContrastiveMonitor, ContrastiveParts, pick_route
from fillrank.models.contrastive.settings import ContrastiveSettings, loss_of
from fillrank.models.row_weights import power_of, weighed
from fillrank.models.trials import Allowance, Found, chosen_before, climb_ladders
from fillrank.runtime.notices import say_once
from fillrank.training import Batch, History, LoopSettings, World, train
from fillrank.training.context import FitContext

__all__ = ["ContrastiveTraining"]


_TRIED_WEIGHTS = (0.0, 0.15, 0.45)
_OF_THE_RECIPE = ("weight_power", "regularization")
"""What ladders choose beside the settings of the loss."""


@dataclass(frozen=True)
class ContrastiveTraining:
    """The trained modules, their rows, and the monitor.


    Attributes:
        recipe: the recipe; no setting is ``"auto"``.
        parts: the untrained parts.
        rows: the rows whose users have negatives; there may be none.
        watch: evaluates the validation part; None: there is none.
        context: the context of the fit.
        weighs: whether the weight of the neighbours is chosen after the training.
        hurries: whether short trainings may use a higher learning rate if the ladder allows it; only if the user gave
            none.
    """

    recipe: ContrastiveSettings
    parts: ContrastiveParts
    rows: Interactions
    watch: ContrastiveMonitor | None
    context: FitContext
    weighs: bool = False
    hurries: bool = False

    @classmethod
    def of(
        cls,
        recipe: ContrastiveSettings,
        parts: ContrastiveParts,
        rows: Interactions,
        watch: ContrastiveMonitor | None,
        context: FitContext,
        *,
        weighs: bool,
        hurries: bool = False,
    ) -> ContrastiveTraining:
        """A training on ``rows``, whose users have negatives.

        Raises:
            SettingsError: the settings do not fit together.
        """
        pick_route(recipe, parts)
        recipe.loop_settings()
        return cls(recipe, parts, rows, watch, context, weighs, hurries)

    def choose(self, ladders: Sequence[Ladder]) -> tuple[ContrastiveTraining, Found | None]:
        """The same training with the best settings along the ladders: from a checkpoint, or by short trainings."""
        if not ladders or self.watch is None or not len(self.rows):
            return self, None
        settings = self.recipe.loop_settings()
        own = [name for ladder in ladders for name in ladder.names if name in _OF_THE_RECIPE]
        known = chosen_before(settings, ("loss_settings", *own), self.context)
        if known is not None and known["loss_settings"].keys() == self.recipe.loss_settings.keys():
            return self._with(known.pop("loss_settings") | known), None
        allowed = Allowance.of(settings, len(self.rows), ladders)
        hurries = self.hurries and all(ladder.hasty for ladder in ladders)
        found = climb_ladders(
            ladders,
            self.recipe.loss_settings | {name: getattr(self.recipe, name) for name in own},
            self.parts.encoder,
            partial(self._briefly, self.watch, allowed, hurries),
            allowed=allowed,
            context=self.context,
        )
        return self._with(found.settings), found

    def run(self) -> History:
        """Run the full training; without rows nothing happens."""
        return self.loop(self.recipe.loop_settings())

    def loop(self, settings: LoopSettings) -> History:
        """Run a training with ``settings``."""
        if not len(self.rows):
            return History()
        learner = pick_route(self.recipe, self.parts)
        rows = Batch.of(self._weighed_rows(), None, self.parts.device)
        return train(learner, rows, settings, None if self.watch is None else self.watch.look, self.context)

    def _weighed_rows(self) -> Interactions:
        loss = self.parts.loss
        if self.rows.weights is not None and isinstance(loss, ScoreLoss) and loss.whole_batch:
            # its gradient is that of a sum over rows that weigh the same
            say_once(f"{loss} combines the positives of a user, and does not use the weights of rows")
            return self.rows.without_weights()
        return weighed(self.rows, power_of(self.recipe.weight_power))

    def _with(self, chosen: Mapping[str, Any]) -> ContrastiveTraining:
        own = {name: value for name, value in chosen.items() if name in _OF_THE_RECIPE}
        loss_settings = {name: value for name, value in chosen.items() if name not in own}
        recipe = self.recipe.model_copy(update={"loss_settings": loss_settings, **own})
        return replace(self, recipe=recipe, parts=replace(self.parts, loss=loss_of(recipe)))

    def _briefly(
        self,
        watch: ContrastiveMonitor,
        allowed: Allowance,
        hurries: bool,
        loss_settings: Mapping[str, Any],
    ) -> tuple[float, History]:
        """See :data:`fillrank.models.trials.Training`."""
        tried = replace(self._with(loss_settings), context=self.context.within_trial())
        brief = allowed.loop(tried.recipe.loop_settings(), len(self.rows))
        if hurries:  # and a running average would be of a model that has not arrived yet
            brief, rate = replace(brief, ema_span=0.0), tried.recipe.contrast().learning_rate
            faster = tried.recipe.model_copy(update={"learning_rate": allowed.haste * rate})
            tried = replace(tried, recipe=faster)
        history = tried.loop(brief)
        return World.current().broadcast(partial(tried.reached, watch)), history

    def reached(self, watch: ContrastiveMonitor) -> float:
        """The best score on the validation part, over a few weights of the neighbours if these are chosen later."""
        tried = [{"neighbour_weight": weight} for weight in _TRIED_WEIGHTS] if self.weighs else [{}]
        return max(watch.judge(self.parts.scorer(**instead))[0] for instead in tried)
