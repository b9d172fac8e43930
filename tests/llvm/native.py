"""Running native functions by their addresses, for tests: no builtin around them."""

import ctypes
from typing import Any

import numpy as np

from functrans.compile.llvm.segment import NativeFunction, prepared
from functrans.core import tree
from functrans.core.types import type_of
from functrans.graph.graph import Graph
from functrans.graph.passes import optimize
from functrans.transforms.staging import make_graph

CANARY = 64
"""Bytes before and behind each result that have to stay as they are."""


def carried_out(graph: Graph, *values: Any, quick: bool = False) -> list[np.ndarray[Any, Any]]:
    """The outputs of a graph by native code, which may write to nothing but its results; by code
    without optimisations, if `quick`."""
    outputs, code = _run(graph, *values, quick=quick)
    assert code == 0
    return outputs


def status(graph: Graph, *values: Any) -> int:
    """What native code says of its call."""
    return _run(graph, *values)[1]


def _run(graph: Graph, *values: Any, quick: bool = False) -> tuple[list[np.ndarray[Any, Any]], int]:
    function = NativeFunction(graph, verify=True, quick=quick)
    assert function.optimized is not quick
    return called(function, graph, *values)


def called(
    function: NativeFunction, graph: Graph, *values: Any
) -> tuple[list[np.ndarray[Any, Any]], int]:
    """What a native function makes and says, which may write to nothing but its results."""
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(function.address)
    inputs = [np.ascontiguousarray(x) for x in values]
    before = [x.copy() for x in inputs]
    outputs, memory = [], []
    for x in graph.outputs:
        kind = type_of(x) if not hasattr(x, "type") else x.type
        size = kind.size * kind.dtype.itemsize
        whole = np.full(size + 2 * CANARY, 0xA5, np.uint8)
        memory.append(whole)
        outputs.append(whole[CANARY : CANARY + size].view(kind.dtype).reshape(kind.shape))
    arena = np.full(function.arena + 128, 0xFF, np.uint8)
    start = arena.ctypes.data + -arena.ctypes.data % 64
    table = ctypes.c_void_p * max(len(inputs), len(outputs), 1)
    code = run(
        table(*[x.ctypes.data for x in inputs]),
        table(*[x.ctypes.data for x in outputs]),
        start,
        None if function.numbers is None else function.numbers.ctypes.data,
    )
    for whole in memory:
        assert (whole[:CANARY] == 0xA5).all() and (whole[-CANARY:] == 0xA5).all()
    for x, y in zip(inputs, before, strict=True):
        assert x.tobytes() == y.tobytes()
    return outputs, code


def staged(f: Any, *args: Any) -> tuple[Graph, list[Any]]:
    """The graph of a function as native code gets it, and the flat arguments."""
    graph = prepared(optimize(make_graph(f)(*args)), exact=False)
    return graph, tree.flatten(args)[0]
