# The two commands of the README are `make demo` and `make test`; both do all the set-up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Modules are compiled once and not in every process: the tests start dozens of them.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.setup-stamp
SCREEN := xvfb-run -a -s "-screen 0 1600x1000x24"
# What else pip is to be told, e.g. PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=
# What else pytest is to be told, e.g. PYTEST_ARGS="-k tiling"
PYTEST_ARGS ?=
# One process a core, each with one thread; who is done takes tests from another. PARALLEL= runs them in turn.
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist worksteal
# What else the demo is to be told, e.g. DEMO_ARGS="--sample grains --headless"
DEMO_ARGS ?=

.PHONY: help setup demo test lint lint-types lint-style lint-floors soak bench bench-quick screenshots clean

help:
	@echo "make demo         open the demonstration (without a screen: writes pictures into demo/)"
	@echo "make test         every check: ruff, mypy, import-linter, pytest"
	@echo "make lint         the checks without pytest"
	@echo "make soak         the long forms of tests that have one (minutes)"
	@echo "make bench        measure and rewrite docs/benchmarks.md; bench-quick: a few minutes"
	@echo "make screenshots  take the pictures in docs/images/ again"
	@echo "make setup        only make $(VENV);  make clean: remove what was built"

setup: $(STAMP)

# The first Python between 3.11 and 3.13 that answers; PYTHON=/path/to/python chooses another.
$(STAMP): pyproject.toml constraints.txt
	@python=""; \
	for candidate in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    found="$$("$${PYTHON:-python3}" --version 2>/dev/null || echo none)"; \
	    echo "unetscope: needs Python 3.11, 3.12 or 3.13 (found: $$found); install one, e.g. sudo apt install python3.11 python3.11-venv, or say make PYTHON=/path/to/python" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    version="$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	    echo "unetscope: $$python has no venv module; install it with: sudo apt install python$$version-venv" >&2; exit 1; \
	fi; \
	if ! $(PY) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "making $(VENV) with $$("$$python" --version)"; rm -rf $(VENV); "$$python" -m venv $(VENV); \
	fi
	$(PY) -m pip install --quiet --constraint constraints.txt $(PIP_ARGS) --upgrade pip setuptools
	PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --constraint constraints.txt $(PIP_ARGS) --no-build-isolation --editable '.[all,dev]'
	@touch $@

demo: $(STAMP)
	$(VENV)/bin/unetscope demo $(DEMO_ARGS)

lint: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 lint-types lint-style lint-floors

lint-types: $(STAMP)
	$(VENV)/bin/mypy

lint-style: $(STAMP)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

lint-floors: $(STAMP)
	$(VENV)/bin/lint-imports --no-cache

# With a screen: there. Without: on a virtual one where xvfb-run and its libraries are, else offscreen
# (then the tests marked `gl` are skipped).
test: lint
	@$(PY) src/unetscope/system_libraries.py
	@window_libraries=true; $(PY) src/unetscope/system_libraries.py --window || window_libraries=false; \
	if ! $$window_libraries; then \
	    echo "unetscope: without them the tests run offscreen and those marked gl are skipped" >&2; \
	    env -u DISPLAY -u WAYLAND_DISPLAY QT_QPA_PLATFORM=offscreen $(PY) -m pytest $(PARALLEL) $(PYTEST_ARGS); \
	elif [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then \
	    $(PY) -m pytest $(PARALLEL) $(PYTEST_ARGS); \
	elif command -v xvfb-run >/dev/null && command -v xauth >/dev/null; then \
	    $(SCREEN) $(PY) -m pytest $(PARALLEL) $(PYTEST_ARGS); \
	else \
	    echo "unetscope: no screen and no xvfb-run: the tests marked gl are skipped (sudo apt install xvfb xauth)" >&2; \
	    QT_QPA_PLATFORM=offscreen $(PY) -m pytest $(PARALLEL) $(PYTEST_ARGS); \
	fi

soak: $(STAMP)
	UNETSCOPE_SOAK=1 QT_QPA_PLATFORM=offscreen $(PY) -m pytest -m slow -k "soak or thousand or any_moment or very_many" --timeout 3600 $(PYTEST_ARGS)

bench: $(STAMP)
	$(PY) tests/benchmarks --out docs/benchmarks.md

bench-quick: $(STAMP)
	$(PY) tests/benchmarks --quick

screenshots: $(STAMP)
	@$(PY) src/unetscope/system_libraries.py --window
	@if [ -n "$${DISPLAY:-}" ]; then $(PY) tests/screenshots; else $(SCREEN) $(PY) tests/screenshots; fi

clean:
	rm -rf $(VENV) build dist demo src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
