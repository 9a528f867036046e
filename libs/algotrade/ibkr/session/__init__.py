"""The session with TWS or the Gateway: connect, send at the broker's pace, know what is known, and say what is not.

An owner makes one ``Session``, asks by ``request`` and takes ``events``. Its parts are small machines without I/O; the
thread and the socket are in session.py, and the client library is known to library.py alone.
"""

from algotrade.ibkr.session.arming import READS_ONLY
from algotrade.ibkr.session.errors import (
    AccountRefused,
    ClientIdInUse,
    Closed,
    ClosedAtOnce,
    ConnectFailed,
    Disarmed,
    LibraryMissing,
    LinkDown,
    LinkLost,
    NotAnApiPort,
    NothingListens,
    OrderIdsExhausted,
    QueueFull,
    ReadOnly,
    Refused,
    RequestRefused,
    SessionError,
    SettingsRefused,
    SilentPort,
    StartRefused,
    VersionRefused,
)
from algotrade.ibkr.session.events import (
    ArmingChanged,
    LinkChanged,
    OrderIdsRolledBack,
    Quarantined,
    SessionEvent,
    SnapshotTaken,
    Told,
    Unsent,
    Written,
)
from algotrade.ibkr.session.link import Channel, FarmState, OrderLinkState, SocketState
from algotrade.ibkr.session.order_ids import REQUEST_ID_FIRST
from algotrade.ibkr.session.reconnect import REGIONS, MaintenanceWindow
from algotrade.ibkr.session.sender import Lane
from algotrade.ibkr.session.session import Session, Witness
from algotrade.ibkr.session.settings import IbkrSettings, ibkr_settings
from algotrade.ibkr.session.snapshots import SnapshotFacts

__all__ = [
    "READS_ONLY", "REGIONS", "REQUEST_ID_FIRST", "AccountRefused", "ArmingChanged", "Channel", "ClientIdInUse",
    "Closed", "ClosedAtOnce", "ConnectFailed", "Disarmed", "FarmState", "IbkrSettings", "Lane", "LibraryMissing",
    "LinkChanged", "LinkDown", "LinkLost", "MaintenanceWindow", "NotAnApiPort", "NothingListens", "OrderIdsExhausted",
    "OrderIdsRolledBack", "OrderLinkState", "Quarantined", "QueueFull", "ReadOnly", "Refused", "RequestRefused",
    "Session", "SessionError", "SessionEvent", "SettingsRefused", "SilentPort", "SnapshotFacts", "SnapshotTaken",
    "SocketState", "StartRefused", "Told", "Unsent", "VersionRefused", "Witness", "Written", "ibkr_settings",
]
