"""``torch.nn.utils``: gradients, vectors of parameters, and sequences of several lengths."""

from __future__ import annotations

from typing import Any as _Any

from functrans.torch.nn.utils import (
    parametrizations as parametrizations,
    parametrize as parametrize,
    rnn as rnn,
)
from functrans.torch.nn.utils.gradients import (
    clip_grad_norm_ as clip_grad_norm_,
    clip_grad_value_ as clip_grad_value_,
    clip_grads_with_norm_ as clip_grads_with_norm_,
    get_total_norm as get_total_norm,
    parameters_to_vector as parameters_to_vector,
    vector_to_parameters as vector_to_parameters,
)
from functrans.torch.nn.utils.reparametrized import (
    remove_spectral_norm as remove_spectral_norm,
    remove_weight_norm as remove_weight_norm,
    spectral_norm as spectral_norm,
    weight_norm as weight_norm,
)


def __getattr__(name: str) -> _Any:
    from functrans.torch.tensor import UnsupportedError

    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.nn.utils' has no attribute {name!r}")
    raise UnsupportedError(f"torch.nn.utils.{name} is not supported by functrans.torch")
