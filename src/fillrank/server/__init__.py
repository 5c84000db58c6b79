"""A live recommender over HTTP: a model, a store, and the routes ``/v1/…``.

A request passes the guard (size, rate, load), its key is looked at, and a route hands plain values to the
:class:`~fillrank.server.ranker.Ranker`, which works in a few threads on a model that nobody changes.
"""

from fillrank.errors import MissingExtraError

try:
    import fastapi  # noqa: F401
    import prometheus_client  # noqa: F401
    import rapidfuzz  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise MissingExtraError(
        'a server needs FastAPI, uvicorn, prometheus-client and RapidFuzz: pip install "fillrank[serve]"'
    ) from error

from fillrank.server.app import create_app
from fillrank.server.settings import ServerSettings

__all__ = ["ServerSettings", "create_app"]
