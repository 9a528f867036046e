"""A plane that leads, or follows the one that does until it is its turn.

A follower is the same plane: it reads the same inputs, and so makes what the leader makes. But it publishes nothing. It
holds what it makes against what the leader has put in the log, and keeps the rest; when its turn comes it takes the
lead, looks at the log up to there, and appends what is missing (``output``). So a take-over is no other path than a
restart, only without the time that loading and repeating take.
"""

from collections.abc import Mapping, Sequence

from algotrade.bus.output import RepeatingOutput, flush_together
from algotrade.bus.port import Bus, Lease


class Leadership:
    """The lead of what one plane writes, as far as this process has it.

    ``topic``  of the plane's, on which its lead is taken

    ``lease``  None while another process leads
    """

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self.lease: Lease | None = None

    @property
    def leads(self) -> bool:
        """Tell whether this process leads."""
        return self.lease is not None

    @property
    def epoch(self) -> int:
        """Return the epoch under which this process leads, 0 while it does not."""
        return 0 if self.lease is None else self.lease.epoch

    def stand(self) -> bool:
        """Ask whether it is this process's turn; True when it has just become the leader.

        Asked before every step of a plane. Raises ``Superseded`` once another leads after this one did.
        """
        before, self.lease = self.lease, self._bus.campaign(self._topic)
        return before is None and self.lease is not None

    def publish(self, outputs: Sequence[RepeatingOutput], promises: Mapping[str, int]) -> None:
        """Append what ``outputs`` hold and promise; a follower compares, promises nothing, and keeps the rest."""
        if self.lease is None:
            for output in outputs:
                output.follow()
        else:
            flush_together(self._bus, outputs, self.lease, promises)
