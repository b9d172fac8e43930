"""Where eigenvalues and singular values stand on each path of an expansion (expansion.py), how fast
they leave, and the vectors that they have there.

On the paths in `STRICT` those that are equal up to rounding are equal. On those in `NEAR` so are
all that are near each other (primitives/nearness.py): at the middle of each cluster on two, at its
first and its last value on the others. Those near zero are away from it there, on
both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.types import shape_of
from functrans.primitives.arithmetic import add, multiply, subtract
from functrans.primitives.contraction import matmul
from functrans.primitives.nearness import near_values
from functrans.primitives.paths import beyond_zero, mirror_signs, path_rates, together, turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.types import Array

STRICT = 4
"""The first tells the derivative, the second whether it depends on the path, the third, beyond a
singular value that vanishes, whether there is a kink, and the fourth, on which such values stay
where they are, the derivative if there is one."""

NEAR = ("middle", "first", "last", "middle")
"""The first tells the derivative in the middle, the second and third whether it depends on the path
or changes in between, and the last, with the first, how it changes towards the values."""

PATHS = STRICT + len(NEAR)

_FIRST = STRICT + NEAR.index("first")

_BACK = 4
"""How many widths away the values themselves are, so that their own order is kept on the way."""


def way_back(width: float) -> float:
    """What the rates of the last path less those of the first among `NEAR` are multiplied by to
    arrive at the values themselves."""
    return _BACK * width


def starts_of(w: Array, family: str, width: float) -> list[Any]:
    """The values on each path where it begins."""
    strict = together(w, family=family)
    return [strict] * STRICT + [near_values(w, family=family, width=width, at=at) for at in NEAR]


def rates_of(w: Array, family: str, width: float, depth: int) -> list[Any]:
    """How fast the values leave."""

    def rates(path: int, width: float) -> Any:
        return path_rates(w, family=family, path=path, depth=depth, width=width)

    first, second = rates(0, width), rates(1, width)
    middle = near_values(w, family=family, width=width, at="middle")
    back = multiply(1 / way_back(width), subtract(w, middle))
    return [*(rates(i, 0.0) for i in range(STRICT)), first, second, second, add(first, back)]


def vectors_of(
    outs: Sequence[Any], w: Array, place: int, family: str, width: float, first: bool
) -> dict[int, list[Any]]:
    """The vectors that are not the same on all paths, by their place: the left one of a value that
    vanishes is another beyond, and for what is the first derivative alone those of equal values are
    turned where a path is to tell whether it depends on them."""
    found = {}
    if place:
        u = outs[0]
        signs = beyond_zero(w, columns=shape_of(u)[-1])
        found[0] = [u, u, multiply(u, signs), *[u] * (PATHS - 3)]
        far = mirror_signs(w, columns=shape_of(u)[-1], width=width)
        found[0][_FIRST] = multiply(u, far)
    if not first:
        return found
    for i in (0, 2) if place else (1,):
        if i >= len(outs) or len(shape_of(outs[i])) == len(shape_of(w)):
            continue  # values alone
        v = outs[i]
        lanes = found.setdefault(i, [v] * PATHS)
        columns = shape_of(v)[-2 if i == 2 else -1]
        for lane, within in ((1, 0.0), (_FIRST, width), (_FIRST + 1, width)):
            turned = turn(w, columns=columns, family=family, width=within)
            lanes[lane] = matmul(turned, v) if i == 2 else matmul(lanes[lane], turned)
    return found
