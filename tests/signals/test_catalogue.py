"""What holds for every signal of the catalogue, whatever it computes."""

import math
import zlib

import numpy as np
import pytest

from algotrade.signals import catalog
from algotrade.signals.signal import CAPACITY_MAX
from tests.signals.markets import columns, small

SIGNALS = {name: entry for name, entry in catalog.items() if entry.kind == "signal"}
EVERY = pytest.mark.parametrize("signal", list(SIGNALS.values()), ids=list(SIGNALS))
N = 160

# When these have their first value depends on the data: as soon as so many buckets of volume are full.
AT_LEAST = {"vpin"}


def values(signal, /, *data, **parameters) -> np.ndarray:
    """Return the batch as (outputs, n)."""
    return np.array(signal.batch(*data, **parameters)).reshape(len(signal.output_names), len(data[0]))


def streamed(signal, data, state) -> np.ndarray:
    found = [signal.update(state, *map(float, row)) for row in zip(*data, strict=True)]
    return np.array(found).reshape(-1, len(signal.output_names)).T


def same(ours, theirs) -> None:
    """Bit for bit, but for the sign of zero and of NaN."""
    np.testing.assert_array_equal(ours, theirs, strict=True)


@EVERY
def test_streaming_gives_what_batch_gives(signal):
    data = columns(signal, N)

    same(streamed(signal, data, signal.state(**small(signal))), values(signal, *data, **small(signal)))


@EVERY
def test_any_cut_into_chunks_gives_the_same(signal):
    data = columns(signal, N)
    expected = values(signal, *data, **small(signal))
    rng = np.random.default_rng(zlib.crc32(signal.name.encode()))
    for cuts in ([1], [N - 1], sorted(rng.integers(0, N, 5))):
        state, parts = signal.state(**small(signal)), []
        for begin, end in zip([0, *cuts], [*cuts, N], strict=True):
            parts.append(np.array(signal.feed(state, *(c[begin:end] for c in data))).reshape(len(expected), -1))
        same(np.concatenate(parts, axis=1), expected)


def leaves(record, path=""):
    """Yield (name, value) of each field that is no record itself."""
    for name in record.dtype.names:
        value = record[name]
        yield from leaves(value, f"{path}{name}.") if value.dtype.names else [(path + name, np.array(value))]


@EVERY
def test_arrays_leave_the_state_that_single_observations_leave(signal):
    """Also where a hole comes once blocks are full: arrays are run through by another loop then."""
    data = columns(signal, N)
    data[0][[3, 90, 91, 140]] = np.nan
    one, other = signal.state(**small(signal)), signal.state(**small(signal))

    streamed(signal, data, one)
    signal.feed(other, *data)

    for (name, ours), (_, theirs) in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@EVERY
def test_a_block_that_is_full_stays_so(signal):
    """What the loop over arrays takes for granted (``hot``)."""
    state, before = signal.state(**small(signal)), {}
    for row in zip(*columns(signal, N), strict=True):
        signal.update(state, *map(float, row))
        after = {name: int(value) for name, value in leaves(state) if name.split(".")[-1] == "full"}
        assert all(before.get(name, 0) <= value <= 1 for name, value in after.items())
        before = after
    assert all(before.values())


@EVERY
def test_a_state_restored_from_its_bytes_goes_on_as_if_nothing_had_been(signal):
    data = columns(signal, N)
    expected = values(signal, *data, **small(signal))
    state = signal.state(**small(signal))
    for i in range(N):
        restored = np.frombuffer(bytearray(state.tobytes()), dtype=state.dtype)[0]
        found = signal.update(restored, *(float(c[i]) for c in data))
        same(np.array(found, dtype=np.float64).reshape(-1), expected[:, i])
        state = restored


@EVERY
def test_no_observation_and_one(signal):
    for n in (0, 1):
        data = [column[:n] for column in columns(signal, N)]
        found = values(signal, *data, **small(signal))
        assert found.shape == (len(signal.output_names), n)
        same(found, values(signal, *columns(signal, N), **small(signal))[:, :n])


@EVERY
@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])
def test_an_unusable_observation_is_ignored_and_the_value_repeated(signal, hole):
    data = columns(signal, N)
    expected = values(signal, *data, **small(signal))
    for at in (0, 1, 7, N // 2, N):
        for broken in range(len(data)):
            row = [float(c[min(at, N - 1)]) for c in data]
            row[broken] = hole
            found = values(signal, *(np.insert(c, at, v) for c, v in zip(data, row, strict=True)), **small(signal))
            same(np.delete(found, at, axis=1), expected)
            same(found[:, at], expected[:, at - 1] if at else np.full(len(expected), math.nan))


@EVERY
def test_a_series_of_unusable_observations_has_no_value(signal):
    found = values(signal, *(np.full(20, math.nan) for _ in signal.inputs))

    assert np.isnan(found).all()


@EVERY
def test_what_comes_later_changes_nothing_before_it(signal):
    data, other = columns(signal, N), columns(signal, N, seed=2)
    expected = values(signal, *data, **small(signal))
    for at in (3, 40, N - 1):
        changed = [np.concatenate([c[:at], o[at:]]) for c, o in zip(data, other, strict=True)]
        same(values(signal, *changed, **small(signal))[:, :at], expected[:, :at])


@EVERY
def test_the_first_value_comes_after_the_warm_up_and_none_is_missing_then(signal):
    parameters = small(signal)
    found = values(signal, *columns(signal, N), **parameters)
    known = ~np.isnan(found).any(axis=0)

    first = np.flatnonzero(known)[0]
    assert first + 1 == signal.warmup(**parameters) or (first >= signal.warmup(**parameters)
                                                        and signal.name in AT_LEAST)
    assert known[first:].all()
    assert np.isnan(found[:, :first]).all()


@EVERY
def test_defaults_are_within_their_ranges_and_warm_up(signal):
    n = signal.warmup()
    found = values(signal, *columns(signal, n + 400))

    assert not np.isnan(found[:, n - 1 + (390 if signal.name in AT_LEAST else 0) :]).any()
    assert np.isnan(found[:, : n - 1]).all()


@EVERY
def test_parameters_out_of_range_are_refused(signal):
    data = columns(signal, 10)
    for parameter in signal.parameters:
        wrong = [parameter.low - 1, math.nan, "3", None, True]
        wrong += [CAPACITY_MAX + 1] if parameter.ring else [parameter.high + 1] if parameter.high < math.inf else []
        wrong += [parameter.default + 0.5] if parameter.whole else []
        for value in wrong:
            with pytest.raises(ValueError, match=f"{signal.name}: {parameter.name} is .*; allowed: "):
                signal.batch(*data, **{parameter.name: value})
    for below, above in signal.ordered:
        with pytest.raises(ValueError, match=f"allowed: {below} below {above}"):
            signal.batch(*data, **{below: small(signal)[above], above: small(signal)[above]})


@EVERY
def test_a_window_beyond_the_capacity_is_refused_and_one_at_it_is_not(signal):
    for parameter in signal.parameters:
        if parameter.ring:
            with pytest.raises(ValueError, match=rf"{parameter.name} is 9; allowed: .* to 8; .*capacity="):
                signal.state(capacity=8, **{**small(signal), parameter.name: 9})


@EVERY
def test_a_panel_is_its_series(signal):
    series = [columns(signal, N, seed) for seed in range(3)]
    panel = signal.batch(*(np.stack(c) for c in zip(*series, strict=True)), **small(signal))
    found = np.array(panel).reshape(len(signal.output_names), 3, N)

    for row, data in enumerate(series):
        same(found[:, row], values(signal, *data, **small(signal)))


@EVERY
def test_a_sweep_is_its_batches(signal):
    data, low = columns(signal, N), small(signal)
    for parameter in signal.parameters:
        if any(parameter.name in pair for pair in signal.ordered):
            continue
        swept = [parameter.low, parameter.default]
        found = np.array(signal.sweep(*data, **{**low, parameter.name: swept})).reshape(-1, 2, N)
        for row, value in enumerate(swept):
            same(found[:, row], values(signal, *data, **{**low, parameter.name: value}))


@EVERY
def test_what_is_to_be_known_about_it_is_said(signal):
    assert signal.name.isidentifier()
    assert signal.name == signal.name.lower()
    assert signal.unit
    assert len(signal.formula) > 10
    assert len(signal.source) > 5
    assert all(p.low <= p.default <= p.high for p in signal.parameters)
    assert signal.dtype().names[: 2 + len(signal.parameters)] == (
        "seen", *(p.name for p in signal.parameters), "value")
