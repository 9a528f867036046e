"""Makes a message of any class as its layout at a server version has it, field by field; what is not on the wire keeps
its default.

Where values come from is the caller's: ``pick(kind, path)`` gives a field's, ``count(path)`` how often a part repeats.
"""

import functools
import random
import string
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.kinds import Kind
from algotrade.ibkr.wire.layout import Field, Layout, Many, Rest, When, at_version, layout_of, members
from algotrade.ibkr.wire.message import Message, Request
from algotrade.ibkr.wire.requests import REQUESTS

# Asked for again and again.
at_version = functools.cache(at_version)

MESSAGES = (*ANSWERS, *REQUESTS)
VERSIONS = range(157, 179)
CODECS = {version: Codec(version) for version in VERSIONS}

# Values that decide which other fields a message has.
SHAPING: dict[str, tuple[str, ...]] = {
    "order_type": ("LMT", "MKT", "PEG BENCH", "PEGBENCH", "PEG BEST", "PEGBEST", "PEG MID", "PEGMID"),
    "sec_type": ("STK", "BAG", "FUT"),
    "exchange": ("SMART", "IBKRATS"),
}

Pick = Callable[[Kind, str], Any]
Count = Callable[[str], int]


def made(message: type[Message], version: int, pick: Pick, count: Count) -> Any:
    return _filled(message, at_version(layout_of(message), version), version, pick, count)


def has_rest(message: type[Message]) -> bool:
    return Rest() in layout_of(message)


def _filled(record: type[msgspec.Struct], layout: Layout, version: int, pick: Pick, count: Count) -> Any:
    values: dict[str, Any] = {}

    def fill(items: Layout) -> None:
        for item in items:
            if isinstance(item, Field):
                kind = _member(record, item.path).kind
                assert kind is not None
                values[item.path] = pick(kind, item.path)
            elif isinstance(item, Many):
                values[item.path] = tuple(element(item) for _ in range(count(item.path)))
            elif isinstance(item, When) and eval(item.test, {"x": values[item.path]}):  # noqa: S307 -- our own layouts
                fill(item.items)

    def element(item: Many) -> Any:
        member = _member(record, item.path)
        if member.part is None:
            return pick(member.kind, item.path)
        return _filled(member.part, at_version(item.layout or layout_of(member.part), version), version, pick, count)

    fill(layout)
    return _built(record, values)


def _built(record: type[msgspec.Struct], values: dict[str, Any]) -> Any:
    own = {path: value for path, value in values.items() if "." not in path}
    for name in {path.split(".")[0] for path in values if "." in path}:
        part = members(record)[name].part
        inner = {path.split(".", 1)[1]: value for path, value in values.items() if path.startswith(name + ".")}
        own[name] = _built(part, inner)
    # A part of which a layout has no field is all defaults.
    for member in members(record).values():
        if member.part is not None and not member.is_many and member.name not in own:
            own[member.name] = member.part()
    return record(**own)


def _member(record: type[msgspec.Struct], path: str) -> Any:
    *parts, name = path.split(".")
    for part in parts:
        record = members(record)[part].part
    return members(record)[name]


class Random:
    """Values from a seed; ``is_asked`` keeps text to ASCII."""

    def __init__(self, seed: int | str, *, is_asked: bool = False) -> None:
        self.rng = random.Random(seed)  # noqa: S311 -- repeatable, not secret
        self._is_asked = is_asked

    def count(self, path: str) -> int:
        return self.rng.choice((0, 1, 2, 3))

    def pick(self, kind: Kind, path: str) -> Any:
        shaping = SHAPING.get(path.rpartition(".")[2])
        if shaping:
            return self.rng.choice(shaping)
        return getattr(self, f"_{kind.name}")()

    def _text(self) -> str:
        letters = string.ascii_letters + string.digits + " -_.,:;/=" + ("" if self._is_asked else "éü€𝄞\n")
        return "".join(self.rng.choices(letters, k=self.rng.choice((0, 0, 1, 3, 8, 20))))

    def _escaped(self) -> str:
        return self._text() + self.rng.choice(("", "\\", "\\u00e9", "é𝄞"))

    def _int(self) -> int:
        return self.rng.choice((0, 1, 2, -1, self.rng.randrange(10**6), self.rng.randrange(-(2**63) + 1, 2**63)))

    _int_0 = _int_1 = _int_minus_1 = _int

    def _maybe_int(self) -> int | None:
        value = self._int()
        return None if value in {2**31 - 1, 0} else value

    def _int_of_1_2_3_4(self) -> int:
        return self.rng.choice((1, 2, 3, 4))

    def _int_of_1_3_4_5_6_7(self) -> int:
        return self.rng.choice((1, 3, 4, 5, 6, 7))

    def _number(self) -> Decimal:
        digits = self.rng.randrange(10 ** self.rng.choice((1, 3, 9, 18)))
        return Decimal(digits).scaleb(-self.rng.choice((0, 2, 4, 9))) * self.rng.choice((1, 1, -1))

    _number_0 = _number

    def _maybe_number(self) -> Decimal | None:
        return self.rng.choice((None, self._number()))

    _spelt_number = _maybe_number

    def _offset(self) -> Decimal | None:
        return self.rng.choice((Decimal("Infinity"), self._maybe_number()))

    def _float(self) -> float:
        small = self.rng.random()
        return self.rng.choice((0.0, float(self.rng.randrange(1000)), small * 1e4, -small * 1e-7, small * 1e300))

    def _maybe_float(self) -> float | None:
        return self.rng.choice((None, self._float()))

    _spelt_float = _maybe_float

    def _flag(self) -> bool:
        return self.rng.choice((True, False))


def random_message(message: type[Message], version: int, seed: int | str) -> Any:
    source = Random(f"{message.__name__} {version} {seed}", is_asked=issubclass(message, Request))
    return made(message, version, source.pick, source.count)
