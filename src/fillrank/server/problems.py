"""What is said when something is wrong: a status, a word for programs, a sentence for people; no internals."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from fillrank.errors import DataError, DiskFullError, FillrankError, ScoreError, SettingsError, StoreError
from fillrank.server.wording import findings
from fillrank.terminal import printable

__all__ = ["ProblemError", "answer_problems", "problem"]

logger = logging.getLogger("fillrank")
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
_RETRY = {"Retry-After": "1"}


class ProblemError(Exception):
    """A request that cannot be answered as it was asked.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        message: a sentence for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The one form of all errors: ``{"error": {"code": …, "message": …}}``."""
    body = {"error": {"code": code, "message": printable(message)[:1000]}}
    return JSONResponse(body, status, headers=headers)


def answer_problems(app: FastAPI) -> None:
    """Let errors of all kinds become answers of that form."""
    app.add_exception_handler(ProblemError, _of_ours)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(FillrankError, _of_library)
    app.add_exception_handler(Exception, _of_fault)


def _of_ours(_: Request, error: Any) -> JSONResponse:
    return problem(error.status, error.code, error.message, _RETRY if error.status in {429, 503} else None)


def _of_http(_: Request, error: Any) -> JSONResponse:
    headers = dict(error.headers or {})
    return problem(error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail), headers)


def _of_validation(_: Request, error: Any) -> JSONResponse:
    return problem(422, "invalid", findings(error.errors()))


def _of_library(request: Request, error: Any) -> JSONResponse:
    if isinstance(error, DiskFullError):
        logger.error("%s", error)
        return problem(507, "disk_full", "the store is full; nothing of this request was kept")
    if isinstance(error, StoreError):
        logger.error("%s", error)
        return problem(503, "store_unavailable", "the store does not answer; try again", _RETRY)
    if isinstance(error, ScoreError) or not isinstance(error, DataError | SettingsError):
        return _of_fault(request, error)
    return problem(422, "invalid", str(error))


def _of_fault(request: Request, error: Exception) -> JSONResponse:
    """What nobody foresaw: all of it goes to the log, nothing of it to the client."""
    logger.error("%s %s failed", request.method, printable(request.url.path)[:200], exc_info=error)
    return problem(500, "fault", "a fault in the server; its log says more")
