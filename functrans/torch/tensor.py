"""The tensor: a mutable array with a place in the graph, ``.grad`` and ``.backward()``.

It holds one array: on its own that of the engine, and inside functional transforms whatever traces
it. To the functional transforms a tensor is a pytree with this array as its leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.interpreter import stack
from functrans.core.primitive import primitive_of
from functrans.core.types import CONTAINERS, OPERANDS, dtype_of
from functrans.torch import dtypes, printing
from functrans.torch.devices import CPU, device as Device, layout as Layout, strided
from functrans.torch.engine import EngineArray
from functrans.torch.nodes import GradFn, HookHandle
from functrans.torch.operation import leaf_node
from functrans.torch.sizes import Size as Size

Hook = Callable[["Tensor"], Any]


class UnsupportedError(NotImplementedError, AttributeError):
    """A part of PyTorch that functrans does not have."""


class Tensor:
    """A multi-dimensional array with PyTorch's semantics.

    Made by :func:`functrans.torch.tensor` and its like. Its methods are the functions of
    ``functrans.torch`` of the same name.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "_grad", "array")

    __array_priority__ = 2000.0
    __hash__ = object.__hash__

    array: Any

    _run_backward: Callable[..., None]
    """:func:`functrans.torch.autograd.backward`, which lies above this file."""

    if TYPE_CHECKING:  # attached by functrans.torch.methods

        def __add__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...

    def __init__(self, *data: Any) -> None:
        kind = dtypes.get_default_dtype().numpy
        sizes = data and all(isinstance(n, int) for n in data)
        values = np.zeros(data, kind) if sizes else np.asarray(data[0] if data else (), kind)
        self.array = EngineArray(values)

    # Type and shape

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of_numpy(self.array.dtype)

    @property
    def shape(self) -> Size:
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        return len(self.array.shape)

    def dim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return self.shape.numel()

    nelement = numel

    def element_size(self) -> int:
        """Bytes of an element."""
        return int(self.array.dtype.itemsize)

    @property
    def itemsize(self) -> int:
        return int(self.array.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.numel() * self.itemsize

    @property
    def device(self) -> Device:
        return CPU

    @property
    def is_cuda(self) -> bool:
        return False

    @property
    def layout(self) -> Layout:
        return strided

    @property
    def output_nr(self) -> int:
        return 0 if self.index is None else int(self.index.number)

    def is_floating_point(self) -> bool:
        """Whether the elements are real floating-point numbers."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex."""
        return self.dtype.is_complex

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError("len() of a 0-d tensor")
        return int(self.array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    # The graph

    @property
    def index(self) -> Any:
        """The place in the graph; None for a constant, and inside functional transforms."""
        return self.array.index if type(self.array) is EngineArray else None

    @property
    def requires_grad(self) -> bool:
        return self.index is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient of this leaf, or no longer.

        Raises
        ------
        RuntimeError
            Integers have no gradients; the result of an operation cannot be taken out of the graph.
        """
        if not requires_grad:
            if not self.is_leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use "
                    "a computed variable in a subgraph that doesn't require differentiation use "
                    "var_no_grad = var.detach()."
                )
            if self.index is not None:
                self.array.index = None
            return self
        if self.array.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if type(self.array) is EngineArray and self.array.index is None:
            self.array.index = leaf_node(self)
        return self

    @property
    def is_leaf(self) -> bool:
        index = self.index
        return index is None or index.node.is_leaf

    @property
    def grad_fn(self) -> GradFn | None:
        index = self.index
        return None if index is None or index.node.is_leaf else GradFn(index.node, index.number)

    @property
    def grad(self) -> Tensor | None:
        try:
            return self._grad
        except AttributeError:
            return None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor, got {type(value).__name__}"
                )
            if value.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {list(value.shape)} for a "
                    f"variable of size {list(self.shape)}"
                )
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: {value.dtype} for a variable of "
                    f"type {self.dtype}"
                )
        self._grad = value

    @property
    def data(self) -> Tensor:
        return wrap(EngineArray(self.numpy_memory()))

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = EngineArray(value.numpy_memory(), self.index)

    @property
    def _version(self) -> int:
        return int(self.array.version[0])

    def numpy_memory(self) -> np.ndarray[Any, Any]:
        """The memory itself."""
        if type(self.array) is not EngineArray:
            raise TypeError(
                f"{self.array.what} has no memory of its own: inside a functional transform use "
                "tensor operations"
            )
        return self.array.memory()

    def detach(self) -> Tensor:
        """The same memory as a constant."""
        if type(self.array) is not EngineArray:
            from functrans.transforms.stop_gradient import stop_gradient

            return wrap(stop_gradient(self.array))
        return wrap(EngineArray(self.array.memory(), None, self.array.version))

    def detach_(self) -> Tensor:
        """Take the tensor itself out of the graph."""
        self.array = EngineArray(self.array.memory(), None, self.array.version)
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        """Add the gradients of this tensor to ``.grad`` of the leaves that it depends on.

        Parameters
        ----------
        gradient : Tensor, optional
            The cotangent; may be left out for a tensor with one element.
        retain_graph : bool, optional
            Keep what is needed for another pass; default `create_graph`.
        create_graph : bool
            The gradients can be differentiated again.
        inputs : sequence of Tensor, optional
            The only tensors whose ``.grad`` is added to.

        Raises
        ------
        RuntimeError
            The tensor needs no gradient, has several elements and no `gradient`, or was walked
            before.
        """
        Tensor._run_backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, which is no leaf, too."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf and not getattr(self, "_retains", False):
            self.__dict__["_retains"] = True

            def keep(g: Tensor) -> None:
                self._grad = g

            self.register_hook(keep)

    @property
    def retains_grad(self) -> bool:
        return bool(getattr(self, "_retains", False))

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call a function with the gradient of this tensor whenever that is computed.

        What it returns, if not None, takes the place of the gradient.
        """
        if self.index is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node, number = self.index.node, self.index.number
        hooks = node.hooked("hooks", dict).setdefault(number, [])

        def call(g: Any) -> Any:
            replaced = hook(wrap(conjugated(g)))
            return None if replaced is None else conjugated(replaced.array_or_value(g))

        hooks.append(call)
        return HookHandle(hooks, call)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> HookHandle:
        """Call a function with this leaf whenever its ``.grad`` has been added to."""
        if self.index is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        node = self.index.node
        if node.accumulated is None:
            node.accumulated = []
        node.accumulated.append(hook)
        return HookHandle(node.accumulated, hook)

    def array_or_value(self, like: Any) -> Any:
        """The array in the form in which the backward walk has its cotangents."""
        return self.array if isinstance(like, TracedArray) else self.numpy_memory()

    # Conversions

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The memory as an ndarray.

        Raises
        ------
        RuntimeError
            The tensor requires a gradient.
        """
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        return self.numpy_memory()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype, copy=copy)

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return np.asarray(self.array.concrete("item")).item()

    def tolist(self) -> Any:
        """The elements in nested lists."""
        return self.numpy_memory().tolist()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            what = "no values" if not self.numel() else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.array.concrete("bool"))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        if type(self.array) is not EngineArray:
            return f"tensor({self.array!r})"
        return printing.text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 and not self.requires_grad else str(self)

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.numpy_memory().__dlpack_device__()

    def __reduce__(self) -> Any:
        return rebuilt, (
            type(self),
            np.copy(self.numpy_memory()),
            self.requires_grad,
            self.__dict__,
        )

    def __deepcopy__(self, memo: Any) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment."
            )
        copied: Tensor = rebuilt(type(self), np.copy(self.numpy_memory()), self.requires_grad, {})
        memo[id(self)] = copied
        if self.grad is not None:
            copied._grad = wrap(EngineArray(np.copy(self.grad.numpy_memory())))
        return copied

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        unwrapped = [x.array if isinstance(x, Tensor) else x for x in inputs]
        outs = kwargs.pop("out", None)
        if outs is not None:
            kwargs["out"] = tuple([x.array if isinstance(x, Tensor) else x for x in outs])
        ans = getattr(ufunc, method)(*unwrapped, **kwargs)
        return outs[0] if outs is not None else wrap(ans)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = tree.map(
            lambda x: x.array if isinstance(x, Tensor) else x,
            (args, kwargs),
            is_leaf=lambda x: isinstance(x, Tensor),
        )
        ans = func(*args, **kwargs)
        return tree.map(lambda x: wrap(x) if isinstance(x, TracedArray) else x, ans)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in _ABSENT:
            raise AttributeError(f"'Tensor' object has no attribute {name!r}")
        raise UnsupportedError(f"Tensor.{name} is not supported by functrans.torch")


_ABSENT = {"traced", "weak", "place", "shape_", "interpreter", "concrete"}
"""Names that functrans itself looks for in arrays of all kinds."""


def rebuilt(cls: Any, values: Any, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """A leaf from its parts, for pickles and copies."""
    new = cls.__new__(cls)
    new.array = EngineArray(values)
    new.__dict__.update({k: v for k, v in attributes.items() if k != "_retains"})
    return new.requires_grad_(requires_grad)


_new: Any = object.__new__


def wrap(array: Any) -> Tensor:
    """The tensor of an array."""
    new: Tensor = _new(Tensor)
    if type(array) is not EngineArray and not isinstance(array, TracedArray):
        array = EngineArray(array)
    new.array = array
    return new


def conjugated(g: Any) -> Any:
    """PyTorch's complex gradients are the conjugates of the cotangents of the rules."""
    return np.conj(g) if g is not None and dtype_of(g).kind == "c" else g


def _flatten(t: Tensor) -> tuple[list[Any], Any]:
    return [t.array], None


def _unflatten(_: Any, leaves: Any) -> Any:
    (array,) = leaves
    if isinstance(array, Tensor | tuple | list | dict):  # the Jacobian of a tensor by tensors
        return array
    if isinstance(array, TracedArray | np.ndarray | np.generic):
        return wrap(array)
    if type(array) in OPERANDS:
        return wrap(np.asarray(array))
    return _Shell(array)


class _Shell(Tensor):
    """A tensor whose place is taken by something else: a type, None, a mark of a tree."""

    __slots__ = ()

    def __init__(self, content: Any) -> None:
        self.array = content


# Operators

_MULTIPLY, _ADD, _SUBTRACT = (primitive_of(f) for f in (p.multiply, p.add, p.subtract))


def _arithmetic(name: str, primitive: Any) -> tuple[Any, Any]:
    """The operator of a primitive whose operands promote, and its reflection."""

    def operate(x: Any, y: Any) -> Any:
        from functrans.torch import pointwise

        return getattr(pointwise, name)(x, y)

    def forward(x: Tensor, y: Any) -> Any:
        a = x.array
        if isinstance(y, Tensor):
            b = y.array
            # The properties of an EngineArray would take as long as a tenth of the operation.
            both = type(a) is type(b) is EngineArray
            dtype, other = (a.value.dtype, b.value.dtype) if both else (a.dtype, b.dtype)
            if dtype is other and dtype.kind != "b":
                try:
                    out = stack.top.binary(primitive, a, b)  # type: ignore[union-attr]
                except ValueError:
                    check_sizes(a, b)
                    raise
                if type(out) is not EngineArray:
                    return wrap(out)
                new: Tensor = _new(Tensor)  # as `wrap` does, without the call
                new.array = out
                return new
        elif (type(y) is float or type(y) is int) and a.dtype.kind == "f":
            return wrap(stack.top.binary(primitive, a, y))  # type: ignore[union-attr]
        elif not acceptable(y):
            return NotImplemented
        return operate(x, y)

    def reflected(x: Tensor, y: Any) -> Any:
        if (type(y) is float or type(y) is int) and x.array.dtype.kind == "f":
            return wrap(stack.top.binary(primitive, y, x.array))  # type: ignore[union-attr]
        return operate(y, x) if acceptable(y) else NotImplemented

    return forward, reflected


def check_sizes(a: Any, b: Any) -> None:
    """Raise PyTorch's error for shapes that do not broadcast."""
    shapes = [getattr(x, "shape", ()) for x in (a, b)]
    rank = max(map(len, shapes))
    for back in range(1, rank + 1):
        n, k = (s[-back] if back <= len(s) else 1 for s in shapes)
        if n != k and 1 not in (n, k):
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({k}) at "
                f"non-singleton dimension {rank - back}"
            ) from None


def acceptable(y: Any) -> bool:
    """Whether an operator takes `y` beside a tensor."""
    return isinstance(
        y, Tensor | TracedArray | np.ndarray | np.generic | bool | int | float | complex
    )


for _name, _primitive in (("add", _ADD), ("sub", _SUBTRACT), ("mul", _MULTIPLY)):
    _forward, _reflected = _arithmetic(_name, _primitive)
    setattr(Tensor, f"__{_name}__", _forward)
    setattr(Tensor, f"__r{_name}__", _reflected)

tree.register(Tensor, _flatten, _unflatten)
CONTAINERS[Tensor] = CONTAINERS[EngineArray] = wrap
