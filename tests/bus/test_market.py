"""What the market writer was given is what the reader hands out, whatever the bus, the cuts and the restarts do."""

import numpy as np
import pytest

from algotrade.bus import (
    PROMISE_END,
    BusError,
    Faults,
    LogPosition,
    LogShortened,
    MarketCursor,
    MarketReader,
    MarketWriter,
    MemoryBus,
    Outgoing,
    PositionGone,
    Schema,
    TopicFull,
    TopicReader,
    encode,
    encode_records,
)
from algotrade.bus.codec import decode, decode_records, replayed, values_of
from algotrade.bus.dead_letters import DeadLetter
from algotrade.bus.market import MARKET_TOPICS, Lane, market_lanes, promise_name
from algotrade.bus.topics import (
    DATA_PLANE,
    MARKET_QUARANTINE,
    MARKET_QUOTES,
    MARKET_TRADES,
    ORDER_PLANE,
    STRATEGY_PLANE,
)
from algotrade.domain import LAYOUTS, Kind, MarketBatch
from tests.bus.runs import Run, dice, market_topics, rows_to, same
from tests.bus.worlds import LocalWorld


class DataPlane:
    """Publishes a run; is killed now and then, and repeats from an older place with other cuts."""

    def __init__(self, open_bus, run, chance, records_max):
        self.open_bus, self.run, self.chance, self.records_max = open_bus, run, chance, records_max
        self.saved = 0
        self.finished = False
        self.start()

    def start(self):
        self.writer = MarketWriter(self.open_bus(DATA_PLANE), records_max=self.records_max)
        self.cuts = self.run.cuts(self.chance, self.saved, widest=60)
        self.unsent = None

    def step(self):
        if self.chance.random() < 0.03:
            self.start()
        if self.unsent is None:
            self.unsent = next(self.cuts, None)
        try:
            if self.unsent is None:
                self.writer.finish()
                self.finished = True
                return
            after, through = self.unsent
            self.writer.publish(self.run.between(after, through), through=through, origin_time_ns=through)
        except TopicFull:
            return
        except BusError:
            # Whether it was kept is unknown: once more, or as a new process.
            if self.chance.random() < 0.3:
                self.start()
            return
        if self.chance.random() < 0.2:
            self.saved = through
        self.unsent = None


class Reader:
    """Handles the run in pieces of its own choice, checks each piece against the oracle, and restarts now and then."""

    def __init__(self, open_bus, run, chance, group, buffered_max):
        self.open_bus, self.run, self.chance, self.group = open_bus, run, chance, group
        self.buffered_max = buffered_max
        self.saved = MarketCursor()
        self.previous = MarketCursor()
        self.start()

    def start(self):
        self.bus = self.open_bus(self.group)
        self.reader = MarketReader(
            self.bus, group=self.group, cursor=self.saved, records_buffered_max=self.buffered_max)

    def step(self):
        if self.chance.random() < 0.03:
            self.start()
        batch = self.reader.poll()
        if batch is None:
            self.save()
            return
        assert same(batch, self.reader.available())
        last = max(int(a["sequence"][-1]) for a in batch.arrays().values() if len(a))
        through = last if self.chance.random() < 0.6 else self.chance.randint(self.reader.cursor.sequence, last)
        assert 0 < self.reader.origin_time_ns <= self.run.end
        assert same(rows_to(batch, through), self.run.between(self.reader.cursor.sequence, through))
        self.reader.consume(through)
        if self.chance.random() < 0.1:
            self.save()

    def save(self):
        # The positions of the snapshot before this one, as Snapshots commits them.
        self.bus.commit(self.group, self.previous.commits())
        self.previous, self.saved = self.saved, self.reader.cursor


def exchange(open_bus, seed, *, count, buffered_max=200, records_max=17):
    """Run one data plane and two readers over a bus until both readers are through."""
    chance = dice(seed)
    run = Run(seed, count)
    data = DataPlane(open_bus, run, chance, records_max)
    readers = [Reader(open_bus, run, chance, group, buffered_max) for group in (STRATEGY_PLANE, ORDER_PLANE)]
    for _ in range(100_000):
        if data.finished and all(reader.reader.ended for reader in readers):
            break
        chance.choice([data, *readers]).step()
    else:
        raise AssertionError(f"seed {seed} does not come to its end")
    for reader in readers:
        assert reader.reader.cursor.sequence <= run.end
        assert same(run.between(reader.reader.cursor.sequence, run.end), MarketBatch.of({}))


@pytest.mark.parametrize("seed", range(60))
def test_the_merged_run_comes_back_over_a_faulty_bus(seed):
    chance = dice(seed)
    topics = market_topics({kind: chance.randint(1, 3) for kind in Kind})
    faults = Faults(seed, duplicate=chance.choice([0, 0.1, 0.5]), delay=chance.choice([0, 0.5, 0.9]),
                    drop=chance.choice([0, 0.2]))
    exchange(MemoryBus(topics, faults=faults).client, seed, count=600)


@pytest.mark.parametrize("seed", range(3))
def test_the_merged_run_comes_back_over_the_local_bus(seed):
    world = LocalWorld(market_topics({Kind.QUOTE: 2, Kind.TRADE: 1, Kind.BAR: 3}))
    exchange(world.open, seed, count=400)
    world.close()


@pytest.mark.parametrize("seed", range(10))
def test_small_bounds_make_the_writer_wait_but_never_for_ever(seed):
    """Retention of a few messages, a buffer of a few records: the slowest reader sets the pace, nobody deadlocks."""
    exchange(MemoryBus(market_topics(retention_bytes_max=30_000)).client, seed, count=1_500, buffered_max=20)


def open_pair(topics=None):
    shared = MemoryBus(topics or market_topics())
    return shared.client(DATA_PLANE), shared.client(STRATEGY_PLANE)


def only(kind, sequences):
    array = np.zeros(len(sequences), dtype=LAYOUTS[kind])
    array["sequence"] = sequences
    return MarketBatch.of({kind: array})


def quotes(*sequences):
    return only(Kind.QUOTE, sequences)


def trades(*sequences):
    return only(Kind.TRADE, sequences)


def handle_all(reader):
    """Consume what there is, and return its sequences in the order they were handed out."""
    seen = []
    while (batch := reader.poll()) is not None:
        seen += sequences(batch)
        reader.consume(seen[-1])
    return seen


def sequences(batch):
    return sorted(int(s) for array in batch.arrays().values() for s in array["sequence"])


def test_nothing_is_handed_out_that_another_partition_might_precede():
    data, strategy = open_pair()
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    data.append(MARKET_QUOTES, [Outgoing(b"0", encode_records(Kind.QUOTE, quotes(1, 2, 5).quotes))])

    assert reader.poll() is None
    assert not len(reader.available())
    data.promise(promise_name(MARKET_TRADES, 0), 2)
    data.promise(promise_name("market.bars", 0), 4)
    assert sequences(reader.poll()) == [1, 2]
    assert reader.frontier == 2
    writer.publish(trades(3, 4), through=4)
    assert sequences(reader.poll()) == [1, 2]  # handled first; only then it reads on
    reader.consume(2)
    assert sequences(reader.poll()) == [3, 4]


def test_idle_partitions_are_promised_too_and_the_end_ends():
    data, strategy = open_pair(market_topics(3))
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    writer.publish(quotes(1, 2), through=7)

    assert {strategy.promised(lane.promise) for lane in market_lanes(data)} == {7}
    assert sequences(reader.poll()) == [1, 2]
    reader.consume(2)
    assert reader.poll() is None
    assert reader.frontier == 7
    assert not reader.ended
    writer.finish()
    assert not reader.ended
    assert reader.poll() is None
    assert reader.frontier == PROMISE_END
    assert reader.ended


def test_a_consumer_may_stop_in_the_middle_of_a_batch_and_a_message():
    data, strategy = open_pair()
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    writer.publish(quotes(1, 2, 3))
    writer.publish(quotes(4, 5))
    assert sequences(reader.poll()) == [1, 2, 3, 4, 5]

    reader.consume(2)
    assert sequences(reader.available()) == [3, 4, 5]
    assert reader.cursor.sequence == 2
    assert reader.cursor.commits()[MARKET_QUOTES, 0] == 0
    again = MarketReader(strategy, group=STRATEGY_PLANE, cursor=reader.cursor)
    assert sequences(again.poll()) == [3, 4, 5]
    assert again.repeated == 2

    reader.consume(3)
    assert reader.cursor.commits()[MARKET_QUOTES, 0] == 1
    with pytest.raises(AssertionError, match="consumed 6"):
        reader.consume(6)
    with pytest.raises(AssertionError, match="consumed 2"):
        reader.consume(2)


def test_a_poll_that_finds_nothing_has_looked_at_everything():
    """The caller is going to sleep then, and the bell for what is there has been rung already."""
    data, strategy = open_pair()
    writer = MarketWriter(data, records_max=1)
    writer.publish(quotes(*range(1, 102)))

    reader = MarketReader(strategy, group=STRATEGY_PLANE, cursor=MarketCursor(sequence=100))
    assert sequences(reader.poll()) == [101]
    assert reader.repeated == 100


def test_a_topic_that_is_far_ahead_does_not_stop_the_one_behind():
    data, strategy = open_pair()
    reader = MarketReader(strategy, group=STRATEGY_PLANE, records_buffered_max=10)
    writer = MarketWriter(data, records_max=5)
    for first in range(1, 1_000, 5):
        five = quotes(*range(first, first + 5)).quotes
        data.append(MARKET_QUOTES, [Outgoing(b"0", encode_records(Kind.QUOTE, five))])
    assert reader.poll() is None
    assert sum(lane.buffered for lane in reader._lanes) <= 10 + 16 * 5

    data.append(MARKET_TRADES, [Outgoing(b"0", encode_records(Kind.TRADE, trades(2_000).trades))])
    data.promise(promise_name("market.bars", 0), 2_000)
    assert handle_all(reader) == list(range(1, 1_001))
    assert writer.last_sequences[Lane(Kind.QUOTE, 0)] == 0


def test_a_restarted_writer_publishes_nothing_twice():
    data, strategy = open_pair()
    MarketWriter(data).publish(Run(3, 300).between(0, 400))
    before = {topic: data.bounds(topic)[1] for topic in MARKET_TOPICS.values()}

    data = data._shared.client(DATA_PLANE)
    again = MarketWriter(data)
    again.publish(Run(3, 300).between(0, 350))
    assert {topic: data.bounds(topic)[1] for topic in MARKET_TOPICS.values()} == before
    assert again.repeated == len(Run(3, 300).between(0, 350))
    again.publish(Run(3, 300).between(350, 10_000))
    again.finish()
    reader = MarketReader(strategy, group=STRATEGY_PLANE)
    assert handle_all(reader) == sequences(Run(3, 300).between(0, 10_000))


def test_a_restarted_writer_looks_past_damage_for_the_last_sequence():
    data, _ = open_pair()
    MarketWriter(data).publish(quotes(1, 2))
    data.append(MARKET_QUOTES, [Outgoing(b"0", b"damage")])

    again = MarketWriter(data)
    assert again.last_sequences[Lane(Kind.QUOTE, 0)] == 2


def test_a_batch_cut_short_by_a_full_topic_is_published_by_the_same_call_again():
    data, strategy = open_pair(market_topics(retention_bytes_max=2_000))
    order = data._shared.client(ORDER_PLANE)
    writer, reader = MarketWriter(data, records_max=10), MarketReader(strategy, group=STRATEGY_PLANE)
    with pytest.raises(BusError, match="allowed: 2000"):
        MarketWriter(data).publish(quotes(*range(1, 61)))
    writer.publish(quotes(*range(1, 21)))
    two_kinds = MarketBatch.of({Kind.QUOTE: quotes(*range(21, 41)).quotes, Kind.TRADE: trades(41).trades})
    for _ in range(3):
        with pytest.raises(TopicFull):
            writer.publish(two_kinds)
    assert handle_all(reader) == list(range(1, 21))

    for bus in (strategy, order):
        bus.commit(STRATEGY_PLANE if bus is strategy else ORDER_PLANE, reader.cursor.commits())
    writer.publish(two_kinds)
    assert writer.repeated == 0
    assert handle_all(reader) == list(range(21, 42))


def test_what_does_not_decode_goes_to_the_dead_letters_and_the_run_goes_on():
    data, strategy = open_pair()
    falling = quotes(9).quotes.copy().repeat(2)
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    writer.publish(quotes(1))
    data.append(MARKET_QUOTES, [
        Outgoing(b"0", b"damage"), Outgoing(b"0", encode(Schema.QUOTES, bytes(63))),
        Outgoing(b"0", encode_records(Kind.QUOTE, falling)),
        Outgoing(b"0", encode_records(Kind.TRADE, trades(7).trades))])
    writer.publish(quotes(2))

    assert handle_all(reader) == [1, 2]
    assert reader.dead == {"short": 1, "layout": 1, "order": 1, "schema": 1}
    letters = TopicReader(strategy, MARKET_QUOTES + ".dead", values_of(Schema.DEAD_LETTER, DeadLetter), group="people")
    found = [letter.value for letter in letters.read(10)]
    assert [letter.reason for letter in found] == ["short", "layout", "order", "schema"]
    assert [letter.position for letter in found] == [1, 2, 3, 4]
    assert {(letter.topic, letter.partition, letter.reader) for letter in found} == {(MARKET_QUOTES, 0, STRATEGY_PLANE)}
    assert found[0].value == b"damage"


def test_replayed_records_are_counted_as_repeated_and_never_handed_out():
    """Whether its reader has passed them or not: others may have, and all readers see one run."""
    data, strategy = open_pair()
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    writer.publish(quotes(1, 2))
    for late in ((1, 2), (5, 6)):
        frame = decode(encode_records(Kind.QUOTE, quotes(*late).quotes))
        data.append(MARKET_QUOTES, [Outgoing(b"0", replayed(frame))])

    assert handle_all(reader) == [1, 2]
    assert reader.repeated == 4
    again = MarketWriter(data)
    assert again.last_sequences[Lane(Kind.QUOTE, 0)] == 2
    again.publish(quotes(3, 5))
    assert handle_all(reader) == [3, 5]
    resumed = MarketReader(strategy, group=STRATEGY_PLANE, cursor=reader.cursor)
    assert handle_all(resumed) == []


def test_quarantine_is_a_topic_of_its_own_and_survives_a_restart_without_copies():
    data, _ = open_pair()
    run = Run(5, 400)
    writer = MarketWriter(data, records_max=7)
    writer.quarantine(run.between(0, 300))
    again = MarketWriter(data, records_max=7)
    again.quarantine(run.between(100, 500))
    again.quarantine(MarketBatch.of({}))

    got = {}
    for message in data.read(MARKET_QUARANTINE, 0, messages_max=10_000):
        array = decode_records(decode(message.value))
        got.setdefault(array.dtype, []).extend(array["sequence"].tolist())
    for array in run.between(0, 500).arrays().values():
        assert got.get(array.dtype, []) == array["sequence"].tolist()


def test_a_log_that_lost_its_tail_to_power_loss_is_gone_through_again():
    """The reader's snapshot is flushed, market topics are not: after power loss the log may end before its position,
    and the writer, repeating from its source, cuts the same records into fewer messages."""
    run = Run(11, 500)
    data, strategy = open_pair()
    writer, reader = MarketWriter(data), MarketReader(strategy, group=STRATEGY_PLANE)
    for after, through in run.cuts(dice(1), 0, 10):
        writer.publish(run.between(after, through), through=through)
    while reader.cursor.sequence < run.end * 3 // 4:
        reader.consume(min(run.end * 3 // 4, max(sequences(reader.poll()))))
    cursor = reader.cursor

    for kept in (0.3, 0.6, 0.74):
        for then in (run.end, int(run.end * 0.76)):
            data, strategy = open_pair()
            writer = MarketWriter(data)
            for after, through in run.cuts(dice(1), 0, 10):
                if through < run.end * kept:
                    writer.publish(run.between(after, through), through=through)
            again = MarketWriter(data := data._shared.client(DATA_PLANE))
            again.publish(run.between(0, then), through=then)
            resumed = MarketReader(strategy, group=STRATEGY_PLANE, cursor=cursor)
            again.publish(run.between(then, run.end), through=run.end)
            again.finish()
            assert handle_all(resumed) == sequences(run.between(cursor.sequence, run.end))
            assert resumed.ended


def test_a_reader_whose_input_was_dropped_says_so():
    data, strategy = open_pair(market_topics(retention_bytes_max=20_000))
    shared = data._shared
    for group in (STRATEGY_PLANE, ORDER_PLANE):
        shared.client(group).commit(group, {(MARKET_QUOTES, 0): 1_000})
    writer = MarketWriter(data, records_max=10)
    for first in range(1, 1_000, 10):
        writer.publish(quotes(*range(first, first + 10)))

    with pytest.raises(PositionGone, match=r"market\.quotes/0 begins at position 72; 0 is gone.*a new run") as caught:
        MarketReader(strategy, group=STRATEGY_PLANE)
    assert caught.value.where == {"topic": MARKET_QUOTES, "partition": 0, "from": 0, "to": 72}


def test_a_reader_whose_input_is_dropped_under_it_says_so():
    data, strategy = open_pair(market_topics(retention_bytes_max=20_000))
    writer, reader = MarketWriter(data, records_max=10), MarketReader(strategy, group=STRATEGY_PLANE)
    writer.publish(quotes(*range(1, 11)))
    reader.consume(max(sequences(reader.poll())))
    for group in (STRATEGY_PLANE, ORDER_PLANE):
        data._shared.client(group).commit(group, {(MARKET_QUOTES, 0): 1_000})
    for first in range(11, 1_011, 10):
        writer.publish(quotes(*range(first, first + 10)))

    with pytest.raises(PositionGone) as caught:
        reader.poll()
    assert caught.value.where == {"topic": MARKET_QUOTES, "partition": 0, "from": 1, "to": 73}


def test_what_does_not_decode_is_not_where_the_way_back_ends():
    """The log lost its tail behind a message that does not decode; before it stand records that were cut otherwise."""
    data, strategy = open_pair()
    writer = MarketWriter(data)
    writer.publish(quotes(1, 2))
    writer.publish(quotes(3, 4, 5, 6), through=6)
    data.append(MARKET_QUOTES, [Outgoing(b"k", b"no frame")])
    writer.finish()

    lost = MarketCursor(4, (LogPosition(MARKET_QUOTES, 0, 9),))
    reader = MarketReader(strategy, group=STRATEGY_PLANE, cursor=lost)
    assert handle_all(reader) == [5, 6]
    behind_it = MarketCursor(6, (LogPosition(MARKET_QUOTES, 0, 3),))
    again = MarketReader(strategy, group=STRATEGY_PLANE, cursor=behind_it)
    assert handle_all(again) == []
    assert again.dead == {}  # it had been met, and is not met again


def test_a_writer_whose_predecessors_records_are_lost_says_so():
    data, _ = open_pair()
    writer = MarketWriter(data, records_max=2)
    writer.publish(quotes(1, 2, 3, 4, 5))
    writer.quarantine(quotes(6))
    ends = writer.ends
    assert {(end.topic, end.position) for end in ends if end.position} == {(MARKET_QUOTES, 3), (MARKET_QUARANTINE, 1)}
    assert MarketWriter(data, ends=ends).ends == ends

    del data._shared.logs[MARKET_QUOTES, 0].messages[1:]
    with pytest.raises(LogShortened, match=r"market\.quotes/0 ends before position 1; there is no 3") as caught:
        MarketWriter(data, ends=ends)
    assert caught.value.where == {"topic": MARKET_QUOTES, "partition": 0, "from": 1, "to": 3}


def test_batches_go_forward_and_sequences_rise():
    data, _ = open_pair()
    writer = MarketWriter(data)
    with pytest.raises(AssertionError, match="do not rise"):
        writer.publish(quotes(2, 1), through=2)
    with pytest.raises(AssertionError, match="batch goes to sequence 5, promised is 4"):
        writer.publish(quotes(5), through=4)
