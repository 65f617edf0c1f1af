# SPDX-FileCopyrightText: 2026 the ocitools.registry authors
# SPDX-License-Identifier: GPL-3.0-or-later

# The runner itself needs Python 3.9 or newer; it looks for those to test with by itself.
FIND = for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2> /dev/null && echo $$name && break; done
PYTHON ?= $(or $(shell $(FIND)),$(error There is no Python 3.9 or newer on PATH: install one, or name it, as in "make PYTHON=/opt/python/bin/python3 test"))
OPTIONS ?=
TARGETS ?=
RUN = @$(PYTHON) tests/runner/run.py --name "make $@" $(if $(TARGETS),--targets "$(TARGETS)") $(OPTIONS)

.PHONY: help test test-all lint galaxy sanity units worker integration events pulp fuzz demo docs release clean

help:
	@echo "make demo         release, promote and mirror an image in a throw-away registry on this machine"
	@echo "make test         lint, galaxy, sanity, units, worker, integration, events, pulp and fuzz: the newest ansible-core, the lowest and the highest Python"
	@echo "                  with OPTIONS=--ends the newest ansible-core with the highest Python, the oldest with the lowest, and no pulp"
	@echo "make test-all     the same with every ansible-core and every Python that is supported"
	@echo "make lint | galaxy | sanity | units | worker | integration"
	@echo "                  with TARGETS=\"registry_push role_mirror\" these integration targets alone; units and worker take files of tests, sanity names of its tests"
	@echo "make worker       unit tests of tasks that Ansible runs itself, without a module"
	@echo "make events       a rulebook that deploys when a tag moves, run by ansible-rulebook; it needs Java"
	@echo "make pulp         the modules on Pulp, a registry of another family; it is installed without root"
	@echo "make fuzz         modules on answers and files that were spoilt by chance; SECONDS=3600 for an hour, SEED= and CASE= to repeat what was found"
	@echo "make docs         build the documentation as HTML, in .cache/docs/html"
	@echo "make release      write the changelog of the version in galaxy.yml, commit it, build the collection; publish nothing"
	@echo "make clean        remove what the runs installed (.cache)"

test:
	$(RUN) lint+integration+events+pulp+galaxy+fuzz+sanity+worker+units

test-all:
	$(RUN) --all --keep-going lint+integration+events+pulp+galaxy+fuzz+sanity+worker+units

lint galaxy sanity units worker integration events pulp:
	$(RUN) $@

fuzz:
	$(RUN) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE)) fuzz

demo:
	@$(PYTHON) tests/runner/demo.py

docs:
	@$(PYTHON) tests/runner/website.py

release:
	@$(PYTHON) tests/runner/release.py

clean:
	rm -rf .cache .demo .hypothesis .mypy_cache .nox .pytest_cache .ruff_cache tests/output
