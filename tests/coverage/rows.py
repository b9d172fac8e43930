"""The form of the coverage table: one row a name, with calls that are tried under every transform.

A call is the text of an expression in ``x``, ``y`` and ``z``, and beside it the names of the arrays
of :data:`ARRAYS` that it is tried with: ``"np.dot(x, y)": "v w A B"`` is two trials. A row says
what becomes of the name:

* :func:`works`: it is differentiated, batched and staged;
* :func:`zero`: it is batched and staged, and its derivative is zero by mathematics;
* :func:`apart`: no array of numbers goes in, or none comes out, so that there is nothing to derive;
* :func:`refused`: it raises an error that says why;
* :func:`same_as`: it is another name of something that has a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functrans.core.errors import ConversionError


def draw(*shape: int, seed: int = 0) -> Any:
    """Distinct numbers between -2 and 2, no two of them close."""
    count = int(np.prod(shape, dtype=int))
    order = np.random.default_rng(seed + 17 * len(shape)).permutation(count)
    jitter = np.random.default_rng(seed).uniform(-0.3, 0.3, count)
    numbers = np.asarray((order + 0.5 + jitter) / count * 4 - 2).reshape(shape)
    return numbers[()]


ARRAYS: dict[str, Any] = {
    "s": draw(),
    "t": np.float64(0.7),
    "v": draw(5),
    "w": draw(5, seed=1),
    "u": draw(3, seed=2),
    "A": draw(3, 4),
    "A2": draw(3, 4, seed=3),
    "B": draw(4, 3, seed=1),
    "Q": draw(3, 3, seed=2),
    "C": draw(2, 3, 4),
    "D": draw(2, 4, 3, seed=4),
    "q": np.array([0.21, 0.87]),
    "P": np.abs(draw(3, 4)) + 0.5,
    "p": np.abs(draw(5)) / 4 + 0.2,
    "z": draw(4) + 1j * draw(4, seed=5),
    "z2": draw(4, seed=6) + 1j * draw(4, seed=7),
    "Z": draw(2, 3) + 1j * draw(2, 3, seed=5),
    "R": draw(3, 3, seed=2) + 1j * draw(3, 3, seed=5),
    "N": np.where(np.eye(3, 4, 1) > 0, np.nan, draw(3, 4)),
    "S": np.sort(draw(6)),
    "M": draw(3, 3, seed=2) + 4 * np.eye(3),
    "K": draw(3, 3) @ draw(3, 3).T + np.eye(3),
    "T": draw(2, 3, 3) + 4 * np.eye(3),
    "G": np.stack([np.diag([1.0, 2.0, 4.0]), np.diag([3.0, 5.0, 9.0])]) + draw(2, 3, 3) / 8,
    "n": np.array([3, 1, 3, 0, 2]),
    "m": np.array([2, 2, 1, 4, 6]),
    "i": np.array([[3, 1, 2, 5], [2, 7, 1, 4], [6, 2, 3, 1]]),
    "b": np.array([True, False, True, True, False]),
    "c": np.array([False, False, True, True, True]),
}
"""Lower case is a scalar or a vector, upper case has more axes: s, t, v, w, u, q, p, S are real, z
and Z complex, N has a NaN, p and P are positive, M, K and T well conditioned (K positive definite),
the eigenvalues of G real and apart, n, m and i are integers, b and c bools."""

SINCE = {
    "np.clip(x, min=-0.5, max=y)": "2.1.0",
    "np.clip(x, None, None)": "2.1.0",
    "np.reshape(x, (2, 6), 'F', copy=True)": "2.1.0",
    "np.reshape(x, shape=(6, 2), order='C')": "2.1.0",
    "np.pad(x, {1: (1, 2)})": "2.2.0",
    "np.sort(x, descending=True)": "2.5.0",
    "np.argsort(x, axis=0, descending=True)": "2.5.0",
    "np.trim_zeros(x * [0, 1, 0, 1], 'f', axis=1)": "2.2.0",
}
"""The versions of NumPy that brought calls that its oldest supported version does not take."""


class Row(NamedTuple):
    """What becomes of one public name."""

    status: str
    calls: dict[str, str]
    by_value: dict[str, str] = {}
    reason: str = ""
    error: type[Exception] | tuple[type[Exception], ...] = ConversionError
    match: str = ""


def works(calls: dict[str, str], by_value: dict[str, str] | None = None) -> Row:
    """A name that is differentiated; `by_value`: calls whose result's shape depends on values.

    These are refused under vmap and staging, where values are not known.
    """
    return Row("works", calls, by_value or {})


def zero(reason: str, calls: dict[str, str], by_value: dict[str, str] | None = None) -> Row:
    """A name whose derivative is zero wherever it has one."""
    return Row("zero", calls, by_value or {}, reason)


def apart(reason: str, calls: dict[str, str] | None = None) -> Row:
    """A name that takes or makes no array of numbers; its calls give what they give outside."""
    return Row("apart", calls or {}, {}, reason)


def refused(
    reason: str,
    calls: dict[str, str],
    error: type[Exception] | tuple[type[Exception], ...] = ConversionError,
    match: str = "",
) -> Row:
    """A name that raises an error with its reason when it meets a traced array.

    `match` is a pattern that the text of the error has; by default words of the reason.
    """
    return Row("refused", calls, {}, reason, error, match or reason)


def same_as(name: str) -> Row:
    """Another name of the same object, which has a row."""
    return Row("same", {}, {}, name)


def several(names: str, row: Row) -> dict[str, Row]:
    """One row for several names."""
    return dict.fromkeys(names.split(), row)


class Namespace(NamedTuple):
    """The rows of the public names of one module or class.

    `private_too`: names that start with an underscore need rows too. `only`: no others need rows.
    `note`: what the page says of it. `slow`: tried with the long tests only.
    """

    title: str
    owner: Any
    rows: dict[str, Row]
    private_too: bool = False
    only: tuple[str, ...] | None = None
    note: str = ""
    slow: bool = False

    def names(self) -> list[str]:
        """The names that need a row."""
        names = list(self.only or dir(self.owner))
        if self.private_too:
            # Those with one underscore are for NumPy alone, __buffer__ is for Python's, since 3.12.
            names = [n for n in names if n.startswith("__") or not n.startswith("_")]
            names = [n for n in names if n != "__buffer__"]
        else:
            names = [n for n in names if not n.startswith("_")]
        return sorted(names)
