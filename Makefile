# scolpass: what a developer runs. `make demo` and `make test` do all the set-up themselves, on a
# fresh Debian or Ubuntu machine with root (or sudo) and Python 3.11+; `make setup` touches .venv/
# only and never the system.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BIN := .venv/bin
# The stamp carries the hash of what the environment is made from (the lock, how it is made, the
# project's metadata but not its tools' settings): a change makes a new environment, no change
# costs nothing, whatever git did to the files' times.
LOCK := requirements/dev.txt
STAMP := .venv/.installed-$(shell { cat $(LOCK) deploy/dev/venv; sed '/^\[tool.ruff\]/,$$d' pyproject.toml; } | sha256sum | cut -c1-16)

# Passed on to the command behind the target: make demo DEMO="--keep", make test TEST="-k cutoff".
DEMO ?=
TEST ?= tests
TESTFLAGS ?= -q -ra -n auto --dist worksteal
BENCH ?=

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: system ready ## set everything up and tell the story against a private slapd
	@$(BIN)/scolpass demo $(DEMO)

.PHONY: test
test: system-tests ready ## set everything up and run the tests, against real slapds
	@way=$$(deploy/dev/test-way) && \
	SCOLPASS_TEST_DIRECTORY=$$way $(BIN)/python -m pytest $(TESTFLAGS) $(TEST)

.PHONY: test-long
test-long: ## all cases of all tables, an hour of faults, thousands at once, many examples of each property
	@TEST_TIER=long $(MAKE) test
	@$(MAKE) test TEST="tests/unit tests/e2e/test_model.py" TESTFLAGS="-q -ra -n auto --hypothesis-profile thorough"

.PHONY: test-lowest
test-lowest: setup ## the tests with the lowest versions that pyproject.toml promises to work with
	@deploy/dev/lowest

.PHONY: reference
reference: setup ## the pages in docs/reference, from the code
	@$(BIN)/python deploy/dev/reference.py docs/reference

.PHONY: audit
audit: setup ## licences and known vulnerabilities of what is shipped
	@deploy/dev/audit

.PHONY: check
check: setup ## formatting, lint, types, and who may import whom
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: setup ## format the code and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: system ready ## the benchmarks of benchmarks/, in one sitting
	@$(BIN)/python -m benchmarks $(BENCH)

.PHONY: setup
setup: $(STAMP) ## .venv/ from the lock, and nothing else
	@:

$(STAMP):
	@deploy/dev/venv $(LOCK)
	@rm -f .venv/.installed-* && touch $@

.PHONY: system
system: ## what must come from Debian's packages: slapd, its tools, faketime, python3-venv
	@deploy/dev/system-packages

.PHONY: system-tests
system-tests:
	@deploy/dev/system-packages tests

# `setup`, but after `system`: with `make -j`, too, the packages come first.
.PHONY: ready
ready: system
	@$(MAKE) setup

.PHONY: lock
lock: ## requirements/*.txt anew: newest releases, with hashes (LOCKFLAGS="" keeps what is locked)
	@deploy/dev/lock $(LOCKFLAGS)
LOCKFLAGS ?= --upgrade

.PHONY: clean
clean: ## remove what the targets above made (not the machine's packages)
	@rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
