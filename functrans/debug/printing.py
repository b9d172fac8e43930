"""Printing values, and the tangents and cotangents that pass a place, out of transformed
functions."""

from __future__ import annotations

import builtins
import string
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.array import duplicate
from functrans.core.errors import FormatError, user_line
from functrans.core.kinds import general
from functrans.core.types import is_array, type_of
from functrans.debug.callbacks import callback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Formatter(string.Formatter):
    """``str.format`` with a format of numbers taken for each element of an array, which refuses
    values that no field mentions."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, np.ndarray):
            if value.ndim and format_spec:
                shape = {"all": lambda x: format(x, format_spec)}
                return np.array2string(value, formatter=shape)  # type: ignore[arg-type]
            value = str(value) if not format_spec else value[()]
        return format(value, format_spec)

    def check_unused_args(
        self, used_args: set[int | str], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        unused = [f"{i}" for i in range(len(args)) if i not in used_args]
        unused += [f"{name!r}" for name in kwargs if name not in used_args]
        if unused:
            raise ValueError(f"no field shows the value {', '.join(unused)}")


_FORMATTER = Formatter()


class Printed:
    """Prints a text with its fields filled in."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def __name__(self) -> str:
        return f"print({self.text!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        builtins.print(_FORMATTER.vformat(self.text, args, kwargs))


def print(fmt: str, /, *args: Any, ordered: bool = True, **kwargs: Any) -> None:
    """Print values under every transform: ``print("x is {x}", x=x)``.

    Under ``grad`` and ``jvp`` primal values are printed, under ``vmap`` those of one lane after the
    other, and a graph prints in its place whenever it runs (see :func:`callback`).

    Parameters
    ----------
    fmt : str
        As for :meth:`str.format`: ``{}``, ``{0}``, ``{x}``, ``{x[0]:.3f}``. A format of numbers is
        taken for each element of an array.
    *args, **kwargs : pytrees
        What to print.
    ordered : bool
        Taken for code written for JAX: here lines come in the order of the program in any case.

    Raises
    ------
    FormatError
        The fields do not fit the values.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     ft.debug.print("x is {:.2f}", x)
    ...     return np.sin(x)
    >>> ft.grad(f)(0.0)
    x is 0.00
    np.float64(1.0)
    >>> y = ft.vmap(f)(np.array([1.0, 2.0]))
    x is 1.00
    x is 2.00
    """
    _check(fmt, args, kwargs)
    callback(Printed(fmt), *args, **kwargs)


def _check(fmt: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise unless the text can be filled in, with stand-ins for arrays that are not known yet."""
    if not isinstance(fmt, str):
        problem = f"the first argument is a {type(fmt).__name__}, not a text"
    elif "<traced " in fmt:
        problem = "the text shows a traced array already, as an f-string does"
    else:
        stand_ins = tree.map(lambda x: _zeros(x) if is_array(x) else x, (args, kwargs))
        try:
            _FORMATTER.vformat(fmt, *stand_ins)
            return
        except KeyError as error:
            problem = f"the field {{{error.args[0]}}} names no value"
        except (IndexError, ValueError, TypeError, AttributeError) as error:
            problem = str(error)
    names = [f"{i}" for i in range(len(args))] + list(kwargs)
    raise FormatError(
        f"functrans.debug.print({fmt!r}) at {user_line()}: {problem}. Write a field for each "
        f"value ({', '.join(f'{{{name}}}' for name in names) or 'there are none'}), and {{{{ for a "
        "brace."
    )


def _zeros(x: Any) -> np.ndarray[Any, Any]:
    kind = type_of(x)
    return np.broadcast_to(np.zeros((), kind.dtype), kind.shape)


# What passes a place in either direction.


def _pushed(t: Any, *, watch: Callable[[str, Any], Any]) -> Any:
    callback(watch, "tangent", t)
    return t


def _pulled(g: Any, *, watch: Callable[[str, Any], Any]) -> Any:
    callback(watch, "cotangent", g)
    return g


_inspected: Callable[..., Any] = general(
    "inspect",
    lambda x, *, watch: duplicate(x),
    pushes=(_pushed,),
    pulls=(_pulled,),
    batch=lambda x, *, watch: _inspected(x, watch=watch),
    shape=lambda x, *, watch: x,
    masks="lanes",
    samples=None,  # the identity
)


class Labelled:
    """Prints what passes, with its label."""

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        self.label = label

    def __call__(self, kind: str, value: Any) -> None:
        builtins.print(f"{self.label}, {kind}: {value}")


def inspect(x: Any, label: str = "x", *, fun: Callable[[str, Any], Any] | None = None) -> Any:
    """The same value; prints it, its tangent in forward mode and its cotangent in the backward
    pass.

    Parameters
    ----------
    x : pytree
        Leaves that are no arrays are passed on.
    label : str
        What to call it; the paths of leaves are added.
    fun : callable, optional
        What to do in place of printing: ``fun(kind, value)``, with a `kind` of ``"value"``,
        ``"tangent"`` or ``"cotangent"``.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     y = ft.debug.inspect(np.sin(x), "sin x")
    ...     return 3.0 * y
    >>> ft.grad(f)(0.0)
    sin x, value: 0.0
    sin x, cotangent: 3.0
    np.float64(3.0)
    """
    leaves, structure = tree.flatten(x)
    seen = []
    for leaf, path in zip(leaves, tree.leaf_paths(structure), strict=True):
        if is_array(leaf):
            watch = fun or Labelled(label + tree.key_string(path))
            callback(watch, "value", leaf)
            leaf = _inspected(leaf, watch=watch)
        seen.append(leaf)
    return tree.unflatten(structure, seen)
