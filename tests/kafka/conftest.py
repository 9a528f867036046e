"""Real Kafka for the tests of this folder, started and stopped by the run. ``make test-kafka`` asks for it."""

import os
import statistics
from itertools import count
from pathlib import Path

import pytest

from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from tests.bus.worlds import SMALL
from tests.kafka.figures import FIGURES
from tests.kafka.users import PASSWORDS, PROPERTIES, scram
from tools.kafka.cluster import missing_tools, running


def pytest_collection_modifyitems(items):
    reason = None
    if os.environ.get("TEST_KAFKA") != "1":
        reason = "starts real brokers: make test-kafka"
    elif missing := missing_tools():
        reason = f"{' and '.join(missing)} not found"
    if reason:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def broker():
    """One broker, for all tests that do not hurt it."""
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def broker_with_users():
    """One broker that knows the users of ``users.py`` and lets none but the administrator do a thing."""
    with running(admin_settings=scram("admin").settings, security="SASL_PLAINTEXT", properties=PROPERTIES,
                 scram=PASSWORDS) as cluster:
        yield cluster


RUNS = count(1)


def pytest_terminal_summary(terminalreporter):
    for what, values in FIGURES.items():
        terminalreporter.write_line(
            f"{what}: {len(values)} times, median {statistics.median(values):.1f}, most {max(values):.1f}")


class KafkaWorld:
    """A run of its own on a cluster."""

    def __init__(self, servers, topics=SMALL):
        self.topics = topics
        self.address = KafkaAddress.parse(f"kafka://{servers}/run{next(RUNS)}", {})
        create_topics(self.address, KafkaAccess(), topics)
        self.opened = []

    def open(self, writer):
        bus = KafkaBus(self.address, KafkaAccess(), writer, self.topics)
        self.opened.append(bus)
        return bus

    def close(self):
        for bus in self.opened:
            bus.close()


@pytest.fixture
def world(broker):
    made = KafkaWorld(broker.address)
    yield made
    made.close()
