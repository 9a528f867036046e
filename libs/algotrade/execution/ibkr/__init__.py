"""The broker that is Interactive Brokers: orders from typed values alone, their states from its raw answers alone.

Nothing here does I/O but through a session (``algotrade.ibkr.session``). orders.py says whose order is whose, codes.py
what errors hint at, executions.py and evidence.py take the answers, lives.py says what they prove, looks.py asks when
nothing is heard, foreign.py keeps what is not ours.
"""

from algotrade.execution.ibkr.broker import IbkrBroker, OrderSession
from algotrade.execution.ibkr.executions import SetAside
from algotrade.execution.ibkr.foreign import AccountPosition, ForeignOrder
from algotrade.execution.ibkr.settings import OrderSettings

__all__ = ["AccountPosition", "ForeignOrder", "IbkrBroker", "OrderSession", "OrderSettings", "SetAside"]
