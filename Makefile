# Everything a person or a CI runs here. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough; `make PYTHON=/path/to/python setup` names another one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
# Compiled modules are kept: the tests start many processes, each of which would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
PROMTOOL := $(shell command -v promtool)

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.done ## make the virtual environment in .venv

.venv/.done: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Deskwatch needs Python 3.11 or newer (apt-get install python3 python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.PHONY: demo
demo: .venv/.done ## watch a simulated world of news until it alerts you (needs Python alone)
	$(BIN)/deskwatch demo

.PHONY: up
up: .venv/.done ## run Kafka and all services of this machine in the foreground (needs a JDK 17+ and Maven)
	@deploy/up

.PHONY: down
down: ## end what `make up` started
	@deploy/up --stop

.PHONY: check
check: check-lint check-types check-imports check-config check-rules check-docs ## everything a machine can hold: style, types, imports, config, rules, docs

.PHONY: check-lint
check-lint: .venv/.done
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

.PHONY: check-types
check-types: .venv/.done
	$(BIN)/mypy --no-error-summary

.PHONY: check-imports
check-imports: .venv/.done
	$(BIN)/lint-imports --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }

.PHONY: check-config
check-config: .venv/.done
	$(BIN)/deskwatch check config

.PHONY: check-rules
check-rules:
ifdef PROMTOOL
	promtool check config deploy/prometheus/prometheus.yml
	promtool test rules deploy/prometheus/rules.test.yml deploy/prometheus/drift.test.yml
else
	@echo "check-rules: not run, promtool is missing (apt-get install prometheus)" >&2
	@test "$(CI)" != true
endif

.PHONY: check-docs
check-docs: .venv/.done
	$(BIN)/python docs/generate.py --check

.PHONY: docs
docs: .venv/.done ## write the generated pages of docs/ anew
	$(BIN)/python docs/generate.py

.PHONY: test-fast
test-fast: .venv/.done ## the quick tests, which start no Kafka, mail server or browser
	$(BIN)/pytest -q -n 3 -m "not system and not slow"

.PHONY: test
test: .venv/.done ## all tests; those whose real part is missing say how to get it
	$(BIN)/pytest -q

.PHONY: bench
bench: .venv/.done ## run every benchmark and print its figures
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
