# The commands of this project. Everything they need is set up on the way: see tests/tools/setup.sh and tests/lab.

.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3

# The checkout is the collection quorum.swarm, for Ansible and for Python alike.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHON
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
export PYTHONUNBUFFERED := 1

.PHONY: help
help:  ## show this list
	@awk -F ':.*## ' '/^[a-z.-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: .venv
.venv: .venv/ready

.venv/ready: tests/requirements.txt tests/tools/setup.sh
	@tests/tools/setup.sh

.PHONY: demo
demo: .venv  ## a lab of seven real engines, made into a highly available swarm
	@tests/tools/demo.sh

.PHONY: test
test: .venv  ## everything: static checks, sanity, unit tests, scenarios on the lab
	@.venv/bin/python tests/tools/run_tests.py

.PHONY: lint
lint: .venv  ## the static checks
	@.venv/bin/python tests/tools/run_tests.py lint

.PHONY: sanity
sanity: .venv  ## ansible-test sanity, for every supported Python found here
	@.venv/bin/python tests/tools/run_tests.py sanity

.PHONY: unit
unit: .venv  ## unit and property tests
	@.venv/bin/python tests/tools/run_tests.py unit

.PHONY: scenarios
scenarios: .venv  ## the molecule scenarios, on a lab of real engines
	@.venv/bin/python tests/tools/run_tests.py scenarios

.PHONY: faults
faults: .venv  ## the long failure matrices, in shards that can be resumed
	@.venv/bin/python -m tests.faults $(SHARDS)

.PHONY: bench
bench: .venv  ## how long things take, with numbers
	@.venv/bin/python -m tests.bench; status=$$?; .venv/bin/python -m tests.bench.restore; .venv/bin/python -m tests.bench.recover; .venv/bin/python -m tests.bench.backup && exit $$status

.PHONY: lab-down
lab-down:  ## remove every lab, its images and the engine that it started
	@$(PYTHON) -m tests.lab down --all
