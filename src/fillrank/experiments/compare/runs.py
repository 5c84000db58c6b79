"""``compare``: several models on the same data under the same protocol, with one or more seeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from fillrank.arguments import checked, shown
from fillrank.data import Interactions, Split, decay
from fillrank.data.moments import Moment
from fillrank.errors import SettingsError
from fillrank.evaluation import evaluate
from fillrank.experiments.compare.failures import Failures
from fillrank.experiments.compare.table import ComparisonTable, Run
from fillrank.experiments.data.data_source import Data, SplitName, split_data
from fillrank.models import default_models, has_ratings, recipe
from fillrank.runtime.environment import machine
from fillrank.training.callbacks import Callback, EpochEnd
from fillrank.training.options import FitOptions

__all__ = ["Protocol", "StopByHand", "compare", "refits", "run_model"]

logger = logging.getLogger("fillrank")

Protocol = Literal["honest", "legacy"]


@checked
def compare(  # noqa: PLR0913 -- the protocol is what it is about
    data: str | Interactions | tuple[Interactions, Interactions] | Split,
    models: Iterable[str] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    k: int = 10,
    seeds: Sequence[int] = (0,),
    split: SplitName = "auto",
    test: Moment = 0.1,
    valid: Moment = 0.1,
    protocol: Protocol = "honest",
    refit: bool | None = None,
    options: FitOptions | None = None,
    half_life: float | None = None,
    now: Moment | None = None,
) -> ComparisonTable:
    """Fit and evaluate each model for each seed.

    The seed decides the split, and the random choices of a model that has a seed. All models are treated equally: the
    ``"auto"`` settings of each are chosen on the same validation part.

    If a model fails, the others continue, and its error is in ``failures`` of the table. Ctrl-C stops the current model
    and ends the comparison with the runs that are finished.

    Args:
        data: the name of a data set, a log, or a split (which then serves every seed). A data set with one published
            split is taken with it; of several, one is named after a slash (``"ml-100k/u1"``). The validation part is
            then drawn from its train. Two logs are a train and a test part of your own.
        models: names of recipes, or a mapping from a name to settings. A name may carry a tag after a colon
            (``"cmc:tau=.07"``) to compare two settings of one recipe. None: those that go with the log, ratings or
            events; see :func:`fillrank.models.default_models`.
        k: length of the lists.
        seeds: one run for each.
        split: the way to split, as the command line names it: ``"random"``, ``"per-user"``, ``"leave-last-out"``,
            ``"by-time"`` or ``"strong"``. ``"auto"``: a published split, one by time if ``test`` is a moment, or else
            a random one.
        test, valid: fractions of the split; or the moments of a split by time, see :func:`fillrank.split.by_time`.
        protocol: ``"honest"`` chooses on the validation part and touches test once; ``"legacy"`` chooses on test, as
            much of the literature does, and says so in the report.
        refit: after choosing, fit once more on train and validation together, as :meth:`fillrank.models.Recipe.fit`
            does. None: as the protocol has it, which is yes for the honest one and never for the legacy one.
        options: how each fit runs: progress, device, threads, callbacks.
        half_life, now: days after which a row to learn from counts half, and from when; see
            :func:`fillrank.data.decay`.

    Raises:
        SettingsError: a model or a setting is not known, or the protocol is neither of the two.
        FillrankError: what the first model said, where every one has failed.
        KeyboardInterrupt: it was stopped by hand before a run was finished.
    """
    if protocol not in {"honest", "legacy"}:
        raise SettingsError(f"protocol must be 'honest' or 'legacy', got {protocol!r}")
    if isinstance(data, Split) and split != "auto":
        raise SettingsError(f"the data are a split already, so split={split!r} has nothing to do; leave it out")
    refit = refits(protocol, refit)
    held = valid if protocol == "honest" else 0.0

    def parts_of(seed: int) -> Split:
        parts = data if isinstance(data, Split) else split_data(data, split, test=test, valid=held, seed=seed)
        return parts if half_life is None else decay(parts, half_life=half_life, now=now)

    if models is None:
        models = _default_models(parts_of(seeds[0]).train)
    wanted = dict(models) if isinstance(models, Mapping) else {name: {} for name in models}
    for name in wanted:
        if not isinstance(name, str):
            raise SettingsError(f"models must be names of recipes, got {shown(name)}").about("models")
    kinds = {name: recipe(name.partition(":")[0]) for name in wanted}
    for name, kind in kinds.items():
        kind(**wanted[name])  # a misspelt setting should not wait for the models before it
    runs: list[Run] = []
    failures, where, interrupted = Failures(), _name(data), False
    try:
        for seed in seeds:
            parts = parts_of(seed)
            for name in kinds:
                logger.info("%s, seed %d: fitting %s", where, seed, name)
                with failures.kept((name, seed, where)):
                    runs.append(
                        run_model(
                            name, wanted[name], parts, k=k, seed=seed, protocol=protocol, refit=refit, options=options
                        )
                    )
    except KeyboardInterrupt:
        if not runs:
            raise
        logger.warning("stopped by hand; %d runs are finished", len(runs))
        interrupted = True
    failed = failures.or_raise(some=bool(runs))
    return ComparisonTable(where, tuple(runs), machine(), refit=refit, failures=failed, interrupted=interrupted)


@checked
def run_model(
    name: str,
    settings: Mapping[str, Any],
    parts: Split,
    *,
    k: int,
    seed: int,
    protocol: Protocol = "honest",
    refit: bool | None = None,
    options: FitOptions | None = None,
) -> Run:
    """Fit one model on a split under a protocol, and evaluate it on the test part.

    Args:
        name: of the recipe, perhaps with a tag after a colon.
        settings: of the recipe; it gets ``seed`` where they have none.
        parts: the split. Choices are made on its validation part, or under the legacy protocol on its test part.
        k: length of the lists.
        seed: of the run.
        protocol, refit, options: see :func:`compare`.

    Raises:
        SettingsError: a setting is not known.
        KeyboardInterrupt: the training was stopped by hand; half a training is no figure to compare.
    """
    kind = recipe(name.partition(":")[0])
    made = kind(**({"seed": seed} if "seed" in kind.model_fields else {}) | dict(settings))
    started = time.perf_counter()
    chosen_on = parts.valid if protocol == "honest" else parts.test
    callbacks = [*(() if options is None else options.callbacks), StopByHand()]
    model = made.fit(parts.train, chosen_on, refit=refits(protocol, refit), options=options, callbacks=callbacks)
    seconds = time.perf_counter() - started
    return Run(name, seed, model, evaluate(model, parts, k=k, protocol=protocol), seconds)


def refits(protocol: Protocol, asked: bool | None) -> bool:
    """Whether models are fitted again on train and validation after choosing; None: as the protocol requires.

    Raises:
        SettingsError: it was asked for under the legacy protocol.
    """
    if asked and protocol == "legacy":
        raise SettingsError("refit goes with the honest protocol: under the legacy one nothing was held out of train")
    return protocol == "honest" if asked is None else asked


def _default_models(interactions: Interactions) -> tuple[str, ...]:
    names = default_models(interactions)
    kind = "ratings" if has_ratings(interactions) else "no ratings"
    logger.info(
        "%s has %s, so these are compared unless others are named: %s",
        interactions.name or "the log",
        kind,
        ", ".join(names),
    )
    return names


class StopByHand(Callback):
    """Ends a fit without a model if the user stopped it, because half a training cannot be compared."""

    internal: ClassVar[bool] = True

    def on_epoch_end(self, end: EpochEnd) -> None:
        """See :meth:`Callback.on_epoch_end`."""
        if end.interrupted:
            raise KeyboardInterrupt


def _name(data: Data | Split) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, tuple):
        return " and ".join(
            interactions.name or part for interactions, part in zip(data, ("train", "test"), strict=True)
        )
    return data.train.name if isinstance(data, Split) else data.name
