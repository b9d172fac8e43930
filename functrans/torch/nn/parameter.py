"""Parameters and buffers: tensors that a module registers when they become its attributes."""

from __future__ import annotations

from typing import Any, ClassVar

from functrans.core import tree
from functrans.core.types import CONTAINERS
from functrans.torch.creation import empty
from functrans.torch.engine import EngineArray
from functrans.torch.tensor import Tensor, _flatten, _unflatten, wrap


def _alias(new: Any, data: Tensor | None) -> Any:
    """Give a new tensor the memory of another."""
    data = empty(0) if data is None else data
    if not isinstance(data, Tensor):
        raise TypeError(f"a parameter or buffer is made of a Tensor, not of {type(data).__name__}")
    if type(data.array) is EngineArray:
        new.array = EngineArray(data.numpy_memory(), None, data.array.version)
    else:
        new.array = data.detach().array  # inside of a functional transform
    return new


class Parameter(Tensor):
    """A tensor that needs a gradient, and that a module lists among its parameters.

    Parameters
    ----------
    data : Tensor
        Its memory becomes that of the parameter.
    requires_grad : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        return _alias(Tensor.__new__(cls), data).requires_grad_(requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to the state of a module and is no parameter.

    Parameters
    ----------
    data : Tensor
    persistent : bool
        Whether it is part of ``state_dict()``.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> m = torch.nn.Module()
    >>> m.count = torch.nn.Buffer(torch.zeros(1))
    >>> dict(m.named_buffers())
    {'count': tensor([0.])}
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        new = _alias(Tensor.__new__(cls), data)
        new.persistent = persistent
        return new

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        pass


class Uninitialized(Tensor):
    """What parameters and buffers share whose shape is not known yet: of them only the dtype is.

    Functions of tensors refuse them, as they have no memory until `materialize` makes it.
    """

    __slots__ = ()

    cls_to_become: ClassVar[type[Tensor]]

    def _begin(self, requires_grad: bool, device: Any, dtype: Any) -> Any:
        like = empty(0, device=device, dtype=dtype)
        self.__dict__.update(_dtype=like.dtype, _wanted=requires_grad)
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a parameter or buffer of a shape, with arbitrary elements.

        Parameters
        ----------
        shape : tuple of int
        device : device, optional
        dtype : dtype, optional
            By default its own.
        """
        made = empty(shape, device=device, dtype=self.dtype if dtype is None else dtype)
        del self.__dict__["_dtype"]
        wanted = self.__dict__.pop("_wanted")
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.array = made.array
        self.requires_grad_(wanted)

    def converted(self, fn: Any) -> Any:
        """Itself in the dtype that a conversion of tensors gives."""
        self.__dict__["_dtype"] = fn(empty(0, dtype=self.dtype)).dtype
        return self

    @property
    def dtype(self) -> Any:
        return self.__dict__["_dtype"]

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @property
    def index(self) -> Any:
        return None

    @property
    def requires_grad(self) -> bool:
        return bool(self.__dict__["_wanted"])

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.__dict__["_wanted"] = wanted

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Whether the parameter will need a gradient."""
        self.__dict__["_wanted"] = requires_grad
        return self

    def detach(self) -> Tensor:
        """Itself: there is nothing to share."""
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        memo[id(self)] = copied = type(self)(self.requires_grad, dtype=self.dtype)
        return copied

    def __reduce__(self) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"<{type(self).__name__}>"

    def __getattr__(self, name: str) -> Any:
        if name == "array":
            raise ValueError(
                "Attempted to use an uninitialized parameter. This happens with a lazy module "
                "that has not seen an input yet: call it with a batch first, which tells the "
                "shapes of its parameters."
            )
        return super().__getattr__(name)


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape is not known yet, as lazy modules have them.

    Parameters
    ----------
    requires_grad : bool
    device : device, optional
    dtype : dtype, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> p = torch.nn.UninitializedParameter()
    >>> p
    <UninitializedParameter>
    >>> p.materialize((2, 3))
    >>> type(p).__name__, p.shape
    ('Parameter', torch.Size([2, 3]))
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Tensor.__new__(cls)._begin(requires_grad, device, dtype)


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape is not known yet; see `UninitializedParameter`."""

    __slots__ = ()

    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> Any:
        return Tensor.__new__(cls)._begin(requires_grad, device, dtype)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, Uninitialized)


for _cls in (Parameter, Buffer):
    tree.register(_cls, _flatten, _unflatten)
    CONTAINERS[_cls] = wrap
