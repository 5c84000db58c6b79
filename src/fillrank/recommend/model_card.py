"""Write the model card: a page for people in the folder of a saved model."""

from __future__ import annotations

import json

from fillrank._version import __version__
from fillrank.recommend.contents import Contents
from fillrank.terminal import in_markdown, printable_json

__all__ = ["card"]


def card(model: Contents) -> str:
    """The model card in Markdown: what the model is, what it was trained on, how to use it."""
    interactions = model.interactions
    lines = [
        f"# {in_markdown(model.name or 'A fillrank model')}",
        "",
        f"Trained by fillrank {__version__} on {in_markdown(interactions.name or 'a log')}: {len(interactions):,} "
        f"interactions of {interactions.n_users:,} users with {interactions.n_items:,} items.",
        f"It ranks items{' and predicts values' if model.predictor is not None else ''}.",
        "",
        "```python",
        "import fillrank as fr",
        "",
        'model = fr.Recommender.load("path/to/this/folder")',
        f"model.recommend([{interactions.user_ids.ids[0]!r}], k=10)"
        if interactions.n_users
        else "model.recommend(k=10)",
        "```",
        "",
        "## Settings",
        "",
        "```json",
        printable_json(json.dumps(dict(model.settings), indent=2)),
        "```",
        "",
    ]
    if model.history:
        last = model.history[-1]
        lines += ["## Training", "", f"{len(model.history)} epochs; the last: {json.dumps(dict(last))}", ""]
    return "\n".join(lines)
