"""A page about fitted runs: settings, protocol, learning curves, metrics with intervals, what is listed, and to whom.

=========== =======================================================================================================
module      what it does
=========== =======================================================================================================
measured    a run from its folder, measured on its own test part
listed      what its lists are made of: tenths of the catalogue, and users by how much they have met
charts      lines, bars and points as SVG
page        all of it as one HTML file that needs nothing else
=========== =======================================================================================================
"""

from fillrank.report.runs.measured import MeasuredRun, measured_run
from fillrank.report.runs.page import holds_a_report, runs_page

__all__ = ["MeasuredRun", "holds_a_report", "measured_run", "runs_page"]
