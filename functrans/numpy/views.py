"""Traced arrays that share elements: views, and what a write through one does to the others.

A traced array is a handle to a content that never changes; writing gives it another content. A view
remembers its base and the function that made it, so a write to either can be carried over to the
other. Which elements a view shows, and whether it is a view at all, NumPy itself says: the function
is applied to an array of element numbers that is laid out as the base is.
"""

from __future__ import annotations

import math
import operator
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core import overwriting
from functrans.core.array import TracedArray, array_of_its_own, own_handle
from functrans.core.errors import user_line
from functrans.core.overwriting import apart, is_large
from functrans.core.places import Place
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy.mistakes import numpys_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    F = Callable[..., Any]


def link(base: Any, view: Any, read: F, show: F, key: Any = None, *, always: bool = False) -> Any:
    """Let a view and its base see what is written to either; returns the view."""
    if not isinstance(view, TracedArray) or not isinstance(base, TracedArray) or view is base:
        return view
    if not view.shape and not view.is_ndarray and not _shows_array(base, key):
        return view
    if view.place is not None and view.place.base is base:
        return view
    view.place = Place(base, read, show, key, always)
    if base.place is None:
        base.place = Place()
    base.place.enter(view)
    return view


def _shows_array(base: TracedArray, key: Any) -> bool:
    """Whether a view without axes is an array, which NumPy decides without looking at elements: an
    index of an array is one if it has an Ellipsis, and whatever a function shows of it."""
    return base.is_ndarray if key is None else _has_ellipsis(key)


def shown(base: Any, view: Any, read: F, show: F, key: Any = None, *, always: bool = False) -> Any:
    """What NumPy returns as `view`: of an array a linked one, of a scalar a copy."""
    if isinstance(base, TracedArray) and not base.is_ndarray:
        return array_of_its_own(view) if key is not None and _has_ellipsis(key) else view
    return link(base, view, read, show, key, always=always)


def _has_ellipsis(key: Any) -> bool:
    return any(k is ... for k in (key if type(key) is tuple else (key,)))


def getitem(x: TracedArray, key: Any) -> Any:
    """``x[key]``; a view if the index is basic."""
    basic = basic_key(x, key)
    if basic is None or (x.place is not None and x.place.always):  # x.flat[1:] is a copy
        return p.getitem(x, key)
    return shown(
        x, _part(x, basic), lambda base: _part(base, basic), operator.itemgetter(basic), basic
    )


def _part(x: TracedArray, basic: Any) -> Any:
    if not _is_written(x):
        return p.getitem(x, basic)
    if x.place.base is not None and is_large(x):
        root = _root(x)
        places = _places(x, basic, root)
        if places is not None and places[0].size * overwriting.PART <= root.size:
            return p.index_(root, *places, index=_at_places(root))
    ans = p.getitem(x, basic)
    return apart(ans, x) if isinstance(ans, TracedArray) else ans


def _is_written(x: Any) -> bool:
    while x is not None and x.place is not None:
        if x.place.written:
            return True
        x = x.place.base
    return False


def basic_key(x: TracedArray, key: Any) -> Any:
    """The index as one of Python ints, slices, None and Ellipsis; None if it has arrays."""
    if p.is_static(key) or (type(key) is tuple and all(map(p.is_static, key))):
        return key if key is not None else (None,)
    index, arrays = p.index_arguments(x.shape, key)
    if arrays or any(type(entry) is bool for entry in index.entries):
        return None
    return index.entries


def showing(function: Callable[..., Any]) -> Callable[[F], F]:
    """Make what carries out a NumPy function or method, which returns views, return linked ones.

    Several results are views of as many arguments, or all of the first.
    """

    def decorate(own: F) -> F:
        @wraps(own)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                ans = own(*args, **kwargs)
            except Exception as error:
                wrong = numpys_error(function, args, kwargs, error)
                if wrong is error:
                    raise
                raise wrong from None
            if not isinstance(ans, tuple | list):
                if args:
                    shown(
                        args[0],
                        ans,
                        lambda base: own(base, *args[1:], **kwargs),
                        lambda base: function(base, *args[1:], **kwargs),
                    )
                return ans
            for i, part in enumerate(ans):
                if len(args) == len(ans) > 1 and not kwargs:
                    shown(args[i], part, *_of_several(own, function, args, i))
                else:
                    shown(
                        args[0],
                        part,
                        lambda base, i=i: own(base, *args[1:], **kwargs)[i],
                        lambda base, i=i: function(base, *args[1:], **kwargs)[i],
                    )
            return ans

        return call

    return decorate


def _of_several(own: F, function: F, args: tuple[Any, ...], i: int) -> tuple[F, F]:
    """The i-th of as many results as arguments, as functions of its own argument."""
    shapes = [shape_of(x) if isinstance(x, TracedArray) else np.shape(x) for x in args]

    def read(base: Any) -> Any:
        return own(*args[:i], base, *args[i + 1 :])[i]

    def show(base: Any) -> Any:
        empty = [np.broadcast_to(0, shape) for shape in shapes]
        return function(*empty[:i], base, *empty[i + 1 :])[i]

    return read, show


def flat(x: TracedArray) -> Any:
    """All elements in one axis, in C order: a view whatever the layout."""

    def show(base: Any) -> Any:
        return base.reshape(-1)

    def read(base: Any) -> Any:
        return p.reshape(base, shape=(base.size,))

    return shown(x, read(x), read, show, always=True)


# Writing


def write(x: TracedArray, key: Any, y: Array, *, adds: bool = False) -> None:
    """``x[key] = y``, seen by all arrays that share the elements; with `adds` ``np.add.at``."""
    if x.place is not None:
        check_writable(x)
        if (x.place.base is not None or x.place.views) and _write_to_root(x, key, y, adds):
            return
    if adds:
        index, arrays = p.index_arguments(x.shape, key)
        content = p.updated(x, y, arrays, index, replaces=True, adds=True)
    else:
        content = p.setitem(x, key, y, replaces=True)
    replace(x, content, key)


def _write_to_root(x: TracedArray, key: Any, y: Array, adds: bool) -> bool:
    """Write into the memory of a large array that has large views, through which ever of them; they
    let go of it meanwhile. False: that is not so, and nothing has happened."""
    root = _root(x)
    if not is_large(root):
        return False
    views = list(_living_views(root))
    if not any(v.size * overwriting.PART > root.size for v in views):
        return False
    basic = basic_key(x, key)
    if basic is None and not _is_plain(key):
        return False
    places = _places(x, key if basic is None else basic, root)
    if places is None:
        return False
    changed = numbers(x) if basic is None else _changed(x, basic)
    views = [
        v
        for v in views
        if v.place.always
        or v.size * overwriting.PART > root.size
        or not v.place.apart
        or np.may_share_memory(numbers(v), changed)
    ]
    if any(y is v for v in views):
        y = own_handle(y)
    for v in views:
        v.release()
    try:
        index = _at_places(root, unique=basic is not None)
        root.become(p.updated(root, y, places, index, replaces=True, adds=adds))
        root.place.written = True
    finally:
        for v in views:  # each after its base
            v.become(v.place.read(v.place.base))
            v.place.apart = v.size * overwriting.PART <= root.size
    return True


def _is_plain(key: Any) -> bool:
    """Whether an index has no traced arrays."""
    return not any(isinstance(k, TracedArray) for k in (key if type(key) is tuple else (key,)))


def _places(x: TracedArray, key: Any, root: TracedArray) -> Any:
    """The indices in the root of ``x[key]``; None if these are not elements of it."""
    if not root.shape or (root.dtype.kind == "c" and numbers(x).dtype.kind != "c"):
        return None
    found = _changed(x, key)
    if found.dtype.kind == "c":
        found = found.real.astype(np.intp) // 2
    return np.unravel_index(found, root.shape)


def _at_places(root: TracedArray, unique: bool = True) -> Any:
    return p.Index((p.ARRAY,) * root.ndim, unique=unique)


def _changed(x: TracedArray, key: Any) -> Any:
    """The numbers of ``x[key]``: a view of those of the root if the index is basic."""
    key = key if type(key) is tuple else (key,)
    return numbers(x)[key if any(k is ... for k in key) else (*key, ...)]  # never a scalar


def check_writable(x: TracedArray) -> None:
    """Raise NumPy's error for views that it makes read-only."""
    while (base := _base(x)) is not None:
        if x.place.key is None and not numbers(x).flags.writeable:
            raise ValueError(f"assignment destination is read-only, at {user_line()}")
        x = base


def replace(x: TracedArray, content: Any, key: Any = ...) -> None:
    """Give `x` a content that differs from its present one at `key` only, and all others theirs."""
    x.become(content)
    if x.place is None:
        if is_large(x):
            x.place = Place()
            x.place.written = True
        return
    x.place.written = True
    if x.place.base is None and not x.place.views:
        return
    done = [x]
    view = x
    while (base := _base(view)) is not None and view.place.key is not None:
        base.become(p.setitem(base, view.place.key, view, replaces=True))
        base.place.written = True
        done.append(base)
        view = base
    if base is not None:
        root = _root(base)
        root.become(_scattered(root, view))
        done.append(root)
    else:
        root = view
    others = [v for v in _living_views(root) if not any(v is d for d in done)]
    if others:
        changed = numbers(x)
        basic = basic_key(x, key)
        if basic is not None:
            changed = _changed(x, basic)
        if not np.may_share_memory(changed, numbers(root)):
            changed = numbers(root)
        for v in others:
            if v.place.always or np.may_share_memory(numbers(v), changed):
                v.become(v.place.read(v.place.base))


def _base(x: TracedArray) -> Any:
    """The array of which `x` is a view; None if there is none, or NumPy had made a copy."""
    place = x.place
    if place.base is not None and place.key is None:
        numbers(x)
    return place.base


def _root(x: TracedArray) -> TracedArray:
    while (base := _base(x)) is not None:
        x = base
    return x


def _living_views(x: TracedArray) -> Iterator[TracedArray]:
    """All views of an array, each after its base."""
    for reference in x.place.views:
        view = reference()
        if view is not None and _base(view) is x:
            yield view
            yield from _living_views(view)


def numbers(x: TracedArray) -> Any:
    """The numbers that the elements of `x` have in its root, as a view of those of the root.

    An array that turns out to be no view of its base, because NumPy would have made a copy, is cut
    off here.
    """
    place = x.place
    if place.numbers is None:
        if place.base is not None:
            of_base = numbers(place.base)
            shown = place.show(of_base)
            if place.always or shown.size == 0 or np.may_share_memory(shown, of_base):
                place.numbers = shown
                return shown
            place.base = None
        place.numbers = _numbered(x)
    return place.numbers


def _numbered(x: TracedArray) -> Any:
    """Numbers for all elements in C order, laid out in memory as the array is.

    Each part of a complex element has a number of its own.
    """
    shape, order = x.shape, memory_order(x)
    kind: Any = complex if x.dtype.kind == "c" else np.intp
    laid_out = np.empty([shape[i] for i in order], kind)
    array = laid_out.transpose(np.argsort(order))
    counted = np.arange(math.prod(shape)).reshape(shape)
    if kind is complex:
        array.real, array.imag = 2 * counted, 2 * counted + 1
    else:
        array[...] = counted
    return array


def memory_order(x: TracedArray) -> list[int]:
    """The axes from the one with the largest steps in memory to that with the smallest.

    It is read off the array at the bottom; C order where there is none, as in a graph.
    """
    ndim = x.ndim
    value: Any = x
    while isinstance(value, TracedArray):
        value = value.underlying
    if type(value) is not np.ndarray or value.ndim < ndim:
        return list(range(ndim))
    strides = value.strides[value.ndim - ndim :]  # batch axes come first
    return sorted(range(ndim), key=lambda i: -abs(strides[i]))


def _scattered(root: TracedArray, view: TracedArray) -> Array:
    """The content of a root with that of a view of it put in its place."""
    places = numbers(view)
    if (
        root.dtype.kind == "c" and places.dtype.kind == "f"
    ):  # the view shows real or imaginary parts
        parts = p.stack([p.real(root), p.imag(root)])
        number = places.astype(np.intp)
        flat = number % 2 * root.size + number // 2  # all real parts come first here
        parts = _put(parts, flat, view)
        return p.make_complex(p.first_axis(parts, 0), p.first_axis(parts, 1))
    if places.dtype.kind == "c":
        places = places.real.astype(np.intp) // 2
    return _put(root, places, view)


def _put(x: Array, places: Any, y: Array) -> Array:
    """`x` with the elements of `y` at places counted in C order."""
    flat = p.reshape(x, shape=(math.prod(shape_of(x)),))
    index = p.Index((p.ARRAY,), unique=True)
    values = p.reshape(y, shape=(places.size,))
    return p.reshape(
        p.index_update(flat, values, places.reshape(-1), index=index), shape=shape_of(x)
    )


# Writing results


def write_all(x: TracedArray, y: Array) -> None:
    """Replace every element: ``x[...] = y`` for a `y` of the shape of `x`."""
    if x.place is not None:
        check_writable(x)
    content = y if dtype_of(y) == x.dtype else p.astype(y, dtype=x.dtype)
    if not x.shape:  # what is written is a scalar, what it is written into stays an array
        content = p.setitem(x, ..., content, replaces=True)
    replace(x, content)
