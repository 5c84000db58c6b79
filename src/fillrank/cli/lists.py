"""``recommend`` and ``similar``: lists of items from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fillrank.cli.options import JsonOption, KOption, RunArgument, path_of
from fillrank.cli.output import check_frame_path, for_spreadsheets, frame_table, show, write_frame
from fillrank.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["parse_likes", "recommend", "similar"]


def recommend(
    run: RunArgument,
    user: Annotated[list[str] | None, typer.Option("--user", metavar="ID", help="A known user; repeat.")] = None,
    users_file: Annotated[
        Path | None, typer.Option("--users-file", help="A text file with one user id on each line.", parser=path_of)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every user that the model knows.")] = False,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", metavar="ITEM[=RATING]", help="A new user who likes this item (id or title); repeat."),
    ] = None,
    k: KOption = 10,
    keep_seen: Annotated[bool, typer.Option("--keep-seen", help="Also list what the user already has.")] = False,
    unknown: Annotated[
        Literal["raise", "skip", "popular"],
        typer.Option("--unknown", help="A user the model does not know: an error, nothing, or the most popular items."),
    ] = "raise",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write to this .parquet, .csv or .jsonl file instead of printing.", parser=path_of),
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option("--spreadsheet-safe", help="In --out, put ' before text that a spreadsheet would run (= + - @)."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the items that fit users best: known users (--user, --users-file, --all) or a new one (--like)."""
    asked = {"--user": user, "--users-file": users_file, "--all": everybody, "--like": like}
    if sum(map(bool, asked.values())) != 1:
        raise typer.BadParameter(f"give one of {', '.join(asked)}, and only one")
    check_frame_path(out, inputs=(users_file,))
    from fillrank.recommend import Recommender

    model = Recommender.load(run)
    if like:
        frame = model.fold_in(parse_likes(like)).recommend(k=k, filter_seen=not keep_seen)
    else:
        ids = None if everybody else user or _read_ids(users_file)
        frame = model.recommend(ids, k=k, filter_seen=not keep_seen, unknown=unknown)
    if spreadsheet_safe:
        frame = for_spreadsheets(frame)
    _deliver(frame, "recommendations", out, as_json=as_json)


def similar(
    run: RunArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="An item's id or title.")],
    k: KOption = 10,
    as_json: JsonOption = False,
) -> None:
    """List the items nearest to an item."""
    from fillrank.recommend import Recommender

    _deliver(Recommender.load(run).similar_items(item, k=k), "similar", None, as_json=as_json)


def parse_likes(likes: list[str]) -> dict[str, float] | list[str]:
    """Items as typed after ``--like``: with their ratings where each has one, else as a list.

    Raises:
        typer.BadParameter: some have a rating and some have none, or an item comes twice.

    Example:
        >>> parse_likes(["Heat=5", "Alien=4.5"]), parse_likes(["Heat", "E=mc2"])
        ({'Heat': 5.0, 'Alien': 4.5}, ['Heat', 'E=mc2'])
    """
    parsed = [_split_rating(like) for like in likes]
    names = [name for name, _ in parsed]
    rated = {name: rating for name, rating in parsed if rating is not None}
    if len(set(names)) < len(names):
        raise typer.BadParameter("an item comes twice", param_hint="--like")
    if rated and len(rated) < len(names):
        raise typer.BadParameter("give a rating to all items or to none", param_hint="--like")
    return rated or names


def _split_rating(like: str) -> tuple[str, float | None]:
    name, equals, rating = like.rpartition("=")
    try:
        return (name, float(rating)) if equals else (like, None)
    except ValueError:  # the "=" belongs to the title
        return like, None


def _read_ids(path: Path | None) -> list[str]:
    from fillrank.data.encoding import text_of
    from fillrank.data.files import unpacked

    lines = [] if path is None else text_of(unpacked(path))[0].split("\n")
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise DataError(f"{path} holds no user ids; write one on each line")
    return ids


def _deliver(frame: pl.DataFrame, name: str, out: Path | None, *, as_json: bool) -> None:
    """Print a frame, or write it to ``out`` and print where it is."""
    if out is None:
        show({name: frame.to_dicts()} if as_json else {}, frame_table(frame), as_json=as_json)
        return
    write_frame(frame, out)
    show({"out": out, "rows": len(frame)}, f"{len(frame):,} rows in {out}", as_json=as_json)
