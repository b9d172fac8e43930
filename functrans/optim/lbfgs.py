"""L-BFGS: quasi-Newton steps from the last differences of parameters and gradients.

The search along a line is that of Nocedal and Wright, *Numerical Optimization*, algorithms 3.5 and
3.6, with cubic interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, TreeError, user_line
from functrans.core.types import Array

Objective = Callable[[Any], tuple[float, Any]]
"""From flat parameters to the value and the flat gradient."""


class LbfgsState(NamedTuple):
    """What the next update continues from.

    Parameters
    ----------
    iterations, evaluations : int
        How many were made so far.
    direction : array
        The last direction, over all parameters in one axis.
    length : float
        How far the last step went along it.
    gradient : array
        The gradient before it.
    differences : tuple of pair of array
        The last differences of gradients and of parameters, the oldest first.
    scale : float
        The first guess of the inverse curvature.

    Examples
    --------
    >>> lbfgs().init(np.ones(2)).iterations
    0
    """

    iterations: int
    evaluations: int
    direction: Array
    length: float
    gradient: Array
    differences: tuple[tuple[Array, Array], ...]
    scale: float


class Point(NamedTuple):
    """A point on the line along which is searched."""

    t: float
    value: float
    gradient: Any
    slope: float


class Lbfgs:
    """The optimiser that `lbfgs` makes: ``init(params)`` and ``update(closure, state, params)``.

    Examples
    --------
    >>> import functrans as ft
    >>> rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> optimizer = lbfgs(line_search_fn="strong_wolfe", max_iter=50)
    >>> params = np.array([-1.2, 1.0])
    >>> params, state = optimizer.update(
    ...     ft.value_and_grad(rosenbrock), optimizer.init(params), params
    ... )
    >>> params.round(3)
    array([1., 1.])
    """

    def __init__(
        self,
        lr: float,
        max_iter: int,
        max_eval: int,
        tolerance_grad: float,
        tolerance_change: float,
        history_size: int,
        strong_wolfe: bool,
    ) -> None:
        self.lr = lr
        self.max_iter = max_iter
        self.max_eval = max_eval
        self.tolerance_grad = tolerance_grad
        self.tolerance_change = tolerance_change
        self.history_size = history_size
        self.strong_wolfe = strong_wolfe

    def __repr__(self) -> str:
        return f"lbfgs({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def init(self, params: Any) -> LbfgsState:
        """The state before the first update.

        Parameters
        ----------
        params : pytree of floating-point arrays
        """
        flat, _ = _flattened(params)
        return LbfgsState(0, 0, np.zeros_like(flat), 0.0, np.zeros_like(flat), (), 1.0)

    def update(
        self, closure: Callable[[Any], tuple[Any, Any]], state: LbfgsState, params: Any
    ) -> tuple[Any, LbfgsState]:
        """Up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            ``closure(params) -> (value, gradients)``, as `functrans.value_and_grad` makes it.
        state : LbfgsState
        params : pytree of floating-point arrays

        Returns
        -------
        params : pytree of arrays
        state : LbfgsState

        Raises
        ------
        TreeError
            The gradients have other containers than `params`.
        ConversionError
            `params` or the value are traced: how many iterations are made depends on them.
        """
        x, rebuild = _flattened(params)
        if state.direction.shape != x.shape:
            raise TreeError(
                f"lbfgs: the state is that of {state.direction.size} numbers, params has {x.size}, "
                f"at {user_line()}; make one by init(params)"
            )

        def objective(flat: Any) -> tuple[float, Any]:
            value, grads = closure(rebuild(flat))
            if tree.structure(grads) != tree.structure(params):
                names = ("params", "the gradients")
                difference = tree.explain_difference(
                    tree.structure(params), tree.structure(grads), names=names
                )
                raise TreeError(
                    f"lbfgs: what the closure returns does not match params, at {user_line()}: "
                    f"{difference}"
                )
            return _number(value), _flattened(grads)[0]

        value, gradient = objective(x)
        evaluations = 1
        state = state._replace(evaluations=state.evaluations + 1)
        if _greatest(gradient) <= self.tolerance_grad:
            return params, state
        for iteration in range(1, self.max_iter + 1):
            state = self._turned(state, gradient)
            if state.iterations == 1:
                t = min(1.0, 1.0 / float(np.abs(gradient).sum())) * self.lr
            else:
                t = self.lr
            here = Point(0.0, value, gradient, float(gradient @ state.direction))
            state = state._replace(length=t)
            if here.slope > -self.tolerance_change:
                break
            if self.strong_wolfe:
                line = Line(objective, x, state.direction, here, self.max_eval - evaluations)
                end = line.search(t)
                t, value, gradient, used = end.t, end.value, end.gradient, line.evaluations
                state = state._replace(length=t)
                x = x + t * state.direction
            else:
                x = x + t * state.direction
                used = 0
                if iteration != self.max_iter:
                    value, gradient = objective(x)
                    used = 1
            evaluations += used
            state = state._replace(evaluations=state.evaluations + used)
            if (
                evaluations >= self.max_eval
                or _greatest(gradient) <= self.tolerance_grad
                or _greatest(t * state.direction) <= self.tolerance_change
                or abs(value - here.value) < self.tolerance_change
            ):
                break
        return rebuild(x), state

    def _turned(self, state: LbfgsState, gradient: Any) -> LbfgsState:
        """The state with the next direction, and with what the last step taught."""
        differences, scale = state.differences, state.scale
        if state.iterations == 0:
            differences, scale, direction = (), 1.0, -gradient
        else:
            y, s = gradient - state.gradient, state.length * state.direction
            curvature = float(y @ s)
            if curvature > 1e-10:
                differences = (*differences, (y, s))[-self.history_size :]
                scale = curvature / float(y @ y)
            direction = _two_loops(-gradient, differences, scale)
        return state._replace(
            iterations=state.iterations + 1,
            direction=direction,
            gradient=gradient,
            differences=differences,
            scale=scale,
        )


def _two_loops(q: Any, differences: tuple[tuple[Any, Any], ...], scale: float) -> Any:
    """The product of the estimated inverse Hessian with a vector."""
    shares = []
    for y, s in reversed(differences):
        share = float(s @ q) / float(y @ s)
        q = q - share * y
        shares.append(share)
    r = scale * q
    for (y, s), share in zip(differences, reversed(shares), strict=True):
        r = r + (share - float(y @ r) / float(y @ s)) * s
    return r


def _greatest(x: Any) -> float:
    return float(np.abs(x).max(initial=0.0))


def _number(value: Any) -> float:
    if isinstance(value, TracedArray):
        raise ConversionError(
            f"lbfgs: the value of the closure is traced, at {user_line()}; how many iterations are "
            "made depends on it. Call update outside of transforms, or use a first-order optimiser"
        )
    return float(value)


def _flattened(params: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All parameters in one axis, and the function that makes a tree of such an array."""
    leaves, treedef = tree.flatten(params)
    for path, leaf in tree.flatten_with_path(params):
        if isinstance(leaf, TracedArray):
            raise ConversionError(
                f"lbfgs: params{tree.key_string(path)} is traced, at {user_line()}; how many "
                "iterations are made depends on values. Call update outside of transforms"
            )
        if np.asarray(leaf).dtype.kind != "f":
            raise TypeError(
                f"lbfgs: params{tree.key_string(path)} must be a real floating-point array, got "
                f"{np.asarray(leaf).dtype}"
            )
    shapes = [np.shape(leaf) for leaf in leaves]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    dtypes = [np.asarray(leaf).dtype for leaf in leaves]
    flat = np.concatenate([np.ravel(leaf) for leaf in leaves]) if leaves else np.zeros(0)

    def rebuild(x: Any) -> Any:
        parts = np.split(x, ends[:-1]) if leaves else []
        return tree.unflatten(
            treedef,
            [
                part.reshape(shape).astype(dtype, copy=False)[()]
                for part, shape, dtype in zip(parts, shapes, dtypes, strict=True)
            ],
        )

    return flat, rebuild


# The search along a line


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, between two bounds."""
    if a.t > b.t:
        a, b = b, a
    sum_ = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = sum_**2 - a.slope * b.slope
    if not square >= 0:  # it has no minimum, or is not finite
        return (low + high) / 2
    root = math.sqrt(square)
    divisor = b.slope - a.slope + 2 * root
    if divisor == 0:
        return (low + high) / 2
    t = b.t - (b.t - a.t) * ((b.slope + root - sum_) / divisor)
    return min(max(t, low), high)


SUFFICIENT, CURVATURE = 1e-4, 0.9
"""The constants of the strong Wolfe conditions."""
SHORTEST = 1e-9
"""A bracket within which no parameter moves by more is small enough."""


class Line:
    """The search for a step with the strong Wolfe conditions, in at most `limit` rounds."""

    def __init__(
        self, objective: Objective, x: Any, direction: Any, start: Point, limit: int
    ) -> None:
        self.objective = objective
        self.x = x
        self.direction = direction
        self.start = start
        self.limit = limit
        self.evaluations = 0

    def at(self, t: float) -> Point:
        value, gradient = self.objective(self.x + t * self.direction)
        self.evaluations += 1
        return Point(t, value, gradient, float(gradient @ self.direction))

    def too_high(self, point: Point) -> bool:
        return point.value > self.start.value + SUFFICIENT * point.t * self.start.slope

    def flat_enough(self, point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * self.start.slope

    def search(self, t: float) -> Point:
        """The point that was found, or the best one of the last bracket."""
        last, point = self.start, self.at(t)
        for rounds in range(self.limit):
            if self.too_high(point) or (rounds > 1 and point.value >= last.value):
                return self.zoom(last, point, rounds)
            if self.flat_enough(point):
                return point
            if point.slope >= 0:
                return self.zoom(last, point, rounds)
            low, high = point.t + 0.01 * (point.t - last.t), 10 * point.t
            last, point = point, self.at(cubic_minimum(last, point, low, high))
        return min(self.start, point, key=lambda end: end.value)

    def zoom(self, a: Point, b: Point, rounds: int) -> Point:
        """The search between two points that bracket a minimum."""
        best, other = (a, b) if a.value <= b.value else (b, a)
        size = _greatest(self.direction)
        stuck = False
        for _ in range(rounds, self.limit):
            low, high = min(best.t, other.t), max(best.t, other.t)
            if (high - low) * size < SHORTEST:
                break
            t = cubic_minimum(best, other, low, high)
            margin = 0.1 * (high - low)
            # Near an end once is progress, twice is not: then step inside.
            if min(high - t, t - low) >= margin:
                stuck = False
            elif stuck or t >= high or t <= low:
                t = high - margin if abs(t - high) < abs(t - low) else low + margin
                stuck = False
            else:
                stuck = True
            point = self.at(t)
            if self.too_high(point) or point.value >= best.value:
                other = point
                if other.value < best.value:
                    best, other = other, best
                continue
            if self.flat_enough(point):
                return point
            if point.slope * (other.t - best.t) >= 0:
                other = best
            best = point
        return best


def lbfgs(
    lr: float = 1.0,
    *,
    max_iter: int = 20,
    max_eval: int | None = None,
    tolerance_grad: float = 1e-7,
    tolerance_change: float = 1e-9,
    history_size: int = 100,
    line_search_fn: Literal["strong_wolfe"] | None = None,
) -> Lbfgs:
    """L-BFGS: quasi-Newton steps, for smooth functions whose gradients are exact.

    Parameters
    ----------
    lr : float
        The length of a step, or with a line search the first that is tried.
    max_iter, max_eval : int
        The most iterations and evaluations of one update. Default of the latter: 5/4 of the former.
    tolerance_grad : float
        An update ends where no element of the gradient is larger.
    tolerance_change : float
        Or where no parameter, or the value, changes by more.
    history_size : int
        How many differences are remembered.
    line_search_fn : {"strong_wolfe"}, optional

    Raises
    ------
    ValueError
        An option is out of range.

    Examples
    --------
    >>> optimizer = lbfgs()
    >>> closure = lambda x: (float(np.sum(x**2)), 2 * x)
    >>> optimizer.update(closure, optimizer.init(np.ones(2)), np.ones(2))[0]
    array([0., 0.])
    """
    if lr <= 0 or max_iter < 1 or history_size < 1:
        raise ValueError(
            f"lbfgs: lr, max_iter and history_size must be positive, got {lr}, {max_iter} and "
            f"{history_size}"
        )
    if line_search_fn not in (None, "strong_wolfe"):
        raise ValueError(
            f"lbfgs: line_search_fn must be 'strong_wolfe' or None, got {line_search_fn!r}"
        )
    most = max_iter * 5 // 4 if max_eval is None else max_eval
    wolfe = line_search_fn is not None
    return Lbfgs(lr, max_iter, most, tolerance_grad, tolerance_change, history_size, wolfe)
