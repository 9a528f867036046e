"""A paced replay on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Kind, MarketBatch, SimulatedClock
from algotrade.domain.market import no_records
from algotrade.feeds import Pace
from tests.feeds.market_files import (
    SECOND_NS,
    START_NS,
    by_sequence,
    instruments,
    joined,
    replay,
    table_of,
    write_parquet,
)

KNOWN = instruments("A")


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Quotes at 0, 1, 2, ... s and trades at 0, 2, 4, ... s; the trade of 6 s arrives behind the one of 8 s."""
    folder = tmp_path_factory.mktemp("pace")
    seconds = [*range(0, 200, 2)]
    seconds[3], seconds[4] = seconds[4], seconds[3]
    paths = [write_parquet(folder / "q.parquet", table_of("quotes", [START_NS + s * SECOND_NS for s in range(200)])),
             write_parquet(folder / "t.parquet", table_of("trades", [START_NS + s * SECOND_NS for s in seconds]))]
    return MarketBatch.of(replay(paths, KNOWN))


def second(record):
    return (int(record["event_time_ns"]) - START_NS) // SECOND_NS


def test_without_a_factor_everything_is_due_at_once(batch):
    paced = Pace(None, SimulatedClock()).cut(batch)

    assert paced.due is batch
    assert (len(paced.rest), paced.wait_ns) == (0, 0)


def test_an_empty_batch_is_due_and_does_not_start_the_clock(batch):
    clock = SimulatedClock(5)
    pace = Pace(1.0, clock)

    assert pace.cut(MarketBatch.of({})).wait_ns == 0
    clock.advance_to(10**12)

    assert [second(r) for _, r in by_sequence(pace.cut(batch).due.arrays())] == [0, 0]


@given(st.sampled_from([0.5, 1.0, 3.0, 1e6]), st.lists(st.integers(0, 20 * SECOND_NS), max_size=30))
def test_records_come_when_they_are_due_in_order_and_each_once(batch, factor, steps):
    clock = SimulatedClock(123)
    pace = Pace(factor, clock)
    rest, out = batch, []
    for step in [0, *steps]:
        clock.advance_to(clock.monotonic_ns() + step)
        reached_s = (clock.monotonic_ns() - 123) / SECOND_NS * factor
        paced = pace.cut(rest)
        rest = paced.rest
        out.append(paced.due)
        assert all(second(r) <= reached_s for _, r in by_sequence(paced.due.arrays()))
        if len(rest):
            following = by_sequence(rest.arrays())[0][1]
            assert second(following) > reached_s - 1e-6
            assert paced.wait_ns > 0
    whole = joined([*out, rest])
    assert all(whole[kind].tobytes() == records.tobytes() for kind, records in batch.arrays().items())


@pytest.mark.parametrize("factor", [1.0, 7.0, 0.3])
def test_waiting_as_told_is_enough_to_get_the_next_record(batch, factor):
    clock = SimulatedClock()
    pace = Pace(factor, clock)
    paced, waits = pace.cut(batch), 0
    while len(paced.rest):
        clock.advance_to(clock.monotonic_ns() + paced.wait_ns)
        paced = pace.cut(paced.rest)
        waits += 1

    # One wait for each of the 199 seconds, at times one nanosecond more where the factor does not divide.
    assert 199 <= waits <= 2 * 199
    assert clock.monotonic_ns() == pytest.approx(199 * SECOND_NS / factor, abs=200)


def test_a_record_that_goes_back_in_time_waits_for_the_one_before_it(batch):
    clock = SimulatedClock()
    pace = Pace(1.0, clock)
    pace.cut(batch)
    clock.advance_to(7 * SECOND_NS)

    due = [second(record) for kind, record in by_sequence(pace.cut(batch).due.arrays()) if kind is Kind.TRADE]

    # That of 6 s stands behind that of 8 s in its file.
    assert due == [0, 2, 4]


@pytest.mark.parametrize("factor", [0, -1.0, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused(factor):
    with pytest.raises(ValueError, match=f"pace is {factor}; allowed: above 0, or none"):
        Pace(factor, SimulatedClock())


def test_no_records_stay_no_records():
    paced = Pace(1.0, SimulatedClock()).cut(MarketBatch.of({Kind.QUOTE: no_records(Kind.QUOTE)}))

    assert (len(paced.due), len(paced.rest), paced.wait_ns) == (0, 0, 0)
