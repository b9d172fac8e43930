"""Eigenvalues of Hermitian matrices and singular values alone.

Their cotangents make a matrix, by `hermitian_from` or `singular_from`, whose derivative is exact at
equal values if the function is symmetric in them: in forward mode it takes vectors that the tangent
leaves apart (parting.py), in reverse mode the slopes that a transform tells (slopes.py). What it
cannot know is NaN, with a warning.

First derivatives of each of several equal values are those along the vectors that LAPACK returns,
in both modes. Where a derivative is taken of what they are used for (`Primitive.below`), a tangent
parts them, and each has its one-sided derivative. Singular values that vanish have a kink, and
derivative 0 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType

from .arithmetic import add, multiply, real, subtract
from .comparison import equal, logical_and, logical_or, not_equal
from .contraction import column, matmul, matrix_transpose, row
from .decompositions import conjugated, hermitian_samples, svd_constants, svd_shape
from .degenerate import every_lane, marks, reciprocal_gaps, told_apart, unmarked
from .indexing import from_diagonal
from .linalg import adjoint, symmetrized
from .parting import noted, parted, parting_doubt, unpaired, vanishing_doubt
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shifts import second_check, shifts
from .slopes import (
    at_the_bottom,
    lopsided_pairs,
    parting_rates,
    rotation,
    slope_products,
    ties,
    vanish,
    vanishing_rates,
)
from .spectral import (
    away_from_zero,
    eigh_constants,
    eigh_shape,
    eigh_tangent,
    eigvalsh_shape,
    known_eigh,
    known_svd,
    svd_samples,
    svd_tangent,
    zero_at_zero,
)
from .vanishing import on_diagonal, svd_telling, vanishing_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.kinds import Function


def between_equal(inner: Array, g: Array, w: Array, t_g: Array, used: Array, name: str) -> Array:
    """``(g[j] - g[i]) / (w[j] - w[i]) * inner`` at ``i, j``; `inner` has nothing between equal
    values."""
    doubt = parting_doubt(inner, w, g, t_g, used, name=name)
    doubt = logical_or(doubt, lopsided_pairs(inner, g, w, name=name))
    products = multiply(subtract(row(g), column(g)), unpaired(inner, w, used, name=name))
    return multiply(reciprocal_gaps(w), noted(products, w, doubt, name=name))


# Eigenvalues of Hermitian matrices.


def parted_eigh(t: Array, x: Array, used: Array | None, uplo: str) -> tuple[Array, Array]:
    """Eigenvalues, and vectors between which the tangent has nothing where values are equal."""
    w, v = eigh_constants(x, uplo=uplo)
    v = matmul(v, parted(matmul(adjoint(v), matmul(t, v)), w))
    factors: tuple[Array, Array] = known_eigh(x, w, v, every_lane(w) if used is None else used)
    return factors


def hermitian_from_impl(x: Array, y: Array, z: Array, *, uplo: Any) -> Array:
    v = np.linalg.eigh(x, uplo)[1]
    return np.asarray((v * y[..., None, :]) @ v.mT.conj())


def hermitian_from_push(ts: Any, x: Array, y: Array, z: Array, *, uplo: str) -> Array:
    t = symmetrized(ts[0])
    w, v = parted_eigh(t, x, z, uplo)
    inner = matmul(adjoint(v), matmul(t, v))
    middle = add(from_diagonal(ts[1]), between_equal(inner, y, w, ts[1], z, "eigh"))
    return symmetrized(matmul(v, matmul(middle, adjoint(v))))


def hermitian_from_pull(g: Array, x: Array, y: Array, z: Array, *, uplo: str) -> Array:
    w, v = known_eigh(x, *eigh_constants(x, uplo=uplo), z)
    inner = matmul(matrix_transpose(v), matmul(g, conjugated(v)))
    inner = slope_products(inner, inner, y, w, x, z, "eigh")
    return symmetrized(matmul(conjugated(v), matmul(inner, matrix_transpose(v))))


def hermitian_from_pull_values(g: Array, x: Array, z: Array, *, uplo: str) -> Array:
    v = known_eigh(x, *eigh_constants(x, uplo=uplo), z)[1]
    return sum(real(multiply(v, matmul(g, conjugated(v)))), axes=(v.ndim - 2,))


def hermitian_from_samples() -> list[Sample]:
    """Matrices as for eigvalsh, and a cotangent for each value."""
    samples = []
    for case in hermitian_samples(uplo="L")() + hermitian_samples(uplo="U")()[:3]:
        (x,) = case.args
        g = draw(x.shape[:-1], -1, 1, 3).astype(x.real.dtype)
        used = np.ones(g.shape, bool)
        samples.append(Sample(x, g, used, label=case.label, along=case.along, **case.params))
    equal = np.array([1.0, 1.0]), np.ones(2, bool)
    return [*samples, Sample(np.eye(2), *equal, uplo="L", smooth=False, value=np.eye(2))]


hermitian_from: Function = general(
    "hermitian_from",  # the Hermitian matrix with the vectors of x, and with the values y
    hermitian_from_impl,
    push_all=hermitian_from_push,
    pulls=(hermitian_from_pull, hermitian_from_pull_values, ZERO),
    batch=lambda x, y, z, *, uplo: hermitian_from(x, y, z, uplo=uplo),
    shape=lambda x, y, z, *, uplo: eigh_shape(x)[1],
    samples=hermitian_from_samples,
)


def used_values(g: Array, mark: Array) -> Array:
    """Which values are used, from their cotangents and those of their marks."""
    return logical_or(not_equal(mark, 0), not_equal(g, 0))


def real_pairing(a: Array, b: Array) -> Array:
    """The real parts of the inner products of columns."""
    return sum(real(multiply(conjugated(a), b)), axes=(a.ndim - 2,))


def values_along(t: Array, v: Array) -> Array:
    """The tangents of eigenvalues: what the tangent of the matrix is at each vector."""
    return real_pairing(v, matmul(t, v))


def eigh_rates_impl(x: Array, t: Array, *, uplo: Any) -> Array:
    v = np.linalg.eigh(x, uplo)[1]
    return np.asarray(np.real(v.conj() * (t @ v)).sum(-2))


def eigh_rates_push_matrix(t: Array, x: Array, y: Array, *, uplo: str) -> Array:
    w, v = eigh_constants(x, uplo=uplo)
    w, v = known_eigh(x, w, v, every_lane(w))
    turned = eigh_tangent(t, (w, v), every_lane(w))[1]
    return multiply(2, real_pairing(turned, matmul(symmetrized(y), v)))


def eigh_rates_pull_matrix(g: Array, x: Array, y: Array, *, uplo: str) -> Array:
    return hermitian_from_pull(matrix_transpose(y), x, g, every_lane(g), uplo=uplo)


def eigh_rates_pull_tangent(g: Array, x: Array, *, uplo: str) -> Array:
    return matrix_transpose(hermitian_from(x, g, every_lane(g), uplo=uplo))


def without_direction(w: Array, t: Array, later: bool) -> Any:
    """What `Primitive.along` returns where no values are equal, or the direction is not known yet;
    False elsewhere: in a graph, too, where values may turn out to be equal."""
    if ties(w) is False:
        return None
    return NotImplemented if later and at_the_bottom(t) is None else False


def eigh_rates_along(
    operands: Sequence[Array], tangents: Sequence[Any], params: dict[str, Any], later: bool
) -> Any:
    """At equal values along a tangent of the matrix: by vectors that this leaves apart, so that the
    rates of a symmetric function need no more than each other's derivatives."""
    (x, y), (t, t_y) = operands, tangents
    if t is None:
        return None
    if (found := without_direction(eigh_constants(x, **params)[0], t, later)) is not False:
        return found
    t = symmetrized(t)
    basis = w, v = parted_eigh(t, x, None, **params)
    change = eigh_tangent(t, basis, every_lane(w))[1]
    v_h = adjoint(v)
    turn = rotation(matmul(v_h, matmul(t, v)), matmul(v_h, matmul(t, change)), w)
    change = add(change, matmul(v, turn))
    tangent = multiply(2, real_pairing(change, matmul(symmetrized(y), v)))
    if t_y is not None:
        tangent = add(tangent, values_along(t_y, v))
    return values_along(y, v), tangent


def eigh_rates_samples() -> list[Sample]:
    """Matrices as for eigvalsh, each with a Hermitian tangent."""
    samples = []
    for case in hermitian_samples(uplo="L")() + hermitian_samples(uplo="U")()[:3]:
        (x,) = case.args
        t = draw_complex(x.shape, -1, 1, 3) if x.dtype.kind == "c" else draw(x.shape, -1, 1, 3)
        t = (t + t.mT.conj()).astype(x.dtype)
        samples.append(Sample(x, t, label=case.label, along=case.along, **case.params))
    return [
        *samples,
        Sample(np.diag([1.0, 3.0]), np.diag([1.0, 2.0]), uplo="L", smooth=False, value=[1, 2]),
    ]


eigh_rates: Function = general(
    "eigh_rates",  # the derivatives of eigenvalues of x along the Hermitian matrix y
    eigh_rates_impl,
    pushes=(
        eigh_rates_push_matrix,
        lambda t, x, *, uplo: eigh_rates(x, t, uplo=uplo),
    ),
    pulls=(eigh_rates_pull_matrix, eigh_rates_pull_tangent),
    along=eigh_rates_along,
    batch=lambda x, y, *, uplo: eigh_rates(x, y, uplo=uplo),
    shape=lambda x, y, *, uplo: eigvalsh_shape(x),
    samples=eigh_rates_samples,
)


def eigvalsh_push(t: Array, x: Array, *, uplo: str) -> tuple[Array, ...]:
    return marks((eigh_rates(x, symmetrized(t), uplo=uplo),))


def parted_eigvalsh_push(t: Array, x: Array, *, uplo: str) -> tuple[Array, ...]:
    t = symmetrized(t)
    return marks((values_along(t, parted_eigh(t, x, None, uplo)[1]),))


def eigvalsh_pull(g: tuple[Array, Array], ans: Any, x: Array, *, uplo: str) -> Array:
    used = used_values(*g)
    values = told_apart(g[0], ans[0], used, name="eigh")
    return matrix_transpose(hermitian_from(x, values, used, uplo=uplo))


def parted_eigvalsh_pull(g: tuple[Array, Array], x: Array, *, uplo: str) -> Array:
    return matrix_transpose(hermitian_from(x, g[0], used_values(*g), uplo=uplo))


def eigvalsh_tells(outs: Any, xs: Any, ts: Any, params: Any, nested: bool) -> Any:
    """Equal values whose tangents are not those of each."""
    if ties(outs[0]) is False:
        return None
    w, v = eigh_constants(xs[0], **params)
    t = symmetrized(ts[0])
    found, check, _ = shifts(matmul(adjoint(v), matmul(t, v)), w, "eigh")
    return 0, found, check, second_check(t, xs[0], v, v, w, "eigh") if nested else None


def of_eigvalsh(name: str, push: Any, pull: Any, below: Function | None) -> Function:
    """One of the two primitives with these values."""
    call: Function = general(
        name,
        lambda x, *, uplo: marks((np.linalg.eigvalsh(x, uplo),)),
        pushes=(push,),
        pulls=(pull,),
        batch=lambda x, *, uplo: call(x, uplo=uplo),
        shape=lambda x, *, uplo: (eigvalsh_shape(x),) * 2,
        outputs=2,
        below=below,
        splits=None if below else parting_rates,
        splits_along=None if below else parting_rates,
        tells=eigvalsh_tells if below else None,
        samples=lambda: [
            *hermitian_samples(uplo="L")(),
            *hermitian_samples(uplo="U")(),
            Sample(np.eye(2), uplo="L", pinned=[np.eye(2)], label="equal"),
        ],
    )
    return call


parted_eigvalsh = of_eigvalsh("parted_eigvalsh", parted_eigvalsh_push, parted_eigvalsh_pull, None)
marked_eigvalsh = of_eigvalsh("eigvalsh", eigvalsh_push, eigvalsh_pull, parted_eigvalsh)


def eigvalsh(x: Array, *, uplo: str) -> Array:
    """Eigenvalues, the smallest first."""
    return unmarked(marked_eigvalsh(x, uplo=uplo))[0]


# Singular values.


def parted_svd(t: Array, x: Array, used: Array | None) -> tuple[Array, Array, Array]:
    """The factors, with vectors between which the tangent's Hermitian part has nothing where values
    are equal."""
    u, s, vh = svd_constants(x)
    turns = parted(matmul(matmul(adjoint(u), t), adjoint(vh)), s)
    turned = matmul(u, turns), s, matmul(adjoint(turns), vh)
    factors: tuple[Array, Array, Array] = known_svd(
        x, *turned, every_lane(s) if used is None else used
    )
    return factors


def singular_from_impl(x: Array, y: Array, z: Array) -> Array:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    y = np.where((s == 0) & ~np.isnan(y), 0, y)  # what is undetermined remains so
    return np.asarray((u * y[..., None, :]) @ vh)


def singular_from_push(ts: Any, x: Array, y: Array, z: Array) -> Array:
    t = ts[0]
    u, s, vh = parted_svd(t, x, z)
    weight = away_from_zero(s)
    g, t_g = multiply(weight, y), multiply(weight, ts[1])
    left, right = matmul(t, adjoint(vh)), matmul(adjoint(u), t)
    inner = matmul(right, adjoint(vh))
    outside_left = subtract(left, matmul(u, inner))
    outside_right = subtract(right, matmul(inner, vh))
    limit, unknown = vanishing_limit(y, s, x, z)
    doubt = vanishing_doubt(inner, outside_left, adjoint(outside_right), s, y, z)
    doubt = logical_and(doubt, unknown)
    # The Hermitian part of the tangent parts the values, the rest turns both sides against another.
    hermitian = symmetrized(inner)
    apart = multiply(subtract(inner, hermitian), zero_at_zero(add(row(s), column(s))))
    middle = add(from_diagonal(t_g), multiply(apart, add(row(g), column(g))))
    middle = add(middle, multiply(multiply(inner, row(limit)), column(equal(s, 0))))
    middle = add(middle, between_equal(hermitian, g, s, t_g, z, "svd"))
    middle = noted(middle, s, on_diagonal(doubt), name="svd")
    ratio = add(multiply(g, zero_at_zero(s)), limit)
    out = matmul(u, matmul(middle, vh))
    if x.shape[-2] > s.shape[-1]:
        out = add(out, matmul(multiply(outside_left, row(ratio)), vh))
    if x.shape[-1] > s.shape[-1]:
        out = add(out, matmul(multiply(u, row(ratio)), outside_right))
    return out


def singular_from_pull(g: Array, x: Array, y: Array, z: Array) -> Array:
    u, s, vh = known_svd(x, *svd_constants(x), z)
    values = multiply(away_from_zero(s), y)
    limit, unknown = vanishing_limit(y, s, x, z)
    u_t, v = matrix_transpose(u), matrix_transpose(vh)  # v is not conjugated
    left, right = matmul(g, v), matmul(u_t, g)
    inner = matmul(right, v)
    outside_left = subtract(left, matmul(conjugated(u), inner))
    outside_right = subtract(right, matmul(inner, conjugated(vh)))
    doubt = vanishing_doubt(inner, outside_left, adjoint(outside_right), s, y, z)
    doubt = logical_and(doubt, unknown)
    hermitian = symmetrized(inner)
    apart = multiply(subtract(inner, hermitian), zero_at_zero(add(row(s), column(s))))
    middle = multiply(apart, add(row(values), column(values)))
    middle = add(middle, multiply(multiply(inner, row(limit)), column(equal(s, 0))))
    middle = add(middle, slope_products(hermitian, inner, values, s, x, z, "svd"))
    middle = noted(middle, s, on_diagonal(doubt), name="svd")
    ratio = add(multiply(values, zero_at_zero(s)), limit)
    out = matmul(conjugated(u), matmul(middle, conjugated(vh)))
    if x.shape[-2] > s.shape[-1]:
        out = add(out, matmul(multiply(outside_left, row(ratio)), conjugated(vh)))
    if x.shape[-1] > s.shape[-1]:
        out = add(out, matmul(multiply(conjugated(u), row(ratio)), outside_right))
    return out


def singular_from_pull_values(g: Array, x: Array, z: Array) -> Array:
    u, s, vh = known_svd(x, *svd_constants(x), z)
    part = matmul(g, matrix_transpose(vh))
    return multiply(away_from_zero(s), sum(real(multiply(u, part)), axes=(u.ndim - 2,)))


def singular_from_samples() -> list[Sample]:
    """Matrices as for svdvals, and a cotangent for each value."""
    samples = []
    for case in [*svd_samples(), Sample(draw_complex((2, 3), -1, 1), label="complex")]:
        (x,) = case.args
        shape = (*x.shape[:-2], min(x.shape[-2:]))
        g = draw(shape, -1, 1, 3).astype(x.real.dtype)
        samples.append(Sample(x, g, np.ones(shape, bool), label=case.label))
    equal = np.array([1.0, 1.0]), np.ones(2, bool)
    return [*samples, Sample(np.eye(2), *equal, smooth=False, value=np.eye(2))]


singular_from: Function = general(
    "singular_from",  # the matrix with the singular vectors of x, and with the values y
    singular_from_impl,
    push_all=singular_from_push,
    pulls=(singular_from_pull, singular_from_pull_values, ZERO),
    batch=lambda x, y, z: singular_from(x, y, z),
    shape=lambda x, y, z: ArrayType(x.shape, svd_shape(x, full=False)[0].dtype),
    samples=singular_from_samples,
)


def singular_along(t: Array, u: Array, s: Array, vh: Array) -> Array:
    """The tangents of singular values, 0 for those that vanish."""
    part = matmul(t, adjoint(vh))
    return multiply(away_from_zero(s), real_pairing(u, part))


def svd_rates_impl(x: Array, t: Array) -> Array:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    rates = np.real(u.conj() * (t @ vh.mT.conj())).sum(-2)
    return np.asarray(np.where(s == 0, 0, rates))


def svd_rates_push_matrix(t: Array, x: Array, y: Array) -> Array:
    factors = svd_constants(x)
    u, s, vh = known_svd(x, *factors, every_lane(factors[1]))
    t_u, _, t_vh = svd_tangent(t, (u, s, vh), every_lane(s))
    left = real_pairing(t_u, matmul(y, adjoint(vh)))
    return multiply(away_from_zero(s), add(left, real_pairing(u, matmul(y, adjoint(t_vh)))))


def svd_rates_along(
    operands: Sequence[Array], tangents: Sequence[Any], params: dict[str, Any], later: bool
) -> Any:
    """As `eigh_rates_along`."""
    (x, y), (t, t_y) = operands, tangents
    if t is None:
        return None
    if (found := without_direction(svd_constants(x)[1], t, later)) is not False:
        return found
    u, s, vh = parted_svd(t, x, None)
    t_u, _, t_vh = svd_tangent(t, (u, s, vh), every_lane(s))
    v, t_v, u_h = adjoint(vh), adjoint(t_vh), adjoint(u)
    second = add(matmul(u_h, matmul(t, t_v)), matmul(vh, matmul(adjoint(t), t_u)))
    turn = rotation(symmetrized(matmul(u_h, matmul(t, v))), multiply(0.5, second), s)
    t_u, t_v = add(t_u, matmul(u, turn)), add(t_v, matmul(v, turn))
    left = real_pairing(t_u, matmul(y, v))
    tangent = multiply(away_from_zero(s), add(left, real_pairing(u, matmul(y, t_v))))
    if t_y is not None:
        tangent = add(tangent, singular_along(t_y, u, s, vh))
    return singular_along(y, u, s, vh), tangent


def svd_rates_pull_matrix(g: Array, x: Array, y: Array) -> Array:
    return singular_from_pull(conjugated(y), x, g, every_lane(g))


def svd_rates_samples() -> list[Sample]:
    """Matrices as for svdvals, each with a tangent."""
    samples = []
    for case in [*svd_samples(), Sample(draw_complex((2, 3), -1, 1), label="complex")]:
        (x,) = case.args
        t = draw_complex(x.shape, -1, 1, 3) if x.dtype.kind == "c" else draw(x.shape, -1, 1, 3)
        samples.append(Sample(x, t.astype(x.dtype), label=case.label))
    return [*samples, Sample(np.diag([3.0, 1.0]), np.diag([1.0, 2.0]), value=[1, 2])]


svd_rates: Function = general(
    "svd_rates",  # the derivatives of singular values of x along the matrix y
    svd_rates_impl,
    pushes=(svd_rates_push_matrix, lambda t, x: svd_rates(x, t)),
    pulls=(
        svd_rates_pull_matrix,
        lambda g, x: conjugated(singular_from(x, g, every_lane(g))),
    ),
    along=svd_rates_along,
    batch=lambda x, y: svd_rates(x, y),
    shape=lambda x, y: svd_shape(x, full=False)[1],
    samples=svd_rates_samples,
)


def svdvals_push(t: Array, x: Array) -> Array:
    return svd_rates(x, t)


def parted_svdvals_push(t: Array, x: Array) -> Array:
    return singular_along(t, *parted_svd(t, x, None))


def svdvals_pull(g: tuple[Array, Array], ans: Any, x: Array) -> Array:
    used = used_values(*g)
    return conjugated(singular_from(x, told_apart(g[0], ans[0], used, name="svd"), used))


def parted_svdvals_pull(g: tuple[Array, Array], x: Array) -> Array:
    return conjugated(singular_from(x, g[0], used_values(*g)))


def svdvals_tells(outs: Any, xs: Any, ts: Any, params: Any, nested: bool) -> Any:
    """Equal values whose tangents are not those of each, and those that vanish."""
    if ties(outs[0]) is False and not vanish(outs[0]):
        return None
    return svd_telling(0, xs[0], ts[0], svd_constants(xs[0]), nested, pulled=False)


def of_svdvals(name: str, push: Any, pull: Any, below: Function | None) -> Function:
    """One of the two primitives with these values."""
    call: Function = general(
        name,
        lambda x: marks((np.linalg.svd(x, compute_uv=False),)),
        pushes=(lambda t, x: marks((push(t, x),)),),
        pulls=(pull,),
        batch=lambda x: call(x),
        shape=lambda x: (svd_shape(x, full=False)[1],) * 2,
        outputs=2,
        below=below,
        splits=None if below else vanishing_rates,
        splits_along=None if below else vanishing_rates,
        tells=svdvals_tells if below else None,
        samples=lambda: [
            *svd_samples(),
            Sample(draw_complex((2, 3), -1, 1), label="complex"),
            Sample(np.zeros((2, 2)), pinned=[np.zeros((2, 2))], label="zero"),
            Sample(np.eye(2), pinned=[np.eye(2)], label="equal singular values"),
            Sample(np.diag([3.0, 0.0]), pinned=[np.diag([1.0, 0.0])], label="rank n - 1"),
        ],
    )
    return call


parted_svdvals = of_svdvals("parted_svdvals", parted_svdvals_push, parted_svdvals_pull, None)
marked_svdvals = of_svdvals("svdvals", svdvals_push, svdvals_pull, parted_svdvals)


def svdvals(x: Array) -> Array:
    """Singular values, the largest first."""
    return unmarked(marked_svdvals(x))[0]
