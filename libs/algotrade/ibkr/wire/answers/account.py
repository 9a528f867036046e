"""The account: values, positions, profit and loss."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Int, MaybeNumber, Number, SpeltFloat, SpeltNumber, Text
from algotrade.ibkr.wire.layout import Layout, fields
from algotrade.ibkr.wire.message import Answer
from algotrade.ibkr.wire.records import TOLD, Contract


class AccountValue(Answer, frozen=True, kw_only=True):
    """A value of the account."""

    ID: ClassVar[int] = 6
    VERSION: ClassVar[int | None] = 2
    key: Text
    value: Text
    currency: Text
    account: Text


class PortfolioValue(Answer, frozen=True, kw_only=True):
    """A position with its value."""

    ID: ClassVar[int] = 7
    VERSION: ClassVar[int | None] = 8
    contract: Contract
    position: Number
    market_price: Number
    market_value: Number
    average_cost: Number
    unrealized_pnl: SpeltNumber
    realized_pnl: SpeltNumber
    account: Text
    LAYOUT: ClassVar[Layout | None] = (
        *fields("con_id symbol sec_type last_trade_date strike right multiplier primary_exchange currency local_symbol "
                "trading_class", "contract"),
        *fields("position market_price market_value average_cost unrealized_pnl realized_pnl account"),
    )


class AccountTime(Answer, frozen=True, kw_only=True):
    """When the account was last updated, hh:mm."""

    ID: ClassVar[int] = 8
    VERSION: ClassVar[int | None] = 1
    time: Text


class AccountDownloadEnd(Answer, frozen=True, kw_only=True):
    """The account's values and positions have been told once."""

    ID: ClassVar[int] = 54
    VERSION: ClassVar[int | None] = 1
    account: Text


class PositionData(Answer, frozen=True, kw_only=True):
    """A position."""

    ID: ClassVar[int] = 61
    VERSION: ClassVar[int | None] = 3
    account: Text
    contract: Contract
    position: Number
    average_cost: MaybeNumber
    LAYOUT: ClassVar[Layout | None] = (*fields("account"), *TOLD, *fields("position average_cost"))


class PositionEnd(Answer, frozen=True, kw_only=True):
    """Every position has been told."""

    ID: ClassVar[int] = 62
    VERSION: ClassVar[int | None] = 1


class PositionMulti(Answer, frozen=True, kw_only=True):
    """A position of one account or model."""

    ID: ClassVar[int] = 71
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    account: Text
    contract: Contract
    position: Number
    average_cost: MaybeNumber
    model_code: Text
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id account"), *TOLD, *fields("position average_cost model_code"))


class PositionMultiEnd(Answer, frozen=True, kw_only=True):
    """Every such position has been told."""

    ID: ClassVar[int] = 72
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class AccountUpdateMulti(Answer, frozen=True, kw_only=True):
    """A value of one account or model."""

    ID: ClassVar[int] = 73
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    account: Text
    model_code: Text
    key: Text
    value: Text
    currency: Text


class AccountUpdateMultiEnd(Answer, frozen=True, kw_only=True):
    """Every such value has been told once."""

    ID: ClassVar[int] = 74
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class AccountSummary(Answer, frozen=True, kw_only=True):
    """One tag of the account summary."""

    ID: ClassVar[int] = 63
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    account: Text
    tag: Text
    value: Text
    currency: Text


class AccountSummaryEnd(Answer, frozen=True, kw_only=True):
    """Every tag has been told once."""

    ID: ClassVar[int] = 64
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class Pnl(Answer, frozen=True, kw_only=True):
    """Profit and loss of an account: today's, and what is open and realised."""

    ID: ClassVar[int] = 94
    req_id: Int
    daily: SpeltFloat
    unrealized: SpeltFloat
    realized: SpeltFloat


class PnlSingle(Answer, frozen=True, kw_only=True):
    """Profit and loss of one position."""

    ID: ClassVar[int] = 95
    req_id: Int
    position: MaybeNumber
    daily: SpeltFloat
    unrealized: SpeltFloat
    realized: SpeltFloat
    value: SpeltFloat
