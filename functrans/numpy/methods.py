"""The methods and attributes that a traced array shares with ndarray.

Most are the functions of the same name.
"""

from __future__ import annotations

import sys
from functools import wraps
from inspect import isclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, InPlaceError, user_line
from functrans.core.primitive import primitive_of
from functrans.core.types import Array, is_weak
from functrans.numpy import parts, reductions, selection, shapes, standard, views, writing
from functrans.numpy.operands import operand
from functrans.numpy.options import checked_device
from functrans.numpy.python_numbers import among_numbers
from functrans.numpy.reductions import MISSING
from functrans.numpy.registry import method

if TYPE_CHECKING:
    from collections.abc import Callable

# The functions of NumPy that are methods as they are.
for _module, _names, _views in (
    (reductions, "sum prod max min mean all any argmax argmin cumsum cumprod", False),
    (shapes, "repeat", False),
    (shapes, "ravel squeeze swapaxes", True),
):
    for _name in _names.split():
        method(_name, views=_views)(getattr(_module, _name))


@method("reshape", views=True)
def reshape(x: Array, *shape: Any, order: Any = "C", copy: Any = None) -> Array:
    """The elements in another shape, given as one tuple or as several integers."""
    return shapes.reshape(x, shape[0] if len(shape) == 1 else shape, order, copy=copy)


@method("transpose", views=True)
def transpose(x: Array, *axes: Any) -> Array:
    """The axes in another order, given as one tuple or as several integers."""
    return shapes.transpose(x, axes[0] if len(axes) == 1 else axes or None)


@method("flatten")
def flatten(x: Array, order: Any = "C") -> Array:
    """All elements in one axis, copied."""
    return shapes.ravel(x, order).duplicate()


def _spread(function: Callable[..., Array]) -> Callable[..., Array]:
    """`var` or `std` without `correction`, which NumPy's methods lack."""

    @wraps(function)
    def own(
        x: Array,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = False,
        *,
        where: Any = True,
        mean: Any = MISSING,
    ) -> Array:
        return function(x, axis, dtype, out, ddof, keepdims, where=where, mean=mean)

    return own


for _moment in (reductions.var, reductions.std):
    method(_moment.__name__)(_spread(_moment))


@method("clip")
def clip(x: Array, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Array:
    """Elements below a lower or above an upper bound replaced by it."""
    return selection.clip(x, min, max, out, **kwargs)


@method("__round__")
def to_nearest(x: TracedArray, ndigits: int | None = None) -> Any:
    """What Python's ``round(x)`` asks for: an integer, or an array rounded to some digits."""
    if ndigits is None:
        return int(np.rint(x.concrete("round")))
    if x.weak:
        return among_numbers(primitive_of(p.round), x, decimals=ndigits)
    return parts.round(x, ndigits)


@method("conj", "conjugate")
def conjugate(x: Array) -> Array:
    """The complex conjugates."""
    if is_weak(x):
        return among_numbers(primitive_of(p.conjugate), x)
    return p.conjugate(x) if x.dtype.kind == "c" else x


@method("tobytes", "tofile", "dump", "dumps")
def to_bytes(x: TracedArray, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse to store a traced array."""
    x.refuse_conversion("bytes or a file", "store what the transformed function returns")


@method("view")
def view(x: TracedArray, dtype: Any = None, type: Any = None) -> Any:
    """The array seen again; refused if its memory were to be read as something else."""
    for cls in (dtype, type):  # NumPy takes the type of the array in either place
        if isclass(cls) and issubclass(cls, np.ndarray) and cls is not np.ndarray:
            raise ConversionError(
                f"{x.what} cannot become a {cls.__module__}.{cls.__name__} nor be combined with "
                f"one, at {user_line()}: what a subclass adds to an array (a mask, other products) "
                "would be lost. Convert the other array (numpy.asarray(y)), or write "
                "numpy.where(mask, x, y)."
            )
    same = dtype in (None, np.ndarray) or np.dtype(dtype) == x.dtype
    if same and type in (None, np.ndarray):
        seen: Any = x
        return seen[...] if isinstance(seen, np.ndarray) else seen[()]
    x.refuse_conversion("a view of another dtype or type", "use astype to convert the elements")


@method("to_device")
def to_device(x: Array, device: Any, /, *, stream: Any = None) -> Array:
    """The array itself: all arrays are on the CPU."""
    checked_device(device)
    if stream is not None:
        raise ValueError("the CPU has no streams")
    return x


@method("__array_namespace__")
def array_namespace(x: Array, *, api_version: str | None = None) -> Any:
    """The namespace of the array API standard: ``functrans.numpy``."""
    standard.checked_version(api_version)
    return sys.modules["functrans.numpy"]


@method("__dlpack__", "__dlpack_device__")
def share(x: TracedArray, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse to share the memory of a traced array."""
    x.refuse_conversion("an array of another library (by DLPack)", "use functions of NumPy")


def refuse_in_place(name: str, remedy: str) -> Callable[..., Any]:
    """A method that would change the array in place."""

    def refuse(x: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise InPlaceError(
            f"x.{name}() on a traced {x.type}, at {user_line()}: the memory of a traced array is "
            f"not its own. Write {remedy}."
        )

    return refuse


for _name, _remedy in {
    "setfield": "x[index] = values",
    "resize": "x = numpy.resize(x, shape)",
    "byteswap": "x = x.astype(dtype)",
    "setflags": "no flags: a traced array can always be written to",
}.items():
    method(_name)(refuse_in_place(_name, _remedy))

for _function in (writing.fill, writing.partition, writing.put, writing.sort):
    method(_function.__name__)(_function)


@method("__delitem__")
def delete_item(x: TracedArray, key: Any) -> NoReturn:
    """Refuse ``del x[key]``, as ndarray does."""
    raise ValueError(f"cannot delete array elements, at {user_line()}; numpy.delete(x, i) can")


def no_memory(name: str) -> property:
    """An attribute that tells how an array lies in memory, which a traced one does not."""

    def refuse(x: TracedArray) -> NoReturn:
        raise AttributeError(
            f"ndarray.{name} is not supported inside a transform, at {user_line()}: traced arrays "
            "have no memory of their own. Ask the array that goes into the transformed function."
        )

    return property(refuse)


for _name in (
    "base",
    "ctypes",
    "data",
    "flags",
    "getfield",
    "strides",
    "__array_interface__",
    "__array_struct__",
):
    setattr(TracedArray, _name, no_memory(_name))


def _matrix_transposed(x: Array) -> Array:
    if x.ndim < 2:
        raise ValueError("matrix transpose with ndim < 2 is undefined")
    return shapes.swapaxes(x, -1, -2)


def _refuse_setting(name: str) -> Callable[[Any, Any], NoReturn]:
    """The setter of an attribute that changes how an array is seen."""

    def refuse(x: Any, value: Any) -> NoReturn:
        raise InPlaceError(
            f"x.{name} = ... on a traced {x.type}, at {user_line()}: shape, dtype and memory of a "
            "traced array are fixed. Make a new array (x.reshape, x.astype)."
        )

    return refuse


def set_real(x: TracedArray, value: Any) -> None:
    """``x.real = value``."""
    views.write(PROPERTIES["real"][0](x), ..., operand(value))


def set_imag(x: TracedArray, value: Any) -> None:
    """``x.imag = value``."""
    if x.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set")
    views.write(PROPERTIES["imag"][0](x), ..., operand(value))


def set_flat(x: TracedArray, value: Any) -> None:
    """``x.flat = value``, started over as often as needed."""
    writing.put(x, np.arange(x.size), value)


PROPERTIES: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "T": (views.showing(lambda x: x.T)(shapes.transpose), _refuse_setting("T")),
    "mT": (views.showing(lambda x: x.mT)(_matrix_transposed), _refuse_setting("mT")),
    "real": (views.showing(np.real)(parts.real), set_real),
    "imag": (views.showing(np.imag)(parts.imag), set_imag),
    "flat": (views.flat, set_flat),
    "device": (lambda x: "cpu", _refuse_setting("device")),
}
"""The getter and the setter of each attribute."""

for _name, (_get, _set) in PROPERTIES.items():
    setattr(TracedArray, _name, property(_get, _set))


class Unsupported:
    """An attribute of ndarray that traced arrays lack.

    It stands in the class, in place of one ``__getattr__`` for all: that would slow down every
    access to every attribute.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, x: Any, owner: Any) -> NoReturn:
        raise AttributeError(
            f"a traced array has no attribute {self.name!r}; ndarray.{self.name} is not supported "
            "inside a transform"
        )


for _name in vars(np.ndarray):
    if not (hasattr(TracedArray, _name) or _name.startswith("__")):
        setattr(TracedArray, _name, Unsupported(_name))
