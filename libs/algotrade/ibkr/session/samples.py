"""A session's metrics."""

from typing import TYPE_CHECKING

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.session.link import FarmState, OrderLinkState, SocketState
from algotrade.ibkr.session.sender import Lane
from algotrade.telemetry.metrics import Samples

if TYPE_CHECKING:
    from algotrade.ibkr.session.core import Core


def samples_of(core: "Core") -> Samples:
    """Return the metrics of ``core``, as they are."""
    skew_ns = core.skew.skew_ns
    return {
        "algotrade_ibkr_connected": float(core.links.socket is SocketState.CONNECTED),
        "algotrade_ibkr_order_link_up": float(core.links.orders is OrderLinkState.UP),
        "algotrade_ibkr_armed": float(not core.disarmed_because),
        "algotrade_ibkr_maintenance": float(bool(core.maintenance())),
        "algotrade_ibkr_farms_broken": sum(state is FarmState.BROKEN for state in core.links.farms.values()),
        "algotrade_ibkr_connects_total": core.counts["connects"],
        "algotrade_ibkr_answers_total": core.counts["answers"],
        "algotrade_ibkr_quarantined_total": core.counts["quarantined"],
        "algotrade_ibkr_unsent_total": core.counts["unsent"],
        "algotrade_ibkr_written_total": {(lane.name.lower(),): core.written[lane.name.lower()] for lane in Lane},
        "algotrade_ibkr_queued": {(lane.name.lower(),): core.sender.queued(lane) for lane in Lane},
        "algotrade_ibkr_codes_total": {(str(code),): count for code, count in core.codes.copy().items()},
        **({} if skew_ns is None else {"algotrade_ibkr_clock_skew_seconds": skew_ns / NANOSECONDS_PER_SECOND}),
    }
