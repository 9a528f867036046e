"""What an operator sees: the log, the metrics, and whether a plane is alive and ready."""

from algotrade.telemetry.log import configure_log, get_log
from algotrade.telemetry.metrics import METRICS, Metric, PlaneCollector
from algotrade.telemetry.server import TelemetryError, TelemetryServer

__all__ = ["METRICS", "Metric", "PlaneCollector", "TelemetryError", "TelemetryServer", "configure_log", "get_log"]
