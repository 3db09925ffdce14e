# make setup       an environment in .venv (Python 3.11 or 3.12; some 6 GB, mostly torch)
# make test        the fast tests              make test-slow   the slow ones
# make faults      the fault suite, an hour of kills, bad files and full disks
# make lint        ruff and mypy               make demo        a small run of everything, written to demo/
# make clean       removes .venv, demo/ and caches

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
PIP    := $(BIN)/python -m pip
# Extra arguments: `make test PYTEST_ARGS='-k compat'`, `make demo DEMO_ARGS=--quick`.
PYTEST_ARGS ?=
DEMO_ARGS   ?=

# BasicSR's master is not on the package index under its own name; this distribution holds its code. It would overwrite
# the installed BasicSR, so it is only unpacked: the tests run its scripts from there, as from a checkout.
MASTER := basicsr-fixed==1.4.2

.PHONY: setup test test-slow faults lint demo clean

setup: $(READY)

# BasicSR is a source distribution that needs torch, Cython and NumPy to build, and pip's isolation would download torch
# once more for that: so it comes after all else. It goes in without its requirements, because these have `tb-nightly` in
# place of `tensorboard`; constraints.txt holds all of them, and all that this package requires. (`pip check` and pip
# itself may say that `tb-nightly` is missing: so it should be.)
$(READY): constraints.txt setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 13) or sys.exit("The pinned versions need Python 3.11 or 3.12 (BasicSR 1.4.2 does not build on 3.13), got " + sys.version.split()[0] + ": make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	grep -v '^basicsr==' constraints.txt > $(VENV)/requirements.txt
	$(PIP) install --requirement $(VENV)/requirements.txt
	$(PIP) install --constraint constraints.txt --no-build-isolation --no-deps basicsr
	$(PIP) install --no-build-isolation --no-deps --editable .
	rm -rf $(VENV)/src
	$(PIP) download --no-build-isolation --no-deps --no-binary :all: --dest $(VENV)/src $(MASTER)
	tar -xzf $(VENV)/src/*.tar.gz -C $(VENV)/src
	@touch $(READY)
	@echo 'Ready. Now type:'
	@echo '  $(BIN)/hcl-restore examples/sample.jpg     repairs a photograph, into restored/'
	@echo '  $(BIN)/hcl-app                             the same in the browser'
	@echo '  make demo                                 trains a small network in minutes'

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

test-slow: setup
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

faults: setup
	$(BIN)/python -m pytest -m 'slow or not slow' -rP tests/faults $(PYTEST_ARGS)

lint: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python options/generate.py --check
	$(BIN)/python -m mypy

demo: setup
	$(BIN)/python examples/demo.py $(DEMO_ARGS)

clean:
	rm -rf $(VENV) demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
