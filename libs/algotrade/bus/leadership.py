"""A plane that leads, or follows the one that does until it is its turn.

A follower is the same plane: it reads the same inputs, and so makes what the leader makes. But it publishes nothing. It
holds what it makes against what the leader has put in the log, and keeps the rest; when its turn comes it takes the
lead, looks at the log up to there, and appends what is missing (``output``). So a take-over is no other path than a
restart, only without the time that loading and repeating take.
"""

from collections.abc import Callable, Mapping, Sequence

from algotrade.bus.output import RepeatingOutput, flush_together
from algotrade.bus.port import Bus, Lease


class Leadership:
    """The lead of what one plane writes, as far as this process has it.

    ``topic``    of the plane's, on which its lead is taken, for one ``shard``
    ``may_act``  asked once the lead is taken: until it says yes the plane goes on following, because something that
                 only one process can have is still in other hands

    ``lease``  None while this process follows
    ``epoch``  of the lead that was taken, 0 before
    """

    def __init__(self, bus: Bus, topic: str, *, shard: int = 0, may_act: Callable[[], bool] = lambda: True) -> None:
        self._bus = bus
        self._topic = topic
        self._shard = shard
        self._may_act = may_act
        self.lease: Lease | None = None
        self.epoch = 0

    def claim(self) -> None:
        """Take the lead where it is this process's turn already, without acting on it yet.

        Before a snapshot is looked for: who led before writes none behind that.
        """
        lease = self._bus.campaign(self._topic, self._shard)
        self.epoch = 0 if lease is None else lease.epoch

    @property
    def leads(self) -> bool:
        """Tell whether this process leads, and acts on it."""
        return self.lease is not None

    def stand(self) -> bool:
        """Ask whether it is this process's turn; True when it begins to act as the leader, or begins anew.

        Asked before every step of a plane. Whoever begins looks at its logs again: others may have led meanwhile.
        Raises ``Superseded`` once another has taken the lead after this one did.
        """
        lease = self._bus.campaign(self._topic, self._shard)
        self.epoch = 0 if lease is None else lease.epoch
        if self.lease is not None:
            # Perhaps this process's turn has gone and come back, unseen: then the lease is a new one.
            before, self.lease = self.lease, lease or self.lease
            return self.lease != before
        if lease is None or not self._may_act():
            return False
        self.lease = lease
        return True

    def publish(self, outputs: Sequence[RepeatingOutput], promises: Mapping[str, int], *, soon: bool = False) -> None:
        """Append what ``outputs`` hold and promise; a follower compares, promises nothing, and keeps the rest.

        ``soon``  nobody waits for these promises (``Bus.append_all``)
        """
        if self.lease is None:
            for output in outputs:
                output.follow()
        else:
            flush_together(self._bus, outputs, self.lease, promises, soon=soon)
