"""A bus as one who only looks has it."""

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algotrade.bus import Bus

Address = Annotated[str, typer.Option("--bus", metavar="local:DIR|kafka://HOST:PORT/RUN", help="The bus to look at.")]
DEFAULT_BUS = "local:out/demo/bus"


@contextmanager
def looking(address: str) -> "Iterator[Bus]":
    """Give the bus at ``address``; what is wrong with it is told, and ends the command."""
    from algotrade.bus import BusError, bus_at
    from algotrade_runners.cli.errors import told

    with told():
        place = bus_at(address, os.environ)
        if not place.exists():
            raise BusError(f"{place} holds no bus; allowed: one that a run has made")
        bus = place.open(None)
        try:
            yield bus
        finally:
            bus.close()
