"""The strategy plane's process."""

import os

from algotrade.bus import Bus, open_bus
from algotrade.bus.topics import STRATEGY_PLANE
from algotrade.domain import Clock
from algotrade_runners.host import Plane, host, leave, settings_from_command_line
from algotrade_runners.replay_time import INTENTS_TOPIC
from algotrade_runners.settings import Settings
from algotrade_runners.strategy_plane.build import build_live_strategy_plane, build_strategy_plane
from algotrade_runners.strategy_plane.shards import StrategyShards


def run_strategy_plane(settings: Settings) -> int:
    """Run the strategy plane until it is done or stopped; return the exit code (``host.EXIT_*``)."""
    return host(STRATEGY_PLANE, settings, _build)


def main() -> None:
    """Run from the command line: ``--config FILE``."""
    leave(run_strategy_plane(settings_from_command_line(STRATEGY_PLANE)))


def _build(settings: Settings, clock: Clock) -> tuple[Plane, Bus]:  # noqa: ARG001 -- a strategy has no clock
    bus = open_bus(settings.bus.url, STRATEGY_PLANE, os.environ, is_live=settings.is_live)
    build = build_live_strategy_plane if settings.is_live else build_strategy_plane
    if bus.partitions(INTENTS_TOPIC) == 1:
        return build(settings, bus), bus
    return StrategyShards(bus, lambda shard: build(settings, bus, shard=shard)), bus


if __name__ == "__main__":
    main()
