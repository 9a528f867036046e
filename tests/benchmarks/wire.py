"""The IBKR wire codec beside the clients' own: ticks read, ticks and orders written, on one core.

Each reads the same stream of tickPrice and tickSize, half and half, in reads of 4 KiB, the whole way from bytes:
frames, fields, values. Ours ends at a record of checked values for each tick, a client at its callback, which does
nothing. IB's own client reads the same at its protocol, 157. Figures are of processor time, so that a busy machine
tells the same.
"""

import importlib
import logging
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ibapi.comm
import ibapi.decoder

from algotrade.ibkr.wire import Codec, Splitter
from algotrade.ibkr.wire.answers import TickByTick, TickPrice, TickSize
from algotrade.ibkr.wire.records import Contract, Order
from algotrade.ibkr.wire.requests import PlaceOrder
from tests.benchmarks.table import Row, at_least, median, show

RUNS = 5
TICKS = 100_000
READ_BYTES = 4096
TICKS_MIN = 500_000
RATIO_MIN = 3
ORDERS = 5_000
PRINT = TickByTick(req_id=1, tick_type=2, time_s=1767600000, price=101.25, size=100.0, mask=0, exchange="ARCA",
                   special_conditions="I")


class Nothing:
    """A wrapper whose callbacks do nothing."""

    def take(self, *args: Any) -> None:
        """Take a callback's arguments."""

    priceSizeTick = tickPrice = tickSize = take  # noqa: N815 -- the clients' own names


def ticks(count: int) -> list[TickPrice | TickSize]:
    chance = random.Random(1)  # noqa: S311 -- repeatable, not secret
    made: list[TickPrice | TickSize] = []
    for n in range(count // 2):
        req_id, side = chance.randrange(1, 100), n % 2
        made.append(TickPrice(req_id=req_id, tick_type=1 + side, price=round(chance.uniform(10, 500), 2),
                              size=float(chance.randrange(1, 50) * 100), mask=1))
        made.append(TickSize(req_id=req_id, tick_type=3 * side, size=float(chance.randrange(1, 50) * 100)))
    return made


def reads(stream: bytes) -> list[bytes]:
    return [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]


def by_codec(pieces: list[bytes]) -> None:
    splitter, decode = Splitter(), Codec(176).decode_answer
    for piece in pieces:
        for payload in splitter.feed(piece):
            decode(payload)


def by_library(name: str) -> Callable[[list[bytes]], None]:
    def read(pieces: list[bytes]) -> None:
        client = importlib.import_module(f"{name}.client").Client(Nothing())
        client.connState, client._serverVersion, client._apiReady = client.CONNECTED, 176, True
        client.decoder.serverVersion = 176
        for piece in pieces:
            client._onSocketHasData(piece)
        assert client._numMsgRecv == TICKS

    return read


def by_ibapi(pieces: list[bytes]) -> None:
    decoder, rest = ibapi.decoder.Decoder(Nothing(), 157), b""
    for piece in pieces:
        rest += piece
        while rest:
            size, payload, rest = ibapi.comm.read_msg(rest)
            if not payload:
                break
            assert size
            decoder.interpret(ibapi.comm.read_fields(payload))


def per_second(count: int, work: Callable[[], None]) -> float:
    begin = time.process_time()
    work()
    return count / (time.process_time() - begin)


def reading() -> list[Row]:
    made = ticks(TICKS)
    pieces = reads(b"".join(map(Codec(176).encode, made)))
    readers = {"codec": by_codec, "ib_insync": by_library("ib_insync"), "ib_async": by_library("ib_async"),
               "ibapi": by_ibapi}
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(RUNS):
        for name, read in readers.items():
            rates[name].append(per_second(TICKS, lambda read=read: read(pieces)))  # type: ignore[misc]
    found = {name: median(values) for name, values in rates.items()}
    prints = reads(Codec(176).encode(PRINT) * TICKS)
    by_tick = median([per_second(TICKS, lambda: by_codec(prints)) for _ in range(RUNS)])
    return [
        at_least("ticks read, from bytes to records", found["codec"], TICKS_MIN, "ticks/s"),
        *(Row(f"times {name}", f"{found['codec'] / found[name]:.1f}", f">= {RATIO_MIN}" if name == "ib_insync" else "",
              found["codec"] >= RATIO_MIN * found[name] if name == "ib_insync" else None, f"{found[name]:,.0f} ticks/s")
          for name in ("ib_insync", "ib_async", "ibapi")),
        Row("tick-by-tick trades read: text too, so the strict way", f"{by_tick:,.0f} ticks/s"),
    ]


def writing() -> list[Row]:
    made, codec = ticks(TICKS), Codec(176)

    def write_ticks() -> None:
        for tick in made:
            codec.encode(tick)

    order = PlaceOrder(
        order_id=1,
        contract=Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"),
        order=Order(action="BUY", total_quantity=Decimal(100), order_type="LMT", lmt_price=Decimal("150.25"),
                    tif="DAY"))
    payload = codec.encode(order)[4:]

    def write_orders() -> None:
        for _ in range(ORDERS):
            codec.encode(order)

    def read_orders() -> None:
        for _ in range(ORDERS):
            codec.decode_request(payload)

    def rate(count: int, work: Callable[[], None]) -> float:
        return median([per_second(count, work) for _ in range(RUNS)])

    theirs = rate(ORDERS, lambda: orders_of("ib_insync"))
    return [
        Row("ticks written", f"{rate(TICKS, write_ticks):,.0f} ticks/s"),
        Row("orders written", f"{rate(ORDERS, write_orders):,.0f} orders/s",
            beside=f"ib_insync: {theirs:,.0f} orders/s"),
        Row("orders read", f"{rate(ORDERS, read_orders):,.0f} orders/s"),
    ]


def orders_of(name: str) -> None:
    library = importlib.import_module(name)
    client = importlib.import_module(f"{name}.client").Client(Nothing())
    client.connState, client._serverVersion = client.CONNECTED, 176
    sent: list[bytes] = []
    client.sendMsg = lambda text: sent.append(client._prefix(text.encode()))
    contract = library.Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    order = library.LimitOrder("BUY", 100, 150.25, tif="DAY")
    for _ in range(ORDERS):
        client.placeOrder(1, contract, order)
    assert len(sent) == ORDERS


def main() -> None:
    logging.disable(logging.DEBUG)
    show(f"IBKR wire codec, medians of {RUNS}", [*reading(), *writing()])


if __name__ == "__main__":
    main()
