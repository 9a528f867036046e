"""The Gateway's control port: a small HTTP server through which tests, demos and people drive it.

    GET  /status         market time, clients, whether the recorded data have come to their end
    GET  /clock          how market time follows the host's monotonic clock: what a plane needs to have the same time
    POST /clock/advance  {"seconds": 60}: step market time on; answers when everything that became due was told
    GET  /faults         every kind of fault with its fields
    POST /faults         {"kind": "link_lost", "seconds": 20}: set one off now

Bodies are JSON. Anything else is answered 404, 405 or 400 with what is allowed.
"""

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.gateway.faults import Fault, FaultRefused, fault_of, fault_table
from algotrade.gateway.listening import LOOPBACK
from algotrade.gateway.server import Gateway

BODY_BYTES_MAX = 64 << 10
ADVANCE_S_MAX = 400 * 86_400.0
ANSWER_S_MAX = 600.0
"""How long a step may take: months of ticks are played one by one."""


class ControlRefused(ValueError):
    """A request to the control port that cannot be done; the message says what is allowed."""


class Control:
    """Serves the control port of ``gateway``, which runs in ``loop``; ``port`` 0 takes a free one.

    Raises ``OSError`` where the port is not to be had.
    """

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, port: int, host: str = LOOPBACK) -> None:
        self._gateway = gateway
        self._loop = loop
        routes: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "/status"): self._status,
            ("GET", "/clock"): self._clock,
            ("POST", "/clock/advance"): self._advance,
            ("GET", "/faults"): lambda _: fault_table(),
            ("POST", "/faults"): self._fault,
        }
        handler = type("Handler", (_Handler,), {"routes": routes})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _status(self, _body: Any) -> dict[str, Any]:
        return self._in_loop(self._gateway.status)

    def _clock(self, _body: Any) -> dict[str, Any]:
        return self._in_loop(self._gateway.market_clock.reading)

    def _advance(self, body: Any) -> dict[str, Any]:
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= ADVANCE_S_MAX:
            raise ControlRefused(f'seconds is {seconds!r}; allowed: {{"seconds": above 0, up to {ADVANCE_S_MAX:g}}}')
        assert math.isfinite(seconds), "what is in range is finite"
        step = self._gateway.advance(round(seconds * NANOSECONDS_PER_SECOND))
        asyncio.run_coroutine_threadsafe(step, self._loop).result(ANSWER_S_MAX)
        return self._clock(None)

    def _fault(self, body: Any) -> dict[str, Any]:
        try:
            fault = fault_of(body)
            return self._in_loop(lambda: self._set_off(fault))
        except FaultRefused as error:
            raise ControlRefused(str(error)) from error

    def _set_off(self, fault: Fault) -> dict[str, Any]:
        self._gateway.faults.set_off(fault, self._gateway.now_ns)
        return {"set_off": fault.__struct_config__.tag, "market_ns": self._gateway.now_ns}

    def _in_loop(self, what: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what ``what`` returns in the Gateway's own thread."""
        async def called() -> dict[str, Any]:
            return what()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(ANSWER_S_MAX)


class _Handler(BaseHTTPRequestHandler):
    routes: Mapping[tuple[str, str], Callable[[Any], Any]]

    def _serve(self) -> None:
        method = self.command
        route = self.routes.get((method, self.path))
        if route is None:
            self._unknown(method, [known for known, path in self.routes if path == self.path])
            return
        try:
            self._answer(HTTPStatus.OK, route(self._body()))
        except ControlRefused as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve  # noqa: N815 -- the base class's names

    def _unknown(self, method: str, methods: list[str]) -> None:
        what = f"{method} {self.path[:80]}"
        if methods:
            allowed = ", ".join(methods)
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{what} is not done; allowed: {allowed}"}, allowed)
            return
        known = ", ".join(f"{method} {path}" for method, path in self.routes)
        self._answer(HTTPStatus.NOT_FOUND, {"error": f"{what} is unknown; allowed: {known}"})

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal() and len(length) < 10) or int(length) > BODY_BYTES_MAX:
            raise ControlRefused(f"a body of {length[:20]} bytes; allowed: up to {BODY_BYTES_MAX}")
        data = self.rfile.read(int(length))
        try:
            return json.loads(data) if data else None
        except (ValueError, RecursionError) as error:
            raise ControlRefused(f"the body is no JSON: {error}") from error

    def _answer(self, status: HTTPStatus, body: Any, methods: str = "") -> None:
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if methods:
            self.send_header("Allow", methods)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is no request of HTTP, or of a method that no path has."""
        self._answer(HTTPStatus(code), {"error": message or HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: what is done is told by its effects."""
