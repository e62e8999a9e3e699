# What one does with this repository; `make` alone tells.
# Needs Python 3.11 or newer with its venv module, and make. Everything else comes from the locks, checked by hash.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --no-config --quiet --generate-hashes --allow-unsafe \
	--strip-extras --all-build-deps --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

.DEFAULT_GOAL := help
.PHONY: help demo test check bench eval soak lock package clean

help: ## tell what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.ready ## a Jenkins, a GitHub, an IRC network and Gordon on this machine; no account anywhere
	@$(BIN)/gordon demo $(ARGS)

test: .venv/.ready-dev ## run the tests, five side by side; more for pytest: make test ARGS="-n 0 -k rebuild"
	@$(BIN)/python -m pytest -n 5 --dist worksteal $(ARGS)

check: .venv/.ready-dev ## lint, format and types; then what has grown large
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.sizes

bench: .venv/.ready-dev ## measure speed, each number beside its baseline
	@$(BIN)/python -m tests.bench $(ARGS)

eval: .venv/.ready-dev ## how right the verdicts on labelled logs are; a folder of them: make eval ARGS=folder
	@$(BIN)/python -m tests.evaluation $(ARGS)

soak: .venv/.ready-dev ## the long runs, and a table of what they came to; one of them: make soak ARGS=months
	@$(BIN)/python -m tests.soak $(ARGS)

lock: .venv/.ready-dev ## choose the newest versions that pyproject.toml allows; run it with the oldest Python
	@$(COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml
	@$(COMPILE) $(ARGS) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

package: .venv/.ready-dev ## make a wheel and a source archive in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist

clean: ## remove what these commands made
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The project goes in with --no-build-isolation: setuptools is in the lock too, so nothing comes from anywhere unchecked.
.venv/.ready: requirements.lock pyproject.toml | .venv/bin/python
	@echo "setting up .venv ..."
	@$(PIP) install --no-compile --require-hashes --requirement requirements.lock
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.ready-dev: requirements-dev.lock .venv/.ready
	@echo "adding to .venv what tests and checks need ..."
	@$(PIP) install --no-compile --require-hashes --requirement requirements-dev.lock
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gordon needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
