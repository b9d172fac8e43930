"""Convolutions of generated code, and their transposes, against those of the rule book."""

import ctypes
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.code.builder import Builder, Module
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.kernels.convolutions import convolve
from functrans.compile.llvm.kernels.windows import convolution_of, memory_of
from functrans.compile.llvm.plans.calls import CONVOLUTIONS
from functrans.compile.llvm.segment import Segment, supported
from functrans.core.primitive import REGISTRY
from functrans.core.types import type_of
from functrans.nn.convolution import conv2d
from tests.llvm.native import carried_out, staged

SAMPLES = [
    pytest.param(name, sample, id=f"{name}-{i}")
    for name in CONVOLUTIONS
    for i, sample in enumerate(REGISTRY[name].samples())
]


def value(name: str, xs: Any, params: Any) -> Any:
    """What native code computes; None where there is none."""
    expected = REGISTRY[name].impl(*xs, **params)
    kind = type_of(expected)
    found = convolution_of(name, [type_of(x) for x in xs], kind, params)
    if found is None:
        return None
    module = Module()
    builder = Builder(module, "run", "void", ["ptr"] * 4)
    convolve(builder, found, *builder.operands)
    builder.finish()
    address = load(module.text(), ["run"], verify=True)["run"]
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)
    around = np.full(kind.size + 64, np.nan, kind.dtype)
    memory = np.full(memory_of(found) + 128, 0xFF, np.uint8)
    size = memory_of(found)
    run(*[x.ctypes.data for x in xs], around[32:].ctypes.data, memory.ctypes.data)
    assert np.isnan(around[:32]).all() and np.isnan(around[-32:]).all()
    assert (memory[size:] == 0xFF).all()
    return around[32:-32].reshape(kind.shape), expected


def compare(name: str, xs: Any, params: Any) -> None:
    xs = [np.ascontiguousarray(x) for x in xs]
    found = value(name, xs, params)
    assert found is not None
    out, expected = found
    eps = np.finfo(out.dtype).eps * 50
    np.testing.assert_allclose(out, expected, rtol=eps, atol=eps * np.max(abs(expected)) * 10)


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_samples(name: str, sample: Any) -> None:
    """Every sample of the rule book, or a reason to leave it to NumPy."""
    xs = [np.ascontiguousarray(x) for x in sample.args]
    real = all(x.dtype.kind == "f" for x in xs) and xs[0].dtype == xs[1].dtype
    alone = sample.label == "a channel a group"
    if real and not alone and all(x.size for x in xs):
        compare(name, xs, sample.params)
    else:
        assert value(name, xs, sample.params) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("x", "w", "more"),
    [
        ((3, 70, 9, 8), (40, 70, 3, 3), {"padding": ((1, 1), (1, 1))}),  # sums in several blocks
        ((9, 3, 11, 11), (5, 3, 3, 3), {"stride": (2, 2), "padding": ((1, 1), (1, 1))}),
        ((2, 30, 2, 2), (33, 30, 3, 3), {"padding": ((1, 1), (1, 1))}),  # few positions
        ((2, 12, 20, 9), (8, 6, 5, 1), {"groups": 2, "stride": (3, 1), "dilation": (2, 1)}),
        ((40, 17, 5, 5), (20, 17, 1, 1), {}),
        ((2, 4, 30), (6, 4, 7), {"stride": (4,), "padding": ((3, 2),), "dilation": (1,)}),
    ],
)
def test_blocks(x: Any, w: Any, more: Any, dtype: Any) -> None:
    """More than a panel's channels and positions, phases, and ends of all of them."""
    axes = len(x) - 2
    plain = {
        "stride": (1,) * axes,
        "padding": ((0, 0),) * axes,
        "dilation": (1,) * axes,
        "groups": 1,
    }
    params = {**plain, **more}
    rng = np.random.default_rng(0)
    x, w = (rng.uniform(-1, 1, shape).astype(dtype) for shape in (x, w))
    g = REGISTRY["convolution"].impl(x, w, **params)
    g = rng.uniform(-1, 1, g.shape).astype(dtype)
    compare("convolution", [x, w], params)
    compare("convolution_input", [g, w], {**params, "size": x.shape[2:]})
    compare("convolution_weight", [g, x], {**params, "kernel": w.shape[2:]})


def test_network() -> None:
    """A network of two layers forward and backward in one native function, on several threads."""
    rng = np.random.default_rng(0)
    x, v, w = (rng.normal(size=n) for n in ((5, 3, 20, 20), (16, 3, 3, 3), (32, 16, 3, 3)))

    def loss(v: Any, w: Any, x: Any) -> Any:
        h = np.maximum(conv2d(x, v, stride=2, padding=1), 0.0)
        return np.sum(conv2d(h, w, padding=1)[:, ::2] ** 2)

    graph, values = staged(ft.grad(loss, (0, 1, 2)), v, w, x)
    assert all([supported(equation, False) for equation in graph.equations]), graph
    assert not all([supported(equation, True) for equation in graph.equations])
    assert "functrans_parallel" in Segment(graph).text
    expected = graph.evaluate(values)
    before = ft.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            ft.set_num_threads(count)
            results.append(carried_out(graph, *values))
    finally:
        ft.set_num_threads(before)
    for one, two, right in zip(*results, expected, strict=True):
        assert np.array_equal(one, two)
        np.testing.assert_allclose(one, right, rtol=1e-11, atol=1e-11 * np.max(abs(right)))
