"""A study as a TOML file: a published table, and the recipes that reproduce it on one data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fillrank.data import Split
from fillrank.errors import SettingsError
from fillrank.experiments.compare.runs import Protocol
from fillrank.experiments.data.data_source import open_split
from fillrank.experiments.data.source import DataSource, faded
from fillrank.experiments.data.subsample import Subsample
from fillrank.experiments.reproduce.tuning import Tuning
from fillrank.experiments.run.options import RunOptions
from fillrank.experiments.toml.extends import resolve_extends
from fillrank.experiments.toml.files import read_toml, strict
from fillrank.models import recipe
from fillrank.runtime.paths import expanded

__all__ = ["Entry", "Study", "Task", "read_study", "studies"]

_ANSWERED = ("recall", "ndcg")


class Entry(BaseModel):
    """An entry of the study: a line of the table.

    Attributes:
        model: the name of a recipe.
        settings: of the recipe.
        seeds: over those of the study.
        protocols: in the place of those of the study, and among them; such as legacy alone where the settings were
            picked on the test part, so that no run of them is honest.
        subsample: the part of the data that is worked on; None: all.
        tune: trials that fill in some of the settings; see :class:`fillrank.experiments.reproduce.tuning.Tuning`.
        published: the metrics that it answers to, ``recall@k`` and ``ndcg@k`` for the study's ``k``, and their
            ``source``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    settings: dict[str, Any] = Field(default_factory=dict)
    seeds: list[int] | None = Field(default=None, min_length=1)
    protocols: list[Protocol] | None = Field(default=None, min_length=1)
    published: dict[str, float | str] = Field(default_factory=dict)
    subsample: Subsample | None = None
    tune: Tuning | None = None

    def asked(self) -> dict[str, Any]:
        """All settings with their values, as plain data; without the seed, which belongs to the run."""
        return recipe(self.model)(**self.settings).model_dump(mode="json", exclude={"seed"})

    def besides(self) -> dict[str, Any]:
        """Other properties that distinguish its runs, as plain data; empty for most entries."""
        return self.model_dump(mode="json", include={"subsample", "tune"}, exclude_none=True)


class Study(DataSource):
    """The input of ``fillrank reproduce`` as data. An unknown key is an error.

    In TOML::

        title = "Gowalla, LightGCN split"
        data = "gowalla"
        k = 20

        [entries.mf-bsl]
        model = "contrastive"
        seeds = [0, 1, 2]
        published = { "recall@20" = 0.1882, "ndcg@20" = 0.1584, source = "BSL" }

        [entries.mf-bsl.settings]
        loss = "bsl"

        [entries.mf-bsl-256]
        like = "mf-bsl"
        settings = { dim = 256 }

    An entry that ``extends`` another, or several, inherits how they are made, and ``[templates.NAME]`` has what several
    have in common and is none itself; see :func:`fillrank.experiments.toml.extends.resolve_extends`.

    Attributes:
        name: of the study; that of its file where it has none.
        title: above the table.
        data, train, test, read, half_life, now: see :class:`fillrank.experiments.data.source.DataSource`; split as by
            :func:`fillrank.compare`.
        k: length of the lists.
        seeds: of the split and of the model; a run for each.
        protocols: ``"honest"`` holds ``valid`` out of train for every choice; ``"legacy"`` holds nothing out and takes
            the best epoch on the test part, as much of the literature does.
        valid: fraction for the validation part; of a published split, of its train part.
        refit: fit again on train and validation after choosing; of the honest runs, as legacy ones hold nothing out.
        options: how each fit runs; see :class:`fillrank.experiments.run.options.RunOptions`. No record knows of it.
        entries: by name, in the order of the table.
    """

    name: str
    title: str
    k: int = Field(default=20, ge=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    protocols: list[Protocol] = Field(default=["honest", "legacy"], min_length=1)
    valid: float = Field(default=0.1, gt=0, lt=1)
    refit: bool = True
    options: RunOptions = RunOptions()
    entries: dict[str, Entry] = Field(min_length=1)

    def seeds_of(self, name: str) -> list[int]:
        """The seeds of an entry."""
        own = self.entries[name].seeds
        return self.seeds if own is None else own

    def protocols_of(self, name: str) -> list[Protocol]:
        """The protocols of an entry."""
        own = self.entries[name].protocols
        return self.protocols if own is None else own

    def for_tuning(self) -> dict[str, Any]:
        """The common part of the tuning of entries: the data, the share held out, the metric."""
        shared = self.model_dump(include={"data", "train", "test", "read"})
        return {**shared, "valid": self.valid, "metric": f"ndcg@{self.k}"}

    def tasks(self, only: Sequence[str] = (), protocols: Sequence[Protocol] | None = None) -> Iterator[Task]:
        """Every run, protocol by protocol and entry by entry.

        Args:
            only: these entries; all where there is none.
            protocols: these of the study's protocols; None takes all.

        Raises:
            SettingsError: the study has no such entry or protocol.
        """
        _refuse_unknown("entry", only, self.entries, self.name)
        _refuse_unknown("protocol", protocols or (), self.protocols, self.name)
        for protocol in self.protocols:
            if protocols is not None and protocol not in protocols:
                continue
            for name in self.entries:
                if (not only or name in only) and protocol in self.protocols_of(name):
                    for seed in dict.fromkeys(self.seeds_of(name)):
                        yield Task(self, name, protocol, seed)


@dataclass(frozen=True)
class Task:
    """One run of a study.

    Attributes:
        study: it belongs to.
        entry: the name of its line.
        protocol: under which it runs.
        seed: of the split and of the model.
    """

    study: Study
    entry: str
    protocol: Protocol
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        """The key that identifies the run in the study."""
        return self.entry, self.protocol, self.seed

    @property
    def refit(self) -> bool:
        """Whether the chosen settings are then fitted on train and validation together."""
        return self.study.refit and self.protocol == "honest"

    def open(self) -> Split:
        """The data, split; under the legacy protocol nothing is held out of train."""
        study = self.study
        valid = study.valid if self.protocol == "honest" else 0.0
        whole = open_split(study.place, study.read, "auto", study.test, valid, self.seed)
        part = (study.entries[self.entry].subsample or Subsample()).of(whole, self.seed)
        return faded(part, study.half_life, study.now)

    def settings(self, tuning: Path) -> dict[str, Any]:
        """The entry's settings, the tuned ones included.

        Args:
            tuning: the folder in which each tuned entry has one of its own; what is there is gone on with.
        """
        entry = self.study.entries[self.entry]
        if entry.tune is None:
            return entry.settings
        return entry.tune.best(self.study.for_tuning(), entry.model, entry.settings, tuning / self.entry)

    def __str__(self) -> str:
        return f"{self.entry}, {self.protocol}, seed {self.seed}"


def studies() -> list[str]:
    """The names of the studies that come with fillrank.

    Example:
        >>> "movielens-small" in studies()
        True
    """
    return sorted(Path(file.name).stem for file in _SHELF.iterdir() if file.name.endswith(".toml"))


def read_study(name_or_path: str | os.PathLike[str], over: Mapping[str, Any] | None = None) -> Study:
    """Read a study by its name, or from a TOML file.

    Args:
        name_or_path: one of :func:`studies`, or a path that ends in ``.toml``.
        over: values that take the place of the file's.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: no study has this name, a key or a value is wrong, or a model or a setting is not known.

    Example:
        >>> list(read_study("movielens-small").entries)
        ['popularity', 'pure-svd', 'mf-bsl']
    """
    path = expanded(name_or_path, "the study")
    if path.suffix == ".toml":
        return _read(path, over or {})
    if str(name_or_path) not in studies():
        raise SettingsError(
            f"no study is called {str(name_or_path)!r}; there are {', '.join(studies())}; or give a file, FILE.toml"
        )
    with as_file(_SHELF / f"{name_or_path}.toml") as file:
        return _read(file, over or {})


_SHELF = files("fillrank.experiments") / "published"


def _read(file: Path, over: Mapping[str, Any]) -> Study:
    content = {"name": file.stem} | resolve_extends(read_toml(file, "study", over), str(file))
    study = strict(Study, content, source=str(file), what="a study")
    for name, entry in study.entries.items():
        _check_entry(study, entry, f"{file}: {name}")
    return study


def _check_entry(study: Study, entry: Entry, source: str) -> None:
    """Check the settings and the metrics before any training."""
    if "seed" in entry.settings:
        raise SettingsError(f"{source}: its settings hold a seed; give seeds = [{entry.settings['seed']}] instead")
    try:
        _refuse_unknown("protocol", entry.protocols or (), study.protocols, study.name)
        entry.asked()
        if entry.tune is not None:
            entry.tune.plan(study.for_tuning(), entry.model, entry.settings, Path())
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None
    k = study.k
    kinds: dict[str, type] = {f"{metric}@{k}": float for metric in _ANSWERED} | {"source": str}
    for name, value in entry.published.items():
        if not isinstance(value, kinds.get(name, ())):
            raise SettingsError(
                f"{source}: published has {name} = {value!r}; it takes numbers for recall@{k} and ndcg@{k}, "
                "and words for source"
            )


def _refuse_unknown(what: str, given: Sequence[str], known: Sequence[str] | dict[str, Entry], study: str) -> None:
    for name in given:
        if name not in known:
            raise SettingsError(f"the study {study} has no {what} {name!r}; there are {', '.join(known)}")
