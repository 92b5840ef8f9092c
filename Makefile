# Two commands do everything on a fresh machine: `make run` and `make test`. Each sets up .venv by itself.
# PYTHON=/path/to/python3.12 chooses the interpreter (3.11, 3.12 or 3.13).
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# The constraints hold for what builds nnexp, too.
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?= loss=mae optimizer=sgd

.DEFAULT_GOAL := help
.PHONY: help run quick test test-newest check lint bench torture clean

help:
	@echo "make run      set up and run: python -m nnexp $(ARGS)   (others with ARGS='...')"
	@echo "make test     set up and run the tests"
	@echo "make quick    for the work between commits: lint, and the tests that start few processes: a minute and a half"
	@echo "make test-newest  the tests with the newest Hydra, OmegaConf, MLflow and NumPy, in .venv-newest; may fail"
	@echo "make check    what CI runs: lint, types, tests"
	@echo "make bench    the speed comparisons, as ratios"
	@echo "make torture  sweeps killed a hundred times, hosts 50 times, the power cut 240 times: forty minutes"
	@echo "make clean    remove .venv and caches; outputs/ stays"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nnexp needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/run.stamp

run: $(VENV)/run.stamp
	$(BIN)/python -m nnexp $(ARGS)

# Commands compile nothing, also where Python is told to keep no bytecode.
test: $(VENV)/dev.stamp
	$(BIN)/python -m compileall -q nnexp plugins/nnexp-launcher/src
	$(BIN)/python -m pytest

# The parts that start few processes; what commands do, stores, servers and wheels are in `make test`.
QUICK := tests/basics tests/builtin tests/engine tests/experiment tests/sweep tests/tables tests/test_architecture.py

quick: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(QUICK)

# What nnexp is built on, as it will be: without the constraints, and with what is not released yet.
test-newest:
	@test -n "$(PYTHON)" || { echo "nnexp needs Python 3.11 or newer: name it: make PYTHON=/path/to/python3"; exit 1; }
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --pre hydra-core omegaconf mlflow numpy
	.venv-newest/bin/python -m pip freeze | grep -iE '^(hydra-core|omegaconf|mlflow|numpy)=='
	.venv-newest/bin/python -m pytest

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for each in plugins/*; do MYPYPATH=$$each/src $(BIN)/mypy $$each/src $$each/tests || exit 1; done

check: lint test

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.benchmarks

torture: $(VENV)/dev.stamp
	$(BIN)/python -m tests.torture --kills 100 --minutes 13
	$(BIN)/python -m tests.torture --server --kills 20 --minutes 4
	$(BIN)/python -m tests.torture --search --kills 30 --minutes 5
	$(BIN)/python -m tests.hosts --blows 50 --minutes 10
	$(BIN)/python -m tests.power --cuts 240
	$(BIN)/python -m tests.fuzz --number 2000

clean:
	rm -rf $(VENV) .venv-newest .mypy_cache .pytest_cache .ruff_cache .hypothesis
