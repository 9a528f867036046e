"""The data plane's process."""

import os

from algotrade.bus import Bus, open_bus
from algotrade.bus.topics import DATA_PLANE
from algotrade.domain import Clock
from algotrade_runners.data_plane.build import build_data_plane, build_live_data_plane
from algotrade_runners.host import Plane, host, leave, settings_from_command_line
from algotrade_runners.live_ports import ibkr_feed
from algotrade_runners.settings import Settings


def run_data_plane(settings: Settings) -> int:
    """Run the data plane until it is done or stopped; return the exit code (``host.EXIT_*``)."""
    return host(DATA_PLANE, settings, _build)


def main() -> None:
    """Run from the command line: ``--config FILE``."""
    leave(run_data_plane(settings_from_command_line(DATA_PLANE)))


def _build(settings: Settings, clock: Clock) -> tuple[Plane, Bus]:
    bus = open_bus(settings.bus.url, DATA_PLANE, os.environ, is_live=settings.is_live)
    if settings.is_live:
        return build_live_data_plane(settings, bus, clock, lambda known: ibkr_feed(settings, clock, known)), bus
    return build_data_plane(settings, bus, clock), bus


if __name__ == "__main__":
    main()
