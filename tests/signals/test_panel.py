"""What holds for every entry that looks at many symbols at a time, whatever it computes."""

import math

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from algotrade.signals import catalog
from algotrade.signals import panel as panel_module
from tests.signals.markets import small
from tests.signals.panels import HOLES, along, arrays, with_hole

PANELS = [entry for entry in catalog.values() if entry.kind == "panel"]
EVERY = pytest.mark.parametrize("entry", PANELS, ids=[entry.name for entry in PANELS])
BY_TIME = [entry for entry in PANELS if "times" in entry.axes]
TIMED = pytest.mark.parametrize("entry", BY_TIME, ids=[entry.name for entry in BY_TIME])

# A coefficient stands at the time of the signal, and is known when its returns are.
COEFFICIENTS = {"information_coefficient", "rank_information_coefficient"}

# Absent symbols are weights of 0 there, and one symbol is enough.
OF_ANY_COUNT = {"blend", "turnover"}


def values(entry, given, **parameters) -> np.ndarray:
    found = entry.batch(*given, **{**small(entry), **parameters})
    return np.concatenate([np.ravel(part) for part in found]) if isinstance(found, tuple) else found


def same(ours, theirs) -> None:
    np.testing.assert_array_equal(ours, theirs, strict=True)


def moved(entry, ours, places) -> np.ndarray:
    """Return results with their symbols, where they have some, in another order."""
    return np.take(ours, places, axis=entry.axes.index("symbols")) if "symbols" in entry.axes else ours


@pytest.mark.parametrize("entry", [e for e in PANELS if not e.history], ids=lambda e: e.name)
def test_a_panel_is_its_rows_to_the_last_bit(entry):
    given = arrays(entry)
    whole = np.moveaxis(values(entry, given), entry.axes.index("times"), 0)

    for t in range(len(whole)):
        row = [along(item, array, "times", t) for item, array in zip(entry.inputs, given, strict=True)]
        same(values(entry, row), whole[t])


@TIMED
def test_a_panel_is_its_beginning_and_what_comes_later_changes_nothing(entry):
    given, other = arrays(entry), arrays(entry, seed=2)
    settings = small(entry)
    ahead = settings["delay"] + settings["horizon"] if entry.name in COEFFICIENTS else 0
    place = entry.axes.index("times")
    whole = values(entry, given)
    for now in (1, 9, 13):
        parts = [along(item, array, "times", np.arange(now + 1))
                 for item, array in zip(entry.inputs, given, strict=True)]
        rest = [along(item, array, "times", np.arange(now + 1, 14))
                for item, array in zip(entry.inputs, other, strict=True)]
        changed = [np.concatenate(pair, axis=item.axes.index("times"))
                   for item, pair in zip(entry.inputs, zip(parts, rest, strict=True), strict=True)]
        known = np.arange(max(now + 1 - ahead, 0))
        same(np.take(values(entry, changed), known, place), np.take(whole, known, place))
        same(np.take(values(entry, parts), known, place), np.take(whole, known, place))


@EVERY
def test_threads_change_nothing(entry, monkeypatch):
    given = arrays(entry)
    alone = values(entry, given, threads=1)
    monkeypatch.setattr(panel_module, "THREADS_FROM", 0)

    for threads in (2, 3, 50):
        same(values(entry, given, threads=threads), alone)


@EVERY
def test_symbols_in_another_order_are_results_in_that_order(entry):
    given = arrays(entry)
    places = np.random.default_rng(3).permutation(11)
    mixed = [along(item, array, "symbols", places) for item, array in zip(entry.inputs, given, strict=True)]

    np.testing.assert_allclose(values(entry, mixed), moved(entry, values(entry, given), places), rtol=1e-9, atol=1e-9)


@EVERY
@pytest.mark.parametrize("hole", HOLES)
def test_an_absent_symbol_is_as_if_it_were_not_there(entry, hole):
    given = arrays(entry)
    without = [along(item, array, "symbols", np.delete(np.arange(11), 4))
               for item, array in zip(entry.inputs, given, strict=True)]
    broken = [with_hole(item, array, 4, hole) for item, array in zip(entry.inputs, given, strict=True)]
    found = values(entry, broken)

    same(moved(entry, found, np.delete(np.arange(11), 4)), values(entry, without))
    if "symbols" in entry.axes:
        assert np.isnan(moved(entry, found, 4)).all()


@EVERY
def test_a_symbol_absent_now_and_then_is_absent_then_alone(entry):
    given = arrays(entry, times=30, symbols=14)
    rng = np.random.default_rng(4)
    for k, item in enumerate(entry.inputs):
        if "symbols" in item.axes and not item.labels:
            holes = rng.random(given[k].shape) < 0.05
            given[k] = np.where(holes, rng.choice(HOLES, given[k].shape), given[k])
    blanked = [np.where(np.isfinite(a) & (abs(a) <= 1e60), a, math.nan) if a.dtype.kind == "f" else a for a in given]

    same(values(entry, given, symbols_min=2) if "symbols_min" in small(entry) else values(entry, given),
         values(entry, blanked, symbols_min=2) if "symbols_min" in small(entry) else values(entry, blanked))


@EVERY
@pytest.mark.parametrize(("times", "symbols"), [(0, 3), (3, 0), (0, 0), (1, 1), (14, 1), (1, 11)])
def test_panels_of_nothing_and_of_one(entry, times, symbols):
    found = values(entry, arrays(entry, times=times, symbols=symbols))

    if entry.finish is None:
        sizes = {"times": times, "symbols": symbols, "signals": 3}
        assert found.shape == tuple(sizes[axis] for axis in entry.axes)
    assert np.isnan(found).all() or times == 1 or entry.name in OF_ANY_COUNT


@EVERY
def test_fewer_symbols_than_are_asked_for_have_no_result(entry):
    if "symbols_min" not in small(entry):
        assert entry.name in OF_ANY_COUNT
        return
    given = arrays(entry, times=40)

    assert not np.isnan(values(entry, given, symbols_min=11)).all()
    assert np.isnan(values(entry, given, symbols_min=12)).all()


@EVERY
def test_symbols_that_do_not_differ_have_no_result(entry):
    if entry.name in OF_ANY_COUNT:
        return
    for level in (0.0, 0.1, -7.3e5):
        given = [np.full(array.shape, abs(level) + 1 if item.name == "prices" else level) if not item.labels else array
                 for item, array in zip(entry.inputs, arrays(entry), strict=True)]
        assert np.isnan(values(entry, given)).all()


@EVERY
def test_the_first_value_comes_with_the_warm_up(entry):
    parameters = small(entry)
    needed = entry.warmup(**parameters)
    before, found = (entry.batch(*arrays(entry, times=times), **parameters) for times in (needed - 1, needed))

    assert np.isnan(before.ic if entry.finish else before).all()
    assert not np.isnan(found.ic if entry.finish else found).all()


@EVERY
def test_a_time_allocates_nothing(entry):
    _nrt_python.memsys_enable_stats()
    counts = []
    for times in (10, 40):
        checked, _, _ = entry._arrays(arrays(entry, times=times))
        settings = {**small(entry), "lags": times} if "lags" in small(entry) else small(entry)
        numbers = tuple(int(settings[p.name]) if p.whole else float(settings[p.name]) for p in entry.parameters)
        sizes = {"times": times, "symbols": 11, "signals": 3, "lags": times}
        out = np.empty([axis if isinstance(axis, int) else sizes[axis] for axis in entry.axes])
        work = entry.work(checked, settings)
        entry._run(checked, out, work, numbers, 0, times)
        before = rtsys.get_allocation_stats().alloc
        entry._run(checked, out, work, numbers, 0, times)
        counts.append(rtsys.get_allocation_stats().alloc - before)
    assert counts[0] == counts[1]


@EVERY
def test_parameters_out_of_range_are_refused(entry):
    given = arrays(entry)
    for parameter in entry.parameters:
        wrong = [parameter.low - 1, math.nan, "3", None, True, parameter.high + 1]
        wrong += [parameter.default + 0.5] if parameter.whole else []
        for value in wrong:
            with pytest.raises(ValueError, match=f"{entry.name}: {parameter.name} is .*; allowed: "):
                entry.batch(*given, **{parameter.name: value})
    for below, above in entry.ordered:
        with pytest.raises(ValueError, match=f"allowed: {below} below {above}"):
            entry.batch(*given, **{below: small(entry)[above], above: small(entry)[above]})
    with pytest.raises(ValueError, match=f"{entry.name}: no parameter 'perod'"):
        entry.batch(*given, perod=3)
    with pytest.raises(ValueError, match=f"{entry.name}: threads is 0; allowed: 1 or more"):
        entry.batch(*given, threads=0)


@EVERY
def test_inputs_that_do_not_fit_are_refused(entry):
    given = arrays(entry)
    with pytest.raises(ValueError, match=rf"{entry.name}: {len(given) + 1} inputs; allowed: \d"):
        entry.batch(*given, given[0])
    with pytest.raises(ValueError, match=f"{entry.name}: 0 inputs; allowed: "):
        entry.batch()
    for k, item in enumerate(entry.inputs):
        wrong = given[k][np.newaxis]
        with pytest.raises(ValueError, match=rf"{entry.name}: {item.name} has shape .*; allowed: \("):
            entry.batch(*given[:k], wrong, *given[k + 1 :])
        strange = [1j] if item.labels else ["a"]
        with pytest.raises(ValueError, match=rf"{entry.name}: {item.name} is list .*; allowed: \w+, \("):
            entry.batch(*given[:k], strange, *given[k + 1 :])
        for axis in set(item.axes) & set(entry.inputs[0].axes) if k else ():
            longer = np.repeat(given[k], 2, axis=item.axes.index(axis))
            with pytest.raises(ValueError, match=f"{entry.name}: {item.name} has .* {axis}; allowed: .*, as "):
                entry.batch(*given[:k], longer, *given[k + 1 :])


@pytest.mark.parametrize("entry", [e for e in PANELS if e.history], ids=lambda e: e.name)
def test_an_entry_that_looks_at_other_times_takes_no_row(entry):
    item = entry.inputs[0]
    row = along(item, arrays(entry)[0], "times", 0)

    with pytest.raises(ValueError, match=rf"{entry.name}: {item.name} has shape .*; allowed: \((signals, )?times, "):
        entry.batch(row, *arrays(entry)[1:])


@EVERY
def test_what_is_to_be_known_about_it_is_said(entry):
    assert catalog[entry.name] is entry
    assert entry.name.isidentifier()
    assert entry.family in {"cross-section", "composition"}
    assert entry.unit
    assert len(entry.formula) > 10
    assert len(entry.source) > 5
    assert all(p.low <= p.default <= p.high for p in entry.parameters)
    assert all(item.name in entry.shape for item in entry.inputs)
    assert len(entry.output_names) == (1 if entry.finish is None else 4)


def test_labels_are_numbered_and_no_label_is_none():
    for labels, expected in (([3, 1, 3], [1, 0, 1]), ([2.5, math.nan, 1.0], [1, -1, 0]), (["b", "a", "b"], [1, 0, 1]),
                             (np.array(["tech", None, math.nan], dtype=object), None), ([], [])):
        found = panel_module.codes(labels)
        if expected is None:
            assert found[0] >= 0
            assert list(found[1:]) == [-1, -1]
        else:
            assert list(found) == expected
        assert found.dtype == np.int64


@EVERY
@pytest.mark.parametrize("exponent", [-190, 190])
def test_very_large_and_very_small_numbers_give_what_others_give(entry, exponent):
    """Up to the limit of what is usable, nothing overflows or vanishes on the way."""
    given = arrays(entry)
    scaled = [array if item.labels else array * 2.0**exponent for item, array in zip(entry.inputs, given, strict=True)]
    weights = 2 if entry.name == "blend" else 1
    of_its_input = entry.unit.startswith("that of")

    np.testing.assert_allclose(values(entry, scaled),
                               values(entry, given) * 2.0 ** (exponent * weights if of_its_input else 0), rtol=1e-9)
