"""What the Kafka body is made of and needs no broker to be proven: the fence's rule, retention, addresses, promises."""

import contextlib
import re

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import example, given, settings
from hypothesis import strategies as st

from algotrade.bus import PROMISE_NONE, BusError, BusUnreachable, TopicUnknown, Undecodable, bus_at
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, inspect_cluster
from algotrade.bus.kafka.client import Administrator, Appender, Fetcher, Teller, administrator
from algotrade.bus.kafka.client.errors import SETTLING, UNKNOWN, asked
from algotrade.bus.kafka.counts import counted
from algotrade.bus.kafka.epochs import LeaderLog, installed
from algotrade.bus.kafka.meter import ERROR_NAMES_MAX, OTHER_ERRORS, Meter
from algotrade.bus.kafka.names import cluster_topics
from algotrade.bus.kafka.promises import Promises
from algotrade.bus.kafka.records import Consumed, End
from algotrade.bus.kafka.retention import Kept
from algotrade.bus.kafka.tail import Standing, Tails
from algotrade.bus.rules import MESSAGE_OVERHEAD_BYTES
from algotrade.bus.topics import TOPICS
from algotrade.domain import SystemClock

LANE = ("run.orders", 0)
NAMED = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
         "KAFKA_SASL_USERNAME": "orders", "KAFKA_SASL_PASSWORD": "hush"}


class Log:
    """A partition and its leader topic, written by candidates that may die between any two steps, and by zombies."""

    def __init__(self):
        self.records = []
        self.leader = LeaderLog()
        self.claims = 0
        self.markers = {}

    def do(self, step, pick):
        epochs = range(1, self.claims + 1)
        if step == "claim":
            self.claims += 1
            # Every record of the leader topic takes an offset; epochs are claims' offsets + 1.
            self.leader.take(self.claims - 1, b"")
        elif step == "marker" and (open_ones := [e for e in epochs if e not in self.markers]):
            epoch = open_ones[pick % len(open_ones)]
            self.markers[epoch] = len(self.records)
            self.add(epoch, is_marker=True)
        elif step == "install" and self.markers:
            epoch = sorted(self.markers)[pick % len(self.markers)]
            self.leader.take(10**6, installed(epoch, {LANE: self.markers[epoch]}))
        elif step == "write" and self.markers:
            self.add(sorted(self.markers)[pick % len(self.markers)], is_marker=False)

    def add(self, epoch, *, is_marker):
        self.records.append(Consumed(len(self.records), b"", b"", 0, epoch, is_marker))

    def counting(self):
        """Return the offsets of the records that count: no marker of a newer epoch lies before them."""
        newest, offsets = 0, []
        for record in self.records:
            if record.is_marker:
                newest = max(newest, record.epoch)
            elif record.epoch >= newest:
                offsets.append(record.offset)
        return offsets


class Fetched:
    """Gives a log's records as a cluster would, a few at a time."""

    def __init__(self, records):
        self.records, self.at = records, 0

    def bounds(self, lane):
        return 0, len(self.records)

    def assign(self, lane, offset):
        self.at = offset

    def fetch(self, timeout_s):
        some, self.at = self.records[self.at : self.at + 3], self.at + 3
        yield from ((LANE, record) for record in some)


STEPS = st.lists(st.tuples(st.sampled_from(["claim", "marker", "marker", "install", "write", "write"]),
                           st.integers(0, 5)), max_size=40)


@settings(max_examples=500)
@given(STEPS)
@example([("claim", 0), ("marker", 0), ("claim", 0), ("marker", 0), ("write", 0)])  # a leader dies before it is one
def test_a_reader_that_begins_anywhere_counts_the_records_that_one_from_the_start_counts(steps):
    log = Log()
    for step, pick in steps:
        log.do(step, pick)
    for position in range(len(log.records) + 1):
        tails = Tails(Fetched(log.records), log.leader.floor, lambda: None)
        read, at = [], position
        while messages := tails.read("orders", LANE, at, 2):
            read += [message.position for message in messages]
            at = read[-1] + 1
        assert read == [offset for offset in log.counting() if offset >= position]


def test_a_partition_is_behind_by_what_is_known_and_not_taken_and_idle_is_not_behind():
    """Two messages of long ago, then what nobody is given: a marker, and a record that it voids."""
    records = [Consumed(0, b"", b"abc", 0, 0, False, 1 * 10**9), Consumed(1, b"", b"de", 0, 0, False, 2 * 10**9),
               Consumed(2, b"", b"", 0, 9, True, 3 * 10**9), Consumed(3, b"", b"f", 0, 1, False, 4 * 10**9)]
    tails = Tails(Fetched(records), lambda _lane, position: (0, position), lambda: None)
    assert tails.standings() == {}

    assert [m.position for m in tails.read("orders", LANE, 0, 1)] == [0]
    now_s = SystemClock().time_ns() / 1e9
    standing = tails.standings()[LANE]
    assert (standing.lag_messages, standing.fetched_messages, standing.fetched_bytes) == (2, 1, 2)
    assert standing.lag_seconds == pytest.approx(now_s - 2, abs=60)

    assert [m.position for m in tails.read("orders", LANE, 1, 9)] == [1]
    while tails.read("orders", LANE, 2, 9) or tails.drain(0):
        pass
    assert tails.standings()[LANE] == Standing(0, 0.0, 0, 0)
    assert tails.voided == 1
    tails.knows_end(LANE, 5)
    assert tails.standings()[LANE].lag_messages == 1
    assert tails.standings()[LANE].lag_seconds < 60  # on its way, and known of only now


def test_errors_are_counted_by_name_and_strange_ones_together():
    meter = Meter()
    for number in range(2 * ERROR_NAMES_MAX):
        meter.error(f"_E{number}")
        meter.error("_E0")
    assert meter.errors["_E0"] == 2 * ERROR_NAMES_MAX + 1
    assert len(meter.errors) == ERROR_NAMES_MAX + 1
    assert meter.errors[OTHER_ERRORS] == ERROR_NAMES_MAX


@pytest.mark.parametrize("code", sorted(SETTLING))
def test_a_cluster_that_does_not_settle_in_time_is_away(code):
    def ask():
        raise KafkaException(KafkaError(code))

    with pytest.raises(BusUnreachable, match=r"run\.orders: "):
        asked("run.orders", ask, patience_s=0.0)


def test_a_topic_that_a_broker_does_not_know_is_told():
    def ask():
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))

    with pytest.raises(TopicUnknown, match=r"run\.orders: .*algotrade bus create"):
        asked("run.orders", ask, patience_s=0.0)


@pytest.mark.parametrize("code", sorted(SETTLING | UNKNOWN))
def test_a_cluster_that_settles_is_asked_again(code):
    answers = [KafkaException(KafkaError(code)), 7]

    def ask():
        if isinstance(answer := answers.pop(0), KafkaException):
            raise answer
        return answer

    assert asked("run.orders", ask) == 7


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 30)), max_size=60), st.integers(500, 3_000))
def test_a_partition_keeps_within_its_bound_and_never_drops_what_is_needed(appends, bytes_max):
    kept, sizes, committed = Kept(bytes_max, 0, 0, 0, 0), [], 0
    for size, commit in appends:
        committed = min(len(sizes), committed + commit)
        below = kept.cut_for(size, lambda limit=committed: limit)
        if below is None:
            assert sum(sizes[committed:]) + size > bytes_max - bytes_max // 256
            continue
        assert kept.low <= below <= max(committed, kept.low)
        if below > kept.low:
            kept.deleted(below)
        kept.appended(len(sizes), size)
        sizes.append(size)
        assert kept.kept_bytes == sum(sizes[kept.low :]) <= bytes_max
        assert kept.high == len(sizes)


def test_addresses():
    address = KafkaAddress.parse("kafka://a:1,b:2/live", {})
    assert (address.servers, address.run, str(address)) == (("a:1", "b:2"), "live", "kafka://a:1,b:2/live")
    assert KafkaAddress.parse("kafka:///live", {"KAFKA_BOOTSTRAP_SERVERS": "c:3"}).servers == ("c:3",)
    for wrong in ("kafka://", "kafka:a:1", "kafka://a", "kafka://a:1/LIVE", "kafka://a:1/x/y", "kafka://a:1,/x"):
        with pytest.raises(BusError, match="allowed: kafka://HOST:PORT"):
            KafkaAddress.parse(wrong, {})
    with pytest.raises(BusError, match=r"scheme 'nats'; allowed: local:FOLDER or kafka://"):
        bus_at("nats://a:1", {})


def test_secrets_are_taken_from_the_environment_and_not_shown():
    access = KafkaAccess.of({**NAMED, "OTHER": "x"})

    assert access.settings == {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
                               "sasl.username": "orders", "sasl.password": "hush"}
    assert "hush" not in repr(access)


@pytest.mark.parametrize(("changed", "told"), [
    ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is 'TLS'; allowed: PLAINTEXT, SSL"),
    ({"KAFKA_SECURITY_PROTOCOL": ""}, "KAFKA_SECURITY_PROTOCOL is 'PLAINTEXT'; allowed with KAFKA_SASL_MECHANISM"),
    ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SECURITY_PROTOCOL is 'SSL'; allowed with KAFKA_SASL_MECHANISM"),
    ({"KAFKA_SASL_MECHANISM": "MD5"}, "KAFKA_SASL_MECHANISM is 'MD5'; allowed with SASL_SSL: PLAIN, SCRAM-SHA-256"),
    ({"KAFKA_SASL_MECHANISM": ""}, "KAFKA_SASL_MECHANISM is ''; allowed with SASL_SSL: PLAIN, SCRAM-SHA-256"),
    ({"KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME is not set"),
    ({"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_PASSWORD is not set"),
    ({"KAFKA_SSL_CA_LOCATION": "no.pem"}, "KAFKA_SSL_CA_LOCATION is 'no.pem', which is not there; allowed: a PEM"),
])
def test_an_environment_that_cannot_work_is_refused_by_name(changed, told):
    with pytest.raises(BusError, match=re.escape(told)) as caught:
        KafkaAccess.of(NAMED | changed)
    assert "hush" not in str(caught.value)


def test_what_the_client_refuses_names_the_cluster(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    access = KafkaAccess.of(NAMED | {"KAFKA_SSL_CA_LOCATION": str(tmp_path / "ca.pem")})
    address = KafkaAddress.parse("kafka://127.0.0.1:1/live", {})
    for make in (Administrator, Appender, Teller):
        with pytest.raises(BusError, match=r"kafka://127\.0\.0\.1:1/live: .*ssl\.ca\.location.*KAFKA_\* variables"):
            make(address, access)
    with pytest.raises(BusError, match=r"ssl\.ca\.location"):
        Fetcher(address, access, "live.observer")


def test_brokers_that_do_not_answer_are_named(monkeypatch):
    monkeypatch.setattr(administrator, "REQUEST_S_MAX", 0.0)
    with pytest.raises(BusUnreachable, match=r"^127\.0\.0\.1:9: .*; allowed: brokers that run, and speak PLAINTEXT"):
        inspect_cluster(KafkaAddress.parse("kafka://127.0.0.1:9/live", {}), KafkaAccess())


def test_promises_that_come_late_or_twice_lower_nothing():
    teller, again, hearer = Promises("alpha"), Promises("alpha"), Promises("beta")
    assert teller.raise_to({"time": 5})
    early = teller.told({LANE: 3})
    assert teller.raise_to({"time": 9, "other": 1})
    assert not teller.raise_to({"time": 9})
    late = teller.told({LANE: 7})

    assert hearer.value("time") == PROMISE_NONE
    assert hearer.take(late) == ((*LANE, 7),)
    hearer.take(early)
    assert (hearer.value("time"), hearer.value("other")) == (9, 1)
    again.take(late)
    assert not again.raise_to({"time": 6})
    assert again.value("time") == 9
    with pytest.raises(Undecodable):
        hearer.take(b"\xff nonsense")


TOLD, INSTALLED = Promises("alpha").told({LANE: 7}), installed(3, {LANE: 7})


def mangled(value):
    """Return ways to damage ``value``: cut, with other bytes inside, or anything at all."""
    return st.one_of(
        st.binary(max_size=200), st.integers(0, len(value) - 1).map(lambda cut: value[:cut]),
        st.tuples(st.integers(0, len(value) - 1), st.binary(min_size=1, max_size=9)).map(
            lambda at: value[:at[0]] + at[1] + value[at[0] + len(at[1]):]))


@settings(max_examples=500)
@given(mangled(TOLD), mangled(INSTALLED))
@example(b"\x83\xa6writer\xa1\xff\xa6values\x80\xa4ends\x90", b"\x82\xa5epoch\x01\xa7markers\x91\x93\xa1\xff\x00\x00")
@example(b"\x81" * 2_000, b"\x91" * 2_000)
def test_strangers_on_the_control_topics_raise_one_error_and_nothing_else(told, claim):
    log = LeaderLog()
    for take in (lambda: Promises("beta").take(told), lambda: log.take(4, claim)):
        with contextlib.suppress(Undecodable):
            take()
    assert log.position == 5


class Cut:
    """A partition as a cluster has it: fetched in pieces, with offsets that are no records (a transaction's marks)."""

    def __init__(self, records, end):
        self.records, self.end, self.at = records, end, 0
        self.looked_at = 0

    def assign(self, _lane, offset):
        self.at = offset

    def fetch(self, _timeout_s):
        some = [record for record in self.records if record.offset >= self.at][:3]
        self.looked_at += len(some)
        self.at = some[-1].offset + 1 if some else self.end
        yield from ((LANE, record) for record in some)
        if self.at == self.end or not some:
            yield LANE, End(self.end)

    def close(self):
        pass


@given(st.lists(st.sampled_from(["own", "marker", "stranger", "no record"]), max_size=60), st.integers(0, 70))
@example(["own", *["stranger"] * 40], 0)
@example(["stranger"] * 5, 0)
def test_what_a_partition_holds_is_counted_past_strangers(steps, low):
    """Where neither the oldest record nor the newest is the writer's, the nearest ones of the writer tell."""
    records, counts, through = [], [], 0
    for offset, step in enumerate(steps):
        if step == "own":
            through += 100
            records.append(Consumed(offset, b"", bytes(100 - MESSAGE_OVERHEAD_BYTES), through, 0, is_marker=False))
        elif step == "marker":
            records.append(Consumed(offset, b"", b"", through, 1, is_marker=True))
        elif step == "stranger":
            records.append(Consumed(offset, b"key", b"x" * 9, 0, 0, is_marker=False))
        counts.append(through)
    low = min(low, len(steps))
    kept = [record for record in records if record.offset >= low]
    own = [record for record in kept if record.is_counted]

    found = counted(lambda: Cut(kept, len(steps)), LANE, low, len(steps))

    assert found == ((counts[low - 1] if low else 0, through) if own else (0, 0))


def test_every_topic_is_made_safe_where_there_are_brokers_for_it():
    for brokers, replication, min_isr in ((1, 1, "1"), (2, 2, "2"), (3, 3, "2"), (9, 3, "2")):
        topics = {t.name: t for t in cluster_topics("live", TOPICS, brokers)}
        assert {t.replication for t in topics.values()} == {replication}
        assert {t.config["min.insync.replicas"] for name, t in topics.items() if "promises" not in name} == {min_isr}
    assert {t.config["unclean.leader.election.enable"] for t in topics.values()} == {"false"}
    assert topics["live.orders.intents"].config["retention.bytes"] == "-1"
    assert int(topics["live.orders.intents.dead"].config["retention.bytes"]) == 64 << 20


def test_a_followed_topic_goes_on_behind_what_retention_has_dropped():
    class Dropped(Fetched):
        def fetch(self, timeout_s):
            if self.at < 5:
                yield LANE, None
            else:
                yield from super().fetch(timeout_s)

        def bounds(self, lane):
            return 5, len(self.records)

    told = []
    tails = Tails(Dropped([Consumed(i, b"", b"", 0, 0, False) for i in range(8)]), lambda *_: (0, 0), lambda: None)
    tails.follow(LANE, 2, lambda record: told.append(record.offset))
    tails.follow_to(LANE, 8)
    assert told == [5, 6, 7]


def test_the_newest_claim_counts_whether_finished_or_not():
    log = LeaderLog()
    assert log.newest_claim == 0
    log.take(3, b"")
    assert log.newest_claim == 4
    log.take(4, installed(4, {LANE: 7}))
    log.take(9, b"")
    assert log.newest_claim == 10
