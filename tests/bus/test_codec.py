"""The frame: what was encoded comes back, and nothing else is ever taken for a message."""

import struct
import zlib
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from algotrade.bus import codec
from algotrade.bus.codec import (
    BODY_BYTES_MAX,
    HEADER_BYTES,
    VERSIONS,
    Schema,
    Undecodable,
    accepted_versions,
    decode,
    decode_records,
    decode_value,
    encode,
    encode_records,
    encode_value,
    records_of,
    replayed,
    values_of,
)
from algotrade.domain import LAYOUTS, CancelOrder, IntentId, Kind, NewOrder, OrderIntent, OrderType, Side, TimeInForce

ID = IntentId(strategy="s", run="r", sequence=7, number=0)
ORDER = NewOrder(id=ID, instrument=1, event_time_ns=5, expires_at_ns=9, side=Side.SELL, quantity=Decimal("0.10"),
                 order_type=OrderType.LIMIT, time_in_force=TimeInForce.DAY, limit_price=Decimal("1.000000000000000001"))

schemas = st.sampled_from(Schema)
origins = st.integers(-2**63, 2**63 - 1)


def records(kind: Kind, count: int) -> np.ndarray:
    array = np.zeros(count, dtype=LAYOUTS[kind])
    array["sequence"] = np.arange(1, count + 1)
    return array


@given(schemas, st.binary(max_size=500), origins)
def test_a_frame_comes_back(schema, body, origin):
    frame = decode(encode(schema, body, origin))

    assert (frame.schema, frame.version, frame.origin_time_ns, bytes(frame.body)) == (
        schema, VERSIONS[schema], origin, body)


def test_the_layout_of_the_header_is_what_the_document_says():
    value = encode(Schema.REPORT, b"body", 5)

    assert HEADER_BYTES == 24
    magic, schema, version, flags, length, checksum, origin = struct.unpack("<HHHHIIq", value[:24])
    assert (magic, schema, version, flags, length, origin) == (0xA17B, 12, 1, 0, 4, 5)
    assert checksum == zlib.crc32(value[:12] + value[16:])


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x7b\xa1")
def test_random_bytes_never_decode(value):
    with pytest.raises(Undecodable):
        decode(value)


@given(st.binary(max_size=100), st.data())
def test_no_truncation_decodes(body, data):
    value = encode(Schema.JOURNAL, body)
    cut = data.draw(st.integers(0, len(value) - 1))

    for damaged in (value[:cut], value + b"\0"):
        with pytest.raises(Undecodable):
            decode(damaged)


@given(schemas, st.binary(max_size=100), origins, st.data())
@settings(max_examples=300)
def test_no_flipped_bit_decodes_anywhere_in_header_or_body(schema, body, origin, data):
    value = bytearray(encode(schema, body, origin))
    for bit in data.draw(st.sets(st.integers(0, 8 * len(value) - 1), min_size=1, max_size=3)):
        value[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Undecodable):
        decode(bytes(value))


def test_every_single_flipped_bit_of_a_message_is_found():
    value = encode_value(Schema.INTENT, ORDER, 99)
    for bit in range(8 * len(value)):
        damaged = bytearray(value)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Undecodable):
            decode(bytes(damaged))


def forged(schema=int(Schema.INTENT), version=1, flags=0, length=None, body=b"", magic=0xA17B):
    """Return a message whose checksum holds, whatever else it says."""
    head = struct.pack("<HHHHI", magic, schema, version, flags, len(body) if length is None else length)
    origin = struct.pack("<q", 0)
    return head + struct.pack("<I", zlib.crc32(head + origin + body)) + origin + body


@pytest.mark.parametrize(("value", "reason"), [
    (b"", "short"),
    (forged()[:23], "short"),
    (forged(magic=1), "magic"),
    (forged(schema=4), "schema"),
    (forged(schema=0), "schema"),
    (forged(version=0), "version"),
    (forged(version=2), "version"),
    (forged(flags=2), "version"),
    (forged(flags=0x8001), "version"),
    (forged(length=1), "length"),
    (forged(length=BODY_BYTES_MAX + 1), "oversize"),
    (forged(body=b"x")[:-1] + b"y", "checksum"),
])
def test_each_way_to_be_wrong_has_its_reason(value, reason):
    with pytest.raises(Undecodable) as caught:
        decode(value)
    assert caught.value.reason == reason


def test_the_version_before_the_current_one_is_read(monkeypatch):
    before = encode(Schema.INTENT, b"old")
    assert accepted_versions(Schema.INTENT) == (1,)
    monkeypatch.setitem(codec.VERSIONS, Schema.INTENT, 2)

    assert accepted_versions(Schema.INTENT) == (2, 1)
    assert decode(before).version == 1
    assert decode(encode(Schema.INTENT, b"new")).version == 2
    monkeypatch.setitem(codec.VERSIONS, Schema.INTENT, 3)
    with pytest.raises(Undecodable, match="version"):
        decode(before)


@given(schemas, st.binary(max_size=100), origins)
def test_a_replayed_message_is_the_same_but_for_its_flag(schema, body, origin):
    frame = decode(encode(schema, body, origin))
    again = decode(replayed(frame))

    assert not frame.is_replayed
    assert again.is_replayed
    assert (again.schema, again.version, again.origin_time_ns) == (schema, frame.version, origin)
    assert again.body == frame.body
    assert replayed(again) == replayed(frame)
    with pytest.raises(Undecodable):  # the checksum covers the flag
        decode(encode(schema, body, origin)[:6] + b"\1\0" + encode(schema, body, origin)[8:])


def test_the_version_before_stays_what_it_is_when_it_is_replayed(monkeypatch):
    before = encode(Schema.INTENT, b"old")
    monkeypatch.setitem(codec.VERSIONS, Schema.INTENT, 2)

    assert decode(replayed(decode(before))).version == 1


def test_a_body_beyond_the_bound_is_our_bug():
    with pytest.raises(AssertionError):
        encode(Schema.SNAPSHOT, bytes(BODY_BYTES_MAX + 1))
    assert len(decode(encode(Schema.SNAPSHOT, bytes(BODY_BYTES_MAX))).body) == BODY_BYTES_MAX


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_records_come_back_as_a_read_only_view(kind, count):
    sent = records(kind, count)
    value = encode_records(kind, sent)
    got = decode_records(decode(value))

    assert got.dtype == LAYOUTS[kind]
    assert got.tobytes() == sent.tobytes()
    assert not got.flags.writeable
    assert count == 0 or np.shares_memory(got, np.frombuffer(value, dtype=np.uint8))


def test_a_slice_with_gaps_is_encoded_as_its_rows():
    every_second = records(Kind.QUOTE, 10)[::2]
    assert decode_records(decode(encode_records(Kind.QUOTE, every_second)))["sequence"].tolist() == [1, 3, 5, 7, 9]


def test_records_of_another_layout_are_our_bug():
    with pytest.raises(AssertionError):
        encode_records(Kind.BAR, records(Kind.QUOTE, 1))


def test_half_a_record_does_not_decode():
    with pytest.raises(Undecodable, match="layout"):
        decode_records(decode(encode(Schema.QUOTES, bytes(65))))
    with pytest.raises(Undecodable, match="schema"):
        decode_records(decode(encode(Schema.INTENT, bytes(64))))
    with pytest.raises(Undecodable, match="TRADES where QUOTES belongs"):
        records_of(Kind.QUOTE)(decode(encode_records(Kind.TRADE, records(Kind.TRADE, 1))))


def test_values_come_back_with_exact_decimals():
    cancel = CancelOrder(id=ID, instrument=1, event_time_ns=5, expires_at_ns=9, target=ID)
    for value in (ORDER, cancel):
        got = decode_value(decode(encode_value(Schema.INTENT, value)), OrderIntent)
        assert got == value
    assert str(decode_value(decode(encode_value(Schema.INTENT, ORDER)), NewOrder).quantity) == "0.10"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_is_exact(quantity):
    order = msgspec.structs.replace(ORDER, quantity=quantity)
    got = decode_value(decode(encode_value(Schema.INTENT, order)), OrderIntent)
    assert got.quantity.as_tuple() == quantity.as_tuple()


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers(-2**63, 2**64 - 1) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20).map(msgspec.msgpack.encode))
@example(b"\x91" * 100_000)
@example(msgspec.msgpack.encode({"type": "new", "quantity": "1e999999999999999999999"}))
@example(b"\x81\xa4type\xa3\xff\xfe\xfd")
def test_a_body_that_is_no_such_value_is_undecodable_whatever_it_is(body):
    frame = decode(encode(Schema.INTENT, body))
    with pytest.raises(Undecodable, match="value: INTENT"):
        values_of(Schema.INTENT, OrderIntent)(frame)


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_value_body_is_refused_or_still_a_whole_value(data):
    """The checksum stops damage on the way; this is about a writer's bug behind a checksum that holds."""
    body = bytearray(msgspec.msgpack.encode(ORDER))
    for at in data.draw(st.sets(st.integers(0, len(body) - 1), max_size=3)):
        body[at] = data.draw(st.integers(0, 255))
    try:
        got = decode_value(decode(encode(Schema.INTENT, body)), OrderIntent)
    except Undecodable:
        return
    assert isinstance(got, OrderIntent)
