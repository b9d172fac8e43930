"""The stack of interpreters: which one is current, who its parent is, and when it has ended.

Every active transform is one interpreter. The stack is local to a thread and not to a context:
transforms run synchronously, so tasks cannot interleave inside one, while a copied context (a task
started inside a transform, ``asyncio.to_thread``) would carry the interpreter to where it is dead.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from functrans.core.errors import describe_function
from functrans.core.explain import explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array


class _Stack(threading.local):
    """The stack of this thread, by its top: the interpreters below are its parents."""

    top: Interpreter | None = None

    deriving = False
    """Whether a derivative of an operation with graphs is carried out, by a transform above the
    top."""


def _back_to(interpreter: Interpreter | None) -> None:
    """Make an interpreter current again.

    What lies below all transforms is the same for all threads and may come to be later, with the
    import of ``functrans.torch``; so no thread holds on to what it was.
    """
    if interpreter is _Stack.top:
        vars(stack).pop("top", None)
    else:
        stack.top = interpreter


stack = _Stack()
"""``stack.top`` is the interpreter that handles the next operation, or None for plain NumPy."""


def outside() -> bool:
    """Whether no transform is active: at most what lies below all of them."""
    top = stack.top
    if top is not None and top.transparent:
        top = top.parent
    return top is _Stack.top


_NO_PARAMS: dict[str, Any] = {}


class Ties(NamedTuple):
    """What transforms do where a matrix decomposition may have equal values, as
    transforms/meeting.py says.

    Attributes
    ----------
    operands : callable
        ``operands(transform, primitive, args, params)``: the operands that it is to take.
    outputs : callable
        ``outputs(transform, primitive, rates_of, values, ans)``: what it returned, with how equal
        values part; an interpreter that carries that may come below the transform.
    """

    operands: Callable[..., Any]
    outputs: Callable[..., Any]


class Interpreter:
    """One active transform: what it does with each operation, and which interpreter is below.

    A value belongs to an interpreter if it points at it; every other value is a constant to it.
    While ``with interpreter:`` runs it is current; afterwards it is closed and its arrays are dead.
    """

    __slots__ = ("__weakref__", "_below", "closed", "function", "parent", "thread")

    parent: Interpreter | None

    ties: ClassVar[Ties]
    """Set when all transforms are there, those included that come below others."""

    transform = "transform"

    @property
    def lost(self) -> str:
        """What a conversion to a plain value would lose, for messages."""
        return "its derivative would be lost"

    values_known = True
    """Whether an array of mine has one plain value, which may be asked for."""

    follows = False
    """Whether a Python condition on a value that is not known may come out as in one call."""

    differentiates = False
    """Whether derivatives are taken of what runs above me."""

    later = False
    """Whether derivatives of what runs above me are taken when that is over."""

    leaves = False
    """Whether what is made of what runs above me declines warnings (declining.py)."""

    remembers = False
    """Whether derivatives by values of mine may be asked for later, beyond all transforms."""

    records = False
    """Whether operations are recorded with the user's lines, which so are looked for."""

    overwrites = False
    """Whether values of mine can be written to in their own memory, see `overwrite`."""

    transparent = False
    """Whether it only carries out operations, so that nobody need know of it."""

    hidden = ""
    """What messages of NumPy show and the user did not write."""

    def __init__(self, function: object = None) -> None:
        self.parent = stack.top
        self.function = function
        self.closed = False
        self.thread = threading.get_ident()
        self._below: Interpreter | None = None

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out one operation in which values of mine may take part."""
        raise NotImplementedError

    def unary(self, primitive: Primitive, x: Array) -> Any:
        """`process` for one operand and no parameters, which an interpreter may do faster."""
        return self.process(primitive, (x,), _NO_PARAMS)

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        """`process` for two operands and no parameters, which an interpreter may do faster."""
        return self.process(primitive, (x, y), _NO_PARAMS)

    def of_float(self, primitive: Primitive, python: Any, x: Array) -> Any:
        """An operator of a Python number that stands for a float, of which a value of mine is one;
        None: there is no shorter way than `unary`, nothing has happened.

        `python` is Python's operator, which gives NumPy's bits for floats if the result is finite;
        None where there is none.
        """
        return None

    def of_floats(self, primitive: Primitive, python: Any, x: Array, y: Array) -> Any:
        """The same for two operands, one of which may be an int."""
        return None

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        """Run `function` on flat `args` such that reverse mode keeps nothing of it but `args`."""
        raise NotImplementedError

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        """Carry out a call of a user's function that comes with rules of its own."""
        raise NotImplementedError

    def overwrite(
        self,
        primitive: Primitive,
        x: Any,
        y: Array,
        arrays: tuple[Array, ...],
        index: Any,
        alone: bool = True,
    ) -> Any:
        """The value `x` after an operation at an index, which takes its place: carried out in its
        own memory, see :mod:`functrans.core.overwriting`. At least one of the operands is mine.

        None: it cannot be, nothing has happened, and `primitive`, which makes a copy, does it.
        """
        return None

    def fresh(self, content: Array) -> Any:
        """A new array of mine with a constant content, to write traced values into."""
        raise NotImplementedError

    def fresh_below(self, content: Array) -> Any:
        """A new array with a content that cannot be mine, as of whole numbers: the parent's."""
        parent = self.parent
        if parent is None or getattr(content, "interpreter", None) is parent:
            return content
        return parent.fresh(content)

    def hand_down(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Let the parent carry out an operation on values none of which is mine."""
        parent = self.parent
        if parent is None:
            return primitive.impl(*args, **params)
        return parent.process(primitive, tuple(args), params)

    def hand_down_checkpointed(
        self, function: Callable[..., list[Any]], args: list[Any]
    ) -> list[Any]:
        """Let the parent run a checkpointed function on values none of which is mine."""
        parent = self.parent
        return function(*args) if parent is None else parent.checkpointed(function, args)

    def hand_down_custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        """Let the parent carry out a custom call on values none of which is mine."""
        with under(self.parent):
            return call.run(args) if self.parent is None else self.parent.custom(call, args)

    def __enter__(self) -> Self:
        self._below = stack.top
        stack.top = self
        self.closed = False
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _back_to(self._below)
        self.closed = True
        if error is not None:
            better = explained(error, self)
            if better is not None:
                raise better from error

    def __repr__(self) -> str:
        return f"{self.transform}({describe_function(self.function)})"


class CustomCall(Protocol):
    """A call of a user's function with its rules, on flat lists of leaves.

    Each method runs under the interpreter that is current when it is called.
    """

    has_jvp: bool
    has_vjp: bool
    has_batch: bool

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs."""
        ...

    def push(self, primals: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
        """The outputs and their tangents."""
        ...

    def forward(self, args: list[Any]) -> tuple[list[Any], Any]:
        """The outputs, and the residuals that `backward` needs."""
        ...

    def backward(self, residuals: Any, cotangents: list[Any]) -> list[Any]:
        """The cotangents of the arguments (None: zero)."""
        ...

    def batch(
        self, size: int, batched: list[bool], args: list[Any]
    ) -> tuple[list[Any], list[bool]]:
        """The outputs, and which of them have the batch axis (at 0)."""
        ...

    def mapped(self, size: int) -> CustomCall:
        """The same call on a batch, for arguments that all have the batch axis at 0."""
        ...


class under:
    """Make an interpreter (or None) current for the length of a ``with`` block."""

    __slots__ = ("before", "interpreter")

    def __init__(self, interpreter: Interpreter | None) -> None:
        self.interpreter = interpreter

    def __enter__(self) -> None:
        self.before = stack.top
        stack.top = self.interpreter

    def __exit__(self, *exc: object) -> None:
        _back_to(self.before)


class deriving(under):
    """The same for the derivative that the interpreter above takes of an operation with graphs."""

    __slots__ = ("already",)

    def __enter__(self) -> None:
        super().__enter__()
        self.already = stack.deriving
        stack.deriving = True

    def __exit__(self, *exc: object) -> None:
        stack.deriving = self.already
        super().__exit__()


def is_left() -> bool:
    """Whether a program is made that declines warnings."""
    interpreter = stack.top
    while interpreter is not None:
        if interpreter.leaves:
            return True
        interpreter = interpreter.parent
    return False


def is_active(interpreter: Interpreter) -> bool:
    """Whether an interpreter is on the current stack."""
    active = stack.top
    while active is not None:
        if active is interpreter:
            return True
        active = active.parent
    return False
