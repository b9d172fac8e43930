"""What is known of the memory of a graph's values: NumPy's results depend on it.

``x * 1`` has the elements of ``x``, but if ``x`` is a strided view it has another layout, and sums
over it add up in another order. And where ``x`` is a 0-d array, it is a NumPy scalar. So one may
stand for the other only where both are made the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from functrans.graph.graph import Equation

EXACT = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative", "positive", "square", "sqrt"),
        *("absolute", "maximum", "minimum", "fmax", "fmin", "copysign", "sign", "signbit"),
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_not"),
    )
)
"""Ufuncs that round exactly, so that their results do not depend on how operands are strided."""

FILLED = frozenset(
    ("random_bits", "random_fold", "random_key", "random_normal", "random_split", "random_uniform")
)
"""Operations whose results are new arrays in C order."""


class Layouts:
    """What is known of the layouts of a graph's values as a pass walks over it."""

    def __init__(
        self,
        equations: Sequence[Equation],
        outputs: Sequence[Any],
        contiguous: Sequence[Variable] = (),
    ) -> None:
        self._made: set[Variable] = set()
        self._contiguous: set[Variable] = set(contiguous)
        self._sliced: set[Variable] = set()  # in order, with gaps
        self._users = equations, outputs
        self._pinned: set[Variable] | None = None  # those that some user minds; if anybody asks

    def see(self, equation: Equation) -> None:
        """Note what an equation makes."""
        primitive = equation.primitive
        if primitive.outputs is not None:
            return
        (out,) = equation.outputs
        if isinstance(primitive.impl, np.ufunc):
            self._made.add(out)
            if len(out.type.shape) <= 1 or self._all_contiguous(equation, out):
                self._contiguous.add(out)
        elif out.type.ndim:
            x = equation.inputs[0] if equation.inputs else None
            if primitive.name == "reshape":
                known = self.contiguous(x)
            elif primitive.name in ("index_add", "index_update"):  # they begin as copies
                known = self.contiguous(x) or (type(x) is np.ndarray and not any(x.strides))
            elif primitive.name in FILLED:
                known = True
            elif primitive.name == "index" and self._in_order(x) and _keeps_order(equation):
                known = False
                self._sliced.add(out)
            else:
                known = primitive.name == "where" and self._all_contiguous(equation, out)
            if known:
                self._contiguous.add(out)

    def assume(self, values: Iterable[Variable]) -> None:
        """Take values for arrays in C order, as they will be seen to be."""
        self._contiguous.update(values)

    def _all_contiguous(self, equation: Equation, out: Variable) -> bool:
        if equation.primitive.kind == "bilinear":  # matmul: products are made in order
            return out.type.ndim == 2
        shape = out.type.shape
        shapes = [getattr(_typed(x), "shape", ()) for x in equation.inputs]
        whole = [x for x, own in zip(equation.inputs, shapes, strict=True) if own == shape]
        # Those that vary along one axis have no say in the order of the axes.
        silent = all([sum([n > 1 for n in own]) <= 1 for own in shapes if own != shape])
        return bool(whole) and silent and all(map(self._in_order, whole))

    def _in_order(self, x: Any) -> bool:
        """Whether the axes of an array lie in memory in their order, gaps or not."""
        if type(x) is not np.ndarray:
            return x in self._sliced or self.contiguous(x)
        steps = [s for s, n in zip(x.strides, x.shape, strict=True) if n > 1]
        return steps == sorted(steps, reverse=True) and all([s > 0 for s in steps])

    def made(self, x: Any) -> bool:
        """Whether a value is a ufunc's result: dense in memory, and a scalar if it is 0-d."""
        return x in self._made

    def contiguous(self, x: Any) -> bool:
        """Whether a value is known to be an array in C order, or a ufunc's scalar."""
        if type(x) is Variable:
            return x in self._contiguous
        return type(x) is np.ndarray and x.flags.c_contiguous

    def led_by(self, x: Any, constant: Any) -> bool:
        """Whether a ufunc of a value and a constant returns the layout that it has for the value
        alone."""
        strides = getattr(constant, "strides", ())
        if not any(strides) or _typed(x).ndim <= 1:
            return True
        return self.contiguous(x) and (constant.flags.c_contiguous or 0 in strides)

    def indifferent(self, outputs: Iterable[Variable]) -> bool:
        """Whether nobody who uses a value minds how it lies in memory."""
        if self._pinned is None:
            equations, results = self._users
            self._pinned = {x for x in results if type(x) is Variable}
            for equation in equations:
                for x in equation.inputs:
                    if type(x) is Variable and not _indifferent(equation, x):
                        self._pinned.add(x)
        return self._pinned.isdisjoint(outputs)


def _keeps_order(equation: Equation) -> bool:
    """Whether an indexing leaves the axes as they follow each other in memory."""
    if len(equation.inputs) > 1:
        return False
    entries = equation.params["index"].entries
    return not any(
        [type(e) is bool or (isinstance(e, slice) and (e.step or 1) < 0) for e in entries]
    )


def _typed(x: Any) -> Any:
    return x.type if type(x) is Variable else x


def _indifferent(equation: Equation, x: Variable) -> bool:
    if equation.primitive.name not in EXACT or x.type.ndim > 1 or x.type.dtype.kind == "c":
        return False
    return x.type.shape in ((), equation.outputs[0].type.shape)


VIEWS = frozenset(("broadcast_to", "flip", "imag", "index", "real", "reshape", "transpose"))
"""Operations of the rule book that return views of their operand and cost next to nothing."""

_MAY_SHARE = frozenset(
    (
        *("at_matrix", "cosm", "cumprod", "cumsum", "decomposed", "einsum"),
        *("known_eig", "known_eigh", "known_svd"),
        *("relabelled", "settled", "shifted_rates", "sinm", "staged_factor", "staged_tangent"),
        "tie_mean",
        *("told_again", "told_apart", "told_rates", "told_within", "unsettled", "watched"),
        "with_limit",
    )
)
"""Operations of the rule book that may return their operand, a view of it, or an array that does
not lie densely in memory."""

_ARRAYS = frozenset(("index", "index_add", "index_update", "pad", "tensordot", "where"))
"""Operations of the rule book that return 0-d arrays where others return scalars."""


def makes_view(equation: Equation) -> bool:
    """Whether the result is a view of the operand, which may as well be taken again."""
    return equation.primitive.name in VIEWS and len(equation.inputs) == 1


def makes_dense(equation: Equation, output: int) -> bool:
    """Whether a result is known to lie densely in memory, its axes in any order, and to share it
    with nothing: a copy of it lies in memory as it does."""
    primitive = equation.primitive
    if primitive.name == "scan":
        body, carry = equation.params["body"], equation.params["carry"]
        if output >= carry:
            return True
        makers = {v: (e, i) for e in body.equations for i, v in enumerate(e.outputs)}
        last = body.outputs[output]
        return (
            equation.params["length"] > 0
            and type(last) is Variable
            and last in makers
            and makes_dense(*makers[last])
        )
    in_the_book = primitive.call.__module__.startswith("functrans.primitives.")
    plain = in_the_book and not primitive.effects and primitive.kind != "higher-order"
    return plain and primitive.name not in _MAY_SHARE and not makes_view(equation)


def makes_scalars(equation: Equation) -> bool:
    """Whether a result without axes is a NumPy scalar and no 0-d array."""
    return equation.primitive.kind != "higher-order" and equation.primitive.name not in _ARRAYS
