"""Random numbers of native code have the bits of NumPy's implementation."""

import ctypes
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import random
from functrans.compile.llvm.code.builder import Module
from functrans.compile.llvm.code.engine import PASSES, load, machine
from functrans.compile.llvm.code.library import Library
from functrans.compile.llvm.random.filling import FILLING, KINDS, LIBRARY, PIECE, _filling
from functrans.primitives.normal_quantile import logarithm
from functrans.primitives.random import KEY, bits_of, normal, random_split_impl, unit
from functrans.primitives.threefry import fill
from tests.llvm.native import carried_out, staged

SIZES = (1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 100, 1000)

DRAWS: dict[str, Callable[[Any, int], Any]] = {
    "normal": lambda k, n: random.normal(k, n),
    "normal float32": lambda k, n: random.normal(k, n, np.float32),
    "uniform": lambda k, n: random.uniform(k, n),
    "uniform float32": lambda k, n: random.uniform(k, n, np.float32),
    "split": lambda k, n: random.split(k, n),
    **{
        f"bits of {kind.__name__}": partial(
            lambda k, n, kind: random.bits(k, (n,), kind), kind=kind
        )
        for kind in (np.uint8, np.uint16, np.uint32, np.uint64)
    },
    "fold_in": lambda k, n: random.fold_in(k, n),
    "both": lambda k, n: random.uniform(k, (2, n)) * 2 + random.normal(k, (n,)),
}


def identical(found: Any, wanted: Any) -> None:
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", DRAWS)
def test_bits_are_those_of_numpy(name: str) -> None:
    """For one key and for lanes, with canaries around the results, and in exact programs."""
    for n in SIZES:
        draw = partial(DRAWS[name], n=n)
        keys = random.split(KEY, 3)
        for f, key in ((draw, KEY), (ft.vmap(draw), keys)):
            wanted = f(key)
            (found,) = carried_out(*staged(f, key)[:1], key)
            identical(found, wanted)
        exact = ft.jit(draw, exact=True, backend="llvm")
        identical(exact(KEY), draw(KEY))
        assert not exact.lower(KEY).source


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("bytes_of_vectors", [64, 32, 16])
def test_every_processor(
    bytes_of_vectors: int, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits by vectors of any size, written to nothing but the elements of the pieces."""
    here = machine()
    if bytes_of_vectors > here.vector_bytes:
        pytest.skip("this processor has no such vectors")
    monkeypatch.setattr(here, "vector_bytes", bytes_of_vectors)
    module = Module(plain=quick)
    names = {}
    for name in KINDS:
        inner = _filling(module, name)
        module.functions[inner] = module.functions[inner].replace("define internal", "define", 1)
        names[name] = inner
    code = load(module.text(), list(names.values()), verify=True, quick=quick)
    kinds = [
        {"i32": ctypes.c_uint32, "ptr": ctypes.c_void_p}.get(k, ctypes.c_int64) for k in FILLING
    ]
    finishes = {"uniform": unit, "normal": normal, "bits": bits_of}
    for name, inner in names.items():
        run = ctypes.CFUNCTYPE(None, *kinds)(code[inner])
        stem, _, element = name.partition("_")
        if stem.startswith("bits"):
            stem, dtype = "bits", np.dtype(f"u{int(stem[4:]) // 8}")
        else:
            dtype = np.dtype({"double": np.float64, "float": np.float32}.get(element, np.uint64))
        for n in (5, 1000, PIECE + 21):
            room = np.full(n + 2, 7, dtype)
            for piece in range(-(-n // PIECE)):
                run(*map(int, KEY), room[1:].ctypes.data, n, piece, piece + 1)
            if name == "keys":
                wanted = random_split_impl(KEY, shape=(n,)).view(np.uint64)[:, 0]
            else:
                wanted = fill(KEY, (n,), dtype, finishes[stem])
            identical(room[1:-1], wanted)
            assert room[0] == room[-1] == 7


def test_threads_make_the_same_numbers() -> None:
    """Pieces of large arrays are shared by threads."""
    n = 8 * PIECE + 3
    before = ft.get_num_threads()
    native = ft.jit(lambda k: random.normal(k, n), backend="llvm")
    try:
        for count in (1, 2):
            ft.set_num_threads(count)
            identical(native(KEY), random.normal(KEY, n))
    finally:
        ft.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_numbers_that_are_folded_in(dtype: str) -> None:
    """Numbers of any type of integers, with their signs, one for all keys or one for each."""
    keys = random.split(KEY, 4)
    limits = np.iinfo(dtype)
    numbers = np.array([0, 1, limits.min, limits.max], dtype)
    fold = ft.jit(ft.vmap(random.fold_in), backend="llvm")
    identical(fold(keys, numbers), ft.vmap(random.fold_in)(keys, numbers))
    each = ft.jit(ft.vmap(random.fold_in, in_axes=(0, None)), backend="llvm")
    for number in numbers:
        identical(each(keys, number), ft.vmap(random.fold_in, in_axes=(0, None))(keys, number))


def test_a_walk_with_a_key_for_each_step_is_one_loop() -> None:
    """Keys are made, and numbers drawn, within loops of native code."""

    def walk(key: Any, start: Any) -> Any:
        def step(carry: Any, i: Any) -> tuple[Any, Any]:
            x, key = carry
            key, own = random.split(key)
            x = 0.9 * x + random.normal(own, 3) + random.uniform(random.fold_in(key, i))
            return (x, key), x

        return ft.scan(step, (start, key), np.arange(20))[1]

    native = ft.jit(walk, backend="llvm")
    identical(native(KEY, np.zeros(3)), walk(KEY, np.zeros(3)))
    assert not native.lower(KEY, np.zeros(3)).source


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "uint64", "int8"])
def test_whole_numbers(dtype: str) -> None:
    """Bounds of any distance, where numbers are drawn again too, one for all or one for each."""
    limits = np.iinfo(dtype)
    key = random.key(5)

    def draw(key: Any, low: Any, high: Any) -> Any:
        return random.randint(key, (40,), low, high, dtype)

    native = ft.jit(draw, backend="llvm")
    high = np.linspace(1, min(limits.max, 2**62), 40).astype(np.int64)
    for low, top in (
        (0, 1),
        (0, 3),
        (limits.min // 2, min(limits.max, 2**62)),
        (np.zeros(40, int), high),
    ):
        identical(native(key, low, top), draw(key, low, top))
    keys = random.split(key, 3)
    lanes = ft.vmap(partial(draw, low=0, high=100))
    identical(ft.jit(lanes, backend="llvm")(keys), lanes(keys))
    assert not native.lower(key, np.zeros(40, int), high).source


def test_code_of_whole_numbers_is_short() -> None:
    """It has two encryptions. Where LLVM looks at both together, it is twice as long, takes twice
    the time, and is made in a third of a second."""
    one, two = [
        len(machine().compiled(Library({name: LIBRARY._functions[name]})._text(), PASSES))
        for name in ("encryption", "integer")
    ]
    assert two < 3 * one


def test_numbers_that_are_drawn_again() -> None:
    """With a span just above half of all numbers, half of them are."""
    high = np.full(200, 2**63 - 1)
    low = np.full(200, -3)
    native = ft.jit(lambda k: random.randint(k, (200,), low, high), backend="llvm")
    identical(native(KEY), random.randint(KEY, (200,), low, high))


def test_bounds_that_are_wrong_are_errors() -> None:
    """They are found in native code, and said by NumPy's implementation."""

    def draw(low: Any, high: Any) -> Any:
        return random.randint(KEY, (3,), low, high, np.int8)

    native = ft.jit(draw, backend="llvm")
    identical(native(np.array(0), np.array(5)), draw(0, 5))
    with pytest.raises(ValueError, match="greater than minval"):
        native(np.array(5), np.array(5))
    with pytest.raises(ValueError, match="can hold"):
        native(np.array(0), np.array(500))
    with pytest.raises(ValueError, match="can hold"):
        native(np.array(-500), np.array(5))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64"])
def test_keys_of_seeds(dtype: str) -> None:
    """All bits of seeds count, with their signs."""
    limits = np.iinfo(dtype)
    seeds = np.array([0, 1, limits.min, limits.max], dtype)
    make = ft.jit(ft.vmap(random.key), backend="llvm")
    identical(make(seeds), ft.vmap(random.key)(seeds))
    assert not make.lower(seeds).source


def test_half_precision_is_left_to_numpy() -> None:
    """What has no native code has the same numbers all the same."""
    half = ft.jit(lambda k: random.normal(k, 20, np.float16) * 2, backend="llvm")
    identical(half(KEY), random.normal(KEY, 20, np.float16) * 2)


def test_the_logarithm_of_the_quantile() -> None:
    """It is right within one unit in the last place, where numbers are small and near 1/2 too."""
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [np.exp(-rng.uniform(2.5, 40, 5000)), rng.uniform(0, 1, 5000), [0.5, 2**-60]]
    )
    found = logarithm(x)
    wide = np.log(x.astype(np.longdouble))
    if np.finfo(np.longdouble).eps < np.finfo(float).eps:
        assert np.all(np.abs(found - wide) <= 0.9 * np.spacing(np.abs(found)))
    assert logarithm(np.array([0.5]))[0] == -math.log(2)
