"""What nodes have saved for their rules, as users see it and as they may keep it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from functrans.core.interpreter import Interpreter, stack, under
from functrans.core.types import Array
from functrans.torch.backward import FREED, modified
from functrans.torch.engine import ENGINE, Engine, EngineArray, mode
from functrans.torch.operation import Node, Output, Packed, Saved
from functrans.torch.tensor import Tensor, wrap

Pack = Callable[[Tensor], Any]
Unpack = Callable[[Any], Tensor]


def packed(value: Any, index: Any, version: Any, pack: Pack, unpack: Unpack) -> Packed:
    """A saved value in the form that a pair of hooks gives it."""
    edge = None if type(index) is int else index
    array = EngineArray(value, edge, version)
    shape, dtype = array.shape, array.dtype
    version, at = array.version, array.version[0]
    content = pack(wrap(array))
    del value, array

    def unpacked(node: Node) -> Any:
        with under(stack.top or ENGINE):
            tensor = unpack(content)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        found = tensor.numpy_memory()
        if tensor.array.version is version and version[0] != at:
            raise modified(found, made.edge(node), version[0], at)
        if found.shape != shape or found.dtype != dtype:
            raise RuntimeError(
                f"the unpack hook returned a tensor of shape {list(found.shape)} and type "
                f"{found.dtype}; {list(shape)} and {dtype} were saved"
            )
        return found

    made = Packed(index, unpacked)
    return made


class Packing(Interpreter):
    """Lies on the engine and gives what new nodes save to a pair of hooks."""

    __slots__ = ("pack", "unpack")

    transform = "functrans.torch"

    def __init__(self, pack: Pack, unpack: Unpack) -> None:
        super().__init__()
        self.parent = ENGINE
        self.pack = pack
        self.unpack = unpack

    def process(self, primitive: Any, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        return self._seen(ENGINE.process(primitive, args, params))

    def unary(self, primitive: Any, x: Array) -> Any:
        return self._seen(ENGINE.unary(primitive, x))

    def binary(self, primitive: Any, x: Array, y: Array) -> Any:
        return self._seen(ENGINE.binary(primitive, x, y))

    def fresh(self, content: Array) -> Any:
        return ENGINE.fresh(content)

    def checkpointed(self, function: Any, args: list[Any]) -> list[Any]:
        return ENGINE.checkpointed(function, args)

    def custom(self, call: Any, args: list[Any]) -> list[Any]:
        return ENGINE.custom(call, args)

    def _seen(self, ans: Any) -> Any:
        first = ans[0] if type(ans) is tuple else ans
        if type(first) is EngineArray and first.index is not None:
            self._pack_node(first.index.node)
        return ans

    def _pack_node(self, node: Node) -> None:
        if node.is_leaf:
            return
        seen: dict[int, Packed] = {}
        with under(ENGINE):
            node.links = [
                (pull, edge, self._packed_value(node, residuals, seen), params, space)
                for pull, edge, residuals, params, space in node.links
            ]
        if seen:
            node.out = None

    def _packed_value(self, node: Node, r: Any, seen: dict[int, Packed]) -> Any:
        if type(r) is tuple:
            return tuple(self._packed_value(node, part, seen) for part in r)
        if type(r) is Saved or type(r) is EngineArray:
            array = r.array if isinstance(r, Saved) else r
            value, index = array.value, array.index
            version: list[int] | None = array.version
        elif type(r) is Output:
            value = node.out if node.types is None else node.out[r.number]
            index, version = r.number, node.counter()
        else:
            return r
        if id(value) not in seen:
            seen[id(value)] = packed(value, index, version, self.pack, self.unpack)
        return seen[id(value)]


@contextmanager
def packing(pack: Pack, unpack: Unpack) -> Iterator[None]:
    """Let new nodes of this thread keep what they save in another form."""
    lowest, before = stack.top, mode.packs
    mode.packs = (pack, unpack)
    packer = Packing(pack, unpack)
    try:
        if lowest is None or isinstance(lowest, Engine | Packing):
            with under(packer):
                yield
            return
        while not isinstance(lowest.parent, Engine | Packing | None):
            lowest = lowest.parent
        below, lowest.parent = lowest.parent, packer
        try:
            yield
        finally:
            lowest.parent = below
    finally:
        mode.packs = before


def saved_tensor(node: Node, name: str) -> Any:
    """The tensor that ``grad_fn._saved_self`` and its like show.

    Names are those of PyTorch: ``self`` and ``other`` for operands, ``result`` for the output.
    """
    if node.released:
        raise RuntimeError(FREED)
    links: Any = node.links or ()
    for position, (pull, edge, residuals, _, _) in enumerate(links):
        own = _operand(node, pull, position)
        for r in residuals if type(residuals) is tuple else (residuals,):
            if type(r) is EngineArray:
                r = Saved(r)  # never written to
            if type(r) is Output and name == "result":
                value = node.out if node.types is None else node.out[r.number]
                return wrap(EngineArray(value, node.output(r.number)))
            if type(r) is Packed and name == "result" and type(r.index) is int:
                return _shown(node, r)
            if type(r) is Saved or (type(r) is Packed and type(r.index) is not int):
                index = r.array.index if isinstance(r, Saved) else r.index
                which = (
                    own if index is edge or len(node.primitive.pulls or (None,)) == 1 else 1 - own
                )
                if name == ("self", "other")[which]:
                    return _shown(node, r)
    raise AttributeError(f"the node saves no {name!r}")


def _operand(node: Node, pull: Any, position: int) -> int:
    """Which operand a link leads to."""
    pulls = getattr(node.primitive, "pulls", None) or ()
    brief = [b and b[0] for b in getattr(node.primitive, "briefs", ())]
    if len(node.all_edges()) < len(pulls):
        for i, rule in enumerate(pulls):
            if getattr(rule, "apply", None) is pull or pull in brief[i : i + 1]:
                return i
    return position


def _shown(node: Node, r: Any) -> Tensor:
    if type(r) is Packed:
        return wrap(EngineArray(r.unpack(node), r.edge(node)))
    array = r.array
    if array.version[0] != r.at:
        raise modified(array.value, array.index, array.version[0], r.at)
    variable = None if array.index is None else array.index.node.variable
    leaf: Tensor | None = None if variable is None else variable()
    return wrap(array.snapshot()) if leaf is None else leaf
