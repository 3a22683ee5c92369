# `make repro` and `make test` need nothing but Python 3.11, make, gcc, git and a network that reaches the package registry.
# The registry, its mirror and its certificates are pip's business (pip.conf, PIP_* variables): none is named here.

PYTHON ?= python3.11
# Where the packages go; environment.post-deploy.sh points it at a conda environment.
BIN ?= .venv/bin
# Written last, so that an install that was interrupted starts anew.
INSTALLED := .venv/.installed
ARGS ?=
# All tests are dealt to two processes, by tests/conftest.py.
ALL_TESTS := -n 2 --no-loadscope-reorder

export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
# OpenMP threads that wait must not spin: beside other work that costs far more than it saves. It changes no result.
export OMP_WAIT_POLICY ?= PASSIVE
# The stages' commands say `python`.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install packages repro test lint bench-startup clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED)  ## make .venv and install the pinned packages (repro and test do it when needed)

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) was not found. Affekt needs Python 3.11: install it," \
	  "or name yours: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make: $(PYTHON) is" \
	  "$$($(PYTHON) --version 2>&1); Affekt needs Python 3.11: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(if $(wildcard $(INSTALLED)),,--clear) .venv
	$(MAKE) --no-print-directory packages
	@touch $@

packages:
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@# Resemblyzer asks for webrtcvad, which has no wheels; webrtcvad-wheels, the same module, is installed above.
	$(BIN)/python -m pip install --no-deps -c constraints.txt resemblyzer
	$(BIN)/python -m affekt.core.torchaudio_step

repro: $(INSTALLED)  ## run every stage that is not up to date, and say where the report is
	@# Snakemake runs stages beside each other, DVC one by one: DVC does what is asked for by name, and has the last word.
	@# Stages lock themselves; Snakemake's own lock would outlive it where it is killed.
	$(if $(ARGS),,$(BIN)/snakemake --nolock)
	$(BIN)/dvc repro $(ARGS)
	@echo "The report: file://$(CURDIR)/reports/index.html"

test: $(INSTALLED)  ## run the tests; one of them: make test ARGS="tests/core/test_codedeps.py -k exact"
	$(BIN)/python -m pytest $(or $(ARGS),$(ALL_TESTS))

lint: $(INSTALLED)  ## ruff, mypy, Snakemake's linter and the code deps of dvc.yaml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/python -m affekt.core.codedeps

bench-startup: $(INSTALLED)  ## start-up of the stages, and DVC and Snakemake with nothing to do
	$(BIN)/python bench/startup.py $(ARGS)

clean: $(INSTALLED)  ## remove what the stages made, and scratch; .venv and DVC's cache stay
	$(BIN)/snakemake --delete-all-output --quiet
	rm -rf work logs .snakemake .pytest_cache .mypy_cache .ruff_cache
