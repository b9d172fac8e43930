"""Hooks of modules: tables of them, their handles, and the borders at which gradients are seen."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from functrans.torch.autograd import Function
from functrans.torch.engine import EngineArray, mode
from functrans.torch.tensor import Tensor

_numbers = itertools.count()


class HookTable(dict[int, Callable[..., Any]]):
    """Hooks by their number, in the order of their calls."""

    __slots__ = ("__weakref__",)

    def add(
        self, hook: Callable[..., Any], *marks: HookTable, first: bool = False
    ) -> RemovableHandle:
        """Enter a hook at the end, or at the beginning, and its number in tables of marks."""
        handle = RemovableHandle(self, *marks)
        others = dict(self) if first else {}
        if first:
            self.clear()
        self[handle.id] = hook
        self.update(others)
        for mark in marks:
            mark[handle.id] = hook
        return handle

    def __reduce__(self) -> Any:
        return HookTable, (dict(self),)


class GlobalHooks:
    """The hooks of all modules; `any` has the numbers of all of them."""

    def __init__(self) -> None:
        self.any = HookTable()
        self.forward_pre = HookTable()
        self.forward = HookTable()
        self.forward_with_kwargs = HookTable()
        self.forward_always_called = HookTable()
        self.backward_pre = HookTable()
        self.backward = HookTable()


everywhere = GlobalHooks()


class RemovableHandle:
    """Takes a hook away again.

    Attributes
    ----------
    id : int
        The number of the hook.
    """

    __slots__ = ("id", "tables")

    def __init__(self, *tables: HookTable) -> None:
        self.id = next(_numbers)
        self.tables = [weakref.ref(table) for table in tables]

    def remove(self) -> None:
        """Do not call the hook any more."""
        for reference in self.tables:
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Border(Function):
    """Passes tensors on; calls a function with their gradients, and passes on what it returns."""

    @staticmethod
    def forward(ctx: Any, see: Any, *tensors: Tensor) -> Any:
        ctx.see = see
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.see(grads))


def seen(values: tuple[Any, ...], see: Callable[[tuple[Any, ...]], Any]) -> tuple[Any, bool]:
    """The values behind a border, if gradients flow through any, and whether there is one."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places or not mode.grad:
        return values, False

    def whole(grads: tuple[Any, ...]) -> Any:
        found: list[Any] = [None] * len(values)
        for i, g in zip(places, grads, strict=True):
            found[i] = g
        shown = see(tuple(found))
        return [shown[i] for i in places]

    passed = list(values)
    for i, new in zip(places, Border.apply(whole, *[values[i] for i in places]), strict=True):
        old = values[i].array
        if type(old) is EngineArray:
            new.array.version = old.version  # the memory is the same
        passed[i] = new
    return tuple(passed), True


class BackwardHooks:
    """The hooks of one call of a module, between its inputs and its outputs."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.hooks = [*everywhere.backward.values(), *module._backward_hooks.values()]
        self.pre_hooks = [*everywhere.backward_pre.values(), *module._backward_pre_hooks.values()]
        self.count = 0
        self.within = False
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the module, seen when their gradients are known."""
        self.count = len(args)
        args, self.within = seen(args, self.leave) if self.hooks else (args, False)
        return args

    def outputs(self, result: Any) -> Any:
        """The outputs of the module, seen when their gradients are known."""
        several = isinstance(result, tuple)
        if not several and not isinstance(result, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        passed, _ = seen(result if several else (result,), self.enter)
        if not several:
            return passed[0]
        return type(result)(*passed) if hasattr(result, "_fields") else passed

    def enter(self, grad_output: tuple[Any, ...]) -> tuple[Any, ...]:
        """Called with the gradients of the outputs."""
        for hook in self.pre_hooks:
            replaced = hook(self.module, grad_output)
            if replaced is not None:
                replaced = replaced if isinstance(replaced, tuple) else (replaced,)
                grad_output = _of_length(replaced, len(grad_output), "grad_output")
        self.grad_output = grad_output
        if not self.within:
            self.leave((None,) * self.count)
        return grad_output

    def leave(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        """Called with the gradients of the inputs."""
        for hook in self.hooks:
            replaced = hook(self.module, grad_input, self.grad_output)
            if replaced is not None:
                if not self.within:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None or None for all gradients."
                    )
                replaced = replaced if isinstance(replaced, tuple) else (replaced,)
                grad_input = _of_length(replaced, len(grad_input), "grad_input")
        return grad_input


def _of_length(grads: tuple[Any, ...], count: int, what: str) -> tuple[Any, ...]:
    if len(grads) != count:
        raise RuntimeError(
            f"Backward hook returned an invalid number of {what}, got {len(grads)}, but expected "
            f"{count}"
        )
    return grads
