"""Modules: layers and networks, with their parameters, buffers, children and hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.torch.nn.hooks import BackwardHooks, HookTable, RemovableHandle, everywhere
from functrans.torch.nn.parameter import Buffer, Parameter
from functrans.torch.nn.state import State
from functrans.torch.tensor import Tensor, UnsupportedError

Hook = Callable[..., Any]

_any_hooks = everywhere.any  # looked at by every call of a module

_HOOK_TABLES = (
    "_forward_hooks",
    "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks_with_module",
    "_load_state_dict_post_hooks",
)


def typename(x: Any) -> str:
    """The name of an object's type, as messages have it."""
    if isinstance(x, Tensor):
        return str(x.type())
    cls = type(x)
    if cls.__module__ in ("builtins", "__builtin__"):
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


class Module(State):
    """A layer or a network; subclasses define ``forward``.

    Parameters, buffers and modules become part of it when they become its attributes.

    Attributes
    ----------
    training : bool
        Set by ``train()`` and ``eval()``.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> class Line(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = torch.nn.Parameter(torch.ones(1))
    ...
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(torch.tensor([3.0])).sum().backward()
    >>> line.slope.grad
    tensor([3.])
    """

    _forward_hooks: HookTable
    _forward_hooks_always_called: HookTable
    _forward_hooks_with_kwargs: HookTable
    _forward_pre_hooks: HookTable
    _forward_pre_hooks_with_kwargs: HookTable
    _backward_hooks: HookTable
    _backward_pre_hooks: HookTable

    def __init__(self) -> None:
        own = self.__dict__
        own["training"] = True
        own["_parameters"], own["_buffers"], own["_modules"] = {}, {}, {}
        own["_non_persistent_buffers_set"] = set()
        for name in _HOOK_TABLES:
            own[name] = HookTable()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass has its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or _any_hooks
        ):
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        result = None
        try:
            pre_hooks = {**everywhere.forward_pre, **self._forward_pre_hooks}
            for number, hook in pre_hooks.items():
                if number in self._forward_pre_hooks_with_kwargs:
                    replaced = hook(self, args, kwargs)
                    if replaced is not None:
                        if not (isinstance(replaced, tuple) and len(replaced) == 2):
                            raise RuntimeError(
                                "forward pre-hook must return None or a tuple of (new_args, "
                                f"new_kwargs), but got {replaced}."
                            )
                        args, kwargs = replaced
                else:
                    replaced = hook(self, args)
                    if replaced is not None:
                        args = replaced if isinstance(replaced, tuple) else (replaced,)
            backward: Any = BackwardHooks(self)
            if backward.hooks or backward.pre_hooks:
                args = backward.inputs(args)
            else:
                backward = None
            result = self.forward(*args, **kwargs)
            for number, hook in {**everywhere.forward, **self._forward_hooks}.items():
                called.add(number)
                result = self._after(number, hook, args, kwargs, result)
            return result if backward is None else backward.outputs(result)
        except Exception:
            always = {**everywhere.forward_always_called, **self._forward_hooks_always_called}
            for number, hook in always.items():
                if number not in called:
                    result = self._after(number, hook, args, kwargs, result)
            raise

    def _after(
        self, number: int, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Any:
        if number in self._forward_hooks_with_kwargs or number in everywhere.forward_with_kwargs:
            replaced = hook(self, args, kwargs, result)
        else:
            replaced = hook(self, args, result)
        return result if replaced is None else replaced

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns replaces the arguments.

        With `with_kwargs` it is ``hook(module, args, kwargs)``, which returns a pair.
        """
        marks = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return self._forward_pre_hooks.add(hook, *marks, first=prepend)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; its result replaces the output.

        With `with_kwargs` it is ``hook(module, args, kwargs, output)``; with `always_call` it is
        called after an exception too.
        """
        marks = [self._forward_hooks_with_kwargs] if with_kwargs else []
        marks += [self._forward_hooks_always_called] if always_call else []
        return self._forward_hooks.add(hook, *marks, first=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are
        known; what it returns replaces them."""
        return self._backward_hooks.add(hook, first=prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known; what it
        returns replaces them."""
        return self._backward_pre_hooks.add(hook, first=prepend)

    # Attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__  # three steps and no loop: every layer comes here for its parameters
        if "_parameters" in own:
            if name in (table := own["_parameters"]):
                return table[name]
            if name in (table := own["_modules"]):
                return table[name]
            if name in (table := own["_buffers"]):
                return table[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        parameters = own.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        else:
            modules = own.get("_modules")
            if isinstance(value, Module):
                if modules is None:
                    raise AttributeError("cannot assign module before Module.__init__() call")
                self._forget(name, "_modules")
                modules[name] = value
            elif modules is not None and name in modules:
                if value is not None:
                    raise TypeError(
                        f"cannot assign '{typename(value)}' as child module '{name}' "
                        "(torch.nn.Module or None expected)"
                    )
                modules[name] = value
            else:
                self._set_other(name, value)

    def _set_other(self, name: str, value: Any) -> None:
        buffers = self.__dict__.get("_buffers")
        if isinstance(value, Buffer) or (buffers is not None and name in buffers):
            if buffers is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            if isinstance(value, Buffer):
                self._forget(name, "_buffers")
                self.register_buffer(name, value, value.persistent)
            else:
                buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: str) -> None:
        """Take a name out of the places where it stood, but for one table."""
        own = self.__dict__
        own.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                own[table].pop(name, None)
        if keep != "_buffers":
            own["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name: str) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*object.__dir__(self), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())

    def _check_name(self, name: Any, what: str, table: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if "." in name:
            where = f", got: {name}" if what == "module" else ""
            raise KeyError(f'{what} name can\'t contain "."{where}')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps its place free.

        Raises
        ------
        KeyError
            The name is taken, empty, or has a dot.
        TypeError
            `param` is no Parameter.
        """
        self._check_name(name, "parameter", "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer; None keeps its place free. Only persistent ones are part of the state."""
        self._check_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a module below; None keeps its place free."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name(name, "module", "_modules")
        self._modules[name] = module

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module below; None keeps its place free."""
        self.register_module(name, module)

    # Text and copies

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands in the brackets of the module's text."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        alone = len(lines) == 1 and not self._modules
        children = [f"({name}): {indented(repr(m))}" for name, m in self._modules.items()]
        return bracketed(self._get_name(), lines + children, alone)

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOK_TABLES:
            self.__dict__.setdefault(name, HookTable())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before ``forward`` of every module, and before its own hooks."""
    return everywhere.forward_pre.add(hook, everywhere.any)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after ``forward`` of every module, before its own hooks;
    its result replaces the output.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> seen = []
    >>> handle = torch.nn.modules.module.register_module_forward_hook(
    ...     lambda module, args, output: seen.append(type(module).__name__)
    ... )
    >>> _ = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())(torch.ones(2))
    >>> handle.remove()
    >>> seen
    ['Linear', 'Tanh', 'Sequential']
    """
    marks = [everywhere.forward_with_kwargs] if with_kwargs else []
    marks += [everywhere.forward_always_called] if always_call else []
    return everywhere.forward.add(hook, everywhere.any, *marks)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` when the gradients of the outputs of a module are known;
    what it returns replaces them."""
    return everywhere.backward_pre.add(hook, everywhere.any)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs of a module
    are known; what it returns replaces them."""
    return everywhere.backward.add(hook, everywhere.any)


def indented(text: str) -> str:
    """The lines after the first two columns to the right."""
    return text.replace("\n", "\n  ")


def bracketed(name: str, lines: list[str], alone: bool) -> str:
    """``Name(line)``, or the lines one below the other."""
    if not lines:
        return f"{name}()"
    if alone:
        return f"{name}({lines[0]})"
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)"


def _unsupported(name: str) -> Any:
    def refuse(self: Module, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"Module.{name} is not supported by functrans.torch")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Not supported."
    return refuse


_UNSUPPORTED = (
    *("bfloat16", "compile", "cuda", "ipu", "mtia", "register_backward_hook"),
    *("share_memory", "xpu"),
)
for _name in _UNSUPPORTED:
    setattr(Module, _name, _unsupported(_name))
