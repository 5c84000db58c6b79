"""``Ladder``: values of a loss's setting (or of several together) to choose from on the validation part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from fillrank.arguments import checked, count, shown
from fillrank.errors import SettingsError

__all__ = ["Ladder"]


@checked
@dataclass(frozen=True)
class Ladder:
    """Settings of a loss in ascending order, so that neighbours are similar; see :attr:`ScoreLoss.ladders`.

    With a validation part, a recipe tries some of the rungs in short trainings. While the best rung is at an end of the
    ones tried, it tries the next one. Then it trains with the best (:class:`fillrank.models.Allowance` limits the
    cost). Without a validation part, it takes the ``usual`` rung.

    Attributes:
        rungs: one mapping of settings for each rung, with the same names in all.
        first: indices of the rungs that are always tried, ``stride`` apart; the usual one comes first.
        usual: index of the rung that is taken without a validation part.
        stride: distance between the rungs that are tried; the rungs between them are tried near the best.
        hasty: whether a short training at a higher learning rate finds the same best rung. This is true for
            temperatures, but not for margin losses: large steps jump over their hinges, and lead to a wrong margin or
            weight.

    Raises:
        SettingsError: a rung has other names than the first, or an index is out of range.

    Example:
        >>> from fillrank.losses import CCL
        >>> [sorted(ladder.names) for ladder in CCL.ladders]
        [['negative_weight'], ['margin']]
        >>> Ladder.along("sharpness", (1, 2, 4, 8, 16), first=(4, 1, 16), usual=4).rungs[0]
        {'sharpness': 1}
    """

    rungs: Sequence[Mapping[str, Any]]
    first: tuple[int, ...]
    usual: int
    stride: int = 2
    hasty: bool = False

    def __post_init__(self) -> None:
        if not self.rungs or not self.names:
            raise SettingsError("a ladder must have rungs, each a mapping of settings, got none")
        for rung in self.rungs:
            if frozenset(rung) != self.names:
                raise SettingsError(f"the rungs of a ladder must have the same names, got {self.rungs[0]} and {rung}")
        count("stride", self.stride)
        for place in (*self.first, self.usual):
            if not 0 <= place < len(self.rungs):
                raise SettingsError(f"a ladder of {len(self.rungs)} rungs has no rung {place}; they count from 0")
        low, high = min(self.first, default=0), max(self.first, default=-1)
        if sorted(self.first) != [*range(low, high + 1, self.stride)] or self.first[:1] != (self.usual,):
            raise SettingsError(
                f"first must begin with the usual index and have no gap, {self.stride} from one to the next; "
                f"got first={self.first}, usual={self.usual}"
            )

    @classmethod
    @checked
    def along(
        cls,
        name: str,
        values: Sequence[Any],
        *,
        first: Sequence[Any],
        usual: Any,
        stride: int = 2,
        hasty: bool = False,
    ) -> Self:
        """A ladder of one setting.

        Args:
            name: the name of the setting.
            values: its values in order.
            first, usual: see :class:`Ladder`; here as values, not as indices.
            stride, hasty: see :class:`Ladder`.
        """
        for argument, given in (("values", values), ("first", first), ("usual", [usual])):
            for value in given:
                if not isinstance(value, int | float | str | list | tuple):
                    raise SettingsError(
                        f"a ladder has plain numbers, words or lists of them, got {shown(value)}"
                    ).about(argument)
        values = list(values)
        for value in (*first, usual):
            if value not in values:
                raise SettingsError(
                    f"first and usual of the ladder of {name} must be among its values; "
                    f"values={values} has no {value!r}"
                )
        at = [values.index(value) for value in first]
        return cls([{name: value} for value in values], tuple(at), values.index(usual), stride, hasty)

    @property
    def names(self) -> frozenset[str]:
        """The names of the settings that it chooses."""
        return frozenset(self.rungs[0])
