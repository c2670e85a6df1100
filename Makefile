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

.PHONY: help setup demo chromium check test test-cluster walk bench test-hf golden docs build lock clean

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

# Node checks state machines and unpacks a browser; where the machine has none, PyPI's does.
NODE_BIN := $(if $(shell command -v npm),,$(CURDIR)/.venv-node/bin:)
node_modules/ready: package-lock.json .npmrc | $(VENV)/ready
	@[ -z "$(NODE_BIN)" ] || { $(PYTHON) -m venv .venv-node && $(BIN)/uv pip sync --quiet --python .venv-node/bin/python requirements/node.lock; }
	PATH="$(NODE_BIN)$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@

# The run report is looked at in CHROMIUM, or in one on PATH, or else in the one that an npm package carries (x86-64).
CHROMIUM_HERE := $(or $(CHROMIUM),$(shell command -v chromium || command -v chromium-browser || command -v google-chrome))
chromium: $(if $(CHROMIUM_HERE),node_modules/ready,build/chromium/chromium) ## Make sure that there is a browser for the tests

build/chromium/chromium: node_modules/ready scripts/unpack_chromium.mjs
	PATH="$(NODE_BIN)$$PATH" node scripts/unpack_chromium.mjs build/chromium
	@touch $@

check: $(VENV)/ready $(SAM) node_modules/ready ## Lint, types, import rules, template, machines, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy layers/shared/dropforge cli localcloud containers/cpu_trainer/cpu_trainer containers/evaluator/evaluator functions scripts benchmarks tests/cluster/{conftest,probe,stage,transcript,differences,job_cycles,queue_cycles,topology_cycles,definitions}.py tests/domain tests/contracts tests/functions tests/cli tests/journeys tests/browser
	$(BIN)/lint-imports
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint
	@mkdir -p build/machines  # the validator knows three partitions by name, and no substitution inside an ARN
	for machine in statemachines/*.asl.yaml; do sed 's/$${Partition}/aws/' $$machine > build/machines/$$(basename $$machine) && \
	  PATH="$(NODE_BIN)$$PATH" node_modules/.bin/asl-validator --silent --yaml-path build/machines/$$(basename $$machine) || exit 1; done
	$(BIN)/pytest tests/contracts

test: $(VENV)/ready chromium ## Run every test, two files at a time; the journeys by themselves, since a process has room for one cloud
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/pytest -n 2 --dist loadfile tests/journeys

test-cluster: $(VENV)/ready ## Run the cluster suite, on the cluster of KUBECONFIG or else on the local one; compare it with RECORDINGS=DIR
	RECORDINGS="$(RECORDINGS)" $(BIN)/pytest tests/cluster

walk: $(VENV)/ready ## Spoil every request of a run, before and after its effect (an hour or more, with nothing else on the machine)
	$(BIN)/pytest -m walk tests/journeys

bench: $(VENV)/ready ## Measure what must be fast (ratios within one run)
	$(BIN)/python -m benchmarks

test-hf: $(VENV)/ready ## Load our artefacts in transformers and peft (an environment of its own, minutes to install)
	$(PYTHON) -m venv .venv-hf
	.venv-hf/bin/pip install --quiet -r requirements/hf.in
	$(BIN)/dropforge local demo --folder build/hf
	DROPFORGE_MODEL="$$(ls -d $(CURDIR)/build/hf/*/model | tail -1)" PYTHONPATH=containers/cpu_trainer:containers/evaluator:layers/shared HF_HUB_OFFLINE=1 \
	  .venv-hf/bin/python -m pytest tests/hf

golden: $(VENV)/ready ## Rewrite the golden files
	GOLDEN=1 $(BIN)/pytest tests/domain tests/cli

docs: $(VENV)/ready ## Write the generated parts of docs/
	$(BIN)/python scripts/errors_doc.py
	$(BIN)/python scripts/checks_doc.py
	$(BIN)/python -m scripts.checkpoints_doc
	$(BIN)/python -m scripts.json_doc

build: $(VENV)/ready $(SAM) ## Make deployable artefacts with hash-based bytecode (needs a Python 3.13)
	PATH="$(CURDIR)/$(BIN):$$PATH" UV="$(CURDIR)/$(BIN)/uv" AWS_DEFAULT_REGION=us-east-1 $(SAM) build --build-in-source
	$(BIN)/python scripts/compile_bytecode.py .aws-sam/build

lock: $(VENV)/ready ## Resolve every lock file anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/uv.in -o requirements/uv.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/dev.in -o requirements/dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/sam.in -o requirements/sam.lock
	for layer in vendor cluster; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  -c requirements/dev.lock requirements/$$layer.in -o layers/$$layer/requirements.txt; done
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/node.in -o requirements/node.lock

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .venv-sam .venv-hf .venv-node node_modules .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis .dropforge
