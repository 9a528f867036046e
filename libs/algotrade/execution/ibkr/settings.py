"""What orders need to be told beside what a strategy wants."""

import msgspec

from algotrade.execution.ibkr.times import zone_of


class OrderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How orders are sent and answers are read.

    ``account``      that orders are for and executions must be of, such as DU1234567; "": the only one of the login
    ``client_id``    of the session: orders belong to it
    ``time_zone``    that TWS or the Gateway is set to, an IANA name: of times that name none
    ``outside_rth``  orders may fill outside regular trading hours
    """

    account: str = ""
    client_id: int = 1
    time_zone: str = "UTC"
    outside_rth: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.client_id < 2**31:
            raise ValueError(f"client_id is {self.client_id}; allowed: 0 to {2**31 - 1}")
        if not (self.account == "" or (self.account.isalnum() and self.account.isascii())):
            raise ValueError(f"account is {self.account!r}; allowed: an account such as DU1234567, or empty")
        zone_of(self.time_zone)
