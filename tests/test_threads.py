"""Threads, tasks, generators and exceptions: each leaves the interpreter stack as it was."""

import asyncio
import contextvars
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.core.errors import LeakedArrayError
from functrans.core.interpreter import stack
from tests.llvm.processes import run
from tests.programs import PROGRAMS

TIMEOUT = 30.0


def in_threads(*bodies: Callable[[], Any]) -> list[Any]:
    """Run the bodies, each in its own thread; return their results or raise an error of one."""
    results: list[Any] = [None] * len(bodies)
    errors: list[BaseException] = []

    def run(i: int) -> None:
        try:
            results[i] = bodies[i]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return results


@pytest.fixture(autouse=True)
def stack_is_empty() -> Iterator[None]:
    """Every test leaves the interpreter stack of its thread as it found it."""
    assert stack.top is type(stack).top
    yield
    assert stack.top is type(stack).top


def nested(x: Any) -> Any:
    """The derivative is 2 x^3."""
    return ft.grad(lambda y: x**2 * y**2)(x)


@pytest.mark.parametrize(
    "first", [ft.grad, ft.jacfwd, ft.jacrev, ft.make_graph], ids=lambda f: f.__name__
)
def test_a_enters_b_enters_a_leaves_b_nests(first: Callable[..., Any]) -> None:
    """Levels counted for the whole process would give B another number than 24."""
    a_is_in, b_is_in, a_is_out = (threading.Event() for _ in range(3))

    def wait(event: threading.Event) -> None:
        assert event.wait(TIMEOUT)

    def thread_a() -> Any:
        def f(x: Any) -> Any:
            a_is_in.set()
            wait(b_is_in)
            return x * x

        result = first(f)(3.0)
        a_is_out.set()
        return result

    def thread_b() -> Any:
        def f(x: Any) -> Any:
            b_is_in.set()
            wait(a_is_out)
            return nested(x)

        wait(a_is_in)
        return ft.grad(f)(2.0)

    a, b = in_threads(thread_a, thread_b)
    assert b == 24.0
    assert a(3.0) == 9.0 if first is ft.make_graph else a == 6.0


def test_every_interleaving_of_two_nested_gradients() -> None:
    """Two threads hand the turn to each other at every operation, in step."""
    barrier = threading.Barrier(2)

    def body(scale: float) -> Callable[[], Any]:
        def f(x: Any) -> Any:
            barrier.wait(TIMEOUT)
            inner = ft.grad(lambda y: in_step(x * y) * y)(x * scale)
            barrier.wait(TIMEOUT)
            return ft.jvp(lambda z: in_step(z * inner), (x,), (1.0,))[1]

        def in_step(x: Any) -> Any:
            barrier.wait(TIMEOUT)
            return x * x

        return lambda: ft.grad(f)(2.0)

    together = in_threads(body(1.0), body(3.0))
    # inner = 3 (s x)^2 x^2 = 3 s^2 x^4; d/dz (z inner)^2 = 2 z inner^2 = 18 s^4 x^9; d/dx = 162 s^4
    # x^8
    assert together == [162.0 * 2**8, 162.0 * 81 * 2**8]


def word_results(number: int) -> list[Any]:
    """Several nested transforms of the programs, starting somewhere else for each `number`."""
    results = []
    start = 3 * number
    for program in (PROGRAMS[start:] + PROGRAMS[:start])[:8]:
        f, x = program.function, program.point
        t = tree.map(np.ones_like, x)
        results.append(ft.jvp(ft.jacrev(f), (x,), (t,)))
        results.append(ft.jacrev(lambda y, f=f, t=t: ft.jvp(f, (y,), (t,))[1])(x))
        if not program.reads_values:
            results.append(
                ft.vmap(lambda s, f=f, x=x: f(tree.map(lambda leaf: leaf * s, x)))(np.ones(2))
            )
            results.append(ft.make_graph(ft.jacfwd(f))(x)(x))
    return results


def test_eight_threads_equal_one() -> None:
    """Bit for bit, with the interpreter switching threads as often as it can."""
    alone = [word_results(i) for i in range(8)]
    barrier = threading.Barrier(8)

    def body(i: int) -> Callable[[], Any]:
        def run() -> Any:
            barrier.wait(TIMEOUT)
            return [word_results(i) for _ in range(2)]

        return run

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together = in_threads(*map(body, range(8)))
    finally:
        sys.setswitchinterval(interval)
    for results, expected in zip(together, alone, strict=True):
        for result in results:
            for one, other in zip(tree.leaves(result), tree.leaves(expected), strict=True):
                np.testing.assert_array_equal(one, other, strict=True)


def test_asyncio_tasks_interleave() -> None:
    """Tasks that wait between operations, each on a stack of its own."""

    async def task(scale: float) -> Any:
        total = 0.0
        for i in range(5):
            await asyncio.sleep(0)
            assert stack.top is type(stack).top
            total += ft.grad(lambda x, i=i: nested(x) * scale + i * x)(2.0)
        return total

    async def main() -> list[Any]:
        return await asyncio.gather(*(task(float(s)) for s in range(4)))

    assert asyncio.run(main()) == [5 * 24.0 * s + 10 for s in range(4)]


def test_task_started_inside_a_transform() -> None:
    """It runs when the transform has ended, and belongs to none."""
    results = []

    async def later(x: Any) -> None:
        results.append(ft.grad(lambda y: y**3)(2.0))
        results.append(np.sin(0.5))
        with pytest.raises(LeakedArrayError, match="after its transform had ended"):
            np.sin(x)

    async def main() -> None:
        tasks = []

        def f(x: Any) -> Any:
            tasks.append(asyncio.ensure_future(later(x)))
            return x * x

        assert ft.grad(f)(3.0) == 6.0
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert results == [12.0, np.sin(0.5)]


def test_array_used_in_another_thread() -> None:
    """Also when the thread was given a copy of the context, as asyncio.to_thread does."""

    def use(x: Any) -> str:
        with pytest.raises(LeakedArrayError, match="in another thread") as caught:
            np.sin(x)
        return str(caught.value)

    messages: list[str] = []

    def f(x: Any) -> Any:
        context = contextvars.copy_context()
        messages.extend(in_threads(lambda: use(x), lambda: context.run(use, x)))
        return x * x

    assert ft.grad(f)(3.0) == 6.0
    for message in messages:
        assert "grad(" in message and "call the transform inside the thread" in message


def test_thread_inside_a_transform_has_its_own_stack() -> None:
    def f(x: Any) -> Any:
        (inner,) = in_threads(lambda: ft.grad(lambda y: y**3)(2.0))
        return x * inner

    assert ft.grad(f)(3.0) == 12.0


def test_generator_suspended_inside_a_transform() -> None:
    """Resumed afterwards it runs on, and what it holds of the transform is refused."""
    kept = []

    def numbers(x: Any) -> Iterator[Any]:
        yield x * x
        yield np.cos(0.0)
        yield x * x

    def f(x: Any) -> Any:
        generator = numbers(x)
        kept.append(generator)
        return next(generator)

    assert ft.grad(f)(3.0) == 6.0
    assert next(kept[0]) == 1.0
    with pytest.raises(LeakedArrayError):
        next(kept[0])
    kept.clear()


TRANSFORMED: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": lambda f: ft.grad(f)(1.0),
    "value_and_grad": lambda f: ft.value_and_grad(f)(1.0),
    "vjp": lambda f: ft.vjp(f, 1.0),
    "jvp": lambda f: ft.jvp(f, (1.0,), (1.0,)),
    "linearize": lambda f: ft.linearize(f, 1.0),
    "jacfwd": lambda f: ft.jacfwd(f)(1.0),
    "jacrev": lambda f: ft.jacrev(f)(1.0),
    "hessian": lambda f: ft.hessian(f)(1.0),
    "vmap": lambda f: ft.vmap(f)(np.ones(2)),
    "make_graph": lambda f: ft.make_graph(f)(1.0),
    "eval_shape": lambda f: ft.eval_shape(f, 1.0),
    "checkpoint": lambda f: ft.grad(ft.checkpoint(f))(1.0),
    "custom": lambda f: ft.grad(ft.custom(f))(1.0),
    "nested": lambda f: ft.vmap(ft.grad(lambda x: ft.jvp(f, (x,), (x,))[1]))(np.ones(2)),
}


@pytest.mark.parametrize("transform", TRANSFORMED)
def test_exception_inside_a_transform(transform: str) -> None:
    """It passes through unchanged, and the stack is empty afterwards."""

    class Stop(Exception):
        pass

    def f(x: Any) -> Any:
        np.sin(x)
        assert stack.top is not None
        raise Stop

    with pytest.raises(Stop):
        TRANSFORMED[transform](f)
    assert stack.top is type(stack).top
    assert type(np.sin(np.ones(2))) is np.ndarray


@pytest.mark.parametrize("transform", TRANSFORMED)
def test_exception_inside_a_rule(transform: str) -> None:
    """The backward pass and the derivative rules run under the parents: these are restored too."""

    class Stop(Exception):
        pass

    @ft.custom
    def failing(x: Any) -> Any:
        return x * 2.0

    def bwd(residuals: Any, g: Any) -> Any:
        raise Stop

    failing.defvjp(lambda x: (x * 2.0, None), bwd)

    def outer(x: Any) -> Any:
        return x * ft.grad(failing)(2.0)

    with pytest.raises(Stop):
        TRANSFORMED[transform](outer)
    assert stack.top is type(stack).top


# A checkpointed function runs on values first, so that what it stores is no traced array.
@pytest.mark.parametrize("transform", [name for name in TRANSFORMED if name != "checkpoint"])
def test_leaked_array(transform: str) -> None:
    """A stored traced array says, when used, where it came from and what to do."""
    kept = []

    def f(x: Any) -> Any:
        y = x * x
        kept.append(y)
        return y

    TRANSFORMED[transform](f)
    for use in (np.sin, lambda x: x + 1.0, lambda x: x[...], np.sum):
        with pytest.raises(LeakedArrayError, match="after its transform had ended.*has_aux=True"):
            use(kept[0])
        with pytest.raises(LeakedArrayError):
            ft.grad(lambda y, use=use: np.sum(use(kept[0])) * y)(1.0)


FORKED = """
import os, signal, threading
import functrans.torch as torch
from functrans.torch import backward

x = torch.tensor([1.0, 2.0], requires_grad=True)
begun, go = threading.Event(), threading.Event()

def wait():
    begun.set()
    go.wait()

def fork():  # while a thread does something; a child that waits for it is ended
    thread.start()
    begun.wait()
    threading.Timer(0.2, go.set).start()
    child = os.fork()
    signal.alarm(30)
    return child

def end(child):
    if not child:
        os._exit(0)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_while_a_thread_compiles() -> None:
    """Tensors hold no values meanwhile: the fork waits until they do."""
    code = """
torch.compile(lambda x: (x * 2.0).sum(), fullgraph=True)(x)  # which imports what it needs

@torch.compile(fullgraph=True)
def f(x):
    wait()
    return (x * x).sum()

thread = threading.Thread(target=f, args=(x,))
child = fork()
f(x).backward()
assert x.grad.tolist() == [2.0, 4.0]
end(child)
"""
    assert run(FORKED + code) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_while_a_thread_makes_a_tape() -> None:
    code = """
def hold():
    with backward._building:
        wait()

thread = threading.Thread(target=hold)
child = fork()
(x * x).sum().backward(create_graph=True)
assert x.grad.tolist() == [2.0, 4.0]
end(child)
"""
    assert run(FORKED + code) == (0, "", "")
