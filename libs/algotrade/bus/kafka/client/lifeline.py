"""Tells when a client has lost its cluster for good, so that it is made anew.

A cluster whose only broker has stood still (a laptop that slept) names no broker at all for a moment after it wakes.
A client that asks just then gives up the one broker that it knew, and librdkafka 2.16 does not always begin again with
``bootstrap.servers``: such a client waits for ever, and says nothing. Its statistics show that it has no connection.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka import Consumer, KafkaException

from algotrade.bus.kafka.client.errors import CUT_OFF
from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock, SystemClock
from algotrade.telemetry import get_log

LOST_S = 8.0
"""A client that has had no connection for so long is made anew: if it only waits for its cluster, nothing is lost."""

_TELL_MS = 1_000
_OF_BROKERS = {"learned", "configured"}
"""Sources of a connection that says something: coordinators have one of their own beside their broker's."""


class _Broker(msgspec.Struct):
    state: str
    source: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker] = {}


_STATISTICS = msgspec.json.Decoder(_Statistics)


class Lifeline:
    """Whether a client has a connection, as far as is known.

    ``settings``  for clients that are polled all the time: such a one tells its state once a second. Of others what
                  they tell would pile up, so they are known by their answers alone (``asking``)
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._cut_ns: int | None = None
        self.settings = {"statistics.interval.ms": _TELL_MS, "stats_cb": self.take}

    def take(self, statistics: str) -> None:
        """Hear the client's statistics, JSON as librdkafka writes it."""
        brokers = _STATISTICS.decode(statistics).brokers.values()
        self._note(is_up=any(one.state == "UP" for one in brokers if one.source in _OF_BROKERS))

    def _note(self, *, is_up: bool) -> None:
        """Hear whether the client has a connection."""
        if is_up:
            self._cut_ns = None
        elif self._cut_ns is None:
            self._cut_ns = self._clock.monotonic_ns()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Hear from the call in the block, which raises ``KafkaException`` where it is not answered."""
        try:
            yield
        except KafkaException as error:
            self._note(is_up=error.args[0].code() not in CUT_OFF)
            raise
        self._note(is_up=True)

    def gives_up(self) -> bool:
        """Tell whether the client has had no connection for ``LOST_S``. Then this is about the next one."""
        now_ns = self._clock.monotonic_ns()
        if self._cut_ns is None or now_ns - self._cut_ns < int(LOST_S * NANOSECONDS_PER_SECOND):
            return False
        self._cut_ns = None
        get_log().warning("client_made_anew", without_connection_s=LOST_S)
        return True


def closed_beside(client: Consumer) -> None:
    """Close a client that was given up, and do not wait: it may never end."""
    threading.Thread(target=client.close, name="close", daemon=True).start()
