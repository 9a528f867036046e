from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import Fill, IntentId, Position, Side, fold

ID = IntentId(strategy="s", run="r", sequence=1, number=0)

fills = st.lists(
    st.builds(
        lambda side, lots, cents, fee: (side, Decimal(lots), Decimal(cents) / 100, Decimal(fee) / 100),
        st.sampled_from(Side), st.integers(1, 1000), st.integers(1, 100_000), st.integers(0, 500),
    ),
    max_size=40,
)


def fill(side: Side, quantity: Decimal, price: Decimal, commission: Decimal, number: int) -> Fill:
    return Fill(
        execution_id=f"e{number}", intent_id=ID, instrument=0, side=side, quantity=quantity, price=price,
        commission=commission, event_time_ns=number,
    )


@given(fills, st.integers(1, 100_000))
def test_a_position_accounts_for_every_cent_that_changed_hands(rows, mark_cents):
    mark = Decimal(mark_cents) / 100
    booked = [fill(*row, number) for number, row in enumerate(rows)]

    position = fold(booked, {0: Decimal(1)}).get(0, Position(instrument=0))

    cash = sum((-f.side * f.quantity * f.price - f.commission for f in booked), Decimal(0))
    quantity = sum((f.side * f.quantity for f in booked), Decimal(0))
    assert position.quantity == quantity
    assert position.net_pnl(mark) == cash + quantity * mark
    if quantity == 0:
        assert position.realized_pnl == cash + position.commission


def test_crossing_zero_realises_the_old_side_and_opens_the_new_one_at_the_fill_price():
    long = Position(instrument=0).after(fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0), 1))

    short = long.after(fill(Side.SELL, Decimal(15), Decimal(110), Decimal(1), 2))

    assert (short.quantity, short.average_price, short.realized_pnl, short.commission) == (-5, 110, 100, 1)


def test_the_multiplier_scales_profit_and_nothing_else():
    future = fold([fill(Side.BUY, Decimal(1), Decimal(4000), Decimal(2), 1)], {0: Decimal(50)})[0]

    assert future.net_pnl(Decimal(4001)) == Decimal(48)
    assert future.average_price == 4000
