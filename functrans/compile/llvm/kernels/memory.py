"""Reading and writing vectors of elements: in a row, strided, masked, of every dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Value, bits_of, number, suffix, vector, width_of
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.conversions import Pair

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import DType, Operand


def load(
    builder: Builder, dtype: DType, width: int, address: Value, stride: int, mask: Value | None
) -> Operand:
    """So many elements from an address on, each a `stride` after the other.

    Lanes that the mask leaves out are zero and not read.
    """
    element = conversions.memory(dtype)
    if dtype.kind == "c":
        return _load_pairs(builder, element, width, address, stride, mask)
    found = _load(builder, element, width, address, stride, mask)
    return conversions.loaded(builder, found, dtype)


def load_at(
    builder: Builder, dtype: DType, base: Value, offsets: Value, mask: Value | None
) -> Operand:
    """The elements that lie so far from a base, in elements; a vector of i64."""
    element = conversions.memory(dtype)
    if dtype.kind == "c":
        offsets = builder.mul(offsets, 2)
        imaginary = builder.at(base, 1, element)
        return Pair(
            _gather(builder, element, base, offsets, mask),
            _gather(builder, element, imaginary, offsets, mask),
        )
    return conversions.loaded(builder, _gather(builder, element, base, offsets, mask), dtype)


def store(
    builder: Builder, dtype: DType, x: Operand, address: Value, stride: int, mask: Value | None
) -> None:
    """Write a vector where :func:`load` would read it."""
    element = conversions.memory(dtype)
    if dtype.kind == "c":
        assert isinstance(x, Pair)
        _store_pairs(builder, element, x, address, stride, mask)
    else:
        assert not isinstance(x, Pair)
        _store(builder, element, conversions.stored(builder, x, dtype), address, stride, mask)


def _load(
    builder: Builder, element: str, width: int, address: Value, stride: int, mask: Value | None
) -> Value:
    if width == 1 or stride == 1:
        return builder.load_where(mask if width > 1 else None, vector(element, width), address)
    return _gather(builder, element, address, steps_of(builder, width, stride), mask)


def _store(
    builder: Builder, element: str, x: Value, address: Value, stride: int, mask: Value | None
) -> None:
    width = width_of(x.type)
    if width == 1 or stride == 1:
        builder.store_where(mask if width > 1 else None, x, address)
        return
    places = _places(builder, element, address, steps_of(builder, width, stride))
    name = f"llvm.masked.scatter.{suffix(x.type)}.v{width}p0"
    builder.call(name, "void", x, places, _align(element), mask or _all(width))


def _gather(
    builder: Builder, element: str, base: Value, offsets: Value, mask: Value | None
) -> Value:
    """The elements so far from a base."""
    width = width_of(offsets.type)
    kind = vector(element, width)
    places = _places(builder, element, base, offsets)
    name = f"llvm.masked.gather.{suffix(kind)}.v{width}p0"
    through = Value(kind, "zeroinitializer")
    return builder.call(name, kind, places, _align(element), mask or _all(width), through)


def _all(width: int) -> Value:
    return Value(vector("i1", width), "splat (i1 true)")


def _align(element: str) -> Value:
    return number(bits_of(element) // 8, "i32")


def steps_of(builder: Builder, width: int, stride: int) -> Value:
    """The offsets of elements a `stride` apart."""
    if varies(stride):
        lanes = steps_of(builder, width, 1)
        return builder.mul(lanes, number(stride, lanes.type))
    steps = ", ".join([f"i64 {i * stride}" for i in range(width)])
    return Value(f"<{width} x i64>", f"<{steps}>")


def _places(builder: Builder, element: str, base: Value, offsets: Value) -> Value:
    kind = f"<{width_of(offsets.type)} x ptr>"
    return builder.emit(kind, f"getelementptr {element}, {base}, {offsets}")


def _load_pairs(
    builder: Builder, element: str, width: int, address: Value, stride: int, mask: Value | None
) -> Pair:
    """Complex numbers: the real part and the imaginary part lie side by side."""
    if width > 1 and stride == 1:
        wide = None if mask is None else _doubled(builder, mask, width)
        both = _load(builder, element, 2 * width, address, 1, wide)
        even, odd = list(range(0, 2 * width, 2)), list(range(1, 2 * width, 2))
        return Pair(builder.shuffle(both, both, even), builder.shuffle(both, both, odd))
    imaginary = builder.at(address, 1, element)
    return Pair(
        _load(builder, element, width, address, 2 * stride, mask),
        _load(builder, element, width, imaginary, 2 * stride, mask),
    )


def _store_pairs(
    builder: Builder,
    element: str,
    x: Pair,
    address: Value,
    stride: int,
    mask: Value | None,
) -> None:
    re, im = x
    width = width_of(re.type)
    if width > 1 and stride == 1:
        places = [i // 2 + (i % 2) * width for i in range(2 * width)]
        wide = None if mask is None else _doubled(builder, mask, width)
        _store(builder, element, builder.shuffle(re, im, places), address, 1, wide)
        return
    _store(builder, element, re, address, 2 * stride, mask)
    _store(builder, element, im, builder.at(address, 1, element), 2 * stride, mask)


def _doubled(builder: Builder, mask: Value, width: int) -> Value:
    return builder.shuffle(mask, mask, [i // 2 for i in range(2 * width)])
