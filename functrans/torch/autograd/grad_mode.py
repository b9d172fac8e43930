"""Whether operations are recorded: ``no_grad`` and its like.

Outside of functional transforms this is a flag that the engine looks at. Within them it is one more
interpreter, whose results are constants to reverse mode; forward mode goes through, as in PyTorch.
In a program that is staged they are constants to the transforms of the program, forward mode too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from functrans.core.interpreter import Interpreter, _back_to, stack, under
from functrans.core.types import Array, is_inexact
from functrans.torch import engine
from functrans.torch.backward import bottom
from functrans.torch.engine import mode, record
from functrans.transforms.batching import BatchArray
from functrans.transforms.forward import ForwardArray
from functrans.transforms.reverse import ReverseArray
from functrans.transforms.staging import StageArray
from functrans.transforms.stop_gradient import stop_gradient

grad_mode = engine.grad_mode


class Unrecorded(Interpreter):
    """Lets the transforms below carry operations out on operands that are constants to reverse
    mode."""

    __slots__ = ()

    transform = "no_grad"

    @property
    def below(self) -> Interpreter:
        assert self.parent is not None, "it stands on a transform"
        return self.parent

    def process(self, primitive: Any, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        return self.below.process(primitive, tuple(map(_constant, args)), params)

    def fresh(self, content: Array) -> Any:
        return _constant(self.below.fresh(content))

    def checkpointed(self, function: Any, args: list[Any]) -> list[Any]:
        return function(*args)  # type: ignore[no-any-return]

    def custom(self, call: Any, args: list[Any]) -> list[Any]:
        return self.below.custom(call, list(map(_constant, args)))


def _constant(x: Any) -> Any:
    """A traced array as a constant of every reverse mode."""
    if type(x) is ReverseArray:
        return _constant(x.value)
    if type(x) is ForwardArray and x.tangent is not None:
        t = _constant(x.tangent)
        return ForwardArray(x.interpreter, _constant(x.primal), t)
    if type(x) is BatchArray:
        return BatchArray(x.interpreter, _constant(x.value))
    if type(x) is StageArray and is_inexact(x.dtype):
        with under(x.interpreter):
            return stop_gradient(x)
    return x


def switch(enabled: bool) -> tuple[bool, Interpreter | None]:
    """Record or do not from now on; returns what :func:`switch_back` takes."""
    before = mode.grad, stack.top
    record(enabled)
    top = stack.top
    if top is not None and top is not bottom():
        if enabled and type(top) is Unrecorded:
            stack.top = top.parent
        elif not enabled and type(top) is not Unrecorded:
            stack.top = Unrecorded()
    return before


def switch_back(before: tuple[bool, Interpreter | None]) -> None:
    """Undo :func:`switch`."""
    record(before[0])
    _back_to(before[1])


class _Mode:
    """A mode for the length of a ``with`` block, or of the calls of a decorated function."""

    enabled = False

    def __enter__(self) -> None:
        self._before = switch(self.enabled)

    def __exit__(self, *exc: object) -> None:
        switch_back(self._before)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            return self._generator(function)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            before = switch(self.enabled)
            try:
                return function(*args, **kwargs)
            finally:
                switch_back(before)

        return call

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The mode holds while the generator runs, not while it waits."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            sent, thrown = None, None
            while True:
                before = switch(self.enabled)
                try:
                    item = generator.send(sent) if thrown is None else generator.throw(thrown)
                except StopIteration as stop:
                    return stop.value
                finally:
                    switch_back(before)
                thrown = None
                try:
                    sent = yield item
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    thrown = error

        return call

    def __new__(cls, *args: Any) -> Any:
        made = super().__new__(cls)
        if args and callable(args[0]):  # used as @no_grad, without a call
            return made(args[0])
        return made


class no_grad(_Mode):
    """Record nothing: for the length of a ``with`` block, or in a decorated function.

    Within a functional transform the results are constants to its reverse mode.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """


class enable_grad(_Mode):
    """Record, also within `no_grad`."""

    enabled = True


class inference_mode(_Mode):
    """Record nothing, as `no_grad`."""

    def __init__(self, mode: bool = True) -> None:
        self.enabled = not mode

    def __enter__(self) -> None:
        self._outer = mode.inference
        mode.inference = not self.enabled
        super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        mode.inference = self._outer


class set_grad_enabled(_Mode):
    """Record or do not: from now on, or for the length of a ``with`` block."""

    def __init__(self, mode: bool) -> None:
        self.enabled = mode
        self._before = switch(mode)

    def __enter__(self) -> None:
        switch(self.enabled)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        switch_back(self._before)  # as a decorator it holds for the calls only
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations are recorded."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether an `inference_mode` is on."""
    return mode.inference
