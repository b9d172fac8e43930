"""What stands between the brackets of ``x[...]``: a static :class:`Index` and the arrays in it."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, user_line
from functrans.core.explain import stores
from functrans.core.types import Array, Shape, type_of

from .shape import stack


class _Array:
    def __repr__(self) -> str:
        return "array"

    def __reduce__(self) -> str:
        return "ARRAY"


ARRAY = _Array()
"""The place of an array in an :class:`Index`."""

_ALL = slice(None)


class Index:
    """The static part of an index.

    Parameters
    ----------
    entries : tuple
        Ints, slices of ints, None, Ellipsis, bools (NumPy's 0-d masks), and :data:`ARRAY` where an
        integer array goes.
    unique : bool
        True if no position can occur twice, as with arrays that come from a mask or a permutation.
    """

    __slots__ = ("entries", "unique")

    def __init__(self, entries: tuple[Any, ...], unique: bool = False) -> None:
        self.entries = entries
        self.unique = unique

    def key(self, arrays: tuple[Array, ...]) -> tuple[Any, ...]:
        """The index that NumPy takes."""
        if not arrays:
            return self.entries
        rest = iter(arrays)
        return tuple([next(rest) if e is ARRAY else e for e in self.entries])

    def block(self, ndim: int) -> int | None:
        """The axis of ``x[index]`` where the dimensions of the arrays stand; None without arrays.

        NumPy puts them where the arrays stood, or in front if a slice, None or Ellipsis separates
        arrays. Beside an array an int counts as one.
        """
        if not any(e is ARRAY or type(e) is bool for e in self.entries):
            return None
        places = [i for i, e in enumerate(self.entries) if e is ARRAY or isinstance(e, int)]
        if places[-1] - places[0] + 1 != len(places):
            return 0
        before = self.entries[: places[0]]
        return len(before) - 1 + self.omitted(ndim) if Ellipsis in before else len(before)

    def omitted(self, ndim: int) -> int:
        """How many axes of x the Ellipsis stands for, or follow the last entry."""
        count = ndim - sum(map(_consumes, self.entries))
        if count < 0:
            raise IndexError(
                f"too many indices for array: array is {ndim}-dimensional, "
                f"but {ndim - count} were indexed"
            )
        return count

    def expanded(self, ndim: int) -> list[Any]:
        """The entries, with a slice for each axis that the Ellipsis stands for, or the end."""
        entries = list(self.entries)
        if Ellipsis not in entries:
            entries.append(Ellipsis)
        place = entries.index(Ellipsis)
        entries[place : place + 1] = [slice(None)] * self.omitted(ndim)
        return entries

    def shape(self, x_shape: Shape, array_shapes: tuple[Shape, ...]) -> Shape:
        """The shape of ``x[index]``."""
        entries = self.entries
        if entries.count(Ellipsis) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        omitted = self.omitted(len(x_shape))
        if Ellipsis not in entries:
            entries = (*entries, Ellipsis)
        kept: list[int] = []
        axis = 0
        for e in entries:
            if e is None:
                kept.append(1)
            elif e is Ellipsis:
                kept.extend(x_shape[axis : axis + omitted])
                axis += omitted
            elif type(e) is slice:
                kept.append(len(range(*e.indices(x_shape[axis]))))
                axis += 1
            elif e is ARRAY:
                axis += 1
            elif type(e) is int:
                if not -x_shape[axis] <= e < x_shape[axis]:
                    raise IndexError(
                        f"index {e} is out of bounds for axis {axis} with size {x_shape[axis]}"
                    )
                axis += 1
        place = self.block(len(x_shape))
        if place is None:
            return tuple(kept)
        return (*kept[:place], *self.block_shape(array_shapes), *kept[place:])

    @property
    def widens(self) -> bool:
        """Whether ``x[index]`` is all of x with more axes of length 1."""
        entries = self.entries
        return None in entries and all(
            [e is None or e is Ellipsis or (type(e) is slice and e == _ALL) for e in entries]
        )

    def narrowed(self, shape: Shape) -> Shape:
        """The shape of x, if the index :attr:`widens` it to this one."""
        entries = self.entries if Ellipsis in self.entries else (*self.entries, Ellipsis)
        place = entries.index(Ellipsis)
        rest = (_ALL,) * (len(shape) - len(entries) + 1)
        entries = (*entries[:place], *rest, *entries[place + 1 :])
        return tuple([n for n, e in zip(shape, entries, strict=True) if e is not None])

    def block_shape(self, array_shapes: tuple[Shape, ...]) -> Shape:
        """The shape to which the arrays broadcast."""
        scalars = [(int(e),) for e in self.entries if type(e) is bool]
        try:
            return np.broadcast_shapes(*array_shapes, *scalars)
        except ValueError:
            raise IndexError(
                "shape mismatch: indexing arrays could not be broadcast together with shapes "
                + " ".join(map(str, [*array_shapes, *scalars]))
            ) from None

    def may_repeat(self, array_shapes: tuple[Shape, ...]) -> bool:
        """Whether a position of x can occur twice in ``x[index]``."""
        if not array_shapes or self.unique:
            return False
        return math.prod(self.block_shape(array_shapes)) > 1

    def without_repeats(self, x_shape: Shape, arrays: tuple[Array, ...]) -> Distinct:
        """The index of the last of the elements at each position of an x of this shape, which are
        those that stay if all are written; the arrays are plain."""
        axes = self._axes_of_arrays(len(x_shape))
        block = self.block_shape(tuple([np.shape(a) for a in arrays]))
        lanes = [np.broadcast_to(a, block).reshape(-1).astype(np.intp) for a in arrays]
        flat = np.zeros(math.prod(block), np.intp)
        for a, axis in zip(lanes, axes, strict=True):
            n = x_shape[axis]
            wrong = a[(a < -n) | (a >= n)]
            if wrong.size:
                raise IndexError(f"index {wrong[0]} is out of bounds for axis {axis} with size {n}")
            flat = flat * n + np.where(a < 0, a + n, a)
        last = flat.size - 1 - np.unique(flat[::-1], return_index=True)[1]
        if last.size == flat.size:
            return Distinct(Index(self.entries, unique=True), arrays)
        last.sort()
        place = self.block(len(x_shape)) or 0
        target = self.shape(x_shape, tuple([np.shape(a) for a in arrays]))
        joined = (*target[:place], flat.size, *target[place + len(block) :])
        chosen = Index((*(slice(None),) * place, ARRAY), unique=True)
        kept = tuple([a[last] for a in lanes])
        return Distinct(Index(self.entries, unique=True), kept, target, joined, chosen, last)

    def _axes_of_arrays(self, ndim: int) -> list[int]:
        """The axes of x at which arrays stand."""
        axes, axis = [], 0
        for e in self.entries:
            if e is ARRAY:
                axes.append(axis)
            axis += self.omitted(ndim) if e is Ellipsis else _consumes(e)
        return axes

    def add_at(self, x: np.ndarray[Any, Any], y: Array, arrays: tuple[Array, ...]) -> None:
        """``x[index] += y`` in place, repeated positions added up."""
        if not arrays or self.unique:
            x[self.key(arrays)] += y
            return
        if type(y) is np.ndarray and y.dtype != x.dtype:  # a mixed np.add.at is many times slower
            y = y.astype(x.dtype, casting="same_kind")
        if x.ndim == 1 and np.ndim(y):
            # NumPy 2.4 reads beyond y if that is 1-d and the index array is not.
            y = np.broadcast_to(y, self.shape(x.shape, tuple([a.shape for a in arrays])))
        if np.size(y) > _MANY and all(e is ARRAY for e in self.entries) and x.flags.c_contiguous:
            _add_at_rows(x, y, arrays)
        else:
            np.add.at(x, self.key(arrays), y)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Index)
            and self.unique == other.unique
            and self.entries == other.entries
            and [*map(type, self.entries)] == [*map(type, other.entries)]  # True == 1
        )

    def __hash__(self) -> int:
        # Slices are hashable from Python 3.12 on only.
        return hash(
            tuple([(e.start, e.stop, e.step) if type(e) is slice else e for e in self.entries])
        )

    def __repr__(self) -> str:
        entries = ", ".join(map(_shown, self.entries)) or "()"
        return f"[{entries}; unique]" if self.unique else f"[{entries}]"


class Distinct:
    """An index at which no position occurs twice.

    Attributes
    ----------
    index, arrays : Index, tuple of array
    target, joined : tuple of int
        The shape of what the index before took, and that with the axes of its arrays as one.
    chosen, last : Index, array
        What is taken of that; `last` is None where all of it is.
    """

    __slots__ = ("arrays", "chosen", "index", "joined", "last", "target")

    def __init__(
        self,
        index: Index,
        arrays: tuple[Array, ...],
        target: Shape = (),
        joined: Shape = (),
        chosen: Index | None = None,
        last: Array | None = None,
    ) -> None:
        self.index = index
        self.arrays = arrays
        self.target = target
        self.joined = joined
        self.chosen = chosen
        self.last = last

    def taken(self, y: Array) -> Array:
        """Of what was to be written, that which stays."""
        if self.last is None:
            return y
        y = algebra.reshape(algebra.broadcast_to(y, shape=self.target), shape=self.joined)
        return algebra.index(y, self.last, index=self.chosen)


_MANY = 256  # elements from which working out flat positions pays


def _consumes(entry: Any) -> bool:
    """Whether an entry stands for an axis of x."""
    return not (entry is None or entry is Ellipsis or type(entry) is bool)


def _shown(entry: Any) -> str:
    if type(entry) is not slice:
        return "..." if entry is Ellipsis else repr(entry)
    parts = [entry.start, entry.stop] + ([] if entry.step is None else [entry.step])
    return ":".join("" if p is None else str(p) for p in parts)


def _add_at_rows(x: np.ndarray[Any, Any], y: Array, arrays: tuple[Array, ...]) -> None:
    """``np.add.at(x, arrays, y)`` by positions in the flat x, for which NumPy has a fast loop."""
    leading, row = x.shape[: len(arrays)], x.shape[len(arrays) :]
    positions = arrays[0]
    if len(arrays) > 1:
        # Negative entries and the bounds, which flat positions would not show.
        arrays = tuple([np.where(a < 0, a + n, a) for a, n in zip(arrays, leading, strict=True)])
        for axis, (a, n) in enumerate(zip(arrays, leading, strict=True)):
            if a.size and not 0 <= a.min() <= a.max() < n:
                raise IndexError(f"index is out of bounds for axis {axis} with size {n}")
        positions = np.ravel_multi_index(arrays, leading)
    width = math.prod(row)
    y = np.broadcast_to(y, positions.shape + row)
    if row:
        positions = np.multiply(positions, width, dtype=np.intp)[..., None] + np.arange(width)
    np.add.at(x.reshape(-1), positions.reshape(-1), y.reshape(-1))


# From the index that a user writes


def is_static(part: Any) -> bool:
    """Whether an :class:`Index` takes an entry as it is: basic indexing by Python values."""
    kind = type(part)
    if kind is slice:
        return (
            (part.start is None or type(part.start) is int)
            and (part.stop is None or type(part.stop) is int)
            and (part.step is None or type(part.step) is int)
        )
    return kind is int or part is None or part is Ellipsis


def index_arguments(x_shape: Shape, key: Any) -> tuple[Index, tuple[Array, ...]]:
    """The :class:`Index` and the integer arrays of a NumPy index expression.

    Boolean masks become the integer arrays of their True positions.

    Parameters
    ----------
    x_shape : tuple of int
        The shape of the indexed array.
    key : object
        What NumPy takes between brackets; integer arrays may be traced.

    Raises
    ------
    IndexError
        An entry is no valid index, or a mask does not fit the array.
    ConversionError
        A mask, or the bound of a slice, is traced and has no single value.
    """
    entries: list[Any] = []
    arrays: list[Array] = []
    masks: list[tuple[int, Shape]] = []
    for part in key if isinstance(key, tuple) else (key,):
        if type(part) is slice:
            entries.append(
                part if is_static(part) else slice(*map(_bound, (part.start, part.stop, part.step)))
            )
            continue
        if is_static(part):
            entries.append(part)
            continue
        array = index_array(part)
        if array.dtype.kind == "b":
            if isinstance(array, TracedArray):
                raise _traced_mask(array)
            if array.ndim == 0:
                entries.append(bool(array))
                continue
            masks.append((len(entries), array.shape))
            found = np.nonzero(array)
            entries.extend([ARRAY] * len(found))
            arrays.extend(found)
        elif array.ndim == 0 and not isinstance(array, TracedArray):
            entries.append(int(array))
        else:
            entries.append(ARRAY)
            arrays.append(array)
    from_masks = sum(len(shape) for _, shape in masks)
    index = Index(tuple(entries), unique=bool(arrays) and len(arrays) == from_masks)
    if masks:
        _check_masks(x_shape, index, masks)
    return index, tuple(arrays)


def index_array(part: Any) -> Array:
    """An integer or boolean array from an array, a number, or what NumPy makes an array of: nested
    lists, a range, a buffer."""
    array = part
    if isinstance(part, bool) or hasattr(part, "__array__"):
        if not isinstance(part, np.ndarray | TracedArray):
            array = np.asarray(part)
    elif hasattr(part, "__index__"):
        array = np.asarray(operator.index(part))
    elif isinstance(part, list | tuple) and _holds_traced(part):
        array = stack([index_array(p) for p in part])
    else:
        array = np.asarray(part)
        if array.size == 0:  # NumPy's [] is made of floats
            array = array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise _invalid_index(part)
    return array


def _invalid_index(part: Any) -> IndexError:
    what = str(type_of(part)) if hasattr(part, "dtype") else type(part).__name__
    return IndexError(
        "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
        f"boolean arrays are valid indices, got {what}"
    )


def _holds_traced(parts: Any) -> bool:
    return any(
        _holds_traced(p) if isinstance(p, list | tuple) else isinstance(p, TracedArray)
        for p in parts
    )


def _bound(part: Any) -> int | None:
    """A bound of a slice as an int."""
    if part is None:
        return None
    if not isinstance(part, TracedArray):
        return operator.index(part)
    try:
        return operator.index(part)
    except ConversionError:
        raise ConversionError(
            f"a bound of a slice is a traced {part.type} of {part.interpreter.transform}, at "
            f"{user_line()}: the length of the slice would not be known. For a slice of fixed "
            "length n write x[start + numpy.arange(n)]; for a variable one, numpy.where with a "
            "comparison of positions."
        ) from None


def _traced_mask(mask: TracedArray) -> ConversionError:
    remedy = (
        "Write x = numpy.where(mask, y, x), or x[mask] = y[mask]; single numbers may be stored too."
        if stores()
        else "Write numpy.where(mask, x, other), or numpy.sum(x, where=mask) and its like, which "
        "keep the shape."
    )
    return ConversionError(
        f"a mask, {mask.what}, cannot select elements, at {user_line()}: how many it selects is "
        f"not known. {remedy}{mask.origin}"
    )


def _check_masks(x_shape: Shape, index: Index, masks: list[tuple[int, Shape]]) -> None:
    """Masks turned into integer arrays must have the shape of the axes that they stand for."""
    omitted = index.omitted(len(x_shape))
    for position, shape in masks:
        before = index.entries[:position]
        axis = sum(map(_consumes, before)) + (omitted if Ellipsis in before else 0)
        for i, n in enumerate(shape, axis):
            if n not in (x_shape[i], 0):  # NumPy lets an empty mask pass on any axis
                raise IndexError(
                    f"boolean index did not match indexed array along axis {i}; size of axis is "
                    f"{x_shape[i]} but size of corresponding boolean axis is {n}"
                )
