"""Calls of jitted functions with whatever Python can hand over.

A call gives what it gives on NumPy, or both raise an exception. Whatever happens, the process goes
on: ``python -m tests.llvm.rough_calls 0 100`` tries a hundred functions in one of its own.
"""

from __future__ import annotations

import collections
import ctypes
import faulthandler
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft

SHAPES = ((), (0,), (1,), (3,), (4, 3), (1, 3), (3, 0), (2, 4, 3))


class Own(np.ndarray):
    """A subclass of arrays."""


class Number(float):
    """A subclass of float."""


class Whole(int):
    """A subclass of int."""


class Pair(tuple[Any, ...]):
    """A subclass of tuple."""

    __slots__ = ()


class Table(dict[Any, Any]):
    """A subclass of dict."""


class Items(list[Any]):
    """A subclass of list."""


class Text(str):
    """A subclass of str, for keys."""

    __slots__ = ()


class Angry:
    """What raises when it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("no array")


Point = collections.namedtuple("Point", "x y")


def affine(x: Any, y: Any) -> Any:
    return x * 2.0 + y


def tree(p: Any, x: Any) -> Any:
    return {"sum": np.sum(p["w"] * x), "same": p["w"], "pair": (p["b"], x + 1)}


def gathered(x: Any, i: Any) -> Any:
    return x[i] * 1.0


def written(x: Any, i: Any, v: Any) -> Any:
    return ft.primitives.setitem(x, i, v)


def named(p: Any) -> Any:
    return Point(p.y + p.x, [p.x * 3])


def looped(x: Any, n: Any) -> Any:
    def body(state: Any) -> Any:
        i, c = state
        return i + 1, c * 0.5 + i

    return ft.while_loop(lambda state: (state[0] < n) & (state[0] < 5), body, (0, x))


def keyword(x: Any, *, a: Any, b: Any = 1.0) -> Any:
    return x * a + b


FUNCTIONS: list[tuple[Callable[..., Any], dict[str, Any], Callable[[random.Random], Any]]] = []


class Calls:
    """Arguments of all kinds, drawn from a generator."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.numbers = np.random.default_rng(seed)

    def array(self, shape: tuple[int, ...] | None = None) -> Any:
        """An ordinary array of floats, mostly."""
        rng = self.rng
        shape = rng.choice(SHAPES) if shape is None else shape
        dtype = rng.choice(["f8", "f8", "f8", "f4", "i8", "c16", "?"])
        return np.asarray(self.numbers.normal(size=shape) * 3).astype(dtype)

    def odd(self, x: Any) -> Any:
        """Something like an array, that is laid out in another way or is none."""
        rng = self.rng
        x = np.asarray(x)
        ways: list[Callable[[], Any]] = [
            lambda: x.view(Own),
            lambda: x.astype(x.dtype.newbyteorder()),
            lambda: np.asfortranarray(x),
            lambda: x[::-1] if x.ndim else x[...],
            lambda: x.T,
            lambda: np.broadcast_to(x, (2, *x.shape)),
            lambda: np.broadcast_to(x, (2, *x.shape))[0],
            lambda: np.repeat(x[..., None], 2, -1)[..., 0],
            lambda: unaligned(x),
            lambda: readonly(x),
            lambda: np.lib.stride_tricks.as_strided(x, (1 << 40, *x.shape), (0, *x.strides)),
            lambda: np.lib.stride_tricks.as_strided(x.ravel()[:1], (0, 1 << 40), (0, 0)),
            lambda: x.astype("f2"),
            lambda: x.real.astype("g"),
            lambda: x.astype("O"),
            lambda: x.astype("S8"),
            lambda: x.astype("U4"),
            lambda: np.zeros(x.shape, "M8[s]"),
            lambda: np.zeros(x.shape, "m8[s]"),
            lambda: np.zeros(x.shape, [("a", "f8"), ("b", "i4")]),
            lambda: np.zeros(x.shape, "V3"),
            lambda: np.ma.masked_array(x, np.zeros(x.shape, bool)),
            lambda: np.recarray(x.shape, dtype=[("a", "f8")]),
            lambda: x.tolist(),
            lambda: x[()] if not x.ndim else x[..., :0],
            lambda: memoryview(np.ascontiguousarray(x)),
            lambda: Number(1.5),
            lambda: Whole(3),
            lambda: True,
            lambda: 1 << 100,
            lambda: -(1 << 63),
            lambda: 10**400,
            lambda: 2.5,
            lambda: complex(1, float("nan")),
            lambda: None,
            lambda: "text",
            lambda: b"bytes",
            lambda: Angry(),
            lambda: object(),
            lambda: np.ndarray,
            lambda: np.float64,
            lambda: np.float64(2.0),
            lambda: np.float32(2.0),
            lambda: np.longdouble(2.0),
            lambda: np.str_("a"),
            lambda: np.void(b"abc"),
            lambda: (x, x),
            lambda: [x],
            lambda: {"w": x},
            lambda: {},
            lambda: (),
            lambda: {1: x},
            lambda: {Text("w"): x, "b": x},
            lambda: Pair((x, x)),
            lambda: Table(w=x, b=x),
            lambda: Items([x]),
            lambda: collections.OrderedDict(w=x, b=x),
            lambda: Point(x, x),
            lambda: cycle(x),
            lambda: deep(x),
            lambda: ctypes.c_double(1.0),
            lambda: iter([x]),
        ]  # fmt: skip
        try:
            return rng.choice(ways)()
        except (TypeError, ValueError, IndexError):  # not every dtype and shape has all of these
            return x

    def something(self, x: Any) -> Any:
        """An argument like `x`, or none."""
        if isinstance(x, dict) and self.rng.random() < 0.7:
            return {key: self.something(value) for key, value in x.items()}
        if isinstance(x, Point) and self.rng.random() < 0.7:
            return Point(*[self.something(value) for value in x])
        if not isinstance(x, np.ndarray):
            return self.odd(self.array())
        roll = self.rng.random()
        if roll < 0.4:
            return self.array(np.shape(x)).astype(np.asarray(x).dtype)
        return self.odd(x) if roll < 0.9 else self.array()


def unaligned(x: Any) -> Any:
    """The same array at an odd address."""
    memory = np.zeros(x.nbytes + 1, np.uint8)
    found = memory[1:].view(x.dtype).reshape(x.shape)
    found[...] = x
    return found


def readonly(x: Any) -> Any:
    found = x.copy()
    found.flags.writeable = False
    return found


def cycle(x: Any) -> Any:
    found: list[Any] = [x]
    found.append(found)
    return found


def deep(x: Any) -> Any:
    for _ in range(3000):
        x = (x,)
    return x


def same(x: Any, y: Any) -> bool:
    """Whether two results are equal but for rounding."""
    if isinstance(x, dict):
        return isinstance(y, dict) and all(same(x[k], y[k]) for k in x)
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(same(a, b) for a, b in zip(x, y, strict=True))
    if isinstance(x, (np.ndarray, np.generic, float, int, complex)):
        a, b = np.asarray(x), np.asarray(y)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.dtype.kind in "fc":
            with np.errstate(all="ignore"):
                return bool(
                    np.allclose(a, b, rtol=1e-2 if a.itemsize < 4 else 1e-5, equal_nan=True)
                )
        return bool(np.array_equal(a, b))
    return x is y or type(x) is type(y)


def outcome(f: Callable[..., Any], args: Any, options: Any) -> tuple[Any, BaseException | None]:
    try:
        return f(*args, **options), None
    except Exception as error:
        return None, error


def run(seed: int) -> None:
    """One function, called some times."""
    calls = Calls(seed)
    rng = calls.rng
    f = rng.choice([affine, tree, gathered, written, named, looped, keyword])
    options: dict[str, Any] = {}
    x = calls.array()
    if f is affine:
        args: tuple[Any, ...] = (x, calls.array(x.shape))
        if rng.random() < 0.4:
            options = {"donate": (0,)}
    elif f is tree:
        args = ({"w": x, "b": calls.array()}, calls.array(x.shape))
    elif f in (gathered, written):
        n = len(x) if x.ndim else 1
        x = x if x.ndim else x[None]
        places = [rng.randrange(-n - 2, n + 2) for _ in range(3)]
        i = np.array(places).astype(rng.choice(["i8", "i4", "u1"]))
        args = (x, i) if f is gathered else (x, i, np.ones((3, *x.shape[1:]), x.dtype))
    elif f is named:
        args = (Point(x, calls.array(x.shape)),)
    elif f is looped:
        args = (x.astype("f8"), rng.choice([0, 3, np.int64(2), -1]))
    else:
        args = (x,)
    named_: dict[str, Any] = {"a": 2.0, "b": calls.array(x.shape)} if f is keyword else {}
    reference = ft.jit(f, backend="numpy")
    compiled = ft.jit(f, backend="llvm", **({"donate_argnums": (0,)} if options else {}))
    for turn in range(6):
        given = (
            args
            if turn < 2
            else tuple([calls.something(a) if rng.random() < 0.6 else a for a in args])
        )
        told = dict(named_)
        if turn >= 2 and rng.random() < 0.1:
            given = given[: rng.randrange(len(given) + 1)] + rng.choice([(), (x,), (x,) * 50])
        if turn >= 2 and rng.random() < 0.2:
            told[rng.choice(["a", "b", "c", "x", Text("a")])] = calls.something(x)
        if turn >= 2 and rng.random() < 0.1 and given and isinstance(given[0], np.ndarray):
            given = (given[0],) * len(given)
        plain = copied(given)
        wanted, error = outcome(reference, plain, copied(told))
        if options and given and isinstance(given[0], np.ndarray):
            given = (
                given[0].copy()
                if type(given[0]) is np.ndarray and given[0].size < 1 << 20 and rng.random() < 0.7
                else given[0],
                *given[1:],
            )
        found, problem = outcome(compiled, given, told)
        agree = type(problem) is type(error) if problem or error else same(wanted, found)
        if not agree:
            about = f"seed {seed}, turn {turn}, {f.__name__}, {given!r}, {told!r}"
            raise AssertionError(f"{about}: {problem!r} {found!r} instead of {error!r} {wanted!r}")


def copied(x: Any, depth: int = 3) -> Any:
    """Arrays of their own, so that what is given up is not seen here."""
    if type(x) is np.ndarray and x.size < 1 << 20:
        return x.copy()
    if type(x) is tuple and depth:
        return tuple([copied(y, depth - 1) for y in x])
    return {k: copied(v, depth - 1) for k, v in x.items()} if type(x) is dict and depth else x


def main() -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    first, last = (int(x) for x in sys.argv[1:3])
    for seed in range(first, last):
        run(seed)
    print(f"{last - first} functions")


if __name__ == "__main__":
    main()
