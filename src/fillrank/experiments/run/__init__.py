"""One model, its data and its settings as a file, fitted and saved; and gone on with after a stop."""

from fillrank.experiments.run.fit import DataPlan, Outcome, RunPlan, fit_run, read_run

__all__ = ["DataPlan", "Outcome", "RunPlan", "fit_run", "read_run"]
