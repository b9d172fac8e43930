"""Runs native elementwise operations over arrays: the least kernel that can be, for tests."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Module, Value, number, vector
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.elements.conversions import Pair, convert, loaded, memory, stored
from functrans.compile.llvm.elements.operations import Operation


def _read(b: Builder, base: Value, i: Value, dtype: np.dtype[Any], width: int) -> Any:
    kind = memory(dtype)
    if dtype.kind != "c":
        return loaded(b, b.load(vector(kind, width), b.at(base, i, kind)), dtype)
    start = b.mul(i, 2)
    if width == 1:
        return Pair(*[b.load(kind, b.at(base, b.add(start, k), kind)) for k in range(2)])
    both = b.load(vector(kind, 2 * width), b.at(base, start, kind))
    parts = []
    for k in range(2):
        mask = ", ".join(f"i32 {2 * n + k}" for n in range(width))
        text = f"shufflevector {both}, {both.type} poison, <{width} x i32> <{mask}>"
        parts.append(b.emit(vector(kind, width), text))
    return Pair(*parts)


def _write(b: Builder, x: Any, base: Value, i: Value, dtype: np.dtype[Any], width: int) -> None:
    kind = memory(dtype)
    if dtype.kind != "c":
        b.store(stored(b, x, dtype), b.at(base, i, kind))
        return
    start = b.mul(i, 2)
    if width == 1:
        for k in range(2):
            b.store(x[k], b.at(base, b.add(start, k), kind))
        return
    mask = ", ".join(f"i32 {n}, i32 {width + n}" for n in range(width))
    text = f"shufflevector {x[0]}, {x[1]}, <{2 * width} x i32> <{mask}>"
    b.store(b.emit(vector(kind, 2 * width), text), b.at(base, start, kind))


def compiled(found: Operation, sources: list[np.dtype[Any]], width: int) -> Any:
    """The operation as a function of addresses: of its operands, of the result, and a count that is
    a multiple of `width`."""
    module = Module()
    b = Builder(module, "run", "void", ["ptr"] * (len(sources) + 1) + ["i64"])
    *places, out, count = b.operands

    def body(i: Value, carried: list[Value]) -> list[Value]:
        given = []
        for place, source, target in zip(places, sources, found.operands, strict=True):
            given.append(convert(b, _read(b, place, i, source, width), source, target))
        _write(b, found.emit(b, *given), out, i, found.result, width)
        return []

    b.loop(number(0, "i64"), count, body, step=width)
    b.finish()
    address = load(module.text(), ["run"], verify=True)["run"]
    kinds = [ctypes.c_void_p] * len(b.operands[:-1])
    return ctypes.CFUNCTYPE(None, *kinds, ctypes.c_int64)(address)


def evaluated(found: Operation, operands: list[Any], width: int) -> Any:
    """The operation's results for arrays of one length."""
    size = len(operands[0])
    padded = -(-size // width) * width
    arrays = [np.resize(x, padded) for x in operands]
    out = np.empty(padded, found.result)
    run = compiled(found, [x.dtype for x in arrays], width)
    run(*[x.ctypes.data for x in (*arrays, out)], padded)
    return out[:size]


def expected(primitive: Any, operands: list[Any], params: Mapping[str, Any]) -> Any:
    """What the primitive's implementation gives, without warnings."""
    import warnings

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return primitive.impl(*operands, **params)
