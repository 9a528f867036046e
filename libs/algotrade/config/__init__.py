"""Configuration: read, checked whole before anything starts, and hashed. What the keys mean stands in the runners."""

from algotrade.config.calendars import CalendarError, load_sessions
from algotrade.config.load import ConfigError, config_hash, convert, load, override, write

__all__ = ["CalendarError", "ConfigError", "config_hash", "convert", "load", "load_sessions", "override", "write"]
