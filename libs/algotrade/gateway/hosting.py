"""A Gateway in a thread of its own, for who drives it from the same process: tests, the demo, a notebook."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from algotrade.gateway.server import Gateway

READY_S_MAX = 60.0
STOP_S_MAX = 5.0


class Hosted:
    """Runs the Gateway that ``make`` returns until the end of the ``with`` block; ``port`` says where it listens.

    Entering raises what keeps it from listening, leaving raises what went wrong inside.
    """

    def __init__(self, make: Callable[[], Gateway], port: int = 0) -> None:
        self._make = make
        self._wanted = port
        self._started: Future[tuple[Gateway, asyncio.AbstractEventLoop, int]] = Future()
        self._ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.gateway, self._loop, self.port = self._started.result(READY_S_MAX)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed where the Gateway has already ended, as the future tells
            self._loop.call_soon_threadsafe(self.gateway.stop)
        self._ended.result(STOP_S_MAX)
        self._thread.join(STOP_S_MAX)

    def advance(self, step_ns: int) -> None:
        """Step market time on, and return when everything that became due was told."""
        asyncio.run_coroutine_threadsafe(self.gateway.advance(step_ns), self._loop).result()

    def call(self, what: Callable[[Gateway], object]) -> object:
        """Return what ``what`` returns of the Gateway, called in its thread."""
        async def called() -> object:
            return what(self.gateway)

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits for it
            (self._ended if self._started.done() else self._started).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        gateway = self._make()
        port = await gateway.start(self._wanted)
        self._started.set_result((gateway, asyncio.get_running_loop(), port))
        await gateway.serve()
