"""Whether orders may be sent: every ground against it, by name. Nothing here is ever assumed."""

from collections.abc import Mapping

import msgspec

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.ibkr.session.link import OrderLinkState
from algotrade.ibkr.session.skew import SKEW_NS_MAX
from algotrade.ibkr.session.snapshots import FACTS_MAX, Part

READS_ONLY = "this session only reads"


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """What arming depends on.

    ``not_connected``  why there is no connection that is ready; "" where there is one
    ``missing``        snapshots that have not been told to their end since the last outage
    ``refused``        what the broker answered instead, for some of them
    ``skew_ns``        the broker's clock less ours; None: not known
    ``holes``          answers about orders that could not be read since the snapshots were begun
    ``behind``         the owner takes no events: what it knows is old
    """

    not_connected: str
    order_link: OrderLinkState
    account: str
    missing: list[Part]
    refused: Mapping[Part, str]
    too_large: bool
    skew_ns: int | None
    holes: int
    behind: bool
    read_only: bool


def why_not(grounds: Grounds) -> list[str]:
    """Return every reason for which no order may be sent; empty: armed."""
    reasons = []
    if grounds.read_only:
        reasons.append(READS_ONLY)
    if grounds.not_connected:
        return [*reasons, f"not connected: {grounds.not_connected}"]  # all else follows from it
    if grounds.order_link is not OrderLinkState.UP:
        reasons.append("the Gateway has no link to the broker (1100)")
    if not grounds.account:
        reasons.append("the account is not known")
    reasons += _snapshot_reasons(grounds)
    if grounds.skew_ns is None:
        reasons.append("the broker's clock is not known")
    elif abs(grounds.skew_ns) > SKEW_NS_MAX:
        reasons.append(f"the broker's clock is {grounds.skew_ns / NANOSECONDS_PER_SECOND:+.1f} s off ours; allowed: "
                       f"{SKEW_NS_MAX / NANOSECONDS_PER_SECOND:g} s")
    if grounds.behind:
        reasons.append("events wait that nobody takes")
    return reasons


def _snapshot_reasons(grounds: Grounds) -> list[str]:
    reasons = []
    for part in grounds.missing:
        instead = f" ({grounds.refused[part]})" if part in grounds.refused else ""
        reasons.append(f"{part} not told to the end{instead}")
    if grounds.too_large:
        reasons.append(f"a snapshot of more than {FACTS_MAX:,} records")
    if grounds.holes:
        reasons.append(f"{grounds.holes} answers about orders could not be read")
    return reasons
