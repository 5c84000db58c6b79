"""What the operator's page shows: put together from the model, the store and the last hour."""

from __future__ import annotations

import json
import time
from typing import Any

from fillrank._version import __version__
from fillrank.server.insight.listing import listed_against_popular
from fillrank.server.ranker import Wanted
from fillrank.server.retraining.journal import last_entries
from fillrank.server.retraining.versions import Versions
from fillrank.server.served import Served
from fillrank.server.state import ServerState

__all__ = ["overview", "user_view"]

_ATTEMPTS, _ROWS, _K = 10, 200, 10


def overview(state: ServerState) -> dict[str, Any]:
    """See ``GET /v1/operator/overview``."""
    served = state.holder.served
    catalogue = state.ranker.catalogues.of(served)
    return {
        "time": time.time(),
        "fillrank": __version__,
        "model": _card(served),
        "refused": state.holder.refused,
        "listing": state.insights.get(served, "listing", lambda: listed_against_popular(catalogue)),
        "recent": state.recent.facts(),
        "store": {"events": state.store.count_after(), "events_since": state.store.count_after(served.seq)},
        "training": _training(state),
        "arms": state.takeup.table(),
    }


def user_view(state: ServerState, user: str) -> dict[str, Any]:
    """See ``GET /v1/operator/users/{user_id}``."""
    arm = state.arms.of(user)
    served = arm.holder.served
    catalogue = state.ranker.catalogues.of(served)
    index = served.user(user)
    rows = []
    if index >= 0:
        first = int(served.model.interactions.csr.indptr[index])
        log = served.model.interactions
        for n, place in enumerate(served.met_by(index)[:_ROWS].tolist()):
            rows.append({
                "item": served.ids[place],
                "title": catalogue.title(place),
                "value": None if log.values is None else float(log.values[first + n]),
                "time": None if log.times is None else int(log.times[first + n]),
            })  # fmt: skip
    events = [
        {
            "item": one.item,
            "title": _title(state, one.item),
            "type": one.type,
            "value": one.value,
            "time": one.time / 1000,
        }
        for one in state.store.history(user, limit=_ROWS)
    ]
    found = state.ranker.recommend(Wanted(user=user, k=_K, explain=True, counted=False))
    return {"user": user, "arm": arm.name, "known": index >= 0, "log": rows, "events": events[::-1], "list": found}


def _title(state: ServerState, item: str) -> str | None:
    found = state.ranker.catalogues.of(state.holder.served).describe(item)
    return None if found is None else found["title"]  # type: ignore[return-value]


def _card(served: Served) -> dict[str, Any]:
    model, log = served.model, served.model.interactions
    return {
        "version": served.version,
        "name": model.name,
        "data": log.name,
        "users": log.n_users,
        "items": log.n_items,
        "rows": len(log),
        "rates": model.predictor is not None,
        "value_range": model.value_range,
        "loaded": served.loaded,
        "events_learnt": served.seq,
        "settings": json.loads(json.dumps(dict(model.settings), default=str, allow_nan=False)),
        "last_round": dict(model.history[-1]) if model.history else None,
    }


def _training(state: ServerState) -> dict[str, Any]:
    folder = state.holder.folder
    if folder is None:
        return {"folder": None, "attempts": [], "kept": [], "at_work": None, "schedule": None}
    versions = Versions(folder)
    return {
        "folder": str(folder),
        "attempts": last_entries(versions.folder, _ATTEMPTS),
        "kept": versions.numbers(),
        "at_work": versions.at_work(),
        "schedule": None if state.scheduler is None else state.scheduler.outlook(),
    }
