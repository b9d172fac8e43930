"""An error at the operation that makes a NaN."""

from __future__ import annotations

from typing import Any

from functrans.transforms.nonfinite import Guard


class nans:
    """A context in which an operation of a transformed function that makes a NaN raises.

    The error names the operation, the user's line, the operands and the lane of ``vmap``; in a
    derivative rule also the operation whose derivative that is. NaN that an operand has already
    passes, and so do lanes that ``where`` and its like do not select. Operations on plain arrays
    outside of transforms are NumPy's alone: ``numpy.errstate(invalid="raise")`` is for these.

    A rule may make a NaN that it does not return; :func:`functrans.explain_nan` goes back from the
    result instead, and has no false alarms.

    Parameters
    ----------
    infinities : bool
        Raise at infinities too.

    Raises
    ------
    NonFiniteError
        A NaN was made; its ``origin`` says by what.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> with ft.debug.nans():
    ...     ft.grad(np.sqrt)(0.0)
    np.float64(inf)
    >>> with ft.debug.nans():
    ...     ft.grad(lambda x: 0.0 * np.sqrt(x))(0.0)
    Traceback (most recent call last):
        ...
    functrans.core.errors.NonFiniteError: functrans.debug.nans: NaN was made in the backward ...
    """

    def __init__(self, *, infinities: bool = False) -> None:
        self._infinities = infinities
        self._guards: list[Guard] = []

    def __enter__(self) -> None:
        guard = Guard(self._infinities)
        self._guards.append(guard)
        guard.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self._guards.pop().__exit__(*exc)
