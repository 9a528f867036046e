"""`algotrade gateway --replay DIR`: a recording is said again, instead of a market being played."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from algotrade.config import ConfigError
from algotrade.gateway import ReplayGateway, read_clients
from algotrade.telemetry import get_log
from algotrade_runners.gateway.listen import listen
from algotrade_runners.host import EXIT_OK, EXIT_WORLD


def run_replay(folder: Path, port: int, host: str, speed: float, others: dict[str, Any]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    ``others``  options of a market that is played, by name: none of them may be given
    Raises ``ConfigError``, and ``RecordingError`` for what cannot be replayed.
    """
    for name, value in others.items():
        if value:
            raise ConfigError(f"--replay and {name} are both given; allowed: one of them")
    recorded = read_clients(folder)
    unread = sum(client.unread for client in recorded)
    if unread:
        get_log().warning("messages_left_out", count=unread, why="not known when they were recorded, and masked")
    try:
        gateway = ReplayGateway(recorded, speed=speed)
    except ValueError as error:
        raise ConfigError(f"--{error}") from error
    return asyncio.run(_serve(gateway, folder, len(recorded), port, host, speed))


async def _serve(gateway: ReplayGateway, folder: Path, count: int, port: int, host: str, speed: float) -> int:
    found = await listen(gateway, port, host)
    if found is None:
        return EXIT_WORLD
    sys.stdout.write(f"algotrade gateway listens on {host}:{found}, replays {folder}, server version "
                     f"{gateway.version_max}, {count} connection{'s' if count > 1 else ''}, speed {speed:g}\n")
    sys.stdout.flush()
    await gateway.serve()
    return EXIT_OK
