"""``torch.utils.checkpoint``: the backward pass runs a function again instead of keeping its
intermediate values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from functrans.control.checkpointing import checkpoint as of_transforms
from functrans.torch.engine import EngineArray, grad_mode, mode
from functrans.torch.random import fork_rng, get_rng_state, set_rng_state
from functrans.torch.saved import packing
from functrans.torch.tensor import Tensor

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


class CheckpointError(RuntimeError):
    """The second run of a function did not save what the first one did."""


def noop_context_fn() -> Contexts:
    """No contexts for the first and the second run."""
    return nullcontext(), nullcontext()


class _Stop(Exception):
    """Everything that is needed has been computed again."""


class _Kept:
    """Stands for a saved value that was not kept."""

    __slots__ = ("__weakref__", "number", "shape")

    def __init__(self, number: int, shape: Any) -> None:
        self.number = number
        self.shape = shape


class _Frame:
    """One call of a checkpointed function.

    Attributes
    ----------
    kept : list of weakref
        What stands for the values that were saved, in their order.
    again : dict
        By number, the values of the second run, each until it is used.
    """

    def __init__(
        self, function: Callable[[], Any], preserve: bool, contexts: Contexts, early_stop: bool
    ) -> None:
        self.function = function
        self.state = get_rng_state() if preserve else None
        self.contexts = contexts
        self.early_stop = early_stop
        self.kept: list[weakref.ref[_Kept]] = []
        self.again: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> _Kept:
        held = _Kept(len(self.kept), (tuple(tensor.shape), tensor.array.dtype))
        self.kept.append(weakref.ref(held))
        return held

    def unpack(self, held: _Kept) -> Tensor:
        if held.number not in self.again:
            self._run_again()
        return self.again.pop(held.number)

    def _run_again(self) -> None:
        count = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal count
            number = count
            count += 1
            if number >= len(self.kept):
                return tensor
            held = self.kept[number]()
            if held is not None:
                found = (tuple(tensor.shape), tensor.array.dtype)
                if found != held.shape:
                    raise CheckpointError(
                        "torch.utils.checkpoint: Recomputed values for the following tensors have "
                        "different metadata than during the forward pass.\n"
                        f"tensor at position {number}:\nsaved metadata: {held.shape}\n"
                        f"recomputed metadata: {found}"
                    )
                self.again[number] = tensor.detach()
            if self.early_stop and number == len(self.kept) - 1:
                raise _Stop
            return tensor

        with fork_rng(enabled=self.state is not None), self.contexts[1], grad_mode(True):
            if self.state is not None:
                set_rng_state(self.state)
            try:
                with packing(pack, lambda tensor: tensor):
                    self.function()
            except _Stop:
                return
        if count != len(self.kept):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.kept)}\n"
                f"Number of tensors saved during recomputation: {count}"
            )


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function of which the graph keeps no intermediate values: the backward pass runs it
    again.

    Parameters
    ----------
    function : callable
        It must save the same values when it runs again.
    *args, **kwargs
        Its arguments.
    use_reentrant : bool, optional
        For PyTorch's sake: both give what PyTorch's ``use_reentrant=False`` gives.
    context_fn : callable
        Returns two context managers, for the first and the second run.
    determinism_check : "default" or "none"
        For PyTorch's sake: shapes and dtypes of what is saved are always compared.
    debug : bool
        For PyTorch's sake.
    early_stop : bool
        The second run ends when it has what is needed.
    preserve_rng_state : bool
        The second run draws the random numbers of the first.

    Raises
    ------
    CheckpointError
        By the backward pass: the second run saved other values than the first.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torch.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([1.2534, 1.2534])
    """
    if any(isinstance(a, Tensor) and type(a.array) is not EngineArray for a in args):
        return of_transforms(function)(*args, **kwargs)
    if not mode.grad:
        return function(*args, **kwargs)
    contexts = context_fn()
    frame = _Frame(lambda: function(*args, **kwargs), preserve_rng_state, contexts, early_stop)
    with contexts[0], packing(frame.pack, frame.unpack):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **options: Any,
) -> Any:
    """Call functions one after the other, in checkpointed segments; the last one is kept.

    Parameters
    ----------
    functions : Sequential or sequence of callable
    segments : int
        How many.
    input : Tensor
        The argument of the first function.
    use_reentrant, **options
        As in `checkpoint`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torch.utils.checkpoint import checkpoint_sequential
    >>> x = torch.zeros(2, requires_grad=True)
    >>> checkpoint_sequential([torch.sin, torch.exp, torch.sin], 2, x).sum().backward()
    >>> x.grad
    tensor([0.5403, 0.5403])
    """
    steps: Sequence[Callable[..., Any]] = list(functions)
    size = len(steps) // segments

    def run(start: int, stop: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for step in steps[start:stop]:
                x = step(x)
            return x

        return forward

    start = 0
    for _ in range(segments - 1):
        input = checkpoint(run(start, start + size), input, use_reentrant=use_reentrant, **options)
        start += size
    return run(start, len(steps))(input)


__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]
