"""In what order a message's fields stand on the wire, where that is not simply the order of the record's own.

A layout is a tuple of items. A field is named by its path from the message: ``order.tif``. Layouts of one message
differ by server version and by what earlier fields say; both are items too, so that one text serves decoding, encoding
and every version.
"""

import functools
from typing import Any, TypeAlias, get_args, get_type_hints

import msgspec

from algotrade.ibkr.wire.kinds import Kind


class Field(msgspec.Struct, frozen=True):
    """One field, by its path."""

    path: str


class Constant(msgspec.Struct, frozen=True):
    """A field that says nothing any more: written as ``text``, read as anything."""

    text: str


class Since(msgspec.Struct, frozen=True):
    """``items`` stand here from server version ``version`` on."""

    version: int
    items: tuple["Item", ...]


class Before(msgspec.Struct, frozen=True):
    """``items`` stand here below server version ``version``."""

    version: int
    items: tuple["Item", ...]


class When(msgspec.Struct, frozen=True):
    """``items`` stand here when the earlier field ``path`` passes ``test``, an expression in ``x``."""

    path: str
    test: str
    items: tuple["Item", ...]


class Many(msgspec.Struct, frozen=True):
    """A count, then as many elements: ``path`` is a tuple of records, or of values of one kind.

    ``layout``  of one record, where it is not the record's own
    """

    path: str
    layout: tuple["Item", ...] | None = None


class Rest(msgspec.Struct, frozen=True):
    """Fields behind those that are known, at the end of an answer: read and forgotten, never written.

    Servers add fields at the end of their long answers, and clients pass over them.
    """


Item: TypeAlias = Field | Constant | Since | Before | When | Many | Rest
Layout: TypeAlias = tuple[Item, ...]


def fields(names: str, inside: str = "") -> Layout:
    """Return the fields ``names``, separated by blanks, of the part ``inside`` of a message."""
    return tuple(Field(f"{inside}.{name}" if inside else name) for name in names.split())


def since(version: int, *items: Item) -> Since:
    """Return ``items`` from ``version`` on."""
    return Since(version, items)


def before(version: int, *items: Item) -> Before:
    """Return ``items`` below ``version``."""
    return Before(version, items)


def when(path: str, *items: Item, test: str = "x") -> When:
    """Return ``items`` where ``path`` passes ``test``; by default where it is not empty, false or 0."""
    return When(path, test, items)


def at_version(layout: Layout, version: int) -> Layout:
    """Return ``layout`` as it is at ``version``: without items of other versions, and without gates."""
    flat: list[Item] = []
    for item in layout:
        if isinstance(item, Since):
            flat.extend(at_version(item.items, version) if version >= item.version else ())
        elif isinstance(item, Before):
            flat.extend(at_version(item.items, version) if version < item.version else ())
        elif isinstance(item, When):
            flat.append(When(item.path, item.test, at_version(item.items, version)))
        else:
            flat.append(item)
    return tuple(flat)


class Member(msgspec.Struct, frozen=True):
    """What one attribute of a record is: a field of ``kind``, a ``part`` (a record), or a tuple of either."""

    name: str
    default: Any
    kind: Kind | None = None
    part: type[msgspec.Struct] | None = None
    is_many: bool = False


@functools.cache
def members(record: type[msgspec.Struct]) -> dict[str, Member]:
    """Return the attributes of ``record``, by name, as its annotations say."""
    hints = get_type_hints(record, include_extras=True)
    return {f.name: _member(f, hints[f.name]) for f in msgspec.structs.fields(record)}


def _member(field: Any, hint: Any) -> Member:
    default = field.default
    if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    kind = _kind(hint)
    if kind is not None:
        return Member(field.name, default, kind=kind)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Member(field.name, default, part=hint)
    element = get_args(hint)[0]  # tuple[element, ...]
    kind = _kind(element)
    return Member(field.name, default, kind=kind, part=None if kind else element, is_many=True)


def _kind(hint: Any) -> Kind | None:
    return next((k for k in getattr(hint, "__metadata__", ()) if isinstance(k, Kind)), None)


def layout_of(record: type[msgspec.Struct]) -> Layout:
    """Return the layout of ``record``: the one it states, or its attributes in their order."""
    stated: Layout | None = getattr(record, "LAYOUT", None)
    if stated is not None:
        return stated
    return tuple(Many(m.name) if m.is_many else Field(m.name) for m in members(record).values())
