"""The best of many recipes within a budget of time: candidates ← search ← recipe."""

from fillrank.models.auto.recipe import Auto

__all__ = ["Auto"]
