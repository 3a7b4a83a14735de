# A bare machine needs Python 3.11 or 3.12, Node 20.19 or newer, and git. Everything else is fetched
# into this folder: .venv, .venv-0.6.18 (the oldest host), .tools and node_modules.

PYTHON ?= python3
ARGS ?=
# Processes that share the tests; each has a PostgreSQL of its own.
WORKERS ?= 2

install := $(PYTHON) tests/workshop/install.py
python := .venv/bin/python
npm := npm --silent --prefix svelte_components
# Branch coverage is asked for where the money is decided.
coverage := --cov=mai_usage_ext/metering --cov=mai_usage_ext/services --cov-branch --cov-report=term:skip-covered

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test test-hosts test-quick lint bench soak mutation gallery pictures reference build clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

install: ## install everything into this folder; quick when it is there already
	@$(install)

demo: build ## a real Open WebUI with live traffic; ARGS=--once plays, checks, prints and stops
	@$(install) host
	@.venv/bin/mai-usage demo $(ARGS)

test: install lint ## everything that has to hold: lint, front end, every test
	@$(npm) test
	@$(python) -m pytest -n $(WORKERS) $(coverage) $(ARGS)

test-hosts: ## the host and browser tests, all of them in the newest Open WebUI and in the oldest
	@$(install) host oldest-host chromium
	@$(python) -m pytest --hosts=both -m "host or browser" tests/host tests/browser $(ARGS)

test-quick: ## the tests that start no host and no browser
	@$(install) host
	@$(python) -m pytest -n $(WORKERS) -m "not host and not browser and not slow" $(ARGS)

lint: ## format, lint and types, changing nothing
	@$(install) host component
	@$(python) -m ruff format --check --quiet .
	@$(python) -m ruff check .
	@$(python) -m mypy
	@$(npm) run lint
	@$(npm) run check

bench: ## measure speed and print the figures; ARGS="--full dashboard" picks and enlarges
	@$(install) host
	@$(python) -m tests.benchmarks $(ARGS)

soak: ## calls under faults and kills, then all books compared; ARGS="--calls N --minutes M --seed S"
	@$(install) host
	@$(python) -m tests.soak $(ARGS)

mutation: ## change the code of money, holds and sealing, and see whether a test notices
	@$(install) mutation
	@$(PYTHON) tests/workshop/mutation.py

gallery: ## every component in every state as pictures; ARGS="usage/ --look dark-pl-phone" picks
	@$(install) host component chromium
	@$(python) -m tests.gallery $(ARGS)

pictures: build ## take the pictures of the documentation from a real Open WebUI
	@$(install) host chromium
	@$(python) -m pytest tests/browser/test_pictures.py -m browser $(ARGS)
	@cp test-results/pictures/*.png docs/images/

reference: ## write the pages below docs that are made from the code
	@$(install) host
	@$(python) -m tests.reference

build: ## build the web component into mai_usage_ext/frontend
	@$(install) component
	@$(npm) run build

clean: ## remove everything that was installed or made here
	rm -rf .venv .venv-0.6.18 .tools .demo .gallery mutants build dist *.egg-info
	rm -rf svelte_components/node_modules tests/simulator/node/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .coverage .coverage.*
	find mai_usage_ext migrations tests -name __pycache__ -prune -exec rm -rf {} +
