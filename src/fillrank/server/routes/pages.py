"""The pages for people: files of the package, which ask this server and nobody else."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from fillrank.server.problems import ProblemError

__all__ = ["PAGES_POLICY", "router"]

router = APIRouter(include_in_schema=False)
PAGES_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy of a page: nothing comes from elsewhere, and nothing that stands in the page is run."""

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {"Content-Security-Policy": PAGES_POLICY, "Cache-Control": "no-cache"}


@cache
def _pages() -> dict[str, bytes]:
    """All files by name: what is not among them is not there."""
    folder = files("fillrank.server") / "pages"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _KINDS}


def _page(name: str) -> Response:
    found = _pages().get(name)
    if found is None:
        raise ProblemError(404, "not_found", "there is no such page")
    return Response(found, headers=_HEADERS, media_type=f"{_KINDS[name.rpartition('.')[2]]}; charset=utf-8")


@router.get("/")
async def for_everybody() -> Response:
    """Search, rate, and watch the list change."""
    return _page("index.html")


@router.get("/operator")
async def for_the_operator() -> Response:
    """What is at work, and how it does."""
    return _page("operator.html")


@router.get("/pages/{name}")
async def part(name: str) -> Response:
    """What a page consists of."""
    return _page(name)
