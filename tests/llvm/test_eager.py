"""Kernels for operations outside of jit: values, rules, what is left to NumPy, and the switch."""

import gc
import os
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import primitives as P
from functrans.compile import eager
from functrans.core.interpreter import stack
from functrans.core.primitive import REGISTRY, primitive_of
from functrans.core.types import ArrayType
from functrans.transforms.accelerated import Accelerated, hook, is_large

pytest.importorskip("llvmlite")

from functrans.compile.llvm.calling.memory import memory as memory_of_process, usual  # noqa: E402
from functrans.compile.llvm.eager.kernel import SIZE, Kernel, graph_of, pass_of  # noqa: E402
from functrans.compile.llvm.eager.operations import Operations  # noqa: E402

N = 12_000
RNG = np.random.default_rng(0)
X = RNG.uniform(0.2, 0.8, N)
G = RNG.normal(size=N)
SIZES = (0, 1, 7, 8, 15, 16, 17, 33, 100, 4095, 4097, 100_003)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Operations:
    """All kernels for all sizes."""
    monkeypatch.setattr(hook, "least", 0)
    return Operations(exact=False, least=0)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of operations and rules that kernels have carried out, while these are on."""
    found: list[str] = []
    value, partial = Operations.value, Operations.partial

    def valued(self: Operations, primitive: Any, *args: Any) -> Any:
        out = value(self, primitive, *args)
        found.extend([primitive.name] * (out is not None))
        return out

    def ruled(self: Operations, primitive: Any, *args: Any) -> Any:
        out = partial(self, primitive, *args)
        found.extend([f"{primitive.name} rule"] * (out is not None))
        return out

    monkeypatch.setattr(Operations, "value", valued)
    monkeypatch.setattr(Operations, "partial", ruled)
    with ft.eager_backend("llvm"):
        yield found


def close(x: Any, y: Any) -> None:
    assert type(x) is type(y)
    assert x.dtype == y.dtype and x.shape == y.shape
    if x.dtype.kind not in "fc":
        np.testing.assert_array_equal(x, y)
        return
    np.testing.assert_allclose(x, y, rtol=40 * np.finfo(x.dtype).eps, atol=np.finfo(x.dtype).tiny)


def call(operations: Operations, function: Any, *args: Any) -> Any:
    return operations.value(primitive_of(function), args, {})


@pytest.mark.parametrize("dtype", ["e", "f", "d", "F", "D"])
def test_values_of_any_size(operations: Operations, dtype: str) -> None:
    """The number of elements is told by the call, down to none."""
    for n in SIZES:
        x = RNG.uniform(0.2, 0.8, n).astype(dtype)
        close(call(operations, P.sin, x), np.sin(x))
        close(call(operations, P.multiply, x, x), x * x)


WITHOUT_KERNELS = {
    *("gamma_shape_ratio", "modified_bessel", "positive_polygamma", "sinc_slope"),
    *("spherical_bessel", "tail_moment", "truncated_quantile", "zero_at_zero"),
}
"""Series, integrals and such that are programs of NumPy's operations, which carries them out."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(n for n, p in REGISTRY.items() if p.kind == "elementwise" and p.pulls)
)
def test_every_operation_at_its_samples(operations: Operations, name: str) -> None:
    """What a kernel gives is what NumPy gives, in dtype, class and value, hard points included."""
    primitive, compared = REGISTRY[name], 0
    with np.errstate(all="ignore"):
        for sample in primitive.samples() if primitive.samples else ():
            if sample.params:
                continue
            args = tuple(sample.args)
            out = operations.value(primitive, args, {})
            if out is None:
                continue
            expected = primitive.impl(*args)
            assert type(out) is type(expected) and out.dtype == expected.dtype
            eps = np.finfo(out.dtype).eps if out.dtype.kind in "fc" else 0
            np.testing.assert_allclose(out, expected, rtol=64 * eps, atol=eps, err_msg=sample.label)
            compared += 1
    assert (compared > 0) == (name not in WITHOUT_KERNELS)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, 2.5),
        (X, 3),
        (2.5, X),
        (X.astype("f"), 2.5),
        (X.astype("f"), np.float64(2.5)),
        (X.astype("f"), X),
        (X, np.array(2.5)),
        (X, np.arange(N)),
        (X.astype("F"), X),
        (X, 1j),
    ],
    ids=str,
)
def test_promotion_is_that_of_numpy(operations: Operations, x: Any, y: Any) -> None:
    """Python numbers are weak, scalars and arrays are not."""
    found = call(operations, P.add, x, y)
    assert found is not None
    close(found, np.add(x, y))


def test_zeros_have_signs(operations: Operations) -> None:
    """A kernel that knows the number 0.0 is not that of -0.0."""
    for zero in (0.0, -0.0, 0, np.float64(-0.0), False):
        close(call(operations, P.copysign, X, zero), np.copysign(X, zero))


def test_layouts(operations: Operations) -> None:
    """What lies in C order or in Fortran's is served, in the same order; the rest is not."""
    x, y = X[:4900].reshape(70, 70), G[:4900].reshape(70, 70)
    for a, b in ((x, y), (x.T, y.T), (x, 2.0), (x.T, np.float32(2))):
        found = call(operations, P.arctan2, a, b)
        close(found, np.arctan2(a, b))
        assert found.strides == np.arctan2(a, b).strides
    flat = np.broadcast_to(np.float64(3), N)
    close(call(operations, P.arctan2, X, flat), np.arctan2(X, flat))
    for a, b in ((x, y.T), (x, y[0]), (x[:, ::2], 2.0), (X[::2], X[1::2]), (flat, flat)):
        assert call(operations, P.arctan2, a, b) is None
    assert call(operations, P.sin, np.float64(1)) is None
    assert call(operations, P.sin, np.array(1.0)) is None
    assert call(operations, P.sin, X.astype(">f8")) is None
    bytes_ = np.zeros(8 * N + 1, np.uint8)[1:]
    odd = bytes_.view(np.float64)
    odd[:] = X
    close(call(operations, P.sin, odd), np.sin(X))


def test_results_share_no_memory(operations: Operations) -> None:
    """Operands stay what they are, and are no part of results."""
    x = X.copy()
    out = call(operations, P.add, x, x)
    assert not np.shares_memory(out, x) and out.flags.owndata and out.flags.writeable
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("n", [N, 100_003])
@pytest.mark.parametrize("place", [0, 17, -1])
def test_warnings_are_those_of_numpy(operations: Operations, n: int, place: int) -> None:
    """An infinity or NaN that comes to be is told as NumPy tells it; one that was there is not."""
    x = np.ones(n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for there in (np.nan, np.inf):
            x[place] = there
            close(call(operations, P.exp, x), np.exp(x))
        x[place] = 0.0
        with pytest.raises(RuntimeWarning, match="divide by zero encountered in log"):
            call(operations, P.log, x)
        x[place] = 1e4
        with pytest.raises(RuntimeWarning, match="overflow encountered in exp"):
            call(operations, P.exp, x)
        x[place] = np.inf
        with pytest.raises(RuntimeWarning, match="invalid value encountered in sin"):
            call(operations, P.sin, x)
    with np.errstate(all="ignore"):
        close(call(operations, P.sin, x), np.sin(x))


@pytest.mark.parametrize("kind", ["raise", "call", "print", "log"])
def test_numpy_serves_where_errors_interrupt(operations: Operations, kind: Any) -> None:
    """Also where nothing goes wrong; and where an underflow is told."""
    with np.errstate(divide=kind):
        assert call(operations, P.sin, X) is None
    with np.errstate(under="warn"):
        assert call(operations, P.sin, X) is None
    assert call(operations, P.sin, X) is not None


def chain(x: Any) -> Any:
    for _ in range(3):
        x = np.sin(x) * ft.nn.silu(x) + np.hypot(x, 2.0) / np.cosh(x)
    return np.sum(x)


def slope(x: Any) -> Any:
    return np.hypot(x, 1.0)


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "grad": ft.grad(chain),
    "value_and_grad": lambda x: ft.value_and_grad(chain)(x)[1],
    "vjp": lambda x: ft.vjp(chain, x)[1](1.0)[0],
    "jvp": lambda x: ft.jvp(chain, (x,), (np.cos(x),))[1],
    "linearize": lambda x: ft.linearize(chain, x)[1](np.cos(x)),
    "vmap": lambda x: ft.vmap(lambda y: np.logaddexp(y, 1.0) * np.sin(y))(x),
    "hvp": lambda x: ft.hvp(chain, (x,), (np.cos(x),)),
    "vmap of grad": lambda x: ft.vmap(ft.grad(chain))(x.reshape(-1, 10)),
    "custom": lambda x: ft.grad(lambda x: np.sum(ft.custom(slope)(x)))(x),
    "checkpoint": lambda x: ft.grad(lambda x: ft.checkpoint(chain)(x))(x),
    "pytree": lambda x: ft.grad(lambda p: chain(p["a"][0]))({"a": [x, 1.0]})["a"][0],
    "constant": lambda x: ft.grad(lambda a, y: np.sum(np.hypot(y * a, 2.0)))(2.0, x),
    "jit": lambda x: ft.grad(lambda x: np.sum(ft.jit(np.sin, backend="numpy")(x)))(x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("dtype", ["f", "d"])
def test_transforms(served: list[str], name: str, dtype: str) -> None:
    """Every transform gives what it gives on NumPy, and kernels did it."""
    x = X.astype(dtype)
    found = TRANSFORMS[name](x)
    assert served or name == "jit"
    with ft.eager_backend("numpy"):
        count = len(served)
        expected = TRANSFORMS[name](x)
        assert len(served) == count
    assert stack.top is type(stack).top
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype and type(a) is type(b)
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=0, atol=200 * np.finfo(dtype).eps * scale)


def test_rules_are_fused(served: list[str]) -> None:
    """The cotangent of an operation is one pass."""
    ft.grad(lambda x: np.sum(np.sin(x) * 2.0))(X)
    assert served == ["sin", "sin rule"]


def test_small_arrays_take_no_other_way(served: list[str]) -> None:
    """A transform of small arrays has nothing below itself; what is large in the middle neither."""
    small = X[: hook.least - 1]
    for transform in (TRANSFORMS["grad"], TRANSFORMS["jvp"], TRANSFORMS["vmap"]):
        transform(small)
    assert not served
    seen: list[Any] = []
    ft.grad(lambda x: (seen.append(stack.top), np.sum(x))[1])(small)
    assert seen[0].parent is type(stack).top


def test_large_arguments() -> None:
    """Arrays in containers, registered classes and dictionaries are found."""
    assert is_large({"a": (1, [X])}) and is_large(ft.nn) is False
    assert not is_large({"a": (1, [X[:10]]), "b": None, "c": "text", "d": 2.0})


def test_exact(served: list[str]) -> None:
    """Exact kernels have NumPy's bits, in rules too."""

    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * np.sqrt(x) / np.hypot(x, 1.0) * np.abs(np.degrees(x)))

    x = np.concatenate([X] * 8)
    with ft.eager_backend("exact"):
        found = ft.grad(f)(x)
    assert served and not {"sin", "sin rule", "hypot"} & set(served)
    with ft.eager_backend("numpy"):
        np.testing.assert_array_equal(found, ft.grad(f)(x))


def test_threads_do_not_change_results(served: list[str]) -> None:
    """How work is cut depends on its size alone; several threads of Python work at once."""
    x = RNG.normal(size=400_003)
    before = ft.get_num_threads()
    try:
        ft.set_num_threads(1)
        expected = TRANSFORMS["grad"](x)
        ft.set_num_threads(3)
        found: list[Any] = [None] * 3

        def run(i: int) -> None:
            with ft.eager_backend("llvm"):
                found[i] = TRANSFORMS["grad"](x)

        workers = [threading.Thread(target=run, args=(i,)) for i in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        ft.set_num_threads(before)
    for each in found:
        np.testing.assert_array_equal(each, expected)


def handler() -> str:
    """Which allocator new arrays of this thread have."""
    return np._core.multiarray.get_handler_name()  # type: ignore[attr-defined,no-any-return]


def test_memory_is_used_again(served: list[str]) -> None:
    """A result takes the memory of an array that went, within transforms alone."""
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(handler())
        return np.sum(np.sin(x))

    a = ft.grad(f)(X)
    assert seen == ["functrans"] and handler() == "default_allocator"
    assert np._core.multiarray.get_handler_name(a) == "functrans"  # type: ignore[attr-defined]
    place = a.ctypes.data
    del a
    assert any([ft.grad(f)(X).ctypes.data == place for _ in range(4)])
    a = ft.grad(f)(X)
    ft.clear_caches()
    np.testing.assert_allclose(a, np.cos(X), rtol=1e-15)
    with pytest.raises(ValueError, match="stop"):
        ft.grad(stopping)(X)
    assert handler() == "default_allocator"


def stopping(x: Any) -> Any:
    raise ValueError("stop")


def test_blocks_that_are_kept() -> None:
    """No two arrays have the same memory, whatever is made, resized and dropped; no more than so
    much is kept, and it can be given back."""
    memory = memory_of_process()
    assert memory is not None and usual()
    rng = np.random.default_rng(0)
    live: dict[int, tuple[Any, int]] = {}
    before = memory.enter()
    try:
        assert not usual()
        for i in range(20_000):
            key = int(rng.integers(200))
            if key in live:
                x, value = live.pop(key)
                assert x[0] == x[-1] == value
                if i % 20 == 0:
                    x.resize(int(rng.integers(1, 30_000)), refcheck=False)
                del x
            x = np.empty(int(rng.choice([3, 100, 3000, 5000, 5001, 20_000, 70_000])))
            x[0] = x[-1] = i
            live[key] = x, i
            if i % 5000 == 0:
                memory.clear()
        zeros = np.zeros(5000)
        assert not zeros.any()
    finally:
        memory.leave(before)
    live.clear()
    memory.clear()


def test_code_goes_with_its_kernel() -> None:
    """Kernels are forgotten when there are many: their code is not kept for good."""
    graph = graph_of(lambda x: x * 1.234567, [ArrayType((SIZE,), float)], "own")
    assert graph is not None
    work = pass_of(graph)
    assert work is not None
    kernel = Kernel(work, lambda *_: None, reports=False)
    (out,) = kernel.call(np.ones(3))
    assert out.tolist() == [1.234567] * 3
    code = weakref.ref(kernel._code)
    del kernel
    gc.collect()
    assert code() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork() -> None:
    """A child has kernels too, those of before and new ones."""
    program = (
        "import os, numpy as np, functrans as ft\n"
        "x = np.linspace(0.1, 1, 300_000)\n"
        "f = lambda x: np.sum(np.sin(x))\n"
        "a = ft.grad(f)(x)\n"
        "pid = os.fork()\n"
        "good = (ft.grad(f)(x) == a).all() and ft.grad(lambda x: np.sum(np.hypot(x, 2)))(x).all()\n"
        "if not pid: os._exit(0 if good else 1)\n"
        "assert good and os.waitpid(pid, 0)[1] == 0\n"
    )
    environment = {**os.environ, "FUNCTRANS_EAGER": "llvm", "FUNCTRANS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, env=environment)


def test_results_outlive_everything() -> None:
    """Arrays with kept memory may go while Python ends, or never."""
    program = (
        "import builtins, ctypes, sys, numpy as np, functrans as ft\n"
        "x = np.linspace(0.1, 1, 100_000)\n"
        "made = [ft.grad(lambda x: np.sum(np.sin(x)))(x) for _ in range(6)]\n"
        "class Late:\n"
        "    def __init__(self, x): self.x, self.me = x, self\n"
        "    def __del__(self): self.x = self.x * 2\n"
        "builtins.one, sys.two, np.three, ctypes.four = map(Late, made[:4])\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(made[4]))\n"
    )
    environment = {**os.environ, "FUNCTRANS_EAGER": "llvm"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_llvmlite_comes_with_the_first_large_array() -> None:
    """Neither the import nor small arrays load it."""
    program = (
        "import sys, numpy as np, functrans as ft\n"
        "g = ft.grad(lambda x: np.sum(np.sin(x)))\n"
        "g(np.ones(100))\n"
        "assert 'llvmlite' not in sys.modules and 'functrans.compile.eager' not in sys.modules\n"
        "g(np.ones(10_000))\n"
        "assert 'llvmlite' in sys.modules\n"
    )
    environment = {**os.environ, "FUNCTRANS_EAGER": "llvm", "FUNCTRANS_CACHE": "0"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_the_switch() -> None:
    """The block of this thread, then what was set for all, then the environment."""
    before = ft.get_eager_backend()
    ft.set_eager_backend("numpy")
    try:
        assert ft.get_eager_backend() == "numpy" and eager.kernels() is None
        with ft.eager_backend("llvm"):
            assert ft.get_eager_backend() == "llvm"
            with ft.eager_backend("exact"):
                kernels = eager.kernels()
                assert kernels is not None and kernels.exact and kernels is eager.kernels()
            assert ft.get_eager_backend() == "llvm"
    finally:
        ft.set_eager_backend(None)
    assert ft.get_eager_backend() == before


def test_what_the_environment_says() -> None:
    """Its own variable, then that of jit where it turns native code off."""
    assert eager.told({"FUNCTRANS_EAGER": "exact", "FUNCTRANS_BACKEND": "numpy"}) == "exact"
    assert eager.told({"FUNCTRANS_BACKEND": "numpy"}) == "numpy"
    assert eager.told({"FUNCTRANS_BACKEND": "llvm"}) == eager.told({})
    with pytest.raises(ft.errors.OptionError, match="environment variable FUNCTRANS_EAGER is 'on'"):
        eager.told({"FUNCTRANS_EAGER": "on"})


def test_tensors(served: list[str]) -> None:
    """Operations on large tensors, and their gradients, with and without a graph of these."""
    import functrans.torch as torch

    def gradients(n: int) -> list[Any]:
        x = torch.tensor(np.linspace(0.1, 3.0, n), requires_grad=True)
        y = torch.nn.functional.softplus(torch.sin(x) * x) / torch.cosh(x)
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first * first).sum(), x)
        return [y.detach().numpy(), first.detach().numpy(), second.numpy()]

    found = gradients(20_000)
    assert {"sin", "sin rule", "softplus", "softplus rule"} <= set(served)
    with ft.eager_backend("numpy"):
        count = len(served)
        expected = gradients(20_000)
        small = gradients(100)
        assert len(served) == count
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-14 * np.abs(b).max())
    for a, b in zip(gradients(100), small, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(served) == count


def test_one_interpreter_lies_below() -> None:
    """However many of functrans' functions a call goes through."""
    depths = []

    def f(x: Any) -> Any:
        top, found = stack.top, 0
        while top is not None:
            found += isinstance(top, Accelerated)
            top = top.parent
        depths.append(found)
        return np.sum(x * x)

    x = np.ones(hook.least)
    with ft.eager_backend("llvm"):
        ft.grad(f)(x)
        ft.value_and_grad(f)(x)
        ft.vmap(f)(np.stack([x, x]))
        ft.vmap(ft.grad(f))(np.stack([x, x]))
    assert depths == [1] * 4
