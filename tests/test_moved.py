"""Imports by the module names of 0.1 find the new modules, and say so."""

import importlib
import re
import sys
import warnings

import pytest

from fillrank._moved import MOVED

HEAVY = {"report.sweep_plots"}  # wants an extra


@pytest.mark.parametrize("old", sorted(set(MOVED) - HEAVY))
def test_an_old_name_is_the_new_module(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = importlib.import_module(f"fillrank.{MOVED[old]}")
    spec = new.__spec__
    with warnings.catch_warnings():  # of an old room above it, which warns for itself
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module(f"fillrank.{old}".rpartition(".")[0])
    monkeypatch.delitem(sys.modules, f"fillrank.{old}", raising=False)
    with pytest.warns(DeprecationWarning, match=re.escape(f"fillrank.{old} is fillrank.{MOVED[old]} now")):
        found = importlib.import_module(f"fillrank.{old}")
    assert found is new
    assert new.__spec__ is spec


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"fillrank\.data\.attic"):
        importlib.import_module("fillrank.data.attic")


def test_rooms_that_were_modules_have_their_public_names() -> None:
    from fillrank.experiments.compare import compare
    from fillrank.experiments.reproduce import read_study
    from fillrank.experiments.run import RunPlan, fit_run
    from fillrank.models.cmc import CMC
    from fillrank.models.contrastive import Contrastive

    assert all(map(callable, (compare, read_study, RunPlan, fit_run, CMC, Contrastive)))


@pytest.mark.parametrize("old", sorted(MOVED))
def test_no_old_name_hides_a_public_one(old: str) -> None:
    """An import sets the module on the package around it: a function of that name would be gone."""
    package, _, name = f"fillrank.{old}".rpartition(".")
    if package.removeprefix("fillrank.") not in MOVED:
        assert name not in getattr(importlib.import_module(package), "__all__", ())
