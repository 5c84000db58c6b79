"""Tables, plots, the demonstration's report."""

from fillrank.report.walkthrough import Demonstration, demo

__all__ = ["Demonstration", "demo"]
