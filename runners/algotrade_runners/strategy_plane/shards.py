"""The shards of the strategy plane that one process has: each is a plane of its own, with its own snapshot and lead."""

from collections.abc import Callable, Iterable, Mapping

from algotrade.bus import Bus, Superseded
from algotrade.bus.topics import STRATEGY_PLANE
from algotrade.telemetry import get_log
from algotrade.telemetry.metrics import Labels, Samples
from algotrade_runners.host import WAIT_S, Plane
from algotrade_runners.replay_time import INTENTS_TOPIC


class StrategyShards:
    """Runs the shards that the group of these processes gives to this one, and gives up those that it takes.

    A shard that comes goes on from its snapshot. There is no hot standby of it: following all shards would cost each
    process what sharing them out is to save.

    ``build``  makes the plane of a shard
    """

    name = STRATEGY_PLANE

    def __init__(self, bus: Bus, build: Callable[[int], Plane]) -> None:
        self._bus = bus
        self._build = build
        self._planes: dict[int, Plane] = {}
        self.done = False
        self.wait_s = WAIT_S

    def step(self) -> bool:
        """Step every shard that is here."""
        held = self._bus.shares(INTENTS_TOPIC)
        if held != self._planes.keys():
            self._follow(held)
        progressed = [self._step(shard) for shard in list(self._planes)]
        self.done = bool(self._planes) and all(plane.done for plane in self._planes.values())
        return any(progressed)

    def stop(self) -> None:
        """Write a snapshot of each shard."""
        for shard in list(self._planes):
            self._stop(shard)

    def samples(self) -> Samples:
        """Return the metrics of all shards together."""
        planes = list(self._planes.values())
        return {**_sum(plane.samples() for plane in planes), "algotrade_shards": len(planes)}

    def ready(self) -> Mapping[str, bool]:
        """Return whether this plane and what it depends on are there."""
        return {"strategy": True}

    def _follow(self, held: frozenset[int]) -> None:
        before = set(self._planes)
        for shard in before - held:
            self._stop(shard)
        for shard in held - before:
            try:
                self._planes[shard] = self._build(shard)
            except Superseded as error:
                get_log().warning("shard_superseded", shard=shard, error=str(error))
        get_log().info("shards", held=sorted(held), gained=sorted(held - before), lost=sorted(before - held))

    def _step(self, shard: int) -> bool:
        plane = self._planes[shard]
        try:
            return not plane.done and plane.step()
        except Superseded as error:
            # Another process has the shard, and this one will hear of it from the group too.
            get_log().warning("shard_superseded", shard=shard, error=str(error))
            del self._planes[shard]
            return False

    def _stop(self, shard: int) -> None:
        plane = self._planes.pop(shard)
        try:
            plane.stop()
        except Superseded as error:
            get_log().warning("shard_superseded", shard=shard, error=str(error))


def _sum(samples: Iterable[Samples]) -> Samples:
    """Return the sums of numbers, label by label; the latest of what is a time."""
    total: dict[str, float | dict[Labels, float]] = {}
    for one in samples:
        for name, value in one.items():
            if isinstance(value, Mapping):
                labels = total.setdefault(name, {})
                assert isinstance(labels, dict)
                for label, number in value.items():
                    labels[label] = labels.get(label, 0.0) + number
            else:
                assert isinstance(value, int | float), f"{name} is a {type(value).__name__}"
                before = total.get(name, 0.0)
                assert isinstance(before, int | float)
                total[name] = max(before, value) if name.endswith("time_seconds") else before + value
    return total
