"""``update``: a saved model takes in new rows, in closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fillrank.cli.options import (
    ItemFeaturesOption,
    JsonOption,
    ReadOption,
    RunArgument,
    UserFeaturesOption,
    open_log,
    path_of,
)
from fillrank.cli.output import show

__all__ = ["update"]


def update(
    run: RunArgument,
    data: Annotated[str | None, typer.Option("--data", metavar="PATH", help="A file with the new rows.")] = None,
    item_features: ItemFeaturesOption = None,
    user_features: UserFeaturesOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Save the updated model here; if not given, in place of RUN.", parser=path_of),
    ] = None,
    read: ReadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take new rows into a saved model: users, items, histories; nothing is trained.

    Items and users that nobody has met, in files of features, get vectors from these, if the model has learnt of any.
    """
    if data is None and item_features is None and user_features is None:
        raise typer.BadParameter("give --data, --item-features or --user-features", param_hint="--data")
    from fillrank.recommend import Recommender
    from fillrank.recommend.saved import check_target

    target = check_target(run if out is None else out)
    model = Recommender.load(run)
    updated, n_rows = model, 0
    if data is not None:
        new = open_log(data, read)
        updated, n_rows = model.update(new), len(new)
    if item_features is not None:
        updated = updated.add_items(item_features)
    if user_features is not None:
        updated = updated.add_users(user_features)
    updated.save(target)
    sizes = {
        "rows": n_rows,
        "new_users": len(updated.user_ids) - len(model.user_ids),
        "new_items": len(updated.item_ids) - len(model.item_ids),
    }
    said = f"{sizes['rows']:,} rows, {sizes['new_users']:,} new users and {sizes['new_items']:,} new items in {target}"
    show({"out": target, **sizes}, said, as_json=as_json)
