"""Modules of fillrank 0.1 that stand elsewhere now: an import by the old name finds the new module, and says so.

The old names go with version 0.3, like the old words of :mod:`fillrank.renames`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "find_moved"]

MOVED: Mapping[str, str] = {
    "cli.sweep": "cli.tune",
    "data.accepted": "data.io.accepted",
    "data.archive": "data.io.archive",
    "data.assemble": "data.io.assemble",
    "data.cards": "data.datasets.cards",
    "data.catalogue": "data.datasets.catalogue",
    "data.chunks": "data.io.chunks",
    "data.coding": "data.io.coding",
    "data.collect": "data.io.collect",
    "data.columns": "data.io.columns",
    "data.delimited": "data.io.delimited",
    "data.encoding": "data.io.encoding",
    "data.files": "data.io.files",
    "data.formats": "data.io.formats",
    "data.guard": "data.io.guard",
    "data.jsonl": "data.io.jsonl",
    "data.layout": "data.io.layout",
    "data.lightgcn": "data.io.lightgcn",
    "data.lines": "data.io.lines",
    "data.matrix_market": "data.io.matrix_market",
    "data.missing": "data.io.missing",
    "data.names": "data.io.names",
    "data.opening": "data.io.detect",
    "data.options": "data.io.options",
    "data.readers": "data.io.read",
    "data.result": "data.io.result",
    "data.rows": "data.io.clean",
    "data.signatures": "data.io.signatures",
    "data.sniff": "data.io.sniff",
    "data.sources": "data.datasets.layouts",
    "data.spans": "data.io.spans",
    "data.tables": "data.io.frames",
    "data.thinning": "data.subsampling",
    "data.titles": "data.io.titles",
    "data.typed": "data.io.typed",
    "data.unpack": "data.io.compression",
    "dated": "factors.temporal",
    "experiments.agreement": "experiments.run.agreement",
    "experiments.crossed": "experiments.reproduce.pivot",
    "experiments.documents": "experiments.toml.documents",
    "experiments.failures": "experiments.compare.failures",
    "experiments.group": "runtime.group",
    "experiments.keep": "experiments.data.subsample",
    "experiments.lab_files": "lab.files",
    "experiments.likeness": "experiments.toml.extends",
    "experiments.machine": "runtime.environment",
    "experiments.markdown": "experiments.reproduce.markdown",
    "experiments.nested": "experiments.toml.tables",
    "experiments.opening": "experiments.data.data_source",
    "experiments.plan": "experiments.compare.plan",
    "experiments.processes": "runtime.launch",
    "experiments.run_folder": "experiments.run.folder",
    "experiments.search": "experiments.tune.plan",
    "experiments.search_journal": "experiments.tune.journal",
    "experiments.search_record": "experiments.tune.record",
    "experiments.search_space": "experiments.tune.space",
    "experiments.search_study": "experiments.tune.trials",
    "experiments.source": "experiments.data.source",
    "experiments.speed_table": "experiments.reproduce.speed_table",
    "experiments.study": "experiments.reproduce.study",
    "experiments.study_record": "experiments.reproduce.record",
    "experiments.study_runs": "experiments.reproduce.runs",
    "experiments.study_table": "experiments.reproduce.table",
    "experiments.table": "experiments.compare.table",
    "experiments.toml_files": "experiments.toml.files",
    "experiments.tuning": "experiments.reproduce.tuning",
    "experiments.unfinished": "experiments.run.resume",
    "experiments.worksheet": "lab.worksheet",
    "factor_checks": "factors.checks",
    "folding": "factors.fold_in",
    "forks": "runtime.forks",
    "interrupt": "runtime.interrupt",
    "models.baselines": "models.popularity",
    "models.blended": "models.blend",
    "models.cmc_parts": "models.cmc.build",
    "models.contrastive_parts": "models.contrastive.build",
    "models.contrastive_training": "models.contrastive.training",
    "notices": "runtime.notices",
    "pair_scorer": "factors.neural",
    "paths": "runtime.paths",
    "ranking": "evaluation",
    "ranking.comparison": "evaluation.comparison",
    "ranking.evaluation": "evaluation.measure",
    "ranking.evaluator": "evaluation.evaluator",
    "ranking.kernel": "retrieval.kernel",
    "ranking.lists": "retrieval.lists",
    "ranking.metrics": "evaluation.metrics",
    "ranking.model": "evaluation.model",
    "ranking.predictions": "evaluation.predictions",
    "ranking.products": "retrieval.products",
    "ranking.report": "evaluation.report",
    "ranking.resampling": "evaluation.resampling",
    "ranking.tally": "evaluation.tally",
    "ranking.text": "evaluation.text",
    "ranking.topk": "retrieval.topk",
    "recommend.card": "recommend.model_card",
    "recommend.files": "recommend.saved",
    "recommend.given_items": "recommend.new_users",
    "report.sweep_plots": "report.tune_plots",
    "ridge": "factors.ridge",
    "ridge_kernels": "factors.ridge_kernels",
    "rng": "runtime.rng",
    "samplers.presence": "samplers.inclusion",
    "samplers.terms": "samplers.policy",
    "solvers.als": "solvers.sparse.als",
    "solvers.biases": "solvers.sparse.biases",
    "solvers.gibbs": "solvers.sparse.gibbs",
    "solvers.gibbs.average": "solvers.sparse.gibbs.average",
    "solvers.gibbs.chain": "solvers.sparse.gibbs.chain",
    "solvers.gibbs.design": "solvers.sparse.gibbs.design",
    "solvers.gibbs.kernels": "solvers.sparse.gibbs.kernels",
    "solvers.gibbs.priors": "solvers.sparse.gibbs.priors",
    "solvers.gibbs.products": "solvers.sparse.gibbs.products",
    "solvers.gibbs.sampler": "solvers.sparse.gibbs.sampler",
    "solvers.given_items": "solvers.fold_in",
    "solvers.given_ratings": "solvers.fold_in_ratings",
    "solvers.ials": "solvers.sparse.ials",
    "solvers.lab": "lab.functions",
    "solvers.lab_kernels": "lab.kernels",
    "solvers.sgd": "solvers.sparse.sgd",
    "solvers.sgd_grid": "solvers.sparse.sgd_grid",
    "solvers.sgd_kernel": "solvers.sparse.sgd_kernel",
    "solvers.svd": "solvers.sparse.svd",
    "strict_json": "runtime.strict_json",
    "training.averaging": "training.ema",
    "training.contrast": "training.autograd.contrast",
    "training.precision": "runtime.device",
    "training.progress": "runtime.progress",
    "training.row_kernels": "training.rowwise.kernels",
    "training.scores": "training.rowwise.scores",
    "training.spread": "training.rowwise.delayed_propagation",
    "training.step": "training.autograd.step",
    "training.table_contrast": "training.rowwise.table_contrast",
    "training.world": "runtime.distributed",
    "workers": "runtime.threads",
    "writing": "runtime.atomic_write",
    "writing.exchange": "runtime.atomic_write.exchange",
    "writing.full_disk": "runtime.atomic_write.full_disk",
    "writing.locks": "runtime.atomic_write.locks",
    "writing.marks": "runtime.atomic_write.marks",
    "writing.seal": "runtime.atomic_write.seal",
    "writing.targets": "runtime.atomic_write.targets",
    "writing.temporary": "runtime.atomic_write.temporary",
}
"""Old names and new ones, both below ``fillrank``."""


class _Moved(MetaPathFinder, Loader):
    """Finds what the table has and nothing else: the module of the new name itself, so that no class is there twice."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == "fillrank" and name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = f"fillrank.{MOVED[spec.name.partition('.')[2]]}"
        warnings.warn(f"{spec.name} is {new} now; the old name goes with 0.3", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        self._specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already, under its own name; Python has given it the spec of the old one meanwhile."""
        module.__spec__ = self._specs[module.__name__]


def find_moved() -> None:
    """From now on, imports by old names find the new modules."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())  # before the search of folders, which would load a module a second time
