# The commands of the README. All of them install .venv first.
PYTHON ?= python3
BIN := .venv/bin
export MPLBACKEND := Agg
# Else each process would compile the package again, and each test process rewrite the assertions of all tests.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types docs benchmark benchmark-scaling device device-wheels kills clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

install: .venv/.installed  ## .venv with everything that pyproject.toml asks for

.venv/.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing into .venv: 2 to 10 minutes, most of it torch; nothing is printed meanwhile"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: install    ## drawn images, four autoencoders, 5 to 7 minutes: a table and a page under outputs/demo
	$(BIN)/renormal experiment=demo sweep=categories_demo model=l2_ae,dsae,vae_draws,gamma_vae
	$(BIN)/renormal-report outputs/demo

test: lint types ## lint, types and tests
	$(BIN)/python -m pytest --numprocesses 4 --dist loadscope --durations 40

lint: install    ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install   ## mypy --strict on src, and on benchmarks
	$(BIN)/mypy

docs: install    ## the documentation as a site: docs/_build/html/index.html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

benchmark: install  ## every speed figure against a rival in the same run, 22 minutes: outputs/benchmark.json
	$(BIN)/python -m benchmarks

benchmark-scaling: install  ## slots 1 to 256, sides 64 to 512, tiles: outputs/benchmark-scaling.json
	$(BIN)/python -m benchmarks --scaling

device: install   ## this GPU and the code, 4 minutes on an H100: results/device-<name>.json; DRY=1 tries it on the CPU
	$(BIN)/python -m benchmarks.device $(if $(DRY),--dry)

device-wheels: install  ## wheels of what a machine with a CUDA torch lacks, for one that has no package index: wheels/
	$(BIN)/python -m benchmarks.wheels collect wheels

kills: install    ## a sweep with processes killed at random ends with the numbers of one without kills, 15 minutes
	$(BIN)/python -m benchmarks.kills

clean:           ## delete what make made; outputs/ stays
	rm -rf docs/_build docs/messages.md .venv .mypy_cache .pytest_cache .ruff_cache dist
