# `make` alone lists what there is. Every target installs what it needs into .venv by itself.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
comma  := ,

# What pip says is shown: an installation of minutes should be seen to move. $(call install,EXTRAS)
define install
	@echo "== installing fillrank[$(1)] into $(VENV): some minutes and 1 to 5 GB the first time, most of it PyTorch" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[$(1)]" || { \
		echo "== pip could not install fillrank[$(1)]; its last lines above say why." >&2; \
		echo "== 'No matching distribution' or 'connection' there mostly means: no package index can be reached. Check the" >&2; \
		echo "== network, or the proxy or mirror that 'pip config list' names. The same command goes on from here." >&2; exit 1; }
	@echo "== installed" >&2
endef

# Tests that need the large public data sets look in this folder, and skip where there is none.
ifeq ($(FILLRANK_DATA),)
ifneq ($(wildcard ../shared/data),)
export FILLRANK_DATA := $(abspath ../shared/data)
endif
endif

# Threads that wait should sleep, not spin: on a machine that others use too, spinning costs many times the work.
export OMP_WAIT_POLICY ?= PASSIVE

# Each core runs tests, up to eight of them: one test alone seldom has work for two.
AT_ONCE := -n auto --maxprocesses 8 --dist worksteal
# Threads of several processes share the cores: those that have nothing to do must not spin until they have (4 times slower).
PATIENTLY := OMP_WAIT_POLICY=passive

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow lint types docs site bench ci clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## real film ratings: train, compare, recommend; pictures go to report/
	$(BIN)/fillrank demo --out report

test: $(VENV)/.dev  ## the tests and the examples in docstrings, without the slow ones
	$(PATIENTLY) $(BIN)/python -m pytest --ignore=tests/test_docs.py $(AT_ONCE)

# Some slow tests speak to a real PostgreSQL, or look at the pages in a real Chromium. Where one is missing, and this may
# install it, it is installed; else the tests say why they are skipped. $(call debian,HAVE IT?,PACKAGE,NAME)
define debian
	@$(1) || { if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "== installing $(3) for the slow tests" >&2; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(2) >/dev/null 2>&1 || { \
				apt-get update >/dev/null 2>&1; \
				DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(2) >/dev/null 2>&1; \
			} || echo "== $(3) cannot be installed; tests that need it are skipped" >&2; \
		fi; }
endef

.PHONY: postgresql chromium
postgresql:
	$(call debian,ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1,postgresql,PostgreSQL)

chromium:
	$(call debian,command -v chromium >/dev/null 2>&1,chromium,Chromium)

test-slow: $(VENV)/.dev postgresql chromium  ## the slow tests: published figures, full training runs
	$(PATIENTLY) $(BIN)/python -m pytest --ignore=tests/test_docs.py $(AT_ONCE) -m slow

docs: $(VENV)/.dev  ## run what the README and docs/ show
	$(BIN)/python -m pytest tests/test_docs.py

site: $(VENV)/.docs  ## the documentation as a site: site/index.html
	$(BIN)/python docs/build.py

lint: $(VENV)/.dev  ## formatting and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev  ## static types (mypy, strict)
	$(BIN)/mypy

bench: $(VENV)/.dev  ## every benchmark; records go to runs/bench/
	@mkdir -p runs/bench
	@set -e; for script in $(filter-out benchmarks/rivals.py benchmarks/shapes.py benchmarks/versions.py,$(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(BIN)/python "$$script" --out "runs/bench/$$(basename "$$script" .py).json"; \
	done

ci: lint types test test-slow docs site  ## all that must hold before a change lands

clean:  ## remove the environment and the caches; models in runs/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache dist build site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "fillrank needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "== making an environment in $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV) || { \
		echo "== '$(PYTHON) -m venv' failed; some systems have it in a package of its own (python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt hatch_build.py | $(VENV)/.made
	$(call install,demo$(comma)plot)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt hatch_build.py | $(VENV)/.made
	$(call install,dev)
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: pyproject.toml constraints.txt hatch_build.py | $(VENV)/.made
	$(call install,docs)
	@touch $@
