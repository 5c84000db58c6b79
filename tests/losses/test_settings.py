"""Settings that cannot work are refused by name, and losses are found by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fillrank.errors import SettingsError
from fillrank.losses import LOSSES, MMCL, PUBLISHED, VECTOR_LOSSES, FromFunction, as_loss, loss, vector_loss
from fillrank.registry import parameters_of

BAD_TEMPERATURES = [0, 0.0, -1.0, math.inf, math.nan, "0.1", None, True]
WITH_TEMPERATURE = [name for name, kind in {**LOSSES, **VECTOR_LOSSES}.items() if "temperature" in parameters_of(kind)]


@pytest.mark.parametrize("temperature", BAD_TEMPERATURES)
@pytest.mark.parametrize("name", WITH_TEMPERATURE)
def test_a_temperature_that_cannot_be_is_refused(name: str, temperature: Any) -> None:
    with pytest.raises(SettingsError, match=r"temperature must be a .*number, got"):
        as_loss(name, {"temperature": temperature})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("bsl", {"negative_temperature": 0}, "negative_temperature must be a positive number, got 0"),
        ("bsl", {"negative_weight": -1}, "negative_weight must be a positive number, got -1"),
        ("psl", {"activation": "exp"}, "activation must be 'tanh', 'atan' or 'relu', got 'exp'"),
        ("psl", {"score_scale": 0}, "score_scale must be a positive number"),
        ("hinge", {"margin": -0.1}, "margin must be a number of 0 or more, got -0.1"),
        ("hinge", {"margin": math.nan}, "margin must be a number, got nan"),
        ("logistic", {"reduction": "max"}, "reduction must be 'mean' or 'sum', got 'max'"),
        ("logistic", {"negative_weight": math.inf}, "negative_weight must be a number, got inf"),
        ("ccl", {"margin": 1.5}, r"margin must be within \[-1, 1\], as cosines are; got 1.5"),
        ("ccl", {"margin": math.nan}, "margin must be a number, got nan"),
        ("ccl", {"negative_weight": -1}, "negative_weight must be a number of 0 or more, got -1"),
        ("mmcl", {"margins": [0.5, 0.9]}, "weights must be as many as margins: 3 weights, 2 margins"),
        ("mmcl", {"margins": [], "weights": []}, "margins must hold at least one margin"),
        ("mmcl", {"margins": 0.5}, "margins must be a list of numbers, got 0.5"),
        ("mmcl", {"margins": "0.5"}, "margins must be a list of numbers, got '0.5'"),
        (
            "mmcl",
            {"margins": [0.9, 0.8, 0.7]},
            r"margins must be in ascending order, got \[0.9, 0.8, 0.7\]",
        ),
        ("mmcl", {"margins": [0.5, 0.5, 0.7]}, "margins must be in ascending order"),
        ("mmcl", {"margins": [0.5, 0.7, 1.01]}, r"margins must be within \[-1, 1\], as cosines are; got 1.01"),
        ("mmcl", {"margins": [0.5, 0.7, math.nan]}, "number 3 of them is nan"),
        ("mmcl", {"weights": [0.5, 0.7, -0.2]}, "weights must be a number of 0 or more, got -0.2"),
        ("mmcl", {"weights": [0.5, 0.5, math.nan]}, "number 3 of them is nan"),
        ("mmcl", {"weights": [1, 0.5, 0.5]}, r"weights must add up to 1, got \[1, 0.5, 0.5\] with the sum 2; divide"),
        ("mmcl", {"positive_weight": -1}, "positive_weight must be a number of 0 or more"),
        ("mmcl", {"negative_weight": math.nan}, "negative_weight must be a number, got nan"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        loss(name, **settings)


def test_margins_from_a_file_are_frozen_like_any_others() -> None:
    made = loss("mmcl", margins=[0.5, 0.9], weights=[0.2, 0.8])
    assert made == MMCL((0.5, 0.9), (0.2, 0.8))
    assert len({made, MMCL((0.5, 0.9), (0.2, 0.8))}) == 1


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_found_by_name_with_its_defaults(name: str) -> None:
    assert loss(name) == LOSSES[name]()


@pytest.mark.parametrize("name", VECTOR_LOSSES)
def test_every_loss_of_vectors_is_found_by_name(name: str) -> None:
    assert vector_loss(name) == VECTOR_LOSSES[name]()


def test_a_name_that_is_not_there_says_what_is() -> None:
    with pytest.raises(SettingsError, match=r"there is no loss 'mcl'; did you mean '\w+'\? there are bpr, bsl, ccl"):
        loss("mcl")
    with pytest.raises(SettingsError, match=r"there is no loss 'xyz'; there are .*alignment-uniformity, view-contrast"):
        vector_loss("xyz")


def test_each_contract_points_to_the_other() -> None:
    with pytest.raises(SettingsError, match=r"is a loss of vectors, not of scores: ask vector_loss\('view-contrast'\)"):
        loss("view-contrast")
    with pytest.raises(SettingsError, match=r"is a loss of scores, not of vectors: ask loss\('ccl'\)"):
        vector_loss("ccl")


def test_a_setting_that_is_not_there_says_what_is() -> None:
    with pytest.raises(SettingsError, match="the loss 'infonce' has no setting 'tau'; it has temperature"):
        loss("infonce", tau=0.1)


def test_what_is_published_belongs_to_known_losses() -> None:
    assert {name.partition("-")[0] for name in PUBLISHED} <= set(LOSSES)
    assert all(isinstance(made, LOSSES[name.partition("-")[0]]) for name, made in PUBLISHED.items())


def test_a_loss_that_is_no_function_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"a loss must be a function of \(pos \[B\], neg \[B, N\]\), got 3"):
        FromFunction(3)
