"""The fence in the log: which of a partition's records count, when a leader may have been superseded.

A new leader claims its epoch with a record on its plane's leader topic: the claim's offset + 1 is the epoch, so every
claim has another one, and the newest has the highest. Then it appends a marker to every partition that its plane
writes, and only when all have one, a second record to the leader topic that says where they stand. From a marker on,
what an older epoch appends to that partition is void: every reader passes over it, and its writer, which acts on a
record only after it has read it back, finds the marker before it.

A reader that begins in the middle of a partition has not seen the markers before. The leader topic tells it where they
are. A claim without the second record may have left markers somewhere (its candidate died on the way): then the reader
begins further back, at the newest marker that it knows of, and only counts until it is where it wanted to begin.
"""

from collections.abc import Mapping

import msgspec

from algotrade.bus.codec import decode_bare

Lane = tuple[str, int]


class Installed(msgspec.Struct, frozen=True):
    """The second record of a leader: the markers of ``epoch`` stand at ``markers``, (topic, partition, offset)."""

    epoch: int
    markers: tuple[tuple[str, int, int], ...]


class LeaderLog:
    """What the leader topic of one plane says, as far as it was read: up to ``position``."""

    def __init__(self) -> None:
        self.position = 0
        self._unfinished: set[int] = set()
        self._installed: dict[int, dict[Lane, int]] = {}

    def take(self, offset: int, value: bytes) -> None:
        """Take the next record. Raises ``Undecodable`` for a stranger's: it claims nothing, and is behind us then."""
        self.position = offset + 1
        if not value:
            self._unfinished.add(offset + 1)
            return
        record: Installed = decode_bare(value, Installed)
        self._unfinished.discard(record.epoch)
        self._installed[record.epoch] = {(topic, partition): at for topic, partition, at in record.markers}

    @property
    def newest_claim(self) -> int:
        """Return the highest epoch that anybody has claimed, 0 for none."""
        return max(self._unfinished | self._installed.keys(), default=0)

    def floor(self, lane: Lane, position: int) -> tuple[int, int]:
        """Return the newest epoch with its marker in ``lane`` before ``position`` (0: none), and where to begin.

        That is ``position`` itself, unless an unfinished claim may have a marker between the two.
        """
        before = {epoch: markers[lane] for epoch, markers in self._installed.items()
                  if markers.get(lane, position) < position}
        newest = max(before, default=0)
        if any(claim > newest for claim in self._unfinished):
            return newest, before.get(newest, 0)
        return newest, position


def installed(epoch: int, markers: Mapping[Lane, int]) -> bytes:
    """Return the value of a leader's second record."""
    return msgspec.msgpack.encode(
        Installed(epoch, tuple((topic, partition, at) for (topic, partition), at in sorted(markers.items()))))
