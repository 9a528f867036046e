"""Programs that the tests of the local bus start as real processes, and kill (``processes.Actor``).

An actor tells its parent what it has done by lines on standard output, each written at once with one system call, so
that what the parent has read was true before the kill.
"""

import os
import sys

import msgspec

from algotrade.bus import (
    LocalBus,
    MarketCursor,
    MarketReader,
    MarketWriter,
    Outgoing,
    Snapshots,
    Superseded,
    Topic,
    TopicFull,
)
from algotrade.bus.topics import DATA_PLANE, STRATEGY_PLANE
from tests.bus.runs import Run, dice, market_topics
from tests.bus.worlds import SMALL, message

WAIT_S = 0.1


def tell(line):
    os.write(1, f"{line}\n".encode())


def number_of(value):
    return int(value.split(b".")[0] or 0)


def numbered(number, chance):
    return message(f"{number}.", size_bytes=chance.choice([40, 100, 300]))


def append(folder, topic, seed):
    """Append numbers for ever, going on from the log's end, and tell each after its append has returned."""
    bus, chance = LocalBus(folder, "alpha", ROOMY), dice(int(seed))
    number = bus.bounds(topic)[1]
    while True:
        count = chance.randint(1, 3)
        bus.append(topic, [numbered(number + i, chance) for i in range(count)])
        number += count
        tell(number)


def fold(folder, topic):
    """Read numbers, keep count and sum in snapshots as ``beta``, and tell each count; commit and snapshot often."""
    bus = LocalBus(folder, "beta", FOLDING)
    snapshots = Snapshots(bus, "snapshots.beta", "beta")
    body = snapshots.load()
    position, count, total = (0, 0, 0) if body is None else map(int, body.split())
    while True:
        found = bus.read(topic, position, messages_max=5)
        if not found:
            bus.wait(WAIT_S)
            continue
        position = found[-1].position + 1
        count += len(found)
        total += sum(number_of(m.value) for m in found)
        snapshots.save(f"{position} {count} {total}".encode(), {(topic, 0): position})
        tell(f"{position} {count} {total}")


def open_again(folder):
    """Make the bus anew for ever: what is killed here, is killed while it makes files."""
    while True:
        bus = LocalBus(folder, "alpha", SMALL)
        bus.promise("made", 1)
        bus.wait(0)
        bus.append("orders.dead", [message("x")])
        tell("opened")
        bus.close()
        LocalBus.remove(folder)


def publish(folder, seed, count, cut_seed):
    """Publish a run from its beginning, as a data plane without a snapshot does after every kill."""
    run, chance = Run(int(seed), int(count)), dice(int(cut_seed))
    bus = LocalBus(folder, DATA_PLANE, PUBLISHED)
    writer = MarketWriter(bus, records_max=50)
    for after, through in run.cuts(chance, 0, 200):
        while True:
            try:
                writer.publish(run.between(after, through), through=through, origin_time_ns=through)
                break
            except TopicFull:
                bus.wait(WAIT_S)
        tell(through)
    writer.finish()
    tell("finished")
    bus.close()


def handle(folder, cut_seed):
    """Handle a run as the strategy plane, keep a digest of everything in snapshots, and tell the digest at the end."""
    bus, chance = LocalBus(folder, STRATEGY_PLANE, PUBLISHED), dice(int(cut_seed))
    handler = Handler(Snapshots(bus, "snapshots.strategy-plane", STRATEGY_PLANE))
    reader = MarketReader(bus, group=STRATEGY_PLANE, cursor=handler.cursor, records_buffered_max=500)
    while not reader.ended:
        batch = reader.poll()
        if batch is None:
            handler.save(reader.cursor)
            bus.wait(WAIT_S)
            continue
        last = max(int(array["sequence"][-1]) for array in batch.arrays().values() if len(array))
        through = chance.randint(reader.cursor.sequence, last)
        handler.handle(batch, through)
        reader.consume(through)
        if chance.random() < 0.1:
            handler.save(reader.cursor)
        tell(through)
    tell(f"digest {handler.digest}")
    bus.close()


def lead(folder):
    """Lead and append until superseded."""
    bus = LocalBus(folder, "alpha", SMALL)
    lease = bus.lead("ticks")
    tell(f"epoch {lease.epoch}")
    try:
        while True:
            (position,) = bus.append("ticks", [Outgoing(b"k", str(lease.epoch).encode())], lease=lease)
            tell(position)
    except Superseded:
        tell("superseded")


def promise(folder, count):
    """Append a number and then promise it, as fast as it goes."""
    bus = LocalBus(folder, "alpha", ROOMY_TICKS)
    for number in range(int(count)):
        bus.append("ticks", [message(f"{number}.")])
        bus.promise("ticks/0", number)
    tell("done")
    bus.close()


def answer(folder, count):
    """Answer every order."""
    bus, position = LocalBus(folder, "beta", SMALL), 0
    bus.wait(0)
    tell("ready")
    while position < int(count):
        found = bus.read("orders", position, messages_max=10)
        if not found:
            bus.wait(10)
            continue
        position = found[-1].position + 1
        bus.append("answers", [Outgoing(b"k", m.value) for m in found])
        bus.commit("beta", {("orders", 0): position})
    bus.close()


def wait(folder):
    """Hang up a bell and wait for ever."""
    bus = LocalBus(folder, None, SMALL)
    bus.wait(0)
    tell("waiting")
    while True:
        bus.wait(WAIT_S)


class Handler:
    """Folds a run into a digest that depends on every record and their order, and on nothing else."""

    def __init__(self, snapshots):
        self._snapshots = snapshots
        body = snapshots.load()
        self.digest, self.cursor = 0, MarketCursor()
        if body is not None:
            self.digest, self.cursor = msgspec.msgpack.decode(body, type=tuple[int, MarketCursor])

    def handle(self, batch, through):
        self.digest = digested(self.digest, batch, through)

    def save(self, cursor):
        self._snapshots.save(msgspec.msgpack.encode((self.digest, cursor)), cursor.commits())


def digested(digest, batch, through):
    rows = sorted((int(row["sequence"]), int(kind), row.tobytes())
                  for kind, array in batch.arrays().items() for row in array if row["sequence"] <= through)
    for sequence, kind, data in rows:
        digest = hash((digest, sequence, kind, int.from_bytes(data[8:16], "little"))) & (2**63 - 1)
    return digest


def _folding():
    table = {name: msgspec.structs.replace(topic, readers=("beta",) if name == "orders" else topic.readers)
             for name, topic in SMALL.items()}
    for topic in (Topic(name="snapshots.beta", writer="beta", compacted=True, retention_bytes_max=10_000),
                  Topic(name="snapshots.beta.dead", writer="dead-letters")):
        table[topic.name] = topic
    return table


FOLDING = _folding()
ROOMY = {**SMALL, "orders": msgspec.structs.replace(SMALL["orders"], retention_bytes_max=10_000_000)}
ROOMY_TICKS = {**SMALL, "ticks": msgspec.structs.replace(SMALL["ticks"], retention_bytes_max=10_000_000)}
PUBLISHED = market_topics(partitions=2, retention_bytes_max=150_000)

if __name__ == "__main__":
    {"append": append, "fold": fold, "open_again": open_again, "publish": publish, "handle": handle, "lead": lead,
     "promise": promise, "answer": answer, "wait": wait}[sys.argv[1]](*sys.argv[2:])
