"""The checkers are checked: planted wrong rules and wrong derivatives must be rejected.

Each test replaces a rule of a primitive by a wrong one and demands that ``check_rules`` raises;
errors in size and sign are planted in every rule of the rule book.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import primitives as p
from functrans.core import cotangent
from functrans.core.cotangent import Masked, Scattered
from functrans.core.errors import InputTypeError
from functrans.core.primitive import REGISTRY, ZERO, Primitive, Rule, primitive_of, rule
from functrans.core.types import ArrayType, dtype_of
from functrans.testing import Sample, check_grads, check_rules

SLIP = 1 + 1e-7


def times(result: Any, factor: float) -> Any:
    """What a rule returned, in whichever form, times a number."""
    if result is None:
        return None
    if isinstance(result, tuple):
        return tuple(times(r, factor) for r in result)
    if type(result) is Masked:
        return Masked(times(result.value, factor), result.mask)
    if type(result) is Scattered:
        return Scattered(times(result.value, factor), result.arrays, result.index)
    return p.multiply(result, np.asarray(factor, dtype_of(result))[()])


def scaled(original: Rule, factor: float) -> Rule:
    apply = original.apply
    return Rule(lambda *args: times(apply(*args), factor), original.select)


def rules_of(primitive: Primitive) -> list[tuple[str, int]]:
    """The places of a primitive's written derivative rules: field and operand."""
    return [
        (field, i)
        for field in ("pushes", "pulls")
        for i, written in enumerate(getattr(primitive, field) or ())
        if written is not None and written is not ZERO
    ] + [(field, 0) for field in ("push_all", "pull_all") if getattr(primitive, field)]


def plant(
    monkeypatch: pytest.MonkeyPatch, primitive: Primitive, field: str, operand: int, factor: float
) -> None:
    """Multiply one rule by `factor`, in both modes if one partial serves both."""
    one_rule = not field.endswith("all") and primitive.pushes is primitive.pulls
    fields = ["pushes", "pulls"] if one_rule else [field]
    for one in fields:
        rules = getattr(primitive, one)
        if one.endswith("all"):
            monkeypatch.setattr(primitive, one, scaled(rules, factor))
        else:
            changed = [scaled(r, factor) if i == operand else r for i, r in enumerate(rules)]
            monkeypatch.setattr(primitive, one, tuple(changed))


def places(names: Any) -> list[Any]:
    """Every written derivative rule of these primitives; one that serves both modes once."""
    return [
        pytest.param(REGISTRY[name], field, i, id=f"{name}-{field}-{i}")
        for name in names
        for field, i in rules_of(REGISTRY[name])
        if field != "pushes" or REGISTRY[name].pushes is not REGISTRY[name].pulls
    ]


@pytest.mark.parametrize(
    ("primitive", "field", "operand"), places(n for n, q in REGISTRY.items() if q.samples)
)
def test_scaled_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, primitive: Primitive, field: str, operand: int
) -> None:
    """A relative error of 1e-7, and a wrong sign, in any one rule of the rule book."""
    for factor in (SLIP, -1.0):
        with monkeypatch.context() as patch:
            plant(patch, primitive, field, operand, factor)
            with pytest.raises(AssertionError, match=primitive.name):
                check_rules(primitive.call)


def test_rules_as_they_are_pass() -> None:
    """What the tests here break is accepted when it is whole."""
    for function, _, _ in PLANTED.values():
        check_rules(function)


MATMUL_PULL = REGISTRY["matmul"].pulls[1].apply

# Wrong rules of other kinds: the primitive, the fields to replace, and what a message says.
PLANTED: dict[str, tuple[Callable[..., Any], dict[str, Any], str | None]] = {
    "conj dropped": (p.conjugate, {"pulls": (rule(lambda g: g, ""),)}, "VJP against JVP"),
    "conj added": (
        p.multiply,
        {
            "pulls": (
                rule(lambda g, y: p.multiply(g, p.conjugate(y)), ""),
                REGISTRY["multiply"].pulls[1],
            )
        },
        None,
    ),
    "operands swapped in divide": (
        p.divide,
        {field: tuple(reversed(REGISTRY["divide"].pulls)) for field in ("pushes", "pulls")},
        "operand 0: JVP",
    ),
    "operands swapped in matmul": (
        p.matmul,
        {"pulls": tuple(reversed(REGISTRY["matmul"].pulls))},
        None,
    ),
    "wrong axis in cumsum": (
        p.cumsum,
        {"pulls": (rule(lambda g, *, axis, **_: p.cumsum(g, axis=axis), ""),)},
        "VJP against JVP",
    ),
    "wrong permutation in transpose": (
        p.transpose,
        {"pulls": (rule(lambda g, *, axes: p.transpose(g, axes=axes), ""),)},
        None,
    ),
    "batch rule without the shifted axes": (
        p.sum,
        {"batch": lambda x, *, axes, **params: p.sum(x, axes=axes, **params)},
        "vmap",
    ),
    "batch rule that does not align ranks": (
        p.add,
        {"batch": lambda x, y, batched: p.add(x, y)},
        "vmap",
    ),
    "batch rule that takes the first lane": (
        p.exp,
        {"batch": lambda x, batched: p.exp(p.broadcast_to(x[:1], shape=x.shape))},
        "vmap",
    ),
    "batch rule that stops derivatives": (
        p.sin,
        {"batch": lambda x, batched: p.sin(ft.stop_gradient(x))},
        "of vmap",
    ),
    "no batch rule": (p.exp, {"batch": None, "batch_takes_flags": False}, "no batching rule"),
    "shape rule with a wrong dtype": (
        p.exp,
        {"shape": lambda x: ArrayType(x.shape, np.float64)},
        "shape rule",
    ),
    "shape rule that keeps the axes": (
        p.sum,
        {"shape": lambda x, *, axes, keepdims=False: ArrayType(x.shape, x.dtype)},
        "shape rule",
    ),
    "structural zero dropped by where": (
        p.where,
        {
            "pulls": (
                ZERO,
                rule(lambda g, x: p.where(x, g, 0), ""),
                rule(lambda g, x: p.where(x, 0, g), ""),
            )
        },
        "structural zero",
    ),
    "structural zero dropped by exp": (p.exp, {"masks": None}, "structural zero"),
    "second derivative cut": (
        p.exp,
        {
            field: (rule(lambda g, ans: p.multiply(g, ft.stop_gradient(ans)), ""),)
            for field in ("pushes", "pulls")
        },
        "second derivative",
    ),
    "tangent that cannot be differentiated": (
        p.sum,
        {"pushes": (rule(lambda t, **params: p.sum(ft.stop_gradient(t), **params), ""),)},
        "transposed",
    ),
    "cotangent that cannot be differentiated": (
        p.matmul,
        {
            "pulls": (
                REGISTRY["matmul"].pulls[0],
                Rule(
                    lambda g, *rest: MATMUL_PULL(ft.stop_gradient(g), *rest),
                    REGISTRY["matmul"].pulls[1].select,
                ),
            )
        },
        "transposed",
    ),
    "not linear": (
        p.sin,
        {"pulls": (rule(lambda g, x: p.multiply(p.absolute(g), p.cos(x)), ""),)},
        None,
    ),
    "input changed": (
        p.negative,
        {"impl": lambda x: np.negative(x, out=x) if isinstance(x, np.ndarray) else -x},
        None,
    ),
    "tie not shared": (
        p.maximum,
        {
            field: (
                rule(lambda g, x, y: p.where(p.greater_equal(x, y), g, 0), ""),
                rule(lambda g, x, y: p.where(p.less(x, y), g, 0), ""),
            )
            for field in ("pushes", "pulls")
        },
        None,
    ),
    "kink on one side": (
        p.absolute,
        {
            "pulls": (
                rule(lambda g, x: p.multiply(g, p.where(p.greater_equal(p.real(x), 0), 1, -1)), ""),
            )
        },
        None,
    ),
    "rule missing in one operand": (
        p.multiply,
        {"pulls": (ZERO, REGISTRY["multiply"].pulls[1])},
        "VJP against JVP",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_rule_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    function, fields, message = PLANTED[name]
    primitive = primitive_of(function)
    for field, value in fields.items():
        monkeypatch.setattr(primitive, field, value)
    # A wrong rule may also fail by itself, on shapes or write protection.
    with pytest.raises((AssertionError, ValueError), match=message):
        check_rules(function)


def test_dropped_unbroadcast_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver takes a slice of the cotangent where it should sum."""

    def first(g: Any, shape: tuple[int, ...]) -> Any:
        while len(np.shape(g)) > len(shape):
            g = g[0]
        return g[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]

    monkeypatch.setattr(cotangent, "unbroadcast", first)
    with pytest.raises(AssertionError, match="VJP against JVP"):
        check_rules(p.add)


def test_dropped_real_part_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver leaves the dtype of a cotangent as it is."""
    monkeypatch.setattr(
        cotangent, "project", lambda g, space: cotangent.unbroadcast(g, space.shape)
    )
    with pytest.raises((AssertionError, InputTypeError)):
        check_rules(p.multiply)


def test_unpinned_kink_is_reported() -> None:
    """At a kink no difference tells the derivative; the message says what to do."""
    with pytest.raises(AssertionError, match="differences do not settle.*kink or a pole"):
        check_rules(p.absolute, [Sample(np.array([1.0, 0.0]))])


def test_operand_never_differentiated_is_reported() -> None:
    with pytest.raises(AssertionError, match="no sample differentiates operand 1"):
        check_rules(p.add, [Sample(1.0, 2)])


def test_no_samples() -> None:
    with pytest.raises(AssertionError, match="no samples to check it at"):
        check_rules(lambda x: x)
    with pytest.raises(AssertionError, match="list of samples is empty"):
        check_rules(p.sin, [])


# Functions with rules of their own.


def custom_square(wrong: float) -> Any:
    @ft.custom
    def square(x: Any) -> Any:
        return x * x

    @square.defjvp
    def square_jvp(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return square(x), wrong * 2 * x * t

    return square


def custom_product(wrong: float) -> Any:
    @ft.custom
    def product(x: Any, y: Any) -> Any:
        return x * y

    product.defvjp(lambda x, y: (product(x, y), (x, y)), lambda r, g: (g * r[1], wrong * g * r[0]))
    return product


POINT = np.array([0.5, -1.5])


@pytest.mark.parametrize("check", ["check_grads", "check_rules"])
def test_right_custom_derivative_passes(check: str) -> None:
    if check == "check_grads":
        check_grads(custom_square(1.0), (POINT,), order=3)
        check_grads(custom_product(1.0), (POINT, POINT + 2), order=3)
    else:
        check_rules(custom_square(1.0), [(POINT,), (2.0,)])
        check_rules(custom_product(1.0), [(POINT, POINT + 2), (0.5, 2.0)])


@pytest.mark.parametrize("wrong", [SLIP, -1.0, 0.0])
def test_wrong_custom_derivative_is_found(wrong: float) -> None:
    with pytest.raises(
        AssertionError, match=r"argument 'x'.*forward mode, order 1.*expected.*found"
    ):
        check_grads(custom_square(wrong), (POINT,))
    with pytest.raises(AssertionError, match="operand 0: JVP"):
        check_rules(custom_square(wrong), [(POINT,)])
    with pytest.raises(AssertionError, match=r"argument 'y'.*mode, order 1"):
        check_grads(custom_product(wrong), (POINT, POINT + 2))
    with pytest.raises(AssertionError, match=r"argument 'y'.*reverse mode, order 1"):
        check_grads(custom_product(wrong), (POINT, POINT + 2), modes=("rev",))
    with pytest.raises(AssertionError, match="operand 1: JVP"):
        check_rules(custom_product(wrong), [(POINT, POINT + 2)])


def test_wrong_second_derivative_is_found() -> None:
    """Order 1 is right; at order 2 a residual was not differentiated."""

    @ft.custom
    def square(x: Any) -> Any:
        return x * x

    square.defvjp(lambda x: (x * x, ft.stop_gradient(x)), lambda r, g: (2 * g * r,))
    check_grads(square, (POINT,), order=1)
    with pytest.raises(AssertionError, match="mode over .* mode, order 2"):
        check_grads(square, (POINT,))


def test_wrong_batch_rule_is_found() -> None:
    square = custom_square(1.0)
    square.defbatch(lambda size, batched, x: (square(x[::-1]), True))
    with pytest.raises(AssertionError, match="vmap"):
        check_rules(square, [(POINT,)])


def test_modes_that_disagree_are_found() -> None:
    """A wrong vjp beside a right jvp."""
    square = custom_square(1.0)
    square.defvjp(lambda x: (square(x), x), lambda x, g: (2 * SLIP * g * x,))
    with pytest.raises(
        AssertionError, match="reverse mode, order 1: <J\\^T g, t> against <g, J t>"
    ):
        check_grads(square, (POINT,))
    with pytest.raises(AssertionError, match="VJP against JVP"):
        check_rules(square, [(POINT,)])


# check_grads on plain functions.


def test_message_names_the_leaf() -> None:
    """The path in a pytree, the mode, the order and both values."""

    def loss(parameters: Any, scale: Any) -> Any:
        return np.sum(parameters["w"] * scale) + np.sum(ft.stop_gradient(parameters["b"]) ** 2)

    arguments = ({"w": POINT, "b": np.array([1.0])}, 3.0)
    with pytest.raises(AssertionError) as caught:
        check_grads(loss, arguments)
    message = str(caught.value)
    for part in (
        "loss",
        "argument 'parameters'['b']",
        "forward mode, order 1",
        "expected",
        "found 0",
    ):
        assert part in message


def test_full_finds_a_single_element() -> None:
    def f(x: Any) -> Any:
        return np.sum(x[:5] ** 2) + ft.stop_gradient(x[5]) ** 2

    with pytest.raises(AssertionError):
        check_grads(f, (np.linspace(1, 2, 6),), full=True)


def test_analytic_is_exact() -> None:
    """The complex step holds to the rounding error where differences do not."""
    options: Any = {"rtol": 1e-14, "atol": 1e-14, "order": 2}
    f = lambda x: np.exp(np.sin(3 * x)) / (1 + x * x)  # noqa: E731
    check_grads(f, (POINT,), analytic=True, **options)
    with pytest.raises(AssertionError):
        check_grads(f, (POINT,), **options)


def test_holomorphic() -> None:
    z = POINT + 0.3j
    check_grads(lambda z: np.exp(z) * z, (z,), holomorphic=True)
    check_grads(lambda z: np.exp(z) * np.conj(z), (z,))
    with pytest.raises(AssertionError, match="not holomorphic"):
        check_grads(lambda z: np.exp(z) * np.conj(z), (z,), holomorphic=True)


def test_single_precision() -> None:
    """Compared with differences in double precision; a slip of 1e-2 is seen."""
    x = POINT.astype(np.float32)
    check_grads(lambda x: np.sin(x) * x, (x,))
    with pytest.raises(AssertionError):
        check_grads(custom_square(1.01), (x,))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (np.ones(2), {}, "args must be a tuple or list.*got ndarray"),
        ((np.arange(2),), {}, "no floating-point values"),
        ((POINT,), {"modes": ("forward",)}, "modes must be a selection of 'fwd' and 'rev'"),
        ((POINT + 1j,), {"analytic": True}, "analytic=True the arguments must be real"),
    ],
)
def test_wrong_use(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(InputTypeError, match=message):
        check_grads(np.sin, arguments, **options)
