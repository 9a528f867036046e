"""Bytes become the frames that were sent, however the network cut them, and a lie about a length ends them."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.wire import FRAME_BYTES_MAX, Splitter, WireError, framed
from tests.ibkr.wire.messages import CODECS, MESSAGES, random_message

FRAMES = [CODECS[176].encode(random_message(message, 176, "frames")) for message in MESSAGES]
PAYLOADS = [frame[4:] for frame in FRAMES]
STREAM = b"".join(FRAMES)


def test_one_burst():
    assert Splitter().feed(STREAM) == PAYLOADS


def test_one_byte_at_a_time():
    splitter = Splitter()
    assert [p for byte in STREAM for p in splitter.feed(bytes([byte]))] == PAYLOADS
    assert splitter.waiting_bytes == 0


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_any_cuts(cuts):
    splitter = Splitter()
    pieces = [STREAM[a:b] for a, b in itertools.pairwise([0, *cuts, len(STREAM)])]
    assert [p for piece in pieces for p in splitter.feed(piece)] == PAYLOADS


def test_what_waits_is_counted():
    splitter = Splitter()
    assert splitter.feed(STREAM[:-1]) == PAYLOADS[:-1]
    assert splitter.waiting_bytes == len(FRAMES[-1]) - 1


@pytest.mark.parametrize("length", [0, FRAME_BYTES_MAX + 1, 2**31, 2**32 - 1])
def test_a_length_out_of_range_is_refused_before_its_bytes_come(length):
    splitter = Splitter()
    with pytest.raises(WireError, match=f"a frame of {length} bytes; allowed: 1 to {FRAME_BYTES_MAX}"):
        splitter.feed(struct.pack(">I", length))
    with pytest.raises(WireError):  # nothing behind it makes the stream whole again
        splitter.feed(STREAM)
    assert splitter.waiting_bytes == 4


def test_frames_before_a_broken_length_are_not_lost():
    splitter = Splitter()
    assert splitter.feed(STREAM + b"\xff\xff\xff\xff" + STREAM) == PAYLOADS
    with pytest.raises(WireError, match="a frame of 4294967295 bytes"):
        splitter.feed(b"")


def test_the_longest_frame_goes_both_ways():
    longest = framed(b"x" * FRAME_BYTES_MAX)
    assert Splitter().feed(longest) == [longest[4:]]
    with pytest.raises(WireError, match=f"a frame of {FRAME_BYTES_MAX + 1} bytes"):
        framed(b"x" * (FRAME_BYTES_MAX + 1))
