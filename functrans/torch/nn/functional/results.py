"""Between the tensors of the shim and the arrays that functrans.nn takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.torch.engine import EngineArray
from functrans.torch.inplace import written
from functrans.torch.tensor import Tensor, wrap


def named(array: Any, name: str) -> Tensor:
    """The tensor of a result, whose node has the name that PyTorch gives it."""
    if type(array) is EngineArray and array.index is not None:
        array.index.node.name = name
    return wrap(array)


def finished(input: Tensor, array: Any, inplace: bool, name: str) -> Tensor:
    """The tensor of a result, or the input with the result written into it."""
    result = named(array, name)
    return written(input, result) if inplace else result


def own_copy(x: Any) -> Any:
    """Integers as a plain array of their own: they can be looked at, and what is written to the
    tensor afterwards does not reach the graph. Within a transform, the traced array."""
    array = x.array if isinstance(x, Tensor) else x
    return array.value.copy() if type(array) is EngineArray else array


def array_or_none(x: Any) -> Any:
    """The array of a tensor that may be left out."""
    return x.array if isinstance(x, Tensor) else x


def computed(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a function of functrans.nn returns; where shapes do not fit PyTorch raises
    RuntimeError, with the text of the function."""
    try:
        return function(*args, **options)
    except ValueError as error:
        raise RuntimeError(str(error)) from None
