"""From the configured address of a bus to the bus, and to what can be done to the place where it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from algotrade.bus.local import LocalBus
from algotrade.bus.port import Bus, BusError
from algotrade.bus.topics import TOPICS, lasting

if TYPE_CHECKING:
    from algotrade.bus.kafka import KafkaAccess, KafkaAddress

LOCAL_SCHEME = "local"
KAFKA_SCHEME = "kafka"
ADDRESSES = f"{LOCAL_SCHEME}:FOLDER or {KAFKA_SCHEME}://HOST:PORT[,HOST:PORT...]/RUN"


class BusPlace(Protocol):
    """Where the planes of a run meet."""

    @property
    def url(self) -> str:
        """Return the address in full, the same from whatever folder and with whatever environment it is read."""
        ...

    def open(self, writer: str | None, *, is_live: bool = False) -> Bus:
        """Open the bus as the plane ``writer``; None only looks. The caller closes it.

        ``is_live``  what is appended cannot be read again anywhere else: all of it is flushed to the disk
        """
        ...

    def open_for_people(self, writer: str) -> Bus:
        """Open the bus as ``writer`` to append what people ask for, which is no plane's work; the caller closes it.

        Raises ``BusError`` where a running process keeps that from being safe.
        """
        ...

    def exists(self) -> bool:
        """Tell whether a run has been started here."""
        ...

    def make(self, shards: int | None = None) -> None:
        """Make what planes need to find here; nothing happens to what is there.

        ``shards``  of a new run, 1 by default; raises ``BusError`` for a number that cannot be had
        """
        ...

    def remove(self) -> None:
        """Remove everything, so that a start begins clean."""
        ...

    def forget_promises(self) -> None:
        """Take back every promise; who starts all planes of a run calls this before the first one."""
        ...


class LocalPlace:
    """A folder of this host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def url(self) -> str:
        """Return ``local:`` and the absolute folder."""
        return f"{LOCAL_SCHEME}:{self.folder.resolve()}"

    def open(self, writer: str | None, *, is_live: bool = False) -> Bus:
        """Open the bus in the folder, which is made where it is missing."""
        return LocalBus(self.folder, writer, lasting(TOPICS) if is_live else TOPICS)

    def open_for_people(self, writer: str) -> Bus:
        """Open the bus; raises ``BusError`` while a process writes in the folder: the file is its own."""
        LocalBus.check_unused(self.folder)
        return LocalBus(self.folder, writer)

    def exists(self) -> bool:
        """Tell whether the folder holds a bus."""
        return (self.folder / "FORMAT").exists()

    def make(self, shards: int | None = None) -> None:
        """Do nothing: opening makes the folder, and on one host there are no shards to share out."""
        if shards not in {None, 1}:
            raise BusError(f"{shards} shards at {self.url}; allowed: 1, or a bus on Kafka")

    def remove(self) -> None:
        """Remove the folder; raises ``FormatUnsupported`` for what is no bus folder."""
        LocalBus.remove(self.folder)

    def forget_promises(self) -> None:
        """Clear the board."""
        LocalBus.forget_promises(self.folder)


class KafkaPlace:
    """A run's topics on a cluster."""

    def __init__(self, address: "KafkaAddress", access: "KafkaAccess") -> None:
        self.address = address
        self.access = access

    def __str__(self) -> str:
        return str(self.address)

    @property
    def url(self) -> str:
        """Return the address with its servers."""
        return str(self.address)

    def open(self, writer: str | None, *, is_live: bool = False) -> Bus:  # noqa: ARG002 -- acks=all, live or not
        """Open the run's bus; raises ``TopicUnknown`` where the cluster does not have its topics."""
        from algotrade.bus.kafka import KafkaBus  # noqa: PLC0415 -- the extra, where it is used

        return KafkaBus(self.address, self.access, writer)

    def open_for_people(self, writer: str) -> Bus:
        """Open the run's bus. Planes may run: what is appended here has no epoch, and counts whoever leads."""
        return self.open(writer)

    def exists(self) -> bool:
        """Tell whether the cluster has topics of the run."""
        from algotrade.bus.kafka import has_topics  # noqa: PLC0415

        return has_topics(self.address, self.access)

    def make(self, shards: int | None = None) -> None:
        """Make the topics that are missing."""
        from algotrade.bus.kafka import create_topics  # noqa: PLC0415

        create_topics(self.address, self.access, shards=shards)

    def remove(self) -> None:
        """Delete the run's topics."""
        from algotrade.bus.kafka import delete_topics  # noqa: PLC0415

        delete_topics(self.address, self.access)

    def forget_promises(self) -> None:
        """Empty the promises topic."""
        from algotrade.bus.kafka import forget_promises  # noqa: PLC0415

        forget_promises(self.address, self.access)


def bus_at(url: str, environ: Mapping[str, str]) -> BusPlace:
    """Return the place at ``url``: ``local:FOLDER``, or ``kafka://HOST:PORT[,HOST:PORT...]/RUN``.

    ``environ``  KAFKA_* variables say how to show who we are

    Raises ``BusError`` for anything else. A ``MemoryBus`` has no address, as it lives in one process.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == LOCAL_SCHEME and colon and rest:
        return LocalPlace(Path(rest))
    if scheme == KAFKA_SCHEME and colon:
        return _kafka_at(url, environ)
    raise BusError(f"bus address {url!r} has scheme {scheme!r}; allowed: {ADDRESSES}")


def _kafka_at(url: str, environ: Mapping[str, str]) -> KafkaPlace:
    try:
        from algotrade.bus.kafka import KafkaAccess, KafkaAddress  # noqa: PLC0415
    except ImportError as error:
        raise BusError(f"bus address {url!r} needs the extra kafka: pip install 'algotrade[kafka]'") from error
    return KafkaPlace(KafkaAddress.parse(url, environ), KafkaAccess.of(environ))


def open_bus(url: str, writer: str | None, environ: Mapping[str, str], *, is_live: bool = False) -> Bus:
    """Open the bus at ``url`` (``bus_at``) as the plane ``writer`` (``BusPlace.open``)."""
    return bus_at(url, environ).open(writer, is_live=is_live)
