"""Executions and what they do to accounts; a position is the fold of its corrected executions and nothing else."""

from collections.abc import Iterable
from decimal import Decimal

from algotrade.gateway.listings import CURRENCY, FUTURE, Listing, Listings
from algotrade.gateway.trading.holdings import Holding, after
from algotrade.gateway.trading.orders import Live
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.gateway.trading.state import Account, Executed, Opening, TradingState
from algotrade.matching import CommissionModel

ZERO = Decimal(0)
_FREE = CommissionModel(per_unit=ZERO, order_min=ZERO, value_max=ZERO)


class Ledger:
    """Books executions, corrects them, and begins new days; works on ``state`` in place."""

    def __init__(self, listings: Listings, settings: TradingSettings, state: TradingState) -> None:
        self._listings = listings
        self._settings = settings
        self._state = state

    def price(self, instrument: int) -> Decimal | None:
        """Return the last price of an instrument, None before the first."""
        ticks = self._state.marks.get(instrument)
        return None if ticks is None else self._listings.by_instrument(instrument).instrument.ticks_to_price(ticks)

    def holding(self, account: str, instrument: int) -> Holding:
        """Return what ``account`` holds, an empty holding for nothing."""
        return self._state.accounts[account].holdings.get(instrument, Holding())

    def commission(self, instrument: int, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what an order pays of which ``quantity`` was filled at ``price`` on average."""
        listing = self._listings.by_instrument(instrument)
        model = self._settings.commissions.get(listing.contract.sec_type, _FREE)
        return model.total(quantity, quantity * price * listing.instrument.multiplier)

    def book(self, order: Live, quantity: Decimal, price: Decimal, time_ns: int, *, is_maker: bool) -> Executed:
        """Fill ``order`` by ``quantity`` at ``price``; return the execution, booked."""
        state = self._state
        order.filled += quantity
        order.value += quantity * price
        order.last_price = price
        owed = self.commission(order.instrument, order.filled, order.value / order.filled)
        commission, order.commission = owed - order.commission, owed
        state.executed += 1
        listing = self._listings.by_instrument(order.instrument)
        executed = Executed(
            exec_id=f"{self._settings.seed % 2**32:08x}.{state.executed:08x}.01.01", perm_id=order.perm_id,
            order_id=order.order_id, client_id=order.client_id, account=order.account, instrument=order.instrument,
            contract=order.contract, exchange=listing.contract.primary_exchange or listing.contract.exchange,
            time_ns=time_ns, side=order.side, quantity=quantity, price=price, cumulative=order.filled,
            average=order.average_price, order_ref=order.order.order_ref, commission=commission,
            liquidity=1 if is_maker else 2, is_liquidation=order.is_liquidation)
        self._move(executed, listing)
        state.executions.append(executed)
        return executed

    def correct(self, exec_id: str, quantity: Decimal, price: Decimal) -> Executed:
        """Replace an execution of today by one of ``quantity`` at ``price``; quantity 0 busts it.

        The new one is folded where the old one stood. Its id ends in the next number. The order itself is not touched.
        Raises ``KeyError`` where ``exec_id`` is not the newest of an execution of today.
        """
        old = newest(self._state.executions).get(exec_id.rpartition(".")[0])
        if old is None or old.exec_id != exec_id:
            raise KeyError(f"execution {exec_id!r} is not one of today that may be corrected")
        delta = quantity - old.quantity
        cumulative = old.cumulative + delta
        value = old.average * old.cumulative - old.price * old.quantity + price * quantity
        new = Executed(**{name: getattr(old, name) for name in Executed.__struct_fields__})
        new.exec_id = f"{old.root}.{int(old.exec_id.rpartition('.')[2]) + 1:02d}"
        new.quantity, new.price, new.cumulative = quantity, price, cumulative
        new.average = round(value / cumulative, 8) if cumulative else ZERO
        new.commission = old.commission if quantity else ZERO
        self._state.executions.append(new)
        listing = self._listings.by_instrument(old.instrument)
        account = self._state.accounts[old.account]
        _note(account, new, listing, 1)
        _note(account, old, listing, -1)
        before = self.holding(old.account, old.instrument)
        now = account.holdings[old.instrument] = self._refolded(account, old)
        if listing.contract.sec_type == FUTURE:
            _add(account, listing.contract.currency, now.realized - before.realized)
        else:
            self._pay(account, listing, new, 1)
            self._pay(account, listing, old, -1)
        return new

    def begin_day(self) -> None:
        """Take what is held as the opening of a new day; executions and done orders of the old one are forgotten."""
        state = self._state
        for account in state.accounts.values():
            held = {i: Holding(quantity=h.quantity, cost=h.cost) for i, h in account.holdings.items() if h.quantity}
            account.holdings = held
            account.moved.clear()
            account.openings = {i: Opening(holding=h, price=self.price(i)) for i, h in held.items()}
        state.executions.clear()
        state.done.clear()

    def _move(self, executed: Executed, listing: Listing) -> None:
        account = self._state.accounts[executed.account]
        _note(account, executed, listing, 1)
        before = self.holding(executed.account, executed.instrument)
        now = after(before, executed.side * executed.quantity, _value(executed, listing), executed.commission)
        account.holdings[executed.instrument] = now
        if before.quantity * executed.side < 0:
            executed.realized = now.realized - before.realized
        if listing.contract.sec_type == FUTURE:
            _add(account, listing.contract.currency, now.realized - before.realized)
        else:
            self._pay(account, listing, executed, 1)

    def _pay(self, account: Account, listing: Listing, executed: Executed, sign: int) -> None:
        """Move cash for an execution. A currency pair moves both of its currencies."""
        _add(account, listing.contract.currency, sign * (-_value(executed, listing) - executed.commission))
        if listing.contract.sec_type == CURRENCY:
            _add(account, listing.contract.symbol, sign * executed.side * executed.quantity)

    def _refolded(self, account: Account, like: Executed) -> Holding:
        """Fold today's executions again, and note anew what each of them realised."""
        listing = self._listings.by_instrument(like.instrument)
        holding = account.openings.get(like.instrument, Opening()).holding
        for e in newest(self._state.executions).values():
            if (e.account, e.instrument) == (like.account, like.instrument):
                before = holding
                holding = after(holding, e.side * e.quantity, _value(e, listing), e.commission)
                e.realized = holding.realized - before.realized if before.quantity * e.side < 0 else None
        return holding


def newest(executions: Iterable[Executed]) -> dict[str, Executed]:
    """Return the newest of each execution and its corrections, by root, in the order of the first ones."""
    found: dict[str, Executed] = {}
    for executed in executions:
        found[executed.root] = executed
    return found


def _value(executed: Executed, listing: Listing) -> Decimal:
    return executed.side * executed.quantity * executed.price * listing.instrument.multiplier


def _note(account: Account, executed: Executed, listing: Listing, sign: int) -> None:
    paid = -_value(executed, listing) - executed.commission
    account.moved[executed.instrument] = account.moved.get(executed.instrument, ZERO) + sign * paid


def _add(account: Account, currency: str, amount: Decimal) -> None:
    account.cash[currency] = account.cash.get(currency, ZERO) + amount
