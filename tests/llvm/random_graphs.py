"""Random graphs of every dtype and many shapes, for comparing the two executors.

A value is *rough* once a function that is rounded differently, or a sum, has gone into it: nothing
that jumps (a comparison, a rounding, a position) is made of rough values, since there the executors
may differ by rights.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

import functrans as ft
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
SPECIAL = ("erf", "erfc", "gammaln", "digamma", "i0", "i1", "i0e", "i1e")
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

    Parameters
    ----------
    seed : int
    steps : int
        Operations, about.
    grown : int
        How much longer the long axes are than those of the same function otherwise.

    Attributes
    ----------
    inputs : list of ndarray
    rough : list of bool
        Which outputs are, known once the function has been called.
    dtypes : set of dtype
        Those of all values on the way, known then too.
    """

    def __init__(self, seed: int, steps: int = 12, grown: int = 0) -> None:
        self.seed = seed
        self.steps = steps
        self.extents = [n if n < 16 else n + grown for n in EXTENTS]
        rng = np.random.default_rng(seed)
        self.inputs = [self._input(rng) for _ in range(int(rng.integers(1, 4)))]
        self.rough: list[bool] = []
        self.dtypes: set[np.dtype[Any]] = set()

    def _input(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        rank = int(rng.choice([0, 1, 1, 2, 2, 2, 3]))
        shape = tuple(int(n) for n in rng.choice(self.extents[: 11 if rank < 3 else 8], rank))
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
        self.dtypes = {x.array.dtype for x in known}
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
            *(self._linear, self._sorted, self._finished, self._convolved, self._special),
            *(self._drawn, self._looped, self._curved),
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

    def _real(self, known: list[Value], rank: int) -> Value | None:
        """A value of float32 or float64 without empty axes."""

        def fits(v: Value) -> bool:
            wide = v.kind == "f" and v.array.dtype.itemsize > 2
            return wide and len(v.shape) == rank and 0 not in v.shape

        return self._pick(known, fits)

    def _finished(self, known: list[Value]) -> Value | None:
        """A product with elementwise work on it."""
        x = self._real(known, 2)
        if x is None:
            return None
        array = p.tanh(x.array)
        made = p.matmul(p.transpose(array, axes=(1, 0)), array)
        way = int(self.rng.integers(4))
        if way == 0:
            made = p.maximum(p.add(made, array[0]), made.dtype.type(0))
        elif way == 1:
            made = p.subtract(p.multiply(made, made), array[:1, :1])
        elif way == 2:
            made = p.multiply(p.add(made, p.transpose(array[:1], axes=(1, 0))), made.dtype.type(3))
        else:
            made = p.where(p.greater(np.ones(made.shape[0]), 0.5), made, p.negative(made))
        return Value(made, True)

    def _convolved(self, known: list[Value]) -> Value | None:
        """A convolution of one image, or its gradients."""
        x = self._real(known, 2)
        if x is None or min(x.shape) < 3 or max(x.shape) > 40:
            return None
        image = p.reshape(p.tanh(x.array), shape=(1, 1, *x.shape))
        image = p.concatenate(image, p.flip(image, axes=(2,)), axis=1)
        weights = self.rng.normal(size=(int(self.rng.integers(1, 5)), 2, 3, 3))
        stride, pad = int(self.rng.integers(1, 3)), int(self.rng.integers(2))
        params: dict[str, Any] = {
            "stride": (stride, stride),
            "padding": ((pad, pad), (pad, 1)),
            "dilation": (1, 1),
            "groups": 1,
        }

        def call(image: Any, weights: Any) -> Any:
            return p.convolution(image, weights, **params)

        kernel = p.multiply(weights.astype(x.array.dtype), image[0, 0, 0, 0])
        if self.rng.random() < 0.4:
            made = call(image, kernel)
            return Value(
                p.reshape(made, shape=(made.shape[1] * made.shape[2], made.shape[3])), True
            )
        which = int(self.rng.integers(2))
        made = ft.grad(lambda *both: np.sum(call(*both) ** 2), argnums=which)(image, kernel)
        return Value(made[0, 0], True)

    def _special(self, known: list[Value]) -> Value | None:
        x = self._pick(known, lambda v: v.kind == "f" and v.array.dtype.itemsize > 2)
        if x is None:
            return None
        name = str(self.rng.choice(SPECIAL))
        array = p.add(p.absolute(p.tanh(x.array)), x.array.dtype.type(0.5))
        if find_spec("scipy") is None:
            return Value(p.sigmoid(array), True)
        from scipy import special

        return Value(getattr(special, name)(array), True)

    def _drawn(self, known: list[Value]) -> Value | None:
        """Random numbers, whose bits are told."""
        x = self._pick(known, lambda v: v.kind == "f" and v.array.dtype.itemsize > 2)
        if x is None:
            return None
        key = ft.random.key(int(self.rng.integers(100)))
        if self.rng.random() < 0.3:
            key = ft.random.fold_in(key, 3)
        call = ft.random.normal if self.rng.random() < 0.5 else ft.random.uniform
        return Value(p.add(x.array, call(key, x.shape, dtype=x.array.dtype)), x.rough)

    def _looped(self, known: list[Value]) -> Value | None:
        """Loops and branches, and their gradients."""
        x = self._real(known, int(self.rng.integers(1, 3)))
        if x is None:
            return None
        rounds, half = int(self.rng.integers(0, 5)), x.array.dtype.type(0.5)

        def repeated(y: Any) -> Any:
            def once(state: Any) -> Any:
                i, c = state
                return i + 1, p.add(p.sin(p.multiply(c, half)), p.multiply(y, half))

            return ft.while_loop(lambda state: state[0] < rounds, once, (0, y))[1]

        def scanned(y: Any) -> Any:
            def once(c: Any, row: Any) -> Any:
                c = p.tanh(p.add(p.multiply(c, half), row))
                return c, p.multiply(c, row)

            return ft.scan(once, p.multiply(y[0], half), y)[1]

        def branched(y: Any) -> Any:
            return ft.cond(np.sum(y) > 0.0, lambda y: p.sin(y), lambda y: p.tanh(y), y)

        y = p.tanh(x.array)
        ways: list[Callable[[Any], Any]] = [repeated, scanned]
        if not x.rough:
            ways.append(branched)
            y = x.array
        call = ways[int(self.rng.integers(len(ways)))]
        if self.rng.random() < 0.5:
            return Value(call(y), True)
        return Value(ft.grad(lambda y: np.sum(p.square(p.tanh(call(y)))))(y), True)

    def _curved(self, known: list[Value]) -> Value | None:
        """Matrices that follow from a unit matrix: a Hessian or a Jacobian of elementwise work."""
        x = self._real(known, 1)
        if x is None or x.shape[0] > 40:
            return None
        y = p.tanh(x.array)
        if self.rng.random() < 0.5:
            return Value(ft.hessian(lambda v: np.sum(np.sin(v) * v * v))(y), True)
        return Value(ft.jacobian(lambda v: np.exp(v) / (v * v + 1))(y), True)
