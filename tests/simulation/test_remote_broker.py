"""Order planes that die, freeze and take over from one another, and a broker behind a socket that outlives them all."""

import socket
import threading

import numpy as np
import pytest

from algotrade.bus import Faults, TopicReader
from algotrade.bus.codec import Schema, values_of
from algotrade.execution import JournalEntry, SimulatedBroker
from algotrade.execution.remote.venue import RemoteVenue
from algotrade.risk.marks import no_marks
from tests.simulation.test_planes import World, settings_of


@pytest.fixture
def venue():
    """Start a venue for a seed's settings; returns its address and the commands it takes, in order."""
    served = []

    def start(seed):
        settings, taken = settings_of(seed), []
        instruments = settings.universe()
        broker = SimulatedBroker(instruments, settings.venue, settings.commission, {}, no_marks(len(instruments)),
                                 settings.risk.working_orders_max)
        listener = socket.create_server(("127.0.0.1", 0))
        venue = RemoteVenue(broker, listener, lambda _client_id, command: taken.append(command))
        thread = threading.Thread(target=venue.serve)
        thread.start()
        served.append((venue, thread))
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}", taken

    yield start
    for venue, thread in served:
        venue.close()
        thread.join()


@pytest.mark.parametrize("seed", range(300, 325))
def test_the_broker_hears_each_command_once_whoever_leads(venue, seed):
    url, taken = venue(seed)
    world = World(seed, Faults(seed, duplicate=0.1, delay=0.3, drop=0.01), elects=True, broker=url)
    world.go_with_standbys(np.random.default_rng(seed), kill=0.01, freeze=0.01)

    assert world.reports() == world.expected()
    assert sum(world.bus.epochs.values()) > 2, "nobody took over from anybody"
    commands = [(command.action, command.order_id, command.request_id) for command in taken]
    assert commands == list(dict.fromkeys(journaled(world)))
    assert len(commands) > 10


def journaled(world):
    reader = TopicReader(world.bus.client(), "orders.journal", values_of(Schema.JOURNAL, JournalEntry), group="test")
    entries = []
    while received := reader.read(100):
        entries += [(one.value.action, one.value.order_id, one.value.request_id) for one in received]
    return entries
