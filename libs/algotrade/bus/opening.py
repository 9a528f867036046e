"""From the configured address of a bus to the bus."""

from algotrade.bus.local import LocalBus
from algotrade.bus.port import Bus, BusError

LOCAL_SCHEME = "local"


def open_bus(url: str, writer: str | None) -> Bus:
    """Open the bus at ``url`` as the plane ``writer``; None only looks. The caller closes it.

    ``local:FOLDER`` is the durable bus of one host. Anything else is a ``BusError``; a ``MemoryBus`` has no address, as
    it lives in one process.
    """
    return LocalBus(local_folder(url), writer)


def local_folder(url: str) -> str:
    """Return FOLDER of ``local:FOLDER``; raises ``BusError`` for another scheme or no folder."""
    scheme, colon, folder = url.partition(":")
    if not colon or scheme != LOCAL_SCHEME or not folder:
        raise BusError(f"bus address {url!r} has scheme {scheme!r}; allowed: {LOCAL_SCHEME}:FOLDER")
    return folder
