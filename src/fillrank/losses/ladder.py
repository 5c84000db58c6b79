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
    """Settings of a loss from one end to the other, neighbours alike; a loss says which it has in its ``ladders``.

    A recipe that has a validation part tries some of the rungs by short trainings, goes on while the best is at an end
    of what was tried, and trains with the best (:class:`fillrank.models.Allowance` says what that may cost). Without a
    validation part the ``usual`` rung is taken.

    Attributes:
        rungs: one mapping for each, with the same names in all.
        first: places of those that are tried in any case, ``stride`` from one another, the usual one before the others.
        usual: place of the one that is taken without a validation part.
        stride: from one that is tried to the next; those between are tried where the best may be.
        hasty: whether a short training at a higher learning rate finds the same rung best. It does for temperatures;
            the hinges of margin losses are overrun by large steps, and a wrong margin or weight is found.

    Raises:
        SettingsError: a rung has other names than the first, or a place is not on the ladder.

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
                raise SettingsError(f"a ladder of {len(self.rungs)} rungs has no place {place}; they count from 0")
        low, high = min(self.first, default=0), max(self.first, default=-1)
        if sorted(self.first) != [*range(low, high + 1, self.stride)] or self.first[:1] != (self.usual,):
            raise SettingsError(
                f"first must begin with the usual place and go on without a gap, {self.stride} from one to the next; "
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
            name: of the setting.
            values: from one end to the other.
            first, usual: see :class:`Ladder`; of the values themselves, and not of their places.
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
        """Of the settings that it chooses."""
        return frozenset(self.rungs[0])
