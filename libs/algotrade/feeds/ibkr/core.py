"""What the feed knows and decides, without sockets, threads and clocks: answers in, records, requests and notes out.

Theory of operation
-------------------
Every subscription is a ``Stream`` with a ``Watch``. Whatever happens to link, farm or subscription ends in one of three
things: nothing (ticks go on), doubt (a tick has to come soon), or asking again under a new id, so that late answers to
the old one are nobody's. Farms are not matched to instruments, for IB does not tell which is fed by which: a broken one
casts doubt on all, and those that tick on clear themselves (assumed).

Between an interruption and what comes next may lie events that nobody tells. Quotes and trades are flagged
(``Flag.GAP``); bars are filled back from history, and flagged only where that does not reach.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from algotrade.domain.clock import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from algotrade.domain.instrument import Instruments
from algotrade.domain.market import Flag
from algotrade.domain.session import ALWAYS_OPEN, Sessions
from algotrade.feeds.ibkr.bar_streams import BarStreams
from algotrade.feeds.ibkr.codes import Effect, effect_of
from algotrade.feeds.ibkr.output import Output
from algotrade.feeds.ibkr.quotes import LevelOne, every_tick
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.feeds.ibkr.streams import KINDS, Stream, What, ends_of, question_of, streams_of
from algotrade.feeds.ibkr.times import Moment
from algotrade.feeds.ibkr.watchdog import Life, is_open_at
from algotrade.ibkr.contracts import Qualified
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r

LIVE_DATA, DELAYED_DATA = 1, 3
HALTED_TICKS = frozenset({49, 90})
"""The instrument's halt: 0 none, 1 general, 2 for volatility, -1 unknown (documented); 90 of delayed data (assumed)."""

FARM_BROKEN, HISTORY_BROKEN = 2103, 2105
FARM_OK = frozenset({2104, 2106})
FARMS_OF: dict[int, tuple[What, ...]] = {
    FARM_BROKEN: tuple(What), 2104: tuple(What), HISTORY_BROKEN: (What.BARS,), 2106: (What.BARS,)}
"""What a farm's code is about. Bars need both farms: the newest one is made of ticks (assumed)."""

GOOD_NEWS = frozenset({"subscription_lives", "data_live", "trading_resumed"})
"""Notes that nobody has to act upon; the others are warnings."""
NOTES_MAX = 1_000
CHECK_NS = 200 * NANOSECONDS_PER_MILLISECOND
"""Between two looks at every subscription."""


class Note(NamedTuple):
    """Something for the log."""

    event: str
    fields: Mapping[str, Any]


class Core:
    """The subscriptions of one feed, from when their contracts are known.

    ``hours``      liquid hours by instrument id, where the configuration knows a calendar; else IB's own are used
    ``known_bars`` the end of the last bar that was published, by instrument id: bars are filled back from there
    """

    def __init__(self, settings: IbkrFeedSettings, instruments: Instruments, qualified: dict[int, Qualified], *,
                 hours: Mapping[int, Sessions], known_bars: Mapping[int, int], next_request_id: Callable[[], int],
                 out: Output) -> None:
        self._settings = settings
        self._symbols = {i.id: i.symbol for i in instruments}
        self._next_request_id = next_request_id
        self._out = out
        self.hours = {i: hours.get(i) or _hours_of(q) for i, q in qualified.items()}
        self.streams = list(streams_of(settings, instruments, qualified))
        self._by_id: dict[int, Stream] = {}
        self._of = {(s.instrument, s.what): s for s in self.streams}
        self._level_one = {i.id: LevelOne(i.id, out) for i in instruments}
        self.halted: dict[int, int] = {}
        """Instruments that are halted, and how (``HALTED_TICKS``)."""
        self.requests: list[Request] = []
        """What is to be sent; the caller takes it away. At most a handful for each subscription."""
        self.notes: list[Note] = []
        """What is to be logged; the caller takes it away."""
        self.counts: Counter[str] = Counter()
        self._checked_ns = -CHECK_NS
        self._has_calendar = frozenset(hours)
        self.bars = BarStreams(settings, qualified, hours, known_bars, out, self.note) if settings.bars else None

    def note(self, event: str, **fields: Any) -> None:
        """Remember something for the log."""
        if len(self.notes) < NOTES_MAX:
            if "instrument" in fields:
                fields = {"symbol": self._symbols[fields.pop("instrument")], **fields}
            self.notes.append(Note(event, fields))
        else:
            self.counts["notes_lost"] += 1

    # What happens to the link.

    def connected(self, now: Moment) -> None:
        """Ask for everything: a new connection, or 1101, and nothing is subscribed to.

        What comes first is behind a gap, in a new process too: the run that it goes on with was interrupted.
        """
        self.requests.clear()
        self._by_id.clear()
        self.requests.append(r.RequestMarketDataType(data_type=DELAYED_DATA if self._settings.delayed else LIVE_DATA))
        for stream in self.streams:
            stream.req_id = stream.history_id = 0
            self._interrupt(stream)
            self._ask(stream, now)

    def disconnected(self, because: str) -> None:
        """Take note that the connection is gone, and every subscription with it."""
        self.requests.clear()
        self._by_id.clear()
        asked = [s for s in self.streams if s.watch.life is not Life.OFF]
        if asked:
            self.note("feed_gap", because=because, subscriptions=len(asked))
        for stream in self.streams:
            stream.req_id = stream.history_id = 0
            stream.watch.off(because)
            self._interrupt(stream)

    def doubted(self, because: str, now: Moment, whats: Iterable[What] = tuple(What)) -> None:
        """Doubt what link or farm may not have kept: what comes next is behind a gap, and has to come soon."""
        streams = [s for s in self.streams if s.what in whats and s.watch.life is not Life.OFF]
        if streams:
            self.note("feed_gap", because=because, subscriptions=len(streams))
        for stream in streams:
            stream.watch.doubted(because, now.monotonic_ns)
            self._interrupt(stream)

    def restored(self, now: Moment) -> None:
        """Take 1102: the subscriptions were kept, IB says. Ticks have to prove it; bars are filled back at once."""
        self.doubted("1102: the link is back, and ticks have to prove it", now)
        for stream in self.streams:
            if stream.what is What.BARS and stream.watch.life is not Life.OFF:
                self._ask_again(stream, now)

    def farm(self, code: int, name: str, now: Moment) -> None:
        """Take a farm's code: broken, or well again, which proves nothing but makes asking for bars worthwhile."""
        if code in {FARM_BROKEN, HISTORY_BROKEN}:
            self.doubted(f"{code}: farm {name} is broken", now, FARMS_OF[code])
        elif code in FARM_OK:
            for stream in self.streams:
                if stream.what in FARMS_OF[code] and stream.watch.life in {Life.DOUBTED, Life.STALE}:
                    stream.watch.doubted(stream.watch.because, now.monotonic_ns)
                    self._fill_back(stream, now)

    # What IB answers.

    def answered(self, answer: Answer, receive_ns: int, now: Moment) -> None:
        """Take an answer, whosever it is."""
        stream = self._by_id.get(getattr(answer, "req_id", -1))
        if stream is None:
            return
        if isinstance(answer, a.ErrorMessage):
            self._refused(stream, answer, receive_ns, now)
            return
        if isinstance(answer, a.MarketDataType):
            self._delayed(stream, is_delayed=answer.data_type != LIVE_DATA, because=f"data type {answer.data_type}")
        stream.watch.accepted()
        flags = int(Flag.DELAYED) if self._is_delayed(stream.instrument) else 0
        if stream.what is not What.BARS:
            if self._ticked(stream, answer, receive_ns, flags):
                self._lives(stream, now)
            return
        assert self.bars is not None, "a stream of bars without bars"
        if self.bars.take(stream, answer, flags, receive_ns, now):
            self._lives(stream, now)
            history = self.bars.ask_history(stream, self._next_request_id, now)
            if history is None:
                self._fill_back(stream, now)
            else:
                self._by_id[stream.history_id] = stream
                self.requests.append(history)

    def step(self, now: Moment) -> None:
        """Do what the clock alone brings: bars that are over, and subscriptions that have fallen silent."""
        if self.bars is not None:
            self.bars.tick(now)
        if now.monotonic_ns - self._checked_ns < CHECK_NS:
            return
        self._checked_ns = now.monotonic_ns
        for stream in self.streams:
            if stream.watch.check(now.monotonic_ns, is_open=self.is_open(stream, now)):
                self.note("subscription_silent", instrument=stream.instrument, what=stream.what.value,
                          because=stream.watch.because)
                self._ask_again(stream, now)

    def is_open(self, stream: Stream, now: Moment) -> bool:
        """Tell whether ticks of ``stream`` are to be expected: its market is open, and trading is not halted."""
        return stream.instrument not in self.halted and is_open_at(self.hours[stream.instrument], now.time_ns)

    def refreshed(self, qualified: Mapping[int, Qualified]) -> None:
        """Take the hours of the coming days, which IB tells about a week ahead; calendars of the configuration stay."""
        self.hours |= {i: _hours_of(q) for i, q in qualified.items() if i not in self._has_calendar}

    def not_well(self, now: Moment) -> dict[str, str]:
        """Return what is wrong with which subscription; empty where nothing is."""
        return {f"{self._symbols[s.instrument]} {s.what.value}": s.watch.because or s.watch.life.value
                for s in self.streams if not s.watch.is_well(is_open=self.is_open(s, now))}

    # Inside.

    def _ticked(self, stream: Stream, answer: Answer, receive_ns: int, flags: int) -> bool:
        """Translate a tick; False for what is none."""
        level_one, instrument = self._level_one[stream.instrument], stream.instrument
        quotes = self._reads_level_one(instrument, What.QUOTE_TICKS)
        trades = self._reads_level_one(instrument, What.TRADE_TICKS)
        match answer:
            case a.TickPrice():
                level_one.price(answer, receive_ns, flags, quotes=quotes, trades=trades)
            case a.TickSize():
                level_one.size(answer, receive_ns, flags, quotes=quotes, trades=trades)
            case a.TickByTick():
                every_tick(answer, instrument, receive_ns, flags, self._out)
            case a.TickString():
                if not level_one.text(answer, receive_ns, flags, trades=trades):
                    self._unreadable(stream, f"RT volume {answer.value[:80]!r}")
            case a.TickGeneric():
                if answer.tick_type in HALTED_TICKS:
                    self._halted(instrument, answer.value)
            case _:
                return False
        return True

    def _reads_level_one(self, instrument: int, what: What) -> bool:
        """Tell whether the top of the book is read for what ``what`` would tell better.

        Trades are not, while every trade is only awaited: the same one would be told twice where that begins.
        """
        better = self._of.get((instrument, what)) if self._settings.tick_by_tick else None
        if better is None or better.watch.life in {Life.REFUSED, Life.OFF, Life.STALE}:
            return True
        return what is What.QUOTE_TICKS and better.watch.life is Life.ASKED

    def _halted(self, instrument: int, value: float | None) -> None:
        how = int(value or 0)
        if how == self.halted.get(instrument, 0) or how < 0:
            return
        if how:
            self.halted[instrument] = how
        else:
            del self.halted[instrument]
        self.note("trading_halted" if how else "trading_resumed", instrument=instrument, how=how)

    def _delayed(self, stream: Stream, *, is_delayed: bool, because: str) -> None:
        if stream.is_delayed != is_delayed:
            stream.is_delayed = is_delayed
            self.note("data_delayed" if is_delayed else "data_live", instrument=stream.instrument, because=because)

    def _is_delayed(self, instrument: int) -> bool:
        top = self._of.get((instrument, What.TOP))
        return top is not None and top.is_delayed

    def _refused(self, stream: Stream, error: a.ErrorMessage, receive_ns: int, now: Moment) -> None:
        effect = effect_of(error.code, error.message)
        because = f"{error.code}: {error.message[:200]}"
        self.note("subscription_told", instrument=stream.instrument, what=stream.what.value, effect=effect.value,
                  because=because)
        if effect is Effect.NOTED:
            return
        if effect is Effect.DELAYED:
            self._delayed(stream, is_delayed=True, because=because)
        elif effect is Effect.ENDED:
            self.counts["ended"] += 1
            self._ask_again(stream, now)
        elif self.bars is not None and self.bars.refused(stream, error.req_id, effect, receive_ns, now):
            return
        else:
            self._interrupt(stream)
            stream.watch.refused(because, now.monotonic_ns)

    def _unreadable(self, stream: Stream, what: str) -> None:
        self.counts["unreadable"] += 1
        self.note("answer_unreadable", instrument=stream.instrument, what=what)

    def _lives(self, stream: Stream, now: Moment) -> None:
        because = stream.watch.because
        if stream.watch.ticked(now.monotonic_ns) and because:
            self.note("subscription_lives", instrument=stream.instrument, what=stream.what.value, after=because)

    def _interrupt(self, stream: Stream) -> None:
        """Flag what comes next as behind a gap."""
        for kind in KINDS[stream.what]:
            if self._out.open_gap(stream.instrument, kind):
                self.counts["gaps"] += 1
        if stream.what is What.BARS and self.bars is not None:
            # History that was asked for before the interruption may end before it, too.
            if stream.history_id != stream.req_id:
                self._by_id.pop(stream.history_id, None)
            self.bars.interrupt(stream)

    def _fill_back(self, stream: Stream, now: Moment) -> None:
        """Ask for bars again where they were interrupted and history is not on its way."""
        if stream.what is What.BARS and self.bars is not None and self.bars.has_to_be_asked_again(stream):
            waited_ns = now.monotonic_ns - stream.asked_ns
            if waited_ns >= round(self._settings.verify_s_max * NANOSECONDS_PER_SECOND):
                self._ask_again(stream, now)

    def _ask_again(self, stream: Stream, now: Moment) -> None:
        self.counts["asked_again"] += 1
        self.requests += ends_of(stream, self._settings)
        self._interrupt(stream)
        self._by_id.pop(stream.req_id, None)
        self._ask(stream, now)

    def _ask(self, stream: Stream, now: Moment) -> None:
        stream.req_id = self._next_request_id()
        stream.asked_ns = now.monotonic_ns
        self._by_id[stream.req_id] = stream
        if stream.what is What.TOP:
            self._level_one[stream.instrument].forget()
            stream.is_delayed = False
        if stream.what is not What.BARS:
            self.requests.append(question_of(stream, self._settings))
        else:
            assert self.bars is not None, "a stream of bars without bars"
            self.requests.append(self.bars.ask(stream, now))
        stream.watch.asked(now.monotonic_ns)


def _hours_of(qualified: Qualified) -> Sessions:
    """Return the hours in which ticks are to be expected; a market of which nothing is told never closes."""
    return qualified.liquid_hours or qualified.trading_hours or ALWAYS_OPEN


