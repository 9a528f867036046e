"""When a client of Kafka's counts as lost, by what it tells of itself."""

import json

from hypothesis import given
from hypothesis import strategies as st

from algotrade.bus.kafka.client.lifeline import LOST_S, Lifeline
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, SimulatedClock

UP = {"127.0.0.1:1/1": {"state": "UP", "source": "learned"}}
TOLD = {
    "none": {},
    "ends": {"127.0.0.1:1/1": {"state": "INIT", "source": "learned"}},
    "tries": {"127.0.0.1:1/bootstrap": {"state": "TRY_CONNECT", "source": "configured"}},
    "coordinator": {"GroupCoordinator": {"state": "UP", "source": "logical"}},
    "inside": {":0/internal": {"state": "UP", "source": "internal"}},
}


def told(brokers):
    return json.dumps({"name": "algotrade#consumer-1", "ts": 7, "brokers": brokers, "topics": {}})


@given(st.lists(st.tuples(st.sampled_from(["up", *TOLD]), st.integers(0, 12)), max_size=30))
def test_a_client_is_given_up_once_it_has_told_for_long_that_it_has_no_connection(steps):
    clock = SimulatedClock()
    lifeline = Lifeline(clock)
    cut_s = None  # since when
    for name, seconds in steps:
        lifeline.take(told(UP | TOLD["coordinator"] if name == "up" else TOLD[name]))
        now_s = clock.monotonic_ns() // NANOSECONDS_PER_SECOND
        cut_s = None if name == "up" else now_s if cut_s is None else cut_s
        clock.advance_to(clock.time_ns() + seconds * NANOSECONDS_PER_SECOND)
        is_over = cut_s is not None and now_s + seconds - cut_s >= LOST_S
        assert lifeline.gives_up() == is_over
        if is_over:
            cut_s = None
            assert not lifeline.gives_up(), "of the next client nothing is known yet"


def test_a_client_that_tells_nothing_is_not_given_up():
    clock = SimulatedClock()
    lifeline = Lifeline(clock)
    lifeline.take(told(UP))
    clock.advance_to(3_600 * NANOSECONDS_PER_SECOND)
    assert not lifeline.gives_up()
