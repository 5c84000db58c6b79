"""Run one model from a TOML file: fit it, save it, and continue after an interruption."""

from fillrank.experiments.run.fit import DataPlan, Outcome, RunPlan, fit_run, read_run

__all__ = ["DataPlan", "Outcome", "RunPlan", "fit_run", "read_run"]
