"""The quick frames of ticks are, byte for byte, what the codec writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.gateway.ticks import DELAYED, TickFrames
from algotrade.ibkr.wire import VERSION_MAX, VERSION_MIN, Codec
from algotrade.ibkr.wire.answers.market import TickByTick, TickGeneric, TickPrice, TickSize, TickString

VERSIONS = [Codec(version) for version in range(VERSION_MIN, VERSION_MAX + 1)]
IDS = st.integers(-(2**31), 2**31 - 1)
NUMBERS = (st.floats(-1e300, 1e300) | st.integers(-(10**9), 10**9).map(float)).map(
    lambda x: x + 0.0)  # no zero with a sign
KINDS = st.sampled_from(sorted(DELAYED))


def same(frame: bytes, message) -> None:
    assert {codec.encode(message) for codec in VERSIONS} == {frame}


@given(IDS, KINDS, NUMBERS, NUMBERS, st.booleans())
def test_prices_sizes_and_numbers(req_id, kind, price, size, delayed):
    frames, told = TickFrames(req_id, delayed=delayed), DELAYED[kind] if delayed else kind
    same(frames.price(kind, price, size, 1), TickPrice(req_id=req_id, tick_type=told, price=price, size=size, mask=1))
    same(frames.size(kind, size), TickSize(req_id=req_id, tick_type=told, size=size))
    same(frames.generic(kind, size), TickGeneric(req_id=req_id, tick_type=told, value=size))
    same(frames.text(kind, "1381239000"), TickString(req_id=req_id, tick_type=told, value="1381239000"))


@given(IDS, st.integers(0, 2**31), NUMBERS, NUMBERS, st.sampled_from((1, 2)))
def test_every_tick(req_id, time_s, price, size, kind):
    frames = TickFrames(req_id)
    same(frames.last(kind, time_s, price, size, "NYSE"),
         TickByTick(req_id=req_id, tick_type=kind, time_s=time_s, price=price, size=size, exchange="NYSE"))
    same(frames.bid_ask(time_s, price, size, size, price, 0),
         TickByTick(req_id=req_id, tick_type=3, time_s=time_s, bid=price, ask=size, bid_size=size, ask_size=price))
    same(frames.midpoint(time_s, price), TickByTick(req_id=req_id, tick_type=4, time_s=time_s, price=price))


@pytest.mark.parametrize(("value", "text"), [(100.0, b"100"), (0.5, b"0.5"), (-0.0, b"0"), (0.0, b"0")])
def test_whole_numbers_have_no_point(value, text):
    assert TickFrames(1).size(0, value)[4:] == b"2\x006\x001\x000\x00" + text + b"\0"
