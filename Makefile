# What people and CI type. `make` alone lists the targets; pass options as ARGS="…".

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lint-style lint-types lint-layers lint-dependencies format bench faults docs gallery lock

help:            ## list the targets
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: $(INSTALLED)  ## make .venv and install everything (done by the other targets when needed)

$(INSTALLED): requirements.lock pyproject.toml scripts/setup_venv.sh
	@bash scripts/setup_venv.sh $(VENV)
	@touch $@

demo: $(INSTALLED)   ## play 60 days of customer journeys on your machine
	@$(BIN)/leadloop demo $(ARGS)

test: $(INSTALLED)   ## run the tests on all cores, with a real Temporal server
	$(BIN)/python -m pytest -n auto --dist worksteal --database both $(ARGS) || { \
	  echo "== once more, alone: what failed beside other tests"; \
	  $(BIN)/python -m pytest -n 0 --database both --last-failed --last-failed-no-failures none $(ARGS); }

lint: lint-style lint-types lint-layers lint-dependencies ## style, types, layers, dependencies

lint-style: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet

lint-types: $(INSTALLED)
	$(BIN)/mypy

lint-layers: $(INSTALLED)
	$(BIN)/lint-imports

lint-dependencies: $(INSTALLED)
	$(BIN)/deptry .

format: $(INSTALLED) ## let ruff lay out the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.bench  ## measure how fast it is; rows in bench/out/results.json; ARGS="NAME …" for some only
	$(BIN)/python -m bench $(ARGS)

$(VENV)/.bench: $(INSTALLED) bench/requirements.lock
	@bash scripts/setup_venv.sh $(VENV) bench/requirements.lock
	@touch $@

faults: $(INSTALLED) ## run the tests that kill, cut and corrupt, with a summary (minutes)
	$(BIN)/python scripts/run_faults.py $(ARGS)

docs: $(INSTALLED)   ## check the links of the documentation, and that the gallery is up to date
	$(BIN)/python scripts/check_docs.py
	$(BIN)/python scripts/make_gallery.py --check

gallery: $(INSTALLED) ## draw the shipped scenarios anew into docs/gallery
	$(BIN)/python scripts/make_gallery.py

lock: $(INSTALLED)   ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --upgrade pyproject.toml --group dev -o requirements.lock
