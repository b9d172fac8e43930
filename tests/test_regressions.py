"""What once went wrong, one test for each, named after it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors


def growth(make: Callable[[int], Callable[[], Any]]) -> float:
    """How many times longer a run takes that is eight times as large (the best of three each)."""

    def seconds(n: int) -> float:
        run = make(n)
        times = []
        for _ in range(3):
            start = time.process_time()  # which other programs do not stretch
            run()
            times.append(time.process_time() - start)
        return min(times)

    return seconds(4000) / seconds(500)


def many(n: int) -> dict[str, Any]:
    return {f"k{i}": np.ones(2) for i in range(n)}


def doubled(d: dict[str, Any]) -> dict[str, Any]:
    return {key: x * 2 for key, x in d.items()}


def doubled_with_rule() -> Any:
    rule = ft.custom(doubled)
    rule.defvjp(lambda d: (doubled(d), None), lambda _, g: (doubled(g),))
    return rule


QUADRATIC: dict[str, Callable[[int], Callable[[], Any]]] = {
    "pullback of many outputs": lambda n: lambda: ft.vjp(doubled, many(n))[1](many(n)),
    "vmap over many leaves": lambda n: lambda: ft.vmap(doubled)(many(n)),
    "custom rule of many leaves": lambda n: (
        lambda: ft.jvp(doubled_with_rule(), (many(n),), (many(n),))
    ),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_time_is_linear_in_the_number_of_leaves(name: str) -> None:
    assert growth(QUADRATIC[name]) < 24  # 8 if linear, 64 if quadratic


NESTED = {"w": np.array([1.0, 2.0]), "b": None}


@pytest.mark.parametrize("transform", [ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian])
def test_none_in_an_argument_in_forward_mode(transform: Any) -> None:
    result = transform(lambda d: np.sum(d["w"] ** 2))(NESTED)
    block = result["w"]["w"] if transform is ft.hessian else result["w"]
    np.testing.assert_array_equal(block, 2 * np.eye(2) if transform is ft.hessian else [2.0, 4.0])


def test_none_in_a_tangent() -> None:
    tangent = {"w": None, "b": None}
    assert ft.jvp(lambda d: np.sum(d["w"]), (NESTED,), (tangent,))[1] == 0
    assert ft.linearize(lambda d: np.sum(d["w"]), NESTED)[1](NESTED) == 3


def test_none_in_a_cotangent_is_zero() -> None:
    _, pullback = ft.vjp(lambda x: (x * 2, 3, {"a": x}, None), 2.0)
    assert pullback((1.0, None, {"a": None}, None)) == (2.0,)


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64"])
@pytest.mark.parametrize("t", [True, 3, 1.0])
def test_a_python_number_as_tangent_takes_the_dtype_of_its_primal(dtype: str, t: Any) -> None:
    x = np.dtype(dtype).type(2)

    def same(x: Any) -> Any:
        return x

    found = (
        ft.jvp(same, (x,), (t,))[1],
        ft.linearize(same, x)[1](t),
        ft.vjp(same, x)[1](t)[0],
        ft.hvp(lambda x: np.real(x * x), (x,), (t,))[0],
    )
    assert [y.dtype for y in found] == [x.dtype] * 4
    assert found[0] == t


def test_complex_number_as_tangent_of_a_real_value() -> None:
    with pytest.raises(errors.InputTypeError, match="the tangent of argument 'x' has type weak"):
        ft.jvp(lambda x: np.sin(x), (1.0,), (1j,))


@pytest.mark.parametrize("t", ["one", np.ma.ones(())])
def test_tangent_that_is_no_plain_array(t: Any) -> None:
    with pytest.raises(errors.InputTypeError, match=f"is a {type(t).__name__}"):
        ft.jvp(np.sin, (1.0,), (t,))
    with pytest.raises(errors.InputTypeError, match=f"the cotangent is a {type(t).__name__}"):
        ft.vjp(np.sin, 1.0)[1](t)


def test_none_in_the_output_of_a_jacobian() -> None:
    for transform in (ft.jacfwd, ft.jacrev, ft.jacobian):
        matrix, nothing = transform(lambda x: (x, None))(np.ones(2))
        np.testing.assert_array_equal(matrix, np.eye(2))
        assert nothing is None


def test_integer_output_of_a_jacobian_was_silently_zero_in_forward_mode() -> None:
    for transform in (ft.jacfwd, ft.jacrev, ft.jacobian):
        with pytest.raises(
            errors.OutputTypeError, match=r"the output at \[1\] has type int64\[2\]"
        ):
            transform(lambda x: (x, np.arange(2)))(np.ones(2))


def test_jacobian_takes_the_mode_that_complex_values_need() -> None:
    z = np.array([1.0 + 2j, 3.0])
    np.testing.assert_array_equal(ft.jacobian(np.real)(z), ft.jacrev(np.real)(z))
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.jacobian(lambda x: np.sum(x) * 1j)(x), [1j, 1j, 1j])


def test_a_graph_was_run_on_another_shape_with_the_parameters_of_its_own() -> None:
    graph = ft.make_graph(np.mean)(np.ones(3))
    with pytest.raises(
        errors.InputTypeError, match=r"at \[0\] is float64\[4\], but .* float64\[3\]"
    ):
        graph(np.ones(4))  # was the sum divided by 3
    with pytest.raises(errors.InputTypeError, match=r"is float32\[3\]"):
        graph(np.ones(3, np.float32))
    with pytest.raises(errors.InputTypeError, match=r"is a str"):
        graph("abc")
    assert graph(np.ones(3)) == 1
    assert ft.make_graph(np.sin)(1.0)(np.float64(0)) == 0
    assert ft.make_graph(np.sin)(np.float32(1))(0.0) == 0


@pytest.mark.parametrize("partial", [2, 2.0, np.add])
def test_partial_that_is_a_number_or_a_ufunc_of_two_operands(partial: Any) -> None:
    """The number 2 was taken as -1."""
    with pytest.raises(errors.RegistrationError, match="it must be a Python function"):
        ft.extend.elementwise("wrong partial", lambda x: 2 * x, partial, samples=list)
    with pytest.raises(errors.RegistrationError, match="it must be a Python function"):
        ft.extend.chooser("wrong weight", lambda x: 2 * x, partial, samples=list)


def test_elementwise_primitive_of_four_operands() -> None:
    product = ft.extend.elementwise(
        "product of four",
        lambda x, y, z, w: x * y * z * w,
        lambda y, z, w: y * z * w,
        lambda x, z, w: x * z * w,
        lambda x, y, w: x * y * w,
        lambda x, y, z: x * y * z,
        samples=list,
    )
    try:
        x = np.array([1.0, 2.0])
        grads = ft.grad(lambda *xs: np.sum(product(*xs)), range(4))(x, 2.0, x, 3.0)
        np.testing.assert_array_equal(grads[0], [6.0, 12.0])
        assert grads[1] == 15
        assert grads[3] == 10
        np.testing.assert_array_equal(ft.vmap(product, (0, None, 0, None))(x, 2, x, 3), [6, 24])
        assert ft.jvp(product, (1.0, 2.0, 3.0, 4.0), (1.0, None, None, 1.0))[1] == 30
    finally:
        del ft.core.primitive.REGISTRY["product of four"]


def test_custom_takes_no_attributes_from_the_object_that_it_wraps() -> None:
    class Model:
        fun = None

        def __init__(self) -> None:
            self.fun = None
            self.statics = (0,)

        def __call__(self, x: Any) -> Any:
            return 2 * x

    assert ft.grad(ft.custom(Model()))(3.0) == 2
    inner = ft.custom(lambda x: x)
    inner.defjvp(lambda primals, tangents: (primals[0], 7 * tangents[0]))
    outer = ft.custom(inner)
    outer.defvjp(lambda x: (x, None), lambda _, g: (100 * g,))
    assert ft.grad(outer)(1.0) == ft.jvp(outer, (1.0,), (1.0,))[1] == 100


def test_custom_rules_of_wrong_form() -> None:
    def rule() -> Any:
        return ft.custom(lambda x: x * 1)

    with pytest.raises(errors.InputTypeError, match="a jvp rule must be a function, got int"):
        rule().defjvp(3)
    with pytest.raises(errors.InputTypeError, match="static_argnums are positions"):
        ft.custom(lambda x, n: x, static_argnums=-1)
    c = rule()
    c.defvjp(lambda x: (x, None), lambda _, g: ("g",))
    with pytest.raises(errors.InputTypeError, match=r"the bwd rule's result at \[0\] is a str"):
        ft.grad(c)(1.0)
    for result, message in [
        (lambda x: (x[:1], True), r"float64\[1,3\], but its first axis .* size 2"),
        (lambda x: (x, "yes"), "out_batched of the batch rule has 'yes'"),
    ]:
        c = rule()
        c.defbatch(lambda size, batched, x, result=result: result(x))
        with pytest.raises(errors.OutputTypeError, match=message):
            ft.vmap(c)(np.ones((2, 3)))


def test_custom_jvp_rule_gets_none_for_integers() -> None:
    seen = []
    c = ft.custom(lambda x, i: x * 1)

    @c.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        seen.append(tangents[1])
        return primals[0], tangents[0]

    i = np.arange(2)
    ft.jvp(lambda x: c(x, i), (np.ones(2),), (np.ones(2),))
    ft.grad(lambda x: np.sum(c(x, i)))(np.ones(2))
    ft.vmap(ft.grad(lambda x: np.sum(c(x, i))))(np.ones((3, 2)))
    assert seen == [None] * 3


def test_message_for_an_array_leaked_from_a_checkpointed_function() -> None:
    kept = []

    @ft.checkpoint
    def leaking(x: Any) -> Any:
        y = np.sin(x)
        kept.append(y)
        return y * y

    ft.grad(leaking)(1.0)
    with pytest.raises(errors.LeakedArrayError, match="used after its transform had ended"):
        kept[-1] * 2


def test_argnums_of_other_types() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y**2

    assert ft.grad(f, np.int64(1))(2.0, 3.0) == 12  # ended in an error about truth values
    assert ft.grad(f, np.array([0, 1]))(2.0, 3.0) == (9, 12)
    for wrong in (1.5, "y", (0, "y")):
        with pytest.raises(errors.InputTypeError, match="argnums must be one int or a sequence"):
            ft.grad(f, wrong)
    with pytest.raises(errors.InputTypeError, match="argnames must be one str or a sequence"):
        ft.grad(f, argnames=5)


def test_linear_function_gave_out_its_own_constant() -> None:
    _, linear = ft.linearize(lambda x: (x, np.ones(3)), 1.0)
    linear(1.0)[1][:] = 7
    np.testing.assert_array_equal(linear(1.0)[1], np.zeros(3))


def test_results_of_vmap_can_be_written_to() -> None:
    ft.vmap(lambda x: np.ones(2))(np.ones(3))[0, 0] = 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 2.5}, "chunk_size must be an int of at least 1, got 2.5"),
        ({"axis_size": -1, "in_axes": None}, "axis_size must be an int of at least 0, got -1"),
        ({"axis_size": 2.0, "in_axes": None}, "axis_size must be an int of at least 0, got 2.0"),
        ({"in_axes": {"x": 0}}, "in_axes must be an int, None or a tuple"),
        ({"out_axes": 1.0}, "out_axes has 1.0 for the output; give an int or None"),
        ({"out_axes": "first"}, "out_axes has 'first' for the output"),
    ],
)
def test_wrong_options_of_vmap(options: Any, message: str) -> None:
    with pytest.raises(errors.AxisError, match=message):
        ft.vmap(lambda x: x, **options)(np.ones((5, 2)))


def test_masks_were_silently_dropped() -> None:
    x = np.array([1.0, 2.0])
    with pytest.raises(errors.InputTypeError, match="argument 'x' is a numpy.ma.*MaskedArray"):
        ft.vmap(lambda x: x * 2)(np.ma.array(x, mask=[0, 1]))
    with pytest.raises(TypeError, match="MaskedArray cannot be combined with traced arrays"):
        ft.grad(lambda x: np.sum(np.multiply(x, np.ma.array([1.0, 2.0], mask=[0, 1]))))(x)


def test_checkpoint_of_no_function() -> None:
    with pytest.raises(errors.InputTypeError, match="checkpoint takes a function, got int"):
        ft.checkpoint(3)


TRANSFORMS_OF_ANY_OUTPUT: dict[str, Callable[[Any], Any]] = {
    "jvp": lambda f: ft.jvp(f, (1.0,), (1.0,)),
    "vjp": lambda f: ft.vjp(f, 1.0),
    "linearize": lambda f: ft.linearize(f, 1.0),
}


@pytest.mark.parametrize("name", TRANSFORMS_OF_ANY_OUTPUT)
def test_output_that_is_no_array_had_silently_no_derivative(name: str) -> None:
    with pytest.raises(errors.OutputTypeError, match=r"the output at \[1\] is a generator"):
        TRANSFORMS_OF_ANY_OUTPUT[name](lambda x: (x, (x * i for i in range(3))))
    with pytest.raises(errors.OutputTypeError, match="the output is a str, which has no deriv"):
        TRANSFORMS_OF_ANY_OUTPUT[name](lambda x: "x")


def test_gradient_of_another_dtype_than_its_argument() -> None:
    double = ft.extend.elementwise(
        "double with a partial in double precision",
        lambda x: 2 * x,
        lambda x: np.float64(2),
        samples=list,
    )
    turned = ft.extend.elementwise(
        "real to complex", lambda x: np.exp(1j * x), lambda ans: 1j * ans, samples=list
    )
    try:
        x = np.ones(2, np.float32)
        assert ft.grad(lambda x: np.sum(double(x)))(x).dtype == np.float32
        slope = ft.grad(lambda x: np.sum(np.imag(turned(x))))(np.ones(2))
        np.testing.assert_allclose(slope, np.cos([1, 1]), rtol=1e-15)  # was complex
    finally:
        for function in (double, turned):
            del ft.core.primitive.REGISTRY[function.primitive.name]


LEAKING: dict[str, Callable[[Any], Any]] = {
    "grad": lambda kept: ft.grad(lambda x: kept)(2.0),
    "vjp": lambda kept: ft.vjp(lambda x: (x, kept), 2.0),
    "jvp": lambda kept: ft.jvp(lambda x: kept, (2.0,), (1.0,)),
    "linearize": lambda kept: ft.linearize(lambda x: kept, 2.0),
    "argument": lambda kept: ft.jvp(lambda x: x, (kept,), (None,)),
}


@pytest.mark.parametrize("name", LEAKING)
def test_leaked_array_as_output_had_the_derivative_zero(name: str) -> None:
    kept = []
    ft.grad(lambda x: (kept.append(x), x * x)[1])(1.0)
    with pytest.raises(errors.LeakedArrayError, match="after its transform had ended"):
        LEAKING[name](kept[0])


def test_cotangent_of_the_other_byte_order() -> None:
    x = np.array([1.0, 2.0], ">f8")
    np.testing.assert_array_equal(ft.vjp(lambda x: x * x, x)[1](x)[0], [2.0, 8.0])


def test_hvp_of_arguments_that_are_no_tuples() -> None:
    with pytest.raises(errors.InputTypeError, match="hvp: primals must be a tuple or list"):
        ft.hvp(np.sin, 1.0, 1.0)


def test_hvp_names_itself_and_the_argument_of_a_wrong_tangent() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum(w * x)

    x = np.ones(2)
    with pytest.raises(
        errors.InputTypeError, match=r"^hvp\(loss .*the tangent of argument 'x' has"
    ):
        ft.hvp(loss, (x, x), (x, np.ones(3)))
    with pytest.raises(errors.TreeError, match=r"^hvp\(loss .*argument 'w'"):
        ft.hvp(loss, ([x], x), ((x,), x))


@pytest.mark.parametrize(
    ("function", "remedy"),
    [
        (lambda x: x * 2, r"got float64\[3\]\. Reduce it \(for example with numpy\.sum\)\."),
        (lambda x: None, r"got None\. Return one scalar, further results with has_aux=True\."),
        (lambda x: np.sum(x) * 1j, r"got complex.* Take its real part or absolute value\."),
        (lambda x: np.sum(x > 1), "has no gradient"),
    ],
)
def test_hvp_of_what_is_no_scalar_names_hvp_and_what_helps_it(function: Any, remedy: str) -> None:
    x = np.ones(3)
    with pytest.raises(errors.OutputTypeError, match=r"^hvp\(.*" + remedy) as caught:
        ft.hvp(function, (x,), (x,))
    assert "jacrev" not in str(caught.value) and "holomorphic" not in str(caught.value)
    with pytest.raises(errors.InputTypeError, match=r"^hvp\("):
        ft.hvp(np.sum, (np.arange(3),), (None,))


def test_pullback_of_a_checkpointed_function_in_several_threads() -> None:
    block = ft.checkpoint(lambda x: (time.sleep(0.002), np.sin(x) * x)[1])
    _, pullback = ft.vjp(lambda x: block(block(block(x))), 1.0)
    expected = pullback(1.0)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(pullback, [1.0] * 8)) == [expected] * 8


def test_vmap_over_no_lanes_of_a_primitive_without_batching_rule() -> None:
    pair = ft.extend.general(
        "without batching rule",
        lambda x: (2 * x, np.sum(x)),
        pulls=(lambda g: 2 * g[0] + g[1],),
        outputs=2,
        samples=list,
    )
    try:
        with pytest.warns(UserWarning, match="no batching rule"):
            first, second = ft.vmap(pair)(np.ones((0, 3)))
        assert (first.shape, second.shape) == ((0, 3), (0,))
    finally:
        del ft.core.primitive.REGISTRY["without batching rule"]


def test_message_on_axes_of_another_structure_said_everything_three_times() -> None:
    with pytest.raises(errors.TreeError) as caught:
        ft.vmap(lambda x: x, in_axes=({"a": 0},))([np.ones(2)])
    assert str(caught.value).count("vmap(") == 1
    assert "at in_axes[0]: dict of 1 in in_axes, list of 1 in the tree" in str(caught.value)


def test_a_graph_kept_every_value_until_its_end() -> None:
    def chain(x: Any) -> Any:
        for _ in range(100):
            x = np.sin(x) * 2
        return x

    graph = ft.make_graph(chain)(np.ones(10_000))
    x = np.ones(10_000)
    expected = graph(x)
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(graph(x), expected)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * x.nbytes


@pytest.mark.parametrize("axis", [0, -1, None])
@pytest.mark.parametrize("function", [np.cumsum, np.cumprod])
def test_cumulative_functions_of_a_number_along_an_axis(function: Any, axis: Any) -> None:
    """NumPy takes axis 0 and -1 of a 0-d array, and returns one axis."""
    assert function(0.7, axis=axis).shape == (1,)
    assert ft.vjp(lambda x: function(x, axis=axis), 0.7)[1](np.array([2.0])) == (2.0,)


@pytest.mark.parametrize("name", ["poly", "cheb", "leg", "lag", "herm", "herme"])
def test_numpys_polynomials_do_not_combine_columns_with_elements(name: str) -> None:
    """They ask whether `x` is an ndarray before they give the coefficients an axis."""
    modules = {"poly": "polynomial", "cheb": "chebyshev", "leg": "legendre", "lag": "laguerre"}
    module = {**modules, "herm": "hermite", "herme": "hermite_e"}[name]
    evaluate = getattr(getattr(np.polynomial, module), f"{name}val")
    ours = getattr(getattr(ft.numpy.polynomial, module), f"{name}val")
    x, c = np.array([0.5, 2.0]), np.arange(6.0).reshape(3, 2)
    for m in (1, 2, 3):
        for function in (evaluate, ours):
            value = ft.vjp(lambda x, f=function, m=m: f(x, c[:m]), x)[0]
            np.testing.assert_allclose(value, evaluate(x, c[:m]))
    assert ft.vjp(lambda x: evaluate(x, c[..., None], tensor=False), x)[0].shape == (2, 2)
    np.testing.assert_allclose(ft.vjp(lambda x: evaluate(x, c[:, 0]), x)[0], evaluate(x, c[:, 0]))


def test_numpys_polynomials_from_roots() -> None:
    x = np.array([0.5, 2.0])
    evaluate = np.polynomial.polynomial.polyvalfromroots
    value, pullback = ft.vjp(lambda x: evaluate(x, np.array([1.0, 3.0])), x)
    np.testing.assert_array_equal(value, evaluate(x, np.array([1.0, 3.0])))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], 2 * x - 4)
    assert ft.grad(lambda x: evaluate(x, np.array([1.0, 3.0])))(2.0) == 0.0
