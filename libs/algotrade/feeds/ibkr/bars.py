"""Bars of one instrument: history and its continuation made one series, each bar once, complete, in order.

A bar is complete when a later one is there, or when its time is over by our clock and ``grace_ns`` more; and then not
at once, for where this process stood still, what was told meanwhile is still on its way. What is told of a bar after it
was published changes nothing any more; it is counted. After an interruption nothing is taken for complete until history
was told again: the bar that was forming then is a torso.
"""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.domain.market import Kind
from algotrade.feeds.ibkr.output import Output, is_same
from algotrade.feeds.ibkr.times import Edges, Moment

SETTLE_NS = NANOSECONDS_PER_SECOND // 2
"""How long, by the host's clock, a bar whose time and grace are over stays open all the same."""
EARLY_MAX = 256
"""Bars that wait for history to come first; more, and history is given up."""
REMEMBERED = 64
"""Published bars whose values are kept, to tell a repetition from a revision."""


class LiveBar(msgspec.Struct, frozen=True):
    """A bar as IB told it. ``prices``: open, high, low, close. ``is_whole``: it will not change (bars of 5 seconds)."""

    edges: Edges
    prices: tuple[float, float, float, float]
    volume: float
    flags: int = 0
    is_whole: bool = False

    @property
    def values(self) -> tuple[float, ...]:
        """Return what a revision would change."""
        return (*self.prices, self.volume)


class BarLine:
    """The series of one instrument.

    ``known_to_ns``  the end of the last bar that was published before (a process before this one's), None for none
    ``note``         is told of revisions and holes: an event's name and its fields
    """

    def __init__(self, instrument: int, out: Output, *, grace_ns: int, known_to_ns: int | None,
                 note: Callable[..., None]) -> None:
        self._instrument = instrument
        self._out = out
        self._grace_ns = grace_ns
        self._note = note
        self._forming: LiveBar | None = None
        self._over_ns: int | None = None
        self._early: dict[int, LiveBar] = {}
        self._published: dict[int, tuple[float, ...]] = {}
        self.known_to_ns = known_to_ns
        """The end of the last bar published; None before the first."""
        self.waits_for_history = True
        self.counts: Counter[str] = Counter()
        """``repeated`` and ``revised``: told again after they were published; ``holes``: stretches never told."""

    def interrupt(self) -> None:
        """Note that bars may be missing from here on, until history is told."""
        self.waits_for_history = True
        self._forming = None
        self._early = {}

    def history(self, bars: Iterable[LiveBar], *, begins_ns: tuple[int, int], now: Moment, receive_ns: int) -> None:
        """Take the bars of a request for history that reaches to now.

        ``begins_ns``  the earliest and the latest moment from which on it was told: which of those between, depends on
                       how long the request was on its way

        The last bar may still be forming. The first may lack its beginning, and is left out where it may (assumed: so
        the simulated Gateway cuts it). Where bars behind the last known one may be missing, the next one is flagged as
        behind a gap.
        """
        told = {bar.edges.open_ns: bar for bar in bars}
        first = told.get(min(told, default=0))
        if first is not None and first.edges.open_ns < begins_ns[1] and first.edges.close_ns > begins_ns[0]:
            del told[first.edges.open_ns]
        # What came meanwhile is newer.
        told |= self._early
        self.waits_for_history, self._early = False, {}
        series = [told[open_ns] for open_ns in sorted(told)]
        if self.known_to_ns is not None and begins_ns[1] > self.known_to_ns and not self._reaches_back(series):
            self.open_hole(series[0].edges.open_ns if series else None)
        for bar in series:
            self._take(bar, receive_ns)
        self.tick(now, receive_ns)

    def give_up_history(self, receive_ns: int) -> None:
        """Go on without history, which will not come: with what was told meanwhile, behind a hole."""
        if self.waits_for_history and self.known_to_ns is not None:
            self.open_hole(min(self._early, default=None))
        early, self._early, self.waits_for_history = self._early, {}, False
        for open_ns in sorted(early):
            self._take(early[open_ns], receive_ns)

    def update(self, bar: LiveBar, *, now: Moment, receive_ns: int) -> None:
        """Take the newest bar, or what became of it."""
        if self.waits_for_history:
            self._early[bar.edges.open_ns] = bar
            if len(self._early) > EARLY_MAX:
                self.give_up_history(receive_ns)
            return
        self._take(bar, receive_ns)
        self.tick(now, receive_ns)

    def tick(self, now: Moment, receive_ns: int) -> None:
        """Publish the bar that is forming, if its time is over."""
        bar = self._forming
        if bar is None or now.time_ns < bar.edges.close_ns + self._grace_ns:
            self._over_ns = None
        elif self._over_ns is None:
            self._over_ns = now.monotonic_ns
        elif now.monotonic_ns - self._over_ns >= SETTLE_NS:
            self._forming = None
            self._publish(bar, receive_ns)

    def open_hole(self, until_ns: int | None) -> None:
        """Flag the next bar as one behind a gap: those before it, from the last known one on, will not be told."""
        if self._out.open_gap(self._instrument, Kind.BAR):
            self.counts["holes"] += 1
            self._note("bars_missing", instrument=self._instrument, from_ns=self.known_to_ns, to_ns=until_ns)

    def _reaches_back(self, series: list[LiveBar]) -> bool:
        return bool(series) and self.known_to_ns is not None and series[0].edges.open_ns < self.known_to_ns

    def _take(self, bar: LiveBar, receive_ns: int) -> None:
        open_ns = bar.edges.open_ns
        if self.known_to_ns is not None and bar.edges.close_ns <= self.known_to_ns:
            self._again(bar)
            return
        if self._forming is not None and self._forming.edges.open_ns < open_ns:
            self._publish(self._forming, receive_ns)
            self._forming = None
        # One older than the bar that forms, and newer than the last one published, is whole: it merely comes late.
        if bar.is_whole or (self._forming is not None and open_ns < self._forming.edges.open_ns):
            self._publish(bar, receive_ns)
            if self._forming is not None and self._forming.edges.open_ns == open_ns:
                self._forming = None
        else:
            self._forming = bar

    def _publish(self, bar: LiveBar, receive_ns: int) -> None:
        edges = bar.edges
        self._out.bar(self._instrument, edges.close_ns, receive_ns, bar.flags, edges.open_ns, bar.prices, bar.volume)
        self.known_to_ns = edges.close_ns
        self._published[edges.open_ns] = bar.values
        if len(self._published) > REMEMBERED:
            del self._published[next(iter(self._published))]

    def _again(self, bar: LiveBar) -> None:
        before = self._published.get(bar.edges.open_ns)
        if before is None or all(map(is_same, before, bar.values)):
            self.counts["repeated"] += 1
            return
        self.counts["revised"] += 1
        self._note("bar_revised", instrument=self._instrument, open_ns=bar.edges.open_ns, published=before,
                   told=bar.values)
