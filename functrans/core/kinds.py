"""The kinds of primitives: constructors that derive the rules which mathematics gives.

=====================  ====================================  ================================
kind                   what is written                       what is derived
=====================  ====================================  ================================
``elementwise``        a partial derivative an operand       JVP, VJP, batching, shape, dtype
``chooser``            a weight (0 to 1) an operand          the same, with structural zeros
``linear``             the transpose                         JVP (the operation itself), VJP
``bilinear``           a transpose an operand                JVP by the product rule, VJP
``reduction``          a push and a pull, or a transpose     batching, shape
``nondifferentiable``  nothing                               zero derivatives by mathematics
``general``            everything                            a missing mode, by transposition
=====================  ====================================  ================================

Each returns the public function of the primitive; ``primitive_of(function)`` is its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.cotangent import masked, settle
from functrans.core.dispatch import public_function
from functrans.core.primitive import (
    ZERO,
    Primitive,
    Rule,
    Zero,
    argument_names,
    plain_rule,
    rule,
    selector,
)
from functrans.core.types import Array, ArrayType, dtype_of, shape_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.overwriting import InPlace

    Function: TypeAlias = Callable[..., Any]
    Partial: TypeAlias = Function | str | int | Zero | None


def elementwise(
    name: str,
    impl: Function,
    *partials: Partial,
    samples: Function,
    pushes: tuple[Function, ...] | None = None,
    shape: Function | None = None,
) -> Function:
    """A function of single elements, with broadcasting.

    Parameters
    ----------
    name : str
    impl : callable
        A ufunc, or a function that broadcasts like one.
    *partials : callable, str, 1, -1 or ZERO
        For each operand the partial derivative of the output: a formula of any of ``ans, x, y, z``,
        written with functrans operations; the name of one of these; a ufunc of `x`; a constant 1 or
        -1; ZERO where the output is locally constant. A formula that names ``g`` first gives the
        cotangent (and tangent) itself: ``g / y``, not ``1 / y``.
    samples : callable
    pushes : tuple of callable, optional
        The JVPs ``(t, ...)``, where they are not the VJPs (functions that are not holomorphic).
    shape : callable, optional
        Needed only if `impl` is no ufunc.

    Examples
    --------
    >>> import functrans as ft
    >>> softsign = elementwise(
    ...     "softsign",
    ...     lambda x: x / (1 + abs(x)),
    ...     lambda x: 1 / (1 + np.abs(x)) ** 2,
    ...     samples=ft.extend.unary(-2, 2),
    ...     shape=lambda x: x,
    ... )
    >>> ft.grad(softsign)(1.0)
    np.float64(0.25)
    """
    scaled = tuple(_scaling(p, name) for p in partials)
    pushing = scaled if pushes is None else tuple(rule(p, name) for p in pushes)
    return _elementwise_call(
        "elementwise", name, impl, pushing, scaled, samples=samples, shape=shape
    )


def chooser(
    name: str, impl: Function, *weights: Partial, samples: Function, shape: Function | None = None
) -> Function:
    """An elementwise function that passes its operands on with weights between 0 and 1.

    A lane of weight 0 is *structurally* zero: neither tangents nor cotangents of unselected lanes
    count, whether infinite, NaN or not. `weights` are written like the partials of `elementwise`: a
    formula gives numbers, a mask, or two masks ``(chosen, tied)``: those of the chosen lanes that
    are tied have weight 1/2.

    Examples
    --------
    >>> import functrans as ft
    >>> larger = chooser(
    ...     "larger",
    ...     lambda x, y: np.where(x > y, x, y),
    ...     lambda x, y: (x >= y, x == y),
    ...     lambda x, y: (x <= y, x == y),
    ...     samples=ft.extend.binary(-2, 2),
    ...     shape=ufunc_shape(np.maximum),
    ... )
    >>> ft.jvp(larger, (np.array([3.0, 2.0]), 2.0), (np.array([5.0, 5.0]), 1.0))[1]
    array([5., 3.])
    """
    chosen = tuple(_choosing(w, name) for w in weights)
    return _elementwise_call("chooser", name, impl, chosen, chosen, samples=samples, shape=shape)


def linear(
    name: str,
    impl: Function,
    transpose: Function,
    *,
    batch: Function,
    samples: Function,
    shape: Function | None = None,
    operands: int = 1,
    masks: str | None = "moves",
) -> Function:
    """A function linear in its first operand; further operands (indices) carry no derivative.

    `transpose(g, ...)` gives the cotangent of the operand. With ``operands=0`` the function takes
    any number of operands, is linear in all of them jointly, and `transpose` returns a cotangent
    for each. `masks` is ``"moves"`` if all coefficients are 0 or positive, so that structural
    zeros can be traced.

    Examples
    --------
    >>> import functrans as ft
    >>> turned = linear(
    ...     "turned",
    ...     lambda x: x[::-1],
    ...     lambda g: turned(g),
    ...     batch=lambda x: x[:, ::-1],
    ...     samples=lambda: [ft.extend.Sample(np.arange(3.0))],
    ... )
    >>> ft.vjp(turned, np.array([1.0, 2.0]))[1](np.array([1.0, 0.0]))
    (array([0., 1.]),)
    """
    if operands == 0:
        primitive = Primitive(
            name,
            "linear",
            impl,
            push_all=Rule(lambda ts, _, params: call(*ts, **params), selector((), name)),
            pull_all=rule(transpose, name),
            batch=batch,
            shape=shape,
            masks=masks,
            samples=samples,
        )
    else:
        others = ("y", "z", "w")[: operands - 1]
        primitive = Primitive(
            name,
            "linear",
            impl,
            pushes=(Rule(lambda t, rest, params: call(t, *rest, **params), selector(others, name)),)
            + (ZERO,) * len(others),
            pulls=(rule(transpose, name),) + (ZERO,) * len(others),
            batch=batch,
            shape=shape,
            masks=masks,
            samples=samples,
        )
    call = public_function(primitive, impl, operands)
    return call


def bilinear(
    name: str,
    impl: Function,
    transpose_x: Function,
    transpose_y: Function,
    *,
    batch: Function,
    samples: Function,
    shape: Function | None = None,
) -> Function:
    """A function of two operands, linear in each (products): one transpose for each operand.

    Examples
    --------
    >>> import functrans as ft
    >>> rowwise_dot = bilinear(
    ...     "rowwise_dot",
    ...     lambda x, y: (x * y).sum(-1),
    ...     lambda g, y: g[..., None] * y,
    ...     lambda g, x: g[..., None] * x,
    ...     batch=lambda x, y: rowwise_dot(x, y),
    ...     samples=lambda: [ft.extend.Sample(np.ones((2, 3)), np.ones((2, 3)))],
    ... )
    >>> ft.grad(rowwise_dot)(np.ones(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    primitive = Primitive(
        name,
        "bilinear",
        impl,
        pushes=(
            Rule(lambda t, y, params: call(t, *y, **params), selector(("y",), name)),
            Rule(lambda t, x, params: call(*x, t, **params), selector(("x",), name)),
        ),
        pulls=(rule(transpose_x, name), rule(transpose_y, name)),
        batch=batch,
        shape=shape,
        samples=samples,
    )
    call = public_function(primitive, impl, 2)
    return call


def reduction(
    name: str,
    impl: Function,
    *,
    samples: Function,
    transpose: Function | None = None,
    push: Function | None = None,
    pull: Function | None = None,
    dtype: Function | None = None,
    differentiable: bool = True,
) -> Function:
    """A function of one operand that removes ``axes`` (a tuple of axes >= 0; ``keepdims`` keeps
    them as 1).

    Written with `transpose` if it is linear, otherwise with `push` or `pull` or both.
    `dtype` maps the operand's dtype to the output's (default: unchanged).

    Examples
    --------
    >>> import functrans as ft
    >>> total = reduction(
    ...     "total",
    ...     lambda x, *, axes: np.sum(x, axes),
    ...     transpose=lambda g, x_type, *, axes: np.broadcast_to(
    ...         np.expand_dims(g, axes), x_type.shape
    ...     ),
    ...     samples=lambda: [ft.extend.Sample(np.ones((2, 3)), axes=(1,))],
    ... )
    >>> ft.jacrev(lambda x: total(x, axes=(1,)))(np.ones((1, 2)))
    array([[[1., 1.]]])
    """

    def batch(x: Array, *, axes: tuple[int, ...], **params: Any) -> Array:
        return call(x, axes=tuple(a + 1 for a in axes), **params)

    def shape(x: ArrayType, *, axes: tuple[int, ...], keepdims: bool = False, **params: Any) -> Any:
        kept = (
            (1 if i in axes else n for i, n in enumerate(x.shape))
            if keepdims
            else (n for i, n in enumerate(x.shape) if i not in axes)
        )
        return ArrayType(tuple(kept), dtype(x.dtype) if dtype else x.dtype)

    pushes: tuple[Rule | None, ...] = (rule(push, name) if push else None,)
    if transpose is not None:
        pushes = (Rule(lambda t, _, params: call(t, **params), selector((), name)),)
        pull = transpose
    primitive = Primitive(
        name,
        "reduction",
        impl,
        pushes=pushes,
        pulls=(rule(pull, name) if pull else None,),
        batch=batch,
        shape=shape,
        differentiable=differentiable,
        masks="moves" if transpose is not None else None,
        samples=samples,
    )
    call = public_function(primitive, impl, 1)
    return call


def nondifferentiable(
    name: str,
    impl: Function,
    *,
    samples: Function | None,
    batch: Function | None = None,
    shape: Function | None = None,
    outputs: int | None = None,
    effects: bool = False,
    parts: str | None = None,
    when_split: Function | None = None,
    when_parted: Function | None = None,
) -> Function:
    """A function whose derivative is zero wherever it has one (comparisons, rounding, sorting
    indices).

    A ufunc needs no `batch` and no `shape`. With `effects` (it prints, it calls back) graphs keep
    the operation in its place, whether its outputs are needed or not.

    Examples
    --------
    >>> import functrans as ft
    >>> parity = nondifferentiable(
    ...     "parity",
    ...     lambda x: np.floor(x) % 2,
    ...     samples=ft.extend.unary(-2, 2, complex_too=False),
    ...     batch=lambda x: parity(x),
    ...     shape=lambda x: x,
    ... )
    >>> ft.grad(lambda x: x * parity(x))(3.5)
    np.float64(1.0)
    """
    operands = 0
    if isinstance(impl, np.ufunc):
        operands = impl.nin
        shape = shape or ufunc_shape(impl)
        batch = batch or (lambda *args, batched: call(*align(args, batched)))
    primitive = Primitive(
        name,
        "nondifferentiable",
        impl,
        batch=batch,
        shape=shape,
        differentiable=False,
        outputs=outputs,
        effects=effects,
        parts=parts,
        when_split=when_split,
        when_parted=when_parted,
        samples=samples,
    )
    call = public_function(primitive, impl, operands)
    return call


def general(
    name: str,
    impl: Function,
    *,
    samples: Function | None,
    pushes: tuple[Function | Zero | None, ...] | None = None,
    pulls: tuple[Function | Zero | None, ...] | None = None,
    push_all: Function | None = None,
    pull_all: Function | None = None,
    batch: Function | None = None,
    shape: Function | None = None,
    outputs: int | None = None,
    masks: str | None = None,
    parts: str | None = None,
    splits: Function | None = None,
    tells: Function | None = None,
    when_split: Function | None = None,
    when_parted: Function | None = None,
    in_place: InPlace | None = None,
) -> Function:
    """A function whose rules are written out.

    Give `pushes` (JVP: ``(t, ...)``) or `pulls` (VJP: ``(g, ...)``), one for each operand, or both:
    the missing mode is derived by transposition. ``push_all(ts, ...)`` and ``pull_all(g, ...)``
    are for any number of operands. With several `outputs`, tangents and cotangents of outputs are
    tuples.

    Examples
    --------
    >>> import functrans as ft
    >>> scaled = general(
    ...     "scaled",
    ...     lambda x, *, factor: factor * x,
    ...     pulls=(lambda g, *, factor: factor * g,),
    ...     batch=lambda x, *, factor: scaled(x, factor=factor),
    ...     samples=lambda: [ft.extend.Sample(2.0, factor=3.0)],
    ... )
    >>> ft.jvp(lambda x: scaled(x, factor=3.0), (2.0,), (1.0,))
    (6.0, np.float64(3.0))
    """
    primitive = Primitive(
        name,
        "general",
        impl,
        pushes=_all_written(pushes, name),
        pulls=_all_written(pulls, name),
        push_all=rule(push_all, name) if push_all else None,
        pull_all=rule(pull_all, name) if pull_all else None,
        batch=batch,
        shape=shape,
        outputs=outputs,
        masks=masks,
        parts=parts,
        splits=splits,
        tells=tells,
        when_split=when_split,
        when_parted=when_parted,
        in_place=in_place,
        samples=samples,
    )
    return public_function(primitive, impl, len(pushes or pulls or ()))


def align(args: tuple[Array, ...], batched: tuple[bool, ...]) -> list[Array]:
    """Insert axes behind the batch axis so that operands of different rank broadcast as without
    it."""
    ranks = [len(shape_of(x)) - b for x, b in zip(args, batched, strict=True)]
    rank = max(ranks)
    aligned = []
    for x, b, r in zip(args, batched, ranks, strict=True):
        if b and r < rank:
            shape = shape_of(x)
            x = algebra.reshape(x, shape=shape[:1] + (1,) * (rank - r) + shape[1:])
        aligned.append(x)
    return aligned


def ufunc_shape(ufunc: np.ufunc) -> Function:
    """The shape rule of a ufunc: broadcasting, and NumPy's own promotion."""

    def shape(*types: ArrayType) -> Any:
        common = np.broadcast_shapes(*(t.shape for t in types))
        given = tuple(PYTHON_TYPES[t.dtype.kind] if t.weak else t.dtype for t in types)
        resolved = ufunc.resolve_dtypes(given + (None,) * ufunc.nout)
        outputs = tuple(ArrayType(common, d) for d in resolved[ufunc.nin :])
        return outputs[0] if ufunc.nout == 1 else outputs

    return shape


PYTHON_TYPES: dict[str, Any] = {"b": np.dtype(bool), "i": int, "f": float, "c": complex}
"""What ufuncs take for the dtype of a Python number, by the kind of dtype."""


def _elementwise_call(
    kind: str,
    name: str,
    impl: Function,
    pushes: tuple[Rule | Zero | None, ...],
    pulls: tuple[Rule | Zero | None, ...],
    *,
    samples: Function,
    shape: Function | None,
) -> Function:
    if shape is None and isinstance(impl, np.ufunc):
        shape = ufunc_shape(impl)
    if len(pulls) == 1 and getattr(np, getattr(impl, "__name__", ""), None) is not impl:
        pulls = (_projected(pulls[0]),)
    primitive = Primitive(
        name,
        kind,
        impl,
        pushes=pushes,
        pulls=pulls,
        batch=lambda *args, batched: call(*align(args, batched)),
        shape=shape,
        masks="lanes",
        samples=samples,
    )
    call = public_function(primitive, impl, len(pulls))
    return call


def _projected(pull: Rule | Zero | None) -> Rule | Zero | None:
    """The pull of a function from outside NumPy: brought to the dtype of the operand here.

    Reverse mode projects nothing where an operand cannot have broadcast, and NumPy's own functions
    are tested to keep the dtype. A constant in double precision changes it, or ``1j``.
    """
    if not isinstance(pull, Rule):
        return pull
    return Rule(
        lambda g, residuals, params: settle(pull.apply(g, residuals[1:], params), residuals[0]),
        lambda ans, args: (type_of(args[0]), *pull.select(ans, args)),
    )


def _scaling(partial: Partial, owner: str) -> Rule | Zero | None:
    """The rule ``g -> g * partial``, which is both push and pull of an elementwise function."""
    if partial is None or isinstance(partial, Zero):
        return partial
    if partial == 1 or partial == -1:
        return plain_rule(_same if partial == 1 else _negated, (), owner)
    if isinstance(partial, str):
        return plain_rule(_multiply, (partial,), owner)
    if isinstance(partial, np.ufunc) and partial.nin == partial.nout == 1:
        return plain_rule(lambda g, x: _multiply(g, partial(x)), ("x",), owner)
    formula: Any = partial  # what is no formula is refused by argument_names
    names = argument_names(formula, owner)
    if names[:1] == ("g",):
        return rule(formula, owner)
    if len(names) == 1:
        return plain_rule(lambda g, value: _multiply(g, formula(value)), names, owner)
    return plain_rule(lambda g, *values: _multiply(g, formula(*values)), names, owner)


_multiply = np.multiply  # traced arrays take part in it by NumPy's own protocol


def _same(g: Array, _: None) -> Array:
    return g


def _negated(g: Array, _: None) -> Array:
    return algebra.negative(g)


def _choosing(weight: Partial, owner: str) -> Rule | Zero | None:
    """The rule ``g -> g * weight``, structurally zero where the weight is zero."""
    if weight is None or isinstance(weight, Zero):
        return weight
    formula: Any = weight
    names = argument_names(formula, owner)

    def weigh(g: Array, *values: Array) -> Any:
        w = formula(*values)
        if type(w) is tuple:
            selected, tied = w
            # Ties are rare, and halving costs two arrays.
            if type(tied) is not np.ndarray or tied.any():
                g = algebra.where(tied, algebra.multiply(0.5, g), g)
            return masked(g, selected)
        if dtype_of(w).kind == "b":
            return masked(g, w)
        return masked(algebra.multiply(g, w), algebra.not_equal(w, 0))

    return plain_rule(weigh, names, owner)


def _all_written(
    formulas: tuple[Function | Zero | None, ...] | None, owner: str
) -> tuple[Rule | Zero | None, ...] | None:
    if formulas is None:
        return None
    return tuple(f if f is None or isinstance(f, Zero) else rule(f, owner) for f in formulas)
