"""Rungs are tried from the usual one on, while the best is at an end of what was tried."""

from __future__ import annotations

import pytest

from fillrank.models.climbing import Climb


@pytest.mark.parametrize("best", range(9))
def test_a_climb_goes_on_while_the_best_is_at_its_end(best: int) -> None:
    climb = Climb(range(9), first=(4, 3, 5))
    while (place := climb.due()) is not None:
        climb.scores[place] = -abs(place - best)
    assert climb.best == best
    low, high = min(best, 3), max(best, 5)
    assert sorted(climb.scores) == list(range(max(low - (best < 4), 0), min(high + (best > 4), 8) + 1))


@pytest.mark.parametrize("best", range(13))
def test_a_climb_in_strides_ends_at_the_best_or_beside_it(best: int) -> None:
    climb = Climb(range(13), first=(6, 4, 8), stride=2)
    while (place := climb.due()) is not None:
        climb.scores[place] = -abs(place - best - 0.1)
    assert climb.best == best
    assert len(climb.scores) <= 6
