"""What the codec encodes, three clients' own decoders read: each callback gets the values that were encoded."""

from decimal import Decimal

import msgspec
import pytest

from algotrade.ibkr.wire import WireError
from algotrade.ibkr.wire.answers import ANSWERS, CompletedOrder, ErrorMessage, OpenOrder
from algotrade.ibkr.wire.layout import at_version, layout_of
from algotrade.ibkr.wire.records import Contract, Order, OrderState
from tests.ibkr.wire import told
from tests.ibkr.wire.clients import PAIRS, Library, camel, differences
from tests.ibkr.wire.messages import CODECS
from tests.ibkr.wire.orders import ORDERS

each_client = pytest.mark.parametrize(("library", "version"), PAIRS)


def heard(library, version, answer):
    return Library(library).heard(version, CODECS[version].encode(answer)[4:])


def check(library, version, answer, expected):
    calls = heard(library, version, answer)
    assert [name for name, _ in calls] == [name for name, _ in expected]
    for (name, theirs), (_, ours) in zip(calls, expected, strict=True):
        assert differences(ours, theirs, name) == []


@each_client
def test_answers_that_all_hear_alike(library, version):
    for answer, expected in told.EXAMPLES:
        check(library, version, answer, expected)


@each_client
def test_prices(library, version):
    check(library, version, told.TICK, told.TICK_HEARD["ibapi" if library == "ibapi" else "ib"])


@each_client
def test_errors(library, version):
    ours = (12, 201, "Order rejected")
    if library != "ibapi":
        ours += ("{}" if version >= 166 else "",)
    check(library, version, told.ERROR, [("error", ours)])


def test_text_of_errors_travels_escaped():
    check("ibapi", 157, ErrorMessage(req_id=1, code=2, message="é"), [("error", (1, 2, "é"))])
    payload = CODECS[176].encode(ErrorMessage(req_id=1, code=2, message="é\\"))[4:]
    assert payload == b"4\x002\x001\x002\x00\\u00e9\\u005c\x00\x00"


@each_client
def test_executions(library, version):
    if (library, version) == ("ib_async", 178):
        check(library, version, told.EXECUTION, [("execDetails", (-1, told.OPTION, {"pendingPriceRevision": True}))])
    ours = msgspec.structs.asdict(told.FILL)
    names = {"exec_id": "execId", "account": "acctNumber", "perm_id": "permId", "client_id": "clientId",
             "cum_qty": "cumQty", "avg_price": "avgPrice", "order_ref": "orderRef", "ev_rule": "evRule",
             "ev_multiplier": "evMultiplier", "model_code": "modelCode", "last_liquidity": "lastLiquidity"}
    expected = {names.get(name, name): value for name, value in ours.items()
                if name not in {"time", "pending_price_revision"}}
    check(library, version, told.EXECUTION, [("execDetails", (-1, told.OPTION, {"orderId": 12, **expected}))])
    ((_, (_, _, execution)),) = heard(library, version, told.EXECUTION)
    assert str(execution.time) == (told.FILL.time if library == "ibapi" else "2026-01-05 15:59:58+00:00")


SIZES = {"minSize": Decimal("0.0001"), "sizeIncrement": Decimal("0.0002")}


@each_client
def test_contracts(library, version):
    c = told.SECURITY
    expected = {
        "contract": {"conId": 11, "symbol": "AAPL", "secType": "OPT", "lastTradeDateOrContractMonth": "20261218",
                     "strike": 150.5, "right": "C", "exchange": "SMART", "primaryExchange": "CBOE", "currency": "USD",
                     "localSymbol": told.OPTION.local_symbol, "multiplier": "100", "tradingClass": "AAPL"},
        "marketName": "AAPL", "minTick": c.min_tick, "orderTypes": c.order_types, "validExchanges": c.valid_exchanges,
        "priceMagnifier": 1, "underConId": 265598, "longName": c.long_name, "contractMonth": "202612",
        "industry": c.industry, "category": c.category, "subcategory": c.subcategory, "timeZoneId": "US/Eastern",
        "tradingHours": c.trading_hours, "liquidHours": c.liquid_hours, "evRule": "", "evMultiplier": 0,
        "secIdList": ({"tag": "ISIN", "value": "US0378331005"},), "aggGroup": 1, "underSymbol": "AAPL",
        "underSecType": "STK", "marketRuleIds": "26,26", "realExpirationDate": "20261218", "stockType": "COMMON"}
    expected |= SIZES if version >= 164 else {}
    expected |= {"suggestedSizeIncrement": Decimal(100)} if version >= 163 else {}
    check(library, version, c, [("contractDetails", (9, expected))])


@each_client
def test_bonds(library, version):
    c = told.BOND_DATA
    expected = {
        "contract": {"conId": 12, "symbol": "IBM", "secType": "BOND", "exchange": "SMART", "currency": "USD",
                     "tradingClass": "IBM 5"},
        "cusip": c.cusip, "coupon": c.coupon, "issueDate": c.issue_date, "ratings": c.ratings, "bondType": c.bond_type,
        "couponType": c.coupon_type, "convertible": True, "callable": True, "putable": False,
        "descAppend": c.description, "marketName": c.market_name, "minTick": c.min_tick, "orderTypes": c.order_types,
        "validExchanges": c.valid_exchanges, "nextOptionDate": c.next_option_date, "nextOptionType": "CALL",
        "nextOptionPartial": True, "notes": "n", "longName": c.long_name, "evRule": "r",
        "evMultiplier": c.ev_multiplier,
        "secIdList": ({"tag": "ISIN", "value": "US1"}, {"tag": "CUSIP", "value": "4"}), "aggGroup": 3,
        "marketRuleIds": "12"}
    if version >= 164:
        expected |= {"minSize": c.min_size, "sizeIncrement": c.size_increment, "suggestedSizeIncrement": Decimal(2)}
    check(library, version, c, [("bondContractDetails", (9, expected))])


@each_client
def test_option_parameters(library, version):
    con_id = 265598 if library == "ibapi" else "265598"  # what the two others hand on as it came
    check(library, version, told.OPTION_PARAMETERS, [("securityDefinitionOptionParameter", (
        3, "CBOE", con_id, "AAPL", "100", ("20260116", "20260220"), (150.0, 152.5)))])


@each_client
def test_samples(library, version):
    contract = {"conId": 1, "symbol": "IBM", "secType": "STK", "primaryExchange": "NYSE", "currency": "USD"}
    if version >= 176:
        contract |= {"description": "d", "issuerId": "i"}
    check(library, version, told.SAMPLES, [("symbolSamples", (3, (
        {"contract": contract, "derivativeSecTypes": ("OPT", "WAR")},
        {"contract": contract, "derivativeSecTypes": ()})))])


@pytest.mark.parametrize(("library", "version"), [p for p in PAIRS if p[0] != "ibapi"])
def test_schedules(library, version):
    check(library, version, told.SCHEDULE, [("historicalSchedule", told.SCHEDULE_HEARD)])


STATE = OrderState(
    status="Submitted", init_margin_before="1", maint_margin_before="2", equity_with_loan_before="3",
    init_margin_change="4", maint_margin_change="5", equity_with_loan_change="6", init_margin_after="7",
    maint_margin_after="8", equity_with_loan_after="9", commission=Decimal("1.5"), min_commission=Decimal(1),
    max_commission=None, commission_currency="USD", warning_text="w", completed_time="20260105 10:00:00 EST",
    completed_status="Filled Size: 100")


@pytest.mark.parametrize("kind", [OpenOrder, CompletedOrder])
@each_client
def test_orders(library, version, kind):
    """Every shape of order, told: what the layout of this version has, and nothing else, arrives."""
    for contract, order in ORDERS.values():
        if order.scale_price_increment == 0 and library != "ibapi":
            continue  # these two take 0 for unset here
        if order.order_type == "PEGBENCH" and library != "ib_async":
            continue  # a spelling that these two do not know
        whole = {"contract": contract, "order": order, "state": STATE} | (
            {"order_id": 12} if kind is OpenOrder else {})
        codec = CODECS[version]
        sent = codec.decode_answer(codec.encode(kind(**whole, adjusted_trail_stop_price=order.trail_stop_price))[4:])
        ((_, arguments),) = heard(library, version, sent)
        their_contract, their_order, their_state = arguments[-3:]
        on_wire = names_of(at_version(layout_of(kind), version))
        assert differences(only(sent.contract, on_wire["contract"]), their_contract) == []
        assert differences(only(sent.order, on_wire["order"]), their_order) == []
        assert differences(only(sent.state, on_wire["state"]), their_state) == []
        check_parts(sent, their_contract, their_order)


def check_parts(sent, contract, order):
    assert differences(sent.contract.combo_legs, contract.comboLegs) == []
    assert differences(sent.order.leg_prices, order.orderComboLegs) == []
    assert differences(sent.order.smart_combo_routing, order.smartComboRoutingParams) == []
    assert differences(sent.order.algo_params, order.algoParams) == []
    assert len(sent.order.conditions) == len(order.conditions or ())
    for ours, theirs in zip(sent.order.conditions, order.conditions or (), strict=True):
        pairs = {"isMore": ours.is_more, "price": ours.price, "time": ours.time, "percent": ours.percent,
                 "secType": ours.sec_type, "symbol": ours.symbol, "volume": ours.volume, "conId": ours.con_id,
                 "changePercent": ours.change_percent, "exch": ours.exchange, "exchange": ours.exchange,
                 "triggerMethod": ours.trigger_method, "conjunction": ours.conjunction}
        assert differences({name: v for name, v in pairs.items() if hasattr(theirs, name)}, theirs) == []
    if sent.order.soft_dollar_name:
        assert differences({"name": "n", "val": "v"}, order.softDollarTier) == []
    if sent.contract.is_delta_neutral:
        assert differences({"conId": 9, "delta": 0.5, "price": 12.25}, contract.deltaNeutralContract) == []


def names_of(layout, found=None):
    """Return the attributes that ``layout`` names, by part."""
    found = {"contract": set(), "order": set(), "state": set()} if found is None else found
    for item in layout:
        part, _, name = getattr(item, "path", "").partition(".")
        if name:
            found[part].add(name)
        names_of(getattr(item, "items", ()), found)
    return found


def only(record, names):
    """Return the clients' attributes of ``record`` that are among ``names``."""
    return {camel(name): getattr(record, name) for name in names
            if not isinstance(getattr(record, name), tuple) and not name.startswith(NESTED[type(record)])}


# Held by the clients in objects of their own, which check_parts looks into; the codec keeps them flat.
NESTED = {Order: ("soft_dollar",), Contract: ("is_delta_neutral", "delta_neutral"), OrderState: ("-",)}


EVERY = [*(answer for answer, _ in told.EXAMPLES), told.TICK, told.ERROR, told.EXECUTION, told.SECURITY, told.BOND_DATA,
         told.SCHEDULE, told.SAMPLES, told.OPTION_PARAMETERS]
SHAPES = [kind for name in ("all the rest", "conditions", "delta neutral", "scale", "combo, prices by leg", "hedge",
                            "pegged to benchmark", "algo", "adjusted stop")
          for contract, order in [ORDERS[name]]
          for kind in (OpenOrder(order_id=1, contract=contract, order=order, state=STATE),
                       CompletedOrder(contract=contract, order=order, state=STATE))]

# Which message it belongs to, what it identifies, how much there is: no default stands for these. Clients take 0.
NEVER_EMPTY = {
    "version", "req_id", "order_id", "tick_type", "data_type", "time_s", "con_id", "ratio", "strikes count", "position",
    "operation", "side", "price", "size", "filled", "remaining", "shares", "cum_qty", "avg_price", "open", "high",
    "low", "close", "volume", "wap", "count"}


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_what_clients_take_for_a_default_when_it_is_empty(library):
    """Empty each field in turn: where a client goes on, so does the codec, but for what may not be empty."""
    refused = set()
    for answer in EVERY + SHAPES:
        fields = CODECS[176].encode(answer)[4:].split(b"\0")[:-1]
        for at in range(1, len(fields)):
            payload = b"".join(field + b"\0" for field in [*fields[:at], b"", *fields[at + 1 :]])
            if is_heard(library, payload):
                try:
                    CODECS[176].decode_answer(payload)
                except WireError as error:
                    refused.add(str(error).split(" is b")[0].rpartition(".")[2])
    assert refused == NEVER_EMPTY


def is_heard(library, payload):
    try:
        return bool(Library(library).heard(176, payload))
    except (AssertionError, ValueError):
        return False


def test_every_answer_is_told():
    assert {type(answer) for answer in EVERY + SHAPES} == set(ANSWERS)
