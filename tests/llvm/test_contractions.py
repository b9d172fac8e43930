"""Operations of the rule book as matrix products."""

import ctypes
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.code.blas import blas
from functrans.compile.llvm.code.builder import Builder, Module
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.kernels.contractions import contraction
from functrans.compile.llvm.kernels.products import multiply_matrices, room_of
from functrans.compile.llvm.kernels.tiling import supported
from functrans.core.primitive import REGISTRY
from functrans.graph.graph import Equation

NAMES = ["affine", "dot", "einsum", "matmul", "tensordot"]
NOT_PRODUCTS = {
    "ab,c->a": "axes of one operand alone are summed",
    "ab->": "one operand",
    "ab,ba->a": "sums across the rows of the second",
    "a,a->": "a stretched axis is summed",
    "aa->a": "a diagonal",
    "aab->ba": "a diagonal",
    "aa->": "a diagonal",
    "aa,a->a": "a diagonal",
    "aa,ab,b->b": "three operands",
    "ab,bc,cd->ad": "three operands",
    "ab,a,cb,c->ab": "four operands",
    "a,a,a,a->a": "four operands",
    "((0, 2), (1, 0))": "two axes are summed, in another order in each operand",
    "((2, 0, 1), (0, 1, 2))": "three of that kind",
}


def equation_of(f: Any, *xs: Any) -> Equation:
    (equation,) = ft.make_graph(f)(*xs).equations
    return equation


def value(equation: Equation, xs: Any, strides: Any = None) -> Any:
    """What native code makes of an equation; None where it is no product."""
    found = contraction(equation, strides)
    if found is None or not supported(found.product):
        return None
    out = np.full(equation.outputs[0].type.shape, np.nan, equation.outputs[0].type.dtype)
    module = Module()
    builder = Builder(module, "run", "void", ["ptr"] * 4)
    a, b, result, memory = builder.operands
    multiply_matrices(builder, found.product, a, b, result, memory)
    builder.finish()
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(load(module.text(), ["run"])["run"])
    room = np.empty(room_of(found.product), np.uint8)
    run(*[x.ctypes.data for x in (xs[found.a], xs[found.b], out, room)])
    if found.bias is not None:
        out += xs[found.bias]
    return out


SAMPLES = [
    pytest.param(name, sample, id=f"{name}-{i}")
    for name in NAMES
    for i, sample in enumerate(REGISTRY[name].samples())
]


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_samples(name: str, sample: Any) -> None:
    """Every sample of the contractions: a product with NumPy's values, or one left to NumPy."""
    xs = [np.array(x, order="C") for x in sample.args]
    call, impl = REGISTRY[name].call, REGISTRY[name].impl
    equation = equation_of(lambda *xs: call(*xs, **sample.params), *xs)
    expected = impl(*xs, **sample.params)
    result = value(equation, xs)
    if result is None:
        mixed = len({x.dtype for x in xs}) > 1
        unknown = expected.dtype.kind == "c" and blas() is None
        key = sample.params.get("subscripts") or str(sample.params.get("axes"))
        assert mixed or unknown or key in NOT_PRODUCTS, key
    else:
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ab,bc->ac", ((3, 4), (4, 5))),
        ("ba,bc->ac", ((4, 3), (4, 5))),
        ("ab,cb->ca", ((3, 4), (5, 4))),
        ("nab,nbc->nac", ((2, 3, 4), (2, 4, 5))),
        ("nab,bc->nac", ((2, 3, 4), (4, 5))),
        ("bhqd,bhkd->bhqk", ((2, 3, 4, 5), (2, 3, 6, 5))),
        ("bqhd,bkhd->bhqk", ((2, 4, 3, 5), (2, 6, 3, 5))),
        ("bhqk,bkhd->bqhd", ((2, 3, 4, 6), (2, 6, 3, 5))),
        ("nab,ncb->nac", ((2, 3, 4), (2, 5, 4))),
        ("abc,bcd->ad", ((2, 3, 4), (3, 4, 5))),
        ("abc,d->abcd", ((2, 3, 4), (5,))),
        ("a,b->ba", ((3,), (4,))),
        ("na,na->n", ((3, 4), (3, 4))),
        ("a,a->", ((4,), (4,))),
        ("aib,ci->acb", ((2, 3, 4), (5, 3))),
    ],
)
def test_named_axes(subscripts: str, shapes: Any) -> None:
    """Axes in any order are products without a copy."""
    xs = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    result = value(equation_of(lambda x, y: np.einsum(subscripts, x, y), *xs), xs)
    assert result is not None
    np.testing.assert_allclose(result, np.einsum(subscripts, *xs), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("subscripts", ["abc,cbd->ad", "nab,nbc->acn", "aab,bc->ac", "ab,c->a"])
def test_what_is_none(subscripts: str) -> None:
    """Sums over axes in two orders, a batch along the last axis, diagonals, sums of one operand."""
    terms, _ = subscripts.split("->")
    xs = [
        np.ones([{"a": 2, "n": 2, "b": 3, "c": 4, "d": 5}[x] for x in t]) for t in terms.split(",")
    ]
    assert contraction(equation_of(lambda x, y: np.einsum(subscripts, x, y), *xs)) is None


def test_operands_in_another_order() -> None:
    """The distances of an operand that is a transpose, or repeats, are taken as they are."""
    x, y = np.random.default_rng(0).normal(size=(2, 6, 6))
    equation = equation_of(np.matmul, x, y)
    result = value(equation, [x, y], {0: (1, 6), 1: (0, 1)})
    np.testing.assert_allclose(result, x.T @ np.broadcast_to(y[0], (6, 6)), rtol=1e-12, atol=1e-14)


def test_sums_side_by_side_are_no_products() -> None:
    """Products of one element each, whose sums run across rows, are better left to loops."""
    x = np.ones((4, 5))
    across = equation_of(lambda x: np.einsum("ab,ab->b", x, x), x)
    along = equation_of(lambda x: np.einsum("ab,ab->a", x, x), x)
    found = [contraction(equation) for equation in (across, along)]
    assert [supported(f.product) for f in found if f is not None] == [False, True]


def test_mixed_dtypes_are_none() -> None:
    """A cast comes first, which is no part of a product."""
    assert contraction(equation_of(np.matmul, np.ones((2, 2), "f4"), np.ones((2, 2)))) is None
    assert contraction(equation_of(np.sin, np.ones((2, 2)))) is None
