"""Walking through a module and what is in it: parameters, buffers, children, all modules below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, cast

from functrans.torch import dtypes
from functrans.torch.creation import empty_like
from functrans.torch.devices import check_device
from functrans.torch.engine import EngineArray
from functrans.torch.nn.parameter import Parameter, Uninitialized
from functrans.torch.tensor import Tensor

if TYPE_CHECKING:
    from functrans.torch.nn.module import Module


class Traversal:
    """What modules do with everything in them."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    # Iterating

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself and all modules below it, with their paths."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self  # type: ignore[misc]
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """The module itself and all modules below it, each once."""
        yield from self._each(set())

    def _each(self, memo: set[Any]) -> list[Any]:
        """The module itself and those below that are not known yet, without their paths."""
        if self in memo:
            return []
        memo.add(self)
        found: list[Any] = [self]
        for child in self._modules.values():
            if child is not None:
                found += child._each(memo)
        return found

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, each once, with their names."""
        memo: set[Any] = set()
        for name, child in self._modules.items():
            if child is not None and child not in memo:
                memo.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        memo = set()
        modules: Any = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in modules:
            for name, value in getattr(module, table).items():
                if value is None or value in memo:
                    continue
                if remove_duplicate:
                    memo.add(value)
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths, with `recurse` of all modules below too."""
        yield from self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, with `recurse` of all modules below too."""
        memo = set()
        for module in self._each(set()) if recurse else (self,):
            for parameter in module._parameters.values():
                if parameter is not None and parameter not in memo:
                    memo.add(parameter)
                    yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths, with `recurse` of all modules below too."""
        yield from self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, with `recurse` of all modules below too."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # One by its path

    def get_submodule(self, target: str) -> Module:
        """The module at a path.

        Raises
        ------
        AttributeError
            There is none.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                name_of = cast("Any", module)._get_name()
                raise AttributeError(f"{name_of} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Traversal):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module  # type: ignore[no-any-return]

    def _member(self, target: str) -> tuple[Any, str, Any]:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name, getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path."""
        _, name, found = self._member(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path."""
        module, name, found = self._member(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found  # type: ignore[no-any-return]

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path."""
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Traversal):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if not isinstance(getattr(parent, name, module), Traversal):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    # Changing all of them

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module below, and with the module itself last."""
        for child in self.children():
            child.apply(fn)
        fn(self)  # type: ignore[arg-type]
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training (or evaluation) mode, in all modules below too."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether the parameters need gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters, or set them to zero."""
        for parameter in self.parameters():
            g = parameter.grad
            if g is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                (g.detach_() if g.grad_fn is not None else g.requires_grad_(False)).zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            if isinstance(parameter, Uninitialized):
                parameter.converted(fn)
                continue
            converted = fn(parameter.data)
            g = parameter.grad
            if type(parameter.array) is EngineArray and converted is not parameter:
                parameter.data = converted
            if g is not None:
                parameter._grad = fn(g.data).requires_grad_(g.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                lazy = isinstance(buffer, Uninitialized)
                self._buffers[name] = buffer.converted(fn) if lazy else fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The floating-point parameters and buffers in another dtype; the device is the CPU."""
        dtype = kwargs.pop("dtype", None)
        for arg in (*args, kwargs.get("device"), kwargs.get("tensor")):
            if isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif arg is not None and not isinstance(arg, bool):
                check_device(arg)
        if dtype is None:
            return self
        wanted: dtypes.dtype = dtype
        if not (wanted.is_floating_point or wanted.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={wanted}"
            )
        return self._apply(lambda t: t.to(wanted) if t.array.dtype.kind in "fc" else t)

    def _as_floating(self, dtype: dtypes.dtype) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Self:
        """The floating-point parameters and buffers as float32."""
        return self._as_floating(dtypes.float32)

    def double(self) -> Self:
        """The floating-point parameters and buffers as float64."""
        return self._as_floating(dtypes.float64)

    def half(self) -> Self:
        """The floating-point parameters and buffers as float16."""
        return self._as_floating(dtypes.float16)

    def type(self, dst_type: dtypes.dtype) -> Self:
        """All parameters and buffers in a dtype."""
        return self._apply(lambda t: t.to(dst_type))

    def cpu(self) -> Self:
        """The module itself."""
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """The parameters and buffers with arbitrary elements."""
        check_device(device)
        return self._apply(empty_like, recurse)
