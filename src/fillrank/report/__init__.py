"""Reports: plots, tables, and the demonstration."""

from fillrank.report.demonstration import Demonstration
from fillrank.report.walkthrough import demo

__all__ = ["Demonstration", "demo"]
