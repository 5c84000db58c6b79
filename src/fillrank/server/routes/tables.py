"""Small tables without their holes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from fastapi import APIRouter, Depends, Request

from fillrank.completion import MatrixCompletion
from fillrank.server.access import needs
from fillrank.server.problems import ProblemError
from fillrank.server.schemas import Complete
from fillrank.server.state import state_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["tables"], dependencies=[Depends(needs("read"))])


@router.post("/complete")
async def complete(asked: Complete, request: Request) -> dict[str, Any]:
    """The same table with its holes filled by a low-rank model; known cells come back as they are."""
    state = state_of(request)
    widths = {len(row) for row in asked.table}
    if len(widths) > 1 or widths == {0}:
        raise ProblemError(422, "invalid", "all rows of a table have one length, of 1 or more")
    if len(asked.table) * max(widths) > state.settings.max_cells:
        raise ProblemError(422, "invalid", f"a table may have {state.settings.max_cells:,} cells")
    return await state.work(_filled, asked)


def _filled(asked: Complete) -> dict[str, Any]:
    table = np.array([[np.nan if cell is None else cell for cell in row] for row in asked.table], dtype=np.float64)
    model = MatrixCompletion(rank=asked.rank, bounds=asked.bounds, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that stopped at its last iteration: the answer says so
        filled = model.fit_transform(table)
    if not np.isfinite(filled).all():
        raise ProblemError(422, "invalid", "the values are so far apart that no model of them is finite")
    return {"table": filled.tolist(), "converged": bool(model.converged_)}
