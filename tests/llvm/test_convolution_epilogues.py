"""Elementwise work on convolutions is part of them, with the bits that it has elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import nn
from functrans.compile.llvm.kernels.convolving import Convolving
from functrans.compile.llvm.plans.calls import Call
from functrans.compile.llvm.segment import Segment
from tests.llvm.native import carried_out, staged

RNG = np.random.default_rng(0)

LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "same": ((3, 5, 9, 7), (6, 5, 3, 3), {"padding": 1}),
    "strides": ((2, 4, 11, 10), (8, 4, 3, 3), {"stride": 2, "padding": 1}),
    "groups and dilation": ((2, 6, 12, 9), (4, 3, 3, 2), {"groups": 2, "dilation": (2, 1)}),
    "single positions": ((5, 3, 3, 3), (7, 3, 3, 3), {}),
    "one channel": ((4, 2, 5, 6), (1, 2, 3, 3), {}),
    "one image": ((1, 70, 4, 4), (33, 70, 1, 1), {}),
    "one axis": ((3, 4, 50), (6, 4, 5), {"stride": 3}),
    "three axes": ((2, 2, 4, 5, 6), (3, 2, 2, 2, 2), {}),
}


def beside(out: Any, dtype: Any) -> dict[str, Any]:
    """Operands that lie beside a result in each way."""
    images, channels, *size = out
    ones = (1,) * len(size)
    shapes = {
        "whole": out,
        "channel": (channels, *ones),
        "image": (images, channels, *ones),
        "place": tuple(size),
        "mask": (images, 1, *size),
        "line": (size[-1],),
        "single": (),
    }
    return {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


WORK: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "bias and relu": lambda y, at: np.maximum(y + at["channel"], 0),
    "residual": lambda y, at: np.maximum(y * at["channel"] + at["whole"], 0),
    "both": lambda y, at: (y, np.where(y > at["whole"], y, 0), y > at["channel"]),
    "film": lambda y, at: y * at["image"] + at["single"],
    "masks": lambda y, at: y * at["mask"] - at["place"],
    "smooth": lambda y, at: nn.gelu(y + at["channel"]),
    "line": lambda y, at: y * at["line"],
}


def operation(name: str, layer: str, dtype: Any) -> tuple[Callable[..., Any], Any, Any, Any]:
    """A convolution, or the transpose of one, its operands, and the shape of its result."""
    shape, kernel, params = LAYERS[layer]
    x, w = (RNG.normal(size=n).astype(dtype) for n in (shape, kernel))
    forward = {1: nn.conv1d, 2: nn.conv2d, 3: nn.conv3d}[len(shape) - 2]
    y = forward(x, w, **params)
    if name == "convolution":
        return lambda x, w: forward(x, w, **params), x, w, y.shape
    g = RNG.normal(size=y.shape).astype(dtype)
    return lambda g, w: ft.vjp(lambda x: forward(x, w, **params), x)[1](g)[0], g, w, x.shape


def joined(graph: Any) -> int:
    """How many convolutions have work on them as a part."""
    steps = Segment(graph).frame.plan.steps
    return sum([isinstance(s, Call) and s.epilogue is not None for s in steps])


def both_ways(monkeypatch: pytest.MonkeyPatch, f: Any, *args: Any) -> int:
    """Compare the bits with those of the same work apart, and count convolutions that have it."""
    graph, values = staged(f, *args)
    count = joined(graph)
    together = carried_out(graph, *values)
    with monkeypatch.context() as patch:
        patch.setattr(Convolving, "longest", lambda self, call: 0)
        assert not joined(graph)
        apart = carried_out(graph, *values)
    for one, other, right in zip(together, apart, graph.evaluate(values), strict=True):
        assert one.tobytes() == other.tobytes()
        eps = 300 * np.finfo(args[0].dtype).eps
        np.testing.assert_allclose(one, right, rtol=eps, atol=eps * np.max(abs(right)))
    return count


CASES = [
    pytest.param(name, layer, work, marks=[] if (i + j) % 4 == 0 else pytest.mark.slow)
    for name in ("convolution", "input")
    for i, layer in enumerate(LAYERS)
    for j, work in enumerate(WORK)
]


@pytest.mark.parametrize(("name", "layer", "work"), CASES)
def test_bits_do_not_depend_on_what_is_part_of_a_convolution(
    name: str, layer: str, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtype = np.float32 if len(layer) % 2 else np.float64
    f, a, b, shape = operation(name, layer, dtype)
    at = beside(shape, dtype)
    count = both_ways(monkeypatch, lambda a, b, at: WORK[work](f(a, b), at), a, b, at)
    forward = name == "convolution"
    across = forward and layer == "one channel" and work in ("masks", "film")  # of two images
    strided = not forward and "stride" in LAYERS[layer][2]
    short = forward and layer == "single positions"
    line = work == "line" and len(shape) > 3
    assert count == (not (line or across or strided or short))


def test_work_that_is_not_part_of_convolutions() -> None:
    x, w = RNG.normal(size=(2, 3, 8, 8)), RNG.normal(size=(4, 3, 3, 3))
    line, other = RNG.normal(size=6), RNG.normal(size=(2, 4, 6, 6))
    for f in (
        lambda x, w, line, other: nn.conv2d(x, w) * line,
        lambda x, w, line, other: nn.conv2d(x, w)[:, ::-1] + other,
        lambda x, w, line, other: np.sum(nn.conv2d(x, w) * 2.0, axis=(2, 3)),
        lambda x, w, line, other: w - ft.grad(lambda w: np.sum(nn.conv2d(x, w) * other))(w),
        lambda x, w, line, other: nn.conv2d(x, w, stride=6) * 2.0,  # runs of one position
        lambda x, w, line, other: (y := nn.conv2d(x, w) + other, np.sum(y, axis=(0, 2, 3))),
    ):
        graph, _ = staged(f, x, w, line, other)
        assert not joined(graph), graph


def test_layers_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalisation, activations and residuals forward, masks backward, channels last too."""
    rng = np.random.default_rng(3)
    x, v, w = (rng.normal(size=n) for n in ((4, 16, 16, 3), (16, 3, 3, 3), (16, 16, 3, 3)))
    scale, shift, mean, variance = rng.uniform(1, 2, (4, 16))

    def network(x: Any, v: Any, w: Any, scale: Any) -> Any:
        h = nn.conv2d(np.transpose(x, (0, 3, 1, 2)), v, padding=1)
        h = np.transpose(np.maximum(np.transpose(h, (0, 2, 3, 1)) + shift, 0), (0, 3, 1, 2))
        z = nn.conv2d(h, w, padding=1) - mean[:, None, None]
        z = z / np.sqrt(variance[:, None, None] + 1e-5) * scale[:, None, None]
        return np.maximum(z + h, 0)

    assert both_ways(monkeypatch, network, x, v, w, scale) == 2

    def loss(v: Any, w: Any, x: Any, scale: Any) -> Any:
        return np.sum(network(x, v, w, scale) ** 2)

    assert both_ways(monkeypatch, ft.value_and_grad(loss, (0, 1)), v, w, x, scale) >= 2


def test_threads_and_donated_residuals() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=n) for n in ((8, 24, 32, 32), (24, 24, 3, 3), (24, 1, 1)))
    block = ft.jit(
        lambda r, x, w, b: np.maximum(nn.conv2d(x, w, padding=1) + b, 0) + r,
        donate_argnums=0,
        backend="llvm",
    )
    right = np.maximum(nn.conv2d(x, w, padding=1) + b, 0)
    before = ft.get_num_threads()
    results = []
    try:
        for count in (1, 2, 2):
            ft.set_num_threads(count)
            results.append(block(x[::-1].copy(), x, w, b))
    finally:
        ft.set_num_threads(before)
    for result in results:
        assert result.tobytes() == results[0].tobytes()
        np.testing.assert_allclose(result, right + x[::-1], rtol=1e-10, atol=1e-10)
