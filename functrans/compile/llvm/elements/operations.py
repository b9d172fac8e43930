"""The table of elementwise operations that native code has: which instructions a primitive is.

:func:`operation` answers for a primitive and the dtypes of its operands. It says to which dtypes
these are converted first, as NumPy's own loops would.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.builder import Value, element_of, number
from functrans.compile.llvm.elements.complexes import COMPLEX, EXACT_COMPLEX
from functrans.compile.llvm.elements.composites import COMPLEX_COMPOSITES, COMPOSITES, SAME, apply
from functrans.compile.llvm.elements.conversions import (
    Operand,
    Pair,
    convert,
    narrowed,
    real_of,
    supported,
)
from functrans.compile.llvm.elements.integers import BOOLS, INTEGERS, UNSIGNED
from functrans.compile.llvm.elements.reals import BY_HALF, OF_HALF, REALS, SEVERAL
from functrans.compile.llvm.mathematics import FUNCTIONS
from functrans.core.primitive import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import DType

    Emit = Callable[..., Operand]


class Operation(NamedTuple):
    """How native code carries out a primitive on operands of some dtypes.

    Attributes
    ----------
    operands : tuple of dtype
        What the operands are converted to first.
    result : dtype
    exact : bool
        Whether every result has the bits that NumPy's has. NaNs count as one value, and so do the
        zeros of which ``fmax`` and ``fmin`` return one: NumPy's own choice depends on the place in
        the array. Casts of numbers that an integer type does not hold are left open too.
    emit : callable
        ``emit(builder, *operands) -> value``; complex numbers are each a ``Pair``.
    function : str
        Which mathematical function it is, if it is one alone.
    """

    operands: tuple[DType, ...]
    result: DType
    exact: bool
    emit: Emit
    function: str = ""


def operation(
    name: str,
    operands: Sequence[DType | type],
    result: DType,
    params: Mapping[str, Any] | None = None,
    numbers: Sequence[Any] = (),
) -> Operation | None:
    """The native form of a primitive, or None if it has none for these dtypes.

    Parameters
    ----------
    name : str
        Of the primitive.
    operands : sequence of dtype or type
        Dtypes of the operands; of a Python number, its type (``float``).
    result : dtype
        That of the output.
    params : mapping, optional
        Parameters of the primitive.
    numbers : sequence, optional
        The operands that are known numbers, and None for the others: some exponents take no
        logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> import functrans
    >>> found = operation("add", [np.dtype("float32"), float], np.dtype("float32"))
    >>> found.operands, found.exact
    ((dtype('float32'), dtype('float32')), True)
    """
    if name in ("power", "float_power") and len(numbers) == 2 and numbers[1] is not None:
        loop = _loop(name, tuple(operands), result)
        known = None if loop is None else known_power(loop, numbers[1])
        if known is not None and supported(result):
            return Operation(loop or (), result, known.exact, known.emit)
    return _operation(name, tuple(operands), result, tuple(sorted((params or {}).items())))


@lru_cache(maxsize=4096)
def _operation(
    name: str, operands: tuple[DType | type, ...], result: DType, params: tuple[Any, ...]
) -> Operation | None:
    if name in _SPECIAL:
        found = _SPECIAL[name](operands, result, dict(params))
    else:
        loop = None if params else _loop(name, operands, result)
        found = None if loop is None else _tabled(name, loop, result)
    if found is None or not all(map(supported, (*found.operands, found.result))):
        return None
    return found


def _loop(name: str, operands: tuple[DType | type, ...], result: DType) -> tuple[DType, ...] | None:
    """The dtypes that NumPy converts the operands to."""
    ufunc = REGISTRY[name].impl if name in REGISTRY else None
    if isinstance(ufunc, np.ufunc):
        try:
            found = ufunc.resolve_dtypes((*operands, *[None] * ufunc.nout))
        except TypeError:
            return None
        return tuple(found[: ufunc.nin]) if found[-1] == result else None
    if any(np.dtype(x).kind == "c" for x in operands):
        wide = np.dtype(f"c{2 * real_of(result).itemsize}") if result.kind in "fc" else result
        return (wide,) * len(operands)
    return (result,) * len(operands)


def _tabled(name: str, loop: tuple[DType, ...], result: DType) -> Operation | None:
    """The operation of the tables for operands of these dtypes."""
    kinds = {x.kind for x in loop}
    first = loop[0]
    alike = all(x == first for x in loop)
    if kinds == {"b"} and name in BOOLS:
        return Operation(loop, result, True, BOOLS[name])
    if kinds <= {"i", "u"} and alike:
        body = INTEGERS.get(name) or (UNSIGNED.get(name) if first.kind == "u" else None)
        if body is None:
            return None
        given, signed = body, first.kind == "i"
        return Operation(loop, result, True, lambda b, *xs: given(b, signed, *xs))
    if kinds == {"c"} and alike:
        found = COMPLEX.get(name) or COMPLEX_COMPOSITES.get(name)
        return None if found is None else Operation(loop, result, name in EXACT_COMPLEX, found)
    if first.kind == "f" and name in REALS and (alike or name == "ldexp"):
        emit: Emit = REALS[name]
        if first.itemsize == 2:
            emit = OF_HALF.get(name) or _of_half(BY_HALF.get(name, REALS[name]))
        return Operation(loop, result, first.itemsize > 2 or name not in SEVERAL, emit)
    if first.kind == "f" and alike and SAME.get(name, name) in FUNCTIONS:
        return mathematical(SAME.get(name, name), first)
    if first.kind == "f" and alike and name in COMPOSITES:
        emit = COMPOSITES[name]
        return Operation(loop, result, False, _of_half(emit) if first.itemsize == 2 else emit)
    return None


def known_power(loop: tuple[DType, ...], exponent: Any) -> Operation | None:
    """The power to a known exponent by products, where that takes few roundings or none."""
    dtype = loop[0]
    if dtype.kind in "iu" and isinstance(exponent, int | np.integer) and exponent >= 0:
        times = int(exponent)
        return Operation(loop, dtype, True, lambda b, x, y: repeated(b.mul, x, times))
    if dtype.kind != "f" or not isinstance(exponent, int | float | np.floating | np.integer):
        return None
    found = _POWERS.get(float(exponent))
    if found is None:
        return None
    body = found
    exact = exponent in (-1, 0, 1, 2) or (exponent == 0.5 and dtype.itemsize > 2)
    if dtype.itemsize == 2:
        return Operation(loop, dtype, exact, _of_half(lambda b, x, y: body(b, x)))
    return Operation(loop, dtype, exact, lambda b, x, y: body(b, x))


def repeated(times: Callable[[Value, Value], Value], x: Value, n: int) -> Value:
    """x to a power by squares; 1 for 0."""
    found: Value | None = None
    while n:
        if n & 1:
            found = x if found is None else times(found, x)
        n >>= 1
        x = times(x, x) if n else x
    return number(1, x.type) if found is None else found


_POWERS: dict[float, Callable[..., Value]] = {
    0: lambda b, x: number(1, x.type),
    1: lambda b, x: x,
    2: lambda b, x: repeated(b.fmul, x, 2),
    3: lambda b, x: repeated(b.fmul, x, 3),
    4: lambda b, x: repeated(b.fmul, x, 4),
    -1: lambda b, x: b.fdiv(1, x),
    -2: lambda b, x: repeated(b.fmul, b.fdiv(1, x), 2),
    0.5: lambda b, x: b.intrinsic("sqrt", x),
}
"""Powers within 4 ulp; of -1 to 2 and 1/2 they are what NumPy computes for a number."""


def mathematical(name: str, dtype: DType) -> Operation:
    """One of the mathematical functions for a floating-point dtype, within 4 ulp of exact."""

    def emit(builder: Builder, *operands: Value) -> Value:
        return apply(builder, name, *operands)

    operands = (dtype,) * FUNCTIONS[name]
    if dtype.itemsize == 2:
        return Operation(operands, dtype, False, _of_half(emit))
    return Operation(operands, dtype, False, emit, name)


def _of_half(body: Callable[..., Value]) -> Emit:
    """An operation of float16: that of float32, rounded."""

    def emit(builder: Builder, *operands: Value) -> Value:
        wide = [
            builder.cast("fpext", x, "float") if element_of(x.type) == "half" else x
            for x in operands
        ]
        found = body(builder, *wide)
        return narrowed(builder, found) if element_of(found.type) == "float" else found

    return emit


# ---- primitives that are no ufuncs, or have parameters ------------------------------------------


def _where(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    def emit(builder: Builder, condition: Value, x: Operand, y: Operand) -> Operand:
        if isinstance(x, Pair) and isinstance(y, Pair):
            re, im = [builder.select(condition, *parts) for parts in zip(x, y, strict=True)]
            return Pair(re, im)
        assert isinstance(x, Value) and isinstance(y, Value)
        return builder.select(condition, x, y)

    return Operation((np.dtype(bool), result, result), result, True, emit)


def _clip(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    return _tabled("clip", (result,) * 3, result)


def _astype(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    source = np.dtype(operands[0])
    return Operation(
        (source,), result, True, lambda builder, x: convert(builder, x, source, result)
    )


def _round(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    decimals = params["decimals"]
    if result.kind in "iu" and decimals >= 0:
        return Operation((result,), result, True, lambda builder, x: x)
    if result.kind != "f" or np.dtype(operands[0]) != result:
        return None
    if decimals == 0:
        return _tabled("rint", (result,), result)
    if result.itemsize == 2 or abs(decimals) > 22:  # NumPy's power of ten is inexact
        return None
    power = 10.0 ** abs(decimals)

    def emit(builder: Builder, x: Value) -> Value:
        up, down = (builder.fmul, builder.fdiv) if decimals > 0 else (builder.fdiv, builder.fmul)
        return down(builder.intrinsic("rint", up(x, power)), power)

    return Operation((result,), result, True, emit)


def _nan_to_num(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    if result.kind != "f":
        return _positive(operands, result, params)
    numbers = [params["nan"], params["posinf"], params["neginf"]]
    largest = float(np.finfo(result.char).max)
    limits = [0.0, largest, -largest]
    if not all(x is None or isinstance(x, int | float) for x in numbers):
        return None
    nan, high, low = (d if x is None else float(x) for x, d in zip(numbers, limits, strict=True))

    def emit(builder: Builder, x: Value) -> Value:
        found = builder.select(builder.fcmp("oeq", x, float("inf")), number(high, x.type), x)
        found = builder.select(builder.fcmp("oeq", x, float("-inf")), number(low, x.type), found)
        return builder.select(builder.fcmp("uno", x, x), number(nan, x.type), found)

    return Operation((result,), result, True, emit)


def _positive(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    return (
        Operation((result,), result, True, lambda builder, x: x) if result.kind in "biu" else None
    )


def _part(place: int) -> Callable[..., Operation | None]:
    """The real or the imaginary part."""

    def found(
        operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
    ) -> Operation | None:
        source = np.dtype(operands[0])

        def emit(builder: Builder, x: Operand) -> Operand:
            if isinstance(x, Pair):
                return x[place]
            return x if place == 0 else number(0, x.type)

        return Operation((source,), result, True, emit)

    return found


def _exponent(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    source = np.frexp.resolve_dtypes((operands[0], None, None))[0]
    return Operation((source,), result, True, REALS["exponent"]) if source.kind == "f" else None


def _binary_cross_entropy(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    """NumPy's logarithms are of the first operand's own precision."""
    alike = np.dtype(operands[0]) == result
    return _tabled("binary_cross_entropy", (result, result), result) if alike else None


def _same(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    return Operation((result,), result, True, lambda builder, x: x)


def _make_complex(
    operands: tuple[DType | type, ...], result: DType, params: dict[str, Any]
) -> Operation | None:
    part = real_of(result)
    return Operation((part, part), result, True, lambda builder, x, y: Pair(x, y))


_SPECIAL: dict[str, Callable[..., Operation | None]] = {
    "where": _where,
    "clip": _clip,
    "astype": _astype,
    "round": _round,
    "nan_to_num": _nan_to_num,
    "real": _part(0),
    "imag": _part(1),
    "make_complex": _make_complex,
    "exponent": _exponent,
    "binary_cross_entropy": _binary_cross_entropy,
    "stop_gradient": _same,
    "python_number": _same,
}
