# Everything happens in .venv; nothing has to be activated. `make` alone says what there is.

PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo

# One set of versions for every extra, inside pip's isolated build of the package too (newer pips ask for the second name).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test quick lint bench docs clean

help:
	@echo "make demo     glass, molecular dynamics, analysis: $(DEMO)/report.html (minutes)"
	@echo "make test     all tests          make quick   the tests without the slow ones"
	@echo "make lint     ruff and mypy      make docs    docs/_build/html"
	@echo "make bench    ours against the peers, on the same work; OBSERVABLE=msd SIZE=S for one row"
	@echo "make install  only set up .venv  make clean   remove what was built, not .venv"

# What is installed hangs on these two files: touch neither and nothing is installed again.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "vanhove needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python3 -m venv failed; on Debian: apt install python3-venv" >&2; exit 2; }

.venv/.run: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing vanhove and its engine (once; a minute or two)"
	@$(BIN)/python -m pip install -e '.[simulate]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing vanhove and what its tests need (once; a minute or two)"
	@$(BIN)/python -m pip install -e '.[simulate,dev,bench]'
	@touch $@ .venv/.run

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what the documentation needs (once)"
	@$(BIN)/python -m pip install -e '.[simulate,docs]'
	@touch $@ .venv/.run

install: .venv/.run

demo: .venv/.run
	@$(BIN)/vanhove demo $(DEMO)

test: .venv/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile

quick: .venv/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.run
	$(BIN)/python benchmarks $(if $(OBSERVABLE),--observable $(OBSERVABLE)) $(if $(SIZE),--size $(SIZE)) $(if $(RUNS),--runs $(RUNS))

docs: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf docs/_build dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/data
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
