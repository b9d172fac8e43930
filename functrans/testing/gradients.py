"""``check_grads``: whether the derivatives of a function are right, in both modes, to any order."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from functrans.core import tree
from functrans.core.errors import InputTypeError, describe_function
from functrans.core.types import Array, dtype_of, is_inexact, type_of
from functrans.testing.differences import (
    close,
    close_to_difference,
    complex_step,
    pairing,
    random_like,
    richardson,
    widened,
)
from functrans.transforms.arguments import argument_label
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Flat: TypeAlias = Callable[..., tuple[Array, ...]]

Mode: TypeAlias = Literal["fwd", "rev"]

_NAMES = {"fwd": "forward mode", "rev": "reverse mode"}
# A dot product identity involves no differences: only the rounding of one evaluation in each mode.
_IDENTITY = 1e-11


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    *,
    order: int = 2,
    modes: Sequence[Mode] = ("fwd", "rev"),
    rtol: float | None = None,
    atol: float | None = None,
    analytic: bool = False,
    holomorphic: bool = False,
    full: bool = False,
    seed: int = 0,
) -> None:
    """Raise unless the derivatives of `fun` at `args` are right.

    The JVP is compared with differences, extrapolated to about 1e-12 for smooth functions. The VJP
    is compared with the JVP by the identity ``<g, J t> = <J^T g, t>``. Higher orders apply the same
    to the derivative functions.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays. It must be smooth near `args`.
    args : tuple or list
        Its arguments. Every real or complex floating-point leaf is differentiated; integers and
        booleans stay as they are.
    order : int
        Check derivatives up to this order.
    modes : sequence of {"fwd", "rev"}
        Which modes to check. At order 2 these are all words of two, for example forward over
        reverse.
    rtol, atol : float, optional
        ``|found - expected| <= atol + rtol * |expected|`` must hold. Default: 1e-9 in double
        precision and 1000 times the unit roundoff otherwise; `atol` grows with the size of the
        output beyond 1.
    analytic : bool
        `fun` also takes complex arguments and is analytic there: the exact complex step takes the
        place of differences. For real arguments.
    holomorphic : bool
        Check besides that the derivative along ``1j * t`` is ``1j`` times that along ``t``.
    full : bool
        Check every element of the Jacobian in place of one random direction for each leaf.
    seed : int
        Of the random directions.

    Raises
    ------
    AssertionError
        A derivative is wrong. The message names the argument, the mode, the order, and the values
        expected and found.
    InputTypeError
        `args` is no tuple or list, or holds nothing that can be differentiated; an unknown mode.

    Examples
    --------
    >>> import numpy as np
    >>> from functrans.testing import check_grads
    >>> check_grads(lambda x, y: np.sin(x) @ y, (np.eye(2), np.array([1.0, 2.0])), order=3)
    """
    who = f"check_grads({describe_function(fun)})"
    if not isinstance(args, tuple | list):
        raise InputTypeError(
            f"{who}: args must be a tuple or list with one entry for each argument, got "
            f"{type(args).__name__}. For one argument write check_grads(f, (x,))."
        )
    modes = tuple(modes)
    if not modes or not set(modes) <= set(_NAMES):
        raise InputTypeError(f"{who}: modes must be a selection of 'fwd' and 'rev', got {modes!r}")
    leaves, treedef = tree.flatten(tuple(args))
    active = [i for i, x in enumerate(leaves) if _carries_derivative(x)]
    if not active:
        raise InputTypeError(
            f"{who}: the arguments hold no floating-point values, so there is nothing to check. "
            "Convert what is to be differentiated (x.astype(float))."
        )
    xs = [leaves[i] for i in active]
    if analytic and any(dtype_of(x).kind == "c" for x in xs):
        raise InputTypeError(f"{who}: with analytic=True the arguments must be real")

    def flat(*values: Array) -> tuple[Array, ...]:
        new = list(leaves)
        for i, x in zip(active, values, strict=True):
            new[i] = x
        return inexact_leaves(fun(*tree.unflatten(treedef, new)))

    paths = tree.leaf_paths(treedef)
    labels = [
        f"{argument_label(fun, int(str(paths[i][0].key)))}{tree.key_string(paths[i][1:])}"
        for i in active
    ]
    check = _Check(who, labels, modes, rtol, atol, analytic, holomorphic, full, seed)
    check.derivatives(flat, xs, order, ())


def inexact_leaves(out: Any) -> tuple[Array, ...]:
    """The leaves of a result that can carry a derivative."""
    return tuple(x for x in tree.leaves(out) if is_inexact(type_of(x).dtype))


def _carries_derivative(x: Any) -> bool:
    return isinstance(x, float | complex | np.ndarray | np.inexact) and is_inexact(dtype_of(x))


def forward_derivative(function: Flat, ts: Sequence[Array]) -> Flat:
    """The function ``xs -> J(xs) ts``."""

    def derivative(*xs: Array) -> tuple[Array, ...]:
        # A complex step gives complex primals to the derivative of a real function.
        matched = tuple(np.asarray(t, dtype_of(x))[()] for x, t in zip(xs, ts, strict=True))
        return jvp(function, xs, matched)[1]  # type: ignore[no-any-return]

    return derivative


def reverse_derivative(function: Flat, gs: Sequence[Array]) -> Flat:
    """The function ``xs -> J(xs)^T gs``."""

    def derivative(*xs: Array) -> tuple[Array, ...]:
        outs, pullback = vjp(function, *xs)
        return pullback(
            tuple(np.asarray(g, dtype_of(o))[()] for o, g in zip(outs, gs, strict=True))
        )

    return derivative


class _Check:
    """The options of one call of :func:`check_grads`."""

    def __init__(
        self,
        who: str,
        labels: list[str],
        modes: tuple[Mode, ...],
        rtol: float | None,
        atol: float | None,
        analytic: bool,
        holomorphic: bool,
        full: bool,
        seed: int,
    ) -> None:
        self.who = who
        self.labels = labels
        self.modes = modes
        self.rtol = rtol
        self.atol = atol
        self.analytic = analytic
        self.holomorphic = holomorphic
        self.full = full
        self.rng = np.random.default_rng(seed)

    def derivatives(
        self, function: Flat, xs: list[Array], order: int, taken: tuple[Mode, ...]
    ) -> None:
        """Check the derivative of `function`, itself derived by modes `taken`, and higher ones."""
        if order < 1:
            return
        outs = function(*xs)
        gs = tuple(random_like(o, self.rng) for o in outs)
        for i, x in enumerate(xs):
            for t in self._directions(x):
                self._direction(function, xs, i, t, outs, gs, taken)
        ts = tuple(random_like(x, self.rng) for x in xs)
        if "fwd" in self.modes:
            self.derivatives(forward_derivative(function, ts), xs, order - 1, (*taken, "fwd"))
        if "rev" in self.modes:
            self.derivatives(reverse_derivative(function, gs), xs, order - 1, (*taken, "rev"))

    def _directions(self, x: Array) -> Iterator[Array]:
        kind = type_of(x)
        if not self.full:
            yield random_like(x, self.rng)
            return
        for index, part in product(
            np.ndindex(kind.shape), (1, 1j) if kind.dtype.kind == "c" else (1,)
        ):
            t = np.zeros(kind.shape, kind.dtype)
            t[index] = part
            yield t[()]

    def _direction(
        self,
        function: Flat,
        xs: list[Array],
        i: int,
        t: Array,
        outs: tuple[Array, ...],
        gs: tuple[Array, ...],
        taken: tuple[Mode, ...],
    ) -> None:
        rtol, atol = self._tolerances(xs, outs)
        difference = self._difference(function, xs, i, t, rtol)
        tangents: tuple[Array, ...] = ()
        if "fwd" in self.modes:
            what = self._what(i, "fwd", taken)
            tangents = _along(function, xs, i, t)
            for found, expected in zip(tangents, difference, strict=True):
                close_to_difference(found, expected, what, rtol=rtol, atol=atol)
            if self.holomorphic and not taken and type_of(xs[i]).dtype.kind == "c":
                what += ": not holomorphic, the derivative along 1j * t"
                for rotated, plain in zip(_along(function, xs, i, 1j * t), tangents, strict=True):
                    close(rotated, 1j * plain, what, rtol=rtol, atol=atol)
        if "rev" in self.modes:
            g = reverse_derivative(function, gs)(*xs)[i]
            found, found_size = pairing([g], [t])
            if tangents:
                expected, size = pairing(gs, tangents)
                bound = min(_IDENTITY * rtol / 1e-9, rtol) * max(1.0, found_size + size)
            else:
                expected, size = pairing(gs, [d for d, _ in difference])
                bound = rtol * (found_size + size) + atol * sum(type_of(o).size for o in outs)
            what = f"{self._what(i, 'rev', taken)}: <J^T g, t> against <g, J t>"
            close(found, expected, what, rtol=0, atol=bound)

    def _difference(
        self, function: Flat, xs: list[Array], i: int, t: Array, rtol: float
    ) -> list[Any]:
        wide = [widened(x) for x in xs]
        if self.analytic:
            # All of them: derivative functions drop the imaginary parts of what belongs to real
            # arguments.
            wide = [x + 0j for x in wide]

        def along_one(values: list[Array]) -> list[Array]:
            return list(function(*wide[:i], values[0], *wide[i + 1 :]))

        if self.analytic:
            return complex_step(along_one, [wide[i]], [widened(t)])
        return richardson(along_one, [wide[i]], [widened(t)], rtol / 10)

    def _tolerances(self, xs: list[Array], outs: tuple[Array, ...]) -> tuple[float, float]:
        eps = max(float(np.finfo(dtype_of(x)).eps) for x in (*xs, *outs))
        default = max(1e-9, 1000 * eps) if eps > np.finfo(float).eps else 1e-9
        size = max([1.0, *(float(np.max(abs(np.asarray(o)), initial=0)) for o in outs)])
        return (
            default if self.rtol is None else self.rtol,
            default * size if self.atol is None else self.atol,
        )

    def _what(self, i: int, mode: Mode, taken: tuple[Mode, ...]) -> str:
        word = " over ".join(_NAMES[m] for m in (mode, *reversed(taken)))
        return f"{self.who}: {self.labels[i]}: {word}, order {len(taken) + 1}"


def _along(function: Flat, xs: list[Array], i: int, t: Array) -> tuple[Array, ...]:
    """The derivative of all outputs along `t` in argument `i` alone."""
    tangents: list[Any] = [None] * len(xs)
    tangents[i] = t
    return jvp(function, tuple(xs), tuple(tangents))[1]  # type: ignore[no-any-return]
