"""The record of a primitive with all its rules, and the registry of all records.

A rule names what it needs: after the tangent ``t`` or cotangent ``g`` come any of ``ans`` (the
output), ``x, y, z, w`` (the operands), ``xs`` (all operands), ``rest`` (all but the first),
``tail`` (all but the first two), their types ``ans_type, x_type, ..., x_types``, then keyword-only
parameters. Exactly what is named is kept until the rule runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.core.errors import RegistrationError
from functrans.core.types import type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.overwriting import InPlace

REGISTRY: dict[str, Primitive] = {}
"""Every primitive by name."""

HOMES: dict[str, str] = {}
"""The modules of primitives that are loaded when one is needed, entered by those above."""

OVERRIDDEN: set[str] = set()
"""The names of primitives of which users have replaced rules."""

BY_UFUNC: dict[np.ufunc, Primitive] = {}
"""The primitives that carry out a NumPy ufunc."""

_TAKES_KEYWORDS = 0x08  # inspect.CO_VARKEYWORDS; importing inspect would cost more than the engine

_OPERANDS = {"x": 0, "y": 1, "z": 2, "w": 3}


class Zero:
    """The rule of an operand on which the output does not depend to first order."""

    def __repr__(self) -> str:
        return "ZERO"


ZERO = Zero()


class Rule:
    """A derivative formula, with the values that it names.

    ``select(ans, args)`` gives the tuple of these values (its *residuals*), and
    ``apply(t_or_g, residuals, params)`` evaluates the formula.

    `names` are those of the residuals. Of a rule without parameters ``formula(t_or_g, *residuals)``
    is the formula itself (with one None for residuals if there are none).
    """

    __slots__ = ("apply", "formula", "names", "select")

    def __init__(
        self,
        apply: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
        select: Callable[[Any, Any], tuple[Any, ...]],
        names: tuple[str, ...] | None = None,
        formula: Callable[..., Any] | None = None,
    ) -> None:
        self.apply = apply
        self.select = select
        self.names = names
        self.formula = formula

    def __call__(self, lead: Any, ans: Any, args: Any, params: Any) -> Any:
        """Evaluate the formula at once, for drivers that keep no residuals."""
        return self.apply(lead, self.select(ans, args), params)

    def brief(self, operands: int) -> tuple[Callable[..., Any], Any, bool] | None:
        """The rule for a driver in a hurry: ``(pull, place, False)``, with ``kept = (*args, None,
        ans)[place]`` to keep, one value mostly, and ``pull(g, kept)`` to evaluate; or ``(pull,
        place, True)``, which is ``pull(g, kept, params)``. None: it needs more than values."""
        values = (*list(_OPERANDS)[:operands], None, "ans")
        names, formula = self.names, self.formula
        if names is None or not set(names).issubset(values):
            return None
        places = sorted(map(values.index, names))
        step = places[1] - places[0] if len(names) == 2 else 1
        place = slice(places[0], places[-1] + 1, step) if places else slice(0, 0)
        kept = values[place]
        if formula is None:
            return (self.apply, place, True) if kept == names else None
        if not names:
            return formula, operands, False
        if len(names) == 1:
            return formula, places[0], False
        order = tuple(map(kept.index, names))
        if len(order) == 2:
            i, j = order
            return lambda g, kept: formula(g, kept[i], kept[j]), place, False
        return lambda g, kept: formula(g, *[kept[i] for i in order]), place, False


def argument_names(function: Callable[..., Any], owner: str) -> tuple[str, ...]:
    """The positional arguments of a formula, without the keyword-only parameters."""
    code: Any = getattr(function, "__code__", None)
    if code is None:
        raise RegistrationError(
            f"{owner}: a rule is {function!r}; it must be a Python function (def or lambda), "
            "since the names of its arguments say what it needs"
        )
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names


def rule(formula: Callable[..., Any], owner: str) -> Rule:
    """The rule of a written formula whose first argument is ``t`` or ``g``.

    A formula without keyword-only arguments is not passed the primitive's parameters.
    """
    names = argument_names(formula, owner)[1:]
    if formula.__code__.co_kwonlyargcount or formula.__code__.co_flags & _TAKES_KEYWORDS:
        return Rule(
            lambda lead, residuals, params: formula(lead, *residuals, **params),
            selector(names, owner),
            names,
        )
    return plain_rule(formula if names else lambda lead, _: formula(lead), names, owner)


def plain_rule(formula: Callable[..., Any], names: tuple[str, ...], owner: str) -> Rule:
    """The rule of a formula without parameters that takes the values of these names, or None if
    there are none."""
    apply: Any
    if not names:
        apply = lambda lead, residuals, params: formula(lead, None)  # noqa: E731
    elif len(names) == 1:  # most rules, and a call without * takes half the time
        apply = lambda lead, residuals, params: formula(lead, residuals[0])  # noqa: E731
    else:
        apply = lambda lead, residuals, params: formula(lead, *residuals)  # noqa: E731
    return Rule(apply, selector(names, owner), names, formula)


X_TYPE = ("x_type",)
"""The names of most rules that move data: these need the type of the operand, and drivers have
it."""


def select_all(ans: Any, args: Any) -> tuple[Any, ...]:
    """The residuals of a rule that may need everything."""
    return (ans, *args)


def selector(names: tuple[str, ...], owner: str) -> Callable[[Any, Any], tuple[Any, ...]]:
    """The function ``(ans, args) -> residuals`` for a formula that names these values."""
    getters = [_getter(name, owner) for name in names]
    if not getters:
        return lambda ans, args: ()
    if len(names) == 1 and names[0] in _OPERANDS:
        position = _OPERANDS[names[0]]
        return lambda ans, args: (args[position],)
    if names == ("ans",):
        return lambda ans, args: (ans,)
    if len(getters) == 1:
        (only,) = getters
        return lambda ans, args: (only(ans, args),)
    return lambda ans, args: tuple([get(ans, args) for get in getters])


def _getter(name: str, owner: str) -> Callable[[Any, Any], Any]:
    if name in _OPERANDS:
        position = _OPERANDS[name]
        return lambda ans, args: args[position]
    if name.removesuffix("_type") in _OPERANDS:
        position = _OPERANDS[name.removesuffix("_type")]
        return lambda ans, args: type_of(args[position])
    if name in _WHOLES:
        return _WHOLES[name]
    raise RegistrationError(
        f"{owner}: a rule names {name!r}, which is none of ans, x, y, z, w, xs, rest, tail, "
        "ans_type, x_type, y_type, z_type, w_type, x_types"
    )


_WHOLES: dict[str, Callable[[Any, Any], Any]] = {
    "ans": lambda ans, args: ans,
    "xs": lambda ans, args: tuple(args),
    "rest": lambda ans, args: tuple(args[1:]),
    "tail": lambda ans, args: tuple(args[2:]),
    "ans_type": lambda ans, args: types_of(ans),
    "x_types": lambda ans, args: tuple(map(type_of, args)),
}


def types_of(ans: Any) -> Any:
    """The type of an output, or the tuple of types of several outputs."""
    return tuple(map(type_of, ans)) if isinstance(ans, tuple) else type_of(ans)


class HigherOrder:
    """What transforms do with an operation whose parameters are graphs, on flat operands.

    Each method runs under the interpreter below the one that asks. None stands for a zero tangent
    or cotangent.
    """

    derives = False
    """Whether the operation is a derivative of the graphs in its parameters."""

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        """The outputs and their tangents."""
        raise NotImplementedError

    def vjp(
        self, values: list[Any], wanted: list[bool], params: dict[str, Any]
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        """The outputs, and the function from their cotangents to those of the operands."""
        raise NotImplementedError

    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: dict[str, Any]
    ) -> tuple[list[Any], list[bool]]:
        """The outputs, and which of them have the batch axis (at 0), as `batched` says of the
        operands."""
        raise NotImplementedError

    def opened(
        self, params: dict[str, Any], alone: bool, backward: bool, whole: bool = False
    ) -> Callable[..., list[Any] | None] | None:
        """``run(operands, at)``: the same in pieces, for a transform that has to look at the matrix
        decompositions within; ``at(line)`` is told where each of them comes from. None: there are
        none, or it takes no pieces; returned by it: it cannot with these operands.

        The transform is the only one that takes derivatives if it is `alone`, and goes `backward`
        or forward. With `whole` it wants the pieces of any operation."""
        return None

    def shifted(self, params: dict[str, Any]) -> Shifted | None:
        """The operation with an operand more, by whose tangents the rates of equal values within
        are shifted (transforms/telling.py); None where no values within have rates."""
        return None


class Shifted(NamedTuple):
    """An operation with shifts of rates for an operand.

    Attributes
    ----------
    place : int
        Of the operand.
    params : dict
        The parameters.
    check : callable
        ``check(result, apart, scale, others)``: the tangent of a result, once it is known whether
        it tells equal values within apart, by what two shifts add to it; `others` are the values of
        decompositions elsewhere.
    """

    place: int
    params: dict[str, Any]
    check: Callable[..., Any]


class Primitive:
    """One operation and everything that the interpreters may ask of it.

    Attributes
    ----------
    name : str
    kind : str
        Which constructor made it (``elementwise``, ``linear``, ...).
    impl : callable
        The NumPy implementation, ``impl(*args, **params)``.
    pushes, pulls : tuple of Rule, ZERO or None; or None
        For each operand, its part of the output tangent, and its cotangent. None: no rule written.
    push_all, pull_all : Rule or None
        In place of the above, for all operands at once (for any number of operands):
        ``push_all(ts, ...)`` with zeros filled in, ``pull_all(g, ...) -> one cotangent an
        operand``.
    batch : callable or None
        ``batch(*args, **params)``: all operands come with the batch axis at 0, and so goes the
        output. A rule with an argument named ``batched`` gets the operands as they are, and a tuple
        of flags there.
    shape : callable or None
        ``shape(*types, **params) -> type(s)`` of the output.
    differentiable : bool
        False: the output carries no derivative, by mathematics.
    outputs : int or None
        The number of outputs if it returns a tuple.
    masks : str or None
        What a pull does to structural zeros: ``"lanes"`` (elementwise: the same lanes),
        ``"moves"`` (zeros move as values do, so the pull applies to the mask too), None (lost).
    briefs : tuple
        :meth:`Rule.brief` of each pull in turn.
    fast : tuple or None
        ``pull, place`` of each pull in turn, where all operands of an elementwise function have
        such rules without parameters.
    higher : HigherOrder or None
        In place of all of the above, what transforms do with an operation whose parameters are
        graphs.
    effects : bool
        True: carrying it out does more than its outputs tell (it prints, it calls the user back).
        A graph keeps such an operation whether its outputs are needed or not, and in its place.
    parts : str or None
        The family of a matrix decomposition whose equal values part (transforms/expansion.py):
        ``"eigh"``, ``"eig"`` or ``"svd"``.
    splits : callable or None
        ``splits(outputs)``: how equal values among the outputs part along a path, a tangent for
        each output or None; None in all where none are equal.
    when_split : callable or None
        ``when_split(operands, rates, params)``: the output where operands part with these rates.
    when_parted : callable or None
        ``when_parted(operands, params)``: the output where all equal values among the operands
        have parted (transforms/expansion.py).
    tells : callable or None
        ``tells(outputs, operands, tangents, params)``: None, or where some values among the outputs
        are equal the place of these, shifts of their tangents, and what checks a result with them
        (transforms/telling.py).
    in_place : InPlace or None
        How it is carried out in the memory of its first operand, see
        :mod:`functrans.core.overwriting`.
    samples : callable or None
        ``() -> list of Sample``: where the generic tests try it, hard points included.
    call : callable
        The public function.

    Examples
    --------
    >>> import functrans as ft
    >>> primitive = ft.extend.primitive_of(ft.primitives.matmul)
    >>> primitive.kind, primitive.differentiable
    ('bilinear', True)
    """

    __slots__ = (
        "_pulls",
        "batch",
        "batch_takes_flags",
        "briefs",
        "call",
        "differentiable",
        "effects",
        "fast",
        "higher",
        "impl",
        "in_place",
        "kind",
        "masks",
        "name",
        "outputs",
        "parts",
        "pull_all",
        "push_all",
        "pushes",
        "samples",
        "shape",
        "splits",
        "tells",
        "when_parted",
        "when_split",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        impl: Callable[..., Any],
        *,
        pushes: tuple[Rule | Zero | None, ...] | None = None,
        pulls: tuple[Rule | Zero | None, ...] | None = None,
        push_all: Rule | None = None,
        pull_all: Rule | None = None,
        batch: Callable[..., Any] | None = None,
        shape: Callable[..., Any] | None = None,
        differentiable: bool = True,
        outputs: int | None = None,
        masks: str | None = None,
        effects: bool = False,
        higher: HigherOrder | None = None,
        parts: str | None = None,
        splits: Callable[..., Any] | None = None,
        tells: Callable[..., Any] | None = None,
        when_split: Callable[..., Any] | None = None,
        when_parted: Callable[..., Any] | None = None,
        in_place: InPlace | None = None,
        samples: Callable[[], list[Any]] | None = None,
    ) -> None:
        elsewhere = name in HOMES and HOMES[name] != getattr(impl, "__module__", None)
        if name in REGISTRY or elsewhere:
            raise RegistrationError(
                f"a primitive named {name!r} is registered already; "
                "choose another name, or replace single rules with functrans.extend.override"
            )
        if not callable(impl):
            raise RegistrationError(
                f"{name}: the implementation is {impl!r}; give a ufunc, or a function of arrays"
            )
        self.name = name
        self.kind = kind
        self.impl = impl
        self.masks = masks
        self.effects = effects
        self.higher = higher
        self.parts = parts
        self.splits = splits
        self.tells = tells
        self.when_split = when_split
        self.when_parted = when_parted
        self.in_place = in_place
        self.pushes = pushes
        self.pulls = pulls
        self.push_all = push_all
        self.pull_all = pull_all
        self.shape = shape
        self.differentiable = differentiable
        self.outputs = outputs
        self.samples = samples
        self.set_batch(batch)
        self.call: Callable[..., Any]
        if isinstance(impl, np.ufunc):
            if impl in BY_UFUNC:
                raise RegistrationError(
                    f"{name}: {impl.__name__} is carried out by {BY_UFUNC[impl].name!r} already; "
                    "replace single rules of that with functrans.extend.override"
                )
            BY_UFUNC[impl] = self
        REGISTRY[name] = self

    @property
    def pulls(self) -> tuple[Rule | Zero | None, ...] | None:
        return self._pulls

    @pulls.setter
    def pulls(self, pulls: tuple[Rule | Zero | None, ...] | None) -> None:
        self._pulls = pulls
        known = pulls or ()
        self.briefs: tuple[Any, ...] = tuple(
            [rule.brief(len(known)) if isinstance(rule, Rule) else None for rule in known]
        )
        quick = self.masks == "lanes" and 0 < len(known) <= 2
        self.fast: tuple[Any, ...] | None = None
        if quick and all(brief and not brief[2] for brief in self.briefs):
            self.fast = tuple([part for brief in self.briefs for part in brief[:2]])

    def set_batch(self, batch: Callable[..., Any] | None) -> None:
        self.batch = batch
        self.batch_takes_flags = batch is not None and _takes(batch, "batched")

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.name}>"

    def __reduce__(self) -> Any:
        return lookup, (self.name,)


def _takes(function: Callable[..., Any], name: str) -> bool:
    code: Any = getattr(function, "__code__", None)
    if code is None:  # a ufunc or another object that is no Python function
        return False
    return name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def primitive_of(function: Callable[..., Any]) -> Primitive:
    """The record of a primitive's public function.

    Raises
    ------
    RegistrationError
        `function` is no primitive.

    Examples
    --------
    >>> import functrans as ft
    >>> primitive_of(ft.primitives.sin)
    <elementwise primitive sin>
    """
    found = getattr(function, "primitive", None) or BY_UFUNC.get(function)  # type: ignore[call-overload]
    if not isinstance(found, Primitive):
        raise RegistrationError(
            f"{function!r} is no primitive; for a function of your own use functrans.custom"
        )
    return found


def lookup(name: str) -> Primitive:
    """The primitive of that name."""
    if name not in REGISTRY and name in HOMES:
        import_module(HOMES[name])
    return REGISTRY[name]
