"""What a client asks; ``REQUESTS`` lists it."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import Flag, Int, MaybeInt, Text
from algotrade.ibkr.wire.layout import Layout, Many, fields, since, when
from algotrade.ibkr.wire.message import Request
from algotrade.ibkr.wire.order_layouts import PLACED
from algotrade.ibkr.wire.records import ASKED, DELTA_NEUTRAL, Contract, Order

_LEGS = when("contract.sec_type", Many("contract.combo_legs", layout=fields("con_id ratio action exchange")),
             test="x == 'BAG'")


class StartApi(Request, frozen=True, kw_only=True):
    """The first request: who we are."""

    ID: ClassVar[int] = 71
    VERSION: ClassVar[int | None] = 2
    client_id: Int
    optional_capabilities: Text = ""


class RequestMarketData(Request, frozen=True, kw_only=True):
    """Ask for the top of the book, or one snapshot of it; ``generic_ticks`` separated by commas."""

    ID: ClassVar[int] = 1
    VERSION: ClassVar[int | None] = 11
    req_id: Int
    contract: Contract
    generic_ticks: Text = ""
    is_snapshot: Flag = False
    is_regulatory_snapshot: Flag = False
    options: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id"), *ASKED, _LEGS, *DELTA_NEUTRAL,
        *fields("generic_ticks is_snapshot is_regulatory_snapshot options"),
    )


class CancelMarketData(Request, frozen=True, kw_only=True):
    """End a market data subscription."""

    ID: ClassVar[int] = 2
    VERSION: ClassVar[int | None] = 2
    req_id: Int


class PlaceOrder(Request, frozen=True, kw_only=True):
    """Place an order, or change the one that has this id."""

    ID: ClassVar[int] = 3
    order_id: Int
    contract: Contract
    order: Order
    LAYOUT: ClassVar[Layout | None] = PLACED


class CancelOrder(Request, frozen=True, kw_only=True):
    """Cancel an order."""

    ID: ClassVar[int] = 4
    VERSION: ClassVar[int | None] = 1
    order_id: Int
    manual_time: Text = ""
    LAYOUT: ClassVar[Layout | None] = (*fields("order_id"), since(169, *fields("manual_time")))


class RequestOpenOrders(Request, frozen=True, kw_only=True):
    """Ask for the open orders of this client."""

    ID: ClassVar[int] = 5
    VERSION: ClassVar[int | None] = 1


class RequestAccountUpdates(Request, frozen=True, kw_only=True):
    """Begin or end the updates of an account."""

    ID: ClassVar[int] = 6
    VERSION: ClassVar[int | None] = 2
    is_subscribed: Flag
    account: Text


class RequestExecutions(Request, frozen=True, kw_only=True):
    """Ask for the day's executions; an empty field of the filter takes all, client id 0 too."""

    ID: ClassVar[int] = 7
    VERSION: ClassVar[int | None] = 3
    req_id: Int
    client_id: Int = 0
    account: Text = ""
    time: Text = ""
    symbol: Text = ""
    sec_type: Text = ""
    exchange: Text = ""
    side: Text = ""


class RequestIds(Request, frozen=True, kw_only=True):
    """Ask for the next valid order id."""

    ID: ClassVar[int] = 8
    VERSION: ClassVar[int | None] = 1
    count: Int = 1


class RequestContractData(Request, frozen=True, kw_only=True):
    """Ask for every contract that fits."""

    ID: ClassVar[int] = 9
    VERSION: ClassVar[int | None] = 8
    req_id: Int
    contract: Contract
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id"), *ASKED, *fields("include_expired sec_id_type sec_id", "contract"),
        since(176, *fields("issuer_id", "contract")),
    )


class RequestMarketDepth(Request, frozen=True, kw_only=True):
    """Ask for the book."""

    ID: ClassVar[int] = 10
    VERSION: ClassVar[int | None] = 5
    req_id: Int
    contract: Contract
    rows: Int
    is_smart_depth: Flag = False
    options: Text = ""
    LAYOUT: ClassVar[Layout | None] = (*fields("req_id"), *ASKED, *fields("rows is_smart_depth options"))


class CancelMarketDepth(Request, frozen=True, kw_only=True):
    """End a book's subscription."""

    ID: ClassVar[int] = 11
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    is_smart_depth: Flag = False


class RequestAutoOpenOrders(Request, frozen=True, kw_only=True):
    """Bind manual orders to client id 0."""

    ID: ClassVar[int] = 15
    VERSION: ClassVar[int | None] = 1
    is_bound: Flag


class RequestAllOpenOrders(Request, frozen=True, kw_only=True):
    """Ask for the open orders of every client and of the user interface."""

    ID: ClassVar[int] = 16
    VERSION: ClassVar[int | None] = 1


class RequestManagedAccounts(Request, frozen=True, kw_only=True):
    """Ask for the accounts of the login."""

    ID: ClassVar[int] = 17
    VERSION: ClassVar[int | None] = 1


class RequestHistoricalData(Request, frozen=True, kw_only=True):
    """Ask for bars up to ``end`` (empty: now), and for those to come where ``keep_up_to_date``."""

    ID: ClassVar[int] = 20
    req_id: Int
    contract: Contract
    end: Text
    bar_size: Text
    duration: Text
    use_rth: Int
    what_to_show: Text
    format_date: Int
    keep_up_to_date: Flag = False
    options: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id"), *ASKED, *fields("include_expired", "contract"),
        *fields("end bar_size duration use_rth what_to_show format_date"), _LEGS, *fields("keep_up_to_date options"),
    )


class CancelHistoricalData(Request, frozen=True, kw_only=True):
    """End a request for bars."""

    ID: ClassVar[int] = 25
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class RequestCurrentTime(Request, frozen=True, kw_only=True):
    """Ask for the server's clock."""

    ID: ClassVar[int] = 49
    VERSION: ClassVar[int | None] = 1


class RequestRealTimeBars(Request, frozen=True, kw_only=True):
    """Ask for bars of five seconds."""

    ID: ClassVar[int] = 50
    VERSION: ClassVar[int | None] = 3
    req_id: Int
    contract: Contract
    bar_size_s: Int
    what_to_show: Text
    use_rth: Flag
    options: Text = ""
    LAYOUT: ClassVar[Layout | None] = (*fields("req_id"), *ASKED, *fields("bar_size_s what_to_show use_rth options"))


class CancelRealTimeBars(Request, frozen=True, kw_only=True):
    """End bars of five seconds."""

    ID: ClassVar[int] = 51
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class RequestGlobalCancel(Request, frozen=True, kw_only=True):
    """Cancel every order of the account, manual ones too."""

    ID: ClassVar[int] = 58
    VERSION: ClassVar[int | None] = 1


class RequestMarketDataType(Request, frozen=True, kw_only=True):
    """Choose live (1), frozen (2), delayed (3) or delayed and frozen (4) data."""

    ID: ClassVar[int] = 59
    VERSION: ClassVar[int | None] = 1
    data_type: Int


class RequestPositions(Request, frozen=True, kw_only=True):
    """Ask for every position, and for its changes."""

    ID: ClassVar[int] = 61
    VERSION: ClassVar[int | None] = 1


class RequestAccountSummary(Request, frozen=True, kw_only=True):
    """Ask for tags of the account summary, separated by commas."""

    ID: ClassVar[int] = 62
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    group: Text
    tags: Text


class CancelAccountSummary(Request, frozen=True, kw_only=True):
    """End the account summary."""

    ID: ClassVar[int] = 63
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class CancelPositions(Request, frozen=True, kw_only=True):
    """End the changes of positions."""

    ID: ClassVar[int] = 64
    VERSION: ClassVar[int | None] = 1


class RequestPositionsMulti(Request, frozen=True, kw_only=True):
    """Ask for the positions of an account or model."""

    ID: ClassVar[int] = 74
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    account: Text
    model_code: Text = ""


class CancelPositionsMulti(Request, frozen=True, kw_only=True):
    """End them."""

    ID: ClassVar[int] = 75
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class RequestAccountUpdatesMulti(Request, frozen=True, kw_only=True):
    """Ask for the values of an account or model."""

    ID: ClassVar[int] = 76
    VERSION: ClassVar[int | None] = 1
    req_id: Int
    account: Text
    model_code: Text = ""
    ledger_and_nlv: Flag = False


class CancelAccountUpdatesMulti(Request, frozen=True, kw_only=True):
    """End them."""

    ID: ClassVar[int] = 77
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class RequestOptionParameters(Request, frozen=True, kw_only=True):
    """Ask for the options on an underlying."""

    ID: ClassVar[int] = 78
    req_id: Int
    under_symbol: Text
    fut_fop_exchange: Text
    under_sec_type: Text
    under_con_id: Int


class RequestMatchingSymbols(Request, frozen=True, kw_only=True):
    """Ask for contracts whose symbol or name fits."""

    ID: ClassVar[int] = 81
    req_id: Int
    pattern: Text


class RequestHeadTimestamp(Request, frozen=True, kw_only=True):
    """Ask how far back there is history."""

    ID: ClassVar[int] = 87
    req_id: Int
    contract: Contract
    use_rth: Int
    what_to_show: Text
    format_date: Int
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id"), *ASKED, *fields("include_expired", "contract"), *fields("use_rth what_to_show format_date"))


class CancelHeadTimestamp(Request, frozen=True, kw_only=True):
    """Take that back."""

    ID: ClassVar[int] = 90
    req_id: Int


class RequestMarketRule(Request, frozen=True, kw_only=True):
    """Ask for the price steps of a market."""

    ID: ClassVar[int] = 91
    market_rule_id: Int


class RequestPnl(Request, frozen=True, kw_only=True):
    """Ask for profit and loss of an account."""

    ID: ClassVar[int] = 92
    req_id: Int
    account: Text
    model_code: Text = ""


class CancelPnl(Request, frozen=True, kw_only=True):
    """End it."""

    ID: ClassVar[int] = 93
    req_id: Int


class RequestPnlSingle(Request, frozen=True, kw_only=True):
    """Ask for profit and loss of one position."""

    ID: ClassVar[int] = 94
    req_id: Int
    account: Text
    model_code: Text = ""
    con_id: MaybeInt = None


class CancelPnlSingle(Request, frozen=True, kw_only=True):
    """End it."""

    ID: ClassVar[int] = 95
    req_id: Int


class RequestHistoricalTicks(Request, frozen=True, kw_only=True):
    """Ask for ticks of the past, from ``start`` or up to ``end``."""

    ID: ClassVar[int] = 96
    req_id: Int
    contract: Contract
    start: Text
    end: Text
    count: Int
    what_to_show: Text
    use_rth: Int
    ignore_size: Flag = False
    options: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("req_id"), *ASKED, *fields("include_expired", "contract"),
        *fields("start end count what_to_show use_rth ignore_size options"),
    )


class RequestTickByTick(Request, frozen=True, kw_only=True):
    """Ask for every tick: Last, AllLast, BidAsk or MidPoint."""

    ID: ClassVar[int] = 97
    req_id: Int
    contract: Contract
    tick_type: Text
    count: Int = 0
    ignore_size: Flag = False
    LAYOUT: ClassVar[Layout | None] = (*fields("req_id"), *ASKED, *fields("tick_type count ignore_size"))


class CancelTickByTick(Request, frozen=True, kw_only=True):
    """End every tick."""

    ID: ClassVar[int] = 98
    req_id: Int


class RequestCompletedOrders(Request, frozen=True, kw_only=True):
    """Ask for the orders that are done; ``is_api_only``: those that clients placed."""

    ID: ClassVar[int] = 99
    is_api_only: Flag


REQUESTS: tuple[type[Request], ...] = tuple(Request.__subclasses__())
"""Every request."""
