"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functrans.torch.nn.module import Module
from functrans.torch.shaping import stack
from functrans.torch.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers in the places of its own.

    Parameters
    ----------
    module : Module
    parameter_and_buffer_dicts : dict or tuple of dict
        Tensors by their paths; what is not named stays the module's own.
    args : tuple or a single argument, optional
    kwargs : dict, optional
    tie_weights : bool
        A parameter that the module has under several paths is replaced at all of them.
    strict : bool
        A path that is missing, or that the module does not have, is an error.

    Raises
    ------
    ValueError
        A path stands in several dictionaries, or two tied paths have different tensors.
    RuntimeError
        With `strict`, paths do not fit.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> m = torch.nn.Linear(1, 1, bias=False)
    >>> torch.func.functional_call(m, {"weight": torch.tensor([[2.0]])}, torch.ones(1))
    tensor([2.])
    """
    given = _joined(parameter_and_buffer_dicts)
    places = _places(module)
    unexpected = [name for name in given if name not in places]
    if strict:
        missing = [name for name in places if name not in given]
        if missing or unexpected:
            raise RuntimeError(
                f"functional_call with strict=True: missing key(s): {missing}, unexpected key(s): "
                f"{unexpected}"
            )
    elif unexpected:
        raise KeyError(
            f"{unexpected[0]!r} is no parameter or buffer of {type(module).__name__}; those of a "
            "module are listed by named_parameters() and named_buffers()"
        )
    wanted = _with_ties(places, given) if tie_weights else given
    before = [(places[name], places[name][0][places[name][1]]) for name in wanted]
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    try:
        for name, tensor in wanted.items():
            table, key = places[name]
            table[key] = tensor
        return module(*positional, **(kwargs or {}))
    finally:
        for (table, key), own in before:
            table[key] = own


def _joined(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    joined: dict[str, Tensor] = {}
    for one in dicts:
        for name, tensor in one.items():
            if name in joined:
                raise ValueError(
                    f"{name} appears in multiple dictionaries; behavior of "
                    "functional call is ambiguous"
                )
            joined[name] = tensor
    return joined


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """For each path of a parameter or buffer, the table and the key where it stands."""
    found = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for table in (owner._parameters, owner._buffers):
            for key, value in table.items():
                if value is not None:
                    found[f"{path}.{key}" if path else key] = (table, key)
    return found


def _with_ties(places: dict[str, Any], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors at all paths that have the same tensor of the module."""
    by_tensor: dict[int, Tensor] = {}
    for name, tensor in given.items():
        table, key = places[name]
        if by_tensor.setdefault(id(table[key]), tensor) is not tensor:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(given)}, which are tied. "
                "Consider using tie_weights=False"
            )
    tied = {name: by_tensor.get(id(table[key])) for name, (table, key) in places.items()}
    return {name: tensor for name, tensor in tied.items() if tensor is not None}


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and buffers of several modules of one kind, each stacked along a new first
    dimension, for ``vmap`` over :func:`functional_call`.

    Raises
    ------
    RuntimeError
        There is no module, or they differ in class or mode.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    every = [dict(m.named_parameters()) for m in models]
    parameters = {}
    for name, first in every[0].items():
        values = stack([own[name].detach() for own in every])
        parameters[name] = values.requires_grad_(first.requires_grad)
    states = [dict(m.named_buffers()) for m in models]
    return parameters, {k: stack([own[k] for own in states]) for k in states[0]}
