"""Nobody who was recorded can be found in a recording."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.ibkr.scrubbing import NAMES, REFERENCES, Scrubber, masked
from algotrade.ibkr.wire import Answer, Codec
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.requests import REQUESTS
from tests.ibkr.session.server import notice, order
from tests.ibkr.wire.messages import CODECS, SHAPING, VERSIONS
from tests.ibkr.wire.test_round_trips import any_message

ACCOUNT, REFERENCE, PERSON = "U7654321", "momentum/17", "jane.doe"
SECRETS = (b"7654321", b"momentum", b"jane")


def planted(value):
    """Return ``value`` with our secrets wherever it has text that may hold them."""
    changed = {}
    for name in type(value).__struct_fields__:
        old = getattr(value, name)
        if isinstance(old, msgspec.Struct):
            changed[name] = planted(old)
        elif isinstance(old, tuple):
            changed[name] = tuple(planted(x) if isinstance(x, msgspec.Struct) else x for x in old)
        elif isinstance(old, str) and name not in SHAPING:
            if name in REFERENCES | NAMES:
                changed[name] = REFERENCE if name in REFERENCES else PERSON
            else:
                changed[name] = ACCOUNT if name == "account" else f"for {ACCOUNT}, and so on"
    return msgspec.structs.replace(value, **changed)


@pytest.mark.parametrize("message", [*ANSWERS, *REQUESTS], ids=lambda m: m.__name__)
@settings(max_examples=10)
@given(data=st.data())
def test_no_account_reference_or_name_survives_in_any_message(message, data):
    version = data.draw(st.sampled_from(VERSIONS))
    codec = CODECS[version]
    known = data.draw(st.sampled_from(["", ACCOUNT]))
    original = planted(data.draw(any_message(message, version)))
    payload = codec.encode(original)[4:]
    scrubber = Scrubber(known)
    is_answer = issubclass(message, Answer)
    scrubbed = (scrubber.answer if is_answer else scrubber.request)(payload, codec)
    assert not [secret for secret in SECRETS if secret in scrubbed]
    again = (codec.decode_answer if is_answer else codec.decode_request)(scrubbed)
    assert type(again) is message
    assert scrubbed.count(b"\0") == payload.count(b"\0")


@given(st.binary(max_size=200))
def test_what_cannot_be_read_keeps_its_numbers_and_no_letter(data):
    scrubbed = masked(data)
    assert len(scrubbed) == len(data)
    assert not [c for c in scrubbed if chr(c) in "abcdfghijklmnopqrstuvwyzABCDFGHIJKLMNOPQRSTUVWXYZ"]


def test_an_unknown_message_with_an_account_is_masked():
    payload = b"107\x00U7654321\x00jane.doe\x0042\x00-1.5e3\0"
    assert Scrubber("U7654321").answer(payload, Codec(176)) == b"107\x00xxxxxxxx\x00xxxxxxxx\x0042\x00-1.5e3\0"


def test_the_same_one_gets_the_same_pseudonym_everywhere():
    codec, scrubber = Codec(176), Scrubber()
    accounts = scrubber.answer(codec.encode(a.ManagedAccounts(accounts="U7654321,U1111111"))[4:], codec)
    assert accounts == b"15\x001\x00DU0000001,DU0000002\x00"
    error = scrubber.answer(codec.encode(notice(201, "Order rejected for U1111111."))[4:], codec)
    assert b"rejected for DU0000002." in error
    asked = scrubber.request(codec.encode(r.RequestAccountUpdates(is_subscribed=True, account="U7654321"))[4:], codec)
    assert asked == b"6\x002\x001\x00DU0000001\x00"
    refs = [codec.decode_request(scrubber.request(codec.encode(order(1, order_ref=ref))[4:], codec)).order.order_ref
            for ref in ("s/1", "s/2", "s/1", "")]
    assert refs == ["ref-1", "ref-2", "ref-1", ""]


def test_a_reference_that_looks_like_a_number_changes_no_number():
    codec = Codec(176)
    original = order(1, order_ref="100")
    scrubbed = codec.decode_request(Scrubber().request(codec.encode(original)[4:], codec))
    assert scrubbed.order.order_ref == "ref-1"
    assert scrubbed.order.total_quantity == original.order.total_quantity


def test_how_the_server_spells_numbers_is_kept():
    payload = b"3\x001\x00Filled\x00100.0\x000.0\x0010.50\x0017\x000\x0010.50\x001\x00\x000.0\x00"
    assert Scrubber().answer(payload, Codec(176)) == payload


def test_fields_that_a_server_adds_behind_those_we_know_are_masked():
    codec = Codec(176)
    payload = codec.encode(a.ExecutionDataEnd(req_id=1))[4:]
    for scrubbed in (Scrubber().answer(payload + b"jane\0", codec), Scrubber().answer(payload + b"jane\x005\0", codec)):
        assert b"jane" not in scrubbed
