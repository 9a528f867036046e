import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.signals import order_flow

sizes = st.integers(0, 50).map(float)
any_floats = st.floats(allow_nan=True, allow_infinity=True)
# Prices from a narrow grid, so that every case of the definition comes up; now and then anything at all.
tame_quotes = st.tuples(
    st.integers(98, 101).map(float), st.integers(100, 103).map(float), sizes, sizes
)
wild_quotes = tame_quotes | st.tuples(any_floats, any_floats, any_floats, any_floats)
windows = st.integers(1, 10)


def columns(quotes: list[tuple[float, ...]]) -> list[np.ndarray]:
    return list(np.array(quotes, dtype=np.float64).reshape(-1, 4).T)


def oracle(quotes: list[tuple[float, ...]], window: int) -> list[float]:
    """The formulas of the module's docstring in plain Python, with indicator functions as in the paper."""
    decay, flow, depth, last, used, found = 1.0 - 1.0 / window, 0.0, 0.0, None, 0, []
    for bid, ask, bid_size, ask_size in quotes:
        mean_size = 0.5 * bid_size + 0.5 * ask_size
        new_flow, new_depth = 0.0, mean_size
        if last is not None:
            b0, a0, bs0, as0 = last
            e = 0.0
            e += bid_size if bid >= b0 else 0.0
            e -= bs0 if bid <= b0 else 0.0
            e -= ask_size if ask <= a0 else 0.0
            e += as0 if ask >= a0 else 0.0
            new_flow, new_depth = decay * flow + e, depth + (1.0 - decay) * (mean_size - depth)
        numbers = (bid, ask, bid_size, ask_size, new_flow, new_depth)
        if all(map(math.isfinite, numbers)) and bid_size >= 0 and ask_size >= 0:
            flow, depth, last, used = new_flow, new_depth, (bid, ask, bid_size, ask_size), used + 1
        found.append(0.5 * flow / depth if used >= window and depth > 0 else math.nan)
    return found


def streamed(quotes: list[tuple[float, ...]], window: int) -> list[float]:
    state, found = np.zeros((), dtype=order_flow.STATE).item(), []
    for quote in quotes:
        state = order_flow.update(*state, *quote, order_flow.decay_of(window))
        state = np.frombuffer(np.array(state, dtype=order_flow.STATE).tobytes(), dtype=order_flow.STATE)[0].item()
        found.append(order_flow.value(*state[4:], window))
    return found


@given(st.lists(wild_quotes, max_size=60), windows)
def test_batch_streaming_and_plain_python_agree_bit_for_bit(quotes, window):
    batch = order_flow.batch(*columns(quotes), window)

    np.testing.assert_array_equal(batch, oracle(quotes, window))
    np.testing.assert_array_equal(batch, streamed(quotes, window))


@pytest.mark.parametrize(("bid", "ask", "bid_size", "ask_size", "event"), [
    (10.00, 10.02, 7, 5, 7 - 4 - 5 + 6),  # prices stay: the changes of the two sizes
    (10.01, 10.02, 7, 5, 7 - 5 + 6),      # a better bid: all of it came
    (9.99, 10.02, 7, 5, -4 - 5 + 6),      # a worse bid: all that was there left
    (10.00, 10.01, 7, 5, 7 - 4 - 5),      # a lower ask: all of it came
    (10.00, 10.03, 7, 5, 7 - 4 + 6),      # a higher ask: all that was there left
    (10.01, 10.03, 7, 5, 7 + 6),          # both up: buying
    (9.99, 10.01, 7, 5, -4 - 5),          # both down: selling
    (10.00, 10.02, 4, 6, 0),              # the same quote again
])
def test_each_case_of_the_papers_definition(bid, ask, bid_size, ask_size, event):
    assert order_flow.contribution(10.00, 10.02, 4, 6, bid, ask, bid_size, ask_size) == event


def test_known_values():
    """Bid improves by 8 with a memory of 2: e = 8, depth 4 -> 5, imbalance 8 / 10; then nothing, and half is left."""
    imbalances = order_flow.batch([10.0, 10.1, 10.1], [10.2, 10.2, 10.2], [4, 8, 8], [4, 4, 4], 2)

    assert math.isnan(imbalances[0])
    assert imbalances[1] == 8 / (2 * 5.0)
    assert imbalances[2] == 4 / (2 * 5.5)


@given(st.lists(tame_quotes, max_size=60), windows)
def test_the_mirrored_book_has_the_opposite_imbalance(quotes, window):
    mirrored = [(-ask, -bid, ask_size, bid_size) for bid, ask, bid_size, ask_size in quotes]

    ours, theirs = (order_flow.batch(*columns(q), window) for q in (quotes, mirrored))

    np.testing.assert_array_equal(ours, -theirs)


@given(st.lists(tame_quotes, max_size=60), windows)
def test_sizes_in_lots_or_in_shares_give_the_same_imbalance(quotes, window):
    shares = [(bid, ask, 64 * bid_size, 64 * ask_size) for bid, ask, bid_size, ask_size in quotes]

    ours, theirs = (order_flow.batch(*columns(q), window) for q in (quotes, shares))

    np.testing.assert_array_equal(ours, theirs)


@given(
    st.lists(tame_quotes, max_size=40), windows, st.integers(0, 40), st.integers(0, 3),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_a_quote_that_is_not_finite_changes_nothing(quotes, window, at, field, hole):
    at = min(at, len(quotes))
    broken = [100.0, 101.0, 5.0, 5.0]
    broken[field] = hole

    imbalances = order_flow.batch(*columns([*quotes[:at], tuple(broken), *quotes[at:]]), window)

    np.testing.assert_array_equal(np.delete(imbalances, at), order_flow.batch(*columns(quotes), window))


def test_negative_sizes_are_ignored():
    huge = 1.7e308
    quotes = [(10.0, 10.1, 3.0, 3.0), (10.0, 10.1, -1.0, 3.0), (10.1, 10.0, huge, -huge), (10.1, 10.2, 3.0, 3.0)]

    imbalances = order_flow.batch(*columns(quotes), 1)

    assert imbalances.tolist() == [0.0, 0.0, 0.0, 6.0 / 6.0]


def test_an_overflow_is_ignored():
    """A bid of nearly the largest number after an ask of it: what came and what left cannot be told as one number."""
    huge = 1.7e308
    quotes = [(10.0, 10.1, 3.0, huge), (10.1, 10.2, huge, 3.0), (10.1, 10.1, 3.0, 3.0)]

    imbalances = order_flow.batch(*columns(quotes), 1)

    assert imbalances[:2].tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(imbalances, oracle(quotes, 1))


def test_an_empty_book_has_no_imbalance():
    assert np.isnan(order_flow.batch([1.0, 1.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0], 1)).all()


def test_no_quotes():
    assert order_flow.batch([], [], [], [], 5).tolist() == []


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="window is 0; allowed: 1 or more"):
        order_flow.batch([], [], [], [], 0)
    with pytest.raises(ValueError, match=r"are \[1, 0, 0, 0\]; allowed: the same"):
        order_flow.batch([1.0], [], [], [], 5)
