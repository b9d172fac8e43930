"""Print what convolutions reach: ``python -m benchmarks.probes.convolutions [images]``.

The layers of a residual network on images of 64 by 64, in float32, on one thread: for output,
gradient of the input and gradient of the weights, GF/s (of all operations, those with zeros of the
padding included) of the generated code and of NumPy, by the rule book's implementation.
"""

from __future__ import annotations

import ctypes
import sys
from math import prod
from typing import Any

from benchmarks.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402

from benchmarks.probes.peak import seconds  # noqa: E402
from functrans.compile.llvm.code.builder import Builder, Module  # noqa: E402
from functrans.compile.llvm.code.engine import load  # noqa: E402
from functrans.compile.llvm.kernels.convolutions import convolve  # noqa: E402
from functrans.compile.llvm.kernels.windows import convolution_of, memory_of  # noqa: E402
from functrans.core.primitive import REGISTRY  # noqa: E402
from functrans.core.types import ArrayType  # noqa: E402

LAYERS = [
    (3, 64, 64, 7, 2),
    (64, 64, 16, 3, 1),
    (64, 128, 16, 3, 2),
    (64, 128, 16, 1, 2),
    (128, 128, 8, 3, 1),
    (256, 256, 4, 3, 1),
    (512, 512, 2, 3, 1),
]
"""Channels, outputs, size of the images, of the kernel, stride."""


def measure(name: str, x: Any, y: Any, params: dict[str, Any], work: int) -> str:
    """GF/s of generated code, and of NumPy."""
    primitive = REGISTRY[name]
    assert primitive.shape is not None
    kinds = [ArrayType(z.shape, z.dtype) for z in (x, y)]
    kind = primitive.shape(*kinds, **params)
    found = convolution_of(name, kinds, kind, params)
    assert found is not None
    module = Module()
    builder = Builder(module, "run", "void", ["ptr"] * 4)
    convolve(builder, found, *builder.operands)
    builder.finish()
    address = load(module.text(), ["run"])["run"]
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)
    out, memory = np.empty(kind.shape, kind.dtype), np.empty(memory_of(found) + 64, np.uint8)
    places = [z.ctypes.data for z in (x, y, out, memory)]
    ours = seconds(lambda: run(*places))
    theirs = seconds(lambda: primitive.impl(x, y, **params))
    return f"{work / ours / 1e9:9.1f} {work / theirs / 1e9:7.1f}"


def main(images: int) -> None:
    """Print the table."""
    print("channels outputs size kernel stride    output         input        weights")
    for channels, outputs, size, kernel, stride in LAYERS:
        half = kernel // 2
        params: dict[str, Any] = {
            "stride": (stride,) * 2,
            "padding": ((half, half),) * 2,
            "dilation": (1, 1),
            "groups": 1,
        }
        rng = np.random.default_rng(0)
        shapes = (images, channels, size, size), (outputs, channels, kernel, kernel)
        x, w = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
        g = REGISTRY["convolution"].impl(x, w, **params)
        work = 2 * g.size * prod(w.shape[1:])
        figures = [
            measure("convolution", x, w, params, work),
            measure("convolution_input", g, w, {**params, "size": (size, size)}, work),
            measure("convolution_weight", g, x, {**params, "kernel": (kernel, kernel)}, work),
        ]
        print(f"{channels:8}{outputs:8}{size:5}{kernel:7}{stride:7}", *figures, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8)
