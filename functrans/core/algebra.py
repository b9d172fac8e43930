"""The few operations that the drivers themselves need, filled in by the rule book.

The engine adds cotangents, multiplies by partials and undoes broadcasting. It knows no primitive,
so it calls these through one object; ``functrans.primitives`` defines them when it is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array


class Algebra:
    """``add(x, y)``, ``multiply(x, y)``, ``negative(x)``, ``where(c, x, y)``, ``real(x)``,
    ``not_equal(x, y)``, ``sum(x, axes=, keepdims=)``, ``reshape(x, shape=)``,
    ``broadcast_to(x, shape=)``, ``astype(x, dtype=)``, ``transpose(x, axes=)``,
    ``index(x, *arrays, index=)``, ``index_add(x, y, *arrays, index=)``,
    ``concatenate(*xs, axis=)``, ``first_axis(x, i)`` (``x[i]``), ``rows(x, start, stop)``
    (``x[start:stop]``), ``stack(xs)`` and ``python_number(x)``."""

    __slots__ = (
        "add",
        "astype",
        "broadcast_to",
        "concatenate",
        "first_axis",
        "index",
        "index_add",
        "multiply",
        "negative",
        "not_equal",
        "python_number",
        "real",
        "reshape",
        "rows",
        "stack",
        "sum",
        "transpose",
        "where",
    )

    add: Callable[[Array, Array], Array]
    multiply: Callable[[Array, Array], Array]
    negative: Callable[[Array], Array]
    not_equal: Callable[[Array, Array], Array]
    where: Callable[[Array, Array, Array], Array]
    real: Callable[[Array], Array]
    sum: Callable[..., Array]
    reshape: Callable[..., Array]
    broadcast_to: Callable[..., Array]
    astype: Callable[..., Array]
    transpose: Callable[..., Array]
    concatenate: Callable[..., Array]
    rows: Callable[[Array, int, int], Array]
    first_axis: Callable[[Array, int], Array]
    index: Callable[..., Array]
    index_add: Callable[..., Array]
    stack: Callable[..., Array]
    python_number: Callable[[Array], Array]

    def define(self, **operations: Callable[..., Any]) -> None:
        """Fill in operations (called once by the rule book)."""
        for name, operation in operations.items():
            setattr(self, name, operation)


algebra = Algebra()
