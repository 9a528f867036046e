"""The plane's small HTTP server: ``/healthz``, ``/readyz`` and ``/metrics``, on loopback unless told otherwise."""

import json
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from algotrade.telemetry.metrics import PlaneCollector, Samples


class TelemetryError(Exception):
    """The server cannot listen; the message names address and port."""


class TelemetryServer:
    """Serves a plane's health and metrics from a thread of its own, which only reads.

    ``port`` 0 takes any free one; ``ready`` names each dependency and tells whether it is there. ``/healthz`` answers
    200 as long as the process can answer; ``/readyz`` 200 when every dependency is there, else 503 with their list.
    """

    def __init__(self, *, port: int, ready: Callable[[], Mapping[str, bool]], samples: Callable[[], Samples],
                 host: str = "127.0.0.1") -> None:
        registry = CollectorRegistry()
        registry.register(PlaneCollector(lambda: {**samples(), "algotrade_ready": float(all(ready().values()))}))
        handler = type("Handler", (_Handler,), {"registry": registry, "ready": staticmethod(ready)})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except (OSError, OverflowError) as error:
            raise TelemetryError(
                f"metrics port {port} on {host} cannot be listened on: {error}; allowed: a free port, or 0 for any"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        # The interval bounds how long `close` takes.
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="telemetry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    ready: Callable[[], Mapping[str, bool]]

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")
        elif self.path == "/readyz":
            state = dict(self.ready())
            status = HTTPStatus.OK if all(state.values()) else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, "application/json", json.dumps(state).encode() + b"\n")
        elif self.path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.registry))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"try /healthz, /readyz or /metrics\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: a scrape every few seconds is not an event."""
