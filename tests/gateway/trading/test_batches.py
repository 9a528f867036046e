"""Records into orders: however they are cut into batches, and whatever else is in them, orders fare the same."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import BAR, QUOTE, TRADE, Flag, Kind, MarketBatch
from algotrade.gateway.trading.book import Met, auction_shown, meet
from algotrade.gateway.trading.market import marks, merged, split, usable
from algotrade.gateway.trading.orders import Live, Stage
from algotrade.matching import VenueModel
from tests.gateway.trading.world import AAA, BBB, CCC, INSTRUMENTS, SECOND, T0, World, contract, order

quotes = st.lists(st.tuples(st.sampled_from([AAA, BBB, CCC]), st.integers(90, 110), st.integers(-1, 2),
                            st.integers(0, 300), st.sampled_from([0, 0, 0, int(Flag.DUPLICATE)])),
                  min_size=20, max_size=60)
cuts = st.lists(st.integers(0, 60), max_size=5)


def quote_rows(drawn, begin_ns):
    rows = np.zeros(len(drawn), dtype=QUOTE)
    for i, (instrument, bid, spread, size, flags) in enumerate(drawn):
        at = begin_ns + (i + 1) * SECOND
        rows[i] = (i + 1, at, at, instrument, flags, bid, bid + spread / 100, size, size)  # midpoints on half ticks
    return rows


def played(rows, edges):
    world = World()
    parent = world.place(order(order_type="LMT", limit=98, tif="GTC", transmit=False))
    world.place(order("SELL", order_type="LMT", limit=104, tif="GTC", parent_id=parent, transmit=False))
    world.place(order("SELL", order_type="TRAIL", aux=4, tif="GTC", parent_id=parent))
    world.place(order("SELL", 300, "LIT", aux=103, limit=102), BBB)
    world.place(order("BUY", 200, "STP LMT", aux=105, limit=107, tif="GTC"), BBB)
    for a, b in zip([0, *edges], [*edges, len(rows)], strict=True):
        if a < b:
            world.now_ns = int(rows["event_time_ns"][b - 1])
            world.take(world.trading.on_market(MarketBatch.of({Kind.QUOTE: rows[a:b]}), world.now_ns))
    return world


@given(quotes, cuts)
def test_how_records_are_cut_into_batches_changes_nothing(drawn, edges):
    rows = quote_rows(drawn, T0)
    one_by_one = played(rows, list(range(1, len(rows))))
    cut = played(rows, sorted({e for e in edges if 0 < e < len(rows)}))
    assert cut.sent == one_by_one.sent
    assert cut.trading.state() == one_by_one.trading.state()


def test_kinds_are_merged_by_sequence():
    arrays = {Kind.QUOTE: np.zeros(2, QUOTE), Kind.TRADE: np.zeros(2, TRADE), Kind.BAR: np.zeros(1, BAR)}
    for kind, numbers in ((Kind.QUOTE, [2, 5]), (Kind.TRADE, [1, 4]), (Kind.BAR, [3])):
        arrays[kind]["sequence"] = numbers
    found = [(row.sequence, kind) for kind, row in merged(list(arrays.items()))]
    assert found == [(1, Kind.TRADE), (2, Kind.QUOTE), (3, Kind.BAR), (4, Kind.TRADE), (5, Kind.QUOTE)]


def test_of_instruments_without_orders_only_the_last_good_price_counts():
    rows = quote_rows([(AAA, 100 + i, 1, 5, 0) for i in range(15)] + [(BBB, 50, 1, 5, 0)] * 5
                      + [(AAA, 200, -1, 5, 0), (AAA, 300, 1, 5, int(Flag.NOT_FINITE))], T0)
    hot, rest = split(MarketBatch.of({Kind.QUOTE: rows}), {BBB})
    assert [len(part) for _, part in hot] == [5]
    (kind, last), = rest
    assert list(marks(kind, last)) == [114.005]
    assert list(usable(Kind.QUOTE, rows[-2:])) == [False, False]


lives = st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 9), st.sampled_from(["MKT", "LMT", "STP"]),
                           st.integers(95, 105), st.sampled_from(["DAY", "IOC", "FOK"])), min_size=1, max_size=6)


@given(lives, st.integers(95, 105), st.integers(0, 2), st.integers(0, 30), st.booleans())
def test_orders_one_after_the_other_get_what_all_at_once_get(drawn, bid, spread, lots, one_size):
    """An OCA group makes orders take their turns; alone in its group, each gets what it would have got."""
    def outcome(group):
        orders = [Live(perm_id=i + 1, client_id=1, order_id=i + 1, instrument=AAA, contract=contract(AAA),
                       order=order(order_type=kind, tif=tif), side=side, quantity=Decimal(quantity),
                       limit_ticks=price, stop_ticks=price, stage=Stage.BOOK, oca_group=f"{group}{i}" if group else "")
                  for i, (side, quantity, kind, price, tif) in enumerate(drawn)]
        heard: list[Met] = []
        moment = auction_shown(bid, T0, VenueModel())._replace(
            ask_ticks=bid + spread, bid_lots=lots, ask_lots=lots, has_one_size=one_size)
        meet(orders, moment, INSTRUMENTS[AAA], heard.append)
        return [(m.order.perm_id, m.lots, m.price_ticks) for m in heard], [
            (o.is_triggered, o.is_resting) for o in orders]

    assert outcome("g") == outcome("")
