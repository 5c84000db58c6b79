"""``update``: a saved model takes in new rows, in closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fillrank.cli.options import JsonOption, ReadOption, RunArgument, open_log, path_of
from fillrank.cli.output import show

__all__ = ["update"]


def update(
    run: RunArgument,
    data: Annotated[str, typer.Option("--data", metavar="PATH", help="A file with the new rows.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Save the updated model here; if not given, in place of RUN.", parser=path_of),
    ] = None,
    read: ReadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take new rows into a saved model: users, items, histories; nothing is trained."""
    from fillrank.recommend import Recommender
    from fillrank.recommend.saved import check_target

    target = check_target(run if out is None else out)
    model, new = Recommender.load(run), open_log(data, read)
    updated = model.update(new)
    updated.save(target)
    sizes = {
        "rows": len(new),
        "new_users": len(updated.user_ids) - len(model.user_ids),
        "new_items": len(updated.item_ids) - len(model.item_ids),
    }
    said = f"{sizes['rows']:,} rows, {sizes['new_users']:,} new users and {sizes['new_items']:,} new items in {target}"
    show({"out": target, **sizes}, said, as_json=as_json)
