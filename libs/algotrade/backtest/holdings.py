"""Positions valued at the end of a run, as files and reports show them."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from algotrade.domain import Instruments, Position


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's position and what it earned. Money in ``currency``, exact.

    ``quantity``        units, negative short
    ``average_price``   average cost of the open quantity, 0 when flat
    ``mark``            the price it is valued at; None where no price is known, which only a flat position may have
    ``market_value``    quantity * mark * multiplier
    ``realized_pnl``    commissions not deducted; ``net_pnl`` = realised + unrealised - commission
    """

    symbol: str
    quantity: Decimal
    average_price: Decimal
    mark: Decimal | None
    market_value: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    commission: Decimal
    net_pnl: Decimal
    currency: str


def holdings_of(
    positions: Mapping[int, Position], marks: Mapping[int, Decimal], instruments: Instruments,
) -> list[Holding]:
    """Return ``positions`` valued at ``marks``, both by instrument id, in id order; flat ones included."""
    return [_holding(positions[i], marks.get(i), instruments) for i in sorted(positions)]


def _holding(position: Position, mark: Decimal | None, instruments: Instruments) -> Holding:
    instrument = instruments[position.instrument]
    assert mark is not None or position.quantity == 0, f"{instrument.symbol} is held and has no mark"
    price = mark if mark is not None else Decimal(0)
    return Holding(
        symbol=instrument.symbol, quantity=position.quantity, average_price=position.average_price, mark=mark,
        market_value=position.quantity * price * position.multiplier, realized_pnl=position.realized_pnl,
        unrealized_pnl=position.unrealized_pnl(price), commission=position.commission,
        net_pnl=position.net_pnl(price), currency=instrument.currency,
    )
