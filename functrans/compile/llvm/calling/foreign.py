"""Calls of compiled functions where native code must not read Python's objects: by ctypes.

They take and give what the builtins of :mod:`functrans.compile.llvm.calling.entry` do, at some
microseconds a call.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.calling.signature import Array, Donated, Number, Same, is_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functrans.compile.llvm.calling.signature import Structure

_BODY = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)

_POLLING = ctypes.PYFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)
"""What lets others have the GIL itself, and may set an exception, which is raised."""

_INT64 = np.iinfo(np.int64)


class _UnusualError(Exception):
    """An argument is not what the signature says."""


class Foreign:
    """A function around native code, like a builtin of ``entry.py``."""

    __slots__ = (
        "__name__",
        "_arena",
        "_body",
        "_inputs",
        "_kept",
        "_names",
        "_numbers",
        "_outputs",
        "_polls",
        "_status",
        "fallback",
    )

    def __init__(
        self,
        name: str,
        body: int | ctypes.c_void_p,
        inputs: Structure,
        outputs: Structure,
        fallback: Callable[..., Any],
        arena: int,
        status: bool,
        polls: bool,
        numbers: np.ndarray[Any, np.dtype[np.int64]] | None,
        kept: Any,
    ) -> None:
        self.__name__ = name
        self.fallback = fallback
        self._body = ctypes.c_void_p(body) if isinstance(body, int) else body
        self._inputs = inputs
        self._names = inputs.sizes()
        self._outputs = outputs
        self._arena = arena
        self._status = status
        self._polls = polls
        self._numbers = numbers
        self._kept = kept

    def __call__(self, *args: Any, **options: Any) -> Any:
        sizes: dict[str, int] = {}
        try:
            if sorted(options) != self._inputs.keywords:
                raise _UnusualError
            given = [*args, *[options[key] for key in self._inputs.keywords]]
            data = self._data(given, sizes)
        except _UnusualError:
            return self.fallback(*args, **options)
        results = [_result(node.content, data, sizes) for node in self._outputs.leaves]
        arena = np.empty(self._arena + 64, np.uint8)
        start = -arena.ctypes.data % 64
        told = self._numbers
        if told is None:
            told = np.array([sizes[name] for name in self._names], np.int64)
        assert self._body.value is not None
        body = _POLLING if self._polls else _BODY
        status = body(self._body.value)(
            _addresses(data), _addresses(results), arena.ctypes.data + start, told.ctypes.data
        )
        if self._status and status:
            return self.fallback(*args, **options)
        return self._joined(results)

    def _data(self, objects: list[Any], sizes: dict[str, int]) -> list[np.ndarray[Any, Any]]:
        """Arrays of the arguments' leaves, if they are as the signature says."""
        if len(objects) != self._inputs.roots:
            raise _UnusualError
        data: list[Any] = [None] * len(self._inputs.leaves)
        donated = {x.content.place for x in self._outputs.leaves if isinstance(x.content, Donated)}
        for i, node in enumerate(self._inputs.nodes):
            x, wanted = objects[i], node.content
            if node.container:
                if type(x) is not type(wanted) or len(x) != node.count:
                    raise _UnusualError
                if type(x) is dict and x.keys() != wanted.keys():
                    raise _UnusualError
                objects.extend([x[key] for key in node.keys] if type(x) is dict else x)
            elif isinstance(wanted, Same):
                if x is not wanted.value:
                    raise _UnusualError
            else:
                data[node.number] = _array(x, wanted, sizes, node.number in donated)
        for i in donated:
            if any(j != i and np.may_share_memory(x, data[i]) for j, x in enumerate(data)):
                raise _UnusualError
        return data

    def _joined(self, results: list[np.ndarray[Any, Any]]) -> Any:
        """The results in their containers."""
        nodes = self._outputs.nodes
        made: list[Any] = [None] * len(nodes)
        for i, node in reversed(list(enumerate(nodes))):
            x = node.content
            if type(x) is dict:
                items = dict(zip(node.keys, made[node.first :], strict=False))
                made[i] = {key: items[key] for key in x}
            elif node.container:
                make = type(x)._make if is_named(x) else type(x)
                made[i] = make(made[node.first : node.first + node.count])
            elif isinstance(x, Same):
                made[i] = x.value
            elif isinstance(x, Number):
                made[i] = results[node.number].item()
            elif isinstance(x, Array) and not x.shape and x.form != "array":
                made[i] = results[node.number][()]
            else:
                made[i] = results[node.number]
        return made[0]


def _array(x: Any, wanted: Any, sizes: dict[str, int], donated: bool) -> Any:
    """The array of an argument; a new one of a number."""
    if isinstance(wanted, Number):
        fits = wanted.kind is not int or (type(x) is int and _INT64.min <= x <= _INT64.max)
        if type(x) is not wanted.kind or not fits:
            raise _UnusualError
        return np.array(x, wanted.dtype)
    if type(x) is wanted.dtype.type and not wanted.shape and wanted.form != "array":
        return np.array(x)
    if type(x) is not np.ndarray or (not wanted.shape and wanted.form == "scalar"):
        raise _UnusualError
    flags = x.flags
    usual = flags.c_contiguous and flags.aligned and (flags.writeable or not donated)
    if not usual or x.dtype is not wanted.dtype or x.ndim != len(wanted.shape):
        raise _UnusualError
    for dim, size in zip(wanted.shape, x.shape, strict=True):
        if (sizes.setdefault(dim, size) if isinstance(dim, str) else dim) != size:
            raise _UnusualError
    return x


def _result(wanted: Any, data: list[Any], sizes: Mapping[str, int]) -> Any:
    if isinstance(wanted, Donated):
        return data[wanted.place]
    shape = wanted.shape if isinstance(wanted, Array) else ()
    return np.empty([sizes[d] if isinstance(d, str) else d for d in shape], wanted.dtype)


def _addresses(arrays: list[Any]) -> Any:
    return (ctypes.c_void_p * (len(arrays) + 1))(*[x.ctypes.data for x in arrays])
