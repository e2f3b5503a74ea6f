# Two commands: `make run` and `make test`. Everything they need is installed into .venv, from hash-locked wheels.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH ?= locks

.PHONY: run test check fmt bench lock clean help

help:            ## Show what there is
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

run: $(READY)    ## Start the whole stack on this machine, with a small workload (DEMO=0: without)
	@$(BIN)/tidelock up

test: $(READY)   ## Run every check and every test, on real Kafka, PostgreSQL and Redis
	@$(MAKE) --no-print-directory check
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not integration" $(TESTS) || failed=1; \
	$(BIN)/python -m pytest -m integration $(TESTS) || failed=1; \
	exit $$failed

check: $(READY)  ## Lint, types, architecture, schemas
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m schemas check

fmt: $(READY)    ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## Measure: BENCH=locks, queues, caches, nodes, reads or windows
	@$(BIN)/python -m bench.$(BENCH)

lock: $(READY)   ## Resolve the requirements anew (hashes, no index addresses)
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -q -o requirements.txt

clean:           ## Remove what make made (the data under .tidelock stays)
	@rm -rf $(VENV) build *.egg-info

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidelock needs Python 3.11 or newer; set PYTHON=...")'
	@echo "Installing into $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
