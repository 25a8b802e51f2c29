# make run  recognises a clip; make test runs the tests. Both set up .venv first, once.

CLIP ?= examples/thank-you.mp4
export CLIP

BIN := .venv/bin
# The name holds the folder, so that a tree that was moved or copied is set up again.
STAMP := .venv/.installed-$(firstword $(shell printf '%s' "$(CURDIR)" | cksum))
# One thread per test process; the tests run in two.
TEST_ENV := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run setup setup-dev test lint test-studies test-slow test-bare bench clean

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | while IFS='	' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

run: $(STAMP)-core ## Recognise CLIP (default: the example) and write a report under out/
	@mkdir -p out
	@name="$$(basename "$$CLIP")"; name="$${name%.*}"; \
	set -x; $(BIN)/signlens recognize --report "out/$$name.html" -- "$$CLIP"

setup: $(STAMP)-core ## Install what recognising needs into .venv

setup-dev: $(STAMP)-dev ## Install what tests, training and the signer need as well

$(STAMP)-core: requirements/core.lock pyproject.toml scripts/setup
	@scripts/setup core
	@touch $@

$(STAMP)-dev: $(STAMP)-core requirements/dev.lock requirements/dev-alone.lock
	@scripts/setup dev
	@touch $@

test: lint ## Check style and types, then run the fast tests
	$(TEST_ENV) $(BIN)/python -m pytest -n 2

lint: $(STAMP)-dev ## Check style, types and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-studies: $(STAMP)-dev ## Run every test of the studies but those that take minutes
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 -m 'not slow' tests/signlens_studies

test-slow: $(STAMP)-dev ## Run the tests that take minutes
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 -m slow

test-bare: ## Prove both commands in a bare Debian root (needs root and debootstrap)
	tests/packaging/bare_root.sh

bench: $(STAMP)-dev ## Print every benchmark
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

clean: ## Remove .venv and everything that was made
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
