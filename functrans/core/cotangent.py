"""What the drivers do with tangents and cotangents besides applying rules.

A rule returns a plain value or one of two forms that keep what it knows:

* :class:`Masked`: a cotangent of which some lanes are *structurally* zero (``where``, ``maximum``).
  A structural zero stays zero whatever partial it is multiplied by, infinities and NaN included.
* :class:`Scattered`: a small cotangent that belongs at an index of a large array (indexing), added
  in place instead of by way of a large array of zeros.

Undoing broadcasting, casting and complex-to-real happens here (:func:`project`), in no rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.overwriting import holds_alone, item_alone, overwritten
from functrans.core.primitive import primitive_of
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of


class Masked:
    """A cotangent whose lanes outside `mask` are structurally zero; see :func:`masked`.

    Examples
    --------
    >>> Masked(np.array([1.0, 0.0]), np.array([True, False])).mask
    array([ True, False])
    """

    __slots__ = ("mask", "value")

    def __init__(self, value: Array, mask: Array) -> None:
        self.value = value
        self.mask = mask


class Scattered:
    """A cotangent `value` at ``index`` (with its `arrays`) of an array that is zero elsewhere.

    Lanes of `value` outside `mask` (None: there are none) are structurally zero as well.

    Examples
    --------
    The pull of an operation ``x[2]`` of a primitive of its own, written with the rule book's index:

    >>> from functrans.primitives import Index
    >>> pull = lambda g: Scattered(g, (), Index((2,)))
    >>> dense(pull(5.0), ArrayType((4,), float))
    array([0., 0., 5., 0.])
    """

    __slots__ = ("arrays", "index", "mask", "value")

    def __init__(
        self, value: Array, arrays: tuple[Array, ...], index: Any, mask: Array | None = None
    ) -> None:
        self.value = value
        self.arrays = arrays
        self.index = index
        self.mask = mask


def masked(value: Array, mask: Array) -> Masked:
    """`value` where `mask` holds, structurally zero elsewhere.

    Examples
    --------
    >>> import functrans
    >>> masked(np.array([1.0, np.inf]), np.array([True, False])).value
    array([1., 0.])
    """
    value = algebra.where(mask, value, 0)
    shape = shape_of(value)
    return Masked(
        value, mask if shape_of(mask) == shape else algebra.broadcast_to(mask, shape=shape)
    )


def unbroadcast(g: Array, shape: Shape) -> Array:
    """Sum a cotangent over the axes along which an operand of this shape was broadcast."""
    g_shape = shape_of(g)
    if g_shape == shape:
        return g
    extra = len(g_shape) - len(shape)
    if type(g) is ndarray and g_shape[extra:] == shape and extra == 1:
        # As of the bias of a layer, which every training step has; a constant to all interpreters.
        return g.reshape(shape) if g_shape[0] == 1 else np.add.reduce(g, axis=0)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and g_shape[i + extra] != 1
    )
    if any(g_shape[i] != 1 for i in axes):
        g = algebra.sum(g, axes=axes, keepdims=False)
    return algebra.reshape(g, shape=shape) if shape_of(g) != shape else g


def project(g: Array, space: ArrayType) -> Array:
    """Bring a cotangent to the shape and dtype of the value that it belongs to."""
    dtype = dtype_of(g)
    if dtype != space.dtype:
        if dtype.kind == "c" and space.dtype.kind != "c":
            g = algebra.real(g)
        if shape_of(g) != space.shape:
            g = unbroadcast(g, space.shape)
        return algebra.astype(g, dtype=space.dtype) if dtype_of(g) != space.dtype else g
    return unbroadcast(g, space.shape) if shape_of(g) != space.shape else g


def match(t: Any, ans: Array) -> Any:
    """Bring a tangent, correct up to broadcasting and casting, to the type of its primal."""
    if type(t) is Masked:
        return masked(match(t.value, ans), t.mask)
    dtype = dtype_of(ans)
    if dtype_of(t) != dtype:
        t = algebra.astype(t, dtype=dtype)
    shape = shape_of(ans)
    return algebra.broadcast_to(t, shape=shape) if shape_of(t) != shape else t


def zeros(space: ArrayType) -> Array:
    """A zero tangent or cotangent of the given type."""
    return np.zeros(space.shape, space.dtype) if space.shape else space.dtype.type(0)


def settle(g: Any, space: ArrayType) -> Any:
    """Project what a rule returned, in whichever form it came; a Scattered is left as it is."""
    if type(g) is Masked:
        if shape_of(g.value) == space.shape:
            return Masked(project(g.value, space), g.mask)
        lanes = project(
            algebra.astype(g.mask, dtype=np.dtype(float)), ArrayType(space.shape, float)
        )
        return Masked(project(g.value, space), algebra.not_equal(lanes, 0))
    return g if type(g) is Scattered else project(g, space)


def dense(g: Any, space: ArrayType) -> Array:
    """A settled cotangent as a plain value."""
    if type(g) is Masked:
        return g.value
    if type(g) is Scattered:
        return algebra.index_add(
            zeros(space), project_dtype(g.value, space.dtype), *g.arrays, index=g.index
        )
    return g


SMALL = 16_384
"""Bytes up to which a new array is made faster than an old one is added to in place, for which
NumPy looks for overlap: up to three times."""


class Cotangents:
    """The cotangents collected so far, one for each value on a tape, added up as cheaply as is
    safe.

    The first is kept by reference, the second addition allocates, later ones are in place if the
    array is large.
    `touched` lists the indices at which a value has received nothing but Scattered cotangents: its
    other lanes are structurally zero.
    """

    __slots__ = ("owned", "touched", "values")

    def __init__(self, length: int) -> None:
        self.values: Any = [None] * length  # or a dict, where places are no numbers from 0 on
        self.owned: set[int] = set()
        self.touched: dict[int, list[Scattered]] = {}

    def add(self, index: int, g: Any, space: ArrayType | None) -> None:
        """Add a settled cotangent; `space` is the type of the value (needed for a Scattered)."""
        if type(g) is Scattered:
            assert space is not None
            self._scatter(index, g, space)
            return
        held = self.values[index]
        if self.touched and index in self.touched:
            if type(g) is Masked:
                held = self.mask_untouched(index, held)
            else:
                del self.touched[index]
        if type(held) is ndarray and type(g) is ndarray:
            if index in self.owned:
                np.add(held, g, out=held)
            else:
                self.values[index] = total = np.add(held, g)
                if total.nbytes > SMALL:
                    self.owned.add(index)
        elif held is None:
            self.values[index] = g
        else:
            self.values[index] = add_masked(held, g)
            self.owned.discard(index)

    def taken(self, index: int) -> tuple[Any, bool]:
        """The cotangent at a place, which is given up there, and whether its memory is our own."""
        g = self.values[index]
        owned = index in self.owned
        if g is not None and self.touched and index in self.touched:
            g = Masked(g, _touched_mask(self.touched.pop(index), shape_of(g)))
        self.values[index] = None
        self.owned.discard(index)
        return g, owned

    def give(self, index: int, g: Any) -> None:
        """Add a cotangent whose memory nobody else has."""
        if self.values[index] is None:
            self.values[index] = g
            self.owned.add(index)
        else:
            self.add(index, g, None)

    def truncate(self, length: int) -> None:
        """Forget the values from index `length` on."""
        gone = range(length, len(self.values))
        self.owned.difference_update(gone)
        for index in gone if self.touched else ():
            self.touched.pop(index, None)
        del self.values[length:]

    def _scatter(self, index: int, g: Scattered, space: ArrayType) -> None:
        """Add at an index, in the memory of what is there if nobody else has it."""
        alone = item_alone(self.values, index)
        held = self.values[index]
        owned = index in self.owned
        if type(held) is Masked:
            lanes = np.ones(shape_of(g.value), bool) if g.mask is None else g.mask
            value_alone = alone and holds_alone(held, "value")
            mask_alone = alone and holds_alone(held, "mask")
            value = _added(held.value, g.value, g, owned, value_alone)
            mask = _added(held.mask, lanes, g, owned, mask_alone)
            self.values[index] = Masked(value, mask)
            self.owned.add(index)
            return
        if held is None:
            self.touched[index] = [g]
            held = np.zeros(space.shape, space.dtype)  # not a scalar: it is added to in place
            owned = True
        elif index in self.touched:
            self.touched[index].append(g)
        self.values[index] = _added(held, g.value, g, owned, alone)
        self.owned.add(index)

    def mask_untouched(self, index: int, g: Any) -> Any:
        """A cotangent made of Scattered ones alone, with its untouched lanes structurally zero."""
        mask = _touched_mask(self.touched.pop(index), shape_of(g))
        return g if type(mask) is ndarray and mask.all() else Masked(g, mask)


def _added(held: Array, value: Array, g: Scattered, owned: bool, alone: bool) -> Any:
    """``held[index] += value``, where `g` says; `held` is given up.

    Whether nobody else has its memory is for a plain value that it is `owned`, and for a traced one
    that what held it was `alone` in that.
    """
    value = project_dtype(value, dtype_of(held))
    alone = alone if isinstance(held, TracedArray) else owned
    return overwritten(primitive_of(algebra.index_add), held, value, g.arrays, g.index, alone)


def _touched_mask(parts: list[Scattered], shape: Shape) -> Array:
    lanes: Array = np.zeros(shape, bool)
    primitive = primitive_of(algebra.index_add)
    for part in parts:
        mask = np.ones(shape_of(part.value), bool) if part.mask is None else part.mask
        lanes = overwritten(primitive, lanes, mask, part.arrays, part.index, True)
    return lanes


def moved(value: Any, lanes: Any) -> Masked | Scattered:
    """The cotangent that a pull made of a masked one: `lanes` is the pulled mask."""
    if type(value) is Scattered:
        mask = algebra.not_equal(lanes.value, 0)
        return Scattered(value.value, value.arrays, value.index, mask)
    if type(value) is Masked:  # a pull that masks by itself masks the lanes too
        value, lanes = value.value, lanes.value
    return Masked(value, algebra.not_equal(lanes, 0))


def project_dtype(g: Array, dtype: np.dtype[Any]) -> Array:
    """Cast a cotangent, dropping an imaginary part that a real value cannot have."""
    own = dtype_of(g)
    if own == dtype:
        return g
    if own.kind == "c" and dtype.kind != "c":
        g = algebra.real(g)
    return algebra.astype(g, dtype=dtype) if dtype_of(g) != dtype else g


def add_masked(a: Any, b: Any) -> Any:
    """The sum of two tangents or cotangents; a lane stays structurally zero if it is so in both."""
    if type(a) is Masked and type(b) is Masked:
        total = algebra.add(a.value, b.value)
        either = algebra.not_equal(algebra.add(a.mask, b.mask), False)
        return total if type(either) is ndarray and either.all() else Masked(total, either)
    return algebra.add(plain(a), plain(b))


def keep_masked(value: Any, mask: Array) -> Masked:
    """What an elementwise rule made of a masked tangent or cotangent: the same lanes stay zero."""
    if type(value) is Masked:
        mask = algebra.where(mask, value.mask, False)
        value = value.value
    return masked(value, mask)


def plain(t: Any) -> Any:
    """A tangent or cotangent without its mask."""
    return t.value if type(t) is Masked else t
