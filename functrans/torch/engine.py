"""The outermost reverse interpreter, on which tensors live: a graph of nodes in place of a tape.

A tape would hold on to everything that was ever computed. A node holds on to the nodes before it,
and goes when nobody needs it. A backward pass hands the nodes that it reaches to
:func:`functrans.transforms.walk.walk` as entries of a tape: rules and walk are those of ``grad``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy import ndarray

from functrans.core.array import TracedArray, snapshot
from functrans.core.interpreter import Interpreter, stack, under
from functrans.core.primitive import X_TYPE
from functrans.core.types import (
    CONTAINERS,
    Array,
    Shape,
    is_array,
    is_inexact,
    type_of,
)
from functrans.torch.operation import (
    ITSELF,
    NEITHER,
    NOTHING,
    OUTPUT,
    OUTPUTS,
    Node,
    Output,
    Saved,
    node,
    sequence,
)
from functrans.transforms.accelerated import asking, carried_out, hook
from functrans.transforms.forward import tangent_or_zero
from functrans.transforms.transposition import links_of, pull_of, transpose_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.primitive import Primitive, Rule


_NONE: dict[str, Any] = {}

LARGE = hook.least
"""Elements of a tensor from which on an operation on it alone may have a kernel."""

BIG = 4 * LARGE
"""The same for one on two operands. Few of these have kernels, and what they gain besides, memory
that is kept, is worth more from there on."""


class Mode(threading.local):
    """What this thread records."""

    grad = True
    inference = False
    packs: Any = None
    staging = False
    """Whether a function is being staged for ``torch.compile``."""


mode = Mode()

quiet: set[int] = set()
"""The threads that do not record. While there are none nobody has to look at `mode`, which takes as
long as a tenth of an operation."""


def record(enabled: bool) -> None:
    """Let this thread record, or not."""
    mode.grad = enabled
    (quiet.discard if enabled else quiet.add)(threading.get_ident())


_new_array = object.__new__


class EngineArray(TracedArray, below="value"):
    """The memory of a tensor, and the place in the graph that made it.

    Attributes
    ----------
    value : ndarray or NumPy scalar
    index : Edge or None
        Which output of which node; None for a constant.
    version : list of one int
        How often the memory was written to; views share it. Made when somebody asks for it, as most
        results are neither written to nor viewed.
    """

    __slots__ = ("_version", "index", "value")

    interpreter: Engine

    def __init__(self, value: Array, index: Any = None, version: list[int] | None = None) -> None:
        self.place = None
        self.value = value
        self.index = index
        self._version = version

    @property
    def version(self) -> list[int]:
        if self._version is None:
            self._version = [0] if self.index is None else self.index.node.counter()
        return self._version

    @version.setter
    def version(self, version: list[int]) -> None:
        self._version = version

    @property
    def written(self) -> bool:
        """Whether the memory was written to."""
        return self._version is not None and self._version[0] > 0

    @property
    def shape(self) -> Shape:
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype  # type: ignore[no-any-return]

    def concrete(self, wanted: str) -> Any:
        return self.value

    def snapshot(self) -> EngineArray:
        return EngineArray(self.value, self.index, self.version)

    def result(self) -> Any:
        return self.value if self.index is None else CONTAINERS[EngineArray](self)

    def duplicate(self) -> EngineArray:
        return EngineArray(np.copy(self.value), self.index)

    def memory(self) -> np.ndarray[Any, Any]:
        """The value as an array that can be written to."""
        if type(self.value) is not np.ndarray:
            self.value = np.asarray(self.value)
        return self.value

    def become(self, content: Any) -> None:
        """Write a content into the memory, which other arrays may share.

        While nothing is recorded the place in the graph stays: a parameter is updated that way.
        """
        version = self.version  # the present node has to see what happens to its output
        if type(content) is EngineArray:
            value, index = content.value, content.index
        else:
            self.check_constant(content)
            value, index = content, None
        if mode.grad:
            self.index = index
        memory = self.memory()
        if value is not memory:
            np.copyto(memory, value, casting="unsafe")
        version[0] += 1
        if mode.grad and index is not None:
            index.node.version, index.node.at = version, version[0]


class Engine(Interpreter):
    """Records operations on tensors that need gradients."""

    __slots__ = ()

    transform = "functrans.torch"
    remembers = True

    met: ClassVar[Callable[..., None]]
    """Looks at a decomposition that was recorded, whose values may be equal; set by noting.py."""

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.parts is not None:
            return self._decomposed(primitive, args, params)
        if len(args) == 1 and primitive.briefs and primitive.outputs is None:
            return self._one(primitive, args[0], params)
        values = []
        mine = []
        ours = False
        for i, x in enumerate(args):
            if type(x) is EngineArray:
                ours = True
                values.append(x.value)
                if x.index is not None:
                    mine.append(i)
            else:
                values.append(x)
        if primitive.higher is not None and mine and mode.grad:
            return self._higher(primitive, args, values, mine, params)
        ans = primitive.impl(*values, **params)
        if not ours:
            return ans
        if not mine or not primitive.differentiable or not mode.grad:
            return self.constant(ans)
        several = primitive.outputs is not None
        if not several and not is_inexact(ans.dtype):
            return EngineArray(ans)
        if not several and primitive.pull_all is None:
            return self._recorded(primitive, args, values, mine, params, ans)
        links = links_of(self, primitive, args, values, mine, params, ans)
        return self._linked(primitive, links, ans) if links else self.constant(ans)

    def _linked(self, primitive: Primitive, links: Any, ans: Any) -> Any:
        """The outputs of an operation with links as they stand on a tape."""
        if primitive.outputs is None:
            return EngineArray(ans, node(primitive, links, ans).output())
        types = tuple(map(type_of, ans))
        made = node(primitive, links, ans, types=types)
        return tuple(
            [
                EngineArray(a, made.output(j) if is_inexact(kind.dtype) else None)
                for j, (a, kind) in enumerate(zip(ans, types, strict=True))
            ]
        )

    def _decomposed(
        self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]
    ) -> Any:
        """The factors of a matrix."""
        (x,) = args
        if type(x) is not EngineArray:
            return primitive.impl(x, **params)
        ans = primitive.impl(x.value, **params)
        if x.index is None or not primitive.differentiable or not mode.grad:
            return self.constant(ans)
        links = links_of(self, primitive, args, [x.value], [0], params, ans)
        out = self._linked(primitive, links, ans)
        made = out[0] if primitive.outputs else out
        self.met(primitive, args, params, ans, made.index.node)
        return out

    def _recorded(
        self,
        primitive: Primitive,
        args: Sequence[Array],
        values: Sequence[Array],
        mine: list[int],
        params: dict[str, Any],
        ans: Array,
    ) -> EngineArray:
        """The output of an operation with a pull for each operand."""
        ready, edges, handles = [], [], []
        briefs = primitive.briefs
        kept_of, handle_of = (*values, None, ans), (*args, None, OUTPUT)
        for i in mine:
            edge = args[i].index
            if briefs and briefs[i]:
                pull, place, takes_params = briefs[i]
                link_params = params if takes_params else None
                kept, handle = kept_of[place], saved_handle(handle_of[place])
            else:
                rule = pull_of(primitive, i)
                if rule is None:
                    continue
                pull, link_params = rule.apply, params
                kept = rule.select(ans, values)
                handle = _handles(kept, values, args, (ans,))
            ready.append((pull, edge.order, kept, link_params, type_of(values[i])))
            edges.append(edge)
            handles.append(handle)
        if not ready:
            return EngineArray(ans)
        return self._made(primitive, tuple(ready), tuple(edges), tuple(handles), ans)

    def _one(self, primitive: Primitive, x: Array, params: dict[str, Any]) -> Any:
        """`process` for one operand and one output, as sums and movements of data have."""
        impl = primitive.impl
        if type(x) is not EngineArray:
            return impl(x, **params)
        value, edge = x.value, x.index
        large = value.size >= LARGE and not params and primitive.kind == "elementwise"
        ans = carried_out(primitive, value) if large else impl(value, **params)
        if (
            edge is None
            or (quiet and not mode.grad)
            or not primitive.differentiable
            or not is_inexact(ans.dtype)
        ):
            return EngineArray(ans)
        space = None if primitive.masks == "lanes" else type_of(value)
        if primitive.briefs and primitive.briefs[0]:
            pull, place, takes_params = primitive.briefs[0]
            kept, handle = (value, None, ans)[place], saved_handle((x, None, OUTPUT)[place])
            if large:
                pull = asking(primitive, pull)
            ready = ((pull, edge.order, kept, params if takes_params else None, space),)
            return self._made(primitive, ready, (edge,), (handle,), ans)
        rule = pull_of(primitive, 0)
        if rule is None:
            return EngineArray(ans)
        if rule.names == X_TYPE:
            kept = handle = (space or type_of(value),)
        else:
            kept = rule.select(ans, (value,))
            handle = _handles(kept, (value,), (x,), (ans,))
        pull = asking(primitive, rule.apply) if large else rule.apply
        ready = ((pull, edge.order, kept, params, space),)
        return self._made(primitive, ready, (edge,), (handle,), ans)

    def _made(
        self, primitive: Primitive, ready: Any, edges: Any, handles: Any, ans: Array
    ) -> EngineArray:
        new = Node()
        new.primitive = primitive
        new.ready = ready
        new.edges = edges
        new.handles = handles
        new.out = ans
        new.order = next(sequence)
        return EngineArray(ans, new)

    def residuals(
        self, pull: Rule, ans: Any, args: Any, values: Sequence[Array], mine: list[int]
    ) -> tuple[Any, ...]:
        """What a rule needs, with the versions that the tensors have."""
        outs = ans if type(ans) is tuple else (ans,)
        return _handles(pull.select(ans, values), values, args, outs)

    def constant(self, ans: Any) -> Any:
        """A result through which no gradient flows."""
        if type(ans) is tuple:
            return tuple([EngineArray(a) for a in ans])
        return EngineArray(ans)

    # As in Reverse, the two hot paths are written out, from the operation to the array.

    def unary(self, primitive: Primitive, x: Array) -> Any:
        if type(x) is not EngineArray:
            return primitive.impl(x)
        fast = primitive.fast
        edge = x.index
        if edge is None or fast is None or (quiet and not mode.grad):
            return self.process(primitive, (x,), _NONE)
        pull, place = fast
        impl = primitive.impl
        value = x.value
        if value.size >= LARGE:
            ans = carried_out(primitive, value)
            pull = asking(primitive, pull)
        else:
            ans = impl(value)
        new = Node()
        new.primitive = primitive
        if place == 0:
            kept = value
            new.handles = (x,) if x._version is None else saved_handle((x,))
        elif place == 2:
            kept, new.handles = ans, ITSELF
        elif place == 1:
            kept, new.handles = None, NOTHING
        else:
            kept, new.handles = (value, None, ans)[place], saved_handle(((x, None, OUTPUT)[place],))
        new.ready = ((pull, edge.order, kept, None, None),)
        new.edges = (edge,)
        new.out = ans
        new.order = next(sequence)
        out = _new_array(EngineArray)
        out.place = None
        out.value = ans
        out.index = new
        out._version = None
        return out

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        x_edge: Any
        y_edge: Any
        if type(x) is type(y) is EngineArray:
            a, x_edge, b, y_edge = x.value, x.index, y.value, y.index
            written = x._version or y._version
            big = a.size >= BIG
        elif type(x) is EngineArray:
            a, x_edge, b, y_edge, written = x.value, x.index, y, None, x._version
            big = a.size >= BIG
        elif type(y) is EngineArray:
            a, x_edge, b, y_edge, written = x, None, y.value, y.index, y._version
            big = b.size >= BIG
        else:
            return primitive.impl(x, y)
        fast = primitive.fast
        if fast is None or (quiet and not mode.grad):
            return self.process(primitive, (x, y), _NONE)
        x_pull, x_place, y_pull, y_place = fast
        if big:
            ans = carried_out(primitive, a, b)
            x_pull, y_pull = asking(primitive, x_pull), asking(primitive, y_pull)
        else:
            impl = primitive.impl
            ans = impl(a, b)
        if x_edge is None and y_edge is None:
            return EngineArray(ans)
        x_space = y_space = None
        if not (
            type(a) is type(b) is ndarray and a.dtype is b.dtype is ans.dtype and a.shape == b.shape
        ):
            shape, dtype = ans.shape, ans.dtype
            if x_edge is not None and (a.dtype is not dtype or a.shape != shape):
                x_space = type_of(a)
            if y_edge is not None and (b.dtype is not dtype or b.shape != shape):
                y_space = type_of(b)
        new = Node()
        if x_place == y_place == 2:  # nothing is kept
            if x_edge is not None and y_edge is not None:
                new.ready = (
                    (x_pull, x_edge.order, None, None, x_space),
                    (y_pull, y_edge.order, None, None, y_space),
                )
                new.edges, new.handles = (x_edge, y_edge), NEITHER
            elif x_edge is not None:
                new.ready = ((x_pull, x_edge.order, None, None, x_space),)
                new.edges, new.handles = (x_edge,), NOTHING
            elif y_edge is not None:
                new.ready = ((y_pull, y_edge.order, None, None, y_space),)
                new.edges, new.handles = (y_edge,), NOTHING
        else:
            values = (a, b, None, ans)
            handles = (x, y, None, OUTPUT)
            if x_edge is not None and y_edge is not None:
                new.ready = (
                    (x_pull, x_edge.order, values[x_place], None, x_space),
                    (y_pull, y_edge.order, values[y_place], None, y_space),
                )
                new.edges = (x_edge, y_edge)
                new.handles = handles[x_place], handles[y_place]
            elif x_edge is not None:
                new.ready = ((x_pull, x_edge.order, values[x_place], None, x_space),)
                new.edges = (x_edge,)
                new.handles = (handles[x_place],)
            elif y_edge is not None:
                new.ready = ((y_pull, y_edge.order, values[y_place], None, y_space),)
                new.edges = (y_edge,)
                new.handles = (handles[y_place],)
            if written:
                new.handles = saved_handle(new.handles)
        new.primitive = primitive
        new.out = ans
        new.order = next(sequence)
        out = _new_array(EngineArray)
        out.place = None
        out.value = ans
        out.index = new
        out._version = None
        return out

    def _higher(
        self,
        primitive: Primitive,
        args: tuple[Array, ...],
        values: list[Array],
        mine: list[int],
        params: dict[str, Any],
    ) -> tuple[Any, ...]:
        """Record an operation whose parameters are graphs by its own reverse mode."""
        rules: Any = primitive.higher
        wanted = [i in mine for i in range(len(args))]
        saved = tuple([saved_handle(snapshot(x)) for x in args])
        with under(None):
            outs, pull_values = rules.vjp(values, wanted, params)

        def pull(gs: Any, residuals: Any, params_: Any) -> list[Any]:
            if any(type(g) is EngineArray for g in gs):  # with create_graph
                found = rules.vjp(list(residuals), wanted, params)[1](list(gs))
            else:
                with under(None):
                    found = pull_values(list(gs))
            return [found[i] for i in mine]

        spaces = [type_of(values[i]) for i in mine]
        link: tuple[Any, ...] = (pull, [args[i].index for i in mine], saved, {}, spaces)
        types = tuple(map(type_of, outs))
        made = node(primitive, [link], None, types=types)
        return tuple(
            EngineArray(o, made.output(j) if is_inexact(kind.dtype) else None)
            for j, (o, kind) in enumerate(zip(outs, types, strict=True))
        )

    def fresh(self, content: Array) -> Any:
        return content  # outside of transforms arrays are what they are

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return function(*args)

    def custom(self, call: Any, args: list[Any]) -> list[Any]:
        mine = [i for i, x in enumerate(args) if type(x) is EngineArray and x.index is not None]
        if not mine or not mode.grad or not (call.has_vjp or call.has_jvp):
            return call.run(args)  # type: ignore[no-any-return]
        values = [x.value if type(x) is EngineArray else x for x in args]
        spaces = [type_of(values[i]) for i in mine]
        with under(None):
            outs, kept = call.forward(values) if call.has_vjp else (call.run(values), None)

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            if call.has_vjp:
                found = call.backward(kept, list(gs))
                return [found[i] for i in mine]

            def tangents(*ts: Any) -> tuple[Any, ...]:
                full = [tangent_or_zero(x, None) if is_array(x) else None for x in values]
                for i, t in zip(mine, ts, strict=True):
                    full[i] = t
                return tuple(call.push(values, full)[1])

            return list(transpose_linear(tangents, tuple(spaces), tuple(gs)))

        link: tuple[Any, ...] = (pull, [args[i].index for i in mine], (), {}, spaces)
        types = tuple(map(type_of, outs))
        made = node(None, [link], None, types=types)
        return [
            EngineArray(o, made.output(j) if is_inexact(kind.dtype) else None)
            for j, (o, kind) in enumerate(zip(outs, types, strict=True))
        ]


def _handles(
    kept: tuple[Any, ...], values: Sequence[Array], args: Sequence[Array], outs: Sequence[Array]
) -> tuple[Any, ...]:
    """The residuals of a rule with what stands for the operands and the outputs among them."""
    found = []
    for r in kept:
        if type(r) is tuple:
            found.append(_handles(r, values, args, outs))
            continue
        for value, x in zip(values, args, strict=True):
            if r is value:
                r = saved_handle(x)
                break
        else:
            for j, out in enumerate(outs):
                if r is out:
                    r = OUTPUTS[j] if j < len(OUTPUTS) else Output(j)
                    break
        found.append(r)
    return tuple(found)


def saved_handle(handle: Any) -> Any:
    """What a ready link keeps, with its version if that is not 0."""
    if type(handle) is EngineArray:
        return Saved(handle) if handle.written else handle
    return tuple(map(saved_handle, handle)) if type(handle) is tuple else handle


ENGINE = Engine()
EngineArray.interpreter = ENGINE  # type: ignore[misc]
type(stack).top = ENGINE
"""From the import on, the interpreter below all others: plain arrays pass through it unchanged."""


class grad_mode:
    """Record, or do not, for the length of a ``with`` block."""

    __slots__ = ("before", "enabled")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.before = mode.grad
        record(self.enabled)

    def __exit__(self, *exc: object) -> None:
        record(self.before)
