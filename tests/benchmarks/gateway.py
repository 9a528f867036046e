"""The simulated Gateway over a loopback socket: how many ticks a second reach a client that only counts them."""

import multiprocessing
import socket
import struct
import sys
import time

import numpy as np
import psutil

from algotrade.domain import QUOTE, Instrument, Instruments, Kind, MarketBatch
from algotrade.gateway import Gateway, Hosted
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import RequestMarketData, RequestTickByTick, StartApi
from tests.benchmarks.table import Row, at_least, median, show

RUNS = 5
QUOTES = 200_000
START_NS = 1_381_233_600 * 10**9
STEP_NS = 50_000
IBM = Contract(symbol="IBM", sec_type="STK", exchange="SMART", currency="USD")
VERSION = 176
ASKED = {
    "every quote (tick-by-tick)": (RequestTickByTick(req_id=1, contract=IBM, tick_type="BidAsk"), 1),
    "top of the book, prices": (RequestMarketData(req_id=1, contract=IBM), 2),
}
"""What is subscribed to, and how many ticks a quote makes at least."""
TICKS = {b"99", b"1\0"}
"""How the frames of tick-by-tick data and of prices begin."""


def quotes() -> MarketBatch:
    rows = np.zeros(QUOTES, QUOTE)
    rows["sequence"] = np.arange(1, QUOTES + 1)
    rows["event_time_ns"] = START_NS + np.arange(1, QUOTES + 1) * STEP_NS
    cents = 18_000 + np.random.default_rng(1).choice([-1, 1], QUOTES).cumsum()
    rows["bid"], rows["ask"] = cents / 100, (cents + 2) / 100
    rows["bid_size"], rows["ask_size"] = 300, 500
    return MarketBatch.of({Kind.QUOTE: rows})


def counted(port: int, which: str, ready, out) -> None:
    """Connect, subscribe, and count frames until all have come; a process of its own."""
    codec, (request, each) = Codec(VERSION), ASKED[which]
    with socket.create_connection(("127.0.0.1", port)) as link:
        greeting = f"v100..{VERSION}".encode()
        link.sendall(b"API\0" + struct.pack(">I", len(greeting)) + greeting)
        link.sendall(codec.encode(StartApi(client_id=1)) + codec.encode(request))
        waiting, frames, begin = b"", 0, None
        link.settimeout(1.0)
        ready.set()
        while frames < QUOTES * each:
            try:
                waiting += link.recv(1 << 20)
            except TimeoutError:
                continue
            at = 0
            while len(waiting) - at >= 4:
                length = int.from_bytes(waiting[at : at + 4], "big")
                if len(waiting) - at - 4 < length:
                    break
                if waiting[at + 4 : at + 6] in TICKS:
                    frames += 1
                at += 4 + length
            waiting = waiting[at:]
            if frames and begin is None:
                begin = time.perf_counter()
        out.put(frames / (time.perf_counter() - begin))


def measured(which: str) -> float:
    batch = quotes()
    instruments = Instruments([Instrument(id=0, symbol="IBM")])
    context = multiprocessing.get_context("spawn")
    rates = []
    for _ in range(RUNS):
        with Hosted(lambda: Gateway(instruments, [batch], speed=0.0, start_ns=START_NS)) as hosted:
            ready, out = context.Event(), context.Queue()
            reader = context.Process(target=counted, args=(hosted.port, which, ready, out))
            reader.start()
            ready.wait()
            while not hosted.call(lambda gateway: gateway.held()):
                hosted.advance(0)
            hosted.advance(QUOTES * STEP_NS)
            rates.append(out.get(timeout=60))
            reader.join()
    return median(rates)


def figures() -> list[Row]:
    return [at_least(f"to one client on loopback: {which}", measured(which), 100_000, "ticks/s") for which in ASKED]


if __name__ == "__main__":
    show(f"Simulated Gateway ({psutil.cpu_count()} cores, median of {RUNS})", figures())
    sys.exit()
