"""Scripts: what a client says and what the Gateway has to answer, as text. README.md beside this has the grammar."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from algotrade.ibkr.wire import Codec, framed
from algotrade.ibkr.wire.layout import members
from algotrade.ibkr.wire.message import Message
from algotrade.ibkr.wire.requests import REQUESTS

FOLDER = Path(__file__).parent / "scripts"
ALL = (157, 163, 164, 166, 169, 170, 176, 178)
_STEP = re.compile(r"(in|out|connect|hello|closed|time)(?: (\d+))?([<>])(?: (.*))?")
_TOLD = {"out", "closed"}
_GATE = re.compile(r"@(\d+)?-?(\d+)?(\+)? ?(.*)", re.DOTALL)
_REQUESTS = {message.__name__: message for message in REQUESTS}


class Step(NamedTuple):
    """One line: its number, what kind of line, of which connection, and the rest."""

    line: int
    kind: str
    link: int
    text: str


class Script(NamedTuple):
    """A script. ``steps`` begin with those that connect, also where the text leaves that out."""

    path: Path
    versions: tuple[int, ...]
    header: dict[str, str]
    steps: tuple[Step, ...]
    lines: tuple[str, ...]


def read_script(path: Path) -> Script:
    """Read a script; whatever is not understood fails, with its line."""
    lines = tuple(path.read_text(encoding="utf-8").splitlines())
    assert lines, f"{path.name} is empty"
    assert lines[0].startswith("# "), f"{path.name} does not begin with what it proves"
    header: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        match = _STEP.fullmatch(line)
        if match:
            assert (match[3] == "<") == (match[1] in _TOLD), f"{path.name}, line {number}: {line!r}"
            steps.append(Step(number, match[1], int(match[2] or 1), match[4] or ""))
            continue
        name, colon, value = line.partition(": ")
        assert colon, f"{path.name}, line {number}: {line!r}"
        assert name in {"versions", "world", "modes", "form"}, f"{path.name}, line {number}: {name!r}"
        assert not steps, f"{path.name}, line {number}: a header behind the first step"
        header[name] = value
    wants = any(step.kind in _TOLD for step in steps)
    assert wants or os.environ.get("CONFORMANCE_WRITE"), f"{path.name} expects nothing"
    if steps[0].kind not in {"connect", "hello"}:
        steps.insert(0, Step(0, "connect", 1, "1"))
    versions = ALL if header["versions"] == "all" else tuple(map(int, header["versions"].split()))
    return Script(path, versions, header, tuple(steps), lines)


def scripts() -> list[Script]:
    """Return every script, by name."""
    return [read_script(path) for path in sorted(FOLDER.glob("*.txt"))]


# Fields: ``a|b|c``, a field of some versions only as ``@164+ c``, ``@163 c`` or ``@157-163 c``.

def at_version(text: str, version: int) -> list[str]:
    """Return the fields of a line at ``version``."""
    return [field for field in (_gated(raw, version) for raw in text.split("|")) if field is not None]


def _gated(field: str, version: int) -> str | None:
    if not field.startswith("@"):
        return field
    match = _GATE.fullmatch(field)
    assert match, field
    assert match[1], field
    low = int(match[1])
    high = 999 if match[3] else int(match[2] or match[1])
    return match[4] if low <= version <= high else None


def fits(wanted: list[str], got: list[str], known: dict[str, str]) -> bool:
    """Tell whether every field is what was wanted: the same, ``*``, or ``{name}``: the same as before under that name.

    What is new goes into ``known``.
    """
    if wanted and wanted[-1] == "...":
        wanted = wanted[:-1]
        got = got[: len(wanted)]
    if len(wanted) != len(got):
        return False
    found = dict(known)
    for pattern, field in zip(wanted, got, strict=True):
        if not _fits(pattern, field, found):
            return False
    known.update(found)
    return True


def _fits(pattern: str, field: str, known: dict[str, str]) -> bool:
    name, equals, value = pattern.partition("=")
    if equals and name.replace(".", "").replace("_", "").isalnum() and field.startswith(name + "="):
        pattern, field = value, field[len(name) + 1 :]
    if pattern == "*":
        return True
    if pattern.startswith("{") and pattern.endswith("}"):
        return known.setdefault(pattern, field) == field
    return pattern == field


# Messages by name: ``OpenOrder order_id=1 order.action=BUY``; fields that are left out have their defaults.

def is_named(text: str) -> bool:
    """Tell whether a line is written by names."""
    return text[:1].isalpha()


def asked(text: str, version: int) -> bytes:
    """Return the frame that a line of a client says, written field by field or by names."""
    if is_named(text):
        name, *pairs = shlex.split(text)
        return Codec(version).encode(_made(_REQUESTS[name], dict(pair.split("=", 1) for pair in pairs), name))
    payload = b"".join(field.encode("latin-1") + b"\0" for field in at_version(text, version))
    return framed(payload)


def _made(record: Any, pairs: dict[str, str], where: str) -> Any:
    values: dict[str, Any] = {}
    for member in members(record).values():
        inner = {k.removeprefix(member.name + "."): v for k, v in pairs.items() if k.startswith(member.name + ".")}
        if member.kind is not None and member.name in pairs:
            values[member.name] = member.kind.decode(pairs.pop(member.name).encode(), member.name)
        elif member.part is not None and not member.is_many and (inner or member.default is msgspec.NODEFAULT):
            for key in inner:
                del pairs[f"{member.name}.{key}"]
            values[member.name] = _made(member.part, inner, f"{where}.{member.name}")
    assert not pairs, f"{where} has no {sorted(pairs)}"
    return record(**values)


def told(payload: bytes, version: int) -> list[str]:
    """Return an answer's name and the fields of it that are not as by default."""
    answer = Codec(version).decode_answer(payload)
    return [type(answer).__name__, *_pairs(answer, "")]


def _pairs(record: Message | msgspec.Struct, inside: str) -> Iterator[str]:
    for member in members(type(record)).values():
        value = getattr(record, member.name)
        if member.kind is not None and not member.is_many:
            if value != member.default:
                yield f"{inside}{member.name}={member.kind.encode(value, member.name)}"
        elif member.part is not None and not member.is_many:
            yield from _pairs(value, f"{inside}{member.name}.")
        else:
            assert not value, f"{inside}{member.name}: write this message field by field"


def fields_of(payload: bytes) -> list[str]:
    """Return the fields of a payload."""
    assert payload.endswith(b"\0"), payload
    return payload[:-1].decode("latin-1").split("\0")
