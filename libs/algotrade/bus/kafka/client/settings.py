"""How clients of Kafka are configured: what all of them have in common, and how long each may wait."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from algotrade.bus.kafka.access import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.msk import token_callback
from algotrade.bus.port import BusError

_Client = TypeVar("_Client", Producer, Consumer, AdminClient)

REQUEST_S_MAX = 30.0
"""Longest wait for an answer of the cluster that a caller needs at once; behind it the cluster counts as gone."""

DELIVERY_S_MAX = 60.0
"""Longest time an append may take; a cluster that restarts, or loses a broker, is back before."""

LOOK_S_MAX = 2.0
"""Longest single attempt to learn what a cluster has, or to have it do something; then it is asked again."""

SETTLE_S_MAX = 5.0
"""How long a topic may be unknown before it counts as missing."""

SESSION_S_MAX = 6.0
"""A member of a group that was not heard of for so long is gone; the least that brokers allow by default."""

LEISURE_BYTES = 64 << 10
"""Who is in no hurry asks for so much, or for what has come in 20 ms: each answer costs the broker some 0.2 ms."""

POLL_S = 0.05
RECORD_BYTES_MAX = 17 << 20
PREFETCH_KIB_MAX = 16 << 10
CONSUME_MAX = 512

_SILENCE = logging.getLogger("algotrade.bus.kafka")
_SILENCE.addHandler(logging.NullHandler())
_SILENCE.propagate = False

_COMMON: dict[str, Any] = {
    "client.id": "algotrade",
    # What happens is told by our own errors and metrics; librdkafka's lines would go to standard error past the log.
    # Fatal ones do at any level, unless they are handed to somebody.
    "log_level": 0, "logger": _SILENCE,
    "socket.keepalive.enable": True,
    # A connection whose other end is gone without a word shows only in an answer that does not come: it is given up so
    # long after the question that another one can have answered before ``REQUEST_S_MAX``, even if that is cut as well.
    "socket.timeout.ms": 8_000, "socket.connection.setup.timeout.ms": 4_000,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    # A broker that died is named as a leader until the cluster has missed it; who asks before that asks again only now.
    "topic.metadata.refresh.interval.ms": 2_000,
    "metadata.max.age.ms": 30_000,
}


def client_of(make: Callable[[dict[str, Any]], _Client], address: KafkaAddress, access: KafkaAccess,
            settings: Mapping[str, Any]) -> _Client:
    """Return a client of Kafka's; raises ``BusError`` for what it does not take, such as no certificate in a file."""
    token = {"oauth_cb": token_callback(access.msk_region)} if access.msk_region else {}
    try:
        return make({**_COMMON, **access.settings, **token, "bootstrap.servers": ",".join(address.servers), **settings})
    except KafkaException as error:
        raise BusError(f"{address}: {error.args[0].str()}; the KAFKA_* variables say who we are") from error
