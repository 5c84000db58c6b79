"""``recommend``, ``similar`` and ``explain``: lists of items from a saved model, and why they are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fillrank.cli.list_rules import conditions, limits, named_items
from fillrank.cli.options import JsonOption, KOption, RunArgument, path_of
from fillrank.cli.output import check_frame_path, for_spreadsheets, frame_table, show, write_frame
from fillrank.cli.overwriting import ForceOption, check_kind, holds_lists
from fillrank.errors import DataError, UnknownIdError
from fillrank.terminal import printable

if TYPE_CHECKING:
    import polars as pl

    from fillrank.recommend import Recommender

__all__ = ["explain", "parse_likes", "recommend", "similar"]

LikeOption = Annotated[
    list[str] | None,
    typer.Option("--like", metavar="ITEM[=RATING]", help="A new user who likes this item (id or title); repeat."),
]
_SHOWN = 5  # users that a note names


def recommend(
    run: RunArgument,
    user: Annotated[list[str] | None, typer.Option("--user", metavar="ID", help="A known user; repeat.")] = None,
    users_file: Annotated[
        Path | None, typer.Option("--users-file", help="A text file with one user id on each line.", parser=path_of)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every user that the model knows.")] = False,
    like: LikeOption = None,
    k: KOption = 10,
    keep_seen: Annotated[bool, typer.Option("--keep-seen", help="Also list items that the user has seen.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ITEM", help="List only this item (id or title); repeat.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="ITEM", help="Do not list this item (id or title); repeat.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=VALUE", help="Only items with this value in the item table; repeat."),
    ] = None,
    where_not: Annotated[
        list[str] | None,
        typer.Option("--where-not", metavar="COLUMN=VALUE", help="No items with this value in the item table; repeat."),
    ] = None,
    at_most: Annotated[
        list[str] | None,
        typer.Option("--at-most", metavar="COLUMN=N", help="At most N items of one category in a list; repeat."),
    ] = None,
    item_table: Annotated[
        Path | None,
        typer.Option("--item-table", help="A file with a row for each item: its id and its columns.", parser=path_of),
    ] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="Between the categories of one cell, such as '|'.")
    ] = None,
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
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the items that fit users best: known users (--user, --users-file, --all) or a new one (--like)."""
    asked = {"--user": user, "--users-file": users_file, "--all": everybody, "--like": like}
    if sum(map(bool, asked.values())) != 1:
        raise typer.BadParameter(f"give one of {', '.join(asked)}, and only one")
    if separator is not None and item_table is None:
        raise typer.BadParameter(f"{separator!r} cuts the cells of an --item-table; give one", param_hint="--separator")
    if spreadsheet_safe and out is None:
        raise typer.BadParameter("it is for a file; give --out", param_hint="--spreadsheet-safe")
    check_frame_path(out, inputs=(users_file, item_table))
    check_kind(out, "a list of recommendations", holds_lists, force=force)
    from fillrank.recommend import Recommender

    model = Recommender.load(run)
    if item_table is not None:
        model = model.with_item_table(item_table, separator=separator)
    rules: dict[str, Any] = {
        **named_items(model, only, exclude),
        **conditions(where, "--where", "where"),
        **conditions(where_not, "--where-not", "where_not"),
        **limits(at_most),
    }
    for option, given in (("--where", where), ("--where-not", where_not), ("--at-most", at_most)):
        if given and model.item_table is None:
            raise typer.BadParameter("it asks for a table of items; give --item-table", param_hint=option)
    about: dict[str, Any] = {}
    if like:
        frame = model.fold_in(parse_likes(like)).recommend(k=k, filter_seen=not keep_seen, **rules)
    else:
        ids = None if everybody else user or _read_ids(users_file)
        if ids is not None:
            ids, about = _asked_users(model, ids, unknown, users_file)
        frame = model.recommend(ids, k=k, filter_seen=not keep_seen, unknown=unknown, **rules)
    if spreadsheet_safe:
        frame = for_spreadsheets(frame)
    _deliver(frame, "recommendations", out, about, as_json=as_json)


def similar(
    run: RunArgument,
    item: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]…", help="An item's id or title; several may be named.")
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="ID", help="In place of items: a known user; repeat.")
    ] = None,
    k: KOption = 10,
    as_json: JsonOption = False,
) -> None:
    """List the items nearest to an item, or the users nearest to a user (--user)."""
    if bool(item) == bool(user):
        raise typer.BadParameter("give items, or users by --user, and not both")
    from fillrank.recommend import Recommender

    model = Recommender.load(run)
    asked, nearest = (item, model.similar_items) if item else (user or [], model.similar_users)
    frame = nearest(asked[0] if len(asked) == 1 else list(dict.fromkeys(asked)), k=k)
    _deliver(frame, "similar", None, {}, as_json=as_json)


def explain(
    run: RunArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="An item's id or title.")],
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="A known user.")] = None,
    like: LikeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why an item has its score: what each item of the user's history adds to it, and what else does."""
    if bool(user) == bool(like):
        raise typer.BadParameter("give one of --user and --like")
    from fillrank.recommend import Recommender

    model = Recommender.load(run)
    frame = model.explain(user, item) if user else model.explain(history=parse_likes(like or []), item_id=item)
    score = float(frame["contribution"].sum())
    if as_json:
        show({"score": score, "contributions": frame.to_dicts()}, "", as_json=True)
        return
    show({}, frame_table(frame, title=f"score {score:.4g}, of which"), as_json=False)


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
    from fillrank.data.io.encoding import text_of
    from fillrank.data.io.files import unpacked

    lines = [] if path is None else text_of(unpacked(path))[0].split("\n")
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise DataError(f"{path} holds no user ids; write one on each line")
    return ids


def _asked_users(
    model: Recommender, ids: list[str], unknown: str, users_file: Path | None
) -> tuple[list[str], dict[str, Any]]:
    """Each user once, and what is to be known of those who came twice and of strangers, also said on stderr.

    Raises:
        UnknownIdError: ``unknown`` is ``raise`` and there are strangers; says which options go on without them.
    """
    from fillrank.data.ids import shown_id
    from fillrank.data.io.names import is_usual_name

    once = list(dict.fromkeys(ids))
    places = model.user_ids.encode(once, unknown="mark").tolist()
    strangers = [one for one, place in zip(once, places, strict=True) if place < 0]
    head = ""
    if (
        users_file is not None
        and ids[0] in strangers
        and (is_usual_name(ids[0]) or (strangers == ids[:1] and len(once) > 1 and not any(map(str.isdigit, ids[0]))))
    ):
        head = f"the first line of {users_file}, {shown_id(ids[0])}, looks like a header; it wants ids alone"
    about: dict[str, Any] = {}
    if len(once) < len(ids):
        about["repeated"] = [one for one, times in Counter(ids).items() if times > 1]
        _note(f"users named more than once are listed once: {_some(about['repeated'])}")
    if unknown == "raise" and strangers:
        try:
            model.user_ids.encode(once)
        except UnknownIdError as error:
            todo = "--unknown skip leaves them out, --unknown popular lists the most popular items, "
            todo += "and --like is for somebody new"
            raise UnknownIdError("; ".join(filter(None, [error.args[0], head, todo]))) from None
    if unknown == "skip":
        about["skipped"] = strangers
        if strangers:
            _note(f"{len(strangers)} of {len(once)} users are unknown and were skipped: {_some(strangers)}")
    if head:
        _note(head)
    return once, about


def _some(ids: list[str]) -> str:
    from fillrank.data.ids import shown_id

    return ", ".join(map(shown_id, ids[:_SHOWN])) + (", …" if len(ids) > _SHOWN else "")


def _note(text: str) -> None:
    typer.echo(printable(text), err=True)


def _deliver(frame: pl.DataFrame, name: str, out: Path | None, about: dict[str, Any], *, as_json: bool) -> None:
    """Print a frame, or write it to ``out`` and print where it is."""
    if out is None:
        show({name: frame.to_dicts(), **about} if as_json else {}, frame_table(frame), as_json=as_json)
        return
    write_frame(frame, out)
    show({"out": out, "rows": len(frame), **about}, f"{len(frame):,} rows in {out}", as_json=as_json)
