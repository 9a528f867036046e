"""Real answers of IB, recorded by others, through the translation: nothing lost, nothing invented, the order kept."""

import gzip
import json
from datetime import UTC, datetime

import numpy as np

from algotrade.domain import Kind
from algotrade.feeds.ibkr import IbkrFeedSettings
from algotrade.feeds.ibkr.output import Output
from algotrade.feeds.ibkr.quotes import LevelOne
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.feeds.ibkr.world import S, World, history, history_bar, update
from tests.shared_data import shared_data

CODEC = Codec(178)


def lines(name: str) -> list[dict]:
    with gzip.open(shared_data(f"ib_fixtures/{name}.json.gz"), "rt") as file:
        return [json.loads(line) for line in file]


def epoch_s(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def over_the_wire(answer):
    return CODEC.decode_answer(CODEC.encode(answer)[4:])


def test_recorded_quotes_of_every_tick_keep_their_seconds_and_order():
    ticks = lines("historic_bid_ask_ticks")
    world = World(IbkrFeedSettings(tick_by_tick=("AAPL",)), start_ns=(epoch_s(ticks[-1]["time"]) + 1) * S)
    quote = next(q.req_id for q in world.session.asked if getattr(q, "tick_type", "") == "BidAsk")
    world.tell(*(over_the_wire(a.TickByTick(
        req_id=quote, tick_type=3, time_s=epoch_s(t["time"]), bid=t["priceBid"], ask=t["priceAsk"],
        bid_size=t["sizeBid"], ask_size=t["sizeAsk"])) for t in ticks))
    world.step()

    quotes = world.records(Kind.QUOTE)
    assert len(quotes) == len(ticks) == 1_003
    assert len(set(quotes["event_time_ns"])) == 690  # several share a second
    assert quotes["event_time_ns"].tolist() == [epoch_s(t["time"]) * S for t in ticks]
    assert quotes[["bid", "ask", "bid_size", "ask_size"]].tolist() == [
        (t["priceBid"], t["priceAsk"], t["sizeBid"], t["sizeAsk"]) for t in ticks]
    assert sum(world.feed.samples()["algotrade_feed_times_corrected_total"].values()) == 0


def test_recorded_trades_of_every_tick_keep_their_seconds():
    ticks = lines("historic_trade_ticks")
    world = World(IbkrFeedSettings(tick_by_tick=("AAPL",)), start_ns=(epoch_s(ticks[-1]["time"]) + 1) * S)
    last = next(q.req_id for q in world.session.asked if getattr(q, "tick_type", "") == "Last")
    world.tell(*(over_the_wire(a.TickByTick(
        req_id=last, tick_type=1, time_s=epoch_s(t["time"]), price=t["price"], size=t["size"])) for t in ticks))
    world.step()
    trades = world.records(Kind.TRADE)
    assert trades["event_time_ns"].tolist() == [epoch_s(t["time"]) * S for t in ticks]
    assert trades[["price", "size"]].tolist() == [(t["price"], t["size"]) for t in ticks]


def test_recorded_bars_come_once_wherever_the_link_breaks():
    """A day of one-minute bars with the gaps of a thin market: told as history, cut, told again, continued."""
    told = lines("historic_bars")
    opens = [epoch_s(b["date"]) for b in told]
    for cut in (1, 57, 200, 404):
        world = World(IbkrFeedSettings(quotes=False, bars="1 min", backfill_s=86_400), start_ns=opens[cut] * S + 1)
        bars = [history_bar(t, b["close"], b["volume"]) for t, b in zip(opens, told, strict=True)]
        one = world.taken(r.RequestHistoricalData)[-1].req_id
        world.tell(over_the_wire(history(one, *bars[: cut + 1])))
        world.step()
        world.disconnect()
        world.connect(answer=False)
        again = world.taken(r.RequestHistoricalData)[-1].req_id
        world.tell(over_the_wire(history(again, *bars[max(0, cut - 5) : cut + 1])))
        for t, b in zip(opens[cut:], told[cut:], strict=True):
            world.clock.advance_to(max(world.clock.time_ns(), (t + 1) * S))
            world.tell(*(over_the_wire(update(again, t, close, volume))
                         for close, volume in ((b["open"], 1.0), (b["close"], b["volume"]))))
            world.step()
        world.step(70)
        world.step(1)
        came = world.records(Kind.BAR)
        assert (came["open_time_ns"] // S).tolist() == opens
        assert came["close"].tolist() == [b["close"] for b in told]
        assert came["volume"].tolist() == [b["volume"] for b in told]
        assert not came["flags"].any()


def test_recorded_level_one_is_translated_without_loss():
    """80 minutes of 700.HK as a client saw them: 14,027 messages of top of the book, last trade and volume.

    Every change of the book is a quote, and nothing else is. Trades read from the last price and size are fewer than
    were made: IB tells of several between two messages only the last, and here that is 91 % of the volume.
    """
    with gzip.open(shared_data("ib_fixtures/stream_ticks_700HK_20220107.json.gz"), "rt") as file:
        ticks = json.load(file)
    out, volumes = Output(), []
    one = LevelOne(0, out)
    book: dict[int, tuple[float, float]] = {}
    expected = []
    for n, tick in enumerate(ticks):
        kind, price, size = tick["tickType"], tick["price"], tick["size"]
        if kind in {1, 2, 4}:
            answer = a.TickPrice(req_id=1, tick_type=kind, price=price, size=size, mask=0)
            one.price(over_the_wire(answer), n, 0, quotes=True, trades=True)
        else:
            one.size(over_the_wire(a.TickSize(req_id=1, tick_type=kind, size=size)), n, 0, quotes=True, trades=True)
        volumes += [size] if kind == 8 else []
        if kind in {0, 1, 2, 3}:
            # A size alone comes at the price that stands; the recording repeats that price beside it.
            side = int(kind in {2, 3})
            if kind in {0, 3} and side not in book:
                continue
            before = dict(book)
            book[side] = (price if kind in {1, 2} else book[side][0], size)
            if len(book) == 2 and book != before:
                expected.append((book[0][0], book[1][0], book[0][1], book[1][1]))
    batch = out.take()
    quotes = batch.quotes[["bid", "ask", "bid_size", "ask_size"]].tolist()
    assert quotes == expected
    assert len(quotes) > 5_000
    assert (np.diff(batch.quotes["event_time_ns"]) >= 0).all()
    grown = volumes[-1] - volumes[0]
    traded = float(batch.trades["size"].sum())
    assert 0.90 < traded / grown < 0.93, (traded, grown)
    assert set(batch.trades["price"]) <= {t["price"] for t in ticks if t["tickType"] in {4, 5}}
