# make setup | demo | test | corpus | probe | restarts | kills | reload-kills | nspawn | vm | check | bench | binary | fresh:
# each does all the set-up it needs.
SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin

.PHONY: setup page demo demo-end test corpus probe restarts kills reload-kills nspawn vm check bench binary fresh lock clean

# What deployd and the demo use, and no more.
.venv/.run: pyproject.toml requirements-run.lock packaging/environment.sh packaging/system-packages.sh
	@bash packaging/environment.sh run

# What tests and checks use besides.
.venv/.test: pyproject.toml requirements.lock packaging/environment.sh packaging/system-packages.sh
	@bash packaging/environment.sh test

# The log page, when its sources are others than those it was built from.
page: | .venv/.run
	@$(PY) packaging/page.py

setup: .venv/.test page

# KEEP=1 leaves the demo running; `make demo-end` ends it.
demo: .venv/.run
	@$(PY) -m examples.demo $(if $(KEEP),--keep)

demo-end: .venv/.run
	@$(PY) -m examples.demo --end

test: setup
	$(BIN)/pytest -n 2 --dist=loadgroup tests

# Every app of tests/e2e/corpus, built, started, probed and deployed again; APPS="name name" takes only these.
corpus: setup
	$(PY) -m tests.e2e.corpus $(APPS)

check: setup
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	$(PY) packaging/page.py npm run check --silent

bench: setup
	bash packaging/system-packages.sh bench
	@for file in bench/[a-z]*.py; do echo "== $$file"; $(PY) -m bench.$$(basename $$file .py) || exit 1; done

# 194 conformance cases through a running deployd: a table, what differs, and 1 at the end when a MUST is missed.
probe: setup
	$(PY) -m tests.e2e.probe

# An app is restarted forty times while it prints 1,000 lines a second: every line has to be in its log once.
restarts: setup
	$(PY) -m tests.e2e.kills.restarts --restarts 40

# 240 kills at seeded moments of everything that deployd does, and a look at what is left after each; `make test` takes
# seven.
kills: setup
	$(PY) -m tests.e2e.kills --kills 240 --seed 7

# Every moment of a reload at which one of the two processes may be killed, and 28 reloads under wrk, of which
# `make test` takes some.
reload-kills: setup
	MOMENTS=all $(BIN)/pytest -n 0 tests/e2e/test_reload_kills.py tests/e2e/test_reload.py -k "killed or wrk"

# Reloads, restarts and stops under the systemd of Debian 12 and 13, 20 rounds each; `make test` takes one of 12.
nspawn: setup
	SYSTEMD_ROUNDS=20 SYSTEMD_SUITES="bookworm trixie" $(BIN)/pytest -n 0 -o faulthandler_timeout=0 tests/e2e/test_systemd.py

# The single file installed on a Debian 12 and 13 that boot under QEMU: limits under control groups v2.
vm: setup
	bash packaging/system-packages.sh vm
	$(BIN)/pytest -n 0 -m vm -o faulthandler_timeout=0 tests/e2e

# dist/deployd: all of it in one file, for machines of this architecture with at least this glibc.
binary: setup
	bash packaging/system-packages.sh binary
	$(PY) packaging/single_file/build.py

# The demo and the README's installation on bare Debians, with times and disk; ON="bookworm-root" takes only that one.
fresh: setup
	$(BIN)/pytest -n 0 -m bare -o faulthandler_timeout=0 $(if $(ON),-k "$(ON)") tests/e2e

# Both take the newest versions that pyproject.toml allows, the same in both; neither names a registry.
EXPORT := $(BIN)/uv export --quiet --no-emit-project --no-annotate --no-header
lock:
	rm -f uv.lock
	$(EXPORT) --all-extras --group dev -o requirements.lock
	$(EXPORT) --no-default-groups --group page -o requirements-run.lock
	rm -f uv.lock

clean:
	rm -rf .venv web/ui/node_modules web/ui/dist
