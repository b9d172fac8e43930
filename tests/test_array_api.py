"""``functrans.numpy`` follows the Python array API standard, on plain and on traced arrays."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import tree
from functrans.core.array import FUNCTIONS, TracedArray
from functrans.core.errors import ConversionError
from functrans.numpy import standard
from functrans.testing import check_grads
from tests import standard_names as names
from tests.test_numpy_namespace import same

INSTALLED = np.lib.NumpyVersion(np.__version__)


def member(name: str) -> Any:
    """A function of the namespace, or of one of its extensions."""
    found: Any = fnp
    for part in name.split("."):
        found = getattr(found, part)
    return found


def wanted_signature(name: str) -> inspect.Signature:
    return inspect.signature(eval(f"lambda {names.SIGNATURES[name]}: None"))


def theirs(name: str) -> inspect.Signature | None:
    try:
        return inspect.signature(member(name))
    except (TypeError, ValueError):
        return None  # a ufunc of an older NumPy: calls tell


@pytest.mark.parametrize("name", names.SIGNATURES)
def test_signature(name: str) -> None:
    """Every call that the standard allows binds, and keywords have its defaults."""
    wanted, given = wanted_signature(name), theirs(name)
    if given is None:
        return
    positional = [p for p in wanted.parameters.values() if p.kind is p.POSITIONAL_ONLY]
    either = [p for p in wanted.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [p for p in wanted.parameters.values() if p.kind is p.KEYWORD_ONLY]
    first = [None] * len(positional)
    given.bind(*first, *either, **{p.name: None for p in keywords})
    given.bind(*first, **{p.name: None for p in either + keywords})
    for p in keywords + either:
        mine = given.parameters.get(p.name)
        if mine is None or p.default is p.empty:
            continue  # behind **kwargs
        # What is not given, by NumPy's name and by the standard's.
        known = [(None, "backward"), (None, True), (float, None)]
        known += [(np._NoValue, value) for value in (None, False, 0.0, -1)]
        assert mine.default == p.default or (mine.default, p.default) in known, p.name


def test_constants_and_dtypes() -> None:
    for name in names.CONSTANTS:
        assert getattr(fnp, name) is getattr(np, name)
    for name in names.DTYPES:
        assert np.dtype(getattr(fnp, name)) == np.dtype(name)
    assert fnp.__array_api_version__ == "2024.12"


def test_every_function_has_a_call() -> None:
    text = " ".join([call for call, _ in names.CALLS] + list(names.OWN_CALLS))
    called = set(re.findall(r"xp\.((?:linalg\.|fft\.)?\w+)\(", text))
    assert set(names.SIGNATURES) - called == names.PLAIN
    for name in names.SIGNATURES:
        assert callable(member(name)), name


def cases() -> list[Any]:
    found = []
    own = [(call, args, reference) for call, (reference, args) in names.OWN_CALLS.items()]
    for call, args, reference in [(call, args, call) for call, args in names.CALLS] + own:
        if (call, args) in names.CALLS and call in names.OWN_CALLS:
            continue
        given = args.split()
        count = 2 if re.search(r"\by\b", call) else 1
        for i in range(0, len(given), count):
            values = [names.ARRAYS[n] for n in given[i : i + count]]
            label = f"{call} {','.join(given[i : i + count])}"
            found.append(pytest.param(call, reference, values, id=label))
    return found


def function(call: str) -> Any:
    return eval(f"lambda x, y=None: ({call})", {"xp": fnp, "np": np})


def expected_of(reference: str, args: list[Any]) -> Any:
    """What NumPy gives; where the installed one is too old for a call, our own on plain arrays."""
    try:
        return eval(f"lambda x, y=None: ({reference})", {"xp": np, "np": np})(*args)
    except (AttributeError, TypeError, ValueError):
        assert INSTALLED < "2.3.0"
        return function(reference)(*args)


each_case = pytest.mark.parametrize(("call", "reference", "args"), cases())


@each_case
def test_value_is_numpys(call: str, reference: str, args: list[Any]) -> None:
    """On plain arrays, and on traced ones in reverse and in forward mode."""
    f, expected = function(call), expected_of(reference, args)
    same(f(*args), expected)
    if args[0].dtype.kind not in "fc":
        return
    same(ft.vjp(f, *args)[0], expected)
    same(ft.jvp(f, tuple(args), tuple(map(np.ones_like, args)))[0], expected)


@pytest.mark.slow
@each_case
def test_derivative(call: str, reference: str, args: list[Any]) -> None:
    if args[0].dtype.kind not in "fc" or any(name in call for name in ("nextafter", "argsort")):
        pytest.skip("no derivative, or one that differences cannot see")
    f = function(call.replace("float32", "float64"))
    if any(x.dtype.kind not in "fc" for x in tree.leaves(f(*args))):
        pytest.skip("integers")
    check_grads(f, args, order=1)


DATA_DEPENDENT = ("xp.unique_", "xp.nonzero(")


@each_case
def test_batch_is_a_loop(call: str, reference: str, args: list[Any]) -> None:
    if call.startswith(DATA_DEPENDENT):
        with pytest.raises(ConversionError):
            ft.vmap(function(call))(*[x[None] for x in args])
        return
    f = function(call)
    other = [x * 0.9 if x.dtype.kind in "fc" else np.flip(x) for x in args]
    lanes = [f(*args), f(*other)]
    expected = tree.map(lambda *xs: np.stack(xs), *lanes)
    same(ft.vmap(f)(*[np.stack(pair) for pair in zip(args, other, strict=True)]), expected)


@each_case
def test_graph_is_the_function(call: str, reference: str, args: list[Any]) -> None:
    if call.startswith(DATA_DEPENDENT):
        with pytest.raises(ConversionError):
            ft.make_graph(function(call))(*args)
        return
    f = function(call)
    same(ft.make_graph(f)(*args)(*args), expected_of(reference, args))


def total_of(call: str) -> Any:
    """A real number made of all that a call returns, each element with a weight of its own."""
    f = function(call.replace("float32", "float64"))

    def total(*args: Any) -> Any:
        parts = []
        for leaf in tree.leaves(f(*args)):
            weights = np.cos(np.arange(np.size(leaf))).reshape(np.shape(leaf))
            parts.append(np.sum(weights * (np.real(leaf) + np.imag(leaf))))
        return sum(parts)

    return total


@pytest.mark.slow
@each_case
def test_nestings(call: str, reference: str, args: list[Any]) -> None:
    """Batches and graphs of gradients, and second derivatives in both orders."""
    if args[0].dtype.kind not in "fc" or call.startswith(DATA_DEPENDENT):
        pytest.skip("no derivative, or no batch")
    total, everything = total_of(call), tuple(range(len(args)))
    gradient = ft.grad(total, argnums=everything)
    other = [x * 0.9 for x in args]
    expected = tree.map(lambda *xs: np.stack(xs), gradient(*args), gradient(*other))
    found = ft.vmap(gradient)(*[np.stack(pair) for pair in zip(args, other, strict=True)])
    same(found, expected, exact=False)
    same(ft.make_graph(gradient)(*args)(*other), gradient(*other), exact=False)
    tangents = tuple(np.cos(1 + np.arange(x.size)).reshape(x.shape).astype(x.dtype) for x in args)
    forward = ft.jvp(gradient, tuple(args), tangents)[1]
    slope = ft.grad(lambda *xs: ft.jvp(total, xs, tangents)[1], argnums=everything)
    same(slope(*args), forward, exact=False)


def seen_by(f: Any, *args: Any) -> list[Any]:
    """What a function of traced arrays returns under four transforms that is no array."""
    found: list[Any] = []

    def watch(*xs: Any) -> Any:
        found.append(f(*xs))
        return xs[0]

    tangents = tuple(np.ones_like(x) for x in args)
    ft.vjp(watch, *args)
    ft.jvp(watch, args, tangents)
    ft.vmap(watch)(*args)
    ft.make_graph(watch)(*args)
    ft.vmap(ft.grad(lambda x: np.sum(watch(x))))(args[0][None])
    return found


def test_questions_about_types() -> None:
    x = np.ones((2, 3), np.float32)
    calls = {
        "xp.can_cast(x, xp.float64)": True,
        "xp.finfo(x).bits": 32,
        "xp.finfo(x).dtype": np.dtype(np.float32),
        "xp.iinfo(x > 0 if False else xp.astype(x, xp.int8)).max": 127,
        "xp.isdtype(x.dtype, ('real floating', 'bool'))": True,
        "xp.result_type(x, 1.0, xp.int8)": np.dtype(np.float32),
    }
    for call, expected in calls.items():
        f = function(call)
        assert f(x) == expected
        assert seen_by(f, x) == [expected] * 5, call
    limits = fnp.finfo(np.complex64)
    for name in ("eps", "max", "min", "smallest_normal"):
        assert type(getattr(limits, name)) is float
    assert limits.tiny == np.finfo(np.float32).tiny
    assert fnp.finfo(np.float64(1)).eps == np.finfo(float).eps
    with pytest.raises(AttributeError):
        limits.nothing  # noqa: B018
    with pytest.raises(ValueError, match="not inexact|not compatible with finfo"):
        fnp.finfo(int)


def test_the_namespace_of_traced_arrays() -> None:
    x = np.ones((2, 3))
    assert seen_by(lambda x: x.__array_namespace__(), x) == [fnp] * 5
    for version in ("2021.12", "2024.12"):
        assert seen_by(lambda x, v=version: x.__array_namespace__(api_version=v), x) == [fnp] * 5
    with pytest.raises(ValueError, match="follows version 2024.12"):
        ft.grad(lambda x: x.__array_namespace__(api_version="2031.12"))(x)


def test_the_array_object() -> None:
    x = np.ones((4, 2, 3))
    calls = {
        "x.dtype": np.dtype(float),
        "x.device": "cpu",
        "x.ndim, x.shape, x.size": (3, (4, 2, 3), 24),
        "x.T.shape, x.mT.shape": ((3, 2, 4), (4, 3, 2)),
        "x.to_device('cpu') is x": True,
    }
    for call, expected in calls.items():
        assert expected in seen_by(function(call), x)
    with pytest.raises(ValueError, match="unsupported device"):
        ft.grad(lambda x: x.to_device("gpu"))(x)
    with pytest.raises(ValueError, match="streams"):
        ft.grad(lambda x: x.to_device("cpu", stream=1))(x)
    binary = ("add", "and", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift")
    for name in (*binary, "sub", "truediv", "xor"):
        for prefix in ("", "r", "i"):
            assert hasattr(TracedArray, f"__{prefix}{name}__"), name
    for name in ("abs", "bool", "complex", "eq", "float", "ge", "getitem", "gt", "index", "int"):
        assert hasattr(TracedArray, f"__{name}__"), name
    for name in ("invert", "le", "lt", "ne", "neg", "pos", "setitem"):
        assert hasattr(TracedArray, f"__{name}__"), name


@pytest.mark.parametrize(
    "share", [np.from_dlpack, fnp.from_dlpack, lambda x: x.__dlpack_device__()]
)
def test_traced_arrays_are_not_shared(share: Any) -> None:
    with pytest.raises(ConversionError, match="by DLPack"):
        ft.grad(lambda x: np.sum(share(x)))(np.ones(3))


@pytest.mark.parametrize(
    "call",
    [
        "xp.asarray(x, device='gpu')",
        "xp.zeros_like(x, device='gpu')",
        "xp.full_like(x, 1.0, device='gpu')",
        "xp.linspace(x[0], 1.0, 3, device='gpu')",
        "xp.asarray(np.ones(3), device='gpu')",
    ],
)
def test_there_is_one_device(call: str) -> None:
    with pytest.raises(ValueError, match="evice"):
        ft.grad(lambda x: np.sum(function(call)(x)))(np.ones(3))


def test_clip_takes_both_pairs_of_names() -> None:
    x = np.array([-2.0, 0.5, 3.0])
    expected = [0.0, 0.5, 1.0]
    for call in (
        lambda x: fnp.clip(x, 0, 1),
        lambda x: fnp.clip(x, min=0, max=1),
        lambda x: fnp.clip(x, a_min=0, a_max=1),
        lambda x: fnp.clip(x, 0, fnp.asarray(1.0)),
        lambda x: fnp.clip(x, min=0.0 * x, max=[1.0]),
    ):
        same(call(x), np.array(expected))
        same(ft.vmap(lambda x, f=call: f(x[None])[0])(x), np.array(expected))
        same(ft.vjp(call, x)[0], np.array(expected))
    same(fnp.clip([3, 1], max=2), np.array([2, 1]))
    assert fnp.clip(x) is not x
    out = np.empty(3)
    assert fnp.clip(x, 0, 1, out) is out
    assert ft.grad(lambda t: np.sum(fnp.clip(x, t, 1.0)))(0.25) == 1
    with pytest.raises(ValueError, match="not both"):
        fnp.clip(x, 0, a_max=1)


def test_sorting_takes_numpys_arguments() -> None:
    x = np.array([[2.0, np.nan, 1.0, 2.0], [0.0, 3.0, -0.0, 0.0]])
    for axis in (0, 1, -1, None):
        for kind in (None, "stable", "heapsort"):
            same(fnp.sort(x, axis, kind), np.sort(x, axis, kind))
            same(fnp.sort(x.tolist(), axis, kind), np.sort(x, axis, kind))
        same(fnp.argsort(x, axis), np.argsort(x, axis, "stable"))
        same(fnp.argsort(x, axis, "heapsort"), np.argsort(x, axis, "heapsort"))
        back = np.argsort(-x, axis, "stable")
        same(fnp.argsort(x, axis, descending=True), back)
        same(fnp.argsort(x.tolist(), axis, descending=True), back)
        same(fnp.sort(x, axis, descending=True), -np.sort(-x, axis))
    same(fnp.argsort(fnp.arange(3), stable=False), np.arange(3))
    for f in (fnp.sort, fnp.argsort):
        with pytest.raises(ValueError, match="kind"):
            f(x, kind="stable", stable=True)
        with pytest.raises(np.exceptions.AxisError):
            f(x, axis=2, descending=True)
    for f in (fnp.sort, fnp.argsort):
        with pytest.raises(TypeError, match="no fields|dtype"):
            f(np.zeros(2, [("a", int)]), order="a", descending=True)


def test_descending_orders() -> None:
    """Of every dtype; equal elements keep their order, and NaN comes last."""
    for x, expected in (
        (np.array([2, -128, 127, 2], np.int8), [2, 0, 3, 1]),
        (np.array([2, 0, 255, 2], np.uint8), [2, 0, 3, 1]),
        (np.array([False, True, False]), [1, 0, 2]),
        (np.array([1.0, np.nan, np.inf, -np.inf, 1.0]), [2, 0, 4, 3, 1]),
        (np.array([1 + 2j, 1 - 2j, complex(np.nan, 0), 2]), [3, 0, 1, 2]),
    ):
        same(fnp.argsort(x, descending=True), np.array(expected))
        same(fnp.sort(x, descending=True), x[expected])
        traced = ft.vmap(lambda x: fnp.sort(x, descending=True))(x[None])[0]
        same(traced, x[expected])
    x = np.array([1.0, 3.0, 1.0, 2.0])
    rate = ft.jacrev(lambda x: fnp.sort(x, descending=True))(x)
    np.testing.assert_array_equal(
        rate, [[0, 1, 0, 0], [0, 0, 0, 1], [0.5, 0, 0.5, 0], [0.5, 0, 0.5, 0]]
    )


def test_what_old_versions_of_numpy_lack() -> None:
    """The functions for them, tried with the installed one, whichever that is."""
    x = np.array([[3.0, 0.0], [1.0, 2.0]])
    same(standard.astype(x, np.float32), x.astype(np.float32))
    assert standard.astype(x, float) is not x
    assert standard.astype(x, float, copy=False) is x
    same(np.asarray(standard.count_nonzero(x)), np.asarray(3))
    assert standard.count_nonzero(x).dtype == np.intp
    same(standard.count_nonzero(x, 0, keepdims=True), np.array([[2, 1]]))
    same(standard.nonzero(x), np.nonzero(x))
    with pytest.raises(ValueError, match="0d"):
        standard.nonzero(np.float64(1))
    same(standard.take_along_axis(x, np.array([[1], [0]])), np.array([[0.0], [1.0]]))
    same(standard.reshape(x, (4,)), x.ravel())
    same(standard.reshape(x, newshape=(4,)), x.ravel())
    assert np.shares_memory(standard.reshape(x, (4,), copy=False), x)
    assert not np.shares_memory(standard.reshape(x, (4,), copy=True), x)
    with pytest.raises(ValueError, match="copy"):
        standard.reshape(x.T, (4,), copy=False)
    shared = standard.from_dlpack(x)
    assert np.shares_memory(shared, x)
    assert not np.shares_memory(standard.from_dlpack(x, copy=True, device="cpu"), x)
    old = standard.missing_before(np.lib.NumpyVersion("2.0.0"))
    assert set(old) <= set(names.SIGNATURES)
    assert standard.missing_before(np.lib.NumpyVersion("2.4.0")) == {}
    for f in old.values():
        assert callable(f)
    expected = [np.array([3.0, 1.0]), np.array([0.0, 2.0])]
    same(eval("unstack(x, axis=1)", dict(old), {"x": x}), tuple(expected))
    expected = [np.array([3.0, 3.0]), np.array([1.0, 3.0])]
    same(eval("cumulative_sum(x, axis=1)", dict(old), {"x": x}), np.stack(expected))
    info, numpys = (
        standard.NamespaceInfo(),
        getattr(np, "__array_namespace_info__", standard.NamespaceInfo)(),
    )
    assert info.devices() == list(numpys.devices())  # a tuple since NumPy 2.5
    for call in (
        "capabilities()",
        "default_device()",
        "default_dtypes(device='cpu')",
        "dtypes()",
        "dtypes(kind='real floating')",
        "dtypes(kind=('integral', 'complex floating'))",
    ):
        assert eval(f"info.{call}", {"info": info}) == eval(f"info.{call}", {"info": numpys}), call
    with pytest.raises(ValueError, match="device"):
        info.default_dtypes(device="gpu")


def test_namespace_info() -> None:
    info = fnp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == np.float64
    assert info.capabilities()["boolean indexing"]
    # Where values are not known, a mask selects nobody knows how many.
    found = seen_by(lambda x: info.capabilities()["boolean indexing"], np.ones((2, 3)))
    assert found == [True, True, False, False, False]


def test_unique_tells_what_numpy_tells() -> None:
    """NaN differ from each other, and the values keep their derivative."""
    x = np.array([[2.0, np.nan, 1.0], [2.0, 1.0, np.nan]])
    for f in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
        assert f in FUNCTIONS
        found: list[Any] = []
        ft.vjp(lambda x, f=f, s=found: s.append(ft.stop_gradient(f(x))) or x, x)
        expected = f(x)
        same(found[0], tuple(expected) if isinstance(expected, tuple) else expected)
        assert getattr(found[0], "_fields", None) == getattr(expected, "_fields", None)


@pytest.mark.parametrize(
    "make",
    [
        lambda c: fnp.zeros_like(c),
        lambda c: fnp.ones_like(c, dtype=float),
        lambda c: fnp.empty_like(c),
        lambda c: fnp.full_like(c, 2.0),
        lambda c: fnp.asarray(c, copy=True),
        lambda c: fnp.astype(c, np.float64),
    ],
)
def test_arrays_like_plain_ones_can_hold_traced_values(make: Any) -> None:
    constant = np.array([1.0, 2.0, 3.0])

    def f(x: Any) -> Any:
        y = make(constant)
        y[:] = x * constant
        return y

    x = np.array([2.0, -1.0, 0.5])
    np.testing.assert_array_equal(ft.jacrev(f)(x), np.diag(constant))
    np.testing.assert_array_equal(ft.jvp(f, (x,), (np.ones(3),))[1], constant)
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([x, x])), np.stack([x, x]) * constant)
    np.testing.assert_array_equal(ft.make_graph(f)(x)(x), x * constant)
    np.testing.assert_array_equal(constant, [1.0, 2.0, 3.0])
    assert type(make(constant)) is np.ndarray and make(constant) is not constant


def test_copies_of_indices_stay_plain() -> None:
    """They may be used as indices, of which a batch of its own would make traced ones."""

    def f(x: Any) -> Any:
        places = fnp.astype(fnp.asarray(np.array([2.0, 0.0]), copy=False), np.int64)
        assert type(places) is type(fnp.asarray(places, copy=True)) is np.ndarray
        return x[places]

    np.testing.assert_array_equal(ft.vmap(f)(np.arange(6.0).reshape(2, 3)), [[2, 0], [5, 3]])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("np.asarray([1.0, 2.0], like=x)", [1.0, 2.0]),
        ("np.array(np.ones(2), like=x)", [1.0, 1.0]),
        ("np.zeros(2, like=x)", [0.0, 0.0]),
        ("np.full(2, 3.0, like=x)", [3.0, 3.0]),
        ("np.full(2, x[0], like=x)", [0.5, 0.5]),
        ("np.arange(2.0, like=x)", [0.0, 1.0]),
        ("np.eye(2, like=x)[1]", [0.0, 1.0]),
        ("np.asarray(x, like=x)", [0.5, 2.0]),
        ("xp.asarray(np.ones(2), like=x)", [1.0, 1.0]),
        ("xp.zeros(2, like=x)", [0.0, 0.0]),
        ("xp.array([x[0], 1.0], like=x)", [0.5, 1.0]),
    ],
)
def test_constants_like_traced_arrays(call: str, expected: list[float]) -> None:
    """They are traced themselves, and hold what is written into them."""
    x = np.array([0.5, 2.0])

    def f(x: Any) -> Any:
        made = function(call)(x)
        assert isinstance(made, TracedArray)
        copy = made.copy()
        copy[1:] = 3 * x[1:]
        return made, copy

    results = [expected, [expected[0], 6.0]]
    same(ft.vjp(f, x)[0], tuple(map(np.array, results)))
    same(ft.jvp(f, (x,), (np.ones(2),))[0], tuple(map(np.array, results)))
    same(ft.vmap(f)(x[None]), tuple(np.array([r]) for r in results))
    same(ft.make_graph(f)(x)(x), tuple(map(np.array, results)))
    slope = ft.jacrev(lambda x: f(x)[1])(x)
    assert slope[1, 1] == 3 and slope[1, 0] == 0


def test_like_of_a_plain_array_is_numpys() -> None:
    assert type(fnp.zeros(2, like=np.ones(1))) is np.ndarray
    assert type(fnp.asarray([1.0], like=np.ones(1))) is np.ndarray
