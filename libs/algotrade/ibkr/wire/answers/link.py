"""The link: errors, ids, accounts, the clock."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Escaped, Int, Text
from algotrade.ibkr.wire.layout import Layout, fields, since
from algotrade.ibkr.wire.message import Answer


class ErrorMessage(Answer, frozen=True, kw_only=True):
    """An error, a warning or a notice. ``req_id`` is a request's or an order's, -1 for neither."""

    ID: ClassVar[int] = 4
    VERSION: ClassVar[int | None] = 2
    req_id: Int
    code: Int
    message: Escaped
    advanced_order_reject_json: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id code message"), since(166, *fields("advanced_order_reject_json")))


class NextValidId(Answer, frozen=True, kw_only=True):
    """The lowest order id that may be used next."""

    ID: ClassVar[int] = 9
    VERSION: ClassVar[int | None] = 1
    order_id: Int


class ManagedAccounts(Answer, frozen=True, kw_only=True):
    """The accounts of the login, separated by commas."""

    ID: ClassVar[int] = 15
    VERSION: ClassVar[int | None] = 1
    accounts: Text


class CurrentTime(Answer, frozen=True, kw_only=True):
    """The server's clock, seconds since 1970 UTC."""

    ID: ClassVar[int] = 49
    VERSION: ClassVar[int | None] = 1
    time_s: Int
