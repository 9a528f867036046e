"""The order plane's process."""

import os

from algotrade.bus import Bus, open_bus
from algotrade.bus.topics import ORDER_PLANE
from algotrade.domain import Clock
from algotrade.execution import BrokerError
from algotrade_runners.host import Plane, host, leave, settings_from_command_line
from algotrade_runners.live_ports import ibkr_broker
from algotrade_runners.order_plane.build import build_live_order_plane, build_order_plane
from algotrade_runners.settings import Settings


def run_order_plane(settings: Settings) -> int:
    """Run the order plane until it is done or stopped; return the exit code (``host.EXIT_*``)."""
    return host(ORDER_PLANE, settings, _build, (BrokerError,))


def main() -> None:
    """Run from the command line: ``--config FILE``."""
    leave(run_order_plane(settings_from_command_line(ORDER_PLANE)))


def _build(settings: Settings, clock: Clock) -> tuple[Plane, Bus]:
    bus = open_bus(settings.bus.url, ORDER_PLANE, os.environ, is_live=settings.is_live)
    if settings.is_live:
        return build_live_order_plane(settings, bus, clock, ibkr_broker(settings, clock)), bus
    return build_order_plane(settings, bus, clock), bus


if __name__ == "__main__":
    main()
