"""A TCP proxy that a test can cut: with a reset, as a firewall does, or without a word, as a pulled cable does."""

import asyncio
import contextlib
import socket
import struct
import threading

CHUNK_BYTES = 64 << 10

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST, and throws away what was not delivered."""


class Proxy:
    """Listens on a free port of the loopback interface and passes everything on to ``upstream`` (HOST:PORT).

    ``upstream`` may be set later than the port is known. The proxy runs in a thread of its own; its methods are called
    from the test's.
    """

    def __init__(self) -> None:
        self.upstream = ""
        self._loop = asyncio.new_event_loop()
        self._gate = _opened()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    def reset(self) -> None:
        """Reset every connection, and each new one, until ``heal``."""
        self._do(self._reset(refuses=True))

    def black_hole(self) -> None:
        """Pass nothing on, and say nothing: connections stay open, new ones too, until ``heal``."""
        self._do(self._shut())

    def heal(self, *, forgets: bool = False) -> None:
        """Pass everything on again, what was held back first.

        ``forgets``: new connections only. The old ones stay silent for ever, as those that a firewall no longer knows.
        """
        self._do(self._heal(forgets=forgets))

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # Cut, by us or by an end.
        finally:
            self._tasks.discard(task)
            self._drop(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            self._drop(writer)
            return
        self._writers.add(writer)
        gate = self._gate
        await gate.wait()
        host, port = self.upstream.rsplit(":", 1)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer, gate))
                both.create_task(_pump(far_reader, writer, gate))
        except* OSError:
            pass  # One end was reset: so is the other.
        finally:
            self._drop(far_writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        writer.transport.abort()

    async def _reset(self, *, refuses: bool) -> None:
        self._refuses = refuses
        for writer in list(self._writers):
            self._drop(writer)

    async def _shut(self) -> None:
        self._gate.clear()

    async def _heal(self, *, forgets: bool) -> None:
        self._refuses = False
        if forgets:
            self._gate = _opened()
        self._gate.set()

    async def _end(self) -> None:
        self._server.close()
        await self._reset(refuses=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _opened() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    """Pass on what comes while ``gate`` is open, until an end closes; then both are reset."""
    while data := await reader.read(CHUNK_BYTES):
        await gate.wait()
        writer.write(data)
        await writer.drain()
    await gate.wait()
    raise ConnectionResetError("one end has closed")
