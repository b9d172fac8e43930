"""The state of a module as a flat dictionary, and loading it."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from functrans.core.types import is_plain
from functrans.torch.creation import as_tensor
from functrans.torch.engine import grad_mode
from functrans.torch.nn.hooks import HookTable, RemovableHandle
from functrans.torch.nn.parameter import Parameter, is_lazy
from functrans.torch.nn.traversal import Traversal
from functrans.torch.tensor import Tensor

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """The keys that a state did not have, and those that the module does not have."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Loading:
    """What is found while a state is loaded."""

    def __init__(self, state: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.state = OrderedDict(state)
        self.metadata: dict[str, Any] = getattr(state, "_metadata", {})
        self.strict = strict
        self.assign = assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []


class State(Traversal):
    """A module's ``state_dict`` and what belongs to it."""

    _version = 1
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: HookTable
    _state_dict_pre_hooks: HookTable
    _load_state_dict_pre_hooks: HookTable
    _load_state_dict_pre_hooks_with_module: HookTable
    _load_state_dict_post_hooks: HookTable

    if TYPE_CHECKING:

        def _get_name(self) -> str: ...

    def get_extra_state(self) -> Any:
        """More state, for subclasses that have some: it comes under the key "_extra_state"."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never run.")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never run.")

    def _own_state(self) -> dict[str, Any]:
        """The parameters and persistent buffers of this module alone."""
        buffers = {
            k: b for k, b in self._buffers.items() if k not in self._non_persistent_buffers_set
        }
        return {k: v for k, v in {**self._parameters, **buffers}.items() if v is not None}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """The parameters and persistent buffers by their paths, in the memory of the module.

        Parameters
        ----------
        destination : dict, optional
            Where to enter them.
        prefix : str
            Stands before every path.
        keep_vars : bool
            The parameters themselves in place of constants in their memory.

        Returns
        -------
        OrderedDict

        Examples
        --------
        >>> import functrans.torch as torch
        >>> list(torch.nn.Linear(2, 1).state_dict())
        ['weight', 'bias']
        """
        if args:
            given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            destination = given.get("destination", destination)
            prefix, keep_vars = given.get("prefix", prefix), given.get("keep_vars", keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, metadata)
            if replaced is not None:
                destination = replaced
        return destination

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return self._state_dict_hooks.add(hook)

    register_state_dict_post_hook = _register_state_dict_hook

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the state is taken."""
        return self._state_dict_pre_hooks.add(hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before a state is loaded."""
        marks = self._load_state_dict_pre_hooks_with_module
        return self._load_state_dict_pre_hooks.add(hook, marks)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self._load_state_dict_pre_hooks.add(hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after a state was loaded."""
        return self._load_state_dict_post_hooks.add(hook)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Copy a state into the parameters and buffers.

        Parameters
        ----------
        state_dict : mapping
            Tensors or arrays by path.
        strict : bool
            A path that is missing, or that the module does not have, is an error.
        assign : bool
            Put the tensors themselves in the places of the parameters, with their dtypes.

        Returns
        -------
        namedtuple of missing_keys, unexpected_keys

        Raises
        ------
        RuntimeError
            Paths or shapes do not fit.

        Examples
        --------
        >>> import functrans.torch as torch
        >>> m = torch.nn.Linear(2, 1)
        >>> m.load_state_dict({"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        loading = Loading(state_dict, strict, assign)
        self._load(loading, "", loading.state)
        if strict:
            for what, keys in (("Unexpected", loading.unexpected), ("Missing", loading.missing)):
                if keys:
                    listed = ", ".join(f'"{k}"' for k in keys)
                    loading.errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
        if loading.errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(loading.errors)
            )
        return _IncompatibleKeys(loading.missing, loading.unexpected)

    def _load(self, loading: Loading, prefix: str, state: Any) -> None:
        """Load what belongs to this module and to those below it."""
        metadata = dict(loading.metadata.get(prefix[:-1], {}))
        if loading.assign:
            metadata["assign_to_params_buffers"] = True
        self._load_from_state_dict(
            *(state, prefix, metadata, True, loading.missing, loading.unexpected, loading.errors)
        )
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}{name}."
                own = OrderedDict((k, v) for k, v in state.items() if k.startswith(path))
                child._load(loading, path, own)
        found = _IncompatibleKeys(loading.missing, loading.unexpected)
        for hook in self._load_state_dict_post_hooks.values():
            if hook(self, found) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values, if incompatible_keys need to be modified, it should be "
                    "done inplace."
                )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what belongs to this module alone; subclasses may convert older states first."""
        for number, hook in self._load_state_dict_pre_hooks.items():
            hook(
                *((self,) if number in self._load_state_dict_pre_hooks_with_module else ()),
                *(state_dict, prefix, local_metadata, strict),
                *(missing_keys, unexpected_keys, error_msgs),
            )
        assign = bool(local_metadata.get("assign_to_params_buffers", False))
        for name, own in self._own_state().items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            problem = self._load_one(name, own, key, state_dict[key], assign)
            if problem is not None:
                error_msgs.append(problem)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not State.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            else:
                missing_keys.append(extra)
        elif extra in state_dict:
            unexpected_keys.append(extra)
        known = {*self._own_state(), _EXTRA_STATE}
        for key in state_dict:
            if key.startswith(prefix):
                name, _, rest = key[len(prefix) :].partition(".")
                if (rest and name not in self._modules) or (not rest and name not in known):
                    unexpected_keys.append(key)

    def _load_one(self, name: str, own: Tensor, key: str, given: Any, assign: bool) -> str | None:
        """Load one parameter or buffer; what hinders it, if anything."""
        if is_plain(given):
            given = as_tensor(given)
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            )
        if is_lazy(own):
            if is_lazy(given):
                return None
            return f"{key} has no shape yet; a lazy module takes it from the state it loads"
        if not own.shape and given.shape == (1,):  # old states have counts of one element so
            given = given[0]
        if given.shape != own.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from "
                f"checkpoint, the shape in current model is {own.shape}."
            )
        try:
            if assign:
                if isinstance(own, Parameter) and not isinstance(given, Parameter):
                    given = Parameter(given, requires_grad=own.requires_grad)
                setattr(self, name, given)
            else:
                with grad_mode(False):
                    own.copy_(given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{own.shape} and whose dimensions in the checkpoint are {given.shape}, an "
                f"exception occurred : {error.args}."
            )
        return None
