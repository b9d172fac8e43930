"""The adaptive softmax as a module."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from functrans import nn as pure
from functrans.torch.nn.containers import ModuleList, Sequential
from functrans.torch.nn.functional.results import array_or_none, own_copy
from functrans.torch.nn.linear import Linear
from functrans.torch.nn.module import Module
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor, wrap

ASMoutput = namedtuple("ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probability of the right class among many, of which the rare ones lie in clusters
    with fewer features.

    Parameters
    ----------
    in_features, n_classes : int
    cutoffs : sequence of int
        Where each cluster begins; the classes are numbered from the most frequent on.
    div_value : float
        Each cluster has so many times fewer features than the one before.
    head_bias : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5])
    >>> output, loss = layer(torch.randn(3, 16), torch.tensor([0, 3, 9]))
    >>> output.shape, layer.log_prob(torch.randn(3, 16)).shape
    (torch.Size([3]), torch.Size([3, 10]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        given = list(cutoffs)
        if not given:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        whole = all(int(c) == c for c in given)
        if not whole or given != sorted(set(given)) or given[0] <= 0 or given[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*given, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            fewer = int(in_features // (div_value ** (i + 1)))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, fewer, bias=False, **made),
                    Linear(fewer, classes, bias=False, **made),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def _parts(self) -> tuple[Any, ...]:
        """Weights and cutoffs as the functions of functrans.nn take them."""
        tails = [(down.weight.array, up.weight.array) for down, up in self.tail]
        return self.head.weight.array, array_or_none(self.head.bias), tails, self.cutoffs

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        x, target = tensor_array(input_, "linear"), own_copy(target_)
        single = target_.dim() == 0
        if target_.dim() == 1:
            if input_.shape[0] != target_.shape[0]:
                raise RuntimeError(
                    "Input and target should have the same size in the batch dimension."
                )
            if input_.dim() != 2:
                raise RuntimeError(
                    "1D target tensor expects 2D input tensors, but found inputs with size "
                    f"{input_.shape}"
                )
        elif single:
            if input_.dim() != 1:
                raise RuntimeError(
                    "0D target tensor expects 1D input tensors, but found inputs with size "
                    f"{input_.shape}"
                )
            x, target = x[None], target[None]
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        try:
            found = wrap(pure.adaptive_log_likelihood(x, target, *self._parts()))
        except IndexError:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            ) from None
        loss = (-found).mean()
        return ASMoutput(found[0] if single else found, loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, shape (n, n_classes)."""
        return wrap(pure.adaptive_log_softmax(tensor_array(input, "linear"), *self._parts()))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row."""
        return self.log_prob(input).argmax(dim=1)  # type: ignore[no-any-return]
