"""What of a loss is chosen on the validation part: the loss says it, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from torch import Tensor

from fillrank.data import Split, split, synthetic
from fillrank.errors import ContractError, SettingsError
from fillrank.losses import BSL, CCL, LOSSES, FromFunction, Ladder, ScoreLoss, open_ladders, usual_settings
from fillrank.models import Contrastive
from fillrank.testing import check_loss
from fillrank.training.callbacks import Recorder

SHARPNESS = Ladder.along("sharpness", (1.0, 2.0, 4.0, 8.0, 16.0), first=(4.0, 1.0, 16.0), usual=4.0)


@dataclass(frozen=True)
class Sharp(ScoreLoss):
    """A softmax by another name, with a ladder of its own."""

    sharpness: float = 3.0
    shift: float = 0.0
    ladders = (SHARPNESS,)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        return BSL(1 / self.sharpness)._value(pos, neg, mask, log_q)

    def _closed_form(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Any:
        return BSL(1 / self.sharpness)._closed_form(pos, neg, mask, log_q)


def hinge(pos: Tensor, neg: Tensor, *, sharpness: float = 3.0) -> Tensor:
    return (sharpness * (neg - pos[:, None] + 0.5)).relu().square().mean(1)


hinge.ladders = (SHARPNESS,)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def parts() -> Split:
    return split.random(synthetic(60, 40, 900, seed=2).interactions, valid=0.2, test=0.1)


@pytest.mark.parametrize("loss", [Sharp, hinge])
def test_a_loss_of_ones_own_is_chosen_by_its_own_ladder(loss: Any, parts: Split) -> None:
    quick = {"dim": 4, "epochs": 30, "batch_size": 100, "neighbour_weight": 0.0, "popularity_beta": 0.0}
    recipe = Contrastive(loss=loss, **quick)
    model = recipe.fit(parts.train, parts.valid, refit=False, progress=False)
    assert model.settings["loss_settings"]["sharpness"] in {1.0, 2.0, 4.0, 8.0, 16.0}
    heard = Recorder()
    recipe.fit(parts.train, parts.valid, refit=False, progress=False, callbacks=[heard])
    assert len(heard.of("trial")) >= 3, "the first rungs are tried in any case"
    assert usual_settings(loss, {}) == {"sharpness": 4.0}
    given = Contrastive(loss=loss, loss_settings={"sharpness": 5.0}, **quick)
    assert given.fit(parts.train, parts.valid, refit=False, progress=False).settings["loss_settings"] == {
        "sharpness": 5.0
    }


def test_of_an_object_nothing_is_left_to_choose() -> None:
    assert open_ladders(Sharp(2.0), {}) == open_ladders(FromFunction(hinge), {}) == ()
    assert open_ladders(Sharp, {"shift": 1.0}) == (SHARPNESS,)
    assert open_ladders(Sharp, {"sharpness": 1.0}) == ()
    with pytest.raises(SettingsError, match=r"shift='auto' of the loss .*Sharp: 'auto' is for sharpness; give"):
        open_ladders(Sharp, {"shift": "auto"})


def test_what_is_chosen_begins_at_what_is_usual() -> None:
    for name, kind in LOSSES.items():
        for ladder in kind.ladders:
            assert ladder.first[0] == ladder.usual, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ladder([], (0,), 0), "a ladder must have rungs, each a mapping of settings, got none"),
        (lambda: Ladder([{}], (0,), 0), "a ladder must have rungs"),
        (lambda: Ladder([{"a": 1}, {"b": 1}], (0,), 0), "must have the same names, got {'a': 1} and {'b': 1}"),
        (lambda: Ladder([{"a": 1}], (1,), 1), "a ladder of 1 rungs has no rung 1; they count from 0"),
        (lambda: Ladder([{"a": 1}], (), 0), "first must begin with the usual index"),
        (lambda: Ladder([{"a": n} for n in range(5)], (0, 3), 0), "have no gap, 2 from one to the next"),
        (lambda: Ladder([{"a": n} for n in range(5)], (0, 2), 2), "first must begin with the usual index"),
        (lambda: Ladder([{"a": 1}], (0,), 0, stride=0), "stride must be from 1 to 1,000,000, got 0"),
        (
            lambda: Ladder.along("a", (1, 2), first=(3,), usual=1),
            r"first and usual of the ladder of a must be among its values; values=\[1, 2\] has no 3",
        ),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


class TwoOfOne(Sharp):
    ladders = (SHARPNESS, SHARPNESS)


class NoLadder(Sharp):
    ladders = ({"sharpness": 1},)


class Beyond(CCL):
    ladders = (Ladder.along("margin", (0.5, 1.0, 1.5), first=(0.5, 1.5), usual=0.5),)


class Unknown(CCL):
    ladders = (Ladder.along("temperature", (0.5, 1.0), first=(0.5,), usual=0.5),)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (TwoOfOne, "its ladders: has two for sharpness"),
        (NoLadder, r"its ladders: holds {'sharpness': 1}, no fillrank.losses.Ladder"),
        (Beyond, r"its ladders: has a rung {'margin': 1.5} that makes no loss: margin must be within"),
        (Unknown, r"its ladders: has a rung {'temperature': 0.5} that makes no loss: .* has no setting 'temperature'"),
    ],
)
def test_the_battery_climbs_the_ladders(loss: Any, message: str) -> None:
    check_loss(Sharp)
    with pytest.raises(ContractError, match=message):
        check_loss(loss)
