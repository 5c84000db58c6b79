"""Parts by name: fillrank's own, registered ones, and those of packages made on the fly, without an installation."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
import torch

from fillrank.cli import app
from fillrank.data import Split
from fillrank.encoders import ENCODERS
from fillrank.errors import SettingsError
from fillrank.experiments.run.fit import RunPlan
from fillrank.losses import CCL, LOSSES, VECTOR_LOSSES, FromFunction, as_loss, loss
from fillrank.models import Contrastive
from fillrank.registry import Registry
from fillrank.runtime.notices import _NOTICES
from fillrank.samplers import SAMPLERS, KnownPositives, Uniform, sampler

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
SRC = Path(__file__).parents[1] / "src" / "fillrank"
KNOWN = KnownPositives(torch.tensor([0, 1]), torch.tensor([0]), n_columns=4)
SOURCE = """
import torch
from fillrank.encoders import TableEncoder
from fillrank.samplers import Negatives

def squared_hinge(pos, neg, *, margin=0.5):
    return (neg - pos[:, None] + margin).relu().square().mean(1)

class Newest:
    def __init__(self, known, n=2):
        self.known, self.n = known, n

    def sample(self, users, positives, generator, score=None):
        items = torch.arange(self.known.n_columns - self.n, self.known.n_columns)
        return Negatives(items, torch.zeros(self.n), self.known.mask(users, items))

class Shifted(TableEncoder):
    def __init__(self, users, items, similarity, shift=0.1):
        super().__init__(similarity)
        self.users, self.items = torch.nn.Parameter(users), torch.nn.Parameter(items)
        self.shift = shift

    def tables(self):
        return self.users + self.shift, self.items

number = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a distribution on the path: a module, and the entry points that it declares."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(points: str, name: str = "my-parts", module: str = "my_parts_for_a_test", source: str = SOURCE) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(points.replace("MODULE", module))
        monkeypatch.syspath_prepend(str(tmp_path))  # a path that has changed is looked at anew
        _NOTICES.forget()

    yield make
    sys.modules.pop("my_parts_for_a_test", None)


WHOLE = """
[fillrank.losses]
squared-hinge = MODULE:squared_hinge
[fillrank.samplers]
newest = MODULE:Newest
[fillrank.encoders]
shifted = MODULE:Shifted
"""
QUICK = {"dim": 4, "epochs": 1, "neighbour_weight": 0.0, "popularity_beta": 0.0}


def test_the_names_of_a_package_work_everywhere(package: Callable[..., None], parts: Split) -> None:
    package(WHOLE)
    assert loss("squared-hinge", margin=1.0)(torch.zeros(1), torch.zeros(1, 2)).tolist() == [1.0]
    assert sampler("newest", KNOWN, n=3).n == 3
    named = {
        "loss": {"name": "squared-hinge", "margin": 0.2},
        "sampler": {"name": "newest", "n": 9},
        "encoder": "shifted",
    }
    model = Contrastive(**QUICK, **named).fit(parts.train)
    assert (model.settings["loss"], model.settings["loss_settings"]) == ("squared-hinge", {"margin": 0.2})
    assert torch.equal(Contrastive(**model.settings).fit(parts.train).scorer.users, model.scorer.users)


def test_an_object_of_a_package_is_saved_by_its_name(package: Callable[..., None]) -> None:
    package(WHOLE)
    import my_parts_for_a_test as mine

    made = Contrastive(loss=mine.squared_hinge, sampler=mine.Newest(KNOWN, 3), encoder=mine.Shifted)
    assert (made.loss, made.sampler, made.encoder) == ("squared-hinge", "newest", "shifted")
    assert made.sampler_settings == {"n": 3}
    assert made.objects() == {}


def test_the_command_line_and_toml_take_the_names(package: Callable[..., None], tmp_path: Path, parts: Split) -> None:
    package(WHOLE)
    settings = {**QUICK, "loss": "squared-hinge", "sampler": "newest"}
    assert (
        RunPlan.of({"data": "x", "model": "contrastive", "out": "y", "settings": settings}).recipe().loss
        == "squared-hinge"
    )
    log, out = tmp_path / "log.csv", tmp_path / "model"
    parts.train.to_frame().write_csv(log)
    asked = ["loss.name=squared-hinge", "loss.margin=0.3", "sampler=newest", "encoder=shifted", "epochs=1", "dim=4"]
    words = [word for one in asked for word in ("--set", one)]
    code = app(["fit", "--data", str(log), "--model", "contrastive", "--out", str(out), *words], standalone_mode=False)
    assert code in {0, None}
    assert 'loss = "squared-hinge"' in (out / "run.toml").read_text()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (
            "[fillrank.losses]\nbroken = no_such_module:x",
            "the entry point 'broken' = 'no_such_module:x' (fillrank.losses) of the package my-parts cannot be loaded "
            "(ModuleNotFoundError: No module named 'no_such_module'); repair or remove that package",
        ),
        ("[fillrank.losses]\nbroken = MODULE:nothing", "of the package my-parts cannot be loaded (AttributeError: "),
        ("[fillrank.losses]\nbroken = MODULE:number", "of the package my-parts leads to 3, which is no loss"),
    ],
)
def test_a_broken_entry_point_names_the_package_and_the_entry(
    points: str, message: str, package: Callable[..., None]
) -> None:
    package(points)
    assert type(loss("ccl")) is LOSSES["ccl"]  # a broken package does not touch the names of others
    with pytest.raises(SettingsError, match=re.escape(message)):
        loss("broken")


def test_a_module_that_fails_is_told_as_well(package: Callable[..., None]) -> None:
    package("[fillrank.losses]\nbroken = MODULE:x", source="1 / 0")
    with pytest.raises(SettingsError, match=r"my-parts cannot be loaded \(ZeroDivisionError: division by zero\)"):
        loss("broken")


def test_a_name_of_fillranks_own_cannot_be_taken(
    package: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    package("[fillrank.losses]\nccl = MODULE:squared_hinge\n[fillrank.encoders]\nmf = MODULE:Shifted")
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        assert type(loss("ccl")) is LOSSES["ccl"]
        assert ENCODERS.find("mf") is ENCODERS["mf"]
    assert "of the package my-parts takes the name of a loss of fillrank's own; 'ccl' stays fillrank's" in caplog.text
    assert "takes the name of an encoder of fillrank's own" in caplog.text


def test_two_packages_with_one_name_are_an_error_that_names_both(package: Callable[..., None]) -> None:
    package("[fillrank.losses]\nx = MODULE:squared_hinge")
    package("[fillrank.losses]\nx = MODULE:Newest", name="others")
    with pytest.raises(SettingsError, match=r"is offered twice, by .*(my-parts and .*others|others and .*my-parts)"):
        loss("x")


def test_what_is_registered_is_found_and_saved_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOSSES, "_more", {})

    def plain_gap(pos, neg, *, scale=1.0):
        return scale * (neg - pos[:, None]).sum(1)

    LOSSES.register("plain-gap", plain_gap)
    LOSSES.register("plain-gap", plain_gap)  # a cell that is run twice
    assert "plain-gap" in LOSSES
    assert isinstance(loss("plain-gap", scale=2.0), FromFunction)
    assert Contrastive(loss=plain_gap).loss == "plain-gap"
    with pytest.raises(SettingsError, match="the loss 'plain-gap' has no setting 'size'; it has scale"):
        loss("plain-gap", size=2.0)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("uniform", Uniform, "'uniform' is a sampler of fillrank's own; give yours another name"),
        ("", Uniform, "must be a text without dots and outer blanks, got ''"),
        ("a.b", Uniform, "must be a text without dots"),
        ("mine", 3, "the sampler 'mine' must be a class or a function, got 3"),
    ],
)
def test_a_name_that_cannot_be_given(name: str, kind: object, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        SAMPLERS.register(name, kind)
    with pytest.raises(SettingsError, match="'alignment-uniformity' is a loss of fillrank's own"):
        LOSSES.register("alignment-uniformity", Uniform)


def test_a_name_is_given_once() -> None:
    registry: Registry[type] = Registry("part", "fillrank.none", {})
    registry.register("x", dict)
    with pytest.raises(SettingsError, match=r"'x' is builtins.dict already; give builtins.set another name"):
        registry.register("x", set)


def test_an_object_takes_no_settings_beside_it() -> None:
    with pytest.raises(SettingsError, match="margin of the loss is given twice"):
        as_loss(CCL(0.4), {"margin": 1})


@pytest.mark.parametrize(
    ("room", "registry"),
    [("losses", LOSSES), ("losses", VECTOR_LOSSES), ("samplers", SAMPLERS), ("encoders", ENCODERS)],
)
def test_each_part_of_fillranks_is_exported_and_has_a_row_in_the_docs(room: str, registry: Mapping[str, type]) -> None:
    page = (DOCS / f"{room}.md").read_text(encoding="utf-8")
    public = vars(import_module(f"fillrank.{room}"))
    for name, kind in registry.items():
        if not kind.__module__.startswith("fillrank."):
            continue  # registered by another test
        assert kind.__name__ in public["__all__"], f"{kind.__name__} has no place in fillrank.{room}"
        assert public[kind.__name__] is kind
        assert f"| `{name}` |" in page, f"the table of {page} has no row for {name}"


@pytest.mark.parametrize("room", ["losses", "samplers", "encoders"])
def test_every_file_of_parts_is_imported_by_its_room(room: str) -> None:
    """A part is found by its name once its file has been imported."""
    code = f"import sys, fillrank.{room}; print(*(n for n in sys.modules if n.startswith('fillrank.{room}.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files = {f"fillrank.{room}.{file.stem}" for file in (SRC / room).glob("*.py") if ".own(" in file.read_text()}
    assert files <= set(done.stdout.split())


def test_two_of_fillranks_own_cannot_have_one_name() -> None:
    LOSSES.own("ccl")(CCL)
    with pytest.raises(ValueError, match=r"margins.CCL and .*Uniform cannot both be called 'ccl'"):
        LOSSES.own("ccl")(Uniform)
