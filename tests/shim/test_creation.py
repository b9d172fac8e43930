"""Making tensors, their attributes and conversions, and the texts of errors, beside PyTorch."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours

pytestmark = pytest.mark.oracle("torch")

SHOWN = r"""
torch.compile(torch.sin, backend="eager")(torch.zeros(2))
torch.Tensor([1, 2])
torch.Tensor(2, 3).shape
torch.FloatTensor([1, 2])
torch.LongTensor([1.0, 2.0])
torch.DoubleTensor([1])
torch.BoolTensor([1, 0])
torch.asarray([1, 2])
torch.asarray(np.ones(2))
torch.scalar_tensor(3)
torch.frombuffer(bytearray(b"\x01\x02"), dtype=torch.uint8)
torch.tensor([[1, 2], [3, 4]]).to(torch.float32)
torch.tensor(np.float32(3))
torch.tensor([np.float64(1)])
torch.tensor([torch.tensor(1.0), torch.tensor(2.0)])
torch.tensor([1, 2.5, True])
torch.tensor([1j, 2])
torch.tensor([])
torch.tensor(3, dtype=torch.float16)
torch.as_tensor(np.arange(3))
torch.zeros(2, 3, dtype=torch.int64)
torch.zeros((2, 3))
torch.zeros([])
torch.zeros(torch.Size([2]))
torch.ones(2, requires_grad=True)
torch.full((2, 2), 1.5)
torch.full((2,), 3, dtype=torch.float64)
torch.full((), True)
torch.eye(3, 2)
torch.arange(5)
torch.arange(1, 2, 0.3)
torch.arange(5, 0, -2)
torch.arange(0, 1, 0.1, dtype=torch.float64)
torch.linspace(0, 1, 5)
torch.linspace(0, 10, 5, dtype=torch.int64)
torch.linspace(0, 1, 1)
torch.logspace(0, 2, 3)
torch.logspace(0, 2, 3, base=2)
torch.empty(2, 3).shape
torch.empty_like(torch.ones(2, dtype=torch.int32)).dtype
torch.complex(torch.ones(2), torch.zeros(2))
torch.hann_window(5)
torch.hann_window(5, periodic=False)
torch.hamming_window(6)
torch.bartlett_window(5)
torch.kaiser_window(5)
torch.hann_window(1)
torch.finfo(torch.float32)
torch.finfo(torch.float64).eps
torch.finfo(torch.float16).max
torch.finfo().tiny
torch.iinfo(torch.uint8).max
torch.promote_types(torch.int8, torch.uint8)
torch.promote_types(torch.float16, torch.int64)
torch.result_type(torch.ones(2, dtype=torch.int64), 2.0)
torch.can_cast(torch.float32, torch.int64)
torch.can_cast(torch.int64, torch.float16)
torch.Size([2, 3]).numel()
torch.Size([2, 3])[1:]
torch.Size([2]) + torch.Size([3])
repr(torch.Size([2, 3]))
isinstance(torch.Size([2, 3]), tuple)
torch.device("cpu")
torch.ones(2).device
torch.ones(2).layout
torch.strided
torch.contiguous_format
torch.ones(2).is_cuda
torch.cuda.is_available()
torch.get_default_dtype()
torch.float
torch.int
torch.typename(torch.ones(2))
torch.numel(torch.ones(2, 3))
torch.rand(2, 3).shape
torch.randn((2, 3), dtype=torch.float64).dtype
torch.randn(2, dtype=torch.complex64).dtype
torch.randint(3, (2, 2)).dtype
torch.randint(2, 5, (3,), dtype=torch.int32).dtype
torch.randint(0, 5, (3,)).max() < 5
torch.randperm(5).sort().values
torch.normal(0.0, 1.0, (2, 3)).shape
torch.normal(torch.zeros(3), torch.ones(3)).shape
torch.normal(torch.zeros(3), 1.0).dtype
torch.normal(2.0, torch.zeros(3))
torch.bernoulli(torch.ones(3))
torch.poisson(torch.zeros(3))
torch.multinomial(torch.tensor([0.0, 1.0]), 3, replacement=True)
torch.multinomial(torch.tensor([0.5, 0.5]), 2).sort().values
torch.ones(3).uniform_(2, 2)
torch.ones(3).normal_(1, 0)
torch.ones(3).exponential_().shape
torch.ones(3).bernoulli_(1.0)
torch.ones(3).random_(1)
torch.ones(3, dtype=torch.int64).random_(2, 3)
torch.rand_like(torch.ones(2, 2)).shape
torch.randint_like(torch.ones(2), 1, 2)
torch.pi
torch.inf
torch.ones(2).numpy()
np.asarray(torch.ones(2))
torch.from_numpy(np.ones(2, dtype=np.float32))
torch.from_dlpack(np.ones(2))
torch.utils.dlpack.from_dlpack(torch.ones(2))
np.from_dlpack(torch.ones(2))
torch.ones(2).tolist()
torch.ones(2, 2).storage_offset()
torch.ones(3)[1:].storage_offset()
1.0 in torch.ones(2)
len(torch.ones(3, 2))
float(torch.tensor(2.5))
int(torch.tensor(2.7))
bool(torch.tensor([1]))
complex(torch.tensor(1 + 2j))
[1, 2, 3][torch.tensor(1)]
format(torch.tensor(1.23456), ".2f")
f"{torch.tensor(3)}"
str(torch.ones(2, requires_grad=True) * 2)
abs(torch.tensor(-1))
torch.tensor(3) // 2
reversed(torch.arange(3))
list(torch.arange(3))
torch.arange(3).__len__()
hash(torch.ones(1)) != 0
torch.ones(2).is_leaf
torch.ones(2).grad
torch.ones(2).requires_grad
(torch.ones(2, requires_grad=True) * 2).output_nr
torch.ones(2).data
torch.ones(2).type(torch.int64)
torch.ones(2).type("torch.DoubleTensor")
torch.ones(2).to(torch.float64, copy=True)
torch.ones(2).to(dtype=torch.int32, device="cpu", non_blocking=True)
""".strip().split("\n")

REFUSED = """
torch.tensor("a")
torch.ones(2, dtype=torch.int64, requires_grad=True)
torch.finfo(torch.int32)
torch.iinfo(torch.float32)
torch.multinomial(torch.tensor([0.5, 0.5]), 3)
torch.ones(2) in [1]
round(torch.tensor(1.6))
divmod(torch.tensor(7), 3)
torch.ones(2, 3).sum(5)
torch.ones(2, 3).view(4)
torch.ones(2, 3) + torch.ones(4)
torch.ones(2) @ torch.ones(3)
torch.ones(2, 3).mm(torch.ones(2, 3))
torch.ones(2, 3)[5]
torch.ones(2)[1.0]
torch.ones(2, 3).gather(0, torch.tensor([1]))
torch.ones(2, 3).index_select(0, torch.tensor([5]))
torch.ones(2).long().sqrt_()
torch.stack([torch.ones(2), torch.ones(3)])
torch.cat([torch.ones(2, 2), torch.ones(3, 3)])
torch.ones(2).reshape(3)
torch.ones(2).expand(3)
torch.ones(2, 2).squeeze(4)
torch.ones(2).unsqueeze(4)
torch.ones(2).permute(0, 1)
torch.ones(2).transpose(0, 1)
torch.ones(2).split(0)
torch.ones(2).chunk(0)
torch.linalg.inv(torch.ones(2, 3))
torch.where(torch.ones(2), 1.0, 2.0)
torch.ones(2).masked_fill(torch.ones(2), 1)
torch.ones(2).clamp()
torch.ones(2).item()
torch.ones(2).softmax(3)
torch.ones(2).argmax(3)
torch.ones(2).topk(5)
torch.ones(2).kthvalue(5)
torch.zeros(0).max()
torch.zeros(0).argmax()
torch.ones(2, 2).repeat(2)
torch.ones(2).requires_grad_().numpy()
torch.ones(2).long().requires_grad_()
torch.ones(2).backward()
torch.ones(2) < "a"
torch.ones(2) + "a"
torch.ones(2) + None
torch.manual_seed("a")
torch.set_default_dtype(torch.int64)
""".strip().split("\n")


def result(torch: Any, source: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of types of old and of views
        return eval(source, {"torch": torch, "np": np})


@pytest.mark.parametrize("source", SHOWN)
def test_results_look_the_same(source: str) -> None:
    import torch

    assert repr(result(ours, source)) == repr(result(torch, source))


@pytest.mark.parametrize("source", REFUSED)
def test_errors(source: str) -> None:
    """The class of the error and the start of its text."""
    import torch

    messages = []
    for library in (torch, ours):
        with pytest.raises(Exception) as error:  # noqa: B017, PT011
            result(library, source)
        messages.append((type(error.value).__name__, str(error.value)[:25]))
    assert messages[0] == messages[1]


def test_several_results_print_and_pickle() -> None:
    found = ours.tensor([[1.0, 3.0], [2.0, 0.0]]).max(1)
    assert repr(found) == (
        "torch.return_types.max(\nvalues=tensor([3., 2.]),\nindices=tensor([1, 0]))"
    )
    values, indices = pickle.loads(pickle.dumps(found))
    assert values.tolist() == [3.0, 2.0] and indices.tolist() == [1, 0]
    assert isinstance(found, ours.return_types.max) and found.values is found[0]
