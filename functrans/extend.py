"""The stable surface for new primitives: everything that extensions need, and nothing else of ours.

A new primitive is declared with a kind; its rules follow::

    from functrans import extend

    softplus = extend.elementwise(
        "softplus",
        lambda x: np.logaddexp(0, x),
        lambda x: 1 / (1 + np.exp(-x)),
        samples=extend.unary(-3, 3),
        shape=lambda x: x,
    )

``functrans.testing.check_rules(softplus)`` proves its rules. Functions of whole programs rather
than new operations are better served by :class:`functrans.custom`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.cotangent import Masked as Masked, Scattered as Scattered, masked as masked
from functrans.core.errors import RegistrationError
from functrans.core.kinds import (
    bilinear as bilinear,
    chooser as chooser,
    elementwise as elementwise,
    general as general,
    linear as linear,
    nondifferentiable as nondifferentiable,
    reduction as reduction,
)
from functrans.core.primitive import (
    OVERRIDDEN,
    ZERO as ZERO,
    Primitive as Primitive,
    Rule,
    primitive_of as primitive_of,
    rule,
)
from functrans.core.types import ArrayType as ArrayType
from functrans.numpy.registry import implements as implements
from functrans.primitives.samples import Sample as Sample, binary as binary, unary as unary

if TYPE_CHECKING:
    from collections.abc import Callable


def override(
    function: Callable[..., Any],
    *,
    push: dict[int, Callable[..., Any]] | None = None,
    pull: dict[int, Callable[..., Any]] | None = None,
    batch: Callable[..., Any] | None = None,
    shape: Callable[..., Any] | None = None,
) -> None:
    """Replace single rules of a primitive, for all users of it in this process.

    Parameters
    ----------
    function : callable
        The primitive's public function.
    push, pull : dict of int to callable, optional
        New rules ``(t, ...)`` and ``(g, ...)`` by operand.
    batch, shape : callable, optional

    Raises
    ------
    RegistrationError
        `function` is no primitive, or the operand does not exist.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> cube = elementwise(
    ...     "cube", lambda x: x**3, lambda x: x * x, samples=unary(-2, 2), shape=lambda x: x
    ... )
    >>> override(cube, pull={0: lambda g, x: 3 * g * x * x})     # the partial above lacks the 3
    >>> ft.grad(cube)(2.0)
    np.float64(12.0)
    """
    primitive = primitive_of(function)
    OVERRIDDEN.add(primitive.name)  # what is kept on the disk is of other rules
    primitive.pushes = _replaced(primitive, primitive.pushes, push)
    primitive.pulls = _replaced(primitive, primitive.pulls, pull)
    if batch is not None:
        primitive.set_batch(batch)
    if shape is not None:
        primitive.shape = shape


def _replaced(primitive: Primitive, rules: Any, new: dict[int, Callable[..., Any]] | None) -> Any:
    if not new:
        return rules
    others = primitive.pulls or primitive.pushes
    if others is None or not set(new) <= set(range(len(others))):
        raise RegistrationError(
            f"{primitive.name}: there is no operand {sorted(new)[-1]} to override"
        )
    changed: list[Rule | Any] = list(rules or [None] * len(others))
    for i, formula in new.items():
        changed[i] = rule(formula, primitive.name)
    return tuple(changed)
