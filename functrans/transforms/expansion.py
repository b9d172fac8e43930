"""Derivatives at equal eigenvalues and singular values: the limit along a path on which they part.

A function of a matrix that is written with the factors of a decomposition, and that does not depend
on which of them LAPACK returned, is as smooth as its formula, also where values are equal. But the
derivatives of the factors have poles there: those of the vectors of two values hold one over their
difference (Kato, *Perturbation Theory for Linear Operators*, II.1 and II.4; Magnus, *On
Differentiating Eigenvalues and Eigenvectors*, 1985). The poles cancel, in no single rule but in
the sum of all.

So an :class:`Expansion` comes below the outermost transform that differentiates, when that meets
equal values: for first derivatives where there are vectors, and these values are known. From there
on it stands on a path: it adds ``e * E`` to the matrix, where E
has the same vectors and parts the equal values at first order. The vectors stay as they are, and
the values are ``w + e * r``, with r of E's own. All that comes of them is carried as a Laurent
series in e (series.py): rules of derivatives divide by differences ``e * (r[j] - r[i])``, so that
each order of derivatives has a pole more. In the end the powers below zero have to vanish, and the
coefficient of ``e**0`` is the derivative, exactly, of any order.

Two paths, which part the values at other rates, lie in the lanes of a Batch. A result that depends
on the path, or has a pole left, depends on the choice of vectors or on the order of equal values:
it is NaN, with a warning. For a first derivative the second path has the vectors turned into each
other, since no pole tells of values alone; what depends on them is that of the first path, with the
warning.

A function of a matrix may decompose what another function of it returned. Where values are equal
there too, the series says which vectors are the right ones and how the values part, but by orders
that it does not carry. So this decomposition begins again at a point, its path its own: a smooth
function of a smooth one has derivatives that are products of those of both, and each of these is a
limit by itself. What crosses over, tangents of the second matrix one way and its cotangents the
other, is taken at its limit before more poles come of it; what has none there, as the matrix
depends on single vectors, is NaN. Where values are apart the series goes on.

Values that are near each other may be equal but for rounding. More lanes take them together, and
the derivative of these is taken where nothing tells it from that of the first (nearby.py).

Singular values that vanish grow along a path. In a third lane the first of them comes from the
other side of zero, where its left vector is the opposite: what differs there has a kink. If it is
the first derivative that does, by convention 0 by such values, then its own derivative is that of a
fourth lane, in which they stay at zero.
"""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import snapshot
from functrans.core.interpreter import CustomCall, Interpreter, under
from functrans.core.primitive import REGISTRY, primitive_of
from functrans.core.types import Array, dtype_of, is_plain, shape_of
from functrans.primitives.arithmetic import (
    add,
    astype,
    multiply,
    real,
    reciprocal,
)
from functrans.primitives.comparison import (
    equal,
    logical_or,
    minimum,
    not_equal,
    where,
)
from functrans.primitives.decompositions import svd_constants
from functrans.primitives.degenerate import (
    at_matrix,
    decomposed,
    every_lane,
    parting_reciprocal,
    told_apart,
)
from functrans.primitives.nearness import near_gap
from functrans.primitives.paths import (
    apart,
    away_from_zero,
    staged_factor,
    values_among,
    with_limit,
    zero_at_zero,
)
from functrans.primitives.reduction import (
    any as any_of,
    min as smallest,
    sum as total,
)
from functrans.primitives.shape import reshape, stack as stack_of
from functrans.primitives.spectral import (
    eig_constants,
    eigh_constants,
    known_eig,
    known_eigh,
    known_svd,
    marked_eig,
    marked_eigh,
    marked_svd,
)
from functrans.transforms.batching import BatchArray
from functrans.transforms.departures import PATHS, STRICT, rates_of, starts_of, vectors_of
from functrans.transforms.limits import Limits
from functrans.transforms.series import ExpandedArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Primitive


class Expansion(Limits):
    """Carries series along the path; it lies below the outermost transform that differentiates,
    which knows nothing of it.
    """

    __slots__ = ("turn",)

    def __init__(
        self, parent: Interpreter | None, order: int, dtype: np.dtype[Any], before: Any = None
    ) -> None:
        super().__init__(parent, order, dtype, before)
        self.turn = threading.RLock()

    # Operations.

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if self.gap is None:
            return self.processed(primitive, args, params)
        with np.errstate(all="ignore"):  # what is not defined at the middle is not taken from there
            return self.processed(primitive, args, params)

    def processed(
        self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]
    ) -> Any:
        mine = [i for i, x in enumerate(args) if self.owns(x)]
        if not mine:
            with under(self.paths.parent):
                ans = self.handed(primitive, args, params)
                if primitive.parts is None:
                    return ans
                if primitive in _NAMED:
                    ans = self.named(primitive, args[0], ans)
                return self.parted(primitive, ans)
        if primitive.parts is not None:
            return self.again(primitive, args[0], params)
        if primitive is _DECOMPOSED:
            return self.decomposed(args[0], **params)
        if primitive is _AT_MATRIX:
            return self.at_matrix(*args)
        if primitive in _RECIPROCALS:
            return self.reciprocals(args[0])
        if primitive is _WEIGHTS:
            with under(self.paths):
                return self.derived(self.constant(self.parts_from_zero(args[0])))
        if primitive in _KNOWN:
            return tuple(map(self.derived, args[1:-1]))
        checks = primitive is _CHECK and not (self.owns(args[0]) and args[0].derived)
        if checks:  # values that are near each other are no concern of it
            args = (args[0], self.lanes(self.value(args[1]))[0], *args[2:])
            mine = [i for i in mine if i != 1]
            if not mine:
                return self.processed(primitive, args, params)
        if primitive.when_parted is not None and not checks:
            with under(self):
                return primitive.when_parted(args, params)
        if not primitive.differentiable:
            values = tuple(map(self.value, args))
            with under(self.paths):
                ans = self.paths.process(primitive, values, params)
            return tuple(map(self.constant, ans)) if type(ans) is tuple else self.constant(ans)
        poles = [i for i in mine if args[i].low]
        low, known, peak = 0, inf, None
        if poles:
            opened = self.opened(primitive, args, params)
            if opened is not None:
                return opened
            found = self.aligned(primitive, args, poles)
            if found is None:
                args = tuple(map(self.regular, args))
            else:
                args, low, peak = found
        known = min([x.known for x in args if self.owns(x)], default=inf)
        if not self.exact(primitive, args):
            known = min(known, len(self.levels) + 1)
        contents = tuple([x.content if self.owns(x) else x for x in args])
        last = self.levels[-1]
        with under(last):
            ans = last.process(primitive, contents, params)
        if type(ans) is tuple:
            return tuple([self.wrapped(a, args, low, known, peak) for a in ans])
        return self.wrapped(ans, args, low, known, peak)

    def opened(
        self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        """The outputs of an operation with graphs, whose operands have poles, by the operations of
        which it consists; None if it cannot be told which these are."""
        if primitive.higher is None:
            return None
        run = primitive.higher.opened(params, alone=False, backward=False, whole=True)
        if run is None:
            return None
        with under(self):
            outs = run(list(args), lambda line: None)
            return None if outs is None else tuple(map(snapshot, outs))

    def derived(self, x: Any) -> ExpandedArray:
        """A value as rules of derivatives have it."""
        found: ExpandedArray = x.snapshot() if self.owns(x) else ExpandedArray(self, x)
        found.derived = True
        return found

    def handed(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """An operation in which nothing of mine takes part."""
        parent = self.paths.parent
        if parent is None:
            return primitive.impl(*args, **params)
        return parent.process(primitive, args, params)

    def named(self, primitive: Primitive, x: Array, ans: tuple[Any, ...]) -> tuple[Any, ...]:
        """Factors that rules take for numbers: in a graph, which may be differentiated, they are
        functions of the matrix."""
        w = ans[values_among(ans)]
        if apart(w, primitive.parts, self.width) is not None:  # type: ignore[arg-type]
            return ans
        return _NAMED[primitive](x, *ans, every_lane(w))  # type: ignore[no-any-return]

    def parted(self, primitive: Primitive, ans: Any, depth: int = 0, doubt: Any = None) -> Any:
        """The outputs of a decomposition, whose equal values part; `doubt` is NaN where the matrix
        is not one that near values of another had no part in."""
        family: Any = primitive.parts
        outs = list(ans) if type(ans) is tuple else [ans]
        place = values_among(outs)
        w = outs[place]
        known = apart(w, family, self.width)
        if known:
            return ans
        if known is None:  # derivatives of a graph know of no path
            outs = [staged_factor(o, w, family=family, width=self.width) for o in outs]
            w = outs[place]
        self.found.append((family, w))
        self.see_gap(w, family)
        series: list[Any] = [None] * (len(self.levels) + 1)
        starts = starts_of(w, family, self.width)
        if doubt is not None:
            of_values = reshape(doubt, shape=(*shape_of(w)[:-1], 1))
            starts[STRICT:] = [add(start, of_values) for start in starts[STRICT:]]
        series[0] = self.on_paths(starts)
        series[1] = self.on_paths(rates_of(w, family, self.width, depth))
        with under(self.paths):
            outs[place] = ExpandedArray(self, self.content(series), depth=depth)
        vectors = vectors_of(outs, w, place, family, self.width, self.order == 1)
        for i, lanes in vectors.items():
            outs[i] = ExpandedArray(self, self.on_paths(lanes), depth=depth)
        return tuple(outs) if type(ans) is tuple else outs[0]

    def on_paths(self, lanes: list[Any]) -> BatchArray:
        """A value on each path."""
        return BatchArray(self.paths, stack_of(lanes))

    def see_gap(self, w: Array, family: str) -> None:
        """Take note of values that are near each other."""
        gaps = near_gap(w, family=family, width=self.width)
        if 0 not in shape_of(gaps) and not (is_plain(gaps) and np.isinf(gaps).all()):
            gap = smallest(gaps, axes=tuple(range(len(shape_of(gaps)))))
            self.gap = gap if self.gap is None else minimum(self.gap, gap)

    def decomposed(self, x: ExpandedArray, of: str, options: tuple[Any, ...]) -> ExpandedArray:
        """A series that is to be decomposed.

        Where values are equal, or it is not known, it stays at a point, from which the values part
        on another path: the function is one of another, and its derivatives are products of those
        of both, each with its own limit (`at_matrix`).
        """
        if x.point is not None:
            return x
        primitive = REGISTRY[of]
        value, doubt, near = self.crossed(x)
        with under(self.paths.parent):
            ans = self.handed(primitive, (value,), dict(options))
            w = ans[values_among(ans)] if type(ans) is tuple else ans
            if apart(w, primitive.parts, self.width):  # type: ignore[arg-type]
                return x
            rank = len(shape_of(value))
            axes = rank - 2, rank - 1
            doubt = any_of(doubt, axes=axes, keepdims=True)
            if near is not None:  # 0, or NaN
                near = total(multiply(0, real(near)), axes=axes, keepdims=True)
        point = value, doubt, near
        return ExpandedArray(self, value, derived=x.derived, depth=x.depth, point=point)

    def at_matrix(self, t: Any, x: Any) -> Any:
        """A tangent or cotangent of a matrix that stays at a point: its limit."""
        if not self.owns(t) or not self.owns(x) or x.point is None:
            return t
        value, doubt, near = self.crossed(t)
        with under(self.paths.parent):
            value = self.told(value, doubt, first=False)
            if near is not None:
                value = self.on_paths([value] * STRICT + [near] * (PATHS - STRICT))
            return self.derived(value)

    def again(self, primitive: Primitive, x: ExpandedArray, params: dict[str, Any]) -> Any:
        """The outputs of a decomposition of a series."""
        if x.point is None:
            return self.followed(primitive, x, params)
        value, doubt, near = x.point
        with under(self.paths.parent):
            ans = self.handed(primitive, (value,), params)
            single = type(ans) is not tuple
            rank = len(shape_of(value))
            of_values = any_of(doubt, axes=(rank - 1,))
            outs = [
                self.told(o, doubt if len(shape_of(o)) == rank else of_values, first=False)
                for o in ((ans,) if single else ans)
            ]
            return self.parted(primitive, outs[0] if single else tuple(outs), x.depth + 1, near)

    def followed(self, primitive: Primitive, x: ExpandedArray, params: dict[str, Any]) -> Any:
        """The same of values that are apart, as series."""
        x = self.regular(x)
        differentiable, more = _DIFFERENTIABLE.get(primitive, (primitive, {}))
        last = self.levels[-1]
        with under(last):
            ans = last.process(differentiable, (x.content,), {**params, **more})
        single = type(ans) is not tuple
        known = min(x.known, len(self.levels) + 1)
        outs = [self.wrapped(a, (x,), 0, known) for a in ((ans,) if single else ans)]
        outs = self.beyond(primitive.parts, outs)  # type: ignore[arg-type]
        return outs[0] if single else tuple(outs[: primitive.outputs])

    def parts_from_zero(self, s: ExpandedArray) -> Any:
        """1 for singular values that do not vanish or grow from zero, 0 for those that stay."""
        first, rate, *_ = [*self.coefficients(s.content), None]
        moves = not_equal(first, 0)
        if rate is not None:
            moves = logical_or(moves, not_equal(rate, 0))
        return astype(moves, dtype=dtype_of(s))

    def beyond(self, family: str, outs: list[Any]) -> list[Any]:
        """The outputs of a decomposition of a series: NaN where values are equal again, which part
        by more than the rates that a path gives them."""
        w = self.value(outs[values_among(outs)])
        if apart(w, family, self.width):
            return outs
        found = []
        for o in outs:
            with under(self.paths):
                first, *rest = self.coefficients(o.content)
                first = with_limit(first, np.ones(shape_of(o), bool), w, family=family, first=False)
                found.append(o.with_content(self.content([first, *rest])))
        return found

    def reciprocals(self, x: ExpandedArray) -> Any:
        """One over differences of values, which may be zero, and then are not at the next order."""
        order = len(self.levels)
        if x.known < inf:  # of values of a series: where these are equal `beyond` has put NaN
            with under(self.levels[-1]):
                inverse = reciprocal(x.content)
            return self.derived(self.wrapped(inverse, (x,), 0, x.known))
        with under(self.paths):
            coefficients = self.coefficients(x.content)
            none = equal(coefficients[0], 0)
            divided = self.chosen(none, [*coefficients[1:], None], coefficients)
            still = equal(divided[0], 0)  # on the path on which what vanishes stays
            divided[0] = where(still, 1, divided[0])
            content = self.content(divided)
        with under(self.levels[-1]):
            inverse = reciprocal(content)
        with under(self.paths):
            found = self.coefficients(inverse)
            found = self.chosen(none, found, [None, *found[:-1]])
            found = [None if c is None else where(still, 0, c) for c in found]
            peak = self.magnitude(found[: self.order + 1])
            return ExpandedArray(self, self.content(found), -1, order + 1, peak, True)

    # Functions.

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        with under(self):
            return function(*args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        args = list(map(self.regular, args))
        if not any(map(self.owns, args)):
            parent = self.paths.parent
            with under(parent):
                return call.run(args) if parent is None else parent.custom(call, args)
        known = min([x.known for x in args if self.owns(x)])
        last = self.levels[-1]
        with under(last):
            outs = last.custom(call, [x.content if self.owns(x) else x for x in args])
        return [self.wrapped(o, args, 0, known) for o in outs]


_RECIPROCALS = {primitive_of(parting_reciprocal), primitive_of(zero_at_zero)}

_WEIGHTS = primitive_of(away_from_zero)

_KNOWN = set(map(primitive_of, (known_eigh, known_eig, known_svd)))
"""Rules of derivatives take factors from these."""

_NAMED: dict[Primitive, Any] = {
    primitive_of(eigh_constants): known_eigh,
    primitive_of(eig_constants): known_eig,
    primitive_of(svd_constants): known_svd,
}

_CHECK = primitive_of(told_apart)

_AT_MATRIX, _DECOMPOSED = primitive_of(at_matrix), primitive_of(decomposed)

_DIFFERENTIABLE: dict[Primitive, tuple[Primitive, dict[str, Any]]] = {
    primitive_of(eigh_constants): (primitive_of(marked_eigh), {}),
    primitive_of(eig_constants): (primitive_of(marked_eig), {}),
    primitive_of(svd_constants): (primitive_of(marked_svd), {"full": False}),
}
"""What follows a path for the decompositions that rules take factors from."""
