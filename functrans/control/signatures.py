"""What programs are told apart by: the kinds of arguments, and which of these are static."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.errors import InputTypeError, describe_function
from functrans.core.generators import TracedGenerator, is_generator, operand_of
from functrans.core.types import SCALARS, WEAK, is_array, type_of
from functrans.transforms.arguments import positional_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def kind_of(x: Any) -> Any:
    """What a program depends on of an argument; None for what is no array."""
    cls = type(x)
    if cls is np.ndarray:
        return (x.shape, x.dtype) if x.dtype.kind in "biufc" else None
    if cls in WEAK:
        return cls
    if is_generator(x):
        return TracedGenerator
    if issubclass(cls, np.ndarray) or not is_array(x):
        return None
    kind = type_of(x)
    if isinstance(x, TracedArray):
        cls = TracedArray
    if kind.dtype.kind not in "biufc":
        return None
    return cls, kind.shape, kind.dtype, kind.weak, isinstance(x, np.ndarray)


def at_a_glance(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tree.TreeDef | None, tuple[Any, ...]] | None:
    """What tells quickly that another call is like this one, if all its leaves are arrays and
    numbers: the structure of the arguments (None: they are the leaves), and for each leaf its
    class, with the shape and dtype of an array."""
    flat = not kwargs and all(map(_plain, args))
    leaves, in_tree = (args, None) if flat else tree.flatten((args, kwargs))
    if not all(map(_plain, leaves)):
        return None
    kinds = [
        (np.ndarray, x.shape, x.dtype) if type(x) is np.ndarray else (type(x), None, None)
        for x in leaves
    ]
    return in_tree, tuple(kinds)


def _plain(x: Any) -> bool:
    return type(x) is np.ndarray or type(x) in SCALARS


def joining(out_tree: tree.TreeDef) -> Callable[[list[Any]], Any] | None:
    """What makes the result of the list of its leaves; None where it is the only leaf."""
    if out_tree == tree.structure(0):
        return None
    if out_tree == tree.structure((0,) * out_tree.num_leaves):
        return tuple
    return partial(tree.unflatten, out_tree)


def plain_generator(x: Any) -> Any:
    """The generator itself, unless what stands for it is traced."""
    return x if isinstance(operand_of(x), TracedArray) else operand_of(x)


def spoken(kind: Any) -> str:
    """A kind in words."""
    if kind is TracedGenerator:
        return "a Generator"
    if isinstance(kind, type):
        return f"a {kind.__name__}"
    shape, dtype = kind if len(kind) == 2 else kind[1:3]
    return f"{dtype.name}[{','.join(map(str, shape))}]"


def shown(statics: tuple[Any, ...]) -> str:
    """Static arguments in words."""
    return ", ".join(f"{place}={value!r}" for place, _, value in statics) or "none"


def selected(
    fun: Callable[..., Any],
    option: str,
    argnums: int | Sequence[int],
    argnames: str | Sequence[str],
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Positions and names; those of arguments that can be given both ways are in both."""
    numbers = {argnums} if isinstance(argnums, int) else set(argnums)
    names = {argnames} if isinstance(argnames, str) else set(argnames)
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in numbers):
        raise InputTypeError(f"jit: {option}_argnums must be ints, got {argnums!r}")
    if not all(isinstance(name, str) for name in names):
        raise InputTypeError(f"jit: {option}_argnames must be strings, got {argnames!r}")
    known = positional_names(fun)
    unknown = names - set(known) - _keyword_names(fun)
    if unknown and not _takes_any(fun):
        raise InputTypeError(
            f"jit({describe_function(fun)}): {option}_argnames={sorted(unknown)!r} names no "
            f"argument; the function has {known + sorted(_keyword_names(fun))}"
        )
    far = sorted(i for i in numbers if not -len(known) <= i < len(known))
    if far and not _takes_any_position(fun):
        raise InputTypeError(
            f"jit({describe_function(fun)}): {option}_argnums={far!r} number no positional "
            f"argument; the function has {known}, counted from 0"
        )
    names |= {known[i] for i in numbers if -len(known) <= i < len(known)}
    numbers |= {known.index(name) for name in names if name in known}
    return tuple(sorted(numbers)), tuple(sorted(names))


def _keyword_names(fun: Callable[..., Any]) -> set[str]:
    return {p.name for p in _parameters(fun) if p.kind is p.KEYWORD_ONLY}


def _takes_any(fun: Callable[..., Any]) -> bool:
    parameters = _parameters(fun)
    return not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters)


def _takes_any_position(fun: Callable[..., Any]) -> bool:
    parameters = _parameters(fun)
    return not parameters or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _parameters(fun: Callable[..., Any]) -> list[Any]:
    import inspect

    try:
        return list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return []
