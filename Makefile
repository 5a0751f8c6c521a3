# Everything runs in .venv, made here from requirements.lock with the first Python ≥ 3.11 that is found.
# PYTHON=/path/to/python3.12 make install chooses another one.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
VENDOR := src/microslip/views/explorer/static/vendor
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { command -v $$p; break; }; done)

.PHONY: help install demo test test-slow test-wheel dist lint types imports docs bench three lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed ## make .venv with the locked versions

.venv/installed: requirements.lock
	@[ -n "$(PYTHON)" ] || { echo "make: no Python 3.11, 3.12 or 3.13 found: install one, or set PYTHON" >&2; exit 2; }
	"$(PYTHON)" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

demo: install ## the whole chain on a small cell; about ten minutes
	$(BIN)/microslip run configs/quick.toml

test: install ## the test suite, two files at a time; a quarter of an hour
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-slow: install ## the checks that take longer
	$(BIN)/python -m pytest -m slow

test-wheel: install ## the chain from the wheel alone, in an environment of its own; some minutes
	$(BIN)/python -m pytest tests/test_distribution.py -m ""

dist: install ## dist/: source archive, and the wheel built from it
	rm -rf dist
	# builds the wheel from the source archive, so that nothing astray gets in (MIT, Python Packaging Authority, 30 kB)
	$(BIN)/python -m pip install --quiet 'build>=1.2'
	$(BIN)/python -m build --outdir dist .

lint: install types imports ## style, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

docs: install ## docs/_build/html, without warnings; runs the examples of the gallery, in a minute
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

tutorials: install ## run the tutorials again on runs/quick, after make demo
	@[ -d runs/quick ] || { echo "make: the tutorials look at runs/quick: make demo first" >&2; exit 2; }
	$(BIN)/python docs/tutorials/make_pages.py docs/tutorials/paper.py docs/tutorials/own_data.py docs/tutorials/network.py

bench: install ## every claim of speed, against its peer
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

three: ## renew the page's three.js; needs npm
	rm -rf build/three && mkdir -p build/three
	cd build/three && npm init --yes > /dev/null && npm install --silent three@0.187.0 esbuild@0.28.2 && node node_modules/esbuild/install.js
	cp src/microslip/views/explorer/three.entry.js build/three/entry.js
	cd build/three && npx esbuild entry.js --bundle --minify --format=esm --target=es2020 --legal-comments=inline --outfile=three.js
	cp build/three/three.js $(VENDOR)/three.js
	cp build/three/node_modules/three/LICENSE $(VENDOR)/three.LICENSE.txt

lock: ## renew requirements.lock from pyproject.toml, for Python 3.11
	python3.11 -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip-tools
	echo "torch==2.13.0  # the release that was measured" > .venv-lock/pins
	.venv-lock/bin/python -m piptools compile --quiet --strip-extras --all-extras --constraint .venv-lock/pins --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate --output-file requirements.lock pyproject.toml
	# a local build's suffix is no release that others can install
	sed -i -E 's/^(torch==[0-9.]+)\+.*/\1/' requirements.lock
	rm -r .venv-lock

clean: ## remove what make made, runs kept
	rm -rf .venv docs/_build docs/generated docs/gallery build dist
