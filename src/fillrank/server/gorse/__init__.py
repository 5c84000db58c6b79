"""A façade with gorse's routes (``/api/…``), for programs that speak to gorse: the same model, store and keys.

What differs from gorse: feedback counts at once; a feedback sent twice with one timestamp is one; lists come from the
model at work, and never from a cache; a value of 0 is no rating.
"""

from fillrank.server.gorse.catalogue import router as catalogue
from fillrank.server.gorse.feedback import router as feedback
from fillrank.server.gorse.lists import health, router

__all__ = ["ROUTERS"]

ROUTERS = (router, feedback, catalogue, health)
