"""``compare``, ``fit`` and ``evaluate``: from a log to a model, and how good it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fillrank.cli.options import (
    DataOption,
    JsonOption,
    KOption,
    ReadOption,
    RunArgument,
    SeedOption,
    SplitName,
    SplitOption,
    TestOption,
    ValidOption,
    named_or_read,
    open_log,
    open_split,
    parse_settings,
)
from fillrank.cli.output import show, to_json, write_text
from fillrank.errors import DataError, SettingsError

if TYPE_CHECKING:
    from fillrank.data import Interactions, Split
    from fillrank.recommend import Recommender

__all__ = ["compare", "evaluate", "fit"]


def compare(
    data: Annotated[
        str | None, typer.Option("--data", metavar="NAME|PATH", help="A known data set, or a file of your own.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="A TOML file that says all of this, instead of the options.")
    ] = None,
    models: Annotated[
        str, typer.Option("--models", metavar="NAME,NAME", help="The models, in the order of the table.")
    ] = "popularity,pure-svd,biased-svd,cmc",
    read: ReadOption = None,
    k: KOption = 10,
    seed: SeedOption = 0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds, counted up from --seed.")] = 5,
    test: TestOption = 0.1,
    valid: ValidOption = 0.1,
    protocol: Annotated[
        Literal["honest", "legacy"],
        typer.Option("--protocol", help="honest: all choices on validation. legacy: the best epoch on the test part."),
    ] = "honest",
    out: Annotated[Path | None, typer.Option("--out", help="Also write the JSON document to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train several models on the same splits and print one table."""
    from fillrank.experiments.compare import compare as run
    from fillrank.experiments.plan import read_plan, run_plan

    if (data is None) == (plan is None):
        raise typer.BadParameter("give one of --data and --plan", param_hint="--data")
    if plan is not None:
        table = run_plan(read_plan(plan))
    else:
        table = run(
            named_or_read(str(data), read),
            models=[name.strip() for name in models.split(",")],
            k=k,
            seeds=list(range(seed, seed + seeds)),
            test=test,
            valid=valid,
            protocol=protocol,
        )
    if out is not None:
        write_text(to_json(table.to_dict()), out)
    show(table.to_dict(), table, as_json=as_json)


def fit(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="The folder to save the model in.")],
    model: Annotated[
        str, typer.Option("--model", help="cmc, pure-svd, biased-svd, normalised-svd or popularity.")
    ] = "cmc",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the model, such as dim=64. Repeat as needed."),
    ] = None,
    read: ReadOption = None,
    split: SplitOption = "auto",
    test: TestOption = 0.1,
    valid: ValidOption = 0.1,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train one model and save it. The test part stays unseen, for `fillrank evaluate`; --test 0 keeps nothing back."""
    from fillrank.models import recipe

    kind = recipe(model)
    chosen = parse_settings(settings, "--set")
    if "seed" in kind.model_fields:
        chosen.setdefault("seed", seed)
    maker = kind(**chosen)
    parts = _open_to_fit(data, read, split, test, valid, seed)
    fitted = maker.fit(parts.train, valid=parts.valid)
    fitted.save(out)
    document = {"model": fitted.name, "out": out, "rows": len(parts.train), "protocol": dict(parts.protocol)}
    show(document, f"{fitted.name}, trained on {len(parts.train):,} rows, is saved in {out}", as_json=as_json)


def evaluate(
    run: RunArgument,
    data: DataOption,
    k: Annotated[
        list[int] | None, typer.Option("--k", "-k", min=1, help="Length of a list; repeat for several.")
    ] = None,
    read: ReadOption = None,
    split: SplitOption = "auto",
    test: TestOption = 0.1,
    valid: ValidOption = 0.1,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure a saved model on the test part. Give the same data, split and seed as to `fillrank fit`."""
    from fillrank.ranking import evaluate as measure
    from fillrank.recommend import Recommender

    model = Recommender.load(run)
    parts = open_split(data, read, split, test, valid, seed)
    _refuse_known_rows(model, parts.test)
    report = measure(model, parts, k=tuple(k or (10,)))
    show(report.to_dict(), str(report), as_json=as_json)


def _open_to_fit(data: str, read: Iterable[str] | None, how: SplitName, test: float, valid: float, seed: int) -> Split:
    """As :func:`~fillrank.cli.options.open_split`, but ``test=0`` keeps nothing back: for a model that goes to work."""
    if test:
        return open_split(data, read, how, test, valid, seed)
    if how not in {"auto", "random"}:
        raise typer.BadParameter(
            f"0 keeps nothing back, and that goes with --split random, not {how}", param_hint="--test"
        )
    import numpy as np

    from fillrank.data import Split, split

    log = open_log(data, read)
    nothing = log.select(np.zeros(len(log), dtype=bool))
    if valid == 0:
        return Split(log, None, nothing, {"split": "none"})
    cut = split.random(log, test=valid, valid=0, seed=seed)
    return Split(cut.train, cut.test, nothing, {**cut.protocol, "test": 0, "valid": valid})


def _refuse_known_rows(model: Recommender, test: Interactions) -> None:
    """A model is not measured on what it has learned from, nor on users and items that it numbers otherwise."""
    if model.user_ids != test.user_ids or model.item_ids != test.item_ids:
        raise DataError("the model was trained on other users or items; give the data that it was fitted with")
    known = model.log.csr[test.users, test.items].astype(bool).sum()
    if known:
        raise SettingsError(
            f"the model has learned from {known:,} of the {len(test):,} test rows; "
            "give --split, --test, --valid and --seed as to `fillrank fit`"
        )
