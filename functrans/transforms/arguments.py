"""Which arguments a transform takes derivatives of, and the checks and errors on the way in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.errors import (
    InputTypeError,
    OutputTypeError,
    TreeError,
    describe_function,
    describe_output,
)
from functrans.core.generators import is_generator, traced
from functrans.core.types import OPERANDS, WEAK, Array, ArrayType, is_array, is_inexact, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Argnums: TypeAlias = int | Sequence[int]
    Argnames: TypeAlias = str | Sequence[str] | None


class Selection:
    """The arguments of one function that a transform differentiates.

    Parameters
    ----------
    fun : callable
    transform : str
        For messages.
    argnums : int or sequence of int, optional
        Positions; a bare int selects one bare argument. Default: 0 without `argnames`.
    argnames : str or sequence of str, optional
        Names, whether the call gives them by position or by keyword.
    """

    __slots__ = ("argnames", "argnums", "bare", "fun", "transform")

    def __init__(
        self,
        fun: Callable[..., Any],
        transform: str,
        argnums: Argnums | None,
        argnames: Argnames,
    ) -> None:
        if not callable(fun):
            raise InputTypeError(
                f"{transform} takes a function, got {type(fun).__name__}. Pass the function itself "
                f"and its arguments in a second pair of parentheses: {transform}(f)(x)."
            )
        if argnums is None:
            argnums = 0 if argnames is None else ()
        self.fun = fun
        self.transform = transform
        self.argnums = tuple(map(int, self._several(argnums, (int, np.integer), "argnums", "int")))
        self.argnames = self._several(argnames, str, "argnames", "str")
        self.bare = (isinstance(argnums, int | np.integer) and argnames is None) or (
            isinstance(argnames, str) and not self.argnums
        )

    def _several(self, given: Any, item: Any, name: str, noun: str) -> tuple[Any, ...]:
        """One item, None or a sequence of items as a tuple."""
        if given is None:
            return ()
        items = (given,) if isinstance(given, item) else given
        if not isinstance(items, Iterable) or not all(
            isinstance(i, item) and type(i) is not bool for i in items
        ):
            remedy = "Select positional arguments by their numbers, with argnums."
            if isinstance(given, str):
                remedy = f"Select an argument by its name with argnames={given!r}."
            elif noun == "int":
                remedy = "Positional arguments are counted from 0."
            raise InputTypeError(
                f"{self.transform}: {name} must be one {noun} or a sequence of them, got "
                f"{given!r}. {remedy}"
            )
        return tuple(items)

    def pick(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]]]:
        """The selected arguments, and the function that puts others into their places."""
        if self.bare and self.argnums and 0 <= (only := self.argnums[0]) < len(args):
            if len(args) > 1 or kwargs:
                args, kwargs = with_generators(args, kwargs, (only,))
            return [args[only]], lambda new: ((*args[:only], *new, *args[only + 1 :]), kwargs)
        places: list[int | str] = [self._place(i, len(args)) for i in self.argnums]
        places += [self._named_place(name, args, kwargs) for name in self.argnames]
        if len(set(places)) < len(places):
            raise InputTypeError(
                f"{self}: an argument is selected twice (argnums={self.argnums}, "
                f"argnames={self.argnames}). Name each once."
            )
        picked = [args[p] if isinstance(p, int) else kwargs[p] for p in places]
        args, kwargs = with_generators(args, kwargs, places)

        def replace(new: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            positional = list(args)
            named = dict(kwargs) if self.argnames else kwargs
            for place, x in zip(places, new, strict=True):
                if isinstance(place, int):
                    positional[place] = x
                else:
                    named[place] = x
            return tuple(positional), named

        return picked, replace

    def _place(self, i: int, count: int) -> int:
        if not -count <= i < count:
            raise InputTypeError(
                f"{self}: argnums={i} selects a positional argument, but the call has {count}. "
                "Pass it by position, or select it by name with argnames."
            )
        return i % count

    def _named_place(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | str:
        if name in kwargs:
            return name
        names = positional_names(self.fun)
        if name in names and names.index(name) < len(args):
            return names.index(name)
        raise InputTypeError(
            f"{self}: argnames={name!r} names no argument of this call; "
            f"the call has {names[: len(args)] + list(kwargs)}. Name one of these, or pass the "
            "argument by its name."
        )

    def label(self, i: int) -> str:
        """How messages call the i-th selected argument."""
        if i >= len(self.argnums):
            return f"argument {self.argnames[i - len(self.argnums)]!r}"
        return argument_label(self.fun, self.argnums[i])

    def leaf_remedy(self, leaf: Any) -> str:
        """What to do about a leaf that cannot be differentiated."""
        ways = []
        if _is_discrete(leaf):
            ways.append("Convert it (x.astype(float))")
        elif remedy := remedy_as_array(leaf):
            ways.append(remedy)
        elif not isinstance(leaf, np.ndarray | str):
            ways.append("Register its type with functrans.tree.register if it holds arrays")
        if self.transform in _WITHOUT_ARGNUMS:
            ways.append("bind it beforehand (functools.partial or a lambda)")
        else:
            ways.append("leave it out with argnums")
        if ways[1:] and self.transform in ("grad", "value_and_grad") and _is_discrete(leaf):
            return f"{', '.join(ways)}, or pass allow_int=True to get None for integers."
        text = ", or ".join(ways)
        return f"{text[0].upper()}{text[1:]}."

    def __str__(self) -> str:
        return f"{self.transform}({describe_function(self.fun)})"


def with_generators(
    args: tuple[Any, ...], kwargs: dict[str, Any], places: Sequence[int | str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, with generators that take traced arrays in the place of NumPy's in those that
    are not at these places."""
    found = {
        k: tree.map(traced, x)
        for k, x in (*enumerate(args), *kwargs.items())
        if type(x) not in OPERANDS and k not in places and any(map(is_generator, tree.leaves(x)))
    }
    if not found:
        return args, kwargs
    return (
        tuple(found.get(i, x) for i, x in enumerate(args)),
        {name: found.get(name, x) for name, x in kwargs.items()},
    )


_WITHOUT_ARGNUMS = ("vjp", "jvp", "linearize", "hvp")
"""The transforms that take the arguments themselves, all of which they differentiate."""


def positional_names(fun: Callable[..., Any]) -> list[str]:
    """The names of a function's positional arguments, as far as they can be told."""
    import inspect

    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def argument_label(fun: Callable[..., Any], i: int) -> str:
    """``argument 'x'``, or its number where the name is unknown."""
    names = positional_names(fun)
    return f"argument {names[i]!r}" if 0 <= i < len(names) else f"argument {i}"


def leaf_label(fun: Callable[..., Any], path: tree.Path) -> str:
    """``argument 'b'['w']`` for the path of a leaf of ``(args, kwargs)``."""
    kind, first, *rest = path
    inner = tree.key_string(tuple(rest))
    if kind.key == 1:
        return f"argument {first.key!r}{inner}"
    return f"{argument_label(fun, int(str(first.key)))}{inner}"


def remedy_as_array(x: Any) -> str:
    """How to make an array of what holds numbers and is none; empty where that is not known."""
    if isinstance(x, np.ndarray):
        return "Convert it (x.astype(float))" if x.dtype.kind in "OUS" else ""
    if isinstance(x, str | bytes | np.generic):
        return ""
    if hasattr(type(x), "__array__"):
        return "Take its array (numpy.asarray(x))"
    return "Make an array of it (numpy.array(list(x)))" if isinstance(x, Iterable) else ""


def as_primal(x: Any) -> Array | None:
    """A leaf as a value that can carry a derivative, or None if it cannot."""
    cls = type(x)
    if cls is np.ndarray or issubclass(cls, np.inexact):
        return x if is_inexact(x.dtype) else None
    if isinstance(x, TracedArray):
        x.check_active()
        return x if is_inexact(x.dtype) else None
    if cls is float or cls is complex:
        return x
    return float(x) if cls is int else None


def refuse_leaf(who: object, label: str, path: str, leaf: Any, remedy: str) -> InputTypeError:
    """The error for a leaf that cannot be differentiated."""
    where = f"{label} at {path}" if path else label
    if issubclass(type(leaf), np.ndarray) and type(leaf) is not np.ndarray:
        return subclass_refused(who, where, leaf)
    kind = type_of(leaf) if isinstance(leaf, np.ndarray | np.generic | bool | TracedArray) else None
    what = str(kind) if kind else f"a {type(leaf).__name__}"
    return InputTypeError(
        f"{who}: {where} is {what}; a derivative needs real or complex floating-point values. "
        f"{remedy}"
    )


def subclass_refused(who: object, where: str, x: np.ndarray[Any, Any]) -> InputTypeError:
    """The error for a matrix, a masked array and the like."""
    return InputTypeError(
        f"{who}: {where} is a {type(x).__module__}.{type(x).__name__}. Subclasses of ndarray "
        "change the meaning of operations; pass a plain array (numpy.asarray(x))."
    )


def primal_leaves(
    selection: Selection, picked: list[Any], *, allow_int: bool
) -> tuple[list[Array | None], list[Any], list[tree.TreeDef]]:
    """The leaves of the selected arguments that carry derivatives (None for the others), all
    leaves, and the tree of each argument.

    A Python int is taken as a float where the user chose the argument (``grad(f)(3)``), and as an
    integer where `allow_int` lets integers pass, as an axis or a count.
    """
    primals: list[Array | None] = []
    all_leaves: list[Any] = []
    trees = []
    for i, x in enumerate(picked):
        leaves, treedef = tree.flatten(x)
        trees.append(treedef)
        for j, leaf in enumerate(leaves):
            primal = None if allow_int and type(leaf) is int else as_primal(leaf)
            if primal is None and is_generator(leaf):
                leaves[j] = traced(leaf)
            elif primal is None and not (allow_int and _is_discrete(leaf)):
                path = tree.key_string(tree.leaf_paths(treedef)[j])
                remedy = selection.leaf_remedy(leaf)
                raise refuse_leaf(selection, selection.label(i), path, leaf, remedy)
            primals.append(primal)
        all_leaves += leaves
    return primals, all_leaves, trees


def _is_discrete(x: Any) -> bool:
    return (
        isinstance(x, bool | int | np.ndarray | np.generic | TracedArray)
        and type_of(x).dtype.kind in "biu"
    )


def leaves_or_none(
    who: object, what: str, primal: str, given: Any, treedef: tree.TreeDef
) -> list[Any]:
    """The leaves of a tangent or cotangent, which has the structure of its primal but for None,
    for zero, in the place of leaves."""
    values, structure = tree.flatten(given)
    if structure == treedef:
        return values
    values, structure = tree.flatten(given, is_leaf=lambda x: x is None)
    marks = tree.unflatten(treedef, range(treedef.num_leaves))
    places, wanted = tree.flatten(marks, is_leaf=lambda x: x is None)
    if structure != wanted:
        names = (what, primal)
        raise TreeError(
            f"{who}: {what} has another structure than {primal}: "
            f"{tree.explain_difference(structure, wanted, names=names)}. Give it the structure of "
            f"{primal}, with None where it is zero."
        )
    # A None of the primal itself is no leaf of it.
    return [x for x, place in zip(values, places, strict=True) if place is not None]


def checked(who: object, what: str, path: tree.Path, given: Any, wanted: ArrayType) -> Array:
    """A tangent or cotangent, which must have the type of its primal.

    A Python number may stand for a scalar of any floating type that can hold it, and is made one.
    """
    where = f"{what} at {tree.key_string(path)}" if path else what
    plain = not issubclass(type(given), np.ndarray) or type(given) is np.ndarray
    if not (is_array(given) and plain):
        raise InputTypeError(
            f"{who}: {where} is a {type(given).__name__}, its primal has type {wanted}. "
            "Give a plain array of that shape and dtype."
        )
    kind = type_of(given)
    if kind.shape == wanted.shape:
        if kind.dtype == wanted.dtype:
            return wanted.dtype.type(given) if type(given) in WEAK else given
        if kind.dtype.name == wanted.dtype.name:  # of the other byte order
            return algebra.astype(given, dtype=wanted.dtype)
        if kind.weak and (kind.dtype.kind != "c" or wanted.dtype.kind == "c"):
            # A traced Python number, unlike a plain one, is cast under the transform it is of.
            return (
                algebra.astype(given, dtype=wanted.dtype)
                if isinstance(given, TracedArray)
                else wanted.dtype.type(given)
            )
    raise InputTypeError(
        f"{who}: {where} has type {kind}, its primal has type {wanted}. "
        f"Give it that shape and dtype (numpy.asarray(t, dtype={wanted.dtype.name!r}))."
    )


def output_leaves(selection: Selection, out: Any) -> tuple[list[Any], tree.TreeDef]:
    """The leaves of a differentiated function's output, which must be arrays, and its tree."""
    outs, treedef = tree.flatten(out)
    for j, o in enumerate(outs):
        if not is_array(o):
            path = tree.key_string(tree.leaf_paths(treedef)[j])
            where = f"the output at {path}" if path else "the output"
            raise OutputTypeError(
                f"{selection}: {where} is {describe_output(o)}, which has no derivative. Return "
                "arrays, and anything else as aux (has_aux=True)."
            )
    return outs, treedef


def refuse_leaked(values: Iterable[Any]) -> None:
    """Raise if a value that a function returned is traced by a transform that has ended.

    Its derivative would be zero, and later uses of it would say nothing of this function.
    """
    for x in values:
        if isinstance(x, TracedArray):
            x.check_active()


def split_aux(selection: Selection, out: Any) -> tuple[Any, Any]:
    """Take apart the pair that a function with auxiliary output returned."""
    if not (isinstance(out, tuple) and len(out) == 2):
        got = f"a traced {out.type}" if isinstance(out, TracedArray) else type(out).__name__
        raise OutputTypeError(
            f"{selection}: with has_aux=True the function must return a pair (output, aux), "
            f"got {got}. Return both, or leave has_aux out."
        )
    return out


def check_pairs(fun: Callable[..., Any], transform: str, primals: Any, tangents: Any) -> Selection:
    """The selection of all arguments; raises unless each has its tangent."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise InputTypeError(
                f"{transform}: {name} must be a tuple or list with one entry for each argument, "
                "got "
                f"{type(given).__name__}. For one argument write {transform}(f, (x,), (t,))."
            )
    if len(primals) != len(tangents):
        raise InputTypeError(
            f"{transform}: {len(primals)} primals but {len(tangents)} tangents; give one for each "
            "argument"
        )
    return Selection(fun, transform, range(len(primals)), None)


def tangent_leaves(
    selection: Selection, leaves: list[Any], trees: list[tree.TreeDef], tangents: Sequence[Any]
) -> list[Any]:
    """The leaves of the tangents, checked against the primals; None where zero."""
    found: list[Any] = []
    for i, (treedef, given) in enumerate(zip(trees, tangents, strict=True)):
        primals = leaves[len(found) : len(found) + treedef.num_leaves]
        if given is None:
            found += [None] * len(primals)
            continue
        what = f"the tangent of {selection.label(i)}"
        ts = leaves_or_none(selection, what, "its primal", given, treedef)
        for path, primal, t in zip(tree.leaf_paths(treedef), primals, ts, strict=True):
            if t is not None and primal is None:
                raise InputTypeError(
                    f"{selection}: {selection.label(i)}{tree.key_string(path)} is an integer, "
                    "which has no tangent; give None for it, or convert the argument "
                    "(x.astype(float), 3.0)"
                )
            if t is not None:
                t = checked(selection, what, path, t, type_of(primal))
            found.append(t)
    return found
