# make setup | demo | test | corpus | probe | restarts | reload-kills | nspawn | check | bench | binary: each does all the
# set-up it needs.
SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin

.PHONY: setup demo test corpus probe restarts reload-kills nspawn check bench binary ui lock clean

setup: .venv/.synced web/ui/dist/index.html

# The system packages, then the locked environment; both are skipped when nothing changed.
.venv/.synced: pyproject.toml requirements.lock packaging/system-packages.sh
	bash packaging/system-packages.sh
	@test -x $(PY) || python3 -m venv .venv
	@test -x $(BIN)/uv || $(PY) -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --python $(PY) --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(PY) --no-deps --editable .
	@touch $@

web/ui/dist/index.html: web/ui/package-lock.json $(shell find web/ui/src web/ui/*.ts web/ui/*.json web/ui/index.html -type f 2>/dev/null) | .venv/.synced
	cd web/ui && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent
	@touch $@

ui: web/ui/dist/index.html

demo: setup
	$(PY) -m examples.demo

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
	cd web/ui && npm run check --silent

bench: setup
	bash packaging/system-packages.sh bench
	@for file in bench/[a-z]*.py; do echo "== $$file"; $(PY) -m bench.$$(basename $$file .py) || exit 1; done

# 194 conformance cases through a running deployd: a table, what differs, and 1 at the end when a MUST is missed.
probe: setup
	$(PY) -m tests.e2e.probe

# An app is restarted forty times while it prints 1,000 lines a second: every line has to be in its log once.
restarts: setup
	$(PY) -m tests.e2e.kills.restarts --restarts 40

# Every moment of a reload at which one of the two processes may be killed, and 28 reloads under wrk, of which
# `make test` takes some.
reload-kills: setup
	MOMENTS=all $(BIN)/pytest -n 0 tests/e2e/test_reload_kills.py tests/e2e/test_reload.py -k "killed or wrk"

# Reloads, restarts and stops under the systemd of Debian 12 and 13, 20 rounds each; `make test` takes one of 12.
nspawn: setup
	SYSTEMD_ROUNDS=20 SYSTEMD_SUITES="bookworm trixie" $(BIN)/pytest -n 0 tests/e2e/test_systemd.py

# dist/deployd: all of it in one file, for machines of this architecture with at least this glibc.
binary: setup
	bash packaging/system-packages.sh binary
	$(PY) packaging/single_file/build.py

# Takes the newest versions that pyproject.toml allows; the file names no registry.
lock:
	$(BIN)/uv export --quiet --all-extras --group dev --no-emit-project --no-annotate --no-header -o requirements.lock
	rm -f uv.lock

clean:
	rm -rf .venv web/ui/node_modules web/ui/dist
