"""Orders, executions and accounts of the simulated Gateway: a broker in a struct, without I/O."""

from algotrade.gateway.trading.settings import (
    AccountSettings,
    Margin,
    Presets,
    SettingsError,
    TradingSettings,
)
from algotrade.gateway.trading.state import TradingState
from algotrade.gateway.trading.trading import Trading

__all__ = ["AccountSettings", "Margin", "Presets", "SettingsError", "Trading", "TradingSettings", "TradingState"]
