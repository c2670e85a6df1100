# Dropforge. Every target sets up what it needs by itself: a Python (3.11 to 3.13) with venv is enough.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAM := .venv-sam/bin/sam
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo check test golden docs build lock clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

setup: $(VENV)/ready ## Make the environment that everything else uses

$(VENV)/ready: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements/dev.lock requirements/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(SAM): requirements/sam.lock $(VENV)/ready
	$(PYTHON) -m venv .venv-sam
	$(BIN)/uv pip sync --quiet --python .venv-sam/bin/python requirements/sam.lock
	@touch $@

demo: $(VENV)/ready ## Drop a dataset on the embedded cloud, get a registered model
	$(BIN)/dropforge local demo

check: $(VENV)/ready $(SAM) ## Lint, types, import rules, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy layers/shared/dropforge cli
	$(BIN)/lint-imports
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint

test: $(VENV)/ready ## Run every test
	$(BIN)/pytest

golden: $(VENV)/ready ## Rewrite the golden files
	GOLDEN=1 $(BIN)/pytest tests/domain

docs: $(VENV)/ready ## Write the generated parts of docs/
	$(BIN)/python scripts/errors_doc.py

lock: $(VENV)/ready ## Resolve every lock file anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/uv.in -o requirements/uv.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/dev.in -o requirements/dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/sam.in -o requirements/sam.lock
	for layer in vendor cluster; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  -c requirements/dev.lock requirements/$$layer.in -o layers/$$layer/requirements.txt; done

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .venv-sam .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis .dropforge
