"""``compare``, ``fit`` and ``evaluate``: from a log to a model, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fillrank.cli.options import (
    BudgetOption,
    DataOption,
    DeviceOption,
    EventOption,
    HalfLifeOption,
    ItemFeaturesOption,
    JsonOption,
    KOption,
    LogToOption,
    ProgressOption,
    ReadOption,
    RunArgument,
    SeedOption,
    SetOption,
    SplitName,
    SplitOption,
    TestOption,
    ThreadsOption,
    TimeBudgetOption,
    TrainOption,
    UserFeaturesOption,
    ValidOption,
    WeightOption,
    parse_settings,
    path_of,
    read_table,
    run_options,
    source_of,
    source_over,
)
from fillrank.cli.output import show, to_json, write_text
from fillrank.cli.overwriting import ForceOption, check_kind, holds_comparison
from fillrank.cli.shell import end_failed, end_interrupted
from fillrank.errors import SettingsError
from fillrank.runtime.atomic_write import check_file
from fillrank.runtime.paths import with_ending

if TYPE_CHECKING:
    from fillrank.data import Split
    from fillrank.recommend import Recommender

__all__ = ["compare", "evaluate", "fit"]


def compare(
    data: DataOption = None,
    train: TrainOption = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="A TOML file that says all of this, instead of the options.", parser=path_of),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="NAME,NAME",
            help="The models, in the order of the table. Unless given: popularity,pure-svd,biased-svd,cmc for ratings, "
            "popularity,normalised-svd,ials,contrastive for events.",
        ),
    ] = None,
    read: ReadOption = None,
    weight: WeightOption = None,
    event: EventOption = None,
    half_life: HalfLifeOption = None,
    k: KOption = 10,
    split: SplitOption = "auto",
    seed: SeedOption = 0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds, counted up from --seed.")] = 5,
    test: TestOption = None,
    valid: ValidOption = 0.1,
    protocol: Annotated[
        Literal["honest", "legacy"],
        typer.Option("--protocol", help="honest: all choices on validation. legacy: the best epoch on the test part."),
    ] = "honest",
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit",
            help="After choosing, fit again on train and validation together. Default: yes, except in protocol legacy.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the JSON document to this file.", parser=path_of)
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train several models on the same splits and print one table."""
    from fillrank.experiments.compare.plan import read_plan, run_plan
    from fillrank.experiments.compare.runs import compare as run
    from fillrank.experiments.data.data_source import named_or_read

    if (data is None and train is None) == (plan is None):
        raise typer.BadParameter("give one of --data, --train and --plan", param_hint="--data")
    _check_out(out, [plan, data, train, test])
    asked = None if plan is None else read_plan(plan)
    if asked is not None:
        _check_out(out, [place for one in asked.sources() for place in (one.data, one.train, one.test)])
    for file in () if out is None else (out, _unfinished(out)):
        check_kind(file, "a comparison", holds_comparison, force=force)
    if asked is not None:
        table = run_plan(asked)
    else:
        source = source_of(data, train, test, read, weight, event)
        table = run(
            named_or_read(source.place, source.read),
            models=None if models is None else [name.strip() for name in models.split(",")],
            k=k,
            seeds=list(range(seed, seed + seeds)),
            split=split,
            test=source.test,
            valid=valid,
            protocol=protocol,
            refit=refit,
            half_life=half_life,
        )
    if table.interrupted and out is not None:  # a whole comparison that is there stays
        out = _unfinished(out)
    show(table.to_dict(), table, as_json=as_json)  # first: it is there even if the file cannot be written after all
    if out is not None:
        write_text(to_json(table.to_dict()), out)
    if table.interrupted:
        kept = "" if out is None else f", and in {out}"
        end_interrupted(f"interrupted; the {len(table.runs)} runs that were finished are above{kept}")
    if table.failures:
        end_failed(f"{len(table.failures)} of {len(table.failures) + len(table.runs)} runs failed; the others stand")


def _check_out(out: Path | None, inputs: list[Any]) -> None:
    """Refuse a file that cannot be written, or that is one of the inputs. (Numbers among the inputs are no files.)"""
    for file in () if out is None else (out, _unfinished(out)):
        check_file(file, inputs=[one for one in inputs if isinstance(one, str | Path)])


def _unfinished(out: Path) -> Path:
    """The file for a comparison that was interrupted."""
    return with_ending(out, ".interrupted")


def fit(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN.TOML]", help="A TOML file that says all of this; options take precedence.", parser=path_of
        ),
    ] = None,
    data: DataOption = None,
    train: TrainOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to save the model in.", parser=path_of)] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="auto (tries many), ease, als, mmcl, lightgcn or another. Unless given: cmc for ratings, contrastive "
            "for events.",
        ),
    ] = None,
    budget: BudgetOption = None,
    settings: SetOption = None,
    read: ReadOption = None,
    weight: WeightOption = None,
    event: EventOption = None,
    half_life: HalfLifeOption = None,
    item_features: ItemFeaturesOption = None,
    user_features: UserFeaturesOption = None,
    split: Annotated[
        SplitName | None, typer.Option("--split", help="As for `fillrank evaluate`; auto unless given.")
    ] = None,
    test: TestOption = None,
    valid: Annotated[
        float | None,
        typer.Option("--valid", help="Fraction of rows for choosing settings and when to stop; 0.1 by default."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="The same seed gives the same result; 0.")
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit", help="After choosing, fit again on train and validation together. Default: yes."
        ),
    ] = None,
    time_budget: TimeBudgetOption = None,
    log_to: LogToOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    progress: ProgressOption = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--fresh", help="Go on from where the same run was stopped, or begin anew."),
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Train one model and save it. The test part is not used, for `fillrank evaluate`; --test 0 uses all rows."""
    for name, value in (("--data", data or train), ("--out", out)):
        if file is None and value is None:
            raise typer.BadParameter("it is needed where no RUN.TOML says it", param_hint=name)
    given = {"model": model, "split": split, "valid": valid, "seed": seed, "half_life": half_life}
    given |= {"refit": refit, "item_features": item_features, "user_features": user_features}
    if budget is not None and file is None and model is None:
        given["model"] = "auto"
    tables = {"settings": parse_settings(settings, "--set"), "read": read_table(read, weight, event)}
    over: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    over |= source_over(data, train, test) | run_options(progress, device, threads, time_budget, log_to)
    over |= {name: table for name, table in tables.items() if table} | ({} if out is None else {"out": str(out)})
    from fillrank.experiments.run.fit import RunPlan, fit_run, read_run

    if budget is not None:
        over["settings"] = {**over.get("settings", {}), "budget": budget}
        named = over.get("model") or (None if file is None else read_run(file).model)
        if named != "auto":
            raise typer.BadParameter(
                f"it is for --model auto, and the model is {named}; --time-budget limits any fit", param_hint="--budget"
            )
    plan = RunPlan.of(over) if file is None else read_run(file, over)
    outcome = fit_run(plan, fresh=not resume)
    if outcome is None:  # another process of the group speaks
        return
    name, protocol = outcome.model.name, dict(outcome.protocol)
    document = {"model": name, "out": outcome.saved, "rows": outcome.rows, "protocol": protocol}
    document["refit"] = outcome.model.refit
    if not outcome.interrupted:
        kind = {True: " (train and validation)", False: " (train alone)", None: ""}[outcome.model.refit]
        if "tried" in outcome.model.settings:
            document["tried"] = outcome.model.settings["tried"]
        line = f"{name}, trained on {outcome.rows:,} rows{kind}, is saved in {plan.out}"
        text = f"{_what_was_tried(outcome.model)}{line}{_of_the_test_part(protocol)}"
        show(document, text, as_json=as_json)
        return
    document |= {"interrupted": True, "stopped_at": outcome.stopped_at}
    if as_json:
        show(document, "", as_json=True)
    end_interrupted(outcome.in_words(plan.out))


def _of_the_test_part(protocol: dict[str, Any]) -> str:
    """What follows from a part that was kept back; nothing where none was."""
    if not protocol.get("test"):
        return ""
    return (
        "\nthe test part is unknown to it, so lists may hold what users met there: to put it to work, fit with --test 0"
    )


def _what_was_tried(model: Recommender) -> str:
    """The table of a search, above the line that says where the model is; nothing for other models."""
    from fillrank.models.auto.tables import tried_in_words

    rows = model.settings.get("tried")
    return f"{tried_in_words(rows)}\n" if rows else ""


def evaluate(
    run: RunArgument,
    data: DataOption = None,
    train: TrainOption = None,
    k: Annotated[
        list[int] | None, typer.Option("--k", "-k", min=1, help="Length of a list; repeat for several.")
    ] = None,
    read: ReadOption = None,
    weight: WeightOption = None,
    event: EventOption = None,
    split: SplitOption = "auto",
    test: TestOption = None,
    valid: ValidOption = 0.1,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure a saved model on the test part. Give the same data, split and seed as to `fillrank fit`."""
    from fillrank.evaluation import evaluate as measure
    from fillrank.experiments.data.data_source import open_split
    from fillrank.experiments.run.as_fitted import say_how_it_was_fitted
    from fillrank.recommend import Recommender

    source = source_of(data, train, test, read, weight, event)
    model = Recommender.load(run)
    say_how_it_was_fitted(run, source.model_dump() | {"split": split, "valid": valid, "seed": seed})
    parts = open_split(source.place, source.read, split, source.test or 0.1, valid, seed)
    _refuse_known_rows(model, parts)
    if not source.test:
        raise SettingsError("--test 0 leaves no row to measure on; give --test as to `fillrank fit`")
    report = measure(model, parts, k=tuple(k or (10,)))
    show(report.to_dict(), str(report), as_json=as_json)


def _refuse_known_rows(model: Recommender, parts: Split) -> None:
    """Refuse to measure a model on rows that it has learned from, or on users and items with other indices."""
    from fillrank.evaluation.as_fitted import check_ids

    test = parts.test
    check_ids(model, test)
    known = model.interactions.without_values().csr[test.users, test.items].astype(bool).sum()
    if known == len(test) and len(model.interactions) >= sum(map(len, filter(None, (parts.train, parts.valid, test)))):
        raise SettingsError("this model was fitted on all rows (--test 0); fit another with a test part to measure")
    if known:
        raise SettingsError(
            f"the model was given {known:,} of the {len(test):,} test rows to learn from or to choose on; "
            "give --split, --test, --valid and --seed as to `fillrank fit`"
        )
