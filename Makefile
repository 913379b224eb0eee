# Each target makes .venv with the tested versions first; a second call finds it ready.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test lint gallery docs bench clean

run: .venv/.package  ## train, measure and draw the information plane into runs/
	$(BIN)/infotheory plane $(ARGS)

test: .venv/.dev  ## all tests
	$(BIN)/python -m pytest

lint: .venv/.dev  ## style, types and the floors of the architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

gallery: .venv/.dev  ## run every example; each asserts its claim
	for page in examples/plot_*.py; do MPLBACKEND=agg $(BIN)/python $$page || exit 1; done

docs: .venv/.dev  ## the site, into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: .venv/.dev  ## errors on known truths, times beside other packages, into benchmarks/results
	for page in accuracy rows mixture paths neighbours permutations kernels spectra transport; do \
	  $(BIN)/python benchmarks/$$page.py | tee benchmarks/results/$$page.md || exit 1; done
	$(BIN)/python benchmarks/spectra.py --huge | tail -n +2 | tee -a benchmarks/results/spectra.md

clean:
	rm -rf .venv build dist *.egg-info docs/_build docs/gallery

.venv/.package: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

.venv/.dev: .venv/.package
	$(PIP) -e .[dev]
	touch $@
