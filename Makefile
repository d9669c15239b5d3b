# One command per task; each works on a fresh clone with Python 3.11, make and a package index.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready
# Without a path, so that another project's settings cannot redirect what is imported or installed.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE PIP_PREFIX PIP_TARGET PIP_USER
# Tests start hundreds of processes: without kept bytecode each of them would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 22

.PHONY: demo
demo: $(READY) ## run a whole network as real processes, every flow once, and say what happens
	$(VENV)/bin/feiqian demo

# Programs that only some tests need; without them those are skipped, or fail if CI=true.
SYSTEM_PACKAGES := gpsd mosquitto
.PHONY: system
system: ## install the Debian packages that some tests need
	@tools/install-system $(SYSTEM_PACKAGES)

# One worker for each core, each with whole files: what is made once for a file is made once.
ALL_TESTS := $(PYTHON) -m pytest --numprocesses auto --dist loadfile
.PHONY: test
test: $(READY) system ## run all tests
	$(ALL_TESTS)

.PHONY: lint
lint: $(READY) ## check style, form, types and floors
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy src tests tools bench
	$(VENV)/bin/lint-imports

.PHONY: features
features: $(READY) system ## run all tests, then print how many prove each feature row
	$(ALL_TESTS) -q --features

.PHONY: bench
bench: $(READY) ## run the benchmarks, or one: make bench ONLY=name
	$(PYTHON) -m bench $(ONLY)

.PHONY: simulate
simulate: $(READY) ## run the simulated world, or replay one: make simulate SEED=7 STEPS=1000
	$(VENV)/bin/feiqian simulate $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

# What it finds is printed made short, with the seed that finds it again.
.PHONY: campaign
campaign: HISTORIES := 1000
campaign: SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
campaign: $(READY) ## look for new histories that break a promise: make campaign HISTORIES=1000 SEED=7
	@echo "make campaign HISTORIES=$(HISTORIES) SEED=$(SEED)"
	FEIQIAN_CAMPAIGN_HISTORIES=$(HISTORIES) $(PYTHON) -m pytest -q --show-capture=no \
		--hypothesis-seed=$(SEED) tests/property/test_offline_world.py

# The traffic simulator is large, so it has an environment and a lock of its own.
CITY := .venv-city
.PHONY: city
city: $(CITY)/ready ## a city of 1,000 vehicles, 300 of them paying: make city SEED=1 SEEDS=10
	$(CITY)/bin/python -m tools.city $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

$(CITY)/locked: requirements-city.lock tools/make-venv
	tools/make-venv $(CITY)
	$(CITY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-city.lock
	touch $@

$(CITY)/ready: $(CITY)/locked pyproject.toml
	$(CITY)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	touch $@

.PHONY: format
format: $(READY) ## sort imports and format the code
	$(VENV)/bin/ruff check --select I --fix .
	$(VENV)/bin/ruff format .

# A page that is printed goes through a new file, so that a failure leaves the old page alone.
.PHONY: docs
docs: $(READY) ## write every generated document and vector anew
	$(PYTHON) -m feiqian.testing.catalogue > docs/features.md.new
	mv docs/features.md.new docs/features.md
	$(PYTHON) -m tools.draw_payment_protocol > docs/payment-protocol.md.new
	mv docs/payment-protocol.md.new docs/payment-protocol.md
	$(PYTHON) -m tools.draw_service > docs/service-protocol.md.new
	mv docs/service-protocol.md.new docs/service-protocol.md
	$(PYTHON) -m tools.draw_matching
	$(PYTHON) -m tools.make_outcomes
	$(PYTHON) -m tools.make_openapi
	$(PYTHON) -m tools.make_asyncapi
	$(PYTHON) -m tools.make_cddl
	$(PYTHON) -m tools.make_vectors

# Allow newer versions with: make lock UPGRADE=--upgrade
.PHONY: lock
lock: $(VENV)/locked ## resolve pyproject.toml into requirements.lock
	CUSTOM_COMPILE_COMMAND="make lock" $(PYTHON) -m piptools compile --quiet $(UPGRADE) \
		--extra dev --extra sm --extra ble --extra nfc --extra vehicle --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.lock pyproject.toml

.PHONY: city-lock
city-lock: $(VENV)/locked ## resolve what a city needs into requirements-city.lock
	CUSTOM_COMPILE_COMMAND="make city-lock" $(PYTHON) -m piptools compile --quiet $(UPGRADE) \
		--extra city --generate-hashes --strip-extras --allow-unsafe --constraint requirements.lock \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements-city.lock pyproject.toml

.PHONY: clean
clean: ## remove the environment and everything generated
	rm -rf $(VENV) $(CITY) build dist src/*.egg-info .import_linter_cache .hypothesis .mypy_cache \
		.pytest_cache .ruff_cache
	find src tests $(wildcard bench) -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made anew when the lock changes; the project is linked in, not copied.
$(VENV)/locked: requirements.lock tools/make-venv
	tools/make-venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements.lock
	touch $@

$(READY): $(VENV)/locked pyproject.toml
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	$(PYTHON) -m pip --quiet check
	touch $@
