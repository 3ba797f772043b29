# Every chore of this project has one target here; `make help` lists them.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP)  ## Run the forest-fire workflow on this machine, and show what came of it
	@tools/require.sh "dot -V" graphviz || true
	@$(RUN) -m handlers.fire.demo

.PHONY: test
test: $(STAMP)  ## Run the whole suite
	@tools/require.sh "dot -V" graphviz
	$(RUN) -m pytest

.PHONY: check
check: $(STAMP)  ## Check format, lint, types and layers
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

.PHONY: format
format: $(STAMP)  ## Put the code into its format
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

.PHONY: bench
bench: $(STAMP)  ## Measure the embedded default (minutes; prints JSON lines)
	$(RUN) benchmarks/embedded.py import
	$(RUN) benchmarks/embedded.py idle
	$(RUN) benchmarks/embedded.py throughput
	$(RUN) benchmarks/embedded.py log

.PHONY: install
install: $(STAMP)  ## Make .venv with everything that the other targets need

$(STAMP): setup.cfg pyproject.toml tools/make-venv.sh
	@tools/make-venv.sh "$(PYTHON)" $(VENV)
	@touch $@

.PHONY: clean
clean:  ## Remove what the other targets made, but for results and databases
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
