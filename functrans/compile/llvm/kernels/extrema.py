"""Extrema and their positions in one walk: each lane of a vector has the best element that it has
met, and where that was.

An element takes the place of one before it only if it is better, so the position is the first. That
elements are NaN is kept beside, so that the next comparison need not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from functrans.compile.llvm.code.builder import Value, element_of, number, vector, width_of
from functrans.compile.llvm.elements.conversions import element
from functrans.compile.llvm.elements.reals import is_nan
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.plans.extrema import EXTREMA

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import DType


class Best(NamedTuple):
    """Where vectors are kept: of the best elements, and of more that is asked for.

    Attributes
    ----------
    how : str
        ``max`` or ``min``.
    dtype : numpy dtype
        Of elements.
    counted : numpy dtype
        Of positions.
    values : Value
    places : Value or None
        Positions of the best elements.
    nan : Value or None
        Of numbers: which lanes have met NaN.
    nan_places : Value or None
        Where they have met the first.
    """

    how: str
    dtype: DType
    counted: DType
    values: Value
    places: Value | None
    nan: Value | None
    nan_places: Value | None


def in_lanes(how: str | None, dtype: DType) -> bool:
    """Whether a reduction over elements of a dtype is one of these."""
    return how in EXTREMA or (how in ("max", "min") and dtype.kind == "f" and dtype.itemsize > 2)


def begin(b: Builder, how: str, dtype: DType, extent: int, width: int) -> Best:
    """Before a walk: each lane has its first position, with what is never better."""
    counted = np.dtype(np.int64 if dtype.itemsize == 8 or extent >> 31 else np.int32)
    values = b.slot(vector(element(dtype), width))
    which = EXTREMA.get(how, how)
    least = combining.neutral(which, dtype, width)
    assert isinstance(least, Value)
    b.store(least, values)
    positions = how in EXTREMA
    kind, mask = vector(element(counted), width), vector("i1", width)
    kinds = [(positions, kind), (dtype.kind == "f", mask), (positions and dtype.kind == "f", kind)]
    places, nan, nan_places = [b.slot(k) if needed else None for needed, k in kinds]
    if places is not None:
        b.store(_along(width, kind), places)
    if nan is not None:
        b.store(number(0, mask), nan)
    if nan_places is not None:
        b.store(number(0, kind), nan_places)
    return Best(which, dtype, counted, values, places, nan, nan_places)


def _along(width: int, kind: str) -> Value:
    """The numbers of lanes."""
    if width == 1:
        return number(0, kind)
    one = element_of(kind)
    return Value(kind, f"<{', '.join([f'{one} {i}' for i in range(width)])}>")


def meet(b: Builder, best: Best, x: Value, at: Value, mask: Value | None) -> None:
    """Elements from a position (i64) on; only those where a mask holds."""
    most = b.load(x.type, best.values)
    here = None if best.places is None else _places(b, best, width_of(x.type), at)
    if best.nan is not None:
        seen, undefined = b.load(with_bits(x.type), best.nan), is_nan(b, x)
        undefined = undefined if mask is None else b.both(undefined, mask)
        b.store(b.either(seen, undefined), best.nan)
        if best.nan_places is not None and here is not None:
            first = b.both(undefined, b.xor(seen, 1))
            b.store(b.select(first, here, b.load(here.type, best.nan_places)), best.nan_places)
    if best.places is None or here is None:  # of equal ones the last, as NumPy's maximum takes
        following = b.select(_better(b, best, most, x), most, x)
        b.store(following if mask is None else b.select(mask, following, most), best.values)
        return
    better = _better(b, best, x, most)
    better = better if mask is None else b.both(better, mask)
    b.store(b.select(better, x, most), best.values)
    b.store(b.select(better, here, b.load(here.type, best.places)), best.places)


def with_bits(kind: str) -> str:
    """The type of a mask for vectors of a type."""
    return vector("i1", width_of(kind))


def _places(b: Builder, best: Best, width: int, at: Value) -> Value:
    kind = element(best.counted)
    first = at if kind == at.type else b.emit(kind, f"trunc {at} to {kind}")
    return b.add(b.splat(first, width), _along(width, vector(kind, width)))


def _better(b: Builder, best: Best, x: Value, y: Value) -> Value:
    order = "gt" if best.how == "max" else "lt"
    if best.dtype.kind == "f":
        return b.fcmp("o" + order, x, y)
    return b.icmp(("s" if best.dtype.kind == "i" else "u") + order, x, y)


def found(b: Builder, best: Best, width: int) -> Value:
    """After a walk: the extremum, or the position (i64) where that is asked for."""
    values = b.load(vector(element(best.dtype), width), best.values)
    top = combining.across(b, best.how, best.dtype, values)
    assert isinstance(top, Value)
    seen = None if best.nan is None else b.load(with_bits(values.type), best.nan)
    if best.places is None:
        assert seen is not None
        return b.select(b.any(seen), number(np.nan, top.type), top)
    places = b.load(vector(element(best.counted), width), best.places)
    if best.nan_places is None or seen is None:
        here = b.icmp("eq", values, b.splat(top, width))
    else:
        undefined = b.splat(b.any(seen), width)
        equal = b.fcmp("oeq", values, b.splat(top, width))
        here = b.either(seen, b.both(equal, b.xor(undefined, 1)))
        places = b.select(undefined, b.load(places.type, best.nan_places), places)
    beyond = number(np.iinfo(best.counted.name).max, places.type)
    first = combining.across(b, "min", best.counted, b.select(here, places, beyond))
    assert isinstance(first, Value)
    return first if first.type == "i64" else b.emit("i64", f"zext {first} to i64")
