"""Stoikov's micro-price against the paper's own matrices, on the sample and its mirror image."""

import numpy as np
import pytest

from algotrade.signals import catalog
from algotrade.signals.micro_price import BUCKETS, SPREADS, state_of

TICK = 0.01


def book(n: int, seed: int) -> list[np.ndarray]:
    """Return quotes in which the heavier queue pushes the price: bid, bid_size, ask, ask_size."""
    rng = np.random.default_rng(seed)
    bid, spread, rows = 10_000, 1, []
    for _ in range(n):
        bid_size, ask_size = rng.integers(1, 20, 2) * 100.0
        rows.append((bid * TICK, bid_size, (bid + spread) * TICK, ask_size))
        lean = (bid_size - ask_size) / (bid_size + ask_size)
        move, spread_next = rng.random() < 0.3, int(rng.choice([1, 1, 1, 2, 2, 3, 4, 6]))
        if move:
            bid += 1 if rng.random() < 0.5 + 0.45 * lean else -1
        spread = spread_next
    return list(np.array(rows).T)


def states(quotes) -> np.ndarray:
    return np.array([state_of(*row, TICK) for row in zip(*quotes, strict=True)])


def papers_adjustments(quotes) -> dict[int, float]:
    """Return G1 + B G1 + B^2 G1 + ... of each state: Q, T and R counted, the mirrored sample counted with it."""
    every = list(range(-BUCKETS * SPREADS, BUCKETS * SPREADS + 1))
    place = {state: k for k, state in enumerate(every)}
    bid, _, ask, _ = quotes
    change, chain = np.diff((bid + ask) / 2), states(quotes)
    q, t, r = (np.zeros((len(every), len(every))) for _ in range(3))
    for before, now, moved in zip(chain[:-1], chain[1:], change, strict=True):
        for side in (1, -1):
            i, j = place[side * before], place[side * now]
            (t if abs(moved) > TICK / 4 else q)[i, j] += 1
            r[i, i] += side * moved
    visits = np.maximum((q + t).sum(axis=1), 1)
    q, t, g = q / visits[:, None], t / visits[:, None], np.diag(r) / visits
    inverse = np.linalg.inv(np.eye(len(every)) - q)
    term, b = inverse @ g, inverse @ t
    total = np.zeros(len(every))
    for _ in range(5_000):
        total += term
        term = b @ term
    assert np.abs(term).max() < 1e-12
    return dict(zip(every, total, strict=True))


def test_the_adjustment_is_the_papers_sum():
    quotes = book(6_000, seed=3)
    expected = papers_adjustments(quotes)
    bid, _, ask, _ = quotes

    found = catalog["microprice"].batch(*quotes, tick=TICK, refit=6_000)

    assert found[-1] - (bid[-1] + ask[-1]) / 2 == pytest.approx(expected[int(states(quotes)[-1])], rel=1e-6, abs=1e-9)
    state = catalog["microprice"].state(tick=TICK, refit=6_000)
    catalog["microprice"].feed(state, *quotes)
    assert len({s for s in states(quotes) if s > 0}) == BUCKETS * SPREADS
    np.testing.assert_allclose(state["adjustments"], [expected[k] for k in range(1, BUCKETS * SPREADS + 1)],
                               rtol=1e-6, atol=1e-9)
    assert np.abs(state["adjustments"]).max() > TICK / 10


def test_it_says_more_of_the_mid_to_come_than_the_mid_does():
    quotes = book(20_000, seed=4)
    mid = (quotes[0] + quotes[2]) / 2
    micro = catalog["microprice"].batch(*quotes, tick=TICK, refit=1_000)

    ahead = mid[5_003:] - mid[5_000:-3]
    guess = (micro - mid)[5_000:-3]
    assert np.corrcoef(guess, ahead)[0, 1] > 0.05
    assert np.polyfit(guess, ahead, 1)[0] == pytest.approx(1.0, abs=0.2)


def test_the_mirrored_market_has_the_mirrored_micro_price():
    bid, bid_size, ask, ask_size = book(3_000, seed=5)

    found = catalog["microprice"].batch(bid, bid_size, ask, ask_size, tick=TICK, refit=500)
    mirrored = catalog["microprice"].batch(200 - ask, ask_size, 200 - bid, bid_size, tick=TICK, refit=500)

    np.testing.assert_allclose(200 - mirrored, found, rtol=0, atol=1e-9)


@pytest.mark.parametrize("quote", [(100.01, 5.0, 100.01, 5.0), (100.02, 5.0, 100.01, 5.0), (100.0, 0.0, 100.01, 0.0)])
def test_a_book_that_is_locked_crossed_or_empty_has_none_and_links_nothing(quote):
    quotes = [np.insert(column, 700, x) for column, x in zip(book(1_000, seed=6), quote, strict=True)]
    state = catalog["microprice"].state(tick=TICK, refit=500)

    found = catalog["microprice"].feed(state, *quotes)

    assert np.flatnonzero(np.isnan(found[499:])).tolist() == [201]
    balanced = np.count_nonzero(np.delete(states_or_zero(quotes), [699, 700, 1_000]) == 0)
    assert state["visits"].sum() == 1_001 - 3 - balanced


def states_or_zero(quotes) -> np.ndarray:
    return np.array([state_of(*row, TICK) if row[2] > row[0] and row[1] + row[3] > 0 else 0
                     for row in zip(*quotes, strict=True)])


def test_what_the_quotes_do_not_determine_is_nothing():
    """One state that never ends and never mirrors: the mid that it leads to is not known."""
    n = 100
    found = catalog["microprice"].batch(np.full(n, 10.0), np.full(n, 5.0), np.full(n, 10.01), np.full(n, 2.0), refit=10)

    np.testing.assert_allclose(found[9:], 10.005)
