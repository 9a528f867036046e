"""The simulated broker's process: it listens where the configuration's ``broker.url`` says, until SIGTERM."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from algotrade.config import ConfigError
from algotrade.domain import SystemClock
from algotrade.execution import SimulatedBroker
from algotrade.execution.heard import Heard
from algotrade.execution.remote.venue import RemoteVenue
from algotrade.risk.marks import no_marks
from algotrade.telemetry import configure_log, get_log
from algotrade_runners.host import EXIT_OK, EXIT_WORLD, follow_parent
from algotrade_runners.settings import Settings

NAME = "broker"


def run_broker(settings: Settings, orders: Path | None = None) -> int:
    """Serve sessions until SIGTERM or SIGINT; return the exit code (``host.EXIT_*``).

    ``orders``  a file that gets a line of JSON for every command that is taken, before it has an effect
    Raises ``ConfigError`` where the configuration has the broker inside the order plane.
    """
    address = settings.broker.address()
    if address is None:
        raise ConfigError("configuration broker.url: is empty, the broker is inside the order plane; "
                          "allowed: tcp://HOST:PORT")
    configure_log(plane=NAME, clock=SystemClock(), form=settings.telemetry.log_format,
                  level=settings.telemetry.log_level)
    log = get_log()
    follow_parent()
    instruments = settings.universe()
    broker = SimulatedBroker(instruments, settings.venue, settings.commission, settings.sessions(),
                             no_marks(len(instruments)), settings.risk.working_orders_max)
    try:
        listener = socket.create_server(address)
    except OSError as error:
        log.error("stopped_by_the_world", error=f"broker.url {settings.broker.url}: {error}")  # noqa: TRY400
        return EXIT_WORLD
    with _witness(orders) as witness:
        venue = RemoteVenue(broker, listener, witness)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: venue.close())
        log.info("started", port=address[1], pid=os.getpid())
        venue.serve()
    log.info("stopped", commands=broker.commands, working_orders=broker.working_orders)
    return EXIT_OK


@contextmanager
def _witness(orders: Path | None) -> Iterator[Callable[[int, Heard], None]]:
    """Give what writes down each command, flushed: who is killed next leaves no half of a line behind."""
    if orders is None:
        yield lambda _client_id, _command: None
        return
    with orders.open("ab", buffering=0) as file:
        yield lambda client_id, command: _write(file, client_id, command)


def _write(file: BinaryIO, client_id: int, command: Heard) -> None:
    row = {"client_id": client_id, "action": command.action, "order_id": command.order_id,
           "intent": str(command.request_id), "event_time_ns": command.event_time_ns,
           "expires_at_ns": None if command.terms is None else command.terms.intent.expires_at_ns}
    file.write(msgspec.json.encode(row) + b"\n")
