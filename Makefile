# Everything a person needs to type. `make` alone lists it.
PYTHON ?= python3
BIN    := .venv/bin
PREPARE = $(PYTHON) scripts/prepare.py

# where this is set, every engine that a test starts would compile all it imports again
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check fmt prepare lock messages openapi bench clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: ## Set up what is missing, then start engine, console, workers and Redis in the foreground
	@$(PREPARE) run
	@exec $(BIN)/python manage.py up

test: ## Set up what is missing, then run every test, three files at a time (ARGS="-k name" narrows)
	@$(PREPARE) test
	@exec $(BIN)/python scripts/test.py $(ARGS)

check: ## Format, lint, types, imports, templates, migrations: under a minute, changes nothing
	@$(PREPARE) check
	@exec $(BIN)/python scripts/check.py

fmt: ## Put the code into the house's format
	@$(PREPARE) check
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djlint --quiet --reformat templates || true

prepare: ## Only set up: packages, virtual environment, front-end files
	@$(PREPARE) run

lock: ## Resolve requirements/*.lock anew from pyproject.toml
	@$(PREPARE) check
	@$(BIN)/python scripts/lock.py

messages: ## Collect translatable text into locale/
	@$(BIN)/python manage.py makemessages --locale ko --no-wrap --add-location file --ignore node_modules --ignore .venv

openapi: ## Write docs/openapi.json anew, after the API has changed
	@NARU_SETUP=1 $(BIN)/python manage.py openapi

bench: ## Measure starts, logs, containers and images beside dockerd, where that is installed, and pages
	@$(PREPARE) test
	@$(BIN)/python -m benchmarks.container_start
	@$(BIN)/python -m benchmarks.log_reading
	@$(BIN)/python -m benchmarks.many_containers
	@$(BIN)/python -m benchmarks.images
	@$(BIN)/python -m benchmarks.networks
	@$(BIN)/python -m benchmarks.shared_ports
	@$(BIN)/python -m benchmarks.audit_verify
	@$(BIN)/python -m benchmarks.terminal_echo
	@$(BIN)/python -m benchmarks.stack_scale
	@$(BIN)/python -m benchmarks.pages

clean: ## Remove what set-up made in this folder (not what is installed, not your data)
	rm -rf .venv .cache node_modules static/vendor var
