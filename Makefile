# make demo    the whole daemon against a trapper in the same process, on this host's real sockets
# make test    everything; on Debian 12 as root with real Zabbix servers, which it installs
# make test-unit    the tests of each package, in a minute; no root, no server
# make test-versions    the same on Python 3.9 to 3.14; half an hour
# make zabbix  a private Zabbix server with this host in it and the daemon running; zabbix-down ends it
# make soak    three minutes of outages, kills and refusals against a real server, then the sum: lost 0, doubled 0
# make calm    two hours of ordinary life, with two real servers: not one problem
# make fuzz    a million mutated inputs for each reader and parser; half an hour or more
# make mutants changes one operator or constant at a time in the core modules; their tests have to notice it
# make bench   one sample by tcpwatchd and by its peers, on half a million sockets; as root, 25 minutes
# make pictures  the pictures in docs/pictures, of real Zabbix servers with simulated hosts; needs chromium
# make deb     a Debian package, with what it needs inside, in dist/
# make rpm     an RPM package, the same way; needs rpmbuild (Debian: apt install rpm)
# make pyz     the whole program in one file, to look at a host without an installation
# make packages  all of these, the wheel and their sums; two builds of one commit are the same bytes
# make lint    ruff and mypy, strict
PYTHON ?= python3
DEMO_SECONDS ?= 20
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-unit test-versions mutants soak calm fuzz bench pictures deb rpm pyz packages lint zabbix zabbix-down generated clean

demo: $(VENV)/installed
	@$(BIN)/tcpwatchd demo --seconds $(DEMO_SECONDS)

test: $(VENV)/installed-psk
	@$(BIN)/python -m tests.lab.zabbix_stand install
	$(BIN)/python -m tests

test-unit: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -n auto tests/unit

test-versions: $(VENV)/installed-test
	@$(BIN)/python -m tests.versions

soak: $(VENV)/installed
	@$(BIN)/python -m tests.soak $(SOAK_SEED)

calm: $(VENV)/installed-test
	@$(BIN)/python -m tests.calm

fuzz: $(VENV)/installed-test
	@$(BIN)/python -m tests.fuzz

bench: $(VENV)/installed-bench
	@$(BIN)/python -m bench

mutants: $(VENV)/installed-test
	@$(BIN)/python -m tests.mutants

pictures: $(VENV)/installed-bench
	@$(BIN)/python -m tests.pictures

deb: $(VENV)/installed
	@$(BIN)/python -m release.deb

rpm: $(VENV)/installed
	@$(BIN)/python -m release.rpm

pyz: $(VENV)/installed
	@$(BIN)/python -m release.pyz

packages: $(VENV)/installed
	@$(BIN)/python -m release

lint: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

zabbix: $(VENV)/installed
	@$(BIN)/python -m tests.lab.zabbix_stand up

zabbix-down: $(VENV)/installed
	@$(BIN)/python -m tests.lab.zabbix_stand down

generated: $(VENV)/installed
	$(BIN)/python -m tests.generated

$(VENV)/installed: setup.cfg pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint,deploy]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

# Compiled before Python 3.13: so Debian's packages come first, and without a compiler the tests say what they skip.
$(VENV)/installed-psk: $(VENV)/installed-test
	@$(BIN)/python -m tests.lab.zabbix_stand install
	@if $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[psk]'; then touch $@; \
	else echo "tcpwatchd[psk] cannot be built here: tests that need it will be skipped."; test -z "$$CI"; fi

# Debian keeps venv in a package of its own.
$(BIN)/pip:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	    apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv; } || { \
	    echo "Python's venv module is missing: apt install python3-venv, or set PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
