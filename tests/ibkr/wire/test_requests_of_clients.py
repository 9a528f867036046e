"""What ib_insync, ib_async and IB's own client send decodes to what they were asked for, and encodes to their bytes."""

from decimal import Decimal

import pytest

from algotrade.ibkr.wire import Request, Splitter, WireError
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import (
    REQUESTS,
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelHeadTimestamp,
    CancelHistoricalData,
    CancelMarketData,
    CancelMarketDepth,
    CancelOrder,
    CancelPnl,
    CancelPnlSingle,
    CancelPositions,
    CancelPositionsMulti,
    CancelRealTimeBars,
    CancelTickByTick,
    PlaceOrder,
    RequestAccountSummary,
    RequestAccountUpdates,
    RequestAccountUpdatesMulti,
    RequestAllOpenOrders,
    RequestAutoOpenOrders,
    RequestCompletedOrders,
    RequestContractData,
    RequestCurrentTime,
    RequestExecutions,
    RequestGlobalCancel,
    RequestHeadTimestamp,
    RequestHistoricalData,
    RequestHistoricalTicks,
    RequestIds,
    RequestManagedAccounts,
    RequestMarketData,
    RequestMarketDataType,
    RequestMarketDepth,
    RequestMarketRule,
    RequestMatchingSymbols,
    RequestOpenOrders,
    RequestOptionParameters,
    RequestPnl,
    RequestPnlSingle,
    RequestPositions,
    RequestPositionsMulti,
    RequestRealTimeBars,
    RequestTickByTick,
    StartApi,
)
from tests.ibkr.wire.clients import PAIRS, Library
from tests.ibkr.wire.messages import CODECS
from tests.ibkr.wire.orders import COMBO, FUTURE, ORDERS, STOCK

BARS = {"end": "20260105 16:00:00 US/Eastern", "bar_size": "1 min", "duration": "1 D", "use_rth": 1,
        "what_to_show": "TRADES", "format_date": 2}
TICKS = {"start": "", "end": "20260105 16:00:00", "count": 1000, "what_to_show": "BID_ASK", "use_rth": 0,
         "ignore_size": True}
NEUTRAL = Contract(con_id=7, symbol="X", sec_type="STK", exchange="SMART", currency="USD", is_delta_neutral=True,
                   delta_neutral_con_id=9, delta_neutral_delta=Decimal("0.5"), delta_neutral_price=Decimal("12.25"))
BAR_ARGUMENTS = (BARS["end"], "1 D", "1 min", "TRADES", 1, 2)
TICK_ARGUMENTS = ("", TICKS["end"], 1000, "BID_ASK", 0, True, [])
FILTER = {"client_id": 3, "account": "DU1", "time": "20260105-09:30:00", "symbol": "AAPL", "sec_type": "STK",
          "exchange": "SMART", "side": "BUY"}

# Method, arguments (a contract of ours stands for theirs), and the request that it is.
CALLS = [
    ("startApi", (), StartApi(client_id=7)),
    ("reqMktData", (1, STOCK, "233,236", False, False, []),
     RequestMarketData(req_id=1, contract=STOCK, generic_ticks="233,236")),
    ("reqMktData", (2, COMBO, "", True, False, []), RequestMarketData(req_id=2, contract=COMBO, is_snapshot=True)),
    ("reqMktData", (3, NEUTRAL, "", False, True, []),
     RequestMarketData(req_id=3, contract=NEUTRAL, is_regulatory_snapshot=True)),
    ("cancelMktData", (1,), CancelMarketData(req_id=1)),
    ("cancelOrder", (12,), CancelOrder(order_id=12)),
    ("reqOpenOrders", (), RequestOpenOrders()),
    ("reqAccountUpdates", (True, "DU1"), RequestAccountUpdates(is_subscribed=True, account="DU1")),
    ("reqExecutions", (4, FILTER), RequestExecutions(req_id=4, **FILTER)),
    ("reqIds", (1,), RequestIds()),
    ("reqContractDetails", (5, FUTURE), RequestContractData(req_id=5, contract=FUTURE)),
    ("reqMktDepth", (6, STOCK, 5, True, []),
     RequestMarketDepth(req_id=6, contract=STOCK, rows=5, is_smart_depth=True)),
    ("cancelMktDepth", (6, True), CancelMarketDepth(req_id=6, is_smart_depth=True)),
    ("reqAutoOpenOrders", (True,), RequestAutoOpenOrders(is_bound=True)),
    ("reqAllOpenOrders", (), RequestAllOpenOrders()),
    ("reqManagedAccts", (), RequestManagedAccounts()),
    ("reqHistoricalData", (7, FUTURE, *BAR_ARGUMENTS, True, []),
     RequestHistoricalData(req_id=7, contract=FUTURE, keep_up_to_date=True, **BARS)),
    ("reqHistoricalData", (8, COMBO, *BAR_ARGUMENTS, False, []),
     RequestHistoricalData(req_id=8, contract=COMBO, **BARS)),
    ("cancelHistoricalData", (7,), CancelHistoricalData(req_id=7)),
    ("reqCurrentTime", (), RequestCurrentTime()),
    ("reqRealTimeBars", (9, STOCK, 5, "TRADES", True, []),
     RequestRealTimeBars(req_id=9, contract=STOCK, bar_size_s=5, what_to_show="TRADES", use_rth=True)),
    ("cancelRealTimeBars", (9,), CancelRealTimeBars(req_id=9)),
    ("reqGlobalCancel", (), RequestGlobalCancel()),
    ("reqMarketDataType", (3,), RequestMarketDataType(data_type=3)),
    ("reqPositions", (), RequestPositions()),
    ("reqAccountSummary", (10, "All", "NetLiquidation,BuyingPower"),
     RequestAccountSummary(req_id=10, group="All", tags="NetLiquidation,BuyingPower")),
    ("cancelAccountSummary", (10,), CancelAccountSummary(req_id=10)),
    ("cancelPositions", (), CancelPositions()),
    ("reqPositionsMulti", (11, "DU1", "M"), RequestPositionsMulti(req_id=11, account="DU1", model_code="M")),
    ("cancelPositionsMulti", (11,), CancelPositionsMulti(req_id=11)),
    ("reqAccountUpdatesMulti", (12, "DU1", "M", True),
     RequestAccountUpdatesMulti(req_id=12, account="DU1", model_code="M", ledger_and_nlv=True)),
    ("cancelAccountUpdatesMulti", (12,), CancelAccountUpdatesMulti(req_id=12)),
    ("reqSecDefOptParams", (13, "AAPL", "", "STK", 265598),
     RequestOptionParameters(req_id=13, under_symbol="AAPL", fut_fop_exchange="", under_sec_type="STK",
                             under_con_id=265598)),
    ("reqMatchingSymbols", (14, "app"), RequestMatchingSymbols(req_id=14, pattern="app")),
    ("reqHeadTimeStamp", (15, FUTURE, "TRADES", 1, 2),
     RequestHeadTimestamp(req_id=15, contract=FUTURE, use_rth=1, what_to_show="TRADES", format_date=2)),
    ("cancelHeadTimeStamp", (15,), CancelHeadTimestamp(req_id=15)),
    ("reqMarketRule", (26,), RequestMarketRule(market_rule_id=26)),
    ("reqPnL", (16, "DU1", "M"), RequestPnl(req_id=16, account="DU1", model_code="M")),
    ("cancelPnL", (16,), CancelPnl(req_id=16)),
    ("reqPnLSingle", (17, "DU1", "M", 265598),
     RequestPnlSingle(req_id=17, account="DU1", model_code="M", con_id=265598)),
    ("cancelPnLSingle", (17,), CancelPnlSingle(req_id=17)),
    ("reqHistoricalTicks", (18, FUTURE, *TICK_ARGUMENTS), RequestHistoricalTicks(req_id=18, contract=FUTURE, **TICKS)),
    ("reqTickByTickData", (19, STOCK, "BidAsk", 10, True),
     RequestTickByTick(req_id=19, contract=STOCK, tick_type="BidAsk", count=10, ignore_size=True)),
    ("cancelTickByTickData", (19,), CancelTickByTick(req_id=19)),
    ("reqCompletedOrders", (True,), RequestCompletedOrders(is_api_only=True)),
]


def theirs(library: Library, value):
    if isinstance(value, Contract):
        return library.contract(value)
    if value is FILTER:
        return library.execution_filter(**FILTER)
    return value


def check(request: Request, frame: bytes, version: int) -> None:
    codec = CODECS[version]
    (payload,) = Splitter().feed(frame)
    assert codec.decode_request(payload) == request
    ours, other = codec.encode(request)[4:].split(b"\0"), payload.split(b"\0")
    assert len(ours) == len(other)
    assert [pair for pair in zip(ours, other, strict=True) if not is_same_spelling(*pair)] == []


def is_same_spelling(ours: bytes, other: bytes) -> bool:
    """Tell whether two fields are one value: 0.0 is 0, an empty field of theirs is 0, their unset one is empty."""
    if ours == other or (not ours and other == b"1.7976931348623157e+308"):
        return True
    try:
        return Decimal(ours.decode()) == Decimal(other.decode() or "0")
    except ArithmeticError:
        return False


@pytest.mark.parametrize(("library", "version"), PAIRS)
def test_every_request(library, version):
    used = Library(library)
    for method, arguments, request in CALLS:
        client, sent = used.client(version)
        getattr(client, method)(*(theirs(used, a) for a in arguments))
        check(only_what_is_sent(request, version), sent[0], version)


def only_what_is_sent(request: Request, version: int) -> Request:
    """Return ``request`` without what only some versions carry."""
    return CODECS[version].decode_request(CODECS[version].encode(request)[4:])


def test_every_request_is_called():
    assert {type(request) for _, _, request in CALLS} | {PlaceOrder} == set(REQUESTS)


# What a client does not know: types that are newer than it, a second spelling of one.
UNKNOWN = {"ibapi": {"PEG BEST", "PEG MID", "PEGBENCH"}, "ib_insync": {"PEGBENCH"}, "ib_async": set()}


@pytest.mark.parametrize(("library", "version"), PAIRS)
def test_every_shape_of_order(library, version):
    used = Library(library)
    for contract, order in ORDERS.values():
        if order.order_type not in UNKNOWN[library]:
            request = PlaceOrder(order_id=1001, contract=contract, order=order)
            client, sent = used.client(version)
            client.placeOrder(1001, used.contract(contract), used.order(order))
            check(only_what_is_sent(request, version), sent[0], version)


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_times_of_cancels_are_sent_from_169_on(library):
    client, sent = Library(library).client(169)
    client.cancelOrder(12, "20260105-10:00:00")
    check(CancelOrder(order_id=12, manual_time="20260105-10:00:00"), sent[0], 169)


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_options_are_pairs(library):
    used = Library(library)
    client, sent = used.client(157)
    client.reqMktData(1, used.contract(STOCK), "", False, False, [used.types.TagValue("a", "b")])
    decoded = CODECS[157].decode_request(sent[0][4:])
    assert decoded.options.rstrip(";") == "a=b"


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_non_ascii_is_refused(library):
    client, sent = Library(library).client(176)
    client.reqMatchingSymbols(1, "Nestlé")
    with pytest.raises(WireError, match=r"RequestMatchingSymbols\.pattern is .*ASCII"):
        CODECS[176].decode_request(sent[0][4:])
