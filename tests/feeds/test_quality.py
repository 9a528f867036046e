"""The gate against a plain-Python one, and the properties that a restart and a replay lean on."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.domain import QUARANTINE, Flag, Kind, MarketBatch
from algotrade.domain.market import LAYOUTS
from algotrade.domain.session import sessions_of
from algotrade.feeds import FeedError, QualityGate, QualityRules
from algotrade.feeds.merge import split_before
from tests.feeds.market_files import DAY_NS, MINUTE_NS, SECOND_NS, instruments, joined
from tests.feeds.plain_gate import PRICES, SIZES, PlainGate, flags_of, numbered
from tests.shared_data import ROOT

KNOWN = instruments("A", "B", "C")
EDGES = [(10 * MINUTE_NS, 40 * MINUTE_NS), (50 * MINUTE_NS, 60 * MINUTE_NS), (DAY_NS, DAY_NS + 30 * MINUTE_NS)]
# Instruments with a calendar, without one, and with another one.
CALENDAR = {0: EDGES, 2: EDGES[:1]}
SESSIONS = {i: sessions_of(edges) for i, edges in CALENDAR.items()}
RULES = QualityRules(stale_after_ns=90 * SECOND_NS)

prices = st.one_of(
    st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    st.sampled_from([0.0, -1.0, 50.0, 50.01, 200.0, float("nan"), float("inf"), 100.0, 100.0]))
sizes = st.sampled_from([100.0, 100.0, 200.0, 0.0, -5.0, float("nan"), float("inf")])
minutes = st.one_of(st.integers(0, 70), st.integers(24 * 60 - 5, 24 * 60 + 40))


@st.composite
def records(draw, kind):
    """Draw records that mostly rise in time and mostly agree, with every defect among them."""
    rows = draw(st.lists(st.tuples(minutes, st.integers(0, 2), st.lists(prices, min_size=4, max_size=4),
                                   st.lists(sizes, min_size=2, max_size=2), st.integers(0, 9)), max_size=40))
    if draw(st.booleans()):
        rows.sort(key=lambda row: row[0])
    found = np.zeros(len(rows), LAYOUTS[kind])
    for record, (minute, instrument, some_prices, some_sizes, oddity) in zip(found, rows, strict=True):
        values = some_prices
        if kind is Kind.BAR and oddity < 8:
            # Mostly a bar that makes sense.
            values = [some_prices[0], max(some_prices), min(some_prices), some_prices[3]]
        record["instrument"] = instrument
        record["event_time_ns"] = minute * MINUTE_NS
        if kind is Kind.BAR:
            record["open_time_ns"] = (minute - 1) * MINUTE_NS + (3 * MINUTE_NS if oddity == 9 else 0)
        for name, value in zip(PRICES[kind] + SIZES[kind], values[:len(PRICES[kind])] + some_sizes, strict=False):
            record[name] = value
    return found


batches = st.tuples(*(records(kind) for kind in Kind)).map(
    lambda found: MarketBatch.of(numbered(dict(zip(Kind, found, strict=True)))))
rules = st.builds(
    QualityRules, stale_after_ns=st.sampled_from([0, 90 * SECOND_NS, 10**18]),
    jump_floor_bps=st.sampled_from([0.0, 50.0, 5_000.0]), jump_multiple=st.sampled_from([1.0, 6.0]),
    jump_initial_bps=st.sampled_from([0.0, 100.0]), jump_memory_records=st.integers(1, 20),
    jump_confirm_records=st.integers(1, 4))


def pieces(batch, cuts):
    parts = []
    for cut in sorted(cuts):
        part, batch = split_before(batch, cut)
        parts.append(part)
    return [*parts, batch]


@settings(max_examples=200)
@given(batches, rules)
def test_the_compiled_gate_judges_as_the_plain_one(batch, some_rules):
    gate, plain = QualityGate(KNOWN, some_rules, SESSIONS), PlainGate(some_rules, CALENDAR)
    expected = {int(record["sequence"]): int(plain.judge(kind, record))
                for kind, found in batch.arrays().items() for record in found}

    assert flags_of(gate, [batch]) == expected
    assert gate.counts() == dict(plain.counts)


@settings(max_examples=60)
@given(batches, st.lists(st.integers(0, 120), max_size=8))
def test_where_the_run_is_cut_changes_neither_flags_nor_state(batch, cuts):
    whole, cut = (QualityGate(KNOWN, RULES, SESSIONS) for _ in range(2))

    assert flags_of(whole, [batch]) == flags_of(cut, pieces(batch, cuts))
    assert whole.state() == cut.state()


@settings(max_examples=60)
@given(batches, st.integers(0, 120))
def test_a_gate_restored_in_the_middle_goes_on_as_if_nothing_had_happened(batch, cut):
    before, after = pieces(batch, [cut])
    steady, stopped, restarted = (QualityGate(KNOWN, RULES, SESSIONS) for _ in range(3))
    steady.check(before)
    stopped.check(before)

    restarted.restore(stopped.state())

    assert flags_of(restarted, [after]) == flags_of(steady, [after])
    assert restarted.state() == steady.state()
    assert restarted.counts() == steady.counts()


@settings(max_examples=60)
@given(batches)
def test_a_quarantined_record_leaves_no_trace(batch):
    gate, again = (QualityGate(KNOWN, RULES, SESSIONS) for _ in range(2))
    passed = gate.check(batch).passed

    second = again.check(passed)

    assert not len(second.quarantined)
    assert all(np.array_equal(second.passed.arrays()[kind], found, equal_nan=False) or
               found.tobytes() == second.passed.arrays()[kind].tobytes() for kind, found in passed.arrays().items())


@settings(max_examples=60)
@given(batches)
def test_every_record_comes_out_once_unchanged_but_for_its_flags(batch):
    kept = {kind: found.copy() for kind, found in batch.arrays().items()}
    for found in batch.arrays().values():
        found.flags.writeable = False
    gate = QualityGate(KNOWN, RULES, SESSIONS)

    verdict = gate.check(batch)

    together = joined([verdict.passed, verdict.quarantined])
    for kind, found in batch.arrays().items():
        assert found.tobytes() == kept[kind].tobytes()
        out = np.sort(together[kind], order="sequence", kind="stable")
        assert not (verdict.passed.arrays()[kind]["flags"] & int(QUARANTINE)).any()
        assert (verdict.quarantined.arrays()[kind]["flags"] & int(QUARANTINE)).all()
        out["flags"] = found["flags"]
        assert out.tobytes() == found.tobytes()
        assert gate.record_counts[kind].tolist() == [
            len(verdict.passed.arrays()[kind]), len(verdict.quarantined.arrays()[kind])]


def quotes(rows):
    found = np.zeros(len(rows), LAYOUTS[Kind.QUOTE])
    for i, (record, (time_ns, bid, ask)) in enumerate(zip(found, rows, strict=True)):
        record["sequence"], record["event_time_ns"], record["bid"], record["ask"] = i + 1, time_ns, bid, ask
        record["bid_size"] = record["ask_size"] = np.nan
    return MarketBatch.of({Kind.QUOTE: found})


def judged(rows, **changed):
    gate = QualityGate(KNOWN, QualityRules(**changed), {})
    return [Flag(flags) for _, flags in sorted(flags_of(gate, [quotes(rows)]).items())]


def test_a_real_move_is_accepted_once_it_is_confirmed():
    levels = [100.0] * 5 + [120.0] * 5
    flags = judged([(i, level, level + 0.01) for i, level in enumerate(levels)])

    assert [bool(flag & Flag.PRICE_JUMP) for flag in flags] == [False] * 5 + [True, True, False, False, False]


def test_false_prints_that_disagree_stay_flagged_and_the_good_price_is_still_trusted():
    levels = [100.0] * 5 + [120.0, 80.0, 150.0, 60.0, 130.0] + [100.0] * 2
    flags = judged([(i, level, level + 0.01) for i, level in enumerate(levels)])

    assert [bool(flag & Flag.PRICE_JUMP) for flag in flags] == [False] * 5 + [True] * 5 + [False] * 2


def test_a_false_price_between_good_ones_is_flagged_for_as_long_as_that_goes_on():
    levels = [100.0] * 50 + [100.0, 110.0] * 1000
    flags = judged([(i, level, level + 0.01) for i, level in enumerate(levels)])

    assert [bool(flag & Flag.PRICE_JUMP) for flag in flags] == [level == 110.0 for level in levels]


@pytest.mark.parametrize("move", [0.02, 0.1])
def test_a_market_that_becomes_wilder_for_good_is_not_flagged_for_ever(move):
    """Even a hundred times as wild: the mean move learns from flagged records too, only slowly."""
    random = np.random.default_rng(3)
    moves = np.concatenate([random.normal(0, move / 100, 300), random.normal(0, move, 300)])
    levels = (100.0 * np.exp(np.cumsum(moves))).tolist()
    flags = judged([(i, level, level) for i, level in enumerate(levels)])

    assert any(flag & Flag.PRICE_JUMP for flag in flags[300:])
    assert not any(flag & Flag.PRICE_JUMP for flag in flags[:300] + flags[400:])


@pytest.mark.parametrize("field", QualityRules.__struct_fields__)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_rules_out_of_range_name_the_field_and_the_bound(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value}; allowed: [01] or more"):
        QualityRules(**{field: value})


def test_a_state_of_other_instruments_or_of_no_gate_is_refused():
    state = QualityGate(KNOWN, RULES, {}).state()
    with pytest.raises(FeedError, match="allowed: one of this version and these instruments"):
        QualityGate(instruments("A", "B", "X"), RULES, {}).restore(state)
    for wrong in (b"", state[:-1], state + b"\0", b"x" + state):
        with pytest.raises(FeedError, match=f"state of the quality gate has {len(wrong)} bytes"):
            QualityGate(KNOWN, RULES, {}).restore(wrong)


PROGRAM = """
import json, sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
from tests.feeds.test_quality import state_of_a_fixed_run
print(json.dumps(state_of_a_fixed_run()))
"""


def state_of_a_fixed_run():
    random = np.random.default_rng(7)
    arrays = {}
    for kind in Kind:
        found = np.zeros(300, LAYOUTS[kind])
        found["event_time_ns"] = np.sort(random.integers(0, 90, 300)) * MINUTE_NS
        found["instrument"] = random.integers(0, 3, 300)
        for name in PRICES[kind] + SIZES[kind]:
            found[name] = random.choice([99.0, 100.0, 101.0, 150.0, 0.0, np.nan], 300, p=[.3, .3, .3, .04, .03, .03])
        if kind is Kind.BAR:
            found["open_time_ns"] = found["event_time_ns"] - MINUTE_NS
            found["high"], found["low"] = np.fmax(found["open"], found["close"]), np.fmin(found["open"], found["close"])
        arrays[kind] = found
    gate = QualityGate(KNOWN, RULES, SESSIONS)
    gate.check(MarketBatch.of(numbered(arrays)))
    return gate.state().hex()


def test_interpreted_kernels_find_the_same_to_the_last_bit():
    """Compiled code reads out of range without a word; the interpreter raises IndexError there."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", PROGRAM], check=True, capture_output=True, text=True,
        cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT / "libs")},
    )

    assert json.loads(run.stdout) == state_of_a_fixed_run()
