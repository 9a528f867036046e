"""A small market, a Gateway over it, and the three clients that people use."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import ib_async
import ib_insync
import numpy as np

from algotrade.domain import BAR, QUOTE, TRADE, Instrument, Instruments, Kind, MarketBatch
from algotrade.gateway import Gateway, Hosted
from algotrade.gateway.times import parse_moment, zone_of

SECOND_NS = 10**9
EASTERN = zone_of("US/Eastern")
OPEN_NS = parse_moment("20131008 09:30:00", EASTERN)
WAIT_S = 10.0

IBM = Instrument(id=0, symbol="IBM", tick=Decimal("0.01"))
EURUSD = Instrument(id=1, symbol="EUR.USD", tick=Decimal("0.00005"))
SPY = Instrument(id=2, symbol="SPY")
INSTRUMENTS = Instruments([IBM, EURUSD, SPY])
LIBRARIES = {"ib_insync": ib_insync, "ib_async": ib_async}

for name in LIBRARIES:
    logging.getLogger(name).setLevel(logging.CRITICAL)


def market(*, seconds: int = 600, begin_ns: int = OPEN_NS) -> MarketBatch:
    """Return quotes and trades of IBM (each second, trades half a second later), quotes of EUR.USD, days of SPY."""
    n = np.arange(seconds)
    quotes = np.zeros(seconds * 2, QUOTE)
    quotes["event_time_ns"] = np.repeat(begin_ns + n * SECOND_NS, 2)
    quotes["instrument"] = np.tile([0, 1], seconds)
    step = np.repeat(n, 2)
    quotes["bid"] = np.where(quotes["instrument"] == 0, 180 + step % 7 / 100, 1.1 + step % 5 / 1e4)
    quotes["bid"] = quotes["bid"].round(5)
    quotes["ask"] = np.where(quotes["instrument"] == 0, quotes["bid"] + 0.02, quotes["bid"] + 0.0001).round(5)
    quotes["bid_size"], quotes["ask_size"] = 300 + np.repeat(n % 3, 2) * 100, np.nan
    quotes["ask_size"][::2] = 500
    trades = np.zeros(seconds, TRADE)
    trades["event_time_ns"] = begin_ns + n * SECOND_NS + SECOND_NS // 2
    trades["price"], trades["size"] = (180.01 + (n % 7) / 100).round(2), 100 + n % 4
    bars = np.zeros(30, BAR)
    day = np.arange(30) * 86_400 * SECOND_NS
    bars["open_time_ns"] = begin_ns - day[::-1] + 86_400 * SECOND_NS
    bars["event_time_ns"] = bars["open_time_ns"] + 23_400 * SECOND_NS
    bars["instrument"] = 2
    bars["open"], bars["high"], bars["low"], bars["close"] = 165, 168, 164, 166 + np.arange(30) / 10
    bars["volume"] = 1_000_000
    return numbered({Kind.QUOTE: quotes, Kind.TRADE: trades, Kind.BAR: bars})


def numbered(arrays) -> MarketBatch:
    """Number the records as a merge would: by time, quotes before trades before bars."""
    times = np.concatenate([a["event_time_ns"] for a in arrays.values()])
    order = np.argsort(times, kind="stable")
    numbers = np.empty(len(times), np.int64)
    numbers[order] = np.arange(1, len(times) + 1)
    at = 0
    for array in arrays.values():
        array["sequence"] = numbers[at : at + len(array)]
        array["receive_time_ns"] = array["event_time_ns"]
        at += len(array)
    return MarketBatch.of(arrays)


@contextmanager
def served(batch: MarketBatch | None = None, instruments: Instruments = INSTRUMENTS, **options) -> Iterator[Hosted]:
    """Serve ``batch`` on a clock that only steps."""
    batch = market() if batch is None else batch
    options = {"speed": 0.0, "start_ns": OPEN_NS - 1, **options}
    with Hosted(lambda: Gateway(instruments, [batch], **options)) as hosted:
        yield hosted


@contextmanager
def loop_of_its_own() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


class Client:
    """ib_insync or ib_async, connected; everything waits for what happens, with a deadline."""

    def __init__(self, library, loop, hosted: Hosted, client_id: int) -> None:
        self.lib = library
        self.loop = loop
        self.hosted = hosted
        self.ib = library.IB()
        self.errors: list[tuple[int, int, str]] = []
        self.ib.errorEvent += lambda req_id, code, text, _contract: self.errors.append((req_id, code, text))
        self.run(self.ib.connectAsync("127.0.0.1", hosted.port, clientId=client_id, timeout=WAIT_S))

    def run(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, WAIT_S))

    def until(self, event, condition):
        """Wait until ``condition()`` holds, looking at it whenever ``event`` was told."""
        async def met():
            changed = asyncio.Event()
            told = lambda *_: changed.set()  # noqa: E731 -- eventkit wants a function that it can forget
            nonlocal event
            event += told
            try:
                while not condition():
                    await changed.wait()
                    changed.clear()
            finally:
                event -= told

        self.run(met())

    def advance(self, seconds: float) -> None:
        self.hosted.advance(int(seconds * SECOND_NS))

    def until_error(self, code: int) -> tuple[int, int, str]:
        self.until(self.ib.errorEvent, lambda: any(c == code for _, c, _ in self.errors))
        return next(e for e in self.errors if e[1] == code)

    def stock(self, symbol: str = "IBM"):
        contract = self.lib.Stock(symbol, "SMART", "USD")
        self.run(self.ib.qualifyContractsAsync(contract))
        return contract


@contextmanager
def connected(library, hosted: Hosted, client_id: int = 1) -> Iterator[Client]:
    with loop_of_its_own() as loop:
        client = Client(library, loop, hosted, client_id)
        try:
            yield client
        finally:
            client.ib.disconnect()
            loop.run_until_complete(asyncio.wait({loop.create_task(_turn())}))


async def _turn() -> None:
    """Let the loop close what was disconnected."""
