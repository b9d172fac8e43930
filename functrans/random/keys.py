"""Keys, and keys made of keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.errors import InputTypeError, user_line
from functrans.core.types import WEAK, Array, dtype_of, shape_of, type_of
from functrans.numpy.operands import operand
from functrans.random.arguments import check_key, check_shape


def key(seed: Any) -> Array:
    """The key of a seed: where all randomness of a program may start.

    Parameters
    ----------
    seed : int
        All 64 bits of it count.

    Returns
    -------
    ndarray of uint32, shape (2,)
        A plain array: it may stand in pytrees, be mapped over, staged and stored.

    Raises
    ------
    InputTypeError
        The seed is no whole number, or has more than 64 bits.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.key(7)
    array([0, 7], dtype=uint32)
    """
    seed = operand(seed)
    if dtype_of(seed).kind not in "biu":
        raise InputTypeError(
            f"random.key: the seed is {type_of(seed)}, at {user_line()}; it must be a whole number"
        )
    if type(seed) in WEAK:
        if not -(2**63) <= seed < 2**64:
            raise InputTypeError(
                f"random.key: the seed {seed} has more than 64 bits, at {user_line()}"
            )
        seed = np.uint64(seed % 2**64)
    return p.random_key(seed)


PRNGKey = key
"""JAX's older name for :func:`key`."""


def split(key: Any, num: Any = 2) -> Array:
    """New keys made of one, whose numbers have nothing to do with one another.

    Use each key once: split it, and use the parts.

    Parameters
    ----------
    key : key
    num : int or tuple of int
        How many.

    Returns
    -------
    ndarray of uint32, shape (num, 2)
        Iterate over it, index it or map over it. Key number i does not depend on `num`.

    Examples
    --------
    >>> import functrans as ft
    >>> key, subkey = ft.random.split(ft.random.key(0))
    >>> ft.random.split(key, 3).shape
    (3, 2)
    """
    return p.random_split(check_key("split", key), shape=check_shape("split", num))


def fold_in(key: Any, data: Any) -> Array:
    """A new key made of a key and a whole number, such as the number of a step.

    Parameters
    ----------
    key : key
    data : int
        All 64 bits of it count. The key is the one that ``split`` has in this place.

    Returns
    -------
    ndarray of uint32, shape (2,)

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> key = ft.random.key(0)
    >>> bool((ft.random.fold_in(key, 1) == ft.random.split(key)[1]).all())
    True
    """
    data = operand(data)
    if dtype_of(data).kind not in "biu" or shape_of(data) != ():
        raise InputTypeError(
            f"random.fold_in: data is {type_of(data)}, at {user_line()}; it must be one whole "
            "number. Map over several with functrans.vmap."
        )
    return p.random_fold(check_key("fold_in", key), data)


def bits(key: Any, shape: Any = (), dtype: Any = np.uint64) -> Array:
    """Whole numbers of which every bit is random.

    Parameters
    ----------
    key : key
    shape : int or tuple of int
    dtype : dtype
        Of unsigned integers.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.random.bits(ft.random.key(0), 2, np.uint32)
    array([4070199207, 4202968722], dtype=uint32)
    """
    kind = np.dtype(dtype)
    if kind.kind != "u":
        raise InputTypeError(
            f"random.bits: dtype is {kind}, at {user_line()}; it must be an unsigned integer type "
            "(numpy.uint32)"
        )
    shape = check_shape("bits", shape)
    return p.random_bits(check_key("bits", key), shape=shape, width=8 * kind.itemsize)
