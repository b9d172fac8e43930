"""Reverse mode: a flat tape in creation order, walked backwards without recursion.

An entry of the tape is ``(primitive, links)``. A link ``(pull, index, residuals, params, space)``
says: add the output's cotangent, pulled through ``pull(g, residuals, params)``, to the value at
`index`. With None for `params` the pull is one of a single residual, ``pull(g, residual)``, see
:class:`~functrans.core.primitive.Rule`. ``space`` is the type to project to, or None where the pull
is known to return it; if it is a list, then so is `index`, and the pull returns a cotangent for
each.
"""

from __future__ import annotations

import threading
from math import isfinite
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from functrans.core.array import (
    Likeness,
    TracedArray,
    duplicate,
    for_reading,
    python_number,
    snapshot,
)
from functrans.core.constants import Constants
from functrans.core.cotangent import zeros
from functrans.core.errors import refuse_objects
from functrans.core.interpreter import CustomCall, Interpreter, deriving, stack, under
from functrans.core.overwriting import holds_alone, overwritten
from functrans.core.primitive import BY_UFUNC, X_TYPE, ZERO, Primitive, Rule
from functrans.core.types import (
    OBJECTS,
    SCALARS,
    WEAK,
    Array,
    dtype_of,
    is_array,
    is_inexact,
    type_of,
)
from functrans.transforms.origins import origin
from functrans.transforms.overwriting import Overwrite, that_stay
from functrans.transforms.replay import Replay
from functrans.transforms.telling import opened
from functrans.transforms.transposition import derived_pull, links_of, transpose_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ReverseArray(Likeness, below="value"):
    """A primal value and its place on the tape.

    Without an ``__init__``, which costs more than the object: see :meth:`Reverse.array`.
    """

    __slots__ = ("index", "value")

    interpreter: Reverse
    value: Array
    index: int

    def __array_ufunc__(self, ufunc: Any, method: str, x: Any, *more: Any, **kwargs: Any) -> Any:
        """NumPy's protocol, with :meth:`Reverse.unary` written out: NumPy programs spend most of
        their time here, and a call less is a twentieth of the operation."""
        if not more and not kwargs and ufunc in BY_UFUNC and method == "__call__":
            primitive = BY_UFUNC[ufunc]
            fast = primitive.fast
            interpreter = self.interpreter
            if fast is not None and stack.top is interpreter and interpreter.recording:
                pull, place = fast
                value = self.value
                parent = interpreter.parent
                ans = ufunc(value) if parent is None else parent.unary(primitive, value)
                tape = interpreter.tape
                out = ReverseArray()
                out.interpreter = interpreter
                out.place = None
                out.value = ans
                out.index = interpreter.base + len(tape)
                kept = (value, None, ans)[place]
                tape.append((primitive, ((pull, self.index, kept, None, None),)))
                return out
        return TracedArray.__array_ufunc__(self, ufunc, method, x, *more, **kwargs)

    def snapshot(self) -> ReverseArray:
        return self.interpreter.array(self.value, self.index)

    def duplicate(self) -> ReverseArray:
        return self.interpreter.array(duplicate(self.value), self.index)

    def release(self) -> None:
        self.value = None

    def become(self, content: Any) -> None:
        if not self.interpreter.owns(content):
            self.check_constant(content)
            content = self.interpreter.fresh(snapshot(content))
        self.value, self.index = content.value, content.index

    def birth(self) -> str:
        return origin(self.interpreter.tape, self.index, self.interpreter.inputs)


class Reverse(Interpreter):
    """Records a tape of the operations on its arrays.

    `recording` is False while a checkpointed function runs for its value only: its arrays have no
    place on the tape, and `touched` tells whether it met an array of mine. `base` is the index of
    the tape's first entry. `turn` is held while a checkpointed function runs again on another tape,
    as threads share pullbacks. With `splits` whoever walks the tape asks for `splitting`.
    """

    __slots__ = (
        "base",
        "constants",
        "inputs",
        "recording",
        "splits",
        "splitting",
        "tape",
        "touched",
        "transform",
        "turn",
    )

    differentiates = True
    later = True
    overwrites = True

    def __init__(
        self, function: object = None, transform: str = "vjp", *, splits: bool = False
    ) -> None:
        super().__init__(function)
        self.transform = transform
        self.tape: list[Any] = []
        self.base = 0
        self.recording = True
        self.touched = False
        self.turn: threading.RLock | None = None
        self.constants = Constants()
        self.inputs: tuple[Any, ...] | None = None  # what messages call them by
        self.splits = splits
        self.splitting: Any = None  # a Splitting or an Expansion, which may come below me

    def variable(self, value: Array) -> ReverseArray:
        """A new input of the tape."""
        self.tape.append(None)
        return self.array(value, self.base + len(self.tape) - 1)

    def array(self, value: Array, index: int) -> ReverseArray:
        """The traced array of a value at this place of the tape."""
        array = ReverseArray()
        array.interpreter = self
        array.place = None
        array.value = value
        array.index = index
        return array

    def fresh(self, content: Array) -> Any:
        if not is_inexact(dtype_of(content)):  # as the results of operations: not mine
            return self.fresh_below(content)
        return self.variable(content) if self.recording else self._unrecorded(content)

    def _unrecorded(self, ans: Any) -> Any:
        """A result met while not recording, in a handle of mine: it may share memory with a value
        of mine, which user code must not write to."""
        if type(ans) is tuple:
            return tuple(map(self._unrecorded, ans))
        return self.array(ans, _NOWHERE) if is_inexact(dtype_of(ans)) else ans

    def owns(self, x: Any) -> bool:
        return type(x) is ReverseArray and x.interpreter is self

    def delivered(self, x: Any) -> Any:
        """What stands for one of my arrays outside."""
        value = self.lower(x)
        return value if self.splitting is None else self.splitting.bare(value)

    def lower(self, x: Any) -> Any:
        """The value of one of my arrays; anything else as it is."""
        return x.value if type(x) is ReverseArray and x.interpreter is self else x

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.fast and self.recording and not params:
            if len(args) == 1:
                if self.owns(args[0]):
                    return self.unary(primitive, args[0])
            elif len(args) == 2:
                return self.binary(primitive, args[0], args[1])
        single = primitive.outputs is None and primitive.parts is None
        if single and len(args) == 1 and self.recording and primitive.pulls:
            return self._record_one(primitive, args[0], params)
        if primitive.parts is not None and primitive.differentiable and stack.top is self:
            args = self.ties.operands(self, primitive, args, params)
        values = []
        mine = []
        for i, x in enumerate(args):
            if type(x) is ReverseArray and x.interpreter is self:
                values.append(x.value)
                mine.append(i)
            else:
                values.append(x)
        if primitive.higher is not None and mine and self.recording:
            outs = opened(self, primitive.higher, args, params, True) if self.splits else None
            return outs or self._higher(primitive, args, values, mine, params)
        parent = self.parent
        if parent is None:
            ans = primitive.impl(*values, **params)
        else:
            ans = parent.process(primitive, tuple(values), params)
        if not mine or not primitive.differentiable:
            return ans
        if primitive.parts is not None and self.splits:
            ans = self.ties.outputs(self, primitive, primitive.splits, values, ans)
        if not self.recording:
            self.touched = True
            return self._unrecorded(ans)
        if primitive.outputs is not None:
            return self._record_outputs(primitive, args, values, mine, params, ans)
        if not is_inexact(dtype_of(ans)):
            if dtype_of(ans) is OBJECTS:
                refuse_objects(primitive.name)
            return ans
        links = links_of(self, primitive, args, values, mine, params, ans)
        if not links:
            return ans
        self.tape.append((primitive, links))
        return self.array(ans, self.base + len(self.tape) - 1)

    def _record_one(self, primitive: Primitive, x: Array, params: dict[str, Any]) -> Any:
        """The same for one operand and one output, as sums and movements of data have."""
        if type(x) is not ReverseArray or x.interpreter is not self:
            return self.hand_down(primitive, (x,), params)
        value = x.value
        parent = self.parent
        if parent is None:
            impl = primitive.impl
            ans = impl(value, **params)
        else:
            ans = parent.process(primitive, (value,), params)
        if not primitive.differentiable or not is_inexact(dtype_of(ans)):
            return ans
        pull: Any = primitive.pulls[0] or derived_pull(primitive, 0)  # type: ignore[index]
        if pull is ZERO:
            return ans
        space = type_of(value)
        residuals = (space,) if pull.names == X_TYPE else pull.select(ans, (value,))
        tape = self.tape
        tape.append((primitive, ((pull.apply, x.index, residuals, params, space),)))
        return self.array(ans, self.base + len(tape) - 1)

    # The two hot paths are written out: a call less is a tenth of the whole operation. What stands
    # in a slot is taken out before it is called, since Python looks for a method first.

    def unary(self, primitive: Primitive, x: Array) -> Any:
        """Record an elementwise operation of one operand: one link, never a projection."""
        fast = primitive.fast
        if (
            fast is None
            or type(x) is not ReverseArray
            or x.interpreter is not self
            or not self.recording
        ):
            return self.process(primitive, (x,), _NONE)
        pull, place = fast
        value = x.value
        parent = self.parent
        impl = primitive.impl
        ans = impl(value) if parent is None else parent.unary(primitive, value)
        tape = self.tape
        out = ReverseArray()
        out.interpreter = self
        out.place = None
        out.value = ans
        out.index = self.base + len(tape)
        tape.append((primitive, ((pull, x.index, (value, None, ans)[place], None, None),)))
        return out

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        """Record an elementwise operation of two operands, with projections where it broadcast."""
        fast = primitive.fast
        if fast is None or not self.recording:
            return self.process(primitive, (x, y), _NONE)
        x_mine = type(x) is ReverseArray and x.interpreter is self
        y_mine = type(y) is ReverseArray and y.interpreter is self
        if not (x_mine or y_mine):
            return self.hand_down(primitive, (x, y), _NONE)
        x_pull, x_place, y_pull, y_place = fast
        a = x.value if x_mine else x
        b = y.value if y_mine else y
        parent = self.parent
        impl = primitive.impl
        ans = impl(a, b) if parent is None else parent.binary(primitive, a, b)
        values = (a, b, None, ans)
        x_space = y_space = None
        if not (
            type(a) is type(b) is ndarray and a.dtype is b.dtype is ans.dtype and a.shape == b.shape
        ):
            shape, dtype = ans.shape, ans.dtype
            if dtype is OBJECTS:
                refuse_objects(primitive.name)
            # A Python number has its dtype and shape if what it met is one, too.
            if x_mine and (
                (shape or dtype_of(a) is not dtype)
                if type(a) in WEAK
                else (a.dtype is not dtype or a.shape != shape)
            ):
                x_space = type_of(a)
            if y_mine and (
                (shape or dtype_of(b) is not dtype)
                if type(b) in WEAK
                else (b.dtype is not dtype or b.shape != shape)
            ):
                y_space = type_of(b)
        links: tuple[Any, ...]
        if x_mine and y_mine:
            links = (
                (x_pull, x.index, values[x_place], None, x_space),
                (y_pull, y.index, values[y_place], None, y_space),
            )
        elif x_mine:
            kept = values[x_place]
            if kept is not None and type(b) not in SCALARS:
                (kept,) = self.constants.keep_among((kept,), (b,))
            links = ((x_pull, x.index, kept, None, x_space),)
        else:
            kept = values[y_place]
            if kept is not None and type(a) not in SCALARS:
                (kept,) = self.constants.keep_among((kept,), (a,))
            links = ((y_pull, y.index, kept, None, y_space),)
        tape = self.tape
        out = ReverseArray()
        out.interpreter = self
        out.place = None
        out.value = ans
        out.index = self.base + len(tape)
        tape.append((primitive, links))
        return out

    def of_float(self, primitive: Primitive, python: Any, x: Array) -> Any:
        fast = primitive.fast
        if fast is None or self.parent is not None or not (self.recording and self.owns(x)):
            return None
        value = x.value
        ans = _among_floats(primitive, python, value)
        pull, place = fast
        tape = self.tape
        tape.append((primitive, ((pull, x.index, (value, None, ans)[place], None, None),)))
        return self.array(ans, self.base + len(tape) - 1)

    def of_floats(self, primitive: Primitive, python: Any, x: Array, y: Array) -> Any:
        fast = primitive.fast
        if fast is None or self.parent is not None or not self.recording:
            return None
        x_mine = type(x) is ReverseArray and x.interpreter is self
        y_mine = type(y) is ReverseArray and y.interpreter is self
        a = x.value if x_mine else x
        b = y.value if y_mine else y
        if type(a) not in _REAL or type(b) not in _REAL:
            return None
        ans = _among_floats(primitive, python, a, b)
        x_pull, x_place, y_pull, y_place = fast
        values = (a, b, None, ans)
        links: tuple[Any, ...] = ()
        if x_mine:
            links = ((x_pull, x.index, values[x_place], None, None),)
        if y_mine:
            links += ((y_pull, y.index, values[y_place], None, None),)
        tape = self.tape
        tape.append((primitive, links))
        return self.array(ans, self.base + len(tape) - 1)

    def residuals(
        self, pull: Rule, ans: Any, args: Any, values: Sequence[Array], mine: list[int]
    ) -> tuple[Any, ...]:
        """What a rule needs, with constants as they are now."""
        kept = pull.select(ans, values)
        if kept and len(mine) < len(values):
            constants = [
                x for i, x in enumerate(values) if type(x) not in SCALARS and i not in mine
            ]
            if constants:
                return self.constants.keep_among(kept, constants)
        return kept

    def _record_outputs(
        self,
        primitive: Primitive,
        args: Any,
        values: list[Array],
        mine: list[int],
        params: dict[str, Any],
        ans: tuple[Array, ...],
    ) -> tuple[Array, ...]:
        links = links_of(self, primitive, args, values, mine, params, ans)
        if not links:
            return ans
        return tuple(self._several(primitive, links, ans))

    def _higher(
        self,
        primitive: Primitive,
        args: Any,
        values: list[Array],
        mine: list[int],
        params: dict[str, Any],
    ) -> tuple[Any, ...]:
        """Record an operation whose parameters are graphs by its own reverse mode."""
        wanted = [False] * len(args)
        for i in mine:
            wanted[i] = True
        with deriving(self.parent):
            outs, pull_all = primitive.higher.vjp(values, wanted, params)  # type: ignore[union-attr]

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            found = pull_all(list(gs))
            return [found[i] for i in mine]

        link = (pull, [args[i].index for i in mine], (), _NONE, [type_of(values[i]) for i in mine])
        return tuple(self._several(primitive, [link], outs))

    def _several(self, primitive: Any, links: Any, outs: Sequence[Any]) -> list[Any]:
        """Record an operation with several outputs: they stand on the tape right behind it."""
        tape = self.tape
        types = tuple(type_of(o) if is_array(o) else None for o in outs)
        if links is None:
            primitive.types = types
        tape.append((types, (primitive, links)))
        first = self.base + len(tape)
        tape.extend([None] * len(outs))
        return [
            self.array(o, first + j) if kind and is_inexact(kind.dtype) else o
            for j, (o, kind) in enumerate(zip(outs, types, strict=True))
        ]

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        mine = list(map(self.owns, args))

        def unrecorded(*values: Any) -> list[Any]:
            before, self.recording = self.recording, False
            try:
                with under(self):
                    outs = function(
                        *[
                            self._unrecorded(x) if m else x
                            for x, m in zip(values, mine, strict=True)
                        ]
                    )
            finally:
                self.recording = before
            self.touched |= any(map(self.owns, outs))
            return [self.lower(o) for o in outs]

        # Made before the function runs, which may write to its arguments.
        replay = Replay(self, function, args) if self.recording else None
        outer, self.touched = self.touched, any(mine)
        outs = self.hand_down_checkpointed(unrecorded, [self.lower(x) for x in args])
        # A checkpointed function around this one has met what this one met.
        touched, self.touched = self.touched, self.touched or outer
        if not touched:
            return outs
        if not self.recording:
            return list(map(self._unrecorded, outs))
        return self._several(replay, None, outs)

    def overwrite(
        self,
        primitive: Primitive,
        x: Any,
        y: Array,
        arrays: tuple[Array, ...],
        index: Any,
        alone: bool = True,
    ) -> Any:
        """The operation, with an entry that carries cotangents in their own memory too."""
        y, arrays, index = that_stay(self, primitive, x, y, arrays, index)
        if index is None:
            return None
        self.touched |= not self.recording
        arrays = tuple(map(self.constants.keep, arrays))
        mine = self.owns(x)
        alone = alone and (not mine or holds_alone(x, "value"))
        value = self.lower(y)
        with under(self.parent):
            content = overwritten(primitive, self.lower(x), value, arrays, index, alone)
        kind = type_of(content)
        if not is_inexact(kind.dtype):
            return content
        if not self.recording:
            return self._unrecorded(content)
        places = [z.index if self.owns(z) else None for z in (x, y)]
        self.tape.append(
            ((kind,), (Overwrite(primitive, index, arrays, places, kind, type_of(value)), None))
        )
        self.tape.append(None)
        return self.array(content, self.base + len(self.tape) - 1)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        mine = [i for i, x in enumerate(args) if self.owns(x)]
        values = [for_reading(x.value) if self.owns(x) else x for x in args]
        if not mine:
            return self.hand_down_custom(call, values)
        if not self.recording:
            self.touched = True
            return list(map(self._unrecorded, self.hand_down_custom(call, values)))
        spaces = [type_of(values[i]) for i in mine]
        if call.has_vjp:
            with under(self.parent):
                outs, kept = call.forward(values)

            def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
                found = call.backward(kept, list(gs))
                return [found[i] for i in mine]

        elif call.has_jvp:
            outs = self.hand_down_custom(call, values)

            def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
                def tangents(*ts: Any) -> tuple[Any, ...]:
                    full = [
                        zeros(type_of(x)) if is_array(x) and is_inexact(dtype_of(x)) else None
                        for x in values
                    ]
                    for i, t in zip(mine, ts, strict=True):
                        full[i] = t
                    return tuple(call.push(values, full)[1])

                return list(transpose_linear(tangents, tuple(spaces), tuple(gs)))

        else:
            return call.run(args)
        link = (pull, [args[i].index for i in mine], (), _NONE, spaces)
        return self._several(None, [link], outs)


def _among_floats(primitive: Primitive, python: Any, *operands: Array) -> Any:
    """What an operator gives: by Python's, which makes no arrays, or by NumPy's, where that warns
    and Python's may raise."""
    if python is not None:
        try:
            ans = python(*operands)
        except ArithmeticError:
            pass
        else:
            if isfinite(ans):
                return ans
    return python_number(primitive.impl(*operands))


_REAL = frozenset((float, int))

_NONE: dict[str, Any] = {}

_NOWHERE = -1  # the place on the tape of what was not recorded
