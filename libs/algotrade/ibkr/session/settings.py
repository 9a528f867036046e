"""How to reach TWS or the Gateway, and as whom."""

from collections.abc import Mapping
from typing import Any

import msgspec

from algotrade.ibkr.session.account import LIVE_PORTS, PAPER_PORTS, is_paper
from algotrade.ibkr.session.errors import SettingsRefused
from algotrade.ibkr.session.reconnect import REGIONS, MaintenanceWindow

LIBRARIES = ("ib_insync", "ib_async")
CLIENT_ID_MAX = 2**31 - 1
ACCOUNT_CHARACTERS_MAX = 20
CONNECT_S_MAX = 60.0


class IbkrSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach TWS or the Gateway, and as whom.

    ``host``         of TWS or the Gateway
    ``port``         4002 Gateway paper, 7497 TWS paper; 4001 and 7496 are for live accounts, which are refused
    ``account``      such as DU1234567; empty: the only one of the login
    ``client_id``    one session at a time has it, and orders belong to it: never change it while orders are open
    ``read_only``    send no order and no cancel
    ``client``       library that connects: ib_insync or ib_async
    ``connect_s``    seconds that connecting may take, up to account and first order id
    ``region``       whose hours of maintenance are the broker's: america, europe, asia, or none. Within them silence is
                     expected, and reconnecting is patient
    ``maintenance``  more such hours
    """

    host: str = "127.0.0.1"
    port: int = 4002
    account: str = ""
    client_id: int = 1
    read_only: bool = False
    client: str = "ib_insync"
    connect_s: float = 10.0
    region: str = "america"
    maintenance: tuple[MaintenanceWindow, ...] = ()

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise SettingsRefused(f"host is {self.host!r}; allowed: a name or an address")
        if not 0 < self.port <= 65_535:
            raise SettingsRefused(f"port is {self.port}; allowed: 1 to 65535")
        if self.port in LIVE_PORTS:
            raise SettingsRefused(
                f"port is {self.port}, that of {LIVE_PORTS[self.port]}; allowed: {_paper_ports()}, or a port of your "
                "own. Live accounts are refused until order journal, reconciliation and kill switch exist")
        if self.account and not (self.account.isalnum() and len(self.account) <= ACCOUNT_CHARACTERS_MAX):
            raise SettingsRefused(f"account is {self.account!r}; allowed: an account such as DU1234567, or empty")
        if self.account and not is_paper(self.account):
            raise SettingsRefused(f"account is {self.account}; allowed: a paper account (DU...), or empty")
        if not 0 <= self.client_id <= CLIENT_ID_MAX:
            raise SettingsRefused(f"client_id is {self.client_id}; allowed: 0 to {CLIENT_ID_MAX}")
        if self.client not in LIBRARIES:
            raise SettingsRefused(f"client is {self.client!r}; allowed: {', '.join(LIBRARIES)}")
        if not 0 < self.connect_s <= CONNECT_S_MAX:
            raise SettingsRefused(f"connect_s is {self.connect_s}; allowed: above 0, up to {CONNECT_S_MAX:g}")
        if self.region not in REGIONS:
            raise SettingsRefused(f"region is {self.region!r}; allowed: {', '.join(REGIONS)}")

    @property
    def windows(self) -> tuple[MaintenanceWindow, ...]:
        """Return the region's hours of maintenance and those that were added."""
        return (*REGIONS[self.region], *self.maintenance)


def _paper_ports() -> str:
    return ", ".join(f"{port} ({what})" for port, what in PAPER_PORTS.items())


_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


def ibkr_settings(environment: Mapping[str, str], otherwise: IbkrSettings | None = None) -> IbkrSettings:
    """Return the settings that ``environment`` names; what it does not name is as in ``otherwise``, or by default.

    Read are IBKR_HOST, IBKR_PORT, IBKR_ACCOUNT, IBKR_CLIENT_ID, IBKR_READ_ONLY and IBKR_CLIENT. Raises
    ``SettingsRefused``, which names the variable.
    """
    found: dict[str, Any] = {}
    for name, field in (("IBKR_HOST", "host"), ("IBKR_ACCOUNT", "account"), ("IBKR_CLIENT", "client")):
        if name in environment:
            found[field] = environment[name].strip()
    for name, field in (("IBKR_PORT", "port"), ("IBKR_CLIENT_ID", "client_id")):
        if name in environment:
            found[field] = _number(name, environment[name])
    if "IBKR_READ_ONLY" in environment:
        text = environment["IBKR_READ_ONLY"].strip().lower()
        if text not in _FLAGS:
            raise SettingsRefused(f"IBKR_READ_ONLY is {text!r}; allowed: {', '.join(filter(None, _FLAGS))}, or empty")
        found["read_only"] = _FLAGS[text]
    try:
        return msgspec.structs.replace(otherwise or IbkrSettings(), **found)
    except SettingsRefused as error:
        field, _, rest = str(error).partition(" ")
        raise SettingsRefused(f"IBKR_{field.upper()} {rest}") from error


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise SettingsRefused(f"{name} is {text!r}; allowed: a whole number") from error
