"""Random graphs of every dtype and many shapes, for comparing the two executors.

A value is *rough* once a function that is rounded differently, or a sum, has gone into it: nothing
that jumps (a comparison, a rounding, a position) is made of rough values, since there the executors
may differ by rights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.primitives.index_expression import index_arguments

DTYPES = ("float64", "float64", "float32", "float32", "float16", "complex128", "complex64")
WHOLE = ("int64", "int32", "int8", "uint8", "uint32", "bool")
EXTENTS = (0, 1, 1, 2, 3, 5, 8, 16, 17, 33, 70)

SMOOTH = ("sin", "cos", "tanh", "arctan", "exp", "expm1", "log1p", "sqrt", "cbrt", "sigmoid")
EXACT = ("negative", "square", "conjugate", "positive", "absolute")
JUMPS = ("floor", "ceil", "rint", "trunc", "sign")
BINARY = ("add", "subtract", "multiply")
CHOICES = ("maximum", "minimum", "fmax", "fmin")
COMPARISONS = ("less", "less_equal", "equal", "not_equal", "greater")
WHOLES = ("bitwise_and", "bitwise_or", "bitwise_xor", "floor_divide", "remainder", "left_shift")


class Value:
    """A traced array, and whether it is rough."""

    def __init__(self, array: Any, rough: bool) -> None:
        self.array = array
        self.rough = rough

    @property
    def kind(self) -> str:
        return str(self.array.dtype.kind)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)


class RandomGraph:
    """One random function: ``call(*inputs)``, the same for the same seed.

    Attributes
    ----------
    inputs : list of ndarray
    rough : list of bool
        Which outputs are, known once the function has been called.
    """

    def __init__(self, seed: int, steps: int = 12) -> None:
        self.seed = seed
        self.steps = steps
        rng = np.random.default_rng(seed)
        self.inputs = [self._input(rng) for _ in range(int(rng.integers(1, 4)))]
        self.rough: list[bool] = []

    def _input(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        rank = int(rng.choice([0, 1, 1, 2, 2, 2, 3]))
        shape = tuple(int(n) for n in rng.choice(EXTENTS[: 11 if rank < 3 else 8], rank))
        dtype = np.dtype(rng.choice(DTYPES + WHOLE[: 6 if rng.random() < 0.6 else 0]))
        x = rng.normal(scale=2.0, size=shape)
        if dtype.kind == "c":
            x = x + 1j * rng.normal(size=shape)
        if dtype.kind == "b":
            return np.asarray(x > 0)
        if dtype.kind in "iu":
            x = np.rint(np.abs(x) * 3 if dtype.kind == "u" else x * 3)
        x = np.asarray(x).astype(dtype)
        if dtype.kind == "f" and x.size and rng.random() < 0.15:
            hard = [np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny]
            x[tuple(int(rng.integers(n)) for n in x.shape)] = rng.choice(hard)
        return x

    def call(self, *inputs: Any) -> list[Any]:
        """The function, in NumPy's terms or staged."""
        self.rng = np.random.default_rng(self.seed + 1)
        known = [Value(x, False) for x in inputs]
        made: list[Value] = []
        for _ in range(self.steps):
            found = self._step(known)
            if found is not None:
                known.append(found)
                made.append(found)
        outs = made[-3:] or known[:1]
        self.rough = [x.rough for x in outs]
        return [x.array for x in outs]

    def _pick(self, known: list[Value], fits: Callable[[Value], bool]) -> Value | None:
        good = [x for x in known if fits(x)]
        if not good:
            return None
        late = good[-4:]
        return late[int(self.rng.integers(len(late)))] if self.rng.random() < 0.7 else good[0]

    def _step(self, known: list[Value]) -> Value | None:
        ways = (
            *(self._unary, self._unary, self._binary, self._binary, self._reduced, self._moved),
            *(self._moved, self._chosen, self._gathered, self._written, self._converted),
            *(self._jump, self._whole, self._multiplied, self._running, self._placed),
            *(self._linear, self._sorted),
        )
        return ways[int(self.rng.integers(len(ways)))](known)

    def _name(self, names: tuple[str, ...]) -> Any:
        return getattr(p, names[int(self.rng.integers(len(names)))])

    def _unary(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind in "fc")
        if x is None:
            return None
        if self.rng.random() < 0.3:
            call = self._name(EXACT[: 5 if x.kind == "f" else 4])
            return Value(call(x.array), x.rough or x.kind == "c")
        name = str(self.rng.choice(SMOOTH if x.kind == "f" else SMOOTH[:2]))
        array = x.array
        if name in ("exp", "expm1", "sin", "cos") or x.kind == "c":  # keep values moderate
            array = p.multiply(array, array.dtype.type(0.25))
        if x.rough and x.kind == "f":  # of large angles rounding decides
            array = p.tanh(array)
        if name in ("log1p", "sqrt"):
            array = p.absolute(array)
        return Value(getattr(p, name)(array), True)

    def _fitting(self, known: list[Value], x: Value) -> Value | None:
        """Another value that can be broadcast with one."""

        def fits(y: Value) -> bool:
            try:
                shape = np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                return False
            return np.prod(shape, dtype=int) < 20_000

        return self._pick(known, fits)

    def _binary(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind != "b")
        y = None if x is None else self._fitting(known, x)
        if x is None or y is None or y.kind == "b":
            return None
        rough = x.rough or y.rough or "c" in x.kind + y.kind
        if self.rng.random() < 0.2 and {x.kind, y.kind} == {"f"}:
            return Value(p.divide(x.array, p.add(p.square(y.array), 1.0)), rough)
        return Value(self._name(BINARY)(x.array, y.array), rough)

    def _reduced(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: len(v.shape) > 0)
        if x is None:
            return None
        rank = len(x.shape)
        axes = tuple(i for i in range(rank) if self.rng.random() < 0.6) or (rank - 1,)
        keepdims = bool(self.rng.random() < 0.5)
        names = ["sum", "count_nonzero", "any", "all"]
        if x.kind in "fiu" and np.prod([x.shape[a] for a in axes]):
            names += ["max", "min"]
        name = str(self.rng.choice(names))
        if x.rough and name in ("count_nonzero", "any", "all"):
            name = "sum"
        if x.kind == "c" and name in ("any", "all", "count_nonzero"):
            name = "sum"
        array = getattr(p, name)(x.array, axes=axes, keepdims=keepdims)
        return Value(array, x.rough or (name == "sum" and x.kind in "fc"))

    def _moved(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: len(v.shape) > 0)
        if x is None:
            return None
        rank, size = len(x.shape), int(np.prod(x.shape, dtype=int))
        way = int(self.rng.integers(8))
        axis = int(self.rng.integers(rank))
        n = x.shape[axis]
        array: Any
        if way == 0:
            array = p.transpose(x.array, axes=tuple(int(i) for i in self.rng.permutation(rank)))
        elif way == 1:
            array = p.flip(x.array, axes=(axis,))
        elif way == 2:
            array = p.reshape(x.array, shape=(size,))
        elif way == 3:
            step = int(self.rng.choice([1, 2, 3, -1, -2]))
            key = (slice(None),) * axis + (slice(None, None, step),)
            array = x.array[key]
        elif way == 4 and n:
            array = x.array[(slice(None),) * axis + (int(self.rng.integers(-n, n)),)]
        elif way == 5:
            y = self._pick(known, lambda v: v.shape == x.shape and v.array.dtype == x.array.dtype)
            assert y is not None
            array = p.concatenate(x.array, y.array, axis=axis)
            return Value(array, x.rough or y.rough)
        elif way == 6 and n:
            array = p.roll(x.array, shift=int(self.rng.integers(n)), axis=axis)
        else:
            array = x.array[(slice(None),) * axis + (None,)]
        return Value(array, x.rough)

    def _chosen(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind == "f")
        y = None if x is None else self._pick(known, lambda v: v.shape == x.shape)
        if x is None or y is None or y.kind != "f":
            return None
        c = self._pick(known, lambda v: v.kind == "b" and v.shape == x.shape)
        if c is not None:
            return Value(p.where(c.array, x.array, y.array), x.rough or y.rough)
        return Value(self._name(CHOICES)(x.array, y.array), x.rough or y.rough)

    def _jump(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind == "f" and not v.rough)
        if x is None:
            return None
        if self.rng.random() < 0.5:
            return Value(self._name(JUMPS)(x.array), False)
        y = self._pick(known, lambda v: v.shape == x.shape and not v.rough and v.kind != "c")
        assert y is not None
        return Value(self._name(COMPARISONS)(x.array, y.array), False)

    def _converted(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind != "c")
        if x is None:
            return None
        names = DTYPES[:5] if x.kind == "f" else DTYPES[:5] + WHOLE
        dtype = np.dtype(names[int(self.rng.integers(len(names)))])
        return Value(p.astype(x.array, dtype=dtype), x.rough)

    def _whole(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind in "iu")
        y = None if x is None else self._pick(known, lambda v: v.array.dtype == x.array.dtype)
        if x is None or y is None or self._fitting([y], x) is None:
            return None
        return Value(self._name(WHOLES)(x.array, y.array), False)

    def _gathered(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: len(v.shape) > 0 and min(v.shape) > 0)
        if x is None:
            return None
        axis = int(self.rng.integers(len(x.shape)))
        n = x.shape[axis]
        places = self.rng.integers(-n, n, size=int(self.rng.choice(EXTENTS[1:])))
        return Value(x.array[(slice(None),) * axis + (places,)], x.rough)

    def _written(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: len(v.shape) > 0 and v.shape[0] > 1 and v.kind != "b")
        if x is None:
            return None
        n = x.shape[0]
        key: Any = slice(int(self.rng.integers(n)), None, int(self.rng.choice([1, 2])))
        if self.rng.random() < 0.4:
            key = self.rng.integers(-n, n, size=3)
        part = p.multiply(x.array[key], x.array.dtype.type(2))
        if self.rng.random() < 0.5:
            return Value(p.setitem(x.array, key, part), x.rough)
        index, arrays = index_arguments(x.shape, key)
        return Value(p.index_add(x.array, part, *arrays, index=index), x.rough)

    def _multiplied(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind == "f" and len(v.shape) == 2)
        if x is None:
            return None
        y = self._pick(known, lambda v: v.array.dtype == x.array.dtype and len(v.shape) == 2)
        assert y is not None
        other = y.array if y.shape[0] == x.shape[1] else p.transpose(x.array, axes=(1, 0))
        return Value(p.matmul(x.array, other), True)

    def _linear(self, known: list[Value]) -> Value | None:
        """Linear algebra with a matrix that is made positive definite, and far from singular."""
        x = self._pick(
            known, lambda v: v.kind == "f" and v.array.dtype.itemsize > 2 and len(v.shape) == 2
        )
        if x is None or not 0 < x.shape[1] <= 40:
            return None
        factor = p.fmax(p.fmin(x.array, x.array.dtype.type(1)), x.array.dtype.type(-1))
        gram = p.matmul(p.transpose(factor, axes=(1, 0)), factor)
        size = x.array.dtype.type(1 / max(x.shape[0], 1))
        matrix = p.add(p.multiply(gram, size), np.eye(x.shape[1], dtype=x.array.dtype))
        way = int(self.rng.integers(5))
        if way == 0:
            return Value(p.cholesky(matrix, upper=bool(self.rng.random() < 0.5)), True)
        if way == 1:
            return Value(p.inv(matrix, strict=True), True)
        if way == 2:
            return Value(p.slogdet(matrix)[1], True)
        right = p.transpose(factor, axes=(1, 0))
        if way == 3:
            return Value(p.solve(p.cholesky(matrix, upper=False), right), True)
        return Value(p.solve(matrix, right), True)

    def _running(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: len(v.shape) > 0 and v.kind in "fi")
        if x is None:
            return None
        axis = int(self.rng.integers(len(x.shape)))
        return Value(p.cumsum(x.array, axis=axis, reverse=bool(self.rng.random() < 0.3)), x.rough)

    def _placed(self, known: list[Value]) -> Value | None:
        """Where an extremum is, or what stands there."""
        x = self._pick(known, lambda v: len(v.shape) > 0 and min(v.shape) > 0 and not v.rough)
        if x is None:
            return None
        axis, call = int(self.rng.integers(len(x.shape))), self._name(("argmax", "argmin"))
        if self.rng.random() < 0.5:
            return Value(call(x.array, axis=axis), False)
        place = call(x.array, axis=axis, keepdims=True)
        return Value(p.take_along_axis(x.array, place, axis=axis), False)

    def _sorted(self, known: list[Value]) -> Value | None:
        """In order, what the order is, or what comes before others."""
        x = self._pick(known, lambda v: len(v.shape) > 0 and not v.rough)
        if x is None:
            return None
        axis, way = int(self.rng.integers(len(x.shape))), int(self.rng.integers(4))
        if way == 0:
            return Value(p.sort(x.array, axis=axis), False)
        order = p.argsort(x.array, axis=axis, kind=(None, "stable")[way % 2])
        if way < 3:
            return Value(order, False)
        return Value(p.take_along_axis(x.array, order, axis=axis, unique=True), False)
