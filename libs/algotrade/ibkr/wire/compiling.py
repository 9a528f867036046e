"""Turns a message's layout at one server version into two Python functions: decode and encode.

A generic walk over the layout for each tick would cost several times what the fields themselves do. The functions are
written as source and compiled once, as dataclasses are. Field values only ever reach them as arguments.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from algotrade.ibkr.wire.errors import WireError
from algotrade.ibkr.wire.layout import (
    Constant,
    Field,
    Layout,
    Many,
    Member,
    Rest,
    When,
    at_version,
    layout_of,
    members,
)
from algotrade.ibkr.wire.message import Message, Request
from algotrade.ibkr.wire.numbers import decode_int

M = TypeVar("M", bound=Message)

Decode = Callable[[list[bytes]], M]
Encode = Callable[[Any], str]


@functools.cache
def compiled(message: type[M], version: int) -> tuple[Decode[M], Encode]:
    """Return decode and encode of ``message`` at server ``version``; compiled once in a process.

    decode(fields) takes a payload, split at its NULs; encode(message) gives the payload's text. Both raise
    ``WireError``.
    """
    compiler = _Compiler(message, version)
    return compiler.decode(), compiler.encode()


class _Compiler:
    def __init__(self, message: type[Message], version: int) -> None:
        self._message = message
        self._version = version
        self._layout = at_version(layout_of(message), version)
        self._is_asked = issubclass(message, Request)
        assert not (self._is_asked and Rest() in self._layout), f"{message.__name__}: a request has no rest"
        self._lines: list[str] = []
        self._depth = 0
        self._globals: dict[str, Any] = {
            "M": message, "decode_own_version": decode_int, "decode_count": _decode_count,
            "wrong_count": _wrong_count, "NOTHING": None,
        }

    # Decoding.

    def decode(self) -> Decode[Any]:
        """Return the decoder."""
        title = self._message.__name__
        self._start("def decode(fields):")
        self._emit("rest = iter(fields)")
        self._emit("take = rest.__next__")
        self._emit("take()")
        self._emit("try:")
        self._depth += 1
        if self._message.VERSION is not None:
            self._emit(f"decode_own_version(take(), {title + '.version'!r})")
        for path in self._conditional(self._layout):
            self._emit(f"{_variable(path)} = {self._default(path)}")
        self._read(self._layout, "")
        # A payload ends in a NUL, so that behind its last field one more is found, which is empty.
        self._emit("end = take()")
        self._depth -= 1
        self._emit("except StopIteration:")
        self._emit(f"    raise wrong_count({title!r}, fields) from None")
        self._emit("if fields[-1]:" if Rest() in self._layout else "if end or next(rest, NOTHING) is not NOTHING:")
        self._emit(f"    raise wrong_count({title!r}, fields)")
        self._emit(f"return {self._built('M', self._message, self._layout, '')}")
        decode: Decode[Any] = self._compile("decode")
        return decode

    def _read(self, layout: Layout, inside: str) -> None:
        for item in layout:
            if isinstance(item, Constant):
                self._emit("take()")
            elif isinstance(item, Field):
                path = inside + item.path
                self._emit(f"{_variable(path)} = {self._kind(path, 'decode')}(take(), {self._name(path)})")
            elif isinstance(item, When):
                self._when(item, _variable(inside + item.path), inside, self._read)
            elif isinstance(item, Many):
                self._read_many(item, inside + item.path)
            else:
                assert isinstance(item, Rest), f"{item} at one version"

    def _read_many(self, item: Many, path: str) -> None:
        member = self._member(path)
        variable = _variable(path)
        self._emit(f"{variable}_count = decode_count(take(), {self._name(path + ' count')})")
        self._emit(f"{variable} = []")
        self._emit(f"for _ in range({variable}_count):")
        self._depth += 1
        if member.part is None:
            self._emit(f"{variable}.append({self._kind(path, 'decode')}(take(), {self._name(path)}))")
        else:
            layout = self._element(item, member.part)
            for inner in self._conditional(layout, path + "/"):
                self._emit(f"{_variable(inner)} = {self._default(inner)}")
            self._read(layout, path + "/")
            self._globals[f"R_{variable}"] = member.part
            self._emit(f"{variable}.append({self._built(f'R_{variable}', member.part, layout, path + '/')})")
        self._depth -= 1
        self._emit(f"{variable} = tuple({variable})")

    def _built(self, name: str, record: type[msgspec.Struct], layout: Layout, inside: str) -> str:
        """Return the source that makes ``record`` of what was read for it; the rest keeps its defaults."""
        read = {inside + p for p in _paths(layout)}
        parts = []
        for member in members(record).values():
            path = inside + member.name
            if path in read:
                parts.append(f"{member.name}={_variable(path)}")
            elif member.part is not None and not member.is_many:
                own = [p for p in read if p.startswith(path + ".")]
                if own:
                    self._globals[f"R_{_variable(path)}"] = member.part
                    inner = ", ".join(f"{p.removeprefix(path + '.')}={_variable(p)}" for p in sorted(own))
                    parts.append(f"{member.name}=R_{_variable(path)}({inner})")
        return f"{name}({', '.join(parts)})"

    # Encoding.

    def encode(self) -> Encode:
        """Return the encoder."""
        self._start("def encode(m):")
        first = [str(self._message.ID)] + ([str(self._message.VERSION)] if self._message.VERSION is not None else [])
        self._emit(f"out = {first!r}")
        self._emit("add = out.append")
        self._write(self._layout, "")
        self._emit("out.append('')")
        self._emit("return '\\0'.join(out)")
        encode: Encode = self._compile("encode")
        return encode

    def _write(self, layout: Layout, inside: str) -> None:
        for item in layout:
            if isinstance(item, Constant):
                self._emit(f"add({item.text!r})")
            elif isinstance(item, Field):
                path = inside + item.path
                self._emit(f"add({self._kind(path, 'encode')}({_value(path)}, {self._name(path)}))")
            elif isinstance(item, When):
                self._when(item, _value(inside + item.path), inside, self._write)
            elif isinstance(item, Many):
                self._write_many(item, inside + item.path)
            else:
                assert isinstance(item, Rest), f"{item} at one version"

    def _write_many(self, item: Many, path: str) -> None:
        member = self._member(path)
        self._emit(f"add(str(len({_value(path)})))")
        self._emit(f"for {_variable(path)}_one in {_value(path)}:")
        self._depth += 1
        if member.part is None:
            self._emit(f"add({self._kind(path, 'encode')}({_variable(path)}_one, {self._name(path)}))")
        else:
            self._write(self._element(item, member.part), path + "/")
        self._depth -= 1

    # Both.

    def _element(self, item: Many, record: type[msgspec.Struct]) -> Layout:
        """Return the layout of one element of a repeated part."""
        return at_version(item.layout or layout_of(record), self._version)

    def _member(self, path: str) -> Member:
        record: type[msgspec.Struct] = self._message
        member: Member | None = None
        for name in path.replace("/", ".").split("."):
            if member is not None:
                assert member.part is not None, f"{path} of {self._message.__name__} goes through a value"
                record = member.part
            member = members(record)[name]
        assert member is not None
        return member

    def _kind(self, path: str, way: str) -> str:
        kind = self._member(path).kind
        assert kind is not None, f"{path} of {self._message.__name__} is no field"
        name = f"{way}_{kind.name}"
        if way == "decode":
            self._globals[name] = kind.decode_asked if self._is_asked and kind.decode_asked else kind.decode
        else:
            self._globals[name] = kind.encode_asked if self._is_asked and kind.encode_asked else kind.encode
        return name

    def _default(self, path: str) -> str:
        name = f"default_{_variable(path)}"
        self._globals[name] = self._member(path).default
        return name

    def _name(self, path: str) -> str:
        return repr(f"{self._message.__name__}.{path.replace('/', '.')}")

    def _conditional(self, layout: Layout, inside: str = "") -> Sequence[str]:
        """Return the paths that stand behind a condition: unread, they keep their defaults."""
        always = {item.path for item in layout if isinstance(item, (Field, Many))}
        return [inside + p for p in dict.fromkeys(_paths(layout)) if p not in always]

    def _when(self, item: When, value: str, inside: str, walk: Callable[[Layout, str], None]) -> None:
        """Emit ``item``'s own under its test of ``value``."""
        self._emit(f"x = {value}")
        self._emit(f"if {item.test}:")
        self._depth += 1
        walk(item.items, inside)
        self._depth -= 1

    def _start(self, line: str) -> None:
        self._lines, self._depth = [line], 1

    def _emit(self, line: str) -> None:
        self._emit_at(self._depth, line)

    def _emit_at(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)

    def _compile(self, function: str) -> Any:
        source = "\n".join(self._lines) + "\n"
        where = f"<{function} {self._message.__name__}>"
        exec(compile(source, where, "exec"), self._globals)  # noqa: S102 -- our own text, made of layouts alone
        return self._globals[function]


def _decode_count(raw: bytes, name: str) -> int:
    count = decode_int(raw, name)
    if count < 0:
        raise WireError(f"{name} is {count}; allowed: 0 or more")
    return count


def _wrong_count(message: str, fields: list[bytes]) -> WireError:
    return WireError(f"{message} of {len(fields) - 1} fields; allowed: as many as its layout has")


def _paths(layout: Layout) -> list[str]:
    found: list[str] = []
    for item in layout:
        if isinstance(item, When):
            found.extend(_paths(item.items))
        elif isinstance(item, (Field, Many)):
            found.append(item.path)
    return found


def _variable(path: str) -> str:
    """Return the name of a field's value when decoding, which no name of the generated code's own can be."""
    return "f_" + path.replace(".", "_").replace("/", "__")


def _value(path: str) -> str:
    """Return the source of a field's value when encoding: of the element at hand, where it is in a repeated part."""
    many, _, rest = path.rpartition("/")
    return f"{_variable(many)}_one.{rest}" if many else f"m.{rest}"
