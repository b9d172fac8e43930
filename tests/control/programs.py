"""Functions of a scalar with control flow, each beside the same in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import functrans as ft


class Constructs(NamedTuple):
    """What the programs are written in."""

    scan: Callable[..., Any]
    while_loop: Callable[..., Any]
    fori_loop: Callable[..., Any]
    cond: Callable[..., Any]
    switch: Callable[..., Any]


def _scan(f: Any, init: Any, xs: Any = None, length: int | None = None, **options: Any) -> Any:
    rounds = length if xs is None else len(xs)
    assert rounds is not None
    ys: list[Any] = [None] * rounds
    carry = init
    numbers = range(rounds - 1, -1, -1) if options.get("reverse") else range(rounds)
    for i in numbers:
        carry, ys[i] = f(carry, None if xs is None else xs[i])
    return carry, None if ys[0] is None else np.stack(ys)


def _while_loop(test: Any, body: Any, x: Any) -> Any:
    while test(x):
        x = body(x)
    return x


def _fori_loop(lower: Any, upper: Any, body: Any, x: Any, **options: Any) -> Any:
    i = lower
    while i < upper:
        x = body(i, x)
        i = i + 1
    return x


def _cond(pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
    return yes(*operands) if pred else no(*operands)


def _switch(index: Any, branches: Any, *operands: Any) -> Any:
    return branches[int(np.clip(ft.stop_gradient(index), 0, len(branches) - 1))](*operands)


STAGED = Constructs(ft.scan, ft.while_loop, ft.fori_loop, ft.cond, ft.switch)
PLAIN = Constructs(_scan, _while_loop, _fori_loop, _cond, _switch)

WEIGHTS = np.arange(5) * 0.1
MATRIX = np.array([[0.3, -0.2], [0.1, 0.4]])

Program = Callable[[Constructs, Any], Any]


def scan_with_outputs(c: Constructs, x: Any) -> Any:
    carry, ys = c.scan(lambda s, w: (np.sin(s * x) + w, s * w), x, WEIGHTS)
    return carry + np.sum(ys**2)


def scan_backwards_by_segments(c: Constructs, x: Any) -> Any:
    def step(s: Any, w: Any) -> Any:
        return np.sin(s * x) + w, s * w

    carry, ys = c.scan(step, x, WEIGHTS, reverse=True, checkpoint=2)
    return carry + np.sum(ys**2)


def scan_by_snapshots(c: Constructs, x: Any) -> Any:
    schedule = ft.binomial(snapshots=2)
    return c.scan(lambda s, w: (np.sin(s * x) + w, None), x, WEIGHTS, checkpoint=schedule)[0]


def scan_over_traced_elements(c: Constructs, x: Any) -> Any:
    elements = x * np.arange(1.0, 4.0)
    return np.sum(c.scan(lambda s, w: (s + w * w, s * np.cos(w)), 0.0, elements, unroll=2)[1])


def scan_of_a_pytree(c: Constructs, x: Any) -> Any:
    def step(state: Any, _: Any) -> Any:
        a, rest = state["a"], state["rest"]
        return {"a": a * rest[0], "rest": (rest[0] + 0.1 * a, rest[1] + 1)}, None

    end = c.scan(step, {"a": x, "rest": (x * 0.5, 0)}, length=3)[0]
    return end["a"] + end["rest"][0] * end["rest"][1]


def scan_with_matrices(c: Constructs, x: Any) -> Any:
    start = np.array([1.0, 2.0]) * x
    return np.sum(c.scan(lambda s, _: (np.tanh(MATRIX @ s) * x, None), start, length=3)[0])


def nested_scans(c: Constructs, x: Any) -> Any:
    def inner(w: Any, s: Any) -> Any:
        return c.scan(lambda d, v: (d * v * s, None), w, np.array([1.0, 2.0]) * x)[0]

    return c.scan(lambda s, w: (inner(w, s), None), x, np.ones(2))[0]


def scan_that_ignores_its_carry(c: Constructs, x: Any) -> Any:
    return np.sum(c.scan(lambda s, w: (s, w * x), 1.0, WEIGHTS)[1])


def while_to_a_bound(c: Constructs, x: Any) -> Any:
    return c.while_loop(lambda y: y < 10.0, lambda y: y * (1 + x) + 1.0, x)


def while_with_a_counter(c: Constructs, x: Any) -> Any:
    def body(state: Any) -> Any:
        return state[0] + 1, np.sin(state[1]) * x

    return c.while_loop(lambda state: state[0] < 3, body, (0, x))[1]


def while_that_does_not_start(c: Constructs, x: Any) -> Any:
    return c.while_loop(lambda y: y < -10.0, lambda y: y * x, x) * x


def while_in_scan(c: Constructs, x: Any) -> Any:
    def step(s: Any, w: Any) -> Any:
        end = c.while_loop(lambda y: y < 4.0, lambda y: y * (1 + x) + 1, s)
        return s * w + end, None

    return c.scan(step, x, np.arange(3.0) + x)[0]


def while_in_while(c: Constructs, x: Any) -> Any:
    def outer(y: Any) -> Any:
        return y + c.while_loop(lambda z: z < 3.0, lambda z: z * (1 + x) + 0.5, x * 0.1 * y)

    return c.while_loop(lambda y: y < 12.0, outer, x)


def newton(c: Constructs, x: Any) -> Any:
    def test(y: Any) -> Any:
        return np.abs(y * y - x) > 1e-3

    return c.while_loop(test, lambda y: 0.5 * (y + x / y), x)


def fori_with_its_index(c: Constructs, x: Any) -> Any:
    return c.fori_loop(0, 4, lambda i, y: y * np.sin(x) + i, x)


def fori_to_a_traced_bound(c: Constructs, x: Any) -> Any:
    end = np.floor(2 * ft.stop_gradient(x)).astype(int)
    return c.fori_loop(0, end, lambda i, y: y * x + 0.5, x)


def one_of_two(c: Constructs, x: Any) -> Any:
    return c.cond(x > 1.0, lambda y: np.sin(y) * x, lambda y: y * y * y + 2, x)


def one_of_two_twice(c: Constructs, x: Any) -> Any:
    second = c.cond(x < 1.1, lambda: x * x, lambda: np.exp(x))
    return one_of_two(c, x) * second


def one_of_three(c: Constructs, x: Any) -> Any:
    index = np.floor(ft.stop_gradient(x)).astype(int)
    branches = [np.sin, lambda y: y**3 * np.exp(y), lambda y: np.cos(y) * np.log(y)]
    return c.switch(index, branches, x)


def cond_in_scan(c: Constructs, x: Any) -> Any:
    def step(s: Any, _: Any) -> Any:
        return c.cond(s > 1.5, lambda s: np.sin(s) * x, lambda s: s * (1 + x), s), None

    return c.scan(step, x, np.arange(4))[0]


def cond_in_while(c: Constructs, x: Any) -> Any:
    def body(y: Any) -> Any:
        return c.cond(y > 3, lambda: y * (1 + x), lambda: y + x * y * y)

    return c.while_loop(lambda y: y < 8, body, x)


def loops_in_branches(c: Constructs, x: Any) -> Any:
    def yes(y: Any) -> Any:
        return c.while_loop(lambda z: z < 9, lambda z: z * (1 + x), y)

    def no(y: Any) -> Any:
        return c.scan(lambda s, w: (np.sin(s) * w * x, None), y, np.arange(1, 3))[0]

    return c.cond(x > 1.0, yes, no, x)


def branch_without_the_argument(c: Constructs, x: Any) -> Any:
    return c.cond(x > 1.0, lambda: 2.0, lambda: x) * x


PROGRAMS: list[Program] = [
    scan_with_outputs,
    scan_backwards_by_segments,
    scan_by_snapshots,
    scan_over_traced_elements,
    scan_of_a_pytree,
    scan_with_matrices,
    nested_scans,
    scan_that_ignores_its_carry,
    while_to_a_bound,
    while_with_a_counter,
    while_that_does_not_start,
    while_in_scan,
    while_in_while,
    newton,
    fori_with_its_index,
    fori_to_a_traced_bound,
    one_of_two,
    one_of_two_twice,
    one_of_three,
    cond_in_scan,
    cond_in_while,
    loops_in_branches,
    branch_without_the_argument,
]
