"""What is chosen of each loss, on the validation part or by a rule: the rungs that are tried, and the usual one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fillrank.errors import SettingsError

__all__ = ["COMPLETION_LADDER", "LOSS_LADDERS", "LossLadder", "open_ladders", "usual_settings"]


@dataclass(frozen=True)
class LossLadder:
    """Settings of a loss from one end to the other, neighbours alike.

    Attributes:
        rungs: one mapping for each, with the same names in all.
        first: places of those that are tried in any case, the usual one before the others; see
            :class:`fillrank.models.climbing.Climb`.
        usual: place of the one that is taken without a validation part, and where the others begin.
        stride: from one that is tried to the next; those between are tried where the best may be.
        hasty: whether a short training at a higher learning rate finds the same rung best. It does for temperatures;
            the hinges of margin losses are overrun by large steps, and a wrong margin or weight is found.
    """

    rungs: Sequence[Mapping[str, Any]]
    first: Sequence[int]
    usual: int
    stride: int = 2
    hasty: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Of the settings that it chooses."""
        return frozenset(self.rungs[0])


def _one(
    name: str, values: Sequence[float], first: Sequence[float], usual: float, *, hasty: bool = False
) -> LossLadder:
    rungs = [{name: value} for value in values]
    return LossLadder(rungs, [values.index(v) for v in first], values.index(usual), hasty=hasty)


def _margins(top: float) -> dict[str, Any]:
    return {"margins": [round(top - 0.2, 2), round(top - 0.1, 2), top], "weights": [0.1, 0.15, 0.75]}


_TEMPERATURES = (0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.8, 1.1, 1.6)
_TEMPERATURE = _one("temperature", _TEMPERATURES, first=(0.2, 0.1, 0.4), usual=0.2, hasty=True)
_NEGATIVE_WEIGHT = _one(
    "negative_weight", (1.0, 3.0, 10.0, 20.0, 40.0, 80.0, 150.0, 300.0, 700.0, 1500.0), (40.0, 10.0, 150.0), 40.0
)
_TOPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

LOSS_LADDERS: Mapping[str, tuple[LossLadder, ...]] = {
    "infonce": (_TEMPERATURE,),
    "dcl": (_TEMPERATURE,),
    "bsl": (_TEMPERATURE,),
    "psl": (
        _one(
            "temperature",
            (0.012, 0.018, 0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.8),
            first=(0.1, 0.05, 0.2),
            usual=0.1,
            hasty=True,
        ),
    ),
    "ccl": (_NEGATIVE_WEIGHT, _one("margin", _TOPS, first=(0.7, 0.5, 0.9), usual=0.7)),
    "mmcl": (_NEGATIVE_WEIGHT, LossLadder([_margins(top) for top in _TOPS], (6, 4, 8), 6)),
}
"""For each loss that has something to choose: its ladders, in the order in which they are climbed."""
COMPLETION_LADDER = _one("temperature", _TEMPERATURES, first=(0.14, 0.07, 0.28), usual=0.14)
"""What :class:`fillrank.models.CMC` chooses its temperature from."""


def open_ladders(loss: str, settings: Mapping[str, Any]) -> tuple[LossLadder, ...]:
    """The ladders of ``loss`` of which no setting is given: ``"auto"`` and left out are the same.

    Raises:
        SettingsError: a setting is ``"auto"`` that has no ladder.

    Example:
        >>> [sorted(ladder.names) for ladder in open_ladders("ccl", {"margin": 0.4})]
        [['negative_weight']]
    """
    ladders = LOSS_LADDERS.get(loss, ())
    choosable = frozenset[str]().union(*(ladder.names for ladder in ladders))
    for name, value in settings.items():
        if isinstance(value, str) and value == "auto" and name not in choosable:
            words = f"'auto' is for {', '.join(sorted(choosable))}" if choosable else "it has none to choose"
            raise SettingsError(f"{name}='auto' of the loss {loss!r}: {words}; give a number")
    given = {name for name, value in settings.items() if not (isinstance(value, str) and value == "auto")}
    return tuple(ladder for ladder in ladders if not ladder.names & given)


def usual_settings(loss: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings with the usual numbers where none are given: the rule without a validation part.

    Example:
        >>> usual_settings("bsl", {"negative_weight": 1.1})
        {'negative_weight': 1.1, 'temperature': 0.2}
    """
    ladders = open_ladders(loss, settings)
    chosen = {name: value for name, value in settings.items() if not (isinstance(value, str) and value == "auto")}
    for ladder in ladders:
        chosen |= ladder.rungs[ladder.usual]
    return chosen
