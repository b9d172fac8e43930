"""Einstein summation over named axes, and the notation that names them.

The primitive takes its operands and ``subscripts`` with a letter for each axis: ``"ab,bc->ac"``.
The function :func:`einsum_of` takes what ``numpy.einsum`` takes.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general, linear
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of

from .arithmetic import astype, multiply
from .comparison import where
from .contraction import matmul
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to, reshape, transpose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.kinds import Function

    Step = tuple[Function, dict[str, Any]]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

MAX_OPERANDS = 4
"""More are contracted a few at a time: one loop over all their axes would take too long anyway."""


def split(subscripts: str) -> tuple[list[str], str]:
    """The labels of each operand, and those of the output."""
    left, out = subscripts.split("->")
    return left.split(","), out


def unique(labels: str) -> str:
    """The different labels, in the order in which they first appear."""
    return "".join(dict.fromkeys(labels))


def label_sizes(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """The length of each label's axis; where operands differ, those of length 1 are stretched."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ValueError(
                f"einsum: {term!r} names {len(term)} axes of an operand that has {len(shape)}"
            )
        for label, n in zip(term, shape, strict=True):
            if sizes.setdefault(label, n) == 1:
                sizes[label] = n
            elif n not in (1, sizes[label]):
                raise ValueError(
                    f"einsum: the axes named {label!r} have lengths {sizes[label]} and {n}"
                )
    return sizes


class Operand:
    """The labels and lengths of an operand's axes, and the operations that brought it there."""

    def __init__(self, term: str, shape: Shape) -> None:
        self.term = term
        self.shape = shape
        self.steps: list[Step] = []

    def lengths(self) -> dict[str, int]:
        return dict(zip(self.term, self.shape, strict=True))

    def reshape(self, shape: Shape) -> None:
        if shape != self.shape:
            self.steps.append((reshape, {"shape": shape}))
            self.shape = shape

    def permute(self, term: str) -> None:
        if term != self.term:
            axes = tuple(map(self.term.index, term))
            self.steps.append((transpose, {"axes": axes}))
            self.term, self.shape = term, tuple(self.shape[i] for i in axes)

    def take_diagonals(self) -> None:
        """Give each label one axis."""
        kept = unique(self.term)
        if kept != self.term:
            params = {"subscripts": f"{self.term}->{kept}", "optimize": False}
            self.steps.append((einsum, params))
            self.shape = tuple(self.lengths()[a] for a in kept)
            self.term = kept

    def unstretch(self, other: Operand) -> None:
        """Drop the axes of length 1 along which the other operand is longer."""
        lengths = other.lengths()
        kept = [(a, n) for a, n in self.lengths().items() if n != 1 or lengths.get(a, 1) == 1]
        self.reshape(tuple(n for _, n in kept))
        self.term = "".join(a for a, _ in kept)

    def sum_unless(self, needed: str) -> None:
        """Sum over the axes whose labels nobody needs."""
        axes = tuple(i for i, a in enumerate(self.term) if a not in needed)
        if axes:
            self.steps.append((sum, {"axes": axes}))
            self.shape = tuple(n for i, n in enumerate(self.shape) if i not in axes)
            self.term = "".join(a for a in self.term if a in needed)

    def group(self, *groups: str) -> None:
        """Bring the axes into groups, and each group into one axis."""
        lengths = self.lengths()
        self.permute("".join(groups))
        self.reshape(tuple(prod(lengths[a] for a in group) for group in groups))

    def open(self, term: str, shape: Shape) -> None:
        """Add the axes of `term` that are missing, in its order, with these lengths."""
        lengths = self.lengths()
        self.reshape(tuple(lengths.get(a, 1) for a in term))
        if self.shape != shape:
            self.steps.append((broadcast_to, {"shape": shape}))
        self.term, self.shape = term, shape


def pair(x: Operand, y: Operand, out: str) -> tuple[Function, Operand]:
    """The contraction of two operands: as a matrix product where there is a sum.

    It brings the operands into the shape for the product that it returns, along with the product's
    own layout. No operand has a label twice. Labels of `out` that neither has are left out.
    """
    x.unstretch(y)
    y.unstretch(x)
    x.sum_unless(out + y.term)
    y.sum_unless(out + x.term)
    lengths = x.lengths() | y.lengths()
    shared = [a for a in x.term if a in y.term]
    stack = "".join(a for a in shared if a in out)
    inner = "".join(a for a in shared if a not in out)
    rows = "".join(a for a in x.term if a not in shared)
    columns = "".join(a for a in y.term if a not in shared)
    if inner and stack:
        x.group(stack, rows, inner)
        y.group(stack, inner, columns)
    elif inner:
        x.group(rows, inner)
        y.group(inner, columns)
    else:
        x.group(stack, rows, "")
        y.group(stack, "", columns)
    term = stack + rows + columns
    made = (*x.shape[:-1], y.shape[-1])
    ans = Operand(term, made)
    ans.reshape(tuple(lengths[a] for a in term))
    ans.permute("".join(a for a in out if a in term))
    return matmul if inner else multiply, ans


def run(steps: list[Step], x: Array) -> Array:
    """Carry out the operations on one operand."""
    for function, params in steps:
        x = function(x, **params)
    return x


def on_diagonal(x: Array, term: str) -> Array:
    """The transpose of taking diagonals: `x` on those of axes of one name, zero elsewhere."""
    sizes = dict(zip(unique(term), shape_of(x), strict=True))
    opened = []
    mask: Any = True
    for i, label in enumerate(term):
        first = term.index(label)
        opened.append(sizes[label] if first == i else 1)
        if first != i:
            sides = [1] * len(term)
            sides[first] = sides[i] = sizes[label]
            mask = mask & np.eye(sizes[label], dtype=bool).reshape(sides)
    return where(mask, reshape(x, shape=tuple(opened)), 0)


Plan = tuple[list[list["Step"]], "Function", list["Step"]]


@lru_cache(maxsize=4096)
def pull_plan(i: int, subscripts: str, shapes: tuple[Shape, ...]) -> Plan:
    """How operand `i` gets its cotangent: operations on the output's and on the other operands, a
    product of all these, and operations on the product."""
    terms, out = split(subscripts)
    sizes = label_sizes(terms, shapes)
    g = Operand(out, tuple(sizes[a] for a in out))
    others = [Operand(t, n) for j, (t, n) in enumerate(zip(terms, shapes, strict=True)) if j != i]
    for other in others:
        other.take_diagonals()
    own = dict(zip(terms[i], shapes[i], strict=True))
    known = out + "".join(other.term for other in others)
    # Axes of length 1 may have been stretched: summed over like those that are not asked for.
    wanted = "".join(a for a, n in own.items() if n != 1 and a in known)
    product: Function
    if len(others) == 1:
        product, ans = pair(g, others[0], wanted)
    else:
        left = ",".join([out, *(other.term for other in others)])
        named = f"{left}->{wanted}"
        product = partial(einsum, subscripts=named, optimize=bool(others))
        stretched = label_sizes(
            [out, *(o.term for o in others)], [g.shape, *(o.shape for o in others)]
        )
        ans = Operand(wanted, tuple(stretched[a] for a in wanted))
    ans.open("".join(own), tuple(own.values()))
    if len(own) < len(shapes[i]):
        ans.steps.append((on_diagonal, {"term": terms[i]}))
    return [g.steps, *(other.steps for other in others)], product, ans.steps


def einsum_pull(i: int) -> Callable[..., Array]:
    """The cotangent of operand `i`: the output's, contracted with all other operands."""

    def pull(g: Array, xs: tuple[Array, ...], *, subscripts: str, optimize: bool) -> Array:
        before, product, after = pull_plan(i, subscripts, tuple(map(shape_of, xs)))
        factors = [g, *xs[:i], *xs[i + 1 :]]
        return run(after, product(*map(run, before, factors)))

    return pull


def einsum_push(i: int) -> Callable[..., Array]:
    """The tangent by way of operand `i`."""

    def push(t: Array, xs: tuple[Array, ...], *, subscripts: str, optimize: bool) -> Array:
        return einsum(*xs[:i], t, *xs[i + 1 :], subscripts=subscripts, optimize=optimize)

    return push


def einsum_batch(*xs: Array, batched: tuple[bool, ...], subscripts: str, optimize: bool) -> Array:
    terms, out = split(subscripts)
    new = next(a for a in LETTERS if a not in subscripts)
    left = ",".join(new * b + term for term, b in zip(terms, batched, strict=True))
    return einsum(*xs, subscripts=f"{left}->{new}{out}", optimize=optimize)


def einsum_shape(*types: ArrayType, subscripts: str, optimize: bool) -> ArrayType:
    terms, out = split(subscripts)
    sizes = label_sizes(terms, [t.shape for t in types])
    return ArrayType(tuple(sizes[a] for a in out), np.result_type(*(t.dtype for t in types)))


def einsum_samples() -> list[Sample]:
    def case(subscripts: str, *shapes: Shape, label: str = "", optimize: bool = False) -> Sample:
        xs = [draw(shape, -1, 1, i) for i, shape in enumerate(shapes)]
        return Sample(*xs, subscripts=subscripts, optimize=optimize, label=label or subscripts)

    return [
        case("ab,bc->ac", (2, 3), (3, 4)),
        case("ab,bc->ca", (2, 3), (3, 4), optimize=True),
        case("nab,ncb->nac", (5, 2, 3), (5, 4, 3)),
        case("ab,ab->ab", (2, 3), (2, 3)),
        case("ab,cd->dbca", (2, 3), (1, 4)),
        case("ab,c->a", (2, 3), (4,), label="axes summed on their own"),
        case("ab->", (2, 3)),
        case("aa->a", (3, 3), label="diagonal"),
        case("aab->ba", (3, 3, 2), label="diagonal of a stack"),
        case("aa->", (3, 3), label="trace"),
        case("aa,ab,b->b", (3, 3), (3, 2), (2,), label="diagonal, three operands"),
        case("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2), optimize=True),
        case("ab,a,cb,c->ab", (2, 3), (2,), (4, 3), (4,), label="four operands"),
        case("a,a->a", (1,), (3,), label="stretched"),
        case("a,a->", (3,), (1,), label="stretched and summed"),
        case("aa,a->a", (1, 1), (3,), label="stretched diagonal"),
        case(",a->a", (), (3,), label="0-d"),
        case("ab,bc->ac", (2, 0), (0, 3), label="empty sum"),
        case("aa->a", (0, 0), label="empty diagonal"),
        Sample(
            draw_complex((2, 3), -1, 1), draw((3, 2), -1, 1), subscripts="ab,ba->a", optimize=False
        ),
        Sample(
            *(draw_complex((2,), -1, 1, i) for i in range(4)),
            subscripts="a,a,a,a->a",
            optimize=False,
            label="complex",
        ),
        Sample(
            draw((2, 3), -1, 1), draw_complex((3, 2), -1, 1), subscripts="ab,ba->a", optimize=False
        ),
    ]


einsum: Function = general(
    "einsum",
    lambda *xs, subscripts, optimize: np.einsum(subscripts, *xs, optimize=optimize),
    pushes=tuple(map(einsum_push, range(MAX_OPERANDS))),
    pulls=tuple(map(einsum_pull, range(MAX_OPERANDS))),
    batch=einsum_batch,
    shape=einsum_shape,
    samples=einsum_samples,
)


def relabelled_batch(x: Array, *, subscripts: str) -> Array:
    (term,), out = split(subscripts)
    label = next(a for a in LETTERS if a not in term)
    return relabelled(x, subscripts=f"{label}{term}->{label}{out}")


def relabelled_transpose(g: Array, x_type: ArrayType, *, subscripts: str) -> Array:
    before, product, after = pull_plan(0, subscripts, (x_type.shape,))
    return run(after, product(*map(run, before, [g])))


relabelled: Function = linear(
    "relabelled",  # of one operand: a linear map with coefficients 0 and 1, so that masks move
    lambda x, *, subscripts: np.einsum(subscripts, x),
    relabelled_transpose,
    batch=relabelled_batch,
    shape=lambda x, *, subscripts: einsum_shape(x, subscripts=subscripts, optimize=False),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), subscripts="ab->ba"),
        Sample(draw((3, 3), -1, 1), subscripts="aa->a", label="diagonal"),
        Sample(draw((3, 3), -1, 1), subscripts="aa->", label="trace"),
        Sample(draw((2, 3, 4), -1, 1).T, subscripts="abc->ca", label="non-contiguous, summed"),
        Sample(draw((3,), -1, 1).astype(np.float32), subscripts="a->", label="float32"),
        Sample(draw_complex((2, 2), -1, 1), subscripts="ab->ba", label="complex"),
        Sample(draw((0, 2), -1, 1), subscripts="ab->b", label="empty"),
        Sample(draw((), -1, 1)[()], subscripts="->", label="0-d"),
    ],
)


def named_axes(args: tuple[Any, ...]) -> tuple[str, list[Array]]:
    """The subscripts and the operands of a call of ``numpy.einsum`` in either of its two forms."""
    if isinstance(args[0], str):
        return args[0].replace(" ", ""), list(args[1:])
    pairs, last = args[: len(args) // 2 * 2], args[len(args) // 2 * 2 :]
    terms = ["".join(map(_letter, labels)) for labels in (*pairs[1::2], *last)]
    subscripts = ",".join(terms[: len(pairs) // 2])
    return f"{subscripts}->{terms[-1]}" if last else subscripts, list(pairs[::2])


def _letter(label: Any) -> str:
    return "..." if label is Ellipsis else LETTERS[label]


@lru_cache(maxsize=4096)
def canonical(subscripts: str, shapes: tuple[Shape, ...]) -> str:
    """Subscripts with the output stated and a letter for each axis of an ellipsis."""
    left, arrow, out = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}")
    for term in (*terms, out):
        if not set(term.replace("...", "", 1)) <= set(LETTERS):
            raise ValueError(f"einsum: {term!r} is not made of letters and at most one '...'")
    hidden = [
        len(shape) - len(term) + 3 if "..." in term else 0
        for term, shape in zip(terms, shapes, strict=True)
    ]
    free = [a for a in LETTERS if a not in subscripts]
    rank = max(0, *hidden)
    stack = "".join(free[:rank])
    terms = [
        term.replace("...", stack[rank - n :] if n > 0 else "")
        for term, n in zip(terms, hidden, strict=True)
    ]
    if arrow and rank and "..." not in out:
        raise ValueError(f"einsum: the output of {subscripts!r} lacks the '...' of the operands")
    if arrow:
        out = out.replace("...", stack)
    else:
        named = "".join(terms)
        out = stack + "".join(a for a in sorted(set(named) - set(stack)) if named.count(a) == 1)
    if len(set(out)) < len(out) or not set(out) <= set("".join(terms)) | set(stack):
        raise ValueError(
            f"einsum: the output of {subscripts!r} names an axis twice, or one that no operand has"
        )
    label_sizes(terms, shapes)
    return ",".join(terms) + "->" + out


def einsum_of(*args: Any, optimize: Any = False, dtype: Any = None) -> Array:
    """What ``numpy.einsum`` does, whose arguments it takes (all operands must be arrays)."""
    subscripts, xs = named_axes(args)
    if dtype is not None:
        xs = [astype(x, dtype=np.dtype(dtype)) for x in xs]
    subscripts = canonical(subscripts, tuple(map(shape_of, xs)))
    if len(xs) == 1:
        return relabelled(xs[0], subscripts=subscripts)
    if len(xs) < 3 or (optimize is False and len(xs) <= MAX_OPERANDS):
        return einsum(*xs, subscripts=subscripts, optimize=optimize is not False)
    return along_path(subscripts, xs, optimize or "greedy")


def along_path(subscripts: str, xs: list[Array], optimize: Any) -> Array:
    """Several operands contracted a few at a time, in the order that NumPy finds."""
    terms, out = split(subscripts)
    sizes = label_sizes(terms, [shape_of(x) for x in xs])
    stand_ins = [np.broadcast_to(np.empty((), dtype_of(x)), shape_of(x)) for x in xs]
    for step in np.einsum_path(subscripts, *stand_ins, optimize=optimize)[0][1:]:
        chosen = sorted(step, reverse=True)
        parts = [(terms.pop(k), xs.pop(k)) for k in chosen]
        named = set("".join(term for term, _ in parts))
        kept = named & set(out + "".join(terms))
        term = "".join(sorted(kept, key=lambda a: (sizes[a], a))) if xs else out
        left = ",".join(t for t, _ in parts)
        arrays = [x for _, x in parts]
        x = einsum_of(f"{left}->{term}", *arrays, optimize=len(parts) == 2)
        terms.append(term)
        xs.append(x)
    return xs[0]
