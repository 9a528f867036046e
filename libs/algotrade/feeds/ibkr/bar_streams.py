"""The bars of all instruments: which request they come by, and the series that they become."""

from collections import Counter
from collections.abc import Callable, Mapping

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.session import ALWAYS_OPEN, Sessions
from algotrade.feeds.ibkr.bars import BarLine, LiveBar
from algotrade.feeds.ibkr.codes import Effect
from algotrade.feeds.ibkr.output import SIZE_UNKNOWN, Output
from algotrade.feeds.ibkr.settings import IbkrFeedSettings
from algotrade.feeds.ibkr.streams import Stream, history_of, question_of
from algotrade.feeds.ibkr.times import Edges, Moment, bar_edges
from algotrade.feeds.port import FeedError
from algotrade.ibkr.contracts import Qualified
from algotrade.ibkr.hours import zone_of
from algotrade.ibkr.wire import Answer, Request
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire.answers.history import HistoricalBar

CURRENCY = "CASH"


class BarStreams:
    """Reads answers about bars. ``hours``: calendars by instrument id, which say when the bar of a day ends."""

    def __init__(self, settings: IbkrFeedSettings, qualified: Mapping[int, Qualified], hours: Mapping[int, Sessions],
                 known_bars: Mapping[int, int], out: Output, note: Callable[..., None]) -> None:
        size = settings.bar_size
        assert size is not None, "bars without a size"
        self._settings = settings
        self._size = size
        self._note = note
        self._verify_ns = round(settings.verify_s_max * NANOSECONDS_PER_SECOND)
        self._hours = hours
        self._zones = {i: zone_of(q.time_zone or "UTC") for i, q in qualified.items()}
        self.lines: dict[int, BarLine] = {}
        self.counts: Counter[str] = Counter()
        for instrument, contract in qualified.items():
            if contract.contract.sec_type == CURRENCY and settings.what_to_show == "TRADES":
                raise FeedError(f"what_to_show is TRADES and {contract.instrument.symbol!r} is a currency pair, which "
                                "has none; allowed: MIDPOINT, BID or ASK")
            self.lines[instrument] = BarLine(
                instrument, out, grace_ns=round(settings.bar_grace_s * NANOSECONDS_PER_SECOND),
                known_to_ns=known_bars.get(instrument), note=note)

    def ask(self, stream: Stream, now: Moment) -> Request:
        """Return what asks for bars from the last known one on, by the stream's id, which is new.

        History of bars that are streamed whole is asked for with the first of them: then it has all of the bar in
        which the stream began, of which that may tell the rest alone (assumed).
        """
        if self._size.is_live_bar:
            stream.began_ns = now.time_ns
            return question_of(stream, self._settings)
        return self._history(stream, stream.req_id, now)

    def ask_history(self, stream: Stream, next_request_id: Callable[[], int], now: Moment) -> Request | None:
        """Return what asks for the history that a stream of whole bars lacks, None where it needs none, or not yet."""
        waited_ns = now.monotonic_ns - stream.history_asked_ns
        if not self._size.is_live_bar or not self.lacks_history(stream) or waited_ns < self._verify_ns:
            return None
        return self._history(stream, next_request_id(), now)

    def interrupt(self, stream: Stream) -> None:
        """Take nothing for complete until history was told, by a request that is made after this."""
        stream.history_id = 0
        self.lines[stream.instrument].interrupt()

    def lacks_history(self, stream: Stream) -> bool:
        """Tell whether history is needed and nobody asked for it."""
        return self.lines[stream.instrument].waits_for_history and not stream.history_id

    def has_to_be_asked_again(self, stream: Stream) -> bool:
        """Tell whether only a new request brings the history that is needed: it is one with the bars themselves."""
        return not self._size.is_live_bar and self.lacks_history(stream)

    def take(self, stream: Stream, answer: Answer, flags: int, receive_ns: int, now: Moment) -> bool:
        """Take an answer to ``stream``; tell whether a bar came that is of this moment."""
        line = self.lines[stream.instrument]
        try:
            match answer:
                case a.HistoricalData():
                    if answer.req_id != stream.history_id:
                        return False
                    stream.history_id = 0
                    bars = [self._of_history(stream, bar, flags) for bar in answer.bars]
                    line.history(bars, begins_ns=_begins_ns(stream, receive_ns), now=now, receive_ns=receive_ns)
                    return False
                case a.HistoricalDataUpdate():
                    bar = self._of_update(stream, answer, flags)
                case a.RealTimeBar():
                    bar = self._of_live(stream, answer, flags)
                    if bar.edges.open_ns < stream.began_ns:
                        return True
                case _:
                    return False
        except FeedError as error:
            self.counts["unreadable"] += 1
            self._note("answer_unreadable", instrument=stream.instrument, what=str(error))
            return False
        line.update(bar, now=now, receive_ns=receive_ns)
        return True

    def refused(self, stream: Stream, req_id: int, effect: Effect, receive_ns: int, now: Moment) -> bool:
        """Take a refusal of ``stream``; True where the stream lives on: history alone has nothing to tell.

        History that is kept up to date ends with its refusal. Where it merely found no bars yet, the watch asks again
        once the market is open.
        """
        if req_id != stream.history_id:
            return False
        line = self.lines[stream.instrument]
        if effect is Effect.EMPTY:
            stream.history_id = 0
            line.history([], begins_ns=_begins_ns(stream, receive_ns), now=now, receive_ns=receive_ns)
            return True
        if self._size.is_live_bar:
            stream.history_id = 0
            line.give_up_history(receive_ns)
            return True
        return False

    def tick(self, now: Moment) -> None:
        """Publish the bars that are over by the clock."""
        for line in self.lines.values():
            line.tick(now, now.time_ns)

    def _history(self, stream: Stream, history_id: int, now: Moment) -> Request:
        stream.history_id, stream.history_asked_ns = history_id, now.monotonic_ns
        return history_of(stream, self._settings, self.lines[stream.instrument].known_to_ns, now.time_ns)

    def _of_history(self, stream: Stream, bar: HistoricalBar, flags: int) -> LiveBar:
        return LiveBar(self._edges(stream, bar.date), (bar.open, bar.high, bar.low, bar.close),
                       self._volume(bar.volume), flags)

    def _of_update(self, stream: Stream, bar: a.HistoricalDataUpdate, flags: int) -> LiveBar:
        prices = [SIZE_UNKNOWN if value is None else value for value in (bar.open, bar.high, bar.low, bar.close)]
        return LiveBar(self._edges(stream, bar.date), (prices[0], prices[1], prices[2], prices[3]),
                       self._volume(bar.volume), flags)

    def _of_live(self, stream: Stream, bar: a.RealTimeBar, flags: int) -> LiveBar:
        return LiveBar(self._edges(stream, str(bar.time_s)), (bar.open, bar.high, bar.low, bar.close),
                       self._volume(bar.volume), flags, is_whole=True)

    def _edges(self, stream: Stream, text: str) -> Edges:
        hours = self._hours.get(stream.instrument, ALWAYS_OPEN)
        return bar_edges(text, self._size, self._zones[stream.instrument], hours)

    def _volume(self, volume: float | None) -> float:
        """Return the volume, NaN where there is none: of what is no trade it is told as -1 (observed)."""
        if volume is None or (volume < 0 and self._settings.what_to_show != "TRADES"):
            return SIZE_UNKNOWN
        return volume


def _begins_ns(stream: Stream, receive_ns: int) -> tuple[int, int]:
    """Return from when on history may have been told: counted back from when it was asked for, or was answered."""
    return stream.asked_from_ns, max(stream.asked_from_ns, receive_ns - stream.reach_ns)
