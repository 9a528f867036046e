"""All three planes in one process, one step of each in turn."""

from collections.abc import Sequence

from algotrade.bus import Bus
from algotrade_runners.host import Plane, StopFlag


def run_together(planes: Sequence[Plane], bus: Bus, stop: StopFlag) -> None:
    """Step ``planes`` in turn until all are done or told to stop, then leave them durable, in order."""
    while not all(plane.done for plane in planes) and not stop.is_set:
        progressed = [plane.step() for plane in planes if not plane.done]
        if not any(progressed):
            bus.wait(min((plane.wait_s for plane in planes if not plane.done), default=0.0))
    for plane in planes:
        plane.stop()
