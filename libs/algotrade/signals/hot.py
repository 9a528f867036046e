"""``on_stack``: a record's scalars in registers for the length of a loop, its arrays where they are.

A kernel reads and writes fields of the record that it is given. In memory each such write is waited for by the next
read, 5 ns in an average whose whole work is 2; the compiler cannot keep a field in a register, because it cannot know
that the record overlaps neither the loop's input nor its output. So a loop does this:

    hot = on_stack(record)
    for ...: update(hot, ...)      # the same kernel, compiled for this kind of record
    put_back(hot)

A block that a window fills has a field ``full``: 0 until it has all that it needs, then 1 for ever. Once
``is_full(hot)`` says that of all of them, ``settled(hot)`` is the same record with a type of which ``full`` is the
constant 1, so that what a kernel does for blocks that are not full is not even compiled.

``hot`` is typed as a record of the same fields, nested ones included, whose scalars live in a block of the loop's own
stack frame, which LLVM then takes apart into registers, and whose arrays (the rings) are the ones of ``record``. The
operations are the same in the same order, so results agree to the last bit. With the JIT off ``hot`` is ``record``.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer, signature
from numba.extending import NativeValue, intrinsic, register_model, unbox

from algotrade.signals.arithmetic import INTERPRETED

WORD_BITS = 64

FULL = "full"


class HotRecord(types.Type):
    """The type of ``on_stack``'s result: ``record``'s fields, the scalars packed into a block of ``size`` bytes.

    Where it is ``settled``, a field named ``full`` is 1 to whoever reads it, and is not written.
    It is no subclass of numba's ``Record``: numba takes one record for another whose first fields agree.
    """

    def __init__(self, record: types.Record, *, is_settled: bool = False) -> None:
        """Lay out the scalars of ``record``, nested ones included, in the order of its fields."""
        super().__init__(f"{'Settled' if is_settled else 'Hot'}{record}")
        self.record = record
        self.is_settled = is_settled
        self.offsets: dict[str, int] = {}
        self.size = 0
        for name in record.fields:
            self.offsets[name] = self.size
            field: Any = self.typeof(name)
            if isinstance(field, HotRecord):
                self.size += field.size
            elif not isinstance(field, types.NestedArray):
                assert field.bitwidth == WORD_BITS, f"{name} is {field}; allowed: {WORD_BITS} bits"
                self.size += WORD_BITS // 8

    def typeof(self, name: str) -> types.Type:
        """Return the type of a field: a nested record is hot as well."""
        field = self.record.typeof(name)
        return HotRecord(field, is_settled=self.is_settled) if isinstance(field, types.Record) else field

    def holds(self, name: str) -> bool:
        """Return whether the field is known to be 1 for as long as this kind of record is used."""
        return self.is_settled and name == FULL


@infer
class _TypeOfGet(AbstractTemplate):
    key = "static_getitem"

    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        return signature(args[0].typeof(args[1]), *args) if isinstance(args[0], HotRecord) else None


@infer
class _TypeOfSet(AbstractTemplate):
    key = "static_setitem"

    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        hot, name, value = args
        return signature(types.void, hot, types.literal(name), value) if isinstance(hot, HotRecord) else None


@register_model(HotRecord)
class _HotRecordModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: HotRecord) -> None:
        super().__init__(dmm, fe_type, [("hot", types.voidptr), ("cold", types.voidptr)])


@unbox(HotRecord)
def _refuse(kind: HotRecord, given: Any, c: Any) -> Any:
    """Stand in the wrapper by which Python would call a kernel: no object of Python's has this type."""
    return NativeValue(ir.Constant(c.context.get_value_type(kind), ir.Undefined))


def _moved(builder: Any, pointer: Any, offset: int) -> Any:
    return builder.gep(pointer, [ir.Constant(ir.IntType(64), offset)])


def _scalar_pointer(context: Any, builder: Any, kind: HotRecord, hot: Any, name: str) -> Any:
    scalar = context.get_data_type(kind.typeof(name))
    return builder.bitcast(_moved(builder, hot, kind.offsets[name]), scalar.as_pointer())


@lower_builtin("static_getitem", HotRecord, types.StringLiteral)
def _get_field(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (kind, _), (value, name) = sig.args, args
    pair = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    field = kind.typeof(name)
    if isinstance(field, HotRecord):
        nested = cgutils.create_struct_proxy(field)(context, builder)
        nested.hot = _moved(builder, pair.hot, kind.offsets[name])
        nested.cold = _moved(builder, pair.cold, kind.record.offset(name))
        return nested._getvalue()  # noqa: SLF001 -- numba's own name for it
    if isinstance(field, types.NestedArray):
        record_pointer = context.get_value_type(kind.record)
        cold = builder.bitcast(pair.cold, record_pointer)
        return context.get_getattr(kind.record, name)(context, builder, kind.record, cold, name)
    if kind.holds(name):
        return context.get_constant(field, 1)
    return builder.load(_scalar_pointer(context, builder, kind, pair.hot, name))


@lower_builtin("static_setitem", HotRecord, types.StringLiteral, types.Any)
def _set_field(context: Any, builder: Any, sig: Any, args: Any) -> None:
    (kind, _, given), (hot, name, value) = sig.args, args
    if kind.holds(name):
        return
    pair = cgutils.create_struct_proxy(kind)(context, builder, value=hot)
    value = context.cast(builder, value, given, kind.typeof(name))
    builder.store(value, _scalar_pointer(context, builder, kind, pair.hot, name))


Place = tuple[types.Type, int, int]


def _places(kind: HotRecord, hot: int = 0, cold: int = 0) -> list[Place]:
    """Return (type, offset in the block, offset in the record) of each scalar."""
    found: list[Place] = []
    for name in kind.record.fields:
        field = kind.typeof(name)
        place = hot + kind.offsets[name], cold + kind.record.offset(name)
        if isinstance(field, HotRecord):
            found += _places(field, *place)
        elif not isinstance(field, types.NestedArray):
            found.append((field, *place))
    return found


def _copy(context: Any, builder: Any, source: Any, target: Any, places: list[Place]) -> None:
    """Copy each scalar as what it is: one that is copied as a whole number is kept in a register for such."""
    for kind, at_source, at_target in places:
        word = context.get_data_type(kind).as_pointer()
        value = builder.load(builder.bitcast(_moved(builder, source, at_source), word))
        builder.store(value, builder.bitcast(_moved(builder, target, at_target), word))


@intrinsic
def _load(typing: Any, record: Any) -> Any:
    kind = HotRecord(record)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pair = cgutils.create_struct_proxy(kind)(context, builder)
        words = cgutils.alloca_once(builder, ir.IntType(WORD_BITS), size=max(1, kind.size * 8 // WORD_BITS))
        pair.hot = builder.bitcast(words, cgutils.voidptr_t)
        pair.cold = builder.bitcast(args[0], cgutils.voidptr_t)
        _copy(context, builder, pair.cold, pair.hot, [(field, cold, hot) for field, hot, cold in _places(kind)])
        return pair._getvalue()  # noqa: SLF001 -- as above

    return signature(kind, record), lower


@intrinsic
def _store(typing: Any, hot: Any) -> Any:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pair = cgutils.create_struct_proxy(hot)(context, builder, value=args[0])
        _copy(context, builder, pair.hot, pair.cold, _places(hot))
        return context.get_dummy_value()

    return signature(types.none, hot), lower


@intrinsic
def _settled(typing: Any, hot: Any) -> Any:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pair = cgutils.create_struct_proxy(hot)(context, builder, value=args[0])
        same = cgutils.create_struct_proxy(kind)(context, builder)
        same.hot, same.cold = pair.hot, pair.cold
        return same._getvalue()  # noqa: SLF001 -- as above

    kind = HotRecord(hot.record, is_settled=True)
    return signature(kind, hot), lower


def _full_places(kind: HotRecord, hot: int = 0) -> list[int]:
    """Return the offset in the block of each field that is named ``full``."""
    found: list[int] = []
    for name in kind.record.fields:
        field = kind.typeof(name)
        if isinstance(field, HotRecord):
            found += _full_places(field, hot + kind.offsets[name])
        elif name == FULL:
            found.append(hot + kind.offsets[name])
    return found


@intrinsic
def _is_full(typing: Any, hot: Any) -> Any:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pair = cgutils.create_struct_proxy(hot)(context, builder, value=args[0])
        word = ir.IntType(WORD_BITS)
        all_full = ir.Constant(word, 1)
        for place in _full_places(hot):
            all_full = builder.and_(all_full, builder.load(builder.bitcast(_moved(builder, pair.hot, place),
                                                                           word.as_pointer())))
        return builder.icmp_signed("!=", all_full, ir.Constant(word, 0))

    return signature(types.boolean, hot), lower


def _interpreted(record: Any) -> Any:
    return record


def _interpreted_is_full(record: Any) -> bool:
    fields = record.dtype.fields
    return all(record[name] == 1 if name == FULL else _interpreted_is_full(record[name]) if kind.names else True
               for name, (kind, *_) in fields.items())


on_stack: Any = _interpreted if INTERPRETED else _load
"""``on_stack(record)``: the record with its scalars in the calling kernel's own stack frame."""

put_back: Any = _interpreted if INTERPRETED else _store
"""``put_back(hot)``: store the scalars of ``on_stack``'s result in the record that they came from."""

settled: Any = _interpreted if INTERPRETED else _settled
"""``settled(hot)``: the same record of which everything is full, for a loop in which it is not asked each time."""

is_full: Any = _interpreted_is_full if INTERPRETED else _is_full
"""``is_full(hot)``: whether each field named ``full``, those of nested records too, is 1; so it is where none is."""
