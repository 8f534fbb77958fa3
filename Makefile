# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
export PORT HOST

.DEFAULT_GOAL := help
.PHONY: help run check quick test lint bench clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(INSTALLED) ## Run the library on this machine: http://127.0.0.1:8000/
	@$(BIN)/python manage.py run_library

test: lint ## Lint, then test everything (browser tests where Chromium is)
	@echo "Testing …"
	@$(BIN)/python -m pytest -n 2 $(PYTEST)

check: $(INSTALLED_DEV) ## Lint and the quick tests, side by side: under two minutes
	@$(MAKE) --no-print-directory -j2 lint quick

quick: $(INSTALLED_DEV) ## The quick tests: no browser, no Milvus, no processes (tests/README.md)
	@echo "Testing what is quick …"
	@$(BIN)/python -m pytest -n 2 -m "not slow" $(PYTEST)

lint: $(INSTALLED_DEV) ## ruff, mypy, import-linter, deploy checks, migrations
	@echo "Checking style, types, layers, settings and migrations …"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@DATABASE_URL=postgres://nobody@127.0.0.1/none SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(50))') \
	  ALLOWED_HOSTS=example.com CLIP_MODEL=openai/clip-vit-base-patch32 \
	  MILVUS_URI=http://127.0.0.1:19530 $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(INSTALLED_DEV) ## Measure: ratios within one run
	@$(BIN)/python -m tests.bench $(BENCH)

clean: ## Remove the virtual environment and everything embedded (asks nothing!)
	rm -rf .venv var

# `make` cannot see a package that was removed by hand: delete .venv/.installed* then
$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Assetbank needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv …"; $(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }; }
	@echo "Installing packages (a few minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@echo "Installing packages for tests and checks …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
