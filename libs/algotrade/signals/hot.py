"""``on_stack``: a record's scalars in registers for the length of a loop, its arrays where they are.

A kernel reads and writes fields of the record that it is given. In memory each such write is waited for by the next
read, 5 ns in an average whose whole work is 2; the compiler cannot keep a field in a register, because it cannot know
that the record overlaps neither the loop's input nor its output. So a loop does this:

    hot = on_stack(record)
    for ...: update(hot, ...)      # the same kernel, compiled for this kind of record
    put_back(hot)

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


class HotRecord(types.Type):
    """The type of ``on_stack``'s result: ``record``'s fields, the scalars packed into a block of ``size`` bytes.

    It is no subclass of numba's ``Record``: numba takes one record for another whose first fields agree.
    """

    def __init__(self, record: types.Record) -> None:
        """Lay out the scalars of ``record``, nested ones included, in the order of its fields."""
        super().__init__(f"Hot{record}")
        self.record = record
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
        return HotRecord(field) if isinstance(field, types.Record) else field


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
    return builder.load(_scalar_pointer(context, builder, kind, pair.hot, name))


@lower_builtin("static_setitem", HotRecord, types.StringLiteral, types.Any)
def _set_field(context: Any, builder: Any, sig: Any, args: Any) -> None:
    (kind, _, given), (hot, name, value) = sig.args, args
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


def _interpreted(record: Any) -> Any:
    return record


on_stack: Any = _interpreted if INTERPRETED else _load
"""``on_stack(record)``: the record with its scalars in the calling kernel's own stack frame."""

put_back: Any = _interpreted if INTERPRETED else _store
"""``put_back(hot)``: store the scalars of ``on_stack``'s result in the record that they came from."""
