"""The argument ``out``: results written into tensors that are there."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import functrans.torch as torch

CALLS = """
torch.add(a, a, out=c)
torch.add(a, 2, alpha=3, out=c)
torch.sin(a, out=c)
torch.sin(torch.arange(3), out=c)
torch.sigmoid(a, out=torch.empty(0))
torch.mul(a, a, out=a)
torch.eq(a, a, out=c)
torch.sum(a, 0, out=torch.zeros(()))
torch.prod(a, 0, out=torch.zeros((), dtype=torch.float64))
torch.std(a, 0, out=torch.zeros(()))
torch.matmul(m, m, out=torch.zeros(3, 3))
torch.mm(m, m, out=torch.zeros(6, 3)[::2])
torch.addmm(m, m, m, beta=2, out=torch.zeros(3, 3))
torch.cat([a, a], out=torch.zeros(6))
torch.stack([a, a], 1, out=torch.zeros(0))
torch.clamp(a, 0, 1, out=c)
torch.where(a > 1, a, c, out=c)
torch.max(a, 0, out=(torch.zeros(()), torch.zeros((), dtype=torch.int64)))
torch.max(a, c, out=c)
torch.sort(a, descending=True, out=(c, torch.zeros(3, dtype=torch.int64)))
torch.topk(a, 2, out=(torch.zeros(2), torch.zeros(2, dtype=torch.int64)))
torch.gather(m, 0, torch.tensor([[0, 1, 2]]), out=torch.zeros(1, 3))
torch.zeros(2, out=torch.ones(2, dtype=torch.int32))
torch.full((2,), 7, out=torch.ones(2))
torch.arange(3, out=c)
torch.eye(2, out=torch.zeros(2, 2))
torch.linspace(0, 1, 3, out=c)
torch.nonzero(a, out=torch.zeros(0, dtype=torch.int64))
torch.linalg.inv(torch.eye(2), out=torch.zeros(2, 2))
torch.linalg.qr(torch.eye(2), out=(torch.zeros(2, 2), torch.zeros(2, 2)))
torch.linalg.norm(m, out=torch.zeros(()))
torch.fft.fft(a, out=torch.zeros(3, dtype=torch.complex64))
torch.special.expit(a, out=c)
torch.add(a, a, out=torch.zeros(2))
torch.add(a, a, out=torch.zeros(3, dtype=torch.int32))
torch.add(g, a, out=c)
torch.add(a, a, out=g)
torch.exp(g, out=c)
torch.eq(g, a, out=c)
""".strip().splitlines()


def outcome(library: Any, call: str) -> Any:
    values = {
        "a": library.tensor([0.5, 1.5, 2.5]),
        "c": library.zeros(3),
        "m": library.arange(9.0).reshape(3, 3),
        "g": library.tensor([1.0, 2.0, 3.0], requires_grad=True),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = eval(call, {"torch": library}, values)
        except RuntimeError as error:
            return str(error)
    outs = found if isinstance(found, tuple) else (found,)
    return [
        (str(t.dtype), tuple(t.shape), t.tolist())
        for t in (*outs, values["a"], values["c"], values["m"])
    ]


@pytest.mark.oracle("torch", "scipy")
@pytest.mark.parametrize("call", CALLS)
def test_results_as_pytorch(call: str) -> None:
    import torch as theirs

    given, expected = outcome(torch, call), outcome(theirs, call)
    assert type(given) is type(expected), (given, expected)
    if isinstance(expected, str):
        assert given == expected
        return
    for (dtype, shape, values), (their_dtype, their_shape, theirs_) in zip(
        given, expected, strict=True
    ):
        assert (dtype, shape) == (their_dtype, their_shape)
        np.testing.assert_allclose(np.array(values), np.array(theirs_), rtol=1e-6, atol=1e-6)


def test_the_tensor_itself_comes_back() -> None:
    x, c = torch.tensor([3.0, 1.0, 2.0]), torch.zeros(3)
    version = c._version
    assert torch.add(x, x, out=c) is c and c.tolist() == [6.0, 2.0, 4.0]
    assert c._version > version
    places = torch.zeros(3, dtype=torch.int64)
    found = torch.sort(x, out=(c, places))
    assert found.values is c and found.indices is places
    assert places.tolist() == [1, 2, 0]
    base = torch.zeros(4)
    torch.exp(torch.zeros(2), out=base[2:])
    assert base.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_what_cannot_be_written_to() -> None:
    x = torch.ones(3)
    with pytest.raises(TypeError, match=r"add\(\): argument 'out' must be Tensor, not int"):
        torch.add(x, x, out=3)
    with pytest.raises(TypeError, match=r"sort\(\) has 2 results, and 'out' 1 tensors"):
        torch.sort(x, out=x)
    with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
        assert torch.add(x, x, out=torch.zeros(2)).shape == (3,)
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.mul(w, 2, out=torch.zeros(3))
    with torch.no_grad():
        assert torch.mul(w, 2, out=w) is w
    assert w.tolist() == [2.0, 2.0, 2.0] and w.is_leaf and w.requires_grad
    # What was saved for a backward pass and is written to is an error there.
    y = w.exp()
    z = (y * y).sum()
    with torch.no_grad():
        torch.zeros(3, out=y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
