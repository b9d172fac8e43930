"""What users see of the graph: ``grad_fn``, its neighbours, and handles of hooks."""

from __future__ import annotations

from typing import Any

from functrans.torch.names import backward_name


class GradFn:
    """A node of the graph, as ``grad_fn`` shows it."""

    __slots__ = ("node", "number")

    def __init__(self, node: Any, number: int = 0) -> None:
        self.node = node
        self.number = number

    def name(self) -> str:
        """``MulBackward0`` and the like."""
        return backward_name(self.node)

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """The nodes that a gradient goes to next."""
        return tuple(
            (None, 0) if edge is None else (GradFn(edge.node, edge.number), edge.number)
            for edge in self.node.all_edges()
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """Whatever users and anomaly detection keep about the node."""
        if self.node.metadata is None:
            self.node.metadata = {}
        return self.node.metadata  # type: ignore[no-any-return]

    def _sequence_nr(self) -> int:
        return int(self.node.order)

    def register_hook(self, fn: Any) -> HookHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` when the node has run in a backward pass.

        What it returns, if not None, takes the place of the gradients that go on.
        """
        return _entered(self.node.hooked("posthooks", list), fn)

    def register_prehook(self, fn: Any) -> HookHandle:
        """Call ``fn(grad_outputs)`` before the node runs in a backward pass.

        What it returns, if not None, takes the place of these gradients.
        """
        return _entered(self.node.hooked("prehooks", list), fn)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            from functrans.torch.saved import saved_tensor

            return saved_tensor(self.node, name.removeprefix("_saved_"))
        raise AttributeError(f"{self.name()!r} object has no attribute {name!r}")

    @property
    def variable(self) -> Any:
        """The tensor of a leaf."""
        if self.node.variable is None:
            raise AttributeError(f"{self.name()!r} object has no attribute 'variable'")
        return self.node.variable()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other.node is self.node

    def __hash__(self) -> int:
        return hash(id(self.node))

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self.node))}>"


def _entered(hooks: list[Any], fn: Any) -> HookHandle:
    def call(*args: Any) -> Any:  # the same function may be registered twice
        return fn(*args)

    hooks.append(call)
    return HookHandle(hooks, call)


class HookHandle:
    """Takes a hook away again."""

    __slots__ = ("call", "hooks")

    def __init__(self, hooks: list[Any], call: Any) -> None:
        self.hooks = hooks
        self.call = call

    def remove(self) -> None:
        """Do not call the hook any more."""
        if self.call in self.hooks:
            self.hooks.remove(self.call)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
