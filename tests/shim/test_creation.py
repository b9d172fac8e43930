"""Making tensors: what the numbers become."""

from __future__ import annotations

import functrans.torch as torch


def test_numbers_are_rounded_once() -> None:
    """To the dtype that is asked for, not to the default dtype on the way."""
    assert torch.tensor(0.1, dtype=torch.float64).item() == 0.1
    assert torch.tensor([[0.1, 1e300]], dtype=torch.double).tolist() == [[0.1, 1e300]]
    assert torch.as_tensor([0.1], dtype=torch.float64).tolist() == [0.1]
    assert torch.tensor([0.1j], dtype=torch.complex128).tolist() == [0.1j]
    assert torch.tensor(0.1).dtype is torch.float32 and torch.tensor(2).dtype is torch.int64
    assert torch.tensor([], dtype=torch.int64).dtype is torch.int64
