"""explain_nan and debug.nans name what made a NaN or an infinity, and nothing else."""

import re
from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import debug
from functrans.core.errors import NonFiniteError
from functrans.core.interpreter import stack
from tests.error_snapshots import X

QUIET = partial(np.errstate, all="ignore")
BAD = np.array([1.0, 0.0, 4.0])


def root(x: Any) -> Any:
    return np.sum(np.sqrt(x) * 0.0)  # its gradient at 0 is 0 * inf


def line_of(function: Any, offset: int = 1) -> str:
    return rf"test_nonfinite\.py:{function.__code__.co_firstlineno + offset} in {function.__name__}"


PROGRAMS: dict[str, tuple[Any, Any, str, str]] = {
    # transform: the function, what made it there, in which mode, in which lane
    "grad": (ft.grad(root), "divide", "backward", ""),
    "jvp": (lambda x: ft.jvp(root, (x,), (np.ones(3),)), "multiply", "tangent", ""),
    "hessian": (ft.hessian(root), "divide", "backward", ""),
    "vjp": (lambda x: ft.vjp(root, x)[1](1.0), "divide", "backward", ""),
    "checkpoint": (ft.grad(ft.checkpoint(root)), "divide", "backward", ""),
    "vmap of grad": (ft.vmap(ft.grad(root)), "divide", "backward", "1"),
    "vmap of jvp": (ft.vmap(lambda x: ft.jvp(root, (x,), (1.0,))), "multiply", "tangent", "1"),
    "grad of vmap": (ft.grad(lambda x: np.sum(ft.vmap(root)(x))), "divide", "backward", "1"),
    "nested vmap": (
        lambda x: ft.vmap(ft.vmap(ft.grad(root)))(np.stack([np.ones(3), x])),
        "divide",
        "backward",
        "1, 1",
    ),
    "grad of graph": (lambda x: ft.grad(ft.make_graph(root)(x))(x), "divide", "backward", ""),
    "graph of vmap": (lambda x: ft.make_graph(ft.vmap(ft.grad(root)))(x)(x), "divide", "", ""),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives(name: str) -> None:
    program, operation, mode, lane = PROGRAMS[name]
    found = ft.explain_nan(program)(BAD)
    origin = found.origin
    assert origin is not None and (origin.kind, origin.operation) == ("nan", operation)
    assert origin.mode == mode
    assert ", ".join(map(str, origin.lane)) == lane
    text = repr(found)
    if mode:
        assert origin.rule is not None
        assert origin.rule.name == ("sqrt" if mode == "backward" else "multiply")
        assert re.search(line_of(root), origin.rule.line), origin.rule.line
    assert f"operand 0: {'inf' if mode == 'tangent' else '0.0'}" in text
    assert ("infinity was made by divide in forward mode, in the derivative of sqrt" in text) == (
        mode == "tangent"
    )
    assert not ft.explain_nan(program)(np.ones(3))
    assert stack.top is type(stack).top


def difference(x: Any) -> Any:
    y = np.exp(x)
    return np.sum(y - y)


def test_forward_with_its_cause() -> None:
    found = ft.explain_nan(difference)(np.array([1.0, 1000.0]))
    assert np.isnan(found.value)
    origin = found.origin
    assert origin is not None and re.search(line_of(difference, 2), origin.line)
    assert [x.index for x in origin.operands] == [(1,), (1,)]
    cause = origin.causes[0]
    assert (cause.kind, cause.operation) == ("inf", "exp")
    assert re.search(line_of(difference, 1), cause.line)
    lines = repr(found).splitlines()
    assert lines[0].endswith("the result has NaN.")
    assert lines[2] == "    operand 0: inf, at [1] of float64[2]"
    assert lines[-2] == "    operand 0: 1000.0, at [1] of float64[2]"
    lane = ft.explain_nan(ft.vmap(difference))(np.array([1.0, 2.0, 1000.0])).origin
    assert lane is not None and lane.lane == (2,)


def test_what_was_given() -> None:
    nan = np.array([1.0, np.nan])
    for program, argument, text in (
        (lambda p: np.sum(p["w"]), {"w": nan}, r"argument 'p'\['w'\] holds NaN at \[1\]"),
        (lambda x: x * nan, X[:2], r"a constant float64\[2\], met by multiply at .*, holds NaN"),
        (lambda x: np.inf + x, X, "a constant .*float64.* holds infinity"),
        (lambda x: nan, X, r"a constant float64\[2\] holds NaN at \[1\]"),
    ):
        found = ft.explain_nan(program)(argument)
        assert found.origin is not None and found.origin.given
        assert re.search(text, repr(found)), repr(found)


def test_what_does_not_reach_the_result_is_no_cause() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.log(x), 0.0))

    for program in (f, ft.grad(f), ft.hessian(f), ft.vmap(ft.grad(f))):
        found = ft.explain_nan(program)(BAD)
        assert found.origin is None and "no NaN and no infinity" in repr(found)


def test_python_values_and_writes() -> None:
    """What works on plain arrays works while it is watched."""

    def f(x: Any, n: int) -> Any:
        y = np.zeros_like(x)
        y[:n] = np.log(x[:n])
        plain = np.zeros(2)
        plain[0] = y[0]
        scale = float(y[0]) if y[1] < 0 else y[0].item()
        return y * scale + plain[0] + len(y.tolist()) + complex(y[0]).real + np.arange(3)[n - 1]

    origin = ft.explain_nan(f)(np.array([1.0, 0.0, 1.0]), 2).origin
    assert origin is not None and [cause.operation for cause in origin.causes] == ["log"]

    @ft.custom
    def reciprocal(x: Any) -> Any:
        return 1 / x

    reciprocal.defjvp(lambda primals, ts: (1 / primals[0], -ts[0] / primals[0] ** 2))
    origin = ft.explain_nan(lambda x: np.sum(reciprocal(x)))(BAD).origin
    assert origin is not None and origin.operation == "divide"


def test_an_error_of_the_function_tells_what_was_made_before() -> None:
    def f(x: Any) -> Any:
        y = np.log(x)
        if not np.isfinite(y).all():
            raise ValueError("not finite")
        return y

    with pytest.raises(ValueError, match="not finite") as caught:
        ft.explain_nan(f)(BAD)
    assert re.search(
        f"before, infinity was made by log at .*{line_of(f)}", caught.value.__notes__[0]
    )


def body(c: Any, y: Any) -> Any:
    return np.sqrt(c - y), c


def rooted(x: Any) -> Any:
    return ft.scan(body, x[0], x)[0]


def branched(x: Any) -> Any:
    return ft.cond(x[0] > 0, lambda x: np.sum(np.exp(x) - np.exp(x)), np.sum, x)


STEPS = np.linspace(0.1, 1.0, 4)


@pytest.mark.parametrize(
    ("program", "run"),
    [
        (rooted, "run 2 of body of scan"),
        (ft.make_graph(rooted)(STEPS), "run 2 of body of scan"),
        (ft.jit(rooted), "run 2 of scan body in graph of call"),
        (ft.grad(rooted), "of body of scan"),
    ],
)
def test_inside_of_loops(program: Any, run: str) -> None:
    """The operation and the round are found by running the graph step by step."""
    found = ft.explain_nan(program)(STEPS)
    origin = found.origin
    assert origin is not None and origin.operation == "sqrt"
    assert run in origin.within and origin.operands[0].value == -0.4
    assert re.search(line_of(body), origin.line)
    with pytest.raises(NonFiniteError, match=line_of(body)), QUIET(), debug.nans():
        program(STEPS)


def test_inside_of_loops_that_write_into_their_carry() -> None:
    def lower(i: Any, c: Any) -> Any:
        return np.sqrt(c - 0.4)

    origin = ft.explain_nan(lambda x: ft.fori_loop(0, 5, lower, x))(np.full(4096, 0.9)).origin
    assert origin is not None and origin.operation == "sqrt"
    assert "run 4 of body of scan" in origin.within


def test_backward_passes_of_jitted_functions_know_the_line() -> None:
    for program in (ft.grad(ft.jit(root)), ft.vmap(ft.grad(ft.jit(root)))):
        origin = ft.explain_nan(program)(BAD).origin
        assert origin is not None and origin.operation == "divide"
        assert re.search(f"{line_of(root)}, in the backward pass", origin.line), origin.line


def test_inside_of_branches() -> None:
    origin = ft.explain_nan(branched)(1000.0 * STEPS).origin
    assert origin is not None and origin.operation == "subtract"
    assert "branches[1] of cond" in origin.within
    assert [cause.operation for cause in origin.causes] == ["exp"]


def test_effects_do_not_happen_twice() -> None:
    seen: list[float] = []

    def noted(c: Any, y: Any) -> Any:
        debug.callback(lambda c: seen.append(float(c)), c)
        return np.sqrt(c - y), None

    origin = ft.explain_nan(lambda x: ft.scan(noted, x[0], x)[0])(STEPS).origin
    assert origin is not None and origin.operation == "sqrt" and len(seen) == 4

    def asked(c: Any, y: Any) -> Any:
        return np.sqrt(c - debug.io_callback(lambda y: y, y, y)), None

    origin = ft.explain_nan(lambda x: ft.scan(asked, x[0], x)[0])(STEPS).origin
    assert origin is not None and origin.operation == "scan"


class TestGuard:
    @pytest.mark.parametrize("name", [n for n in PROGRAMS if n != "graph of vmap"])
    def test_rules_that_make_it(self, name: str) -> None:
        program, _, mode, _ = PROGRAMS[name]
        rule = "sqrt" if mode == "backward" else "multiply"
        with (
            pytest.raises(NonFiniteError, match=f"by the derivative of {rule}") as caught,
            debug.nans(),
        ):
            program(BAD)
        assert caught.value.origin.mode == mode
        assert re.search(line_of(root), str(caught.value))
        assert stack.top is type(stack).top
        with debug.nans():
            program(np.ones(3))

    def test_operations_that_make_it(self) -> None:
        with pytest.raises(NonFiniteError, match=line_of(difference, 2)), QUIET(), debug.nans():
            ft.grad(difference)(np.array([1000.0]))
        text = "infinity was made by exp at .*lane 1"
        with pytest.raises(FloatingPointError, match=text), QUIET(), debug.nans(infinities=True):
            ft.vmap(difference)(np.array([1.0, 1000.0]))

    def test_no_false_alarm(self) -> None:
        """Neither at lanes that are not selected, nor at what a rule does not return."""
        with QUIET(), debug.nans():
            ft.hessian(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))(BAD)
            assert ft.grad(lambda x: 0.0**x)(1.0) == 0.0
            assert ft.grad(lambda x: np.sum(x**0.0))(BAD).tolist() == [0.0] * 3
            assert np.isnan(ft.grad(lambda x: np.sum(x * np.nan))(BAD)).all()
        assert ft.grad(np.sqrt)(0.0) == np.inf

    def test_nested_in_a_transform_and_reused(self) -> None:
        guard = debug.nans()

        @ft.custom
        def double(x: Any) -> Any:
            return x * 2.0

        double.defjvp(lambda primals, ts: (double(*primals), 3.0 * ts[0]))

        def f(x: Any) -> Any:
            with guard, guard:
                return ft.checkpoint(double)(x)

        assert ft.grad(f)(1.0) == 3.0
        assert f(1.0) == 2.0
