"""Traced arrays beside Python and NumPy: operators, methods, attributes, and what they refuse."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy._core.overrides import array_function_dispatch

import functrans as ft
import functrans.numpy as fnp
from functrans.core.array import UFUNCS
from functrans.core.errors import (
    ConversionError,
    InPlaceError,
    LeakedArrayError,
    MissingRuleError,
    PlainArrayError,
)
from functrans.testing import check_grads

X = np.array([0.5, -1.25, 2.0])
A = np.array([[0.51, -1.23, 2.04], [1.52, 0.77, -0.36]])
THREE_WAYS = ("grad", "vmap", "make_graph")


def traced(f: Any, x: Any = X) -> Any:
    """The value of ``f(x)`` computed on a traced array."""
    return ft.vjp(f, x)[0]


def inside(way: str, f: Any, x: Any = X) -> None:
    """Run `f` on a traced array of one of the transforms, for what it raises."""
    if way == "grad":
        ft.vjp(lambda x: np.sum(f(x) * x), x)
    elif way == "vmap":
        ft.vmap(f)(np.stack([x, x]))
    else:
        ft.make_graph(f)(x)


# Operators

BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
]
OPERANDS = [3.0, 2, True, np.float64(1.5), np.float32(0.75), np.int64(2), np.array([1.5, 0.5, 2.0]),
            np.array([[1.0], [2.0]]), np.array(2.0), [1.5, 0.5, 2.0], (1.0, 2.0, 3.0)]  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", OPERANDS, ids=lambda o: f"{type(o).__name__} {np.shape(o)}")
@pytest.mark.parametrize("x", [np.abs(X) + 0.13, np.float64(1.73)], ids=["array", "scalar"])
def test_operator_on_both_sides(name: str, other: Any, x: Any) -> None:
    """Value, dtype and shape are NumPy's, with the traced array on the left and on the right."""
    op = getattr(operator, name)
    for f in (lambda x: op(x, other), lambda x: op(other, x)):
        if isinstance(other, list | tuple) and np.ndim(x) == 0:
            continue  # a NumPy scalar repeats a list, which is no arithmetic
        found, expected = np.asarray(traced(f, x)), np.asarray(f(x))
        assert found.dtype == expected.dtype
        # Powers of NumPy's scalars are the C library's, those of its arrays are not.
        np.testing.assert_allclose(found, expected, rtol=1e-15 if name == "pow" else 0)
        if name not in ("lt", "le", "gt", "ge", "eq", "ne"):
            check_grads(f, (x,))


def test_operators_of_integers_and_bools() -> None:
    """Bit operators and shifts pass integers through, reflected ones too."""
    n = np.array([5, 6, 7])

    def f(n: Any, m: Any) -> Any:
        return [n & m, n | m, n ^ m, n << m, n >> m, ~n, 3 & n, 3 | n, 3 ^ n, 1 << n, 900 >> n,
                n // m, n % m, divmod(n, m), divmod(50, n), abs(-n), +n, -n]  # fmt: skip

    found = ft.make_graph(f)(n, np.array([1, 2, 3]))(n, np.array([1, 2, 3]))
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(f(n, np.array([1, 2, 3]))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_unary_and_matrix_operators() -> None:
    check_grads(lambda x: (-x, +x, abs(x), divmod(x, 0.7)), (X,))
    check_grads(lambda x, y: (x @ y.T, x.T @ [[1.0], [2.0]], [1.0, 2.0] @ x), (A, A[::-1] + 1.0))


@pytest.mark.parametrize("exponent", [2, 2.0, 1, 1.0, 0.5, -1, -1.0, 0, 3, 1.5, -2])
@pytest.mark.parametrize("dtype", [float, np.float32, complex])
def test_power_is_exactly_numpys(exponent: Any, dtype: Any) -> None:
    x = np.abs(np.random.default_rng(0).normal(size=200)).astype(dtype) + dtype(0.1)
    found = traced(lambda x: x**exponent, x)
    assert found.dtype == (x**exponent).dtype
    np.testing.assert_array_equal(found, x**exponent)


def test_power_takes_the_fast_function() -> None:
    graph = str(ft.make_graph(lambda x: (x**2, x**0.5, x**-1, x**3))(X))
    for name in ("square", "sqrt", "reciprocal", "power"):
        assert f"= {name}(" in graph
    assert pow(np.float64(2.0), 3.0) == traced(lambda x: pow(x, 3.0), np.float64(2.0))


def test_integer_power_keeps_integers() -> None:
    graph = ft.make_graph(lambda n: n**2)(np.array([1, 2]))
    assert graph(np.array([3, 4])).dtype == np.int64


@pytest.mark.parametrize(
    "op", [operator.add, operator.mul, operator.pow, operator.lt, operator.matmul]
)
@pytest.mark.parametrize("other", ["text", None, object, {1: 2}, b"bytes"], ids=repr)
def test_foreign_operand_is_a_type_error(op: Any, other: Any) -> None:
    for f in (lambda x: op(x, other), lambda x: op(other, x)):
        with pytest.raises(TypeError):
            traced(f)


def test_foreign_operand_is_asked_itself() -> None:
    """An operand of another library gets its turn, as it does beside an ndarray that gives way."""

    class Ruler:
        def __rmul__(self, other: Any) -> str:
            return f"ruler times {type(other).__name__}"

    seen = []
    traced(lambda x: seen.append(x * Ruler()) or x)
    assert seen == ["ruler times ReverseArray"]


def test_text_in_a_list_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="must be numeric"):
        traced(lambda x: x * ["a", "b", "c"])
    with pytest.raises(TypeError, match=r"dtype <U1.*test_traced_array.py"):
        traced(lambda x: np.add(x, ["a", "b", "c"]))


def test_list_of_traced_arrays_beside_a_traced_array() -> None:
    check_grads(lambda x: x * [x, [1.0, 2.0, 3.0]], (X,))


# In-place operations


@pytest.mark.parametrize("way", THREE_WAYS)
@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%", "**"])
def test_in_place_operator_of_an_array(way: str, sign: str) -> None:
    """``y += 2`` is seen under the other name too, and by no caller."""
    f: dict[str, Any] = {}
    exec(compile(f"def f(x):\n    y = x\n    y {sign}= 2.0\n    return x", "user.py", "exec"), f)
    x = np.array([0.7, 1.9, 3.1])
    before = x.copy()
    inside(way, f["f"])
    out, _ = ft.vjp(f["f"], x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(out, f["f"](x))


@pytest.mark.parametrize("way", THREE_WAYS)
def test_in_place_operator_of_a_scalar_rebinds(way: str) -> None:
    """NumPy scalars and Python numbers are immutable: a running total is written with +=."""

    def f(x: Any) -> Any:
        total = 0.0
        for i in range(3):
            total += x[i] ** 2
            total *= 2.0
        return total * x

    inside(way, f)
    check_grads(f, (X,))


def test_in_place_operator_of_a_0d_array() -> None:
    """A 0-d ndarray is mutable, unlike a scalar."""

    def f(x: Any) -> Any:
        x += 1.0
        return x

    assert ft.grad(f)(2.0) == 1.0
    assert ft.grad(f)(np.float64(2.0)) == 1.0
    x = np.array(2.0)
    out, pullback = ft.vjp(f, x)
    assert (out, x, pullback(1.0)[0]) == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("way", THREE_WAYS)
@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda x: np.add(x, 1.0, out=np.zeros(3)), "zeros_like"),
        (lambda x: operator.iadd(np.zeros(3), x), "zeros_like"),
        (lambda x: np.sum(x, out=np.zeros(())), "zeros_like"),
        (lambda x: x.cumsum(out=np.zeros(3)), "zeros_like"),
        (lambda x: x.resize(4), r"x = numpy.resize\(x, shape\)"),
        (lambda x: x.setflags(write=False), "always be written to"),
        (lambda x: setattr(x, "T", 1.0), "new array"),
    ],
)
def test_change_in_place_is_refused(way: str, change: Any, remedy: str) -> None:
    with pytest.raises(InPlaceError, match=remedy) as error:
        inside(way, lambda x: (change(x), x)[1])
    assert "test_traced_array.py" in str(error.value)


@pytest.mark.parametrize("way", THREE_WAYS)
def test_assignment_into_a_plain_array(way: str) -> None:
    def f(x: Any) -> Any:
        buffer = np.zeros(3)
        buffer[0] = x[0]
        return buffer * x

    with pytest.raises(PlainArrayError, match=r"test_traced_array.py:\d+ in f.*numpy\.zeros_like"):
        inside(way, f)
    with pytest.raises(ConversionError, match="test_traced_array.py"):
        inside(way, lambda x: operator.setitem(np.zeros(3), slice(None), x))


# Methods and attributes

METHODS = [
    "T", "__copy__()", "__getitem__((slice(None), 1))", "__matmul__(np.ones((3, 1)))",
    "all() * x", "any(0) * x", "argmax(1)[:, None] * x", "argmin() * x",
    "argpartition(0)[:, :1] * x", "argsort(1) * x", "astype(np.float32)", "clip(-0.1)",
    "clip(-0.5, 1.0)", "clip(max=1.0)", "compress([True, False], axis=0)", "conj()",
    "conjugate()", "copy()", "cumprod(0)", "cumsum(1)", "diagonal(1)", "dot(np.ones(3))",
    "flatten()", "imag + x", "mT", "max()", "mean(0)", "min(axis=1)", "prod(1)", "ravel('F')",
    "ravel()", "real", "repeat(2, axis=1)", "reshape((3, -1))", "reshape(3, 2)",
    "reshape(6, order='F')", "round(1) * x", "squeeze()", "std(1)", "sum(0, keepdims=True)",
    "sum(axis=0)", "swapaxes(0, 1)", "take([0, 3])", "take([1], 1)", "to_device('cpu')",
    "trace()", "transpose((0, 1))", "transpose()", "transpose(1, 0)", "var(0, ddof=1)",
]  # fmt: skip


@pytest.mark.parametrize("expression", METHODS)
def test_method(expression: str) -> None:
    """Value, dtype and shape of every method are ndarray's, and its derivatives are right."""
    f = eval(f"lambda x: x.{expression}", {"np": np})
    found, expected = np.asarray(traced(f, A)), np.asarray(f(A))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    if "float32" not in expression:
        check_grads(f, (A,))
    for way in THREE_WAYS[1:]:
        inside(way, f, A)


def test_choose_and_searchsorted_methods() -> None:
    choose = lambda i, x: i.choose([x, 2 * x], mode="clip")  # noqa: E731
    graph = ft.make_graph(choose)(np.array([0, 1, 1]), X)
    np.testing.assert_array_equal(graph(np.array([0, 1, 1]), X), np.where([1, 0, 0], X, 2 * X))
    s = np.sort(X)
    found = ft.make_graph(lambda s: s.searchsorted([0.6, 9.0]))(s)(s)
    np.testing.assert_array_equal(found, s.searchsorted([0.6, 9.0]))
    with pytest.raises(ConversionError, match=r"test_traced_array.py.*mode='clip'"):
        ft.make_graph(lambda i: i.choose([1.0, 2.0]))(np.array([0, 1]))
    with pytest.raises(ValueError, match="invalid entry"):
        traced(lambda x: np.choose([0, 1, 2], [x, x]))


def test_attributes() -> None:
    def f(x: Any) -> Any:
        assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.dtype(float))
        assert (x.itemsize, x.nbytes, len(x), x.device) == (8, 48, 2, "cpu")
        assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)
        assert x.__array_namespace__() is fnp
        assert not np.iscomplexobj(x) and np.isrealobj(x)
        assert np.result_type(x, np.float32(1)) == np.dtype(float)
        assert np.allclose(x, A) and not np.allclose(x, A + 1)
        assert np.array_equal(x, A) and not np.array_equal(x, A[0]) and np.array_equiv(x, A)
        assert 2.04 in x and 7.0 not in x
        assert str(np.array_repr(x)) == repr(x)
        return x

    traced(f, A)


def test_missing_attributes() -> None:
    with pytest.raises(
        AttributeError, match=r"ndarray\.ctypes is not supported inside a transform"
    ):
        traced(lambda x: x.ctypes)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'") as error:
        traced(lambda x: x.nonsense)
    assert "test_traced_array.py" in error.value.__notes__[0]
    with pytest.raises(AttributeError):
        traced(lambda x: x.ptp())


def test_iteration_and_length() -> None:
    check_grads(lambda x: [row * i for i, row in enumerate(x)], (A,))
    check_grads(lambda x: (lambda a, b: a @ b)(*x), (A,))
    for f in (len, iter, lambda x: x[0]):
        with pytest.raises((TypeError, IndexError)):
            traced(f, np.float64(1.0))


# Conversions


def test_text() -> None:
    seen: list[str] = []
    traced(lambda x: seen.extend([repr(x), str(x), f"{x}", f"{x[0]:.2f}", "%s" % x]) or x)  # noqa: UP031
    assert "vjp" in seen[0] and "0.5" in seen[0] and "float64[3]" in seen[0]
    assert seen[1] == seen[0] == seen[2] == seen[4]
    assert seen[3] == "0.50"


def test_truth_and_index_of_known_values() -> None:
    def f(x: Any) -> Any:
        assert (x[0] > 0) and not (x[1] > 0) and bool(x[0])
        return x[int(np.argmax(x))] * [1.0, 2.0][np.argmin(x)]

    assert traced(f) == 4.0
    with pytest.raises(ValueError, match="ambiguous"):
        traced(lambda x: x if x > 0 else -x)


@pytest.mark.parametrize(
    "convert",
    [
        float,
        complex,
        math.sin,
        lambda x: x.item(),
        lambda x: x.tolist(),
        np.asarray,
        lambda x: np.array([x, 1.0]),
        lambda x: [1.0, 2.0][x],
        lambda x: x.tobytes(),
        lambda x: x.view(np.int64),
        lambda x: np.full(3, x),
        lambda x: np.fromiter([x], float),
    ],
)
@pytest.mark.parametrize("way", THREE_WAYS)
def test_conversion_that_loses_the_derivative(way: str, convert: Any) -> None:
    def f(x: Any) -> Any:
        convert(x[0])
        return x

    with pytest.raises(ConversionError, match=r"test_traced_array.py:\d+ in") as error:
        inside(way, f)
    message = str(error.value)
    if "an index or a length" in message:  # x as an index of a list
        assert "int(x)" in message
    else:
        assert ("stop_gradient" in message) == (way == "grad")


@pytest.mark.parametrize("way", ["vmap", "make_graph"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nonzero(x)[0] * x,
        lambda x: np.unique(x),
        lambda x: np.flatnonzero(x > 0),
        lambda x: x[x > 0],
        lambda x: np.compress(x > 0, x),
    ],
)
def test_result_that_depends_on_unknown_values(way: str, f: Any) -> None:
    with pytest.raises(ConversionError, match="test_traced_array.py"):
        inside(way, f)


@pytest.mark.parametrize("f", [lambda x: x if x[0] > 0 else -x, lambda x: np.allclose(x, 1.0) * x])
def test_truth_of_unknown_values(f: Any) -> None:
    """A graph has no values; the lanes of a batch have, each its own."""
    with pytest.raises(ConversionError, match="test_traced_array.py"):
        inside("make_graph", f)
    batch = np.array([[1.0, 2.0], [1.0, 1.0], [-1.0, 1.0]])
    np.testing.assert_array_equal(ft.vmap(f)(batch), [f(x) for x in batch])


def test_known_values_choose_shapes() -> None:
    """Under grad alone the values are known, and shapes may depend on them."""
    f = lambda x: (x[x > 0], x[np.nonzero(x < 1)], np.compress(x > 0, x), np.argwhere(x > 1) * x[0])  # noqa: E731
    check_grads(f, (X,))


def test_copies_and_pickles() -> None:
    check_grads(lambda x: copy.copy(x) * copy.deepcopy([x])[0], (X,))
    with pytest.raises(TypeError, match="cannot be pickled"):
        traced(lambda x: pickle.dumps(x))
    with pytest.raises(TypeError, match="has no hash"):
        traced(lambda x: {x: 1})


def test_leaked_array_in_operators_and_functions() -> None:
    leaked: list[Any] = []
    ft.grad(lambda x: leaked.append(x) or x * x)(2.0)
    x = leaked[0]
    uses = (
        lambda: x + 1.0,
        lambda: 1.0 / x,
        lambda: -x,
        lambda: x**2,
        lambda: np.sin(x),
        lambda: np.sum(x),
    )
    for use in uses:
        for run in (
            use,
            lambda use=use: ft.grad(lambda y: use() * y)(1.0),
            lambda use=use: ft.make_graph(lambda y: use() * y)(1.0),
        ):
            with pytest.raises(LeakedArrayError, match="ended"):
                run()


# NumPy's protocols


def test_every_ufunc_has_a_rule() -> None:
    """All ufuncs of NumPy but those of dates run on traced arrays."""
    ufuncs = {n for n in np.__all__ if isinstance(getattr(np, n, None), np.ufunc)}
    assert {n for n in ufuncs if getattr(np, n) not in UFUNCS} == {"isnat"}


def test_missing_ufunc() -> None:
    mine = np.frompyfunc(lambda a, b: a + b, 2, 1)
    with pytest.raises(MissingRuleError, match=r"(?s)test_traced_array.py.*stop_gradient"):
        traced(lambda x: mine(x, 1.0))
    for method in (
        lambda x: mine.reduce(x),
        lambda x: mine.accumulate(x),
    ):
        with pytest.raises((MissingRuleError, InPlaceError), match="test_traced_array.py"):
            traced(method)


def test_missing_function() -> None:
    with pytest.raises(MissingRuleError, match=r"handed_over has no rule .*test_traced_array.py"):
        traced(lambda x: handed_over(x))


@array_function_dispatch(lambda x: (x,))
def handed_over(x: Any) -> Any:
    """A function that NumPy hands over to arrays of other classes, and that functrans lacks."""
    return x


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda x: np.exp(x, where=x > 0), r"where="),
        (lambda x: np.reshape(x, 3, order="A"), r"order='A'"),
        (lambda x: np.pad(x, 2, mode=lambda *a: None), r"mode=function"),
        (lambda x: np.ravel(x, order="K"), r"order='K'"),
        (lambda x: np.clip(x, 0, 1, where=x > 0), r"where="),
        (lambda x: np.sort(x, order="field"), r"order="),
    ],
)
def test_option_without_support_is_named(call: Any, option: str) -> None:
    with pytest.raises(TypeError, match=option) as error:
        traced(call)
    assert "test_traced_array.py" in str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(x, axis=5),
        lambda x: np.reshape(x, (2, 2)),
        lambda x: np.reshape(x, (-1, 2)),
        lambda x: np.transpose(x, (0, 1)),
        lambda x: np.moveaxis(x, 0, 3),
        lambda x: np.squeeze(x, 0),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: np.concatenate([]),
        lambda x: np.stack([x, np.ones(2)]),
        lambda x: np.split(x, 2),
        lambda x: np.broadcast_to(x, (2, 2)),
        lambda x: np.take(x, 7),
        lambda x: np.take(x, 0, mode="other"),
        lambda x: np.diag(np.ones((2, 2, 2)) * x[0]),
        lambda x: np.max(x[:0]),
        lambda x: np.max(x, where=x > 0),
        lambda x: np.tensordot(x, np.ones(2), 1),
        lambda x: np.cross(x, np.ones(4)),
        lambda x: np.select([x > 0], [x, x]),
        lambda x: np.searchsorted(np.ones((2, 2)) * x[0], 1.0),
        lambda x: np.gradient(x[:1]),
        lambda x: np.clip(x, 1.0),
        lambda x: np.quantile(x, 1.5),
        lambda x: fnp.array([x, x[:2]]),
        lambda x: fnp.index_update(x, 9, 1.0),
    ],
)
def test_wrong_argument_is_an_error_as_in_numpy(call: Any) -> None:
    """What NumPy refuses is refused with an error of the same class, traced or not."""
    with pytest.raises((ValueError, IndexError, TypeError)) as expected:
        call(X)
    with pytest.raises(type(expected.value)):
        traced(call)


def test_values_reach_back_through_numpys_own_functions() -> None:
    """Where NumPy does not look for traced arrays its functions refuse, and ours take them."""
    table = np.array([1.0, 4.0, 9.0])
    with pytest.raises(ConversionError):
        ft.vmap(lambda i: np.take(table, i))(np.array([0, 2]))
    np.testing.assert_array_equal(
        ft.vmap(lambda i: fnp.take(table, i))(np.array([0, 2])), [1.0, 9.0]
    )
    check_grads(lambda x: fnp.full_like(np.ones(3), x), (1.5,))
    check_grads(lambda x: fnp.interp([0.5, 9.0], [0.0, 1.0], [0.0, 2.0], right=x), (1.5,))
    np.testing.assert_array_equal(fnp.take(table, [0, 2]), [1.0, 9.0])


def test_namespace_is_numpys() -> None:
    assert fnp.sin is np.sin and fnp.pi is np.pi and fnp.float32 is np.float32
    assert fnp.newaxis is None and fnp.random is np.random
    with pytest.raises(AttributeError):
        fnp.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: np.mean(fnp.array([x, x + 2.0])), 1.0),
        (lambda x: np.var(fnp.array((x, 3 * x))), 2.0),
        (lambda x: np.max(fnp.array([[x, 2.0], [1.0, 3 * x]])), 3.0),
        (lambda x: np.append(fnp.array([1.0, x]), 2.0)[1], 1.0),
        (lambda x: np.concatenate([fnp.array([x, 1.0]), [2.0]])[0], 1.0),
        (lambda x: np.dot(fnp.array([x, 1.0]), fnp.array([3.0, x])), 4.0),
        (lambda x: fnp.interp(0.5, [0.0, 1.0], [x, 1.0]), 0.5),
    ],
)
def test_lists_of_traced_values(function: Callable[[Any], Any], expected: float) -> None:
    assert ft.grad(function)(1.0) == expected
    assert ft.jvp(function, (1.0,), (1.0,)) == (function(1.0), expected)
    np.testing.assert_array_equal(ft.vmap(function)(np.array([1.0, 1.5]))[0], function(1.0))


def test_std_and_norm_like_roots_at_zero() -> None:
    """The standard deviation of constants has derivative 0, as a minimum-norm subgradient."""
    for f in (np.std, np.nanstd, lambda x: np.std(x, where=np.ones(3, bool))):
        np.testing.assert_array_equal(ft.grad(f)(np.ones(3)), np.zeros(3))
        assert ft.jvp(f, (np.ones(3),), (X,))[1] == 0.0
    assert np.isfinite(ft.hessian(np.std)(np.ones(3))).all()


def test_nan_lanes_get_exact_zeros() -> None:
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(ft.grad(np.nansum)(x), [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(ft.grad(np.nanmax)(x), [0.0, 0.0, 1.0])
    np.testing.assert_allclose(ft.grad(np.nanvar)(x), [-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.nansum(np.log(x)))(x), [1.0, 0.0, 1 / 3.0])


def test_untraced_calls_are_numpys_own() -> None:
    """What NumPy hands over to traced arrays by itself costs nothing outside of transforms."""
    for name in ("sin", "sum", "mean", "where", "ravel", "concatenate", "einsum", "flip", "dot"):
        assert getattr(fnp, name) is getattr(np, name)
    assert fnp.linalg.solve is np.linalg.solve and fnp.fft.fft is np.fft.fft
