"""The log: one event a line, named fields, as JSON for machines or plain for a terminal."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock

FORMATS = ("json", "console")
LEVELS = ("debug", "info", "warning", "error")


def configure_log(*, plane: str, clock: Clock, form: str = "json", level: str = "info",
                  stream: TextIO | None = None) -> None:
    """Set the process's log up, once, before anything is logged.

    Every line carries ``time`` (UTC, from ``clock``), ``level``, ``plane`` and ``event``. ``form`` is one of
    ``FORMATS``, ``level`` one of ``LEVELS``; ``stream`` defaults to standard error.
    """
    assert form in FORMATS, f"log format {form!r}"
    assert level in LEVELS, f"log level {level!r}"

    def stamp(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        seconds, rest_ns = divmod(clock.time_ns(), NANOSECONDS_PER_SECOND)
        event["time"] = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}Z"
        event["plane"] = plane
        return event

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False))
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamp, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_log() -> structlog.typing.FilteringBoundLogger:
    """Return the process's logger: ``log.info("event_name", field=value)``."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log
