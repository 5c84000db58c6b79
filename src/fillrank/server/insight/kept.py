"""What takes a while to work out, once for each model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, cast

from fillrank.server.served import Served

__all__ = ["KeptInsights"]

Result = TypeVar("Result")
_MODELS = 8


class KeptInsights:
    """Remembers results for the last models; who asks for one that is being worked out waits for it."""

    def __init__(self) -> None:
        self._of: OrderedDict[Served, dict[str, Any]] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, served: Served, name: str, make: Callable[[], Result]) -> Result:
        """The result of that name for a model."""
        with self._turn:
            found = self._of.setdefault(served, {})
            self._of.move_to_end(served)
            while len(self._of) > _MODELS:
                self._of.popitem(last=False)
            if name not in found:
                found[name] = make()
            return cast(Result, found[name])
