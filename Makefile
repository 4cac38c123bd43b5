# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.all: $(VENV)/.base
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev,clip]'
	touch $@

.PHONY: install install-all
install: $(VENV)/.base ## the virtual environment .venv: base and dev
install-all: $(VENV)/.all ## every extra that this machine can hold: torch, open_clip, trainers
