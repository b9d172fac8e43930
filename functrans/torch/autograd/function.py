"""``autograd.Function``: functions of tensors with a backward pass of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple
from weakref import ref

from functrans.core.interpreter import stack, under
from functrans.core.types import type_of
from functrans.torch import saved as saving
from functrans.torch.autograd.passes import as_tuple
from functrans.torch.backward import modified
from functrans.torch.engine import ENGINE, EngineArray, grad_mode, mode
from functrans.torch.noting import note_call
from functrans.torch.operation import Node, node
from functrans.torch.tensor import Tensor, conjugated, wrap
from functrans.transforms.custom import custom


class FunctionCtx:
    """What the forward pass of a function hands to its backward pass."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._tensors: tuple[Tensor | None, ...] = ()
        self._reads: tuple[Callable[[], Tensor | None], ...] | None = None
        self._materialize = True
        self._dirty: tuple[Any, ...] = ()
        self._nondifferentiable: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for the backward pass: inputs, outputs, and others as constants."""
        self._tensors = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for the forward derivative; they are those of `save_for_backward`."""
        if not self._tensors:
            self.save_for_backward(*tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were kept."""
        return self._tensors if self._reads is None else tuple(read() for read in self._reads)

    saved_for_forward = saved_tensors

    def seal(self, edges: dict[int, Callable[[], Any]]) -> None:
        """Keep the tensors as they are now; by its identity, the edge of each that is an output."""
        self._reads = tuple([_kept(t, edges.get(id(t))) for t in self._tensors])
        self._tensors = ()

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Name the inputs that the forward pass wrote to."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self._nondifferentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing cotangents come as zeros (default) or as None."""
        self._materialize = value


def _kept(tensor: Tensor | None, edge: Callable[[], Any] | None) -> Callable[[], Tensor | None]:
    """What gives a saved tensor back, as long as nobody has written to it.

    An output knows its place in the graph by `edge`: its node holds this, and would hold itself.
    """
    if tensor is None:
        return lambda: None
    array = tensor.array
    if type(array) is not EngineArray:
        return lambda: tensor
    index = array.index
    place = edge or (lambda: index)
    leaf = tensor if edge is None and tensor.is_leaf else None
    value, version, at = array.value, array.version, array.version[0]
    if mode.packs is not None:
        form = saving.packed(value, None if edge else index, version, *mode.packs)
        return lambda: wrap(EngineArray(form.unpack(None), place()))  # type: ignore[arg-type]

    def read() -> Tensor:
        if version[0] != at:
            raise modified(value, place(), version[0], at)
        return wrap(EngineArray(value, place(), version)) if leaf is None else leaf

    return read


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

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function on tensors and other arguments."""
        if any(isinstance(a, Tensor) and type(a.array) is not EngineArray for a in args):
            return _transformed(cls, args)
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with grad_mode(False):
            out = _run(cls, ctx, args)
        if not (mode.grad and any(ctx.needs_input_grad)):
            return out
        outs = as_tuple(out) if isinstance(out, tuple | list) else (out,)
        places = [i for i, needed in enumerate(ctx.needs_input_grad) if needed]
        spaces = [type_of(args[i].array.value) for i in places]

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            recording = mode.grad
            given = [None if g is None else wrap(conjugated(g)) for g in gs]
            with under(stack.top or ENGINE), grad_mode(recording):
                grads = _gradients(cls, ctx, len(args), given)
            found = []
            for place, space in zip(places, spaces, strict=True):
                g = grads[place]
                if g is not None and not _compatible(g.shape, space.shape):
                    raise RuntimeError(
                        f"Function {cls.__name__}Backward returned an invalid gradient at index "
                        f"{place} - got {list(g.shape)} but expected shape compatible with "
                        f"{list(space.shape)}"
                    )
                traced = recording or (g is not None and type(g.array) is not EngineArray)
                value = None if g is None else g.array if traced else g.numpy_memory()
                found.append(conjugated(value))
            return found

        link: tuple[Any, ...] = (pull, [args[i].array.index for i in places], (), {}, spaces)
        types = tuple(type_of(o.array) if isinstance(o, Tensor) else None for o in outs)
        shown = types if ctx._materialize else (None,) * len(types)
        made = node(None, [link], None, types=shown)
        made.name = f"{cls.__name__}Backward"
        dropped = {id(t) for t in ctx._nondifferentiable}
        results = []
        edges: dict[int, Callable[[], Any]] = {}
        weakly = ref(made)
        for j, (o, kind) in enumerate(zip(outs, types, strict=True)):
            if kind is None or id(o) in dropped or kind.dtype.kind not in "fc":
                results.append(o)
                continue
            edges[id(o)] = partial(_output, weakly, j)
            if any(o is d for d in ctx._dirty):
                o.array.version[0] += 1
                o.array.index = made.output(j)
                results.append(o)
            else:
                results.append(wrap(EngineArray(o.array.value, made.output(j), o.array.version)))
        ctx.seal(edges)
        if len(edges) == len(outs) and not ctx._dirty:
            note_call(made, _again(cls, args), [a.array for a in args if isinstance(a, Tensor)])
        return tuple(results) if isinstance(out, tuple | list) else results[0]


def _again(cls: Any, args: tuple[Any, ...]) -> Callable[[Any], list[Any]]:
    """The function as a `custom` one, for operands in the place of the tensors."""
    others = tuple([None if isinstance(a, Tensor) else a for a in args])
    tensors = [isinstance(a, Tensor) for a in args]

    def run(operands: Any) -> list[Any]:
        given = map(wrap, operands)
        filled = [next(given) if t else a for t, a in zip(tensors, others, strict=True)]
        return [o.array for o in as_tuple(_transformed(cls, tuple(filled)))]

    return run


def _output(node: ref[Node], number: int) -> Any:
    """The edge of an output, which only the node's own pass asks for."""
    made = node()
    assert made is not None
    return made.output(number)


def _run(cls: Any, ctx: FunctionCtx, args: tuple[Any, ...]) -> Any:
    """The forward pass."""
    if cls.setup_context is Function.setup_context:
        return cls.forward(ctx, *args)
    out = cls.forward(*args)
    cls.setup_context(ctx, args, out)
    return out


def _gradients(cls: Any, ctx: Any, count: int, given: list[Any]) -> tuple[Any, ...]:
    """What the backward pass returns, one entry for each argument."""
    back = cls.backward if cls.backward is not Function.backward else getattr(cls, "vjp", None)
    grads = (back or cls.backward)(ctx, *given)
    grads = grads if isinstance(grads, tuple) else (grads,)
    if len(grads) < count or any(g is not None for g in grads[count:]):
        raise RuntimeError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients "
            f"(expected {count}, got {len(grads)})"
        )
    return grads[:count]


def _compatible(given: Any, wanted: Any) -> bool:
    """Whether a gradient of this shape is one of the shape wanted, or broadcasts over it."""
    extra = len(given) - len(wanted)
    return extra >= 0 and all(n in (1, k) for n, k in zip(wanted, given[extra:], strict=True))


def _transformed(cls: Any, args: tuple[Any, ...]) -> Any:
    """The function inside functional transforms: its rules are those of a `custom` function."""
    places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    many = False

    def filled(arrays: Any) -> tuple[Any, ...]:
        given = list(args)
        for i, a in zip(places, arrays, strict=True):
            given[i] = wrap(a)
        return tuple(given)

    def forward(arrays: Any) -> tuple[tuple[Any, ...], FunctionCtx]:
        nonlocal many
        ctx = FunctionCtx()
        given = filled(arrays)
        ctx.needs_input_grad = tuple(
            isinstance(a, Tensor) and a.array.dtype.kind in "fc" for a in given
        )
        out = _run(cls, ctx, given)
        many = isinstance(out, tuple | list)
        return tuple(o.array for o in (out if many else (out,))), ctx

    def fwd(*arrays: Any) -> Any:
        outs, ctx = forward(arrays)
        kept = [t if t is None else t.array for t in ctx.saved_tensors]
        return outs, (kept, [ctx])

    def bwd(residuals: Any, gs: Any) -> tuple[Any, ...]:
        kept, (ctx,) = residuals
        ctx._tensors = tuple(None if a is None else wrap(a) for a in kept)
        grads = _gradients(cls, ctx, len(args), [wrap(conjugated(g)) for g in gs])
        return tuple(None if grads[i] is None else conjugated(grads[i].array) for i in places)

    def push(primals: Any, tangents: Any) -> Any:
        outs, ctx = forward(primals)
        given: list[Any] = [None] * len(args)
        for i, t in zip(places, tangents, strict=True):
            given[i] = t if t is None else wrap(t)
        found = cls.jvp(ctx, *given)
        found = found if isinstance(found, tuple) else (found,)
        return outs, tuple(t if t is None else t.array for t in found)

    def batch(size: int, batched: Any, *arrays: Any) -> Any:
        nonlocal many
        flags = iter(batched)
        dims = tuple(
            (0 if next(flags) else None) if i in places else None for i in range(len(args))
        )
        out, out_dims = cls.vmap(VmapInfo(size, "error"), dims, *filled(arrays))
        many = isinstance(out, tuple | list)
        outs = out if many else (out,)
        each = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(outs)
        moved = [o if d in (None, 0) else o.movedim(d, 0) for o, d in zip(outs, each, strict=True)]
        return tuple(o.array for o in moved), tuple(d is not None for d in each)

    rule = custom(lambda *arrays: forward(arrays)[0])
    rule.fun.__name__ = cls.__name__
    if cls.backward is not Function.backward or hasattr(cls, "vjp"):
        rule.defvjp(fwd, bwd)
    if cls.jvp is not Function.jvp:
        rule.defjvp(push)
    if hasattr(cls, "vmap"):
        rule.defbatch(batch)
    outs = tuple(map(wrap, rule(*[args[i].array for i in places])))
    return outs if many else outs[0]


class VmapInfo(NamedTuple):
    """What a function's own ``vmap`` is told of the batch."""

    batch_size: int
    randomness: str


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
                return values if len(values) > 1 else next(iter(values))

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
