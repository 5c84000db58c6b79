"""``data list``, ``data info`` and ``data inspect``: the known data sets, and the content of a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fillrank.cli.options import EventOption, JsonOption, ReadOption, WeightOption, read_table
from fillrank.cli.output import row_table, show

__all__ = ["app"]

app = typer.Typer(help="Known public data sets, and the content of a file.")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the public data sets that fillrank knows by name."""
    from fillrank.data import info, list_datasets

    cards = [info(name) for name in list_datasets()]
    rows = [
        {"name": c.name, "users": c.n_users, "items": c.n_items, "interactions": c.n_interactions, "title": c.title}
        for c in cards
    ]
    show({"datasets": rows}, row_table(rows), as_json=as_json)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `fillrank data list` shows.")],
    as_json: JsonOption = False,
) -> None:
    """Show one data set: size, licence, citation, where to get it, and which files are understood."""
    from fillrank.data import info as card_of

    card = card_of(name)
    show(asdict(card), str(card), as_json=as_json)


@app.command()
def inspect(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder of parts, or a pattern such as 'log-*.csv'.")
    ],
    read: ReadOption = None,
    weight: WeightOption = None,
    event: EventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a log: sizes, values, dates, columns, bad and repeated rows, and whether fit would accept it."""
    from fillrank.cli.log_check import check_log

    found = check_log(path, read_table(read, weight, event))
    show(found.to_dict(), str(found), as_json=as_json)
