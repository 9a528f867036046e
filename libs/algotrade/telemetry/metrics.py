"""Every metric of the system, in one table: name, kind, unit, help. What is not here cannot be exported."""

import bisect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

Labels: TypeAlias = tuple[str, ...]


class Metric(msgspec.Struct, frozen=True):
    """One row of the table. ``name`` carries the unit last, and a counter ends in ``_total``, as Prometheus has it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    labels: Labels = ()


LATENCY_BOUNDS_SECONDS = tuple(50e-6 * 2 ** (i / 2) for i in range(36))
"""Upper bounds of latency buckets: from 50 us to 9 s, each 1.41 times the one before."""

METRICS: dict[str, Metric] = {m.name: m for m in (
    Metric("algotrade_records_read_total", "counter", "records", "Market records read from the feed, by kind",
           ("kind",)),
    Metric("algotrade_records_published_total", "counter", "records",
           "Market records that passed the gate, by kind; each data plane counts the whole feed",
           ("kind",)),
    Metric("algotrade_records_quarantined_total", "counter", "records", "Market records kept from strategies"),
    Metric("algotrade_records_conflated_total", "counter", "records",
           "Live market records left out because a reader was too far behind, by kind", ("kind",)),
    Metric("algotrade_quality_flags_total", "counter", "records", "Quality verdicts, by record kind and flag",
           ("kind", "flag")),
    Metric("algotrade_feed_subscriptions", "gauge", "subscriptions",
           "Subscriptions of the live feed, by what they bring and what is known of them", ("what", "life")),
    Metric("algotrade_feed_lines", "gauge", "lines", "Market data lines that the live feed needs"),
    Metric("algotrade_feed_gaps_total", "counter", "gaps",
           "Stretches of live data that nobody told, of an instrument's ticks or bars", ("of",)),
    Metric("algotrade_feed_asked_again_total", "counter", "requests",
           "Times that a live subscription was asked for again, for silence or because it ended"),
    Metric("algotrade_feed_bars_late_total", "counter", "bars",
           "Bars told again after they were published: with the same values, or with others", ("of",)),
    Metric("algotrade_feed_unreadable_total", "counter", "answers", "Answers of the broker that made no sense"),
    Metric("algotrade_feed_times_corrected_total", "counter", "records",
           "Live records whose time was before the last one's, or too far ahead of our clock", ("because",)),
    Metric("algotrade_feed_halted", "gauge", "instruments", "Instruments whose trading is halted, as the feed says"),
    Metric("algotrade_feed_delayed", "gauge", "instruments", "Instruments whose live data are delayed or frozen"),
    Metric("algotrade_records_handled_total", "counter", "records", "Market records that this plane has handled"),
    Metric("algotrade_records_repeated_total", "counter", "records", "Market records dropped as seen before"),
    Metric("algotrade_event_time_seconds", "gauge", "seconds", "Event time reached, seconds since 1970 UTC"),
    Metric("algotrade_dead_letters_total", "counter", "messages", "Messages that did not decode, by reason",
           ("reason",)),
    Metric("algotrade_intents_total", "counter", "intents", "Intents published or received"),
    Metric("algotrade_orders_total", "counter", "orders", "Orders made from intents, refused ones included"),
    Metric("algotrade_orders_working", "gauge", "orders", "Orders working at the broker"),
    Metric("algotrade_orders_refused_total", "counter", "orders", "Intents turned down before the broker, by reason",
           ("reason",)),
    Metric("algotrade_fills_total", "counter", "fills", "Executions booked"),
    Metric("algotrade_fills_late_total", "counter", "fills", "Executions booked after their order had ended"),
    Metric("algotrade_fills_corrected_total", "counter", "fills", "Executions that the broker stated anew"),
    Metric("algotrade_fills_over_total", "counter", "fills", "Executions beyond what their order was for"),
    Metric("algotrade_broker_events_unmatched_total", "counter", "events",
           "What the broker told that fits no order here, or not the state of its order"),
    Metric("algotrade_reports_total", "counter", "reports", "Execution reports published or folded"),
    Metric("algotrade_intent_latency_seconds", "histogram", "seconds",
           "From market data published to its intent read by the order plane"),
    Metric("algotrade_order_latency_seconds", "histogram", "seconds",
           "From market data published to its order accepted by the broker"),
    Metric("algotrade_snapshots_total", "counter", "snapshots", "Snapshots written"),
    Metric("algotrade_shards", "gauge", "shards", "Shards of the instruments that this process has"),
    Metric("algotrade_leads", "gauge", "bool", "One while this process leads its plane, zero while it follows"),
    Metric("algotrade_armed", "gauge", "bool", "One while this plane may send new risk to a live broker"),
    Metric("algotrade_bus_waits_total", "counter", "waits", "Times that this plane had nothing to do and waited"),
    Metric("algotrade_topic_full_total", "counter", "waits", "Times that a full topic made this plane wait"),
    Metric("algotrade_bus_lag_messages", "gauge", "messages",
           "Messages of an input known to be there that this plane has yet to take", ("topic", "partition")),
    Metric("algotrade_bus_lag_seconds", "gauge", "seconds",
           "Age of the oldest message of an input that this plane has yet to take, 0 where there is none (Kafka)",
           ("topic", "partition")),
    Metric("algotrade_bus_fetched_messages", "gauge", "messages", "Messages fetched ahead and not taken (Kafka)",
           ("topic", "partition")),
    Metric("algotrade_bus_fetched_bytes", "gauge", "bytes", "Their values' bytes (Kafka)", ("topic", "partition")),
    Metric("algotrade_bus_append_latency_seconds", "histogram", "seconds",
           "From records sent until they are as safe as their topic asks: on Kafka, all in-sync replicas have them"),
    Metric("algotrade_bus_undelivered", "gauge", "records",
           "Records that wait for delivery: those of appends, and promises (Kafka)", ("of",)),
    Metric("algotrade_bus_void_total", "counter", "records",
           "Records passed over because a newer leader had begun (Kafka)"),
    Metric("algotrade_bus_silent_seconds", "gauge", "seconds", "Time since the cluster last answered (Kafka)"),
    Metric("algotrade_bus_epoch", "gauge", "epoch", "Epoch under which this plane leads, 0 where it does not"),
    Metric("algotrade_bus_rebalances_total", "counter", "rebalances",
           "Times that the members of this plane's group were dealt anew (Kafka)"),
    Metric("algotrade_bus_errors_total", "counter", "errors",
           "Errors that the client of the cluster reported, by its name for them (Kafka)", ("error",)),
    Metric("algotrade_ibkr_connected", "gauge", "bool", "One while a connection is ready (IB)"),
    Metric("algotrade_ibkr_order_link_up", "gauge", "bool", "One unless the Gateway lost its link to the broker (IB)"),
    Metric("algotrade_ibkr_armed", "gauge", "bool", "One while orders may be sent (IB)"),
    Metric("algotrade_ibkr_maintenance", "gauge", "bool",
           "One within the broker's maintenance hours, in which silence is no alarm (IB)"),
    Metric("algotrade_ibkr_farms_broken", "gauge", "farms", "Data farms that are broken (IB)"),
    Metric("algotrade_ibkr_connects_total", "counter", "connections", "Connections that became ready (IB)"),
    Metric("algotrade_ibkr_answers_total", "counter", "messages", "Messages from the broker that were read (IB)"),
    Metric("algotrade_ibkr_quarantined_total", "counter", "messages", "Messages that could not be read (IB)"),
    Metric("algotrade_ibkr_unsent_total", "counter", "requests", "Requests handed back, certainly never sent (IB)"),
    Metric("algotrade_ibkr_written_total", "counter", "requests", "Requests handed to the socket, by priority (IB)",
           ("lane",)),
    Metric("algotrade_ibkr_queued", "gauge", "requests", "Requests that wait for their turn, by priority (IB)",
           ("lane",)),
    Metric("algotrade_ibkr_codes_total", "counter", "messages", "Errors, warnings and notices, by code (IB)",
           ("code",)),
    Metric("algotrade_ibkr_order_events_total", "counter", "events",
           "What happened to orders that is worth a look, by its name (IB)", ("event",)),
    Metric("algotrade_ibkr_order_codes_total", "counter", "messages",
           "Codes about our orders, by what they hint at (IB)", ("hint",)),
    Metric("algotrade_ibkr_orders_unknown", "gauge", "orders", "Orders of which it is not known what became (IB)"),
    Metric("algotrade_ibkr_orders_split", "gauge", "orders", "Orders that live twice at the broker (IB)"),
    Metric("algotrade_ibkr_foreign_orders", "gauge", "orders", "Open orders of the account that are not ours (IB)"),
    Metric("algotrade_ibkr_executions_uncosted", "gauge", "fills", "Executions whose cost was not told yet (IB)"),
    Metric("algotrade_ibkr_clock_skew_seconds", "gauge", "seconds",
           "The broker's clock less ours, as little as its answers allow (IB)"),
    Metric("algotrade_ready", "gauge", "bool", "One when the plane and all that it depends on are ready"),
)}
"""The table, by name."""


class Histogram:
    """Counts in buckets of fixed upper bounds; observing costs a bisection, exporting happens at scrape time."""

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS_SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count ``value``, in the metric's unit."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def quantile(self, share: float) -> float:
        """Return the value below which ``share`` of the observations lie, interpolated in its bucket; NaN for none."""
        wanted = share * sum(self.counts)
        seen, lower = 0, 0.0
        for bound, count in zip([*self.bounds, math.inf], self.counts, strict=True):
            if count and seen + count >= wanted:
                return bound if math.isinf(bound) else lower + (bound - lower) * (wanted - seen) / count
            seen, lower = seen + count, bound
        return math.nan

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, count of values up to it), as Prometheus wants them."""
        rows, seen = [], 0
        for bound, count in zip([*map(repr, self.bounds), "+Inf"], self.counts, strict=True):
            seen += count
            rows.append((bound, float(seen)))
        return rows


Samples: TypeAlias = Mapping[str, float | Mapping[Labels, float] | Histogram]
"""Metric name -> value, or values by label values, or a histogram."""


class PlaneCollector(Collector):
    """Exports what a plane counted, at scrape time; the plane itself only ever adds to numbers.

    ``read`` is called in the server's thread: it must only read, and tolerate numbers that move meanwhile.
    """

    def __init__(self, read: Callable[[], Samples]) -> None:
        self._read = read

    def collect(self) -> Iterable[Family]:
        """Yield a family per sample; a name that is not in ``METRICS`` is our bug."""
        for name, value in self._read().items():
            assert name in METRICS, f"metric {name} is not declared in telemetry/metrics.py"
            yield _family(METRICS[name], value)


def _family(metric: Metric, value: float | Mapping[Labels, float] | Histogram) -> Family:
    if isinstance(value, Histogram):
        return HistogramMetricFamily(metric.name, metric.help, buckets=value.cumulative(), sum_value=value.total)
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == "counter":
        family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    by_labels = value if isinstance(value, Mapping) else {(): value}
    for labels, sample in by_labels.items():
        family.add_metric(list(labels), sample)
    return family
