"""Whatever bytes come, the core neither breaks nor arms by them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.ibkr.session import Disarmed, LinkDown, OrderIdsExhausted, Quarantined, SessionError, Told
from algotrade.ibkr.wire import framed
from algotrade.ibkr.wire.answers import ANSWERS
from tests.ibkr.session.server import END, order
from tests.ibkr.session.test_core import Link
from tests.ibkr.wire.messages import random_message

ALIVE = Link().connect()
"""Connected once; each example goes on from where the last one left it, as a long session would."""


def mutated(payload, rng):
    data = bytearray(payload)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at:at] = rng.choice((b"\0", b"-1", b"nan", b"1e400", b"\xff", b"999999999999999999999"))
            case 2:
                del data[at : at + rng.randrange(1, 9)]
            case 3:
                data = data[:at] or data
    return bytes(data) or b"\0"


@pytest.mark.parametrize("message", ANSWERS, ids=lambda m: m.__name__)
def test_mutated_answers_are_told_or_quarantined_and_break_nothing(message):
    global ALIVE  # noqa: PLW0603 -- a connection that a message ended is made anew
    rng = random.Random(message.__name__)  # noqa: S311 -- repeatable, not secret
    for number in range(100):
        payload = mutated(ALIVE.codec.encode(random_message(message, 176, number))[4:], rng)
        try:
            ALIVE.tell(framed(payload))
        except SessionError:
            ALIVE = Link().connect()
            continue
        (found,) = [e for e in ALIVE.core.events() if isinstance(e, Told | Quarantined)]
        if isinstance(found, Quarantined):
            assert found.payload == payload[:4096]


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20))
def test_no_bytes_arm_a_session_that_lacks_its_snapshots(payloads):
    link = Link()
    link.withheld = set(END)
    link.connect()
    for payload in payloads:
        try:
            link.tell(framed(payload))
        except SessionError:
            return
    assert "not told to the end" in link.core.disarmed_because
    with pytest.raises((Disarmed, LinkDown, OrderIdsExhausted)):
        link.core.request(order(1))
