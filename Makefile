.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
# Tests wait for half of their time: two processes for each of two processors.
PROCESSES ?= 4

.PHONY: help install demo up test check soak bench deploy languages clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

install: $(INSTALLED) ## Make .venv with exactly the versions of constraints.txt

$(INSTALLED): constraints.txt constraints-dev.txt deployments/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "campaign needs Python 3.11, 3.12 or 3.13; name one with: make install PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r deployments/uv.txt
	$(UV) --no-deps --require-hashes -r constraints.txt -r constraints-dev.txt
	$(UV) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED) ## Show the whole story on a simulated X; EXIT=1 ends after it, otherwise Ctrl-C does
	$(BIN)/campaign demo $(if $(EXIT),--exit)

up: $(INSTALLED) ## Start server, UI and worker on this machine with the real X
	$(BIN)/campaign up

test: $(INSTALLED) ## Run the whole test suite
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadgroup --no-loadscope-reorder

check: $(INSTALLED) ## Lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(INSTALLED) ## Post and send through 100,000 schedules of faults each; SEED=n runs one again
	$(BIN)/python -m tests.soak $(if $(SEED),$(SEED) 1,0 100000)

bench: $(INSTALLED) ## Measure the account sync and broadcasts beside plain loops
	$(BIN)/python -m benchmarks

deploy: $(INSTALLED) ## (Re)deploy the workflows, keeping what people started and stopped
	$(BIN)/campaign deploy

languages: $(INSTALLED) ## Collect the texts of the desk into the catalogues of its languages
	$(BIN)/pybabel -q extract -F pyproject.toml -k N_ --no-location --sort-output --omit-header -o .desk.pot .
	$(foreach po,$(wildcard campaign/web/desk/locales/*/desk.po),$(BIN)/pybabel -q update -i .desk.pot -o $(po) \
	  -l $(notdir $(patsubst %/,%,$(dir $(po)))) --no-fuzzy-matching --ignore-obsolete --omit-header --no-wrap;)
	rm .desk.pot

clean: ## Remove .venv and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
