"""``complete``: fill the missing cells of a table in a file."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fillrank.cli.options import JsonOption, SeedOption, path_of
from fillrank.cli.output import show
from fillrank.cli.overwriting import ForceOption

if TYPE_CHECKING:
    from fillrank.completion import MatrixCompletion, MatrixCompletionCV

__all__ = ["complete", "parse_bounds", "parse_strength"]

SolverName = Literal["als", "gd", "sgd", "adam", "svd", "soft-impute", "nmf", "gibbs"]


def complete(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="A text, wide with blanks or row,column,value; or Parquet or Arrow.",
            parser=path_of,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; may be IN itself.", parser=path_of)],
    rank: Annotated[int | None, typer.Option("--rank", help="Number of factors; 10 unless given.")] = None,
    solver: Annotated[SolverName, typer.Option("--solver", help="How to find them.")] = "als",
    regularization: Annotated[
        str | None,
        typer.Option(
            "--regularization",
            metavar="NUMBER|auto",
            help="Strength of the penalty on the factors; auto, the default: chosen on held-out cells.",
        ),
    ] = None,
    cv: Annotated[bool, typer.Option("--cv", help="Choose rank and regularization by cross-validation.")] = False,
    bounds: Annotated[
        str | None, typer.Option("--bounds", metavar="LOW,HIGH", help="Clip filled values to this range, such as 1,5.")
    ] = None,
    layout: Annotated[
        Literal["auto", "wide", "long"],
        typer.Option("--layout", help="auto: long if the header is like user,item,rating."),
    ] = "auto",
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line is a header; else inferred from it."),
    ] = None,
    row_ids: Annotated[
        bool | None,
        typer.Option(
            "--row-ids/--no-row-ids", help="Whether the first column names the rows; if not given, inferred from it."
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            "--missing",
            metavar="TEXT",
            help="A word or a number that means a missing value, besides blanks, NA, NaN, null; repeat.",
        ),
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="For a long table: also add the pairs without a line.")
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="COLUMN", help="For a wide table: leave this column as it is; repeat."),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option("--separator", metavar="MARK", help="Between fields; if not given, inferred from the file."),
    ] = None,
    decimal: Annotated[str, typer.Option("--decimal", metavar="MARK", help="The decimal mark: . or ,")] = ".",
    thousands: Annotated[
        str | None, typer.Option("--thousands", metavar="MARK", help="Between groups of three digits, as in 1,234.")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", metavar="TEXT", help="The unit after numbers, as in 12%.")] = "",
    whole: Annotated[
        bool,
        typer.Option("--round", help="Round filled values in columns whose known values are all whole numbers."),
    ] = False,
    clip: Annotated[
        bool,
        typer.Option("--clip", help="Clip filled values to the smallest and the largest known value of their column."),
    ] = False,
    digits: Annotated[int, typer.Option("--digits", help="Significant digits of filled values.")] = 6,
    max_iter: Annotated[int, typer.Option("--max-iter", help="Largest number of iterations.")] = 200,
    scale: Annotated[
        Literal["auto", "table", "columns"],
        typer.Option(
            "--scale", help="One scale for the table, or one for each column; auto: chosen on held-out cells."
        ),
    ] = "auto",
    force: ForceOption = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fill the missing cells of a table; everything else in the file stays exactly as it is."""
    asked = {"rank": rank, "regularization": parse_strength(regularization)}
    if cv and asked != {"rank": None, "regularization": None}:
        raise typer.BadParameter("it chooses --rank and --regularization; leave them out", param_hint="--cv")
    limits = parse_bounds(bounds)
    from sklearn.exceptions import ConvergenceWarning

    from fillrank.completion import MatrixCompletion, MatrixCompletionCV
    from fillrank.completion.files import Finish, complete_file
    from fillrank.completion.numbers import Notation
    from fillrank.completion.reading import Reading

    settings: dict[str, Any] = {
        "solver": solver,
        "bounds": limits,
        "max_iter": max_iter,
        "random_state": seed,
        "scale": scale,
    }
    settings |= {name: given for name, given in asked.items() if given is not None}
    estimator = MatrixCompletionCV(**settings) if cv else MatrixCompletion(**settings)
    reading = Reading(
        layout=layout,
        separator=separator,
        header=header,
        row_ids=row_ids,
        missing=tuple(missing or ()),
        all_pairs=all_pairs,
        ignore=tuple(ignore or ()),
        notation=Notation(decimal, thousands, unit),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # is said below
        done = complete_file(
            source, out, estimator, reading=reading, digits=digits, force=force, finish=Finish(whole, clip)
        )
    document = {"out": out, **asdict(done), **_account(estimator)}
    for note in done.notes:
        typer.echo(note, err=True)
    show(document, _in_words(document), as_json=as_json)


def parse_strength(text: str | None) -> float | str | None:
    """A number, or ``auto``.

    Raises:
        typer.BadParameter: it is something else.

    Example:
        >>> parse_strength("0.1"), parse_strength("auto"), parse_strength(None)
        (0.1, 'auto', None)
    """
    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor auto", param_hint="--regularization") from None


def parse_bounds(bounds: str | None) -> tuple[float, float] | None:
    """``LOW,HIGH`` as two numbers.

    Raises:
        typer.BadParameter: it is something else.

    Example:
        >>> parse_bounds("1,5"), parse_bounds("-inf,0.5"), parse_bounds(None)
        ((1.0, 5.0), (-inf, 0.5), None)
    """
    if bounds is None:
        return None
    low, comma, high = bounds.partition(",")
    try:
        if comma:
            return float(low), float(high)
    except ValueError:
        pass  # said below
    raise typer.BadParameter(f"{bounds!r} is no LOW,HIGH, such as 1,5", param_hint="--bounds")


def _account(estimator: MatrixCompletion | MatrixCompletionCV) -> dict[str, Any]:
    """The fitted attributes of the estimator, for the JSON document."""
    account = {name: getattr(estimator, f"{name}_") for name in ("rank", "regularization", "n_iter", "converged")}
    chosen = {name: getattr(estimator, name, None) for name in ("best_regularization_", "best_rmse_")}
    return {
        "solver": estimator.solver,
        "scaled_by": estimator.scaled_by_,
        **account,
        **{name.removesuffix("_"): value for name, value in chosen.items() if value is not None},
    }


def _in_words(document: dict[str, Any]) -> str:
    cells = document["n_rows"] * document["n_columns"]
    strength = "" if document["regularization"] is None else f", regularization {document['regularization']:.3g}"
    text = (
        f"{document['n_filled']:,} numbers filled into {document['out']}: a {document['layout']} table of "
        f"{document['n_rows']:,} × {document['n_columns']:,}, {document['n_known']:,} of its {cells:,} cells known "
        f"({document['solver']}, rank {document['rank']}{strength}, {document['n_iter']} rounds)"
    )
    if document["scaled_by"] == "columns":
        text += "\neach column was scaled by itself: it predicts cells kept back better (--scale table: all as one)"
    unit = ", in standard deviations of the columns" if document["scaled_by"] == "columns" else ""
    if "best_rmse" in document:
        text += f"\nroot mean squared error in cross-validation: {document['best_rmse']:.4g}{unit}"
    if document["rmse_kept_back"] is not None:
        text += (
            f"\nroot mean squared error on known cells kept back: {document['rmse_kept_back']:.4g}; "
            f"of the columns' means: {document['rmse_of_means']:.4g}{unit}"
        )
        if document["rmse_kept_back"] >= document["rmse_of_means"]:
            text += "\nthat is no better than the means: the columns tell little of one another, or too little is known"
    if not document["converged"]:
        text += "\nit was still moving when it stopped; --max-iter gives it more rounds"
    return text
