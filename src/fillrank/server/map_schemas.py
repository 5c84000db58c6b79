"""What answers about the map look like."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["MapAnswer", "PlaceAnswer"]


class MapItem(BaseModel):
    """An item on the map."""

    item: str
    title: str | None
    x: float
    y: float
    met_by: int


class MapAnswer(BaseModel):
    """Items in two dimensions."""

    items: list[MapItem]
    explained: float = Field(description="The share of the variance of the unit vectors that two dimensions hold.")
    basis: str = Field(description="vectors of the model, or log: a decomposition of who met what.")
    model: str


class MapPlace(BaseModel):
    """A point on the map."""

    x: float
    y: float


class PlaceAnswer(BaseModel):
    """Where somebody is."""

    place: MapPlace | None
    model: str
