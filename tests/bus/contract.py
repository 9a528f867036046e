"""The contract of ``bus.port``, as tests that every body must pass. A body joins by a row in ``worlds.WORLDS``.

Positions count up by one, on every body, until somebody leads: what a lease leaves in a log may take positions too. And
a promise is seen soon, not at once: ``seen`` waits for it.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from algotrade.bus import (
    PROMISE_END,
    PROMISE_NONE,
    Bus,
    BusError,
    Lease,
    LogShortened,
    PositionGone,
    Superseded,
    TopicFull,
    TopicUnknown,
)
from algotrade.telemetry import METRICS
from tests.bus.worlds import LOOKS_MAX, SMALL, World, behind, message, seen, values


class BusContract:
    """Each test gets ``world``: a fresh bus that planes open under their names."""

    # 1. Logs

    def test_positions_count_up_from_zero_and_order_holds(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")

        assert alpha.append("orders", [message("a"), message("b")]) == [0, 1]
        assert alpha.append("orders", [message("c")]) == [2]

        read = beta.read("orders", 0, messages_max=10)
        assert [(m.position, m.key, m.value) for m in read] == [(0, b"k", b"a"), (1, b"k", b"b"), (2, b"k", b"c")]

    def test_a_read_begins_at_its_position_and_ends_at_its_bound(self, world: World):
        bus = world.open("alpha")
        bus.append("orders", [message(str(i)) for i in range(10)])

        assert [m.position for m in bus.read("orders", 4, messages_max=3)] == [4, 5, 6]
        assert bus.read("orders", 10, messages_max=3) == []

    def test_nothing_is_there_before_anybody_wrote(self, world: World):
        bus = world.open("beta")

        assert bus.read("orders", 0, messages_max=5) == []
        assert bus.bounds("orders") == (0, 0)
        assert bus.committed("gamma", "orders") == 0

    def test_appending_nothing_does_nothing(self, world: World):
        bus = world.open("alpha")

        assert bus.append("orders", []) == []
        assert bus.bounds("orders") == (0, 0)

    def test_the_same_object_twice_is_two_messages(self, world: World):
        bus = world.open("alpha")
        twice = message("x")

        assert bus.append("orders", [twice, twice]) == [0, 1]

    def test_empty_keys_and_values_and_any_bytes_come_back(self, world: World):
        bus = world.open("alpha")
        odd = [message(), message(key=""), message("\0\n\u20ac", key="\0")]
        bus.append("orders", odd)

        assert [(m.key, m.value) for m in bus.read("orders", 0, messages_max=9)] == [(o.key, o.value) for o in odd]

    def test_a_key_always_goes_to_one_partition_and_order_holds_inside_it(self, world: World):
        bus, reader = world.open("alpha"), world.open("beta")
        sent = [message(str(i), key=f"key{i % 7}") for i in range(21)]
        positions = bus.append("wide", sent)

        assert reader.partitions("wide") == 3
        seen = {}
        for partition in range(3):
            for found in reader.read("wide", 0, messages_max=100, partition=partition):
                assert reader.partition_for("wide", found.key) == partition
                seen.setdefault(found.key, []).append(found.value)
        assert seen == {s.key: [o.value for o in sent if o.key == s.key] for s in sent}
        assert sum(bus.bounds("wide", p)[1] for p in range(3)) == 21
        for outgoing, position in zip(sent, positions, strict=True):
            partition = bus.partition_for("wide", outgoing.key)
            assert bus.read("wide", position, messages_max=1, partition=partition)[0].value == outgoing.value

    def test_what_a_predecessor_appended_and_committed_is_there_after_a_restart(self, world: World):
        first = world.open("alpha")
        first.append("orders", [message("a")])
        first.commit("alpha", {("answers", 0): 0})
        first.close()

        again = world.open("alpha")
        assert values(again, "orders") == [b"a"]
        assert again.append("orders", [message("b")]) == [1]

    # 3. Delivery: positions belong to the reader

    def test_reading_forgets_nothing(self, world: World):
        bus = world.open("alpha")
        bus.append("orders", [message("a")])

        assert values(bus, "orders") == values(bus, "orders") == [b"a"]

    def test_a_position_behind_the_end_is_a_log_that_was_shortened(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        alpha.append("orders", [message("a")])

        for bus in (alpha, beta):
            assert bus.read("orders", 1, messages_max=1) == []
            with pytest.raises(LogShortened, match="orders/0 ends before position 1"):
                bus.read("orders", 2, messages_max=1)
        with pytest.raises(LogShortened):
            alpha.read("answers", 1, messages_max=1)

    # 4. Retention

    def test_a_full_topic_keeps_what_a_reader_has_not_committed(self, world: World):
        alpha, beta, gamma = world.open("alpha"), world.open("beta"), world.open("gamma")
        alpha.append("orders", [message(str(i), size_bytes=400) for i in range(5)])

        with pytest.raises(TopicFull, match="orders/0"):
            alpha.append("orders", [message("5")])
        assert alpha.bounds("orders") == (0, 5)
        beta.commit("beta", {("orders", 0): 2})
        with pytest.raises(TopicFull):
            alpha.append("orders", [message("5")])
        gamma.commit("gamma", {("orders", 0): 1})

        assert alpha.append("orders", [message("5", size_bytes=400)]) == [5]
        assert alpha.bounds("orders") == beta.bounds("orders") == (1, 6)
        with pytest.raises(TopicFull):
            alpha.append("orders", [message("6", size_bytes=400)])

    def test_a_full_append_keeps_nothing_of_any_partition(self, world: World):
        bus = world.open("alpha")
        keys = {bus.partition_for("wide", str(i).encode()): str(i) for i in range(30)}
        bus.append("wide", [message("full", key=keys[1], size_bytes=1_900)])

        with pytest.raises(TopicFull):
            bus.append("wide", [message("a", key=keys[0]), message("b", key=keys[1], size_bytes=500)])
        assert bus.bounds("wide", 0) == (0, 0)
        assert bus.append("wide", [message("c", key=keys[0])]) == [0]

    def test_several_topics_are_appended_together_or_not_at_all(self, world: World):
        bus = world.open("alpha")

        assert bus.append_all([("orders", [message("a"), message("b")]), ("ticks", []), ("wide", [message("c")])]) == [
            [0, 1], [], [0]]
        bus.append("orders", [message("full", size_bytes=1_700)])
        with pytest.raises(TopicFull):
            bus.append_all([("ticks", [message("d")]), ("orders", [message("e", size_bytes=900)])])

        assert bus.bounds("ticks") == (0, 0)
        assert bus.bounds("orders") == (0, 3)
        old, new = bus.lead("orders"), bus.lead("orders")
        with pytest.raises(Superseded):
            bus.append_all([("ticks", [message("f")]), ("wide", [message("g")])], lease=old)
        assert values(bus, "ticks") == []
        bus.append_all([("ticks", [message("f")])], lease=new)
        assert values(bus, "ticks") == [b"f"]

    def test_without_named_readers_the_oldest_goes(self, world: World):
        bus = world.open("alpha")
        for i in range(12):
            bus.append("ticks", [message(str(i), size_bytes=400)])

        assert bus.bounds("ticks") == (7, 12)
        assert [v.strip(b".") for v in values(bus, "ticks", 7)] == [b"7", b"8", b"9", b"10", b"11"]

    def test_a_position_older_than_the_log_is_gone(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        for i in range(12):
            alpha.append("ticks", [message(str(i), size_bytes=400)])

        for bus in (alpha, beta):
            with pytest.raises(PositionGone, match="ticks/0 begins at position 7; 6 is gone"):
                bus.read("ticks", 6, messages_max=100)

    def test_what_can_never_fit_is_not_a_full_topic(self, world: World):
        """Whoever waits for a full topic would wait for ever."""
        bus = world.open("alpha")

        with pytest.raises(BusError, match="2001 bytes; allowed: 2000") as caught:
            bus.append("ticks", [message(size_bytes=2_001)])
        assert not isinstance(caught.value, TopicFull)
        assert bus.append("ticks", [message(size_bytes=2_000)]) == [0]

    def test_a_commit_only_rises_and_everybody_sees_it(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        alpha.append("orders", [message(str(i)) for i in range(5)])
        beta.commit("beta", {("orders", 0): 4, ("wide", 2): 0})
        beta.commit("beta", {("orders", 0): 3})
        beta.commit("beta", {})

        assert alpha.committed("beta", "orders") == beta.committed("beta", "orders") == 4
        assert alpha.committed("gamma", "orders") == 0

    def test_only_the_group_itself_commits(self, world: World):
        with pytest.raises(AssertionError, match="may not commit for gamma"):
            world.open("beta").commit("gamma", {("orders", 0): 1})

    def test_trim_forgets_and_positions_go_on(self, world: World):
        bus, reader = world.open("alpha"), world.open("beta")
        bus.append("snapshots", [message(str(i)) for i in range(4)])
        bus.trim("snapshots", 3)
        assert reader.bounds("snapshots") == (3, 4)

        bus.trim("snapshots", 2)
        bus.trim("snapshots", 99)
        assert reader.bounds("snapshots") == (4, 4)
        assert reader.read("snapshots", 4, messages_max=1) == []
        with pytest.raises(PositionGone):
            reader.read("snapshots", 3, messages_max=1)
        bus.close()
        assert world.open("alpha").append("snapshots", [message("next")]) == [4]

    def test_trimming_makes_room(self, world: World):
        bus = world.open("alpha")
        for _ in range(20):
            (position,) = bus.append("snapshots", [message(size_bytes=3_000)])
            bus.trim("snapshots", position)
        assert bus.bounds("snapshots") == (19, 20)

    def test_only_compacted_topics_are_trimmed(self, world: World):
        with pytest.raises(AssertionError, match="not compacted"):
            world.open("alpha").trim("orders", 1)

    # 5. Promises

    def test_a_promise_rises_and_everybody_sees_it(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        assert beta.promised("time") == PROMISE_NONE

        for value in (0, 7, 7, PROMISE_END):
            alpha.promise("time", value)
            assert alpha.promised("time") == seen(beta, "time", value) == value
        assert beta.promised("other") == PROMISE_NONE

    def test_what_holds_already_is_promised_with_the_append(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        alpha.append_all([("ticks", [message("a")])], promises={"ticks/0": 5}, holding={"orders/0": 5})

        assert seen(beta, "orders/0", 5) == seen(beta, "ticks/0", 5) == 5
        assert values(beta, "ticks") == [b"a"]

    def test_lowering_an_own_promise_is_our_bug(self, world: World):
        bus = world.open("alpha")
        bus.promise("time", 5)

        with pytest.raises(AssertionError, match="promise time lowered to 4"):
            bus.promise("time", 4)

    def test_after_a_restart_lower_promises_change_nothing(self, world: World):
        first = world.open("alpha")
        first.promise("time", 50)
        first.close()

        again = world.open("alpha")
        again.promise("time", 10)
        assert seen(world.open("beta"), "time", 50) == seen(again, "time", 50) == 50
        again.promise("time", 60)
        assert seen(world.open("beta"), "time", 60) == 60

    def test_what_was_appended_before_a_promise_is_seen_after_it(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        for i in range(20):
            alpha.append("ticks", [message(str(i))])
            alpha.promise("ticks/0", i)
            assert seen(beta, "ticks/0", i) == i
            assert beta.bounds("ticks")[1] == i + 1
            assert beta.read("ticks", i, messages_max=1)[0].value == str(i).encode()

    # 6. Leases

    def test_the_newest_lease_leads(self, world: World):
        old, new = world.open("alpha"), world.open("alpha")
        first = old.lead("orders")
        old.append("orders", [message("a")], lease=first)
        second = new.lead("orders")
        assert second.epoch > first.epoch

        with pytest.raises(Superseded, match="orders"):
            old.append("orders", [message("b")], lease=first)
        new.append("orders", [message("c")], lease=second)
        assert values(new, "orders") == values(world.open("beta"), "orders") == [b"a", b"c"]
        with pytest.raises(Superseded):
            old.append("orders", [message("d")], lease=first)
        assert values(new, "orders") == [b"a", b"c"]

    def test_a_lease_covers_every_topic_of_its_writer(self, world: World):
        old, new = world.open("alpha"), world.open("alpha")
        lease = old.lead("orders")
        old.append("ticks", [message("a")], lease=lease)
        new.lead("orders")

        with pytest.raises(Superseded):
            old.append("ticks", [message("b")], lease=lease)
        with pytest.raises(AssertionError):
            world.open("beta").append("answers", [message()], lease=lease)

    def test_two_processes_of_one_name_share_their_logs(self, world: World):
        old, new = world.open("alpha"), world.open("alpha")
        for i in range(6):
            assert (old, new)[i % 2].append("orders", [message(str(i))]) == [i]
        assert values(old, "orders") == values(new, "orders") == [b"0", b"1", b"2", b"3", b"4", b"5"]

    def test_a_lease_is_taken_by_the_writer_only(self, world: World):
        with pytest.raises(AssertionError):
            world.open("beta").lead("orders")

    # Names

    def test_unknown_topics_are_named_with_the_known(self, world: World):
        bus = world.open("alpha")
        for call in (lambda: bus.append("nope", [message()]), lambda: bus.read("nope", 0, messages_max=1),
                     lambda: bus.bounds("nope"), lambda: bus.lead("nope"), lambda: bus.trim("nope", 1),
                     lambda: bus.partitions("nope"), lambda: bus.committed("beta", "nope"),
                     lambda: bus.commit("alpha", {("nope", 0): 1})):
            with pytest.raises(TopicUnknown, match="'nope' is unknown; known: orders, ticks"):
                call()
        assert list(bus.topics()) == list(SMALL)

    def test_a_topic_has_one_writer(self, world: World):
        with pytest.raises(AssertionError, match="orders is written by alpha, not by beta"):
            world.open("beta").append("orders", [message()])
        with pytest.raises(AssertionError):
            world.open(None).append("orders", [message()])

    def test_dead_letters_are_everybodys(self, world: World):
        for i, writer in enumerate(("alpha", "beta", None)):
            assert world.open(writer).append("orders.dead", [message(str(i))]) == [i]
        assert values(world.open("alpha"), "orders.dead") == [b"0", b"1", b"2"]

    def test_a_partition_that_is_not_there_is_our_bug(self, world: World):
        with pytest.raises(AssertionError, match="wide has 3 partitions"):
            world.open("alpha").read("wide", 0, messages_max=1, partition=3)

    # Metrics

    def test_behind_is_who_has_not_taken_what_is_known_to_be_there(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        lease = alpha.lead("orders")
        positions = alpha.append("orders", [message(str(i)) for i in range(3)], lease=lease)
        assert beta.samples().keys() <= METRICS.keys()

        beta.read("orders", beta.bounds("orders")[0], messages_max=1)
        assert behind(beta, "orders") in (2, None)
        beta.read("orders", positions[1], messages_max=10)
        assert behind(beta, "orders") in (0, None)
        assert alpha.samples().get("algotrade_bus_epoch", lease.epoch) == lease.epoch

    def test_metrics_are_read_by_another_thread_while_the_plane_works(self, world: World):
        alpha, beta = world.open("alpha"), world.open("beta")
        with ThreadPoolExecutor(1) as scraper:
            for i in range(50):
                scraped = scraper.submit(lambda: [bus.samples() for bus in (alpha, beta) for _ in range(20)])
                assert scraper.submit(alpha.reachable).result()
                alpha.append("ticks", [message(str(i))])
                beta.read("ticks", i if i < 2 else beta.bounds("ticks")[0], messages_max=2)
                scraped.result()

    # Life

    def test_waiting_comes_back_and_closing_twice_is_closing_once(self, world: World):
        bus = world.open("alpha")
        for _ in range(3):
            bus.wait(0.01)
        bus.close()
        bus.close()

    def test_who_stands_alone_has_the_lead_and_keeps_it(self, world: World):
        bus = world.open("alpha")
        lease = stood(bus, "orders")
        assert bus.campaign("orders") == lease
        bus.append("orders", [message("a")], lease=lease)

        newer = world.open("alpha").lead("orders")
        assert newer.epoch > lease.epoch
        with pytest.raises(Superseded):
            bus.append("orders", [message("b")], lease=lease)
        assert values(world.open("beta"), "orders") == [b"a"]

    def test_only_the_writer_stands_for_the_lead(self, world: World):
        with pytest.raises(AssertionError):
            world.open("beta").campaign("orders")


def stood(bus: Bus, topic: str) -> Lease:
    """Stand for the lead until it is there."""
    for _ in range(LOOKS_MAX):
        lease = bus.campaign(topic)
        if lease is not None:
            return lease
        bus.wait(0.02)
    raise AssertionError(f"nobody else stands, and nobody leads {topic}")
