"""``stop_gradient``: a value as a constant."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from functrans.core import tree
from functrans.core.kinds import nondifferentiable
from functrans.core.types import is_array
from functrans.primitives.samples import Sample, draw, draw_complex

T = TypeVar("T")


def batch(x: Any) -> Any:
    # The operation again and not just x: a gradient outside the batch has to stop here too.
    return _stop_gradient(x)


# Its derivative is zero by decree, which no difference shows: every sample is pinned.
# A copy, since user code may write to the constant, and not to what it was made of.
_stop_gradient = nondifferentiable(
    "stop_gradient",
    lambda x: np.copy(x) if isinstance(x, np.ndarray) else x,
    batch=batch,
    shape=lambda x: x,
    samples=lambda: [
        Sample(draw((), -2, 2)[()], pinned=[0], label="0-d"),
        Sample(draw((0, 2), -2, 2), pinned=[0], label="empty"),
        Sample(draw((2, 3), -2, 2), pinned=[0]),
        Sample(draw_complex((3,), -2, 2), pinned=[0], label="complex"),
        Sample(np.arange(3), value=[0, 1, 2], label="integers"),
    ],
)


def stop_gradient(x: T) -> T:
    """The same value, taken as a constant by derivatives.

    Parameters
    ----------
    x : pytree
        Leaves that are no arrays are passed on.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.grad(lambda x: x * ft.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: _stop_gradient(leaf) if is_array(leaf) else leaf, x)  # type: ignore[no-any-return]
