"""The dimensions of a search space: ranges, choices, and the margins and weights of the multi-margin loss."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from fillrank.errors import SettingsError
from fillrank.experiments.toml.tables import unflatten

__all__ = ["Choices", "Draws", "MarginsAndWeights", "Range", "Space"]

_GAP = 0.01  # between two margins, where there is room for it


class Draws(Protocol):
    """The interface that draws values: :class:`optuna.trial.Trial`, or a similar object."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...
    def suggest_categorical(self, name: str, choices: Any) -> Any: ...


class Dimension(Protocol):
    """One dimension of a search space."""

    def draw(self, trial: Draws, name: str) -> Any:
        """Draw a value; for :class:`MarginsAndWeights`, two settings."""
        ...

    def corners(self) -> tuple[Any, ...]:
        """The values at the ends, which are checked with the recipe before any training."""
        ...


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both are whole and ``step`` is None or whole.

    Attributes:
        low, high: the ends.
        log: draw on a logarithmic scale.
        step: distance of the values on a linear scale; None: 1 for whole numbers, any value otherwise.

    Raises:
        SettingsError: an end is no finite number, ``low`` is above ``high``, ``log`` with an end of 0 or less, or a
            step that is not positive or comes with ``log``.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        for name, end in (("low", self.low), ("high", self.high)):
            if not _is_number(end):
                raise SettingsError(f"{name} must be a finite number, got {end!r}")
        if self.low > self.high:
            raise SettingsError(f"low must not be above high, got {self.low!r} and {self.high!r}")
        if not isinstance(self.log, bool):
            raise SettingsError(f"log must be true or false, got {self.log!r}")
        if self.log and self.low <= 0:
            raise SettingsError(
                f"a logarithmic scale has no 0: low must be above it, got {self.low!r}; or leave log out"
            )
        if self.step is not None and (self.log or not _is_number(self.step) or self.step <= 0):
            raise SettingsError(f"step must be a positive number, and goes with no log; got {self.step!r}")

    def draw(self, trial: Draws, name: str) -> float:
        """A number of the range."""
        if all(isinstance(number, int) for number in (self.low, self.high, self.step or 1)):
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, float(self.low), float(self.high), step=self.step, log=self.log)

    def corners(self) -> tuple[Any, ...]:
        """Both ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """One of several values of any kind that TOML has.

    Attributes:
        choices: at least one.

    Raises:
        SettingsError: there is none.
    """

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.choices, list | tuple) or not self.choices:
            raise SettingsError(f"choices must be a list of at least one value, got {self.choices!r}")
        object.__setattr__(self, "choices", tuple(self.choices))

    def draw(self, trial: Draws, name: str) -> Any:
        """One of them. Lists and tables are known to the trial by their text."""
        if all(isinstance(choice, str | int | float) for choice in self.choices):
            return trial.suggest_categorical(name, self.choices)
        texts = {json.dumps(choice, sort_keys=True): choice for choice in self.choices}
        return texts[trial.suggest_categorical(name, tuple(texts))]

    def corners(self) -> tuple[Any, ...]:
        """All of them."""
        return self.choices


@dataclass(frozen=True)
class MarginsAndWeights:
    """``margins`` and ``weights`` of :class:`fillrank.losses.MMCL`, drawn so that each draw is valid.

    The largest margin, which meets the hardest negatives, is drawn evenly from its range, and so is its weight from
    [0, 1]. What is below is broken off like a stick: given the largest, all rising sequences of the other margins above
    ``lowest`` are equally likely, and all ways to share the rest of the weight. So margins rise by construction, by at
    least .01 where there is room, and weights add up to 1.

    The trial knows what was drawn as ``n_margins``, ``largest_margin``, ``largest_weight``, and for the k-th margin
    below as ``margin_ratio_k`` and ``weight_ratio_k``, from 0 to 1.

    Attributes:
        n_margins: the fewest and the most margins.
        lowest, highest: between which the margins lie, within [-1, 1].

    Raises:
        SettingsError: the numbers of margins are not ``1 <= fewest <= most``, or not ``-1 <= lowest < highest <= 1``.
    """

    n_margins: tuple[int, int] = (1, 4)
    lowest: float = 0.0
    highest: float = 0.95

    def __post_init__(self) -> None:
        counts = self.n_margins
        whole = isinstance(counts, list | tuple) and len(counts) == 2 and all(type(count) is int for count in counts)
        if not whole or not 1 <= counts[0] <= counts[1]:
            raise SettingsError(f"n_margins must be [fewest, most] with 1 <= fewest <= most, got {counts!r}")
        object.__setattr__(self, "n_margins", tuple(counts))
        if not (_is_number(self.lowest) and _is_number(self.highest) and -1 <= self.lowest < self.highest <= 1):
            raise SettingsError(
                f"lowest and highest must be -1 <= lowest < highest <= 1, got {self.lowest!r} and {self.highest!r}"
            )

    def draw(self, trial: Draws, name: str) -> dict[str, list[float]]:
        """The two settings, by name."""
        fewest, most = self.n_margins
        n = fewest if fewest == most else trial.suggest_int(f"{name}.n_margins", fewest, most, step=1, log=False)
        gap = self._gap
        largest = _share(trial, f"{name}.largest_margin", self.lowest + (most - 1) * gap, self.highest)
        margins, weights, left = [largest], [], 1.0
        for below in range(n - 1, 0, -1):  # so many margins are still to come
            k = n - below
            floor, ceiling = self.lowest + (below - 1) * gap, margins[-1] - gap
            ratio = _share(trial, f"{name}.margin_ratio_{k}") ** (1 / below)
            margins.append(floor + max(ceiling - floor, 0.0) * ratio)
            part = "largest_weight" if k == 1 else f"weight_ratio_{k - 1}"
            drawn = _share(trial, f"{name}.{part}")
            weights.append(left * (drawn if k == 1 else 1 - (1 - drawn) ** (1 / below)))
            left -= weights[-1]
        return {"margins": margins[::-1], "weights": [*weights, max(left, 0.0)][::-1]}

    def corners(self) -> tuple[Any, ...]:
        """Evenly spaced margins of equal weight, fewest and most."""
        return tuple(
            {"margins": [self.highest - k * self._gap for k in range(n)][::-1], "weights": [1 / n] * n}
            for n in self.n_margins
        )

    @property
    def _gap(self) -> float:
        return min(_GAP, (self.highest - self.lowest) / (2 * self.n_margins[1]))


@dataclass(frozen=True)
class Space:
    """Dimensions by the dotted names of the settings that they vary.

    Attributes:
        dimensions: such as ``{"loss_settings.temperature": Range(0.05, 0.5, log=True)}``. One whose last name is
            ``margins_and_weights`` stands for the settings ``margins`` and ``weights``.
    """

    dimensions: Mapping[str, Dimension]

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str = "search") -> Self:
        """A space from nested tables.

        Args:
            content: a table with ``low`` and ``high`` is a :class:`Range`, one with ``choices`` a :class:`Choices`, one
                called ``margins_and_weights`` a :class:`MarginsAndWeights`; any other leads further down.
            source: where it stands, for messages.

        Raises:
            SettingsError: an entry is none of these, or cannot work; names it.

        Example:
            >>> Space.of({"dim": {"low": 8, "high": 64}, "loss_settings": {"margin": {"choices": [0.5, 0.9]}}}).names
            ('dim', 'loss_settings.margin')
            >>> Space.of({"learning_rate": {"low": 0.0, "high": 0.1, "log": True}})
            Traceback (most recent call last):
            fillrank.errors.SettingsError: search: learning_rate: a logarithmic scale has no 0: ...
        """
        found = dict(_dimensions(content, "", source))
        if not found:
            raise SettingsError(f"{source}: there is nothing to vary; give the search a range or choices")
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.dimensions)

    @property
    def settings(self) -> tuple[str, ...]:
        """The dotted names of all settings that are varied."""
        return tuple(leaf for name in self.dimensions for leaf in _settings_of(name))

    def draw(self, trial: Draws) -> dict[str, Any]:
        """Settings, nested as a recipe wants them."""
        return _nested({name: dimension.draw(trial, name) for name, dimension in self.dimensions.items()})

    def corners(self) -> Iterator[dict[str, Any]]:
        """Each dimension at each of its ends while the others are at their first."""
        first = {name: dimension.corners()[0] for name, dimension in self.dimensions.items()}
        for name, dimension in self.dimensions.items():
            for corner in dimension.corners():
                yield _nested(first | {name: corner})


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert drawn values to settings; :class:`MarginsAndWeights` gives two."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        own = _settings_of(name)
        flat |= {name: value} if own == (name,) else dict(zip(own, value.values(), strict=True))
    return unflatten(flat)


def _dimensions(content: Mapping[str, Any], prefix: str, source: str) -> Iterator[tuple[str, Dimension]]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if not isinstance(value, Mapping):
            raise SettingsError(
                f"{source}: {name} = {value!r} is neither a range nor a choice; write {{low = …, high = …}} or "
                "{choices = […]}, or put a fixed value into [settings]"
            )
        kind = _kind(key, value)
        if kind is None:
            yield from _dimensions(value, f"{name}.", source)
            continue
        known = [field.name for field in fields(kind)]
        for entry in value:
            if entry not in known:
                raise SettingsError(f"{source}: {name} has no entry {entry!r}; it has {', '.join(known)}")
        try:
            yield name, kind(**value)
        except SettingsError as error:
            raise SettingsError(f"{source}: {name}: {error}") from None
        except TypeError:
            raise SettingsError(f"{source}: {name} needs both low and high, got {', '.join(value)}") from None


def _kind(key: str, value: Mapping[str, Any]) -> type[Range | Choices | MarginsAndWeights] | None:
    if key == "margins_and_weights":
        return MarginsAndWeights
    if "choices" in value:
        return Choices
    return Range if {"low", "high"} & value.keys() else None


def _settings_of(name: str) -> tuple[str, ...]:
    table, dot, last = name.rpartition(".")
    return (f"{table}{dot}margins", f"{table}{dot}weights") if last == "margins_and_weights" else (name,)


def _share(trial: Draws, name: str, low: float = 0.0, high: float = 1.0) -> float:
    return trial.suggest_float(name, low, high, step=None, log=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
