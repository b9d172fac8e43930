"""Parameters that are computed from others: ``torch.nn.utils.parametrize``.

A parametrized module gets a class of its own, on which the name of the parameter is a property.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from functrans.torch.engine import grad_mode
from functrans.torch.nn.containers import ModuleDict, ModuleList
from functrans.torch.nn.module import Module
from functrans.torch.nn.parameter import Parameter
from functrans.torch.tensor import Tensor

_cache: dict[tuple[int, str], Any] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once, for the length of a ``with`` block."""
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The functions behind one parameter, and the tensors that they take.

    Attributes
    ----------
    original : Parameter or Tensor
        Or ``original0``, ``original1``, ... if the first function takes several.
    """

    original: Any

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        new: Any = original
        with grad_mode(False):
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    new = module.right_inverse(new)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(len(new))]
        for name, value in zip(names, [new] if self.is_tensor else new, strict=True):
            if isinstance(original, Parameter):
                if value is not original:
                    value = Parameter(value, requires_grad=original.requires_grad)
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)
        if not unsafe:
            found = self()
            if not isinstance(found, Tensor) or found.shape != original.shape:
                raise ValueError(
                    "Registering a parametrization may not change the shape of the tensor, unless "
                    f"`unsafe` flag is enabled. original: {tuple(original.shape)}, parametrized: "
                    f"{tuple(getattr(found, 'shape', ()))}"
                )
            if found.dtype is not original.dtype:
                raise ValueError(
                    "Registering a parametrization may not change the dtype of the tensor, unless "
                    f"`unsafe` flag is enabled. original: {original.dtype}, parametrized: "
                    f"{found.dtype}"
                )

    def originals(self) -> list[Any]:
        """The tensors that the first function takes."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Give the originals values for which the functions return `value`."""
        with grad_mode(False):
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                new = module.right_inverse(new)
            for own, part in zip(self.originals(), [new] if self.is_tensor else new, strict=True):
                own.data = part.data

    def forward(self) -> Any:
        first, *rest = self
        x = first(*self.originals())
        for module in rest:
            x = module(x)
        return x


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        if not _caching:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _with_class_of_its_own(module: Module) -> None:
    base: Any = type(module)
    own = {"__getstate__": _no_state, "__deepcopy__": _deep_copy, "__module__": base.__module__}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), own)
    module.parametrizations = ModuleDict()


def _no_state(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict()."
    )


def _deep_copy(self: Any, memo: dict[int, Any]) -> Any:
    """A copy with a class of its own: what is removed from one remains in the other."""
    cls = type(self)
    own = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    new = self.__new__(type(cls.__name__, cls.__bases__, own))
    memo[id(self)] = new
    new.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return new


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a function compute a parameter or buffer of a module.

    Parameters
    ----------
    module : Module
    tensor_name : str
    parametrization : Module
        Maps the original tensor to the one that the module sees; its ``right_inverse``, if it has
        one, the other way round, perhaps to several tensors.
    unsafe : bool
        The function may change shape and dtype.

    Raises
    ------
    ValueError
        The module has no such tensor, or the function changes its shape.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, w):
    ...         return w.triu() + w.triu(1).T
    >>> m = torch.nn.Linear(3, 3)
    >>> _ = torch.nn.utils.parametrize.register_parametrization(m, "weight", Symmetric())
    >>> bool((m.weight == m.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        known: Any = module.parametrizations[tensor_name]
        if hasattr(parametrization, "right_inverse"):
            value = getattr(module, tensor_name)
            known.append(parametrization)
            known.right_inverse(value)
        else:
            known.append(parametrization)
        return module
    if tensor_name not in {**module._parameters, **module._buffers}:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    functions = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _with_class_of_its_own(module)
    setattr(type(module), tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = functions
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or one of this name."""
    known = module._modules.get("parametrizations")
    if not isinstance(known, ModuleDict):
        return False
    return bool(len(known)) if tensor_name is None else tensor_name in known


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrized tensor a plain one again.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool
        Keep the value that the functions give, instead of the original.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    known: Any = module.parametrizations[tensor_name]
    originals = known.originals()
    if leave_parametrized:
        with grad_mode(False):
            value = getattr(module, tensor_name)
        tensor = originals[0]
        if known.is_tensor and tensor.shape == value.shape:
            tensor.data = value.data
        elif isinstance(tensor, Parameter):
            tensor = Parameter(value, requires_grad=tensor.requires_grad)
        else:
            tensor = value
    elif known.is_tensor:
        tensor = originals[0]
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    if isinstance(originals[0], Parameter):
        module.register_parameter(tensor_name, tensor)
    else:
        module.register_buffer(tensor_name, tensor)
    return module
