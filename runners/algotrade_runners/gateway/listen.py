"""What the process of a Gateway does whatever it tells: it listens, and SIGTERM or SIGINT stops it."""

import asyncio
import signal
from typing import Any

from algotrade.gateway.listening import Listener
from algotrade.telemetry import get_log


async def listen(gateway: Listener[Any], port: int, host: str) -> int | None:
    """Return the port on which ``gateway`` listens now, None where it is not to be had, which is logged."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, gateway.stop)
    try:
        return await gateway.start(port, host)
    except OSError as error:
        get_log().error("stopped_by_the_world", error=f"--port {port}: {error}")
        return None
