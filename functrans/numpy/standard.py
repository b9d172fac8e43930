"""What the Python array API standard, version 2024.12, asks of a namespace beyond NumPy.

NumPy differs from the standard in a few signatures and lacks some functions before 2.1. The
functions here take the standard's arguments and NumPy's, on plain and on traced arrays; everything
else in the namespace is NumPy's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.errors import user_line
from functrans.core.interpreter import stack
from functrans.core.types import Array
from functrans.numpy import creation, joining, reductions, sorting
from functrans.numpy.options import checked_device

VERSION = "2024.12"
"""The version of the standard that the namespace follows."""

VERSIONS = ("2021.12", "2022.12", "2023.12", VERSION)
"""The versions that one may ask for: each contains those before."""


def checked_version(api_version: str | None) -> None:
    """Refuse a version of the standard that the namespace does not follow."""
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(
            f"functrans.numpy follows version {VERSION} of the array API standard; version "
            f"{api_version!r} was asked for, at {user_line()}"
        )


# Sorting: the standard sorts in either direction, and stably unless told otherwise.


def sort(
    a: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    descending: bool = False,
    stable: Any = None,
) -> Array:
    """Sort the elements, in descending order if asked for; equal ones share their derivative.

    Parameters
    ----------
    a : array_like
    axis : int or None
        None flattens first.
    kind, order, stable
        As in `numpy.sort`.
    descending : bool
        The largest element comes first. NaN comes last in either order, as in NumPy from 2.5 on.

    Returns
    -------
    array
        Of the shape and dtype of `a`.

    Raises
    ------
    AxisError
        `axis` is out of range.
    ValueError
        Both `kind` and `stable` are given.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.sort(fnp.asarray([2.0, 3.0, 1.0]), descending=True)
    array([3., 2., 1.])
    """
    if descending:
        return sorting.sort(a, axis, kind, order, stable=stable, descending=True)
    if type(a) is np.ndarray and axis is not None and stable is None:
        ans = a.copy()  # what numpy.sort does, without its detours
        ans.sort(axis, kind, order)
        return ans
    return np.sort(a, axis, kind, order, stable=stable)


def argsort(
    a: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    descending: bool = False,
    stable: Any = None,
) -> Array:
    """Tell the positions of the elements in sorted order, equal ones in their original order.

    Parameters
    ----------
    a : array_like
    axis : int or None
        None flattens first.
    kind, order
        As in `numpy.argsort`.
    descending : bool
        The position of the largest element comes first. Those of NaN come last in either order.
    stable : bool, optional
        False lets equal elements come in any order, which can be faster. By default they keep
        their order, as the array API standard asks, unless `kind` is given.

    Returns
    -------
    array
        Integers, of the shape of `a`.

    Raises
    ------
    AxisError
        `axis` is out of range.
    ValueError
        Both `kind` and `stable` are given.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.argsort(fnp.asarray([2.0, 3.0, 2.0]), descending=True)
    array([1, 0, 2])
    """
    if kind is None:
        kind = None if stable is not None and not stable else "stable"
    elif stable is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time")
    if descending:
        return sorting.argsort(a, axis, kind, order, descending=True)
    if type(a) is np.ndarray:
        return a.argsort(axis, kind, order)  # what numpy.argsort does, without its detours
    return np.argsort(a, axis, kind, order)


# Functions with other arguments than NumPy's.


def clip(
    a: Any,
    min: Any = None,
    max: Any = None,
    out: Any = None,
    *,
    a_min: Any = None,
    a_max: Any = None,
    **kwargs: Any,
) -> Array:
    """Replace elements below a lower or above an upper bound by it.

    Parameters
    ----------
    a : array_like
    min, max : array_like, optional
        The bounds; None is no bound.
    out, **kwargs
        As in `numpy.clip`.
    a_min, a_max : array_like, optional
        NumPy's other names of the bounds.

    Returns
    -------
    array
        Of the shape to which `a` and the bounds broadcast.

    Raises
    ------
    ValueError
        A bound is given by both names.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.clip(fnp.asarray([-1.0, 0.5, 3.0]), max=1.0)
    array([-1. ,  0.5,  1. ])
    """
    plain = type(a) is np.ndarray and stack.top is None and not kwargs
    if plain and (min is not None or max is not None) and a_min is None and a_max is None:
        return a.clip(min, max, out)  # what numpy.clip does, without its detours
    if a_min is not None or a_max is not None:
        if min is not None or max is not None:
            raise ValueError("numpy.clip: give a_min and a_max, or min and max, not both")
        min, max = a_min, a_max
    if min is None and max is None and out is None and not kwargs:
        return a if isinstance(a, TracedArray) else np.array(a)
    return np.clip(a, min, max, out, **kwargs)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """Make an array of the elements in another dtype.

    Parameters
    ----------
    x : array
    dtype : dtype
    copy : bool
        False returns `x` itself if it has the dtype.
    device : "cpu", optional

    Returns
    -------
    array
        Of the shape of `x`. Traced values can be written into a copy inside a transform.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.astype(fnp.asarray([1.5, 2.5]), fnp.int8)
    array([1, 2], dtype=int8)
    """
    if device is not None:
        checked_device(device)
    ans = x.astype(dtype, copy=copy)
    if stack.top is None or not copy or isinstance(x, TracedArray):
        return ans
    return creation.writable(ans)


class FloatLimits:
    """The limits of a floating-point dtype, as Python numbers; made by `finfo`."""

    __slots__ = ("_numpys", "bits", "dtype", "eps", "max", "min", "smallest_normal")

    def __init__(self, limits: Any) -> None:
        self._numpys = limits
        self.bits = int(limits.bits)
        self.dtype = limits.dtype
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.smallest_normal = float(limits.smallest_normal)

    def __getattr__(self, name: str) -> Any:
        """NumPy's further attributes (``resolution``, ``tiny``, ...)."""
        if name in FloatLimits.__slots__:
            raise AttributeError(name)
        return getattr(self._numpys, name)

    def __repr__(self) -> str:
        return f"finfo(dtype={self.dtype}, eps={self.eps}, min={self.min}, max={self.max})"


_LIMITS: dict[Any, FloatLimits] = {}
_INTEGER_LIMITS: dict[Any, np.iinfo[Any]] = {}


def finfo(dtype: Any) -> FloatLimits:
    """Tell the limits of a floating-point dtype, as Python numbers.

    Parameters
    ----------
    dtype : dtype or array
        Complex dtypes have the limits of their parts.

    Returns
    -------
    object
        With ``bits``, ``dtype``, ``eps``, ``max``, ``min``, ``smallest_normal``, and what else
        `numpy.finfo` has.

    Raises
    ------
    ValueError
        The dtype is not a floating-point one.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.finfo(fnp.zeros(3)).eps
    2.220446049250313e-16
    """
    try:
        return _LIMITS[dtype]
    except KeyError:
        found = _LIMITS[dtype] = FloatLimits(np.finfo(dtype))
        return found
    except TypeError:  # an array
        return finfo(_dtype_or_own(dtype))


def iinfo(int_type: Any) -> np.iinfo[Any]:
    """Tell the limits of an integer dtype.

    Parameters
    ----------
    int_type : dtype or array

    Returns
    -------
    numpy.iinfo
        With ``bits``, ``max``, ``min`` and ``dtype``.

    Raises
    ------
    ValueError
        The dtype is not an integer one.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.iinfo(fnp.arange(3, dtype=fnp.uint8)).max
    255
    """
    try:
        return _INTEGER_LIMITS[int_type]
    except KeyError:
        found = _INTEGER_LIMITS[int_type] = np.iinfo(int_type)
        return found
    except TypeError:  # an array
        return iinfo(_dtype_or_own(int_type))


def _dtype_or_own(x: Any) -> Any:
    return x.dtype if isinstance(x, np.ndarray | np.generic | TracedArray) else np.dtype(x)


# What NumPy has since 2.1, for 2.0.


def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Array:
    """The number of nonzero elements; an array of NumPy, where before 2.3 it may be a number."""
    count = np.count_nonzero(a, axis, keepdims=keepdims)
    return np.intp(count) if type(count) is int else count


def nonzero(a: Any) -> Any:
    """The indices of the nonzero elements, one array for each axis."""
    if np.ndim(a) == 0:
        raise ValueError("Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d first.")
    return np.nonzero(a)


def reshape(
    a: Any, /, shape: Any = None, order: Any = "C", *, newshape: Any = None, copy: Any = None
) -> Array:
    """The elements in another shape."""
    ans: Any = np.reshape(a, newshape if shape is None else shape, order)
    if copy is None or isinstance(ans, TracedArray):
        return ans
    shared = np.may_share_memory(ans, a)
    if copy:
        return ans.copy() if shared else ans
    if not shared:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return ans


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Array:
    """The elements at positions given for each vector along an axis."""
    return np.take_along_axis(arr, indices, axis)


def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Array:
    """An array of the memory that another library shares."""
    checked_device(device)
    ans = np.from_dlpack(x)
    return ans.copy() if copy else ans


class NamespaceInfo:
    """What a namespace tells of itself: its dtypes, devices and capabilities."""

    def capabilities(self) -> dict[str, Any]:
        """What arrays of the namespace can do here: a shape cannot depend on unknown values."""
        known, interpreter = True, stack.top
        while interpreter is not None:
            known, interpreter = known and interpreter.values_known, interpreter.parent
        return {"boolean indexing": known, "data-dependent shapes": known, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of new arrays."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of new arrays."""
        checked_device(device)
        kinds = {"real floating": float, "complex floating": complex}
        integers = dict.fromkeys(("integral", "indexing"), np.dtype(int))
        return {kind: np.dtype(dtype) for kind, dtype in kinds.items()} | integers

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of a kind (a name, or a tuple of names), or all that the standard knows."""
        checked_device(device)
        known = {name: np.dtype(name) for name in _DTYPES}
        return {name: d for name, d in known.items() if kind is None or np.isdtype(d, kind)}


def missing_before(installed: Any) -> dict[str, Any]:
    """What a version of NumPy lacks of the standard; empty for a young one."""
    young: dict[str, dict[str, Any]] = {
        "2.1.0": {
            "cumulative_prod": reductions.cumulative_prod,
            "cumulative_sum": reductions.cumulative_sum,
            "from_dlpack": from_dlpack,
            "nonzero": nonzero,
            "reshape": reshape,
            "unstack": joining.unstack,
        },
        "2.3.0": {"take_along_axis": take_along_axis, "count_nonzero": count_nonzero},
    }
    return {
        name: function
        for since, functions in young.items()
        if installed < since
        for name, function in functions.items()
    }


_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)
