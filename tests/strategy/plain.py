"""The kernel strategies once more in plain Python, on the ``Strategy`` protocol: oracles, and examples of its use."""

import math
from decimal import Decimal
from typing import Any

import msgspec

from algotrade.domain import ExecType, ExecutionReport, Flag, Instruments, Kind, Side, TimeInForce
from algotrade.strategy import Bar, Orders, Quote, Strategy
from algotrade.strategy.ema_cross import EmaCrossParameters
from algotrade.strategy.ofi import OfiParameters

MILLISECOND_NS = 1_000_000


class Own:
    """Position and pending order of one instrument, in units."""

    def __init__(self) -> None:
        self.position = Decimal(0)
        self.order: Any = None
        self.filled = Decimal(0)
        self.pending = False

    def sent(self, order: Any) -> None:
        self.order, self.filled, self.pending = order, Decimal(0), True

    def fold(self, report: ExecutionReport) -> None:
        if report.intent_id == self.order:
            self.position += report.side * (report.cumulative_quantity - self.filled)
            self.filled = report.cumulative_quantity
            self.pending = self.pending and report.leaves_quantity > 0
        elif report.exec_type == ExecType.TRADE:
            self.position += report.side * report.last_quantity


class Plain(Strategy):
    """What the two have in common: a dict of their own per instrument, and its bytes."""

    kinds = frozenset[Kind]()

    def __init__(self, name: str, instruments: Instruments) -> None:
        self.name = name
        self.instruments = instruments
        self.own = {i.id: Own() for i in instruments}
        self.memory: dict[int, list[Any]] = {i.id: [] for i in instruments}

    def on_report(self, report: ExecutionReport) -> None:
        self.own[report.instrument].fold(report)

    def trade(self, instrument: int, change: Decimal, tif: TimeInForce, lifetime_ms: int, orders: Orders) -> None:
        if change != 0:
            side = Side.BUY if change > 0 else Side.SELL
            self.own[instrument].sent(orders.market(
                instrument, side, abs(change), time_in_force=tif, lifetime_ns=lifetime_ms * MILLISECOND_NS
            ))

    def state(self) -> bytes:
        return msgspec.msgpack.encode([{i: vars(o) for i, o in self.own.items()}, self.memory])

    def restore(self, data: bytes) -> None:
        raise NotImplementedError("oracles are not restarted")


class PlainEmaCross(Plain):
    kinds = frozenset({Kind.BAR})

    def __init__(self, parameters: EmaCrossParameters, instruments: Instruments) -> None:
        super().__init__("ema_cross", instruments)
        self.parameters = parameters

    def averages(self, instrument: int) -> list[float]:
        closes, found = self.memory[instrument], []
        for period in (self.parameters.fast_period, self.parameters.slow_period):
            average = math.nan
            for n, close in enumerate(closes, 1):
                if n == period:
                    total = 0.0
                    for x in closes[:period]:
                        total += x
                    average = total / period
                elif n > period:
                    average += 2.0 / (period + 1) * (close - average)
            found.append(average)
        return found

    def on_bar(self, record: Bar, orders: Orders) -> None:
        own, of, wanted = self.own[record.instrument], self.instruments[record.instrument], self.parameters
        if math.isfinite(record.close):
            self.memory[record.instrument].append(record.close)
        if own.pending or record.flags & Flag.PRICE_JUMP:
            return
        fast, slow = self.averages(record.instrument)
        if fast > slow and own.position <= 0:
            direction = 1
        elif fast < slow and own.position >= 0:
            direction = -1
        else:
            return
        target = Decimal(0)
        if direction > 0 or wanted.allow_short:
            lots = math.inf
            if record.close > 0:
                lots = float(wanted.notional / of.multiplier / of.lot) / record.close
            if lots >= 2**53:
                return
            target = direction * math.floor(lots) * of.lot
        self.trade(
            record.instrument, target - own.position, TimeInForce[wanted.time_in_force], wanted.lifetime_ms, orders
        )


class PlainOfi(Plain):
    kinds = frozenset({Kind.QUOTE})

    def __init__(self, parameters: OfiParameters, instruments: Instruments) -> None:
        super().__init__("ofi", instruments)
        self.parameters = parameters
        self.quiet_until_ns = dict.fromkeys(self.own, 0)

    def imbalance(self, instrument: int) -> float:
        flow, depth, window = 0.0, 0.0, self.parameters.window_quotes
        used = self.memory[instrument]
        decay = 1.0 - 1.0 / window
        for n, (bid, ask, bid_size, ask_size) in enumerate(used):
            mean = 0.5 * bid_size + 0.5 * ask_size
            if n == 0:
                depth = mean
                continue
            b0, a0, bs0, as0 = used[n - 1]
            e = 0.0
            e += (bid >= b0) * bid_size
            e -= (bid <= b0) * bs0
            e -= (ask <= a0) * ask_size
            e += (ask >= a0) * as0
            flow = decay * flow + e
            depth += (1.0 - decay) * (mean - depth)
        return 0.5 * flow / depth if len(used) >= window and depth > 0 else math.nan

    def on_quote(self, record: Quote, orders: Orders) -> None:
        own, of, wanted = self.own[record.instrument], self.instruments[record.instrument], self.parameters
        fields = (record.bid, record.ask, record.bid_size, record.ask_size)
        if not all(map(math.isfinite, fields)):
            return
        self.memory[record.instrument].append(fields)
        if own.pending or record.flags & (Flag.CROSSED | Flag.PRICE_JUMP | Flag.OUTSIDE_SESSION):
            return
        if record.event_time_ns < self.quiet_until_ns[record.instrument]:
            return
        x = self.imbalance(record.instrument)
        size = wanted.quantity // of.lot * of.lot
        if abs(x) >= wanted.enter_ticks:
            target = size if x > 0 else -size
            target = own.position if target * own.position > 0 else target
        elif (x if own.position > 0 else -x) < wanted.exit_ticks:
            target = Decimal(0)
        else:
            target = own.position
        before = own.order
        self.trade(record.instrument, target - own.position, TimeInForce.DAY, wanted.lifetime_ms, orders)
        if own.order != before:
            self.quiet_until_ns[record.instrument] = record.event_time_ns + wanted.cooldown_ms * MILLISECOND_NS
