"""Every body against a model of forty lines, driven by hypothesis: random calls of two planes, restarts included."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from algotrade.bus import PROMISE_NONE, Outgoing, PositionGone, Superseded, TopicFull
from algotrade.bus.rules import partition_of
from tests.bus.worlds import SMALL, WORLDS

WRITERS = {"orders": "alpha", "ticks": "alpha", "wide": "alpha", "snapshots": "alpha", "answers": "beta"}
READERS = ("alpha", "beta", "gamma")
LOGS = [(t, p) for t in WRITERS for p in range(SMALL[t].partitions)]

messages = st.lists(st.builds(Outgoing, st.binary(max_size=3), st.binary(max_size=400)), max_size=5)


class Model:
    def __init__(self):
        self.logs = {log: [] for log in LOGS}  # every message ever appended
        self.oldest = dict.fromkeys(LOGS, 0)
        self.commits = {(r, *log): 0 for r in READERS for log in LOGS}
        self.promises = {}
        self.epochs = {}

    def kept_bytes(self, log, oldest):
        return sum(len(m.key) + len(m.value) + 32 for m in self.logs[log][oldest:])

    def append(self, topic, sent):
        """Return positions, or None when the topic is full."""
        row = SMALL[topic]
        before = {log: list(self.logs[log]) for log in LOGS}, dict(self.oldest)
        positions = []
        for one in sent:
            log = topic, partition_of(row, one.key)
            positions.append(len(self.logs[log]))
            self.logs[log].append(one)
        for log in [log for log in LOGS if log[0] == topic]:
            limit = min((self.commits[r, *log] for r in row.readers), default=len(before[0][log]))
            while self.kept_bytes(log, self.oldest[log]) > row.retention_bytes_max // row.partitions:
                if self.oldest[log] >= min(limit, len(before[0][log])):
                    self.logs, self.oldest = before
                    return None
                self.oldest[log] += 1
        return positions


class BusAgainstModel(RuleBasedStateMachine):
    make_world = None

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.world = type(self).make_world()
        self.leases = []

    @initialize()
    def start(self):
        self.buses = {name: self.world.open(name) for name in READERS}

    def teardown(self):
        self.world.close()

    @rule(topic=st.sampled_from(sorted(WRITERS)), sent=messages)
    def append(self, topic, sent):
        expected = self.model.append(topic, sent)
        bus = self.buses[WRITERS[topic]]
        if expected is None:
            with pytest.raises(TopicFull):
                bus.append(topic, sent)
        else:
            assert bus.append(topic, sent) == expected

    @rule(log=st.sampled_from(LOGS), reader=st.sampled_from(READERS), back=st.integers(-2, 8), many=st.integers(1, 9))
    def read(self, log, reader, back, many):
        bus = self.buses[reader]
        kept = self.model.logs[log]
        position = min(max(0, len(kept) - back), len(kept))
        if position < self.model.oldest[log]:
            with pytest.raises(PositionGone):
                bus.read(log[0], position, messages_max=many, partition=log[1])
            return
        found = bus.read(log[0], position, messages_max=many, partition=log[1])
        assert [(m.key, m.value) for m in found] == [(m.key, m.value) for m in kept[position:position + many]]
        assert [m.position for m in found] == list(range(position, position + len(found)))

    @rule(log=st.sampled_from(LOGS), reader=st.sampled_from(READERS), back=st.integers(0, 4))
    def commit(self, log, reader, back):
        position = max(0, len(self.model.logs[log]) - back)
        self.buses[reader].commit(reader, {log: position})
        self.model.commits[reader, *log] = max(position, self.model.commits[reader, *log])

    @rule(back=st.integers(0, 4))
    def trim(self, back):
        log = "snapshots", 0
        below = max(0, len(self.model.logs[log]) - back)
        self.buses["alpha"].trim("snapshots", below)
        self.model.oldest[log] = max(self.model.oldest[log], below)

    @rule(name=st.sampled_from("xyz"), by=st.integers(0, 100))
    def promise(self, name, by):
        value = self.model.promises.get(name, PROMISE_NONE) + by
        self.buses["alpha"].promise(name, value)
        self.model.promises[name] = value

    @rule()
    def lead(self):
        self.leases.append(self.buses["alpha"].lead("orders"))

    @rule(sent=messages.filter(bool), age=st.integers(0, 2))
    def append_with_lease(self, sent, age):
        if age >= len(self.leases):
            return
        lease = self.leases[-1 - age]
        if age:
            with pytest.raises(Superseded):
                self.buses["alpha"].append("orders", sent, lease=lease)
            return
        expected = self.model.append("orders", sent)
        if expected is not None:
            assert self.buses["alpha"].append("orders", sent, lease=lease) == expected

    @rule(name=st.sampled_from(READERS))
    def restart(self, name):
        self.buses[name].close()
        self.buses[name] = self.world.open(name)

    @invariant()
    def everybody_sees_the_same(self):
        for name, bus in getattr(self, "buses", {}).items():
            for log in LOGS:
                assert bus.bounds(*log) == (self.model.oldest[log], len(self.model.logs[log])), (name, log)
                assert bus.committed("beta", *log) == self.model.commits["beta", *log]
            for promise, value in self.model.promises.items():
                assert bus.promised(promise) == value


@pytest.mark.parametrize("body", WORLDS)
def test_a_body_does_what_the_model_does(body):
    machine = type("Machine", (BusAgainstModel,), {"make_world": WORLDS[body]})
    run_state_machine_as_test(machine, settings=settings(
        max_examples=100 if body == "memory" else 40, stateful_step_count=40, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck)))
