"""``torch.autograd.graph``: nodes, hooks of several tensors, and where saved tensors are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from functrans.torch import saved
from functrans.torch.backward import running
from functrans.torch.nodes import GradFn as Node, HookHandle
from functrans.torch.tensor import Tensor

RemovableHandle = HookHandle


class GradientEdge(NamedTuple):
    """One output of a node."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place of a tensor in the graph.

    Raises
    ------
    RuntimeError
        The tensor requires no gradient.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> y = torch.ones(2, requires_grad=True) * 2
    >>> torch.autograd.graph.get_gradient_edge(y).node.name()
    'MulBackward0'
    """
    if tensor.index is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not "
            "require gradients"
        )
    node, number = tensor.index.node, tensor.index.number
    return GradientEdge(Node(node, number), number)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Say that the memory of tensors was written to in a way that functrans could not see."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t.array.version[0] += 1


class saved_tensors_hooks:
    """Keep what the operations of a ``with`` block save for the backward pass in another form.

    Parameters
    ----------
    pack_hook : callable
        Called with each tensor when it is saved; what it returns is kept.
    unpack_hook : callable
        Called with that when the tensor is needed; returns one of the same elements.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().tolist(), torch.tensor):
    ...     y = x.exp()
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _refused:
            raise RuntimeError(_refused[-1])
        self._within = saved.packing(self._pack, self.unpack_hook)
        self._within.__enter__()

    def _pack(self, tensor: Tensor) -> Any:
        at = tensor._version
        content = self.pack_hook(tensor)
        if tensor._version != at:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as "
                "input to pack hook can not be modified by in-place operations as this can lead "
                "to unexpected side-effects. Please open an issue if you need to perform in-place "
                "operations on the input to a pack hook."
            )
        return content

    def __exit__(self, *exc: Any) -> None:
        self._within.__exit__(None, None, None)


_refused: list[str] = []


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Refuse `saved_tensors_hooks` with a message for the length of a ``with`` block."""
    _refused.append(error_message)
    try:
        yield
    finally:
        _refused.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors on the CPU, where all tensors of functrans are."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Keep copies, so that what was saved may be written to before the backward pass."""

    def __init__(self) -> None:
        super().__init__(lambda tensor: tensor.detach().clone(), lambda tensor: tensor)


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[..., None],
    *,
    mode: str = "all",
) -> HookHandle:
    """Call a function when the gradients of several tensors are known in a backward pass.

    Parameters
    ----------
    tensors : sequence of Tensor
    fn : callable
        With `mode` "all" it gets the list of gradients, None for tensors that the pass does not
        reach; with "any" the first gradient.
    mode : "all" or "any"

    Returns
    -------
    RemovableHandle

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> hook = torch.autograd.graph.register_multi_grad_hook([x, y], print)
    >>> (2 * x + 3 * y).backward()
    [tensor([2.]), tensor([3.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    given = list(tensors)
    passes: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()

    def entered(i: int) -> Callable[[Tensor], None]:
        def arrived(g: Tensor) -> None:
            now = running.now
            assert now is not None, "hooks run in a backward pass"
            grads = passes.setdefault(now, [None] * len(given))
            first = all(other is None for other in grads)
            grads[i] = g
            if mode == "any":
                if first:
                    fn(g)
                return
            expected = sum(t.index.node in now.nodes for t in given)
            if sum(other is not None for other in grads) == expected:
                fn(grads)

        return arrived

    return _Several([t.register_hook(entered(i)) for i, t in enumerate(given)])


class _Several(HookHandle):
    """Takes several hooks away again."""

    __slots__ = ("handles",)

    def __init__(self, handles: list[HookHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


__all__ = [
    "GradientEdge",
    "Node",
    "RemovableHandle",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
