"""A strategy that does everything a strategy can do, decided by a hash of the record in hand."""

import msgspec

from algotrade.domain import ExecutionReport, IntentId, Kind, Liquidation, Side, TimeInForce
from algotrade.strategy import Orders


class Memory(msgspec.Struct):
    """What it remembers: its last orders, and a checksum of all that it was told, which steers what it does."""

    told: int = 0
    targets: list[tuple[int, IntentId]] = []
    liquidations: list[int] = []


class Chaos:
    """Market, limit, stop and stop-limit orders, cancels and replaces, of all times in force."""

    def __init__(self, seed: int, every: int = 4) -> None:
        self.name = "chaos"
        self.kinds = frozenset(Kind)
        self._seed = seed
        self._every = every
        self._memory = Memory()

    def _act(self, record, price: float, orders: Orders) -> None:
        dice = self._dice(record.sequence)
        if dice % self._every:
            return
        side = Side.BUY if dice >> 8 & 1 else Side.SELL
        quantity = 1 + (dice >> 16) % 12
        offset = ((dice >> 24) % 9 - 4) * 0.01
        tif = list(TimeInForce)[(dice >> 32) % 4]
        lifetime = 3 if (dice >> 36) % 8 == 0 else 10**6
        options = {"lifetime_ns": lifetime, "time_in_force": tif}
        what = (dice >> 40) % 8
        made = None
        if what < 2:
            made = orders.market(record.instrument, side, quantity, **options)
        elif what < 4:
            made = orders.limit(record.instrument, side, quantity, price + offset, **options)
        elif what == 4:
            made = orders.stop(record.instrument, side, quantity, price + side * abs(offset), **options)
        elif what == 5:
            made = orders.stop_limit(record.instrument, side, quantity, price + side * abs(offset), price + offset,
                                     **options)
        elif self._memory.targets:
            instrument, target = self._memory.targets[dice % len(self._memory.targets)]
            if what == 6:
                orders.cancel(instrument, target, lifetime_ns=lifetime)
            else:
                orders.replace(instrument, target, quantity=quantity + 3, lifetime_ns=lifetime)
        if made is not None:
            self._memory.targets = [*self._memory.targets, (record.instrument, made)][-6:]

    def on_quote(self, record, orders: Orders) -> None:
        self._act(record, (record.bid + record.ask) / 2, orders)

    def on_trade(self, record, orders: Orders) -> None:
        self._act(record, record.price, orders)

    def on_bar(self, record, orders: Orders) -> None:
        self._act(record, record.close, orders)

    def on_report(self, report: ExecutionReport) -> None:
        # Steered by every report and its order: a report early, late or twice changes all that follows.
        self._memory.told = self._mix(self._memory.told, report.sequence, int(report.exec_type), report.event_time_ns)

    def on_liquidation(self, told: Liquidation) -> None:
        self._memory.told = self._mix(self._memory.told, told.sequence, int(told.side), told.event_time_ns)
        self._memory.liquidations = [*self._memory.liquidations, told.sequence]

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self._memory)

    def restore(self, data: bytes) -> None:
        self._memory = msgspec.msgpack.decode(data, type=Memory)

    def _dice(self, sequence: int) -> int:
        return self._mix(self._seed, self._memory.told, sequence)

    @staticmethod
    def _mix(*numbers: int) -> int:
        x = 0x9E3779B97F4A7C15
        for number in numbers:
            x = ((x ^ number) * 0xBF58476D1CE4E5B9) % 2**64
            x ^= x >> 31
        return x
