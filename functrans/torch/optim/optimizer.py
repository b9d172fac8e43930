"""The optimiser: groups of parameters with options, state by parameter, hooks, state dicts."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from itertools import chain
from typing import Any

from functrans.torch.autograd import enable_grad
from functrans.torch.nodes import HookHandle
from functrans.torch.printing import type_string
from functrans.torch.tensor import Tensor, UnsupportedError

Closure = Callable[[], Any]
_global_pre_hooks: list[Any] = []
_global_post_hooks: list[Any] = []
HOOKS = (
    *("step_pre", "step_post", "state_dict_pre", "state_dict_post"),
    *("load_state_dict_pre", "load_state_dict_post"),
)


class _Required:
    """Stands for an option that every group of parameters must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def type_name(x: Any) -> str:
    """The name of an object's type as PyTorch's errors have it."""
    if isinstance(x, Tensor):
        return type_string(x.array)
    module = type(x).__module__
    name = type(x).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step of a class, with the calls of hooks before and after it."""

    @wraps(step)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self.steps_called += 1
        before, after = self._hooks["step_pre"], self._hooks["step_post"]
        hooked = before or after or _global_pre_hooks or _global_post_hooks
        if not hooked or self._stepping:  # the step of a class above is part of one
            return step(self, *args, **kwargs)
        for hook in [*_global_pre_hooks, *before]:
            result = hook(self, (self, *args), kwargs)
            if result is not None:
                if not isinstance(result, tuple) or len(result) != 2:
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{result}."
                    )
                (self, *rest), kwargs = result
                args = tuple(rest)
        self._stepping = True
        try:
            out = step(self, *args, **kwargs)
        finally:
            self._stepping = False
        for hook in [*after, *_global_post_hooks]:
            hook(self, (self, *args), kwargs)
        return out

    return call


class Optimizer:
    """What all optimisers have; a class of one's own defines ``step``.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor), or of dict
        Parameters, or groups of them: dicts with ``params`` and options of their own.
    defaults : dict
        The options of groups that do not give them.

    Attributes
    ----------
    param_groups : list of dict
    state : dict
        What the next step needs to know, a dict by parameter.
    defaults : dict

    Raises
    ------
    TypeError
        Something is no tensor.
    ValueError
        There are no parameters, one is no leaf, or is in two groups.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> class Descent(torch.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     @torch.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p.add_(p.grad, alpha=-group["lr"])
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> Descent([x], lr=0.25).step()
    >>> x
    tensor([0.5000], requires_grad=True)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self._begin()
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {type_name(params)}"
            )
        self.state: dict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _begin(self) -> None:
        """What is not saved with an optimiser."""
        self.steps_called = 0
        self._stepping = False
        self._hooks: dict[str, list[Any]] = {name: [] for name in HOOKS}

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_hooks" not in self.__dict__:
            self._begin()
        self.__dict__.update(state)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            options = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n" + "".join(options)
        return text + ")"

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and its gradients again.

        Returns
        -------
        loss
            What the closure returned; None without one.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Take the gradients of all parameters away, or set them to zero."""
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is not None:
                    if set_to_none:
                        param._grad = None
                    else:
                        param._grad = grad.detach().zero_()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise more parameters, with options of their own.

        Parameters
        ----------
        param_group : dict
            ``params``, and options that differ from the defaults.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        if names and len(names) != len(entries):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        if self.param_groups and ("param_names" in self.param_groups[0]) != bool(names):
            how = "with names" if names else "without names"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{how} to the optimizer"
            )
        others = {id(p) for group in self.param_groups for p in group["params"]}
        if others & {id(p) for p in params}:
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _check_params(self, params: list[Any]) -> None:
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is "
                    f"{type_name(param)}"
                )
            if not param.is_leaf and not param.retains_grad:
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error",
                stacklevel=4,
            )

    # Saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with numbers in place of the parameters.

        Returns
        -------
        dict
            ``state``, a dict by the numbers of parameters, and ``param_groups``. The tensors in it
            are those of the optimiser, no copies.
        """
        for hook in self._hooks["state_dict_pre"]:
            hook(self)
        params = list(chain.from_iterable(group["params"] for group in self.param_groups))
        numbers = {id(p): i for i, p in enumerate(params)}
        packed: dict[str, Any] = {
            "state": {
                numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()
            },
            "param_groups": [
                {
                    **{k: v for k, v in group.items() if k != "params"},
                    "params": [numbers[id(p)] for p in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        for hook in self._hooks["state_dict_post"]:
            packed = _or(hook(self, packed), packed)
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, of this optimiser or of PyTorch's.

        Parameters
        ----------
        state_dict : dict
            Its tensors are copied, those with axes in the dtype of their parameter.

        Raises
        ------
        ValueError
            It has other numbers of groups, or of parameters in them.
        """
        state_dict = dict(state_dict)
        for hook in self._hooks["load_state_dict_pre"]:
            state_dict = _or(hook(self, state_dict), state_dict)
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        pairs = list(zip(self.param_groups, saved, strict=True))
        if any(len(group["params"]) != len(new["params"]) for group, new in pairs):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        params = {
            number: param
            for group, new in pairs
            for number, param in zip(new["params"], group["params"], strict=True)
        }
        state: dict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _copied(value, params[key])
            else:
                state[key] = value
        for group, new in pairs:
            new["params"] = group["params"]
            for name, default in self.defaults.items():  # old checkpoints do not have all
                new.setdefault(name, default)
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._hooks["load_state_dict_post"]:
            hook(self)

    # Hooks

    def _register(self, kind: str, hook: Any, prepend: bool = False) -> HookHandle:
        hooks = self._hooks[kind]
        hooks.insert(0 if prepend else len(hooks), hook)
        return HookHandle(hooks, hook)

    def register_step_pre_hook(self, hook: Any) -> HookHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return both anew."""
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Any) -> HookHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer)`` before `state_dict` is made."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer, state_dict)`` on what `state_dict` makes."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer, state_dict)`` before it is loaded."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer)`` after a state dict was loaded."""
        return self._register("load_state_dict_post", hook, prepend)


def _or(result: Any, otherwise: Any) -> Any:
    return otherwise if result is None else result


def _copied(value: Any, param: Tensor) -> Any:
    """A part of a loaded state, of the type that its parameter asks for; numbers as they are."""
    if isinstance(value, Tensor):
        if not value.ndim or not param.is_floating_point():
            return value.detach().clone()
        return value.detach().to(dtype=param.dtype, copy=True)
    if isinstance(value, dict):
        return {k: _copied(v, param) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(v, param) for v in value)
    return value


def evaluated(closure: Closure | None) -> Any:
    """What a closure returns, with everything recorded."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def check_differentiable(defaults: dict[str, Any]) -> None:
    """Refuse the option of steps that are recorded.

    Raises
    ------
    UnsupportedError
        ``differentiable=True``.
    """
    if defaults.get("differentiable"):
        raise UnsupportedError(
            "differentiable=True is not supported by functrans.torch.optim, whose steps write into "
            "memory; the optimisers of functrans.optim are pure functions that can be "
            "differentiated"
        )


def register_optimizer_step_pre_hook(hook: Any) -> HookHandle:
    """Call ``hook(optimizer, args, kwargs)`` before the steps of all optimisers."""
    _global_pre_hooks.append(hook)
    return HookHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Any) -> HookHandle:
    """Call ``hook(optimizer, args, kwargs)`` after the steps of all optimisers."""
    _global_post_hooks.append(hook)
    return HookHandle(_global_post_hooks, hook)
