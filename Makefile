# Everything runs in .venv, which these targets make and fill when it is missing or pyproject.toml changed.
PYTHON ?= python3
# Tests at a time: one more than two cores, since those that grade spend time waiting.
JOBS ?= 3
BIN := .venv/bin

.PHONY: demo test lint golden release verify gallery docs clean

demo: .venv/instructor.stamp  ## the whole loop on built-in data: release, answer, grade, feedback, grades
	$(BIN)/autograder demo

test: .venv/dev.stamp  ## lint and every test that needs no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -n $(JOBS) --dist worksteal

lint: .venv/dev.stamp  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: .venv/dev.stamp  ## rewrite the golden table of all architectures
	$(BIN)/python -m course.golden

release: .venv/instructor.stamp  ## generate all assignments from the solutions
	for name in $(notdir $(wildcard solutions/*)); do $(BIN)/autograder release $$name || exit 1; done

verify: .venv/instructor.stamp  ## the gate before release, for all assignments
	for name in $(notdir $(wildcard solutions/*)); do $(BIN)/autograder verify $$name || exit 1; done

gallery: .venv/instructor.stamp  ## every figure of the lectures, into gallery/
	$(BIN)/course plot --all -o gallery

docs: .venv/dev.stamp  ## the documentation as web pages, into docs/_build
	$(BIN)/sphinx-build -q -b html docs docs/_build

clean:  ## remove the virtual environment and caches
	rm -rf .venv .pytest_cache .ruff_cache gallery docs/_build docs/generated

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "cnn-course needs Python 3.11 or later: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/instructor.stamp: .venv/pyvenv.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[instructor]'
	touch $@

.venv/dev.stamp: .venv/pyvenv.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/instructor.stamp
