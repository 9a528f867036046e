# Two commands do all the set-up: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= out/demo
DRILLS ?= 25
KAFKA_DRILLS ?= 3
FRAMES ?= 1000000
SEED ?= 1
KAFKA_TESTS = TEST_KAFKA=1 TORTURE_DRILLS=$(KAFKA_DRILLS) $(BIN)/python -m pytest
KAFKA_KILLS := tests/kafka/test_kills.py
KAFKA_LEADERS := $(addprefix tests/kafka/,test_fills.py test_takeover.py test_shards.py)

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-ib test torture kafka kafka-demo test-kafka test-kafka-kills test-kafka-leaders test-kafka-bus torture-kafka fuzz-wire bench package lint docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## create .venv from the hash-locked requirements

# --require-hashes: what is installed is byte for byte what requirements.lock names, or nothing.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"make: $(PYTHON) is Python {v[0]}.{v[1]}; allowed: 3.11 to 3.13 (make PYTHON=python3.12 ...)")'
	@echo "Creating $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test: $(READY) ## run the tests on all cores (ARGS='-k word' narrows)
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: $(READY) ## style, types and the repository's own rules
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/repo

torture: $(READY) ## kill -9 each plane at DRILLS seeded moments, go on, compare the files (15 minutes)
	TORTURE_DRILLS=$(DRILLS) $(BIN)/python -m pytest tests/torture

kafka: $(READY) ## a real Apache Kafka here, one broker (Java 17 and Maven, or podman or docker), until Ctrl-C
	$(BIN)/python -m tools.kafka

kafka-demo: $(READY) ## the demo over a Kafka of its own
	$(BIN)/python -m tools.kafka -- $(BIN)/algotrade demo --out $(OUT) \
	  $(foreach file,$(DATA),--data $(file)) $(ARGS)

test-kafka: $(READY) ## the bus contract, the demo's fills, kills and take-overs over a real broker (10 minutes)
ifdef ARGS
	$(KAFKA_TESTS) tests/kafka $(ARGS)
else
	@$(MAKE) --no-print-directory --jobs=3 test-kafka-kills test-kafka-leaders test-kafka-bus
endif

# Much of each is waiting for real time to pass: side by side they take little more than the longest one.
# Kills of the order plane are with the leaders, so that the three take about as long.
test-kafka-kills: $(READY)
	$(KAFKA_TESTS) $(KAFKA_KILLS) -k "not order-plane"

test-kafka-leaders: $(READY)
	$(KAFKA_TESTS) $(KAFKA_LEADERS) $(KAFKA_KILLS) -k "not test_kills or order-plane"

test-kafka-bus: $(READY)
	$(KAFKA_TESTS) tests/kafka $(addprefix --ignore=,$(KAFKA_KILLS) $(KAFKA_LEADERS))

torture-kafka: $(READY) ## the same with DRILLS kills per plane, 50 take-overs, brokers that fail, a million messages of lag (2 hours)
	TEST_KAFKA=1 KAFKA_CHAOS=1 TAKEOVERS=$(DRILLS) TORTURE_DRILLS=$(DRILLS) $(BIN)/python -m pytest tests/kafka $(ARGS)

fuzz-wire: $(READY) ## a million mutated frames through the IBKR wire codec (2 minutes; FRAMES=n, SEED=n)
	WIRE_FUZZ_FRAMES=$(FRAMES) WIRE_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -q tests/ibkr/wire/test_fuzz.py

bench: $(READY) ## measure, and print tables with medians beside what is asked (15 minutes, quiet machine)
	$(BIN)/python -m tests.benchmarks.micro
	$(BIN)/python -m tests.benchmarks.replay
	$(BIN)/python -m tests.benchmarks.gateway
	$(BIN)/python -m tests.benchmarks.ibkr
	$(BIN)/python -m tests.benchmarks.kafka
	$(BIN)/python -m tests.benchmarks.scaling
	$(BIN)/python -m tests.benchmarks.wire
	$(BIN)/python -m tests.benchmarks.signals

package: $(READY) ## a PEX per plane (Pants) and the wheel, in dist/, built and tried out
	rm -f dist/algotrade-*.whl
	tools/pants package runners/algotrade_runners::
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	PACKAGES_BUILT=1 $(BIN)/python -m pytest -q tests/packages

docs: $(READY) ## write the parts of docs/ that are drawn from the code
	$(BIN)/python -m tools.docs

demo: $(READY) ## a day of paper trading on real prices (DATA='file ...' OUT=dir)
	$(BIN)/algotrade demo --out $(OUT) $(foreach file,$(DATA),--data $(file)) $(ARGS)

demo-ib: $(READY) ## the planes in real time against a simulated IB Gateway; IBKR_HOST=... a real one, on paper (90 seconds)
	$(BIN)/algotrade demo --broker ibkr --out $(OUT)-ib $(foreach file,$(DATA),--data $(file)) $(ARGS)

lock: ## resolve pyproject.toml into requirements.lock, for every Python and system at once
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet "uv>=0.9"; }
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-header \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean: ## remove what make made
	rm -rf $(VENV) dist out .hypothesis .mypy_cache .pytest_cache .ruff_cache
