"""What control flow costs: memory by schedule, lanes that run, rounds that are not repeated."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import functrans as ft

ROUNDS = 400
SIZE = 5000  # a carry of 40 kB


def peak(schedule: Any) -> float:
    """The peak memory of the gradient of a long scan, in carries."""

    def loss(x: Any) -> Any:
        step = ft.scan(lambda s, _: (np.sin(s) * 1.1, None), x, length=ROUNDS, checkpoint=schedule)
        return np.sum(step[0])

    x = np.linspace(0.1, 1.0, SIZE)
    gradient = ft.grad(loss)
    gradient(x)
    tracemalloc.start()
    try:
        gradient(x)
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("schedule", "least", "most"),
    [
        (None, ROUNDS, 1.2 * ROUNDS),  # a residual a round
        (20, 20, 3 * 20),  # 20 carries, and the residuals of 20 rounds
        # 8 snapshots and the residuals of a block: 19.7 in a new process, and up to half a carry
        # more for programs of other tests that go meanwhile.
        (ft.binomial(snapshots=8), 8, 20.5),
        (ft.binomial(memory=8 * SIZE * 8), 8, 20.5),
    ],
    ids=["everything", "every 20", "8 snapshots", "memory of 8"],
)
def test_memory_of_schedules(schedule: Any, least: float, most: float) -> None:
    assert least <= peak(schedule) <= most


def test_schedules_compute_as_often_as_they_say() -> None:
    """The binomial one: 84 rounds with 3 snapshots take at most 6 sweeps, as C(3 + 6, 3) = 84."""
    count = 0

    def counted(x: Any) -> Any:
        nonlocal count
        count += 1
        return x

    def step(s: Any, _: Any) -> Any:
        s = ft.debug.pure_callback(counted, ft.ArrayType((), float), s) + 0.0 * s
        return np.sin(s), None

    def run(schedule: Any) -> int:
        nonlocal count
        count = 0
        custom = ft.custom(lambda s: step(s, None)[0])
        custom.defjvp(lambda p, t: (step(p[0], None)[0], np.cos(p[0]) * t[0]))

        def loss(x: Any) -> Any:
            return ft.scan(lambda s, _: (custom(s), None), x, length=84, checkpoint=schedule)[0]

        ft.grad(loss)(0.5)
        return count

    assert run(None) == 84
    assert run(10) == 2 * 84
    assert 2 * 84 < run(ft.binomial(3)) <= 7 * 84


def test_a_branch_runs_on_the_lanes_that_choose_it() -> None:
    lanes: list[tuple[str, float]] = []

    def noted(name: str, x: Any) -> Any:
        ft.debug.callback(lambda value: lanes.append((name, float(value))), x)
        return x * 2

    def f(x: Any) -> Any:
        return ft.cond(x > 0, lambda: noted("positive", x), lambda: noted("negative", x))

    np.testing.assert_array_equal(ft.vmap(f)(np.array([1.0, -1.0, 2.0])), [2.0, -2.0, 4.0])
    assert sorted(lanes) == [("negative", -1.0), ("positive", 1.0), ("positive", 2.0)]


def test_a_lane_ends_when_its_condition_fails() -> None:
    """Rounds on lanes that have ended would not end: 1 / 0 and the like show in warnings."""

    def f(x: Any) -> Any:
        return ft.while_loop(lambda y: y > 0.5, lambda y: np.sqrt(y - 0.5), x)

    points = np.array([0.1, 0.9, 5.0])
    with np.errstate(all="raise"):
        found = ft.vmap(f)(points)
    np.testing.assert_array_equal(found, [f(x) for x in points])
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(points), [ft.grad(f)(x) for x in points])


def test_what_does_not_change_is_computed_before_the_loop() -> None:
    """An operation on values from outside alone is not in the loop's graph."""

    def f(x: Any) -> Any:
        return ft.scan(lambda s, w: (s * np.exp(x) + w, None), x, np.ones(3))[0]

    graph = ft.make_graph(f)(1.0)
    assert [e.primitive.name for e in graph.equations] == ["exp", "astype", "scan"]


def test_the_linear_part_of_a_loop_is_computed_alone() -> None:
    count = 0

    def counted(x: Any) -> Any:
        nonlocal count
        count += 1
        return x

    noted = ft.custom(lambda s: ft.debug.pure_callback(counted, ft.ArrayType((), float), s))
    noted.defjvp(lambda p, t: (noted(p[0]), t[0]))

    def f(x: Any) -> Any:
        return ft.while_loop(lambda y: y < 10, lambda y: noted(y) * (1 + x), x)

    _, linear = ft.linearize(f, 0.5)
    before = count
    first, second = linear(1.0), linear(2.0)
    assert (count, 2 * first) == (before, second)
    np.testing.assert_allclose(first, ft.grad(f)(0.5))
