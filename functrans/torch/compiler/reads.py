"""What a function of tensors reads besides its arguments; its tensors are operands of programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.control.reads import Reads
from functrans.torch.random import Generator
from functrans.torch.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Hashable


class TensorReads(Reads):
    """What a function reads, as it was when this was made; tensors may have other contents.

    Attributes
    ----------
    tensors : list of Tensor
        Those that the function reads, parameters and buffers of modules among them, in the order in
        which they are met: functions with equal keys read them in the same places.
    generators : list of Generator
        Those that it may draw from.
    """

    def __init__(self, function: Any) -> None:
        self.tensors: list[Tensor] = []
        self.generators: list[Generator] = []
        super().__init__(function)

    def _walk(self, value: Any, what: str) -> Hashable:
        if isinstance(value, Tensor | Generator):
            if id(value) not in self._seen:
                self._seen[id(value)] = len(self._seen)
                if isinstance(value, Tensor):
                    self.tensors.append(value)
                else:
                    self.generators.append(value)
            return type(value), self._seen[id(value)]
        return super()._walk(value, what)
