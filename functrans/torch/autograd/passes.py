"""``backward`` and ``grad``: passes through the graph, and what becomes of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.core.interpreter import stack
from functrans.torch.backward import walk
from functrans.torch.engine import EngineArray
from functrans.torch.operation import Node
from functrans.torch.tensor import Tensor, conjugated, wrap
from functrans.transforms.batching import vmap


def as_tuple(x: Any) -> tuple[Any, ...]:
    if isinstance(x, Tensor):
        return (x,)
    return tuple(x) if isinstance(x, Sequence) else (x,)


def _roots(
    tensors: tuple[Tensor, ...], gradients: Any, create_graph: bool
) -> list[tuple[Any, Any]]:
    """The places of the outputs in the graph, with their cotangents."""
    given = (None,) * len(tensors) if gradients is None else as_tuple(gradients)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    roots = []
    for i, (output, g) in enumerate(zip(tensors, given, strict=True)):
        index = output.index
        if index is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn"
            )
        if g is None:
            value = output.array.value
            shape, dtype = value.shape, value.dtype
            if shape and value.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if dtype.kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{output.dtype}"
                )
            one = np.ones(shape, dtype) if shape else dtype.type(1)
            roots.append((index, EngineArray(one) if create_graph else one))
            continue
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
        roots.append((index, conjugated(g.array if create_graph else g.numpy_memory())))
    return roots


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
    wanted: tuple[Tensor, ...] = ()
    if inputs is not None:
        wanted = as_tuple(inputs)
        if not wanted:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(as_tuple(tensors), grad_tensors, create_graph)
    edges = [t.index for t in wanted] if wanted else ()
    leaves, found = walk(roots, keep=keep, create_graph=create_graph, wanted=edges)
    if wanted:
        for t, g in zip(wanted, found, strict=True):
            if g is not None:
                accumulate(t, g, t.index.node)
        return
    for node, g in leaves.items():
        variable = node.variable()
        if variable is not None and g is not None:
            accumulate(variable, g, node)
            if node.posthooks:
                arrived, node.arrived = node.arrived, None
                for hook in node.posthooks:
                    hook((), tuple(wrap(conjugated(part)) for part in arrived))


Tensor._run_backward = staticmethod(backward)


def accumulate(variable: Tensor, g: Any, node: Node) -> None:
    """Add a gradient to ``.grad`` of the tensor of a node."""
    if g.dtype.kind == "c":
        g = conjugated(g)
    if type(g) is not EngineArray:
        g = EngineArray(g)
    if type(g.value) is not np.ndarray:
        g.memory()  # which may be added to
    try:
        old = variable._grad
    except AttributeError:  # the first
        old = None
    if old is None:
        variable._grad = wrap(g)
    elif g.index is not None or old.requires_grad:
        variable._grad = old + wrap(g)
    else:
        memory = old.numpy_memory()
        np.add(memory, g.value, out=memory)
        old.array.version[0] += 1
    if node.accumulated:
        for hook in node.accumulated:
            hook(variable)


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
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    results, sources = as_tuple(outputs), as_tuple(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    for t in sources:
        if t.index is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    if is_grads_batched:
        found = _batched(results, sources, grad_outputs, keep, create_graph)
    else:
        roots = _roots(results, grad_outputs, create_graph)
        wanted = [t.index for t in sources]
        _, found = walk(roots, keep=keep, create_graph=create_graph, wanted=wanted)
    for i, g in enumerate(found):
        if g is None and not (allow_unused or materialize_grads):
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    grads: list[Tensor | None] = []
    for t, g in zip(sources, found, strict=True):
        if g is not None:
            grads.append(wrap(conjugated(g if isinstance(g, EngineArray) else np.array(g))))
        else:
            grads.append(wrap(np.zeros(t.shape, t.array.dtype)) if materialize_grads else None)
    return tuple(grads)


def _batched(
    outputs: tuple[Tensor, ...],
    sources: tuple[Tensor, ...],
    grad_outputs: Any,
    keep: bool,
    create_graph: bool,
) -> list[Any]:
    """The gradients for each entry of the first dimension of the cotangents, in one pass."""
    given = as_tuple(grad_outputs)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    for i, (output, g) in enumerate(zip(outputs, given, strict=True)):
        if g.shape[1:] != output.shape:
            raise RuntimeError(
                f"If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                f"as the batch dimension. The sizes of the remaining dimensions are expected to "
                f"match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
                f"{output.shape}. If you only want some tensors in `grad_output` to be considered "
                f"batched, consider using vmap."
            )
    reached: list[bool] = []

    def one(*gs: Any) -> list[Any]:
        roots = _roots(outputs, [wrap(g) for g in gs], True)
        _, found = walk(
            roots,
            keep=keep,
            create_graph=create_graph,
            wanted=[t.index for t in sources],
            interpreter=stack.top,
        )
        reached[:] = [g is not None for g in found]
        return [g for g in found if g is not None]

    rows = vmap(one)(*[g.array if create_graph else g.numpy_memory() for g in given])
    left = iter(rows)
    return [next(left) if r else None for r in reached]
