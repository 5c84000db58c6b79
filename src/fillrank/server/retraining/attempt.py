"""One attempt at a new model."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from fillrank.data import Interactions
from fillrank.errors import FillrankError, ModelFileError, SettingsError
from fillrank.models import Recipe, recipe
from fillrank.recommend import Recommender
from fillrank.recommend.saved import save
from fillrank.runtime.atomic_write import only_one
from fillrank.server.event_types import meaning_of
from fillrank.server.retraining.journal import append_entry
from fillrank.server.retraining.judge import DAY, Verdict, judged
from fillrank.server.retraining.versions import Versions
from fillrank.server.served import LEARNT, Served
from fillrank.store import Store
from fillrank.store.learning import all_to_learn
from fillrank.store.meaning import EventMeaning

__all__ = ["Attempt", "retrain", "roll_back"]

logger = logging.getLogger("fillrank")
_RUN = "run.toml"


@dataclass(frozen=True)
class Attempt:
    """What came of it.

    Attributes:
        taken: whether the new model is at work.
        verdict: of the comparison with the one before.
        number: of the kept model; None: it was not kept.
    """

    taken: bool
    verdict: Verdict
    number: int | None = None


def retrain(
    run: Path,
    store: Store,
    interactions: Interactions | None = None,
    *,
    meaning: EventMeaning | None = None,
    keep: int = 5,
    threads: int | None = None,
    span: int = DAY,
) -> Attempt:
    """Fit a new model with the settings of the one at work, judge it, and put it to work unless it is worse.

    First a model learns from all before the newest day, and both make lists for that day
    (:func:`~fillrank.server.retraining.judge.judged`). Where it is not worse, the same settings learn from everything;
    that model is kept, and takes the place of the one at work. Nothing else does: a crash or a kill leaves the old one.

    Args:
        run: the folder of the model at work.
        store: with the events.
        interactions: what there was before them.
        meaning: of types of events; None: what the fit of the model at work took them for.
        keep: how many of the last models are kept.
        threads: for the fit.
        span: milliseconds of the newest day.

    Raises:
        ModelFileError: there is no model at work, or another process is at it.
        SettingsError: its settings cannot be fitted again.
        DataError: there is nothing to learn from.
    """
    meaning, versions = meaning or meaning_of(run), Versions(run)
    versions.folder.mkdir(parents=True, exist_ok=True)
    with only_one(versions.folder / "retraining", "fits the next model of", ModelFileError):
        running = Served.load(run)
        append_entry(versions.folder, "begun", seq=store.newest(), running=running.version)
        try:
            attempt = _attempt(running, versions, store, interactions, meaning, threads, span)
        except FillrankError as error:
            append_entry(versions.folder, "failed", error=str(error)[:1000])
            raise
        if attempt.number is not None:
            versions.forget_all_but(keep)
        append_entry(
            versions.folder,
            "taken" if attempt.taken else "refused",
            number=attempt.number,
            verdict=str(attempt.verdict),
            new=attempt.verdict.new,
            running=attempt.verdict.running,
        )
        return attempt


def roll_back(run: Path, number: int | None = None) -> int:
    """Put the model that was at work before this one, or the one of a number, to work again; gives its number.

    Raises:
        ModelFileError: it is not kept, or is torn.
    """
    versions = Versions(run)
    with only_one(versions.folder / "retraining", "fits the next model of", ModelFileError):
        versions.keep_running()
        chosen = versions.before() if number is None else number
        versions.put_to_work(chosen)
        append_entry(versions.folder, "rolled back", number=chosen)
        return chosen


def _attempt(
    running: Served,
    versions: Versions,
    store: Store,
    interactions: Interactions | None,
    meaning: EventMeaning,
    threads: int | None,
    span: int,
) -> Attempt:
    maker = _maker(running.model)
    _, start = store.newest_day(span, limit=1)
    past = all_to_learn(store, interactions, meaning, until=start)
    candidate = maker.fit(past.interactions, progress=False, n_threads=threads)
    verdict = judged(Served(candidate, "new", past.seq), running, store, meaning, span=span)
    if verdict.worse:
        logger.warning("the new model is worse, and not taken: %s", verdict)
        return Attempt(taken=False, verdict=verdict)
    whole = all_to_learn(store, interactions, meaning)
    model = maker.again(candidate.settings).fit(whole.interactions, progress=False, n_threads=threads)
    versions.keep_running()
    place = versions.next()
    texts = {LEARNT: json.dumps({"seq": whole.seq}) + "\n"}
    if (versions.run / _RUN).is_file():
        texts[_RUN] = (versions.run / _RUN).read_text(encoding="utf-8")
    save(model, place, beside_it=texts)
    versions.put_to_work(int(place.name))
    logger.log(logging.INFO if verdict.judged else logging.WARNING, "a new model is at work: %s", verdict)
    return Attempt(taken=True, verdict=verdict, number=int(place.name))


def _maker(model: Recommender) -> Recipe:
    """The recipe of a model with the settings that it was fitted with.

    Raises:
        SettingsError: no recipe of fillrank's takes them.
    """
    try:
        return recipe(model.name)(**model.settings)
    except SettingsError as error:
        raise SettingsError(f"the model at work cannot be fitted again by its settings: {error}") from error
