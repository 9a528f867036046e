"""Bars from trades against plain Python over generated trades, whole and cut into calls."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.signals import catalog
from algotrade.signals.bars import BAR, BARS, CHUNK
from tests.shared_data import shared_data

builders = pytest.mark.parametrize("builder", BARS, ids=[builder.name for builder in BARS])

prices = st.integers(95, 105).map(float) | st.sampled_from([math.nan, math.inf, 0.0, -1.0])
sizes = st.integers(1, 20).map(float) | st.sampled_from([math.nan, 0.0, -5.0, 1e61])
trades = st.lists(st.tuples(st.integers(-5, 40), prices, sizes), max_size=80)
weights = st.integers(0, 2)

SMALL = {"time_bars": {"interval_ns": 60}, "tick_bars": {"ticks": 3}, "volume_bars": {"volume": 25.0},
         "dollar_bars": {"dollars": 2_500.0}, "imbalance_bars": {"ticks": 4, "span_bars": 3, "span_ticks": 10}}


def columns(rows) -> list[np.ndarray]:
    """Return time_ns, price and size; steps in time may be back."""
    steps, price, size = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return [np.cumsum(np.array([1_000, *steps], dtype=np.int64))[1:], np.array(price, dtype=float),
            np.array(size, dtype=float)]


def usable(data) -> list[tuple[int, float, float]]:
    """Return the trades that count, their times never going back."""
    found = []
    for time, price, size in zip(*data, strict=True):
        if 0 < price <= 1e60 and 0 < size <= 1e60:
            found.append((max(int(time), found[-1][0]) if found else int(time), float(price), float(size)))
    return found


def bar(members) -> tuple:
    times, price, size = zip(*members, strict=True)
    return (times[0], times[-1], price[0], max(price), min(price), price[-1], sum(size),
            sum(p * v for p, v in zip(price, size, strict=True)), len(members))


def cut(members, ends) -> np.ndarray:
    """Return the bars of which ``ends`` tells that they are complete, from the list of their trades."""
    found, forming = [], []
    for trade in members:
        forming.append(trade)
        if ends(forming):
            found.append(bar(forming))
            forming = []
    return np.array(found, dtype=BAR)


@given(trades, st.integers(1, 9), st.integers(1, 60).map(float), st.integers(1, 4_000).map(float))
def test_bars_end_with_the_trade_that_makes_them_full(rows, ticks, volume, dollars):
    data = columns(rows)
    members = usable(data)

    np.testing.assert_array_equal(catalog["tick_bars"].batch(*data, ticks=ticks),
                                  cut(members, lambda forming: len(forming) >= ticks))
    np.testing.assert_array_equal(catalog["volume_bars"].batch(*data, volume=volume),
                                  cut(members, lambda forming: sum(v for _, _, v in forming) >= volume))
    np.testing.assert_array_equal(catalog["dollar_bars"].batch(*data, dollars=dollars),
                                  cut(members, lambda forming: sum(p * v for _, p, v in forming) >= dollars))


@given(trades, st.integers(1, 100))
def test_a_time_bar_holds_the_trades_of_its_interval(rows, interval_ns):
    data = columns(rows)
    intervals: dict[int, list] = {}
    for trade in usable(data):
        intervals.setdefault(trade[0] // interval_ns, []).append(trade)
    over = sorted(intervals)[:-1]

    np.testing.assert_array_equal(catalog["time_bars"].batch(*data, interval_ns=interval_ns),
                                  np.array([bar(intervals[k]) for k in over], dtype=BAR))


def imbalance_bars(members, weight, ticks, span_bars, span_ticks, ticks_min, ticks_max) -> np.ndarray:
    """The book's rule, written as it is told: signs, expectations of the bars before, the first T beyond them."""
    found, forming, leanings, sign, average = [], [], [], 0.0, 0.0
    expected_ticks = expected_imbalance = None
    for n, (_, price, size) in enumerate(members):
        if n and price != members[n - 1][1]:
            sign = math.copysign(1.0, price - members[n - 1][1])
        leaning = sign * (1.0, size, size * price)[weight]
        average += max(2.0 / (span_ticks + 1), 1.0 / (n + 1)) * (leaning - average)
        forming.append(members[n])
        leanings.append(leaning)
        if expected_ticks is None:
            ended = len(forming) == ticks
        else:
            ended = abs(sum(leanings)) >= expected_ticks * abs(expected_imbalance)
        if ended:
            found.append(bar(forming))
            before = len(forming) if expected_ticks is None else expected_ticks
            expected_ticks = before + 2.0 / (span_bars + 1) * (len(forming) - before)
            expected_ticks = min(max(expected_ticks, ticks_min), ticks_max)
            expected_imbalance, forming, leanings = average, [], []
    return np.array(found, dtype=BAR)


@given(trades, weights, st.integers(1, 8), st.integers(1, 10), st.integers(1, 30), st.integers(1, 5),
       st.integers(6, 40))
def test_imbalance_bars_are_the_books(rows, weight, ticks, span_bars, span_ticks, ticks_min, ticks_max):
    data = columns(rows)
    settings = {"weight": weight, "ticks": ticks, "span_bars": span_bars, "span_ticks": span_ticks,
                "ticks_min": ticks_min, "ticks_max": ticks_max}

    np.testing.assert_array_equal(catalog["imbalance_bars"].batch(*data, **settings),
                                  imbalance_bars(usable(data), **settings))


@builders
@given(rows=trades, at=st.integers(0, 80))
def test_one_by_one_in_pieces_and_from_a_snapshot_give_the_same_bars(builder, rows, at):
    data, small = columns(rows), SMALL[builder.name]
    whole = builder.batch(*data, **small)

    state, found = builder.state(**small), []
    for trade in zip(*data, strict=True):
        state = np.frombuffer(bytearray(state.tobytes()), dtype=builder.dtype())[0]
        if builder.update(state, int(trade[0]), float(trade[1]), float(trade[2])):
            found.append(state["bar"].copy())
    np.testing.assert_array_equal(np.array(found, dtype=BAR), whole)

    state = builder.state(**small)
    parts = [builder.feed(state, *(column[part] for column in data)) for part in (slice(at), slice(at, None))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@builders
def test_more_trades_than_a_chunk_are_the_same_bars(builder):
    rng, n = np.random.default_rng(7), 2 * CHUNK + 1_000
    data = [np.cumsum(rng.integers(0, 50, n)), 100 + 0.01 * np.cumsum(rng.integers(-1, 2, n)),
            rng.integers(1, 9, n) * 100.0]
    whole, state = builder.batch(*data, **SMALL[builder.name]), builder.state(**SMALL[builder.name])

    parts = [builder.feed(state, *(c[i : i + 30_011] for c in data)) for i in range(0, n, 30_011)]

    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(whole) > 100
    assert whole["trades"].sum() + state["forming"]["trades"] == n
    assert state.dtype.itemsize < 400


@pytest.mark.parametrize("weight", [0, 1, 2])
def test_imbalance_bars_end_sooner_where_trades_lean(weight):
    """The book's purpose: more bars while one side trades more than before."""
    rng, n = np.random.default_rng(8), 40_000
    up = np.where(np.arange(n) < n // 2, rng.random(n) < 0.52, rng.random(n) < 0.8)
    price = 1_000 + 0.01 * np.cumsum(np.where(up, 1, -1))

    found = catalog["imbalance_bars"].batch(
        np.arange(n), price, np.full(n, 100.0), weight=weight, ticks=500, ticks_min=200, ticks_max=2_000)

    half = found["event_time_ns"] < n // 2
    assert np.mean(found["trades"][~half][:5]) < np.mean(found["trades"][half]) / 2


@pytest.mark.parametrize("name", ["time_bars", "volume_bars", "dollar_bars"])
def test_bars_of_a_real_week_keep_every_share(name):
    table = pq.read_table(shared_data("us_equity_ticks/trades_IBM_20131007_20131011.parquet"))
    data = [table["ts_event"].to_numpy().astype(np.int64), *(table[c].to_numpy().astype(float)
                                                             for c in ("price", "size"))]
    builder = catalog[name]
    state = builder.state()

    found = builder.feed(state, *data)

    assert len(found) > 500
    assert found["volume"].sum() + (state["forming"]["volume"] if state["forming"]["trades"] else 0) == data[2].sum()
    assert (found["low"] <= found["open"]).all()
    assert (found["high"] >= found["close"]).all()
    assert (np.diff(found["open_time_ns"]) >= 0).all()


@builders
def test_what_is_to_be_known_about_it_is_said(builder):
    assert builder is catalog[builder.name]
    assert builder.kind == builder.family == "bars"
    assert builder.output_names == BAR.names
    assert len(builder.formula) > 10
    assert len(builder.source) > 5
    assert all(p.low <= p.default <= p.high for p in builder.parameters)


@builders
def test_wrong_arguments_are_refused(builder):
    data = columns([(1, 1.0, 1.0)] * 3)
    for parameter in builder.parameters:
        for value in (parameter.low - 1, math.nan, "3", None, parameter.high * 2):
            with pytest.raises(ValueError, match=f"{builder.name}: {parameter.name} is .*; allowed: "):
                builder.batch(*data, **{parameter.name: value})
    with pytest.raises(ValueError, match="no parameter 'period'"):
        builder.state(period=3)
    with pytest.raises(ValueError, match="time_ns is float64; allowed: int64"):
        builder.batch(data[0].astype(float), data[1], data[2])
    with pytest.raises(ValueError, match="allowed: the same"):
        builder.batch(data[0], data[1], data[2][:2])
    assert builder.batch([], [], []).dtype == BAR
