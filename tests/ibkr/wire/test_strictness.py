"""What is no message is refused with its record's and field's name, and what may not go on the wire does not."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.wire import VERSION_MAX, VERSION_MIN, Answer, Codec, WireError
from algotrade.ibkr.wire.answers import (
    ErrorMessage,
    MarketRule,
    NextValidId,
    OpenOrder,
    OrderStatus,
    Pnl,
    RealTimeBar,
    TickByTick,
    TickPrice,
    TickSize,
)
from algotrade.ibkr.wire.compiling import compiled
from algotrade.ibkr.wire.plain import plain_readers
from algotrade.ibkr.wire.records import OrderState
from algotrade.ibkr.wire.requests import PlaceOrder, RequestAutoOpenOrders, RequestMatchingSymbols
from tests.ibkr.wire.messages import CODECS, MESSAGES, has_rest, made, random_message
from tests.ibkr.wire.orders import LIMIT, ORDERS, STOCK

CODEC = CODECS[178]
each_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)


def decoder(message):
    return CODEC.decode_answer if issubclass(message, Answer) else CODEC.decode_request


def fields_of(message, seed=0):
    return CODEC.encode(random_message(message, 178, seed))[4:].split(b"\0")[:-1]


def joined(fields):
    return b"".join(field + b"\0" for field in fields)


# Counts of fields.


@each_message
def test_a_field_too_few_is_refused(message):
    fields = fields_of(message)
    for end in range(1, len(fields)):
        with pytest.raises(WireError, match=message.__name__):
            decoder(message)(joined(fields[:end]))


@each_message
def test_a_field_too_many_is_refused_or_passed_over(message):
    fields = fields_of(message)
    if has_rest(message):
        assert decoder(message)(joined([*fields, b"new", b"\x01", b""])) == random_message(message, 178, 0)
    else:
        with pytest.raises(WireError, match=rf"{message.__name__} of {len(fields) + 1} fields"):
            decoder(message)(joined([*fields, b"7"]))


def test_only_long_answers_may_go_on():
    assert {m.__name__ for m in MESSAGES if has_rest(m)} == {
        "OpenOrder", "CompletedOrder", "ContractData", "BondContractData", "ExecutionData"}


@each_message
def test_the_last_field_must_be_ended(message):
    with pytest.raises(WireError, match=message.__name__):
        decoder(message)(joined(fields_of(message))[:-1])


# Fields.


@each_message
def test_no_garbage_is_taken_for_a_number(message):
    """Put garbage for each field in turn: what takes it is text, or a field that says nothing."""
    kinds: list[str] = []

    def pick(kind, path):
        kinds.append(kind.name)
        return {"text": "x", "escaped": "x", "flag": True, "maybe_float": 7.0, "float": 7.0, "spelt_float": 7.0}.get(
            kind.name, Decimal(7) if "number" in kind.name or kind.name == "offset" else 1)

    fields = CODEC.encode(made(message, 178, pick, lambda _: 1))[4:].split(b"\0")[:-1]
    for garbage in (b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-1e400", b"1_0", b"abc", b"+1", b" 1", b"1 ", b"0x1",
                    b"--1", b"1.2.3", b"\xd9\xa1", b"9" * 5000, b"True"):
        refusals = [refusal(message, [*fields[:at], garbage, *fields[at + 1 :]]) for at in range(1, len(fields))]
        taken = kinds.count("text") + kinds.count("escaped") + CONSTANTS.get(message.__name__, 0)
        assert refusals.count("") <= taken
        assert all(r.startswith(message.__name__) and len(r) < 300 for r in refusals if r)


def refusal(message, fields):
    """Return what the codec says against ``fields``, "" where it takes them."""
    try:
        decoder(message)(joined(fields))
    except WireError as error:
        return str(error)
    return ""


# Fields that are read as anything.
CONSTANTS = {"OpenOrder": 1, "PlaceOrder": 1, "HistoricalTicks": 1}


@each_message
def test_no_control_character_is_taken(message):
    fields = fields_of(message, seed=1)
    for character in (b"\x01", b"\x1b", b"\x7f"):
        refusals = [refusal(message, [*fields[:at], character, *fields[at + 1 :]]) for at in range(1, len(fields))]
        assert refusals.count("") <= 3 * CONSTANTS.get(message.__name__, 0)  # such a field repeats with its part


DECODED = [
    (OrderStatus, "3 12 Submitted {} 0 0 0 0 0 0 - 0", "filled", {
        b"": None, b"1.50": Decimal("1.50"), b"-0.0": Decimal("-0.0"), b"0E-324": Decimal(0), b"1e3": Decimal(1000),
        b"1.7976931348623157E308": None, b"2147483647": Decimal(2147483647), b".5": Decimal("0.5"), b"5.": Decimal(5),
        b"0.12345678901234567": Decimal("0.12345678901234567"), b"1e50": None, b"Infinity": None, b"-": None}),
    (OrderStatus, "3 12 Submitted 1 0 {} 0 0 0 0 - 0", "avg_fill_price", {
        b"": Decimal(0), b"1.7976931348623157E308": Decimal(0), b"nan": None}),
    (OrderStatus, "3 12 Submitted 1 0 0 {} 0 0 0 - 0", "perm_id", {
        b"": 0, b"1987654321987": 1987654321987, b"1.0": None, b"007": 7, b"9223372036854775807": 2**63 - 1,
        b"9223372036854775808": None}),
    (RealTimeBar, "50 3 1 1 {} 1 1 1 1 1 1", "open", {
        b"": None, b"1e400": None, b"nan": None, b"-inf": None, b"1.7976931348623157E308": 1.7976931348623157e308,
        b"0.1": 0.1, b"1e-400": 0.0, b"1_0": None}),
    (TickPrice, "1 6 1 1 {} 1 0", "price", {
        b"": "unset", b"1.7976931348623157E308": "unset", b"-1": -1.0, b"-1.0": -1.0, b"1e400": None, b"NaN": None,
        b"1" * 60: float("1" * 60), b"1" * 400: None, b"1.2.3": None, b"-": None, b".": None}),
    (TickPrice, "1 6 1 1 1 1 {}", "mask", {b"": 0, b"3": 3, b"-": None, b"1" * 40: None}),
    (NextValidId, "9 1 {}", "order_id", {b"": None, b"-5": -5, b"5.0": None, b"1e3": None, b"\xd9\xa1": None}),
    (TickByTick, "99 1 {} 1767600000 1.5", "tick_type", {b"4": 4, b"0": None, b"5": None, b"": None}),
    (Pnl, "94 1 {} 1 1", "daily", {b"": "unset", b"1.7976931348623157E308": "unset", b"-1.5": -1.5, b"x": None}),
]


@pytest.mark.parametrize(("message", "text", "field", "raw", "value"), [
    (message, text, field, raw, value) for message, text, field, table in DECODED for raw, value in table.items()
], ids=lambda x: x.decode("latin-1")[:25] if isinstance(x, bytes) else None)
def test_a_field_is_read_strictly(message, text, field, raw, value):
    payload = joined([raw if part == "{}" else part.encode() for part in text.split(" ")])
    if value is None:
        with pytest.raises(WireError, match=rf"{message.__name__}\.{field} is .*; allowed: "):
            CODEC.decode_answer(payload)
    else:
        found = getattr(CODEC.decode_answer(payload), field)
        assert (found is None) if value == "unset" else (found == value and type(found) is type(value))


plain = st.text("0123456789.-", max_size=25).map(str.encode) | st.sampled_from(
    [b"9223372036854775807", b"9223372036854775808", b"9" * 100, b"", b"1.5", b"-0"])


@pytest.mark.parametrize("message", [TickPrice, TickSize, NextValidId])
@given(data=st.data())
def test_the_fast_way_for_plain_numbers_reads_as_the_strict_one(message, data):
    assert b"%d\0%d\0" % (message.ID, message.VERSION) in plain_readers(176)
    strict = compiled(message, 176)[0]
    count = len(fields_of(message))
    drawn = data.draw(st.lists(plain, min_size=count - 2, max_size=count))
    payload = joined([b"%d" % message.ID, b"%d" % message.VERSION, *drawn])
    assert result(CODECS[176].decode_answer, payload) == result(strict, payload.split(b"\0"))


def result(decode, *arguments):
    try:
        return decode(*arguments)
    except WireError as error:
        return str(error)


@pytest.mark.parametrize(("raw", "value"), [
    (b"1", True), (b"0", False), (b"", False), (b"true", True), (b"false", False), (b"True", None), (b"2", None),
    (b"-1", None), (b"yes", None)])
def test_flags(raw, value):
    payload = joined([b"15", b"1", raw])
    if value is None:
        with pytest.raises(WireError, match=r"RequestAutoOpenOrders\.is_bound is .*; allowed: 0 or 1"):
            CODEC.decode_request(payload)
    else:
        assert CODEC.decode_request(payload) == RequestAutoOpenOrders(is_bound=value)


def test_text_may_be_latin_1_and_hold_lines():
    read = CODEC.decode_answer(joined([b"4", b"2", b"1", b"201", b"N\xe9gli\\u00e9\nb", b""]))
    assert read == ErrorMessage(req_id=1, code=201, message="Néglié\nb")


@pytest.mark.parametrize(("wire", "text"), [
    (b"\\u00e9", "é"), (b"\\ud834\\udd1e", "𝄞"), (b"\\ud834", "\\ud834"), (b"a\\b", "a\\b"), (b"\\u12", "\\u12"),
    (b"\\u005cu00e9", "\\u00e9"), (b"\\", "\\")])
def test_escapes_in_text(wire, text):
    read = CODEC.decode_answer(joined([b"4", b"2", b"1", b"201", wire, b""]))
    assert read.message == text
    assert CODEC.decode_answer(CODEC.encode(read)[4:]) == read


def test_escapes_hide_no_control_characters():
    with pytest.raises(WireError, match=r"ErrorMessage\.message is .*control"):
        CODEC.decode_answer(joined([b"4", b"2", b"1", b"201", b"\\u0000", b""]))


@pytest.mark.parametrize("count", [b"-1", b"x", b"", b"999999999999999999", b"1e3", b"3"])
def test_counts_that_lie_are_refused(count):
    """A count of 10^18 costs no memory: fields run out first."""
    with pytest.raises(WireError, match="MarketRule"):
        CODEC.decode_answer(joined([b"93", b"1", count, b"0", b"0.01"]))


def test_a_condition_of_a_kind_that_is_not_known_is_refused():
    contract, order = ORDERS["condition 3"]
    payload = CODEC.encode(PlaceOrder(order_id=1, contract=contract, order=order))[4:]
    with pytest.raises(WireError, match=r"PlaceOrder\.order\.conditions\.kind is 2"):
        CODEC.decode_request(payload.replace(b"\x003\x00o\x00", b"\x002\x00o\x00"))


# Ids and versions.


@pytest.mark.parametrize("payload", [b"", b"\0", b"0\0", b"999\0", b"01\x006\0", b"x\0", b" 1\0", b"-1\0", b"\xff\0",
                                     b"1" * 100_000, b"204\0"])
def test_unknown_ids_are_refused(payload):
    for decode, what in ((CODEC.decode_answer, "answer"), (CODEC.decode_request, "request")):
        with pytest.raises(WireError, match=f"{what} id is ") as caught:
            decode(payload)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("version", [156, 179, 0, -1, 2**31, 201])
def test_other_versions_are_refused(version):
    with pytest.raises(WireError, match=f"server version is {version}; allowed: {VERSION_MIN} to {VERSION_MAX}"):
        Codec(version)


# Encoding.

TICK = TickPrice(req_id=1, tick_type=1, price=1.5, size=1.0, mask=0)
STATUS = OrderStatus(
    order_id=1, status="Submitted", filled=Decimal(0), remaining=Decimal(1), avg_fill_price=Decimal(0), perm_id=1,
    parent_id=0, last_fill_price=Decimal(0), client_id=1, why_held="", mkt_cap_price=Decimal(0))
ORDER = PlaceOrder(order_id=1, contract=STOCK, order=LIMIT)
RULE = MarketRule(market_rule_id=1, increments=())
NUMPY = (np.int64(1), np.float64(1), np.bool_(True), np.str_("x"))

REFUSED = [
    *((TICK, "price", v) for v in (float("nan"), float("inf"), float("-inf"), 1, True, "1.5", Decimal("1.5"), *NUMPY,
                                   1.7976931348623157e308)),
    *((TICK, "req_id", v) for v in (1.0, True, "1", None, 2**63, -(2**63), 2**5000, Decimal(1), *NUMPY)),
    *((STATUS, "filled", v) for v in (Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+40"),
                                      Decimal("1E-41"), Decimal("1.7976931348623157E308"), 1, 1.0, "1", None, *NUMPY)),
    *((STATUS, "mkt_cap_price", v) for v in (Decimal("NaN"), Decimal("-Infinity"), 0.0, 0, *NUMPY)),
    *((STATUS, "status", v) for v in ("a\0b", "\x01", "\x1b[0m", "\x7f", "\ud800", b"x", None, 1, np.str_("x"),
                                      "x" * 1_000_001)),
    *((ErrorMessage(req_id=1, code=1, message=""), "message", v) for v in ("a\0b", "\ud800", None)),
    *((RequestAutoOpenOrders(is_bound=True), "is_bound", v) for v in (1, 0, "1", None, *NUMPY)),
    *((RequestMatchingSymbols(req_id=1, pattern="x"), "pattern", v) for v in ("Nestlé", "a\0b", "€", "\u200b")),
    *((TickByTick(req_id=1, tick_type=4, time_s=1, price=1.5), "tick_type", v) for v in (0, 5, None, "4")),
    *((TickByTick(req_id=1, tick_type=4, time_s=1, price=1.5), "price", v) for v in (None, float("nan"))),
]


@pytest.mark.parametrize(("message", "field", "value"), REFUSED, ids=lambda x: x if isinstance(x, str) else None)
def test_values_that_may_not_go_on_the_wire_are_refused(message, field, value):
    changed = msgspec.structs.replace(message, **{field: value})
    with pytest.raises(WireError, match=rf"{type(message).__name__}\.{field} is .*; allowed: ") as caught:
        CODEC.encode(changed)
    assert len(str(caught.value)) < 300


PRICES = (Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E400"),
          Decimal("1.7976931348623157E308"), float("nan"), float("inf"), 1e400, -0.0, 150.25, 2147483647, 0, True, "",
          "150.25", b"150.25", *NUMPY, (), frozenset())
WHOLE = (1.0, Decimal(1), True, "1", 2147483647, 2**63, *NUMPY)
TEXTS = ("a\0b", "a\0", "\0", "\x01", "\x1b", "\x7f", "Zürich", "€", "\u202e", "\ud800", b"a", 1, None, np.str_("a"))
FLAGS = (1, 0, "1", None, "true", *NUMPY)
BAD_ORDERS = [
    *((name, v) for name in ("lmt_price", "aux_price", "trail_stop_price", "percent_offset", "cash_qty",
                             "total_quantity", "volatility") for v in PRICES),
    *(("compete_against_best_offset", v) for v in PRICES if str(v) != "Infinity"),
    *((name, v) for name in ("min_qty", "display_size", "duration") for v in WHOLE),
    *((name, v) for name in ("parent_id", "oca_type", "origin") for v in WHOLE if v != 2147483647),
    *((name, v) for name in ("action", "order_type", "tif", "order_ref", "account", "oca_group", "good_till_date")
      for v in TEXTS),
    *((name, v) for name in ("transmit", "outside_rth", "what_if", "hidden") for v in FLAGS),
]


@pytest.mark.parametrize(("field", "value"), BAD_ORDERS, ids=repr)
def test_no_order_with_such_a_value_is_written(field, value):
    """The client libraries put most of these on the wire: NaN as a price, a NUL that shifts every later field."""
    shape = {"order_type": "PEG BEST"} if field == "compete_against_best_offset" else {}
    order = msgspec.structs.replace(LIMIT, **shape, **{field: value})
    with pytest.raises(WireError, match=rf"PlaceOrder\.order\.{field} is .*; allowed: "):
        CODEC.encode(PlaceOrder(order_id=1, contract=STOCK, order=order))


@pytest.mark.parametrize(("value", "text"), [
    (Decimal("-0.0"), b"-0.0"), (Decimal(0), b"0"), (Decimal("-1.5"), b"-1.5"), (Decimal("1E+3"), b"1000"),
    (Decimal("0E+30"), b"0"), (Decimal("1E-20"), b"0.00000000000000000001"), (None, b""),
    (Decimal("150.12345678901234"), b"150.12345678901234"), (Decimal(2147483647), b"2147483647")])
def test_prices_are_written_as_they_are(value, text):
    order = msgspec.structs.replace(LIMIT, lmt_price=value)
    payload = CODEC.encode(PlaceOrder(order_id=1, contract=STOCK, order=order))[4:]
    assert payload.split(b"\0")[19] == text
    assert CODEC.decode_request(payload).order.lmt_price == value


@pytest.mark.parametrize(("value", "text"), [
    (300.0, b"300"), (0.0, b"0"), (-1.0, b"-1"), (0.5, b"0.5"), (1e300, b"1e+300"), (1e-7, b"1e-07"), (None, b""),
    (123456789012345.0, b"123456789012345")])
def test_floats_are_written_as_short_as_they_are_read_back(value, text):
    payload = CODEC.encode(TickSize(req_id=1, tick_type=0, size=value))[4:]
    assert payload.split(b"\0")[4] == text
    assert CODEC.decode_answer(payload).size == value


def test_infinite_offsets_are_spelt_as_each_side_reads_them():
    contract, order = ORDERS["pegged to best up to mid"]
    asked = CODEC.encode(PlaceOrder(order_id=1, contract=contract, order=order))
    told = CODEC.encode(OpenOrder(order_id=1, contract=contract, order=order, state=OrderState()))
    assert b"\0Infinite\0" in asked
    assert b"\0Infinity\0" in told
