"""What derivatives of eigenvectors and singular vectors leave out at equal values, and saying so.

Vectors of equal values may turn into each other. A derivative leaves that turn out, which is right
for the space that they span and wrong for a function of the matrix such as its logarithm. Which
of them is computed cannot always be told from cotangents: zero cotangents come from either. So the
factors pass through `watched`, which tells the derivative rule which lanes of them are used at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.declining import DeclinedError, declined
from functrans.core.errors import DegenerateWarning, warn_user
from functrans.core.kinds import elementwise, general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, shape_of

from .arithmetic import multiply, negative, subtract
from .comparison import where
from .contraction import column, row
from .nearness import alike_values, equal_pairs, near_pairs, width_of
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.kinds import Function


def unlike_others(operands: Sequence[Array], params: dict[str, Any]) -> Array:
    """The same of values that have parted."""
    shape = shape_of(operands[0])
    return np.broadcast_to(np.eye(shape[-1], dtype=bool), (*shape, shape[-1]))


def pairs_of(w: ArrayType) -> ArrayType:
    """The type of a mask of pairs of values."""
    return ArrayType((*w.shape, w.shape[-1]), np.dtype(bool))


alike: Function = nondifferentiable(
    "alike",  # where two values are equal up to rounding; a value is like itself
    alike_values,
    batch=lambda w: alike(w),
    shape=pairs_of,
    when_parted=unlike_others,
    samples=lambda: [
        Sample(np.array([1.0, 2.0]), smooth=False, value=np.eye(2, dtype=bool)),
        Sample(np.array([[1.0, 1.0 + 1e-16j]]), smooth=False, value=np.ones((1, 2, 2), bool)),
    ],
)

parting_reciprocal: Function = elementwise(
    "parting_reciprocal",  # of differences of values, which may part from zero
    lambda x: np.reciprocal(x),
    lambda ans: negative(multiply(ans, ans)),
    shape=lambda x: x,
    samples=lambda: [
        Sample(np.array([1.0, -2.0])),
        Sample(np.array([1.0 + 2j]), label="complex"),
        Sample(np.array([4.0], np.float32), label="float32"),
    ],
)


def reciprocal_gaps(w: Array) -> Array:
    """At ``i, j`` the number ``1 / (w[j] - w[i])``; 1 for values that are equal, 0 for one value
    and itself."""
    gaps = where(alike(w), 1, subtract(row(w), column(w)))
    return where(np.eye(shape_of(w)[-1], dtype=bool), 0, parting_reciprocal(gaps))


def first_operand(operands: Sequence[Array], params: dict[str, Any]) -> Array:
    """What has nothing to look for where values have parted."""
    return operands[0]


# Decompositions of what others return (transforms/expansion.py).


def _batched_at_matrix(t: Array, x: Array, *, batched: tuple[bool, bool]) -> Array:
    """`x` stays as it is: a copy for each lane would know of no point where it is `decomposed`."""
    if not batched[0]:
        t = where(np.ones((shape_of(x)[0], *(1,) * len(shape_of(t))), bool), t, 0)
    return at_matrix(t, x)


at_matrix: Function = general(
    "at_matrix",  # a tangent or cotangent t of a matrix: its limit, if the matrix is `decomposed`
    lambda t, x: t,
    pushes=(lambda t, y: at_matrix(t, y), ZERO),
    pulls=(lambda g, y: at_matrix(g, y), ZERO),
    batch=_batched_at_matrix,
    shape=lambda t, x: t,
    samples=lambda: [
        Sample(np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2), value=[[1, 2], [3, 4]]),
        Sample(draw_complex((2, 2), -1, 1), 1j * np.eye(2), label="complex"),
    ],
)
decomposed: Function = general(
    "decomposed",  # a matrix, for a decomposition of this name that may begin on a path of its own
    lambda x, *, of, options: x,
    pushes=(lambda t, ans: at_matrix(t, ans),),
    pulls=(lambda g, ans: at_matrix(g, ans),),
    batch=lambda x, **params: decomposed(x, **params),
    shape=lambda x, **params: x,
    samples=lambda: [
        Sample(draw((2, 2), -1, 1), of="svd", options=(("full", False),)),
        Sample(draw_complex((2, 2), -1, 1), of="eig", options=(), label="complex"),
    ],
)


# Which lanes of a factor are used.

watched: Function = general(
    "watched",
    lambda x, mark: x,
    pushes=(lambda t: t, lambda t: t),
    # A mark, which is zero, has the cotangent 1 wherever `x` is used, be its own zero or not.
    pulls=(lambda g: g, lambda g, y_type: np.ones(y_type.shape, y_type.dtype)),
    batch=lambda x, mark: watched(x, mark),
    shape=lambda x, mark: x,
    masks="lanes",
    samples=lambda: [
        Sample(np.zeros((2, 2)), np.zeros((2, 2)), pinned=[np.ones((2, 2))] * 2),
        Sample(draw((2, 2), -1, 1), np.zeros((2, 2), int), label="factor"),
        Sample(draw_complex((2, 2), -1, 1), np.zeros((2, 2), int), label="complex"),
    ],
)


def marks(factors: tuple[Array, ...]) -> tuple[Array, ...]:
    """The factors, and a mark for each."""
    return (*factors, *map(np.zeros_like, factors))


def unmarked(factors: tuple[Array, ...]) -> tuple[Array, ...]:
    """The factors, watched."""
    half = len(factors) // 2
    return tuple(map(watched, factors[:half], factors[half:]))


def constants(
    name: str, impl: Function, shape: Function, outputs: int, parts: str, sample: Sample
) -> Function:
    """The factors as numbers, for derivative rules that account for their change themselves."""
    call: Function = nondifferentiable(
        name,
        impl,
        batch=lambda x, **params: call(x, **params),
        shape=shape,
        outputs=outputs,
        parts=parts,
        samples=lambda: [sample],
    )
    return call


# Where the result is in doubt. All of these give a mask of pairs.


def countable_pairs(w: Array, name: str) -> Array:
    """Pairs of equal values, but of singular values that vanish, which have a kink of their own."""
    pairs = equal_pairs(w)
    return pairs & (w != 0)[..., None] if name == "svd" else pairs


def mirrored(x: Array) -> Array:
    return x.mT.conj()


def column_noise(x: Array) -> Array:
    """How large rounding makes the elements of products that are columns of `x`."""
    eps = np.finfo(x.dtype).eps
    return 16 * eps * x.shape[-1] * np.linalg.norm(x, axis=-2, keepdims=True)


def _turn_impl(x: Array, w: Array) -> Array:
    pairs = equal_pairs(w)
    if not pairs.any():
        return pairs
    size = np.linalg.norm(x, axis=(-2, -1), keepdims=True)
    return pairs & (np.abs(x) > 16 * np.finfo(x.dtype).eps * x.shape[-1] * size)


def _eigh_impl(x: Array, w: Array, used_w: Array, used_v: Array) -> Array:
    pairs = equal_pairs(w)
    if not pairs.any():
        return pairs
    noise = column_noise(x)
    turned = np.abs(x - mirrored(x)) > noise + noise.mT
    return pairs & (turned | _joint(x, noise, used_w, used_v))


def _joint(x: Array, noise: Array, used_w: Array, used_v: Array) -> Array:
    """Pairs of lanes whose values and vectors make up a function that depends on their turn.

    A cotangent off the diagonal shows it. It cannot show where the function vanishes, as the
    logarithm at 1: there the cotangents of used vectors are all zero.
    """
    used = (used_v != 0).any(-2)[..., None, :]
    large = np.abs(x) > noise
    silent = used & (noise == 0)
    values = used_w[..., None, :] != 0
    values = values | values.mT
    return values & (large | large.mT | silent | silent.mT)


def _svd_impl(
    x_u: Array,
    x_v: Array,
    left: Array,
    right: Array,
    s: Array,
    used_u: Array,
    used_s: Array,
    used_v: Array,
) -> Array:
    none = s == 0
    pairs = equal_pairs(s)
    if not (pairs.any() or none.any()):
        return pairs
    noise_u, noise_v = column_noise(x_u), column_noise(x_v)
    apart_u, apart_v = x_u - mirrored(x_u), x_v - mirrored(x_v)
    noise = noise_u + noise_u.mT + noise_v + noise_v.mT
    turned = np.abs(apart_u + apart_v) > noise
    joint = _joint(x_u, noise_u, used_s, used_u) | _joint(x_v, noise_v, used_s, used_v)
    u, values, v = (used_u != 0).any(-2), used_s != 0, (used_v != 0).any(-2)
    outside = (_outside(left, x_u) | _outside(right, x_v)) & none
    # Left and right vectors of vanishing values turn, and change sign, each by themselves.
    lanes = none & ((u & v) | (values & (u | v))) | outside
    return pairs & (turned | joint) | lanes[..., None] & np.eye(s.shape[-1], dtype=bool)


def _svd_push_impl(inner: Array, left: Array, right: Array, s: Array) -> Array:
    none = s == 0
    pairs = equal_pairs(s)
    if not (pairs.any() or none.any()):
        return pairs
    sizes = [np.linalg.norm(x, axis=(-2, -1), keepdims=True) for x in (inner, left, right)]
    n = left.shape[-2] + right.shape[-2]
    noise = 16 * np.finfo(inner.dtype).eps * n * (sizes[0] + sizes[1] + sizes[2])
    turned = pairs & (np.abs(inner + mirrored(inner)) > noise)
    vanishing = none[..., None] & none[..., None, :]
    outside = (np.abs(left) > noise).any(-2) | (np.abs(right) > noise).any(-2)
    lanes = (none & outside)[..., None] & np.eye(s.shape[-1], dtype=bool)
    return turned | lanes | vanishing & (np.abs(inner) > noise)


def _outside(rest: Array, x: Array) -> Array:
    """Columns whose cotangents have a part that the other vectors do not span."""
    size = np.linalg.norm(rest, axis=-2)
    whole = np.hypot(size, np.linalg.norm(x, axis=-2))
    eps = np.finfo(x.dtype).eps
    return size > 16 * eps * (rest.shape[-2] + 1) * whole


def _eig_impl(x: Array, w: Array, used_w: Array, used_v: Array) -> Array:
    """A function of the matrix has no cotangents between equal values: use alone tells."""
    pairs = equal_pairs(w)
    if not pairs.any():
        return pairs
    used = (used_v != 0).any(-2)[..., None, :] & (used_w[..., None, :] != 0)
    return _turn_impl(x, w) | pairs & (used | used.mT)


def _of_pairs(name: str, impl: Function, sample: Sample, values: int) -> Function:
    call: Function = nondifferentiable(
        name,
        impl,
        batch=lambda *xs: call(*xs),
        shape=lambda *types: pairs_of(types[values]),
        when_parted=lambda operands, params: np.zeros(pairs_of(operands[values]).shape, bool),
        samples=lambda: [sample],
    )
    return call


_SQUARE, _PAIR = draw((2, 2), -1, 1), np.ones(2)
_OFF_DIAGONAL = [[False, True], [True, False]]
turn_doubt = _of_pairs("turn_doubt", _turn_impl, Sample(_SQUARE, _PAIR, value=_OFF_DIAGONAL), 1)
eigh_doubt = _of_pairs(
    "eigh_doubt", _eigh_impl, Sample(_SQUARE, _PAIR, _PAIR, _SQUARE, value=_OFF_DIAGONAL), 1
)
eig_doubt = _of_pairs(
    "eig_doubt", _eig_impl, Sample(_SQUARE, _PAIR, _PAIR, _SQUARE, value=_OFF_DIAGONAL), 1
)
svd_push_doubt = _of_pairs(
    "svd_push_doubt",
    _svd_push_impl,
    Sample(_SQUARE, _SQUARE, _SQUARE, _PAIR, value=_OFF_DIAGONAL),
    3,
)
svd_doubt = _of_pairs(
    "svd_doubt",
    _svd_impl,
    Sample(_SQUARE, _SQUARE, _SQUARE, _SQUARE, _PAIR, _SQUARE, _PAIR, _SQUARE, value=_OFF_DIAGONAL),
    4,
)


# Leaving out the turn.


def decline_near(w: Array, name: str, order: int) -> None:
    """Leave a program that takes quotients over gaps where a transform would do better."""
    if declined.category is None or not declined.near:
        return
    if near_pairs(w, name, width_of(w.dtype, order)).any():
        raise DeclinedError


def _lost_pairs(x: Array, w: Array, name: str) -> Array:
    """Pairs of near values whose quotients are rounding over their gaps, as of functions of the
    matrix, which transforms would take together."""
    eps = np.finfo(w.dtype).eps
    pairs = near_pairs(w, name, float(eps**0.6)) & ~equal_pairs(w)
    if not pairs.any():
        return pairs
    size = np.linalg.norm(x, axis=(-2, -1), keepdims=True)
    apart = np.abs(x - mirrored(x)) if name != "eig" else np.abs(x)  # the rest cancels
    return pairs & (apart != 0) & (apart <= eps**0.5 * size)


def _settled_impl(x: Array, w: Array, doubt: Array, *, name: str) -> Array:
    if doubt.any():
        warn_user(message(w, doubt, name), DegenerateWarning)
    decline_near(w, name, 1)
    lost = _lost_pairs(x, w, name)
    if lost.any():
        warn_user(message(w, lost, name, result=LOST), DegenerateWarning)
    pairs = equal_pairs(w)
    return np.where(pairs, 0, x) if pairs.any() else x


def message(
    w: Array,
    doubt: Array,
    name: str,
    what: str = "derivative",
    result: str = "",
    remedy: str = "",
) -> str:
    doubt = np.broadcast_to(doubt, (*w.shape, w.shape[-1]))
    lanes = np.logical_or(doubt, doubt.mT).any(-1)
    lane = tuple(int(i) for i in np.argwhere(lanes.any(-1))[0])
    shown = ", ".join(f"{value:.6g}" for value in w[lane][lanes[lane]][:6])
    place = f" of matrix {', '.join(map(str, lane))}" if lane else ""
    values, vectors, usual = _WORDS[name]
    remedy = remedy.format(values=values) or usual
    return (
        f"{name}: the {what} is undetermined between the {vectors} of the {values} {shown}"
        f"{place}, which are equal up to rounding{' or zero' if name == 'svd' else ''}. "
        f"{(result or _ASSUMED).format(vectors=vectors, values=values)} {remedy}"
    )


_FAMILIES = {
    **{"eigh": "eigh", "eigvalsh": "eigh", "eig": "eig", "eigvals": "eig"},
    **{"svd": "svd", "svdvals": "svd"},
}
"""Whose words each decomposition has: programs that are exported take nothing from the registry."""


def message_within(calls: tuple[tuple[str, str], ...]) -> str:
    """The same of decompositions in loops or branches, by their names and lines."""
    name = _FAMILIES[calls[0][0]]
    values, vectors, _ = _WORDS[name]
    lines = " or ".join(dict.fromkeys(line for _, line in calls))
    return (
        f"{name}: the derivative is undetermined between the {vectors} of {values} that are equal "
        f"up to rounding, of the call at {lines}, within a loop or branch. "
        f"{ORDER.format(values=values, vectors=vectors)} {TOGETHER.format(values=values)}"
    )


_ASSUMED = (
    "The result assumes that nothing depends on how these {vectors} turn into each other: right "
    "for the projector onto the space that they span, wrong for functions of the matrix such as "
    "its exponential, and for single {vectors}."
)
AGAIN = (
    "It is NaN: it depends on more than these {values} and their {vectors}, which transforms know "
    "that are one in another, and no rules of operations by themselves."
)
LOST = (
    "The result has quotients of rounding over the gaps of these {values}. Transforms take such "
    "{values} together, but rules of operations by themselves do not."
)
NO_LIMIT = (
    "It is NaN: along other ways to these {values} it tends to something else or to infinity. "
    "Derivatives of derivatives are exact for functions that do not depend on how these {vectors} "
    "turn into each other, nor tell these {values} apart by their order."
)
COMPUTED = (
    "The function depends on how these {vectors} turn into each other, or tells these {values} "
    "apart by an order that any change of the matrix changes; the result is its derivative for "
    "the {vectors} that were computed."
)
ORDER = (
    "The function tells these {values} apart, by an order that any change of the matrix changes; "
    "the result is its derivative for the {vectors} that were computed."
)
TOGETHER = (
    "Use equal {values} alike, as their sum or mean does, numpy.max and numpy.min, or a sum over "
    "all of a function of each."
)
_WORDS = {
    "eigh": (
        "eigenvalues",
        "eigenvectors",
        "For a function of the matrix use functrans.numpy.linalg.eigh_function(h, a), which is "
        "exact to every order, for a sum over the eigenvalues its trace; for first derivatives of "
        "eigenvalues alone numpy.linalg.eigvalsh.",
    ),
    "eig": (
        "eigenvalues",
        "eigenvectors",
        "For a function of a Hermitian matrix use functrans.numpy.linalg.eigh_function(h, a), "
        "which is exact to every order; for first derivatives of eigenvalues alone "
        "numpy.linalg.eigvals.",
    ),
    "svd": (
        "singular values",
        "singular vectors",
        "For a function of a Hermitian matrix use functrans.numpy.linalg.eigh_function(h, a), "
        "which is exact to every order; for first derivatives of singular values alone "
        "numpy.linalg.svdvals; or write the function "
        "with matrix products, or with functrans.custom and a derivative of its own.",
    ),
}


def settled_again(x: Array, w: Array, *, name: str) -> Array:
    """The derivative of `settled`, a linear function that is its own transpose."""
    return settled(x, w, turn_doubt(x, w), name=name)


settled: Function = general(
    "settled",  # `x` without what stands between equal values; warns where it is in doubt
    _settled_impl,
    pushes=(lambda t, y, *, name: settled_again(t, y, name=name), ZERO, ZERO),
    pulls=(lambda g, y, *, name: settled_again(g, y, name=name), ZERO, ZERO),
    batch=lambda x, w, doubt, *, name: settled(x, w, doubt, name=name),
    shape=lambda x, w, doubt, *, name: x,
    when_split=lambda operands, rates, params: settled(*operands, **params),
    when_parted=first_operand,
    samples=lambda: [
        *(
            Sample(x, np.array([1.0, 2.0]), np.zeros((2, 2), bool), name="eigh")
            for x in (draw((2, 2), -1, 1), draw_complex((2, 2), -1, 1))
        ),
        Sample(
            np.array([[1, 2], [2, 3]]),  # whole numbers: no derivative, which would warn
            np.ones(2),
            np.zeros((2, 2), bool),
            name="eigh",
            value=[[1, 0], [0, 3]],
            label="equal values",
        ),
    ],
)


def _unsettled_impl(x: Array, w: Array, counts: Array, *, name: str, pulled: bool) -> Array:
    decline_near(w, name, 2)
    pairs = equal_pairs(w)
    if not pairs.any():
        return x
    doubt = pairs if pulled else _turn_impl(x, w)
    doubt = doubt & (counts[..., None] | counts[..., None, :])
    if name == "svd":  # the vectors of vanishing values do not count, or were warned of before
        doubt = doubt & (w != 0)[..., None]
    if doubt.any():
        warn_user(message(w, doubt, name, "second derivative", AGAIN), DegenerateWarning)
    return np.where(doubt, np.nan, np.where(pairs, 0, x))


def unsettled_again(x: Array, w: Array, counts: Array, *, name: str, pulled: bool) -> Array:
    """The derivative of `unsettled`, a linear function."""
    return unsettled(x, w, counts, name=name, pulled=pulled)


unsettled: Function = general(
    "unsettled",  # `x`, but NaN between equal values, and a warning; 0 where a tangent has nothing
    _unsettled_impl,
    pushes=(
        lambda t, y, z, *, name, pulled: unsettled_again(t, y, z, name=name, pulled=pulled),
        ZERO,
        ZERO,
    ),
    pulls=(
        lambda g, y, z, *, name, pulled: unsettled_again(g, y, z, name=name, pulled=True),
        ZERO,
        ZERO,
    ),
    batch=lambda x, w, counts, *, name, pulled: unsettled(x, w, counts, name=name, pulled=pulled),
    shape=lambda x, w, counts, *, name, pulled: x,
    when_parted=first_operand,
    samples=lambda: [
        Sample(
            draw_complex((2, 2), -1, 1),
            np.array([1.0, 2.0]),
            np.ones(2, bool),
            name="eigh",
            pulled=True,
            label="complex",
        ),
        Sample(
            draw((2, 2), -1, 1),
            np.array([1.0, 2.0]),
            np.ones(2, bool),
            name="eigh",
            pulled=True,
        ),
        Sample(
            np.eye(2),
            np.ones(2),
            np.ones(2, bool),
            name="eigh",
            pulled=False,
            smooth=False,
            label="a pair",
        ),
        Sample(
            draw((2, 2), -1, 1),
            np.ones(2),
            np.zeros(2, bool),
            name="eigh",
            pulled=True,
            pinned=[np.eye(2), None, None],
            label="a pair that does not count",
        ),
    ],
)


def _told_apart_impl(g: Array, w: Array, used: Array, *, name: str) -> Array:
    pairs = countable_pairs(w, name)
    if pairs.any():
        size = np.max(np.abs(g), -1, initial=0)[..., None, None]
        differ = np.abs(g[..., None, :] - g[..., None]) > np.finfo(w.dtype).eps ** 0.5 * size
        doubt = pairs & (differ | (used[..., None, :] ^ used[..., None]))
        if doubt.any():
            text = message(w, doubt, name, "derivative", ORDER, TOGETHER)
            warn_user(text, DegenerateWarning)
    return g


told_apart: Function = general(
    "told_apart",  # the cotangents `g` of values `w`; warns where those of equal values differ
    _told_apart_impl,
    pushes=(lambda t: t, ZERO, ZERO),
    pulls=(lambda g: g, ZERO, ZERO),
    batch=lambda g, w, used, *, name: told_apart(g, w, used, name=name),
    shape=lambda g, w, used, *, name: g,
    when_parted=first_operand,
    masks="lanes",
    samples=lambda: [
        Sample(draw((2,), -1, 1), np.array([1.0, 2.0]), np.ones(2, bool), name="eigh"),
        Sample(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2), bool), name="svd", label="stack"),
    ],
)


def every_lane(w: Array) -> Array:
    """All vectors count."""
    return np.ones(shape_of(w), bool)


def turn(
    x: Array,
    w: Array,
    doubt: Array | None,
    name: str,
    *,
    counts: Array | None = None,
    pulled: bool = False,
) -> Array:
    """``x / (w[j] - w[i])`` at ``i, j``, without what stands between equal values.

    `counts` is for second derivatives: the vectors that are used. They need more than the factors
    there: how the cotangents of equal values would part if these did. A tangent that does not part
    the values does not ask, and neither do vectors that are not used.
    """
    if counts is not None:
        x = unsettled(x, w, counts, name=name, pulled=pulled)
    else:
        x = settled(x, w, turn_doubt(x, w) if doubt is None else doubt, name=name)
    # What is left out of a cotangent of the result must arrive to be noticed: not 0 but 1.
    return multiply(reciprocal_gaps(w), x)
