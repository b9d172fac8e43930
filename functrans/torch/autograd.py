"""Backward passes, gradient modes and functions with rules of their own: PyTorch's autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functrans.core.interpreter import under
from functrans.core.types import type_of
from functrans.torch import engine
from functrans.torch.backward import walk
from functrans.torch.engine import ENGINE, EngineArray, Node, mode
from functrans.torch.tensor import Tensor, wrap


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, Sequence) and not isinstance(x, Tensor) else (x,)


def _roots(
    tensors: tuple[Tensor, ...], gradients: Any, create_graph: bool
) -> list[tuple[Any, Any]]:
    """The places of the outputs in the graph, with their cotangents."""
    given = (None,) * len(tensors) if gradients is None else _as_tuple(gradients)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    roots = []
    for i, (output, g) in enumerate(zip(tensors, given, strict=True)):
        if output.index is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn"
            )
        if g is None:
            if output.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            g = wrap(np.ones(output.shape, output.array.dtype))
        if g.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has "
                f"a shape of {output.shape}."
            )
        if g.is_complex() != output.is_complex():
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same "
                f"dtype. Mismatch in dtype: grad_output[{i}] has a dtype of {g.dtype} and "
                f"output[{i}] has a dtype of {output.dtype}."
            )
        value = g.array if create_graph else g.numpy_memory()
        roots.append((output.index, _conjugated(value)))
    return roots


def _conjugated(g: Any) -> Any:
    """PyTorch's complex gradients are the conjugates of the cotangents of the rules."""
    return np.conj(g) if g is not None and type_of(g).dtype.kind == "c" else g


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    inputs: Any = None,
) -> None:
    """Add the gradients of some tensors to ``.grad`` of the leaves that they depend on.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor, None or sequence of them
        The cotangents; None for tensors with one element.
    retain_graph : bool, optional
        Keep what is needed for another pass; default `create_graph`.
    create_graph : bool
        The gradients can be differentiated again.
    inputs : Tensor or sequence of Tensor, optional
        The only tensors whose ``.grad`` is added to.

    Raises
    ------
    RuntimeError
        A tensor that needs no gradient; no `gradient` for several elements; a second pass through
        a graph that was let go.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    outputs = _as_tuple(tensors)
    wanted: tuple[Tensor, ...] = ()
    if inputs is not None:
        wanted = _as_tuple(inputs)
        if not wanted:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(outputs, grad_tensors, create_graph)
    leaves, found = walk(
        roots, keep=keep, create_graph=create_graph, wanted=[t.index for t in wanted]
    )
    if wanted:
        for t, g in zip(wanted, found, strict=True):
            if g is not None:
                accumulate(t, g)
        return
    for node, g in leaves.items():
        variable = node.variable()
        if variable is not None and g is not None:
            accumulate(variable, g)


def accumulate(variable: Tensor, g: Any) -> None:
    """Add a gradient to ``.grad``."""
    new = wrap(_conjugated(g))
    if not variable.array.shape and type(new.array.value) is not np.ndarray:
        new.array.memory()
    old = variable.grad
    if old is None:
        variable._grad = new
    elif new.requires_grad or old.requires_grad:
        variable._grad = old + new
    else:
        memory = old.numpy_memory()
        np.add(memory, new.array.value, out=memory)
        old.array.version[0] += 1


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs with respect to inputs, which ``.grad`` is not added to.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
    grad_outputs : Tensor, None or sequence of them
        The cotangents of the outputs.
    retain_graph, create_graph : bool
        As in `backward`.
    allow_unused : bool, optional
        None for inputs on which the outputs do not depend, instead of an error.
    is_grads_batched : bool
        The first dimension of `grad_outputs` runs over several cotangents.
    materialize_grads : bool
        Zeros in place of None.

    Raises
    ------
    RuntimeError
        An input that needs no gradient, or was not used.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (slope,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(slope, x)
    (tensor(18.),)
    """
    results, sources = _as_tuple(outputs), _as_tuple(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched_grad(results, sources, grad_outputs, keep, create_graph, allow_unused)
    for t in sources:
        if t.index is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    roots = _roots(results, grad_outputs, create_graph)
    _, found = walk(roots, keep=keep, create_graph=create_graph, wanted=[t.index for t in sources])
    for i, g in enumerate(found):
        if g is None and not (allow_unused or materialize_grads):
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    grads: list[Tensor | None] = []
    for t, g in zip(sources, found, strict=True):
        if g is not None:
            grads.append(wrap(_conjugated(g if isinstance(g, EngineArray) else np.array(g))))
        else:
            grads.append(wrap(np.zeros(t.shape, t.array.dtype)) if materialize_grads else None)
    return tuple(grads)


def _batched_grad(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    grad_outputs: Any,
    keep: bool,
    create_graph: bool,
    allow_unused: bool | None,
) -> tuple[Tensor | None, ...]:
    """One pass for each entry of the first dimension."""
    from functrans.torch.shaping import stack

    given = _as_tuple(grad_outputs)
    count = given[0].shape[0]
    rows = [
        grad(
            outputs,
            inputs,
            [g[i] for g in given],
            retain_graph=keep or i < count - 1,
            create_graph=create_graph,
            allow_unused=allow_unused,
        )
        for i in range(count)
    ]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


# Modes


class _Mode:
    """A mode for the length of a ``with`` block, or of the calls of a decorated function."""

    enabled = False

    def __enter__(self) -> None:
        self._before = mode.grad
        mode.grad = self.enabled

    def __exit__(self, *exc: object) -> None:
        mode.grad = self._before

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with grad_mode(self.enabled):
                return function(*args, **kwargs)

        return call

    def __new__(cls, *args: Any) -> Any:
        made = super().__new__(cls)
        if args and callable(args[0]):  # used as @no_grad, without a call
            return made(args[0])
        return made


grad_mode = engine.grad_mode


class no_grad(_Mode):
    """Record nothing.

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


class set_grad_enabled:
    """Record or do not: from now on, or for the length of a ``with`` block."""

    def __init__(self, mode_: bool) -> None:
        self._before = mode.grad
        mode.grad = mode_

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        mode.grad = self._before


def is_grad_enabled() -> bool:
    """Whether operations are recorded."""
    return mode.grad


# Functions with rules of their own


class FunctionCtx:
    """What the forward pass of a function hands to its backward pass."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._saved: tuple[Any, ...] = ()
        self._materialize = True
        self._dirty: tuple[Any, ...] = ()
        self._nondifferentiable: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for the backward pass."""
        self._saved = tuple(
            t if t is None else (t, t.array.snapshot(), t._version) for t in tensors
        )

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were kept."""
        found: list[Any] = []
        for entry in self._saved:
            if entry is None:
                found.append(None)
                continue
            tensor, array, version = entry
            if array.version[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: is at version {array.version[0]}; expected version "
                    f"{version} instead."
                )
            found.append(tensor if tensor.is_leaf else wrap(array))
        return tuple(found)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Name the inputs that the forward pass wrote to."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self._nondifferentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing cotangents come as zeros (default) or as None."""
        self._materialize = value


class Function:
    """A function with a backward pass of its own.

    Subclasses define ``forward(ctx, *args)`` (or ``forward(*args)`` with ``setup_context(ctx,
    inputs, output)``) and ``backward(ctx, *grad_outputs)``, and are called by ``apply``.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x**2
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function on tensors and other arguments."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with grad_mode(False):
            if cls.setup_context is not Function.setup_context:
                out = cls.forward(*args)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args)
        outs = _as_tuple(out) if isinstance(out, tuple | list) else (out,)
        if not (mode.grad and any(ctx.needs_input_grad)):
            return out
        places = [i for i, needed in enumerate(ctx.needs_input_grad) if needed]
        types = tuple(type_of(o.array) for o in outs)

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            recording = mode.grad
            given = [None if g is None else wrap(_conjugated(g)) for g in gs]
            with under(ENGINE), grad_mode(recording):
                grads = cls.backward(ctx, *given)
            grads = grads if isinstance(grads, tuple) else (grads,)
            if len(grads) < len(args) or any(g is not None for g in grads[len(args) :]):
                raise RuntimeError(
                    f"function {cls.__name__}Backward returned an incorrect number of gradients "
                    f"(expected {len(args)}, got {len(grads)})"
                )
            return [
                None
                if grads[i] is None
                else _conjugated(grads[i].array if recording else grads[i].numpy_memory())
                for i in places
            ]

        spaces = [type_of(args[i].array.value) for i in places]
        link: tuple[Any, ...] = (pull, [args[i].array.index for i in places], (), {}, spaces)
        node = Node(None, [link], None)
        node.types = types
        node.name = f"{cls.__name__}Backward"
        dropped = {id(t) for t in ctx._nondifferentiable}
        results = []
        for j, (o, kind) in enumerate(zip(outs, types, strict=True)):
            if id(o) in dropped or kind.dtype.kind not in "fc":
                results.append(o)
                continue
            if any(o is d for d in ctx._dirty):
                o.array.index = (node, j)
                results.append(o)
                continue
            results.append(wrap(EngineArray(o.array.value, (node, j))))
        return tuple(results) if isinstance(out, tuple | list) else results[0]


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward pass that cannot be differentiated again."""

    @wraps(function)
    def call(ctx: Any, *args: Any) -> Any:
        recording = mode.grad
        with grad_mode(False):
            outs = function(ctx, *args)
        if not recording:
            return outs

        class Refuse(Function):
            @staticmethod
            def forward(ctx: Any, *values: Any) -> Any:
                return values if len(values) > 1 else values[0]

            @staticmethod
            def backward(ctx: Any, *gs: Any) -> Any:
                raise RuntimeError(
                    "trying to differentiate twice a function that was marked with "
                    "@once_differentiable"
                )

        given = outs if isinstance(outs, tuple) else (outs,)
        marked = [g if g is None else g.detach().requires_grad_() for g in given]
        refused = [None if g is None else Refuse.apply(g) for g in marked]
        return tuple(refused) if isinstance(outs, tuple) else refused[0]

    return call
