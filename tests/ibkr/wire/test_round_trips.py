"""What is encoded decodes to itself, byte for byte and value for value, for every message at every server version."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algotrade.ibkr.wire import Answer, Codec, Message, Request, Splitter, answers, requests
from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.layout import layout_of, members
from algotrade.ibkr.wire.requests import REQUESTS
from tests.ibkr.wire.messages import CODECS, MESSAGES, SHAPING, VERSIONS, made, random_message

ints = st.integers(-(2**63) + 1, 2**63 - 1)
decimals = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**25), 10**25), st.integers(-10, 35))
floats = st.floats(allow_nan=False, allow_infinity=False)
unset_free = floats.filter(lambda x: x != 1.7976931348623157e308)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
KINDS = {
    "int": ints, "int_0": ints, "int_1": ints, "int_minus_1": ints,
    "int_of_1_2_3_4": st.sampled_from((1, 2, 3, 4)), "int_of_1_3_4_5_6_7": st.sampled_from((1, 3, 4, 5, 6, 7)),
    "maybe_int": st.none() | ints.filter(lambda x: x != 2**31 - 1),
    "number": decimals, "number_0": decimals, "maybe_number": st.none() | decimals,
    "spelt_number": st.none() | decimals,
    "offset": st.none() | decimals | st.just(Decimal("Infinity")),
    "float": floats, "maybe_float": st.none() | unset_free, "spelt_float": st.none() | unset_free,
    "flag": st.booleans(), "text": texts, "escaped": texts | st.just("\\u00e9 \\ é𝄞"),
}
asked = KINDS | {"text": st.text(st.characters(max_codepoint=126, exclude_categories=["Cc"]), max_size=30)}


@st.composite
def any_message(draw: st.DrawFn, message: type[Message], version: int) -> Message:
    kinds = asked if issubclass(message, Request) else KINDS

    def pick(kind, path):
        shaping = SHAPING.get(path.rpartition(".")[2])
        return draw(st.sampled_from(shaping)) if shaping else draw(kinds[kind.name])

    result: Message = made(message, version, pick, lambda _: draw(st.integers(0, 3)))
    return result


def check(message: Message, codec: Codec) -> None:
    frame = codec.encode(message)
    (payload,) = Splitter().feed(frame)
    decode = codec.decode_answer if isinstance(message, Answer) else codec.decode_request
    again = decode(payload)
    assert again == message
    assert codec.encode(again) == frame


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_encoded_decodes_to_itself(message, data):
    version = data.draw(st.sampled_from(VERSIONS))
    check(data.draw(any_message(message, version)), CODECS[version])


@pytest.mark.parametrize("version", VERSIONS)
def test_at_every_version(version):
    for message in MESSAGES:
        for seed in range(4):
            check(random_message(message, version, seed), CODECS[version])


def test_every_class_is_listed_once_under_an_id_of_its_own():
    """A class that is defined but not listed would never be decoded."""
    assert set(ANSWERS) == set(Answer.__subclasses__())
    assert set(REQUESTS) == set(Request.__subclasses__())
    assert len(ANSWERS) == len({m.ID for m in ANSWERS}) == 52
    assert len(REQUESTS) == len({m.ID for m in REQUESTS}) == 43
    assert {name for name in dir(answers) if isinstance(getattr(answers, name), type)} - {"Answer"} == {
        m.__name__ for m in ANSWERS}
    assert {name for name in dir(requests) if getattr(getattr(requests, name), "ID", None)} == {
        m.__name__ for m in REQUESTS}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_a_layout_names_every_attribute_of_its_message(message):
    """What no version of a layout names is never on the wire: it would be lost without a word."""
    named = str(layout_of(message))
    assert [m.name for m in members(message).values() if f"'{m.name}" not in named] == []
