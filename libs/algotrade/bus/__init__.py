"""The durable log between the planes: one delivery contract (``port``), and its bodies."""

from algotrade.bus.codec import Frame, Schema, Undecodable, decode, encode, encode_records, encode_value, values_of
from algotrade.bus.dead_letters import DeadLetter
from algotrade.bus.leadership import Leadership
from algotrade.bus.local import LocalBus
from algotrade.bus.market import LogPosition, MarketWriter
from algotrade.bus.market_reader import MarketCursor, MarketReader
from algotrade.bus.memory import Faults, MemoryBus
from algotrade.bus.opening import BusPlace, KafkaPlace, LocalPlace, bus_at, open_bus
from algotrade.bus.output import RepeatingOutput, flush_together
from algotrade.bus.port import (
    PROMISE_END,
    PROMISE_NONE,
    Bus,
    BusError,
    BusForbidden,
    BusUnreachable,
    DiskFull,
    FormatUnsupported,
    Lease,
    LogHole,
    LogShortened,
    Message,
    Outgoing,
    PositionGone,
    Superseded,
    TopicFull,
    TopicUnknown,
)
from algotrade.bus.reader import Received, TopicReader
from algotrade.bus.snapshots import Snapshots
from algotrade.bus.topics import PLANES, TOPICS, Topic

__all__ = [
    "PLANES",
    "PROMISE_END",
    "PROMISE_NONE",
    "TOPICS",
    "Bus",
    "BusError",
    "BusForbidden",
    "BusPlace",
    "BusUnreachable",
    "DeadLetter",
    "DiskFull",
    "Faults",
    "FormatUnsupported",
    "Frame",
    "KafkaPlace",
    "Leadership",
    "Lease",
    "LocalBus",
    "LocalPlace",
    "LogHole",
    "LogPosition",
    "LogShortened",
    "MarketCursor",
    "MarketReader",
    "MarketWriter",
    "MemoryBus",
    "Message",
    "Outgoing",
    "PositionGone",
    "Received",
    "RepeatingOutput",
    "Schema",
    "Snapshots",
    "Superseded",
    "Topic",
    "TopicFull",
    "TopicReader",
    "TopicUnknown",
    "Undecodable",
    "bus_at",
    "decode",
    "encode",
    "encode_records",
    "encode_value",
    "flush_together",
    "open_bus",
    "values_of",
]
