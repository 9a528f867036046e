"""The Gateway's state file: accounts, orders and market time, so that a restart goes on where it stood."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from algotrade.gateway import Gateway
from algotrade.gateway.trading import Trading, TradingState
from algotrade.telemetry import get_log

VERSION = 1
SAVE_S = 1.0
"""So often the file is written where something changed, and at the end: that much a kill may lose."""


class StateFileError(OSError):
    """A state file cannot be read, or is not of this account and version."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds."""

    version: int
    accounts: tuple[str, ...]
    market_ns: int
    trading: TradingState


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every version of the file has."""

    version: int
    accounts: tuple[str, ...]


def read_state(path: Path, account: str) -> Kept | None:
    """Return what ``path`` holds, None where there is no such file; raises ``StateFileError``."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileError(f"state file {path} cannot be read: {error}") from error
    try:
        head = msgspec.msgpack.decode(data, type=_Head)
        if head.version != VERSION or head.accounts != (account,):
            raise StateFileError(f"state file {path} is version {head.version} of {', '.join(head.accounts)}; allowed: "
                                 f"version {VERSION} of {account}")
        return msgspec.msgpack.decode(data, type=Kept)
    except msgspec.DecodeError as error:
        raise StateFileError(f"state file {path} is none of this version: {error}; allowed: delete it, or another "
                             "file") from error


def write_state(path: Path, gateway: Gateway, last: bytes = b"") -> bytes:
    """Write the state where it differs from ``last``, whole or not at all; return what was written."""
    assert isinstance(gateway.trading, Trading), "a Gateway keeps accounts and orders"
    trading = gateway.trading.state()
    body = msgspec.msgpack.encode(trading)
    if body != last:
        kept = Kept(version=VERSION, accounts=gateway.trading.accounts, market_ns=gateway.now_ns, trading=trading)
        whole = path.with_name(path.name + ".new")
        with whole.open("wb") as file:
            file.write(msgspec.msgpack.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)
    return body


async def keep_state(path: Path, gateway: Gateway, ended: asyncio.Event) -> None:
    """Write the state again and again, until ``ended``; then once more."""
    last = b""
    while not ended.is_set():
        last = write_state(path, gateway, last)
        with suppress(TimeoutError):
            async with asyncio.timeout(SAVE_S):
                await ended.wait()
    write_state(path, gateway)
    get_log().info("state_kept", market_ns=gateway.now_ns)
