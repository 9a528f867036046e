"""May this order go out? Pure checks on integers, one gate that runs them, and the only maker of ``Approved``."""

from algotrade.risk.gate import Approved, Gate, GateState, Refused
from algotrade.risk.limits import Limits, LimitsError
from algotrade.risk.reasons import Reason

__all__ = ["Approved", "Gate", "GateState", "Limits", "LimitsError", "Reason", "Refused"]
