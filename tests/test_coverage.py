"""Every public name of NumPy has a row in the coverage table, and every row is true.

The calls of a row run under reverse and forward mode, in a batch and staged, and their derivatives
are compared with differences. A name without a row fails, and so does a row that claims too little.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import tree
from functrans.core.errors import ConversionError, FunctransError, InPlaceError
from functrans.testing import check_grads
from tests.coverage import NAMESPACES
from tests.coverage.rows import ARRAYS, SINCE, Namespace, Row

PAGE = importlib.util.spec_from_file_location(
    "coverage_page", Path(__file__).parent.parent / "docs" / "coverage.py"
)
assert PAGE is not None and PAGE.loader is not None
page = importlib.util.module_from_spec(PAGE)
PAGE.loader.exec_module(page)

pytestmark = [
    pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
]
each_namespace = pytest.mark.parametrize("namespace", NAMESPACES, ids=lambda n: n.title)


@each_namespace
def test_every_name_has_a_row(namespace: Namespace) -> None:
    assert set(namespace.names()) - set(namespace.rows) == set()


@each_namespace
def test_other_names_mean_the_same(namespace: Namespace) -> None:
    for name, row in namespace.rows.items():
        if row.status == "same" and _exists(namespace, name):
            assert getattr(namespace.owner, name) is getattr(namespace.owner, row.reason), name
            assert namespace.rows[row.reason].status != "same", name


@each_namespace
def test_every_row_is_of_use(namespace: Namespace) -> None:
    """It has calls or a reason, and its calls mention its name."""
    for name, row in namespace.rows.items():
        assert row.calls or row.by_value or row.reason, name
        assert row.status == "works" or row.reason, name


def test_polynomials_are_numpys() -> None:
    """On plain arrays the functions of functrans.numpy.polynomial give what NumPy's give."""
    for namespace in NAMESPACES:
        if not namespace.title.startswith("numpy.polynomial"):
            continue
        for name, row in namespace.rows.items():
            if not _exists(namespace, name):
                continue
            for call, names in (row.calls | row.by_value).items():
                if not call.startswith("fnp."):
                    continue
                count = len(_names(compile(call, call, "eval")) & set("xyz"))
                args = arrays(names.split()[:count])
                same(function(call)(*args), function("np." + call[4:])(*args))


def test_the_page_is_up_to_date() -> None:
    """The table has changed: run ``python docs/coverage.py`` and look."""
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def _names(code: Any) -> set[str]:
    inner = [c for c in code.co_consts if hasattr(c, "co_names")]
    return set(code.co_names).union(*map(_names, inner))


def trials(status: str, *, by_value: bool | None = None) -> Any:
    """The trials of all rows of a status: call, names of arrays, row."""
    found = []
    for namespace in NAMESPACES:
        for name, row in namespace.rows.items():
            if row.status != status or not _exists(namespace, name):
                continue
            for calls, dependent in ((row.calls, False), (row.by_value, True)):
                if by_value not in (None, dependent):
                    continue
                for call, names in calls.items():
                    if not all(hasattr(np, n) for n in re.findall(r"\bnp\.(\w+)", call)):
                        continue  # younger than the installed NumPy
                    if np.lib.NumpyVersion(np.__version__) < SINCE.get(call, "2.0.0"):
                        continue
                    given, count = (
                        names.split(),
                        len(_names(compile(call, call, "eval")) & set("xyz")),
                    )
                    for i in range(0, len(given), count):
                        args = given[i : i + count]
                        label = f"{namespace.title}.{name}: {call} {','.join(args)}"
                        marks = [pytest.mark.slow] if namespace.slow else []
                        found.append(pytest.param(call, args, row, id=label, marks=marks))
    return pytest.mark.parametrize(("call", "names", "row"), found)


def _exists(namespace: Namespace, name: str) -> bool:
    return name in dir(namespace.owner)


def after(x: Any, statement: str, **names: Any) -> Any:
    """A copy of an array, called ``b``, after a statement that writes into it."""
    b = fnp.copy(x)  # which can hold traced values where a plain x cannot
    exec(statement, {"np": np, "b": b, **names})
    return b


def function(call: str) -> Any:
    scope = {"np": np, "fnp": fnp, "copy": copy, "pickle": pickle, "after": after}
    return eval(f"lambda x, y=None, z=None: {call}", scope)


def arrays(names: list[str]) -> list[Any]:
    return [eval(name, {"np": np}, ARRAYS) for name in names]


def same(found: Any, expected: Any, exact: bool = True) -> None:
    """Equal structure, dtypes, shapes, and values up to rounding in the last places."""
    a, b = tree.leaves(found), tree.leaves(expected)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        if not isinstance(y, np.ndarray | np.generic | int | float | complex):
            assert x == y
            continue
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape
        if exact:
            assert x.dtype == y.dtype
        rtol = 1e-6 if y.dtype in (np.float32, np.complex64) else 1e-13
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


def differentiable(args: list[Any]) -> list[int]:
    return [i for i, a in enumerate(args) if np.asarray(a).dtype.kind in "fc"]


def of_floats(f: Any, args: list[Any]) -> tuple[Any, list[Any]]:
    """The function of those arguments that are differentiated, and these."""
    active = differentiable(args)

    def partial(*values: Any) -> Any:
        full = list(args)
        for i, value in zip(active, values, strict=True):
            full[i] = value
        return f(*full)

    return partial, [args[i] for i in active]


def watched(f: Any, seen: list[Any]) -> Any:
    """A function whose result has a derivative, which keeps what `f` returns."""

    def watch(*args: Any) -> Any:
        seen.append(tree.map(ft.stop_gradient, f(*args)))
        return args[0]

    return watch


@trials("works")
def test_value_is_numpys(call: str, names: list[str], row: Row) -> None:
    """Traced, in reverse or forward mode, a call gives what it gives on plain arrays."""
    f, args = of_floats(function(call), arrays(names))
    if not args:
        pytest.skip("integers are not differentiated")
    expected = f(*args)
    same(ft.vjp(f, *args)[0], expected)
    tangents = tuple(np.ones_like(a) for a in args)
    same(ft.jvp(f, tuple(args), tangents)[0], expected)


@trials("works")
def test_derivative(call: str, names: list[str], row: Row) -> None:
    """Both modes agree with differences and with each other, and so do second derivatives."""
    f, args = of_floats(function(call), arrays(names))
    if not args:
        pytest.skip("integers are not differentiated")
    if any(np.isnan(a).any() for a in args):
        places = [np.isnan(a) for a in args]
        g = f
        f = lambda *xs: g(*[np.where(n, np.nan, x) for n, x in zip(places, xs, strict=True)])  # noqa: E731
        args = [np.nan_to_num(a, nan=0.25) for a in args]
    if "float32" in call:  # differences in single precision would be too coarse
        f, args = of_floats(function(call.replace("float32", "float64")), arrays(names))
    check_grads(f, args)


@trials("zero")
def test_derivative_is_zero(call: str, names: list[str], row: Row) -> None:
    """The value is NumPy's, and the derivative exactly zero in both modes."""
    f, args = of_floats(function(call), arrays(names))
    expected = function(call)(*arrays(names))
    if not args:
        return
    seen: list[Any] = []
    ft.vjp(watched(f, seen), *args)
    same(seen[0], expected, exact=False)

    def total(*xs: Any) -> Any:
        return sum(np.sum(np.real(leaf)) * 1.0 for leaf in tree.leaves(f(*xs)))

    def shifted(*xs: Any) -> Any:
        return total(*xs) + 0.0 * np.sum(np.real(xs[0]))

    for gradient in ft.vjp(shifted, *args)[1](1.0):
        np.testing.assert_array_equal(gradient, 0)
    _, tangent = ft.jvp(shifted, tuple(args), tuple(np.ones_like(a) for a in args))
    assert tangent == 0


def batches(args: list[Any], names: list[str]) -> list[Any]:
    """Two lanes of each argument, with the properties of the first."""
    if set("SPpqtKMTG") & {n[0] for n in names}:
        return [np.stack([a, a + 0.05 if a.dtype.kind in "fc" else a]) for a in args]
    return [np.stack([a, np.flip(a) if np.ndim(a) else -a]) for a in args]


def batched_and_staged(call: str, names: list[str]) -> None:
    f, args = function(call), arrays(names)
    stacks = batches([np.asarray(a)[()] for a in args], names)
    lanes = [f(*[b[i] for b in stacks]) for i in range(2)]
    same(ft.vmap(f)(*stacks), tree.map(lambda *xs: np.stack(xs), *lanes), exact=False)
    expected = f(*args)
    same(ft.make_graph(f)(*args)(*args), expected)
    types = tree.map(lambda x: (np.shape(x), np.asarray(x).dtype), expected)
    found = tree.map(lambda t: (t.shape, t.dtype), ft.eval_shape(f, *args))
    assert tree.leaves(found) == tree.leaves(types)


@trials("works", by_value=False)
def test_batch_is_a_loop_and_graph_the_function(call: str, names: list[str], row: Row) -> None:
    """vmap gives what a loop over the lanes gives, a graph the types and values of the call."""
    batched_and_staged(call, names)


@trials("zero", by_value=False)
def test_zero_batch_is_a_loop(call: str, names: list[str], row: Row) -> None:
    batched_and_staged(call, names)


def refuses_unknown_values(call: str, names: list[str]) -> None:
    f, args = function(call), arrays(names)
    try:
        found = ft.vmap(f)(*[np.stack([a, a]) for a in args])
    except ConversionError:
        pass
    else:  # the values of all lanes may be known
        same(found, tree.map(lambda *xs: np.stack(xs), f(*args), f(*args)))
    with pytest.raises(ConversionError):
        ft.make_graph(f)(*args)


@trials("works", by_value=True)
def test_shapes_that_depend_on_values(call: str, names: list[str], row: Row) -> None:
    """vmap and staging refuse them, with the reason."""
    refuses_unknown_values(call, names)


@trials("zero", by_value=True)
def test_zero_shapes_that_depend_on_values(call: str, names: list[str], row: Row) -> None:
    refuses_unknown_values(call, names)


@trials("apart")
def test_apart(call: str, names: list[str], row: Row) -> None:
    """Under each transform a call gives what it gives outside."""
    f, args = function(call), arrays(names)
    expected = f(*args)
    for transform in (
        lambda g: ft.vjp(g, *args),
        lambda g: ft.jvp(g, tuple(args), tuple(np.ones_like(a) for a in args)),
        lambda g: ft.vmap(g)(*[np.stack([a, a]) for a in args]),
        lambda g: ft.make_graph(g)(*args),
    ):
        seen: list[Any] = []
        transform(watched(f, seen))
        if isinstance(expected, bool) and "isinstance" in call:
            continue  # the one question to which a traced array is no ndarray
        same(seen[0], expected)


# What is left of an input that may be overwritten; writing to what NumPy deprecates writing to.
SHARING_DIFFERS = (
    "np.median(x, axis=0, overwrite_input=True)",
    "np.broadcast_arrays(x, y[:, None], 1.0)",
)


def changed_by_writing(f: Any, args: list[Any]) -> list[bool]:
    """Which arguments change when the results of a function of them are written to."""
    before = [x + 0 for x in args]
    for leaf in tree.leaves(f(*args)):
        if getattr(leaf, "ndim", 0) and leaf.size and leaf.dtype.kind in "fc":
            # Some views can only be read.
            with contextlib.suppress(ValueError, InPlaceError):
                leaf[...] = 7.25
    after = [ft.stop_gradient(x) for x in args]
    return [
        not np.array_equal(x, ft.stop_gradient(y), equal_nan=True)
        for x, y in zip(after, before, strict=True)
    ]


@trials("works")
def test_results_share_as_numpys_do(call: str, names: list[str], row: Row) -> None:
    """A result that NumPy makes anew can be written to: the argument stays as it is."""
    f, args = of_floats(function(call), arrays(names))
    if call in SHARING_DIFFERS or not all(np.ndim(a) for a in args) or not args:
        pytest.skip("scalars cannot be written to")
    expected = changed_by_writing(f, [np.array(a) for a in args])
    seen: list[Any] = []

    def watch(*xs: Any) -> Any:
        seen.append(changed_by_writing(f, [fnp.copy(x) for x in xs]))
        return xs[0]

    ft.vjp(watch, *map(np.array, args))
    assert seen == [expected]


@trials("refused")
def test_refused(call: str, names: list[str], row: Row) -> None:
    """Every transform raises the error of the row."""
    f, args = function(call), arrays(names)
    for transform in (
        lambda: ft.vjp(f, *args),
        lambda: ft.jvp(f, tuple(args), tuple(np.ones_like(a) for a in args)),
        lambda: ft.vmap(f)(*[np.stack([a, a]) for a in args]),
        lambda: ft.make_graph(f)(*args),
    ):
        with pytest.raises(row.error) as caught:
            transform()
        text = str(caught.value)
        assert re.search(row.match, text), text
        if isinstance(caught.value, FunctransError):
            assert "<string>:1" in text  # the user's line


@pytest.mark.parametrize("kind", ["single", "integer"])
@trials("works", by_value=False)
def test_types_of_other_precisions(call: str, names: list[str], row: Row, kind: str) -> None:
    """Single precision and small integers give the dtypes that NumPy gives."""
    f, args = function(call), [np.asarray(a) for a in arrays(names)]
    if kind == "integer" and any(a.dtype.kind == "c" or not np.isfinite(a).all() for a in args):
        pytest.skip("complex numbers and NaN are no integers")
    single = {"f": np.float32, "c": np.complex64, "i": np.int32, "b": np.bool_}
    args = [a.astype(single[a.dtype.kind] if kind == "single" else np.int16) for a in args]
    try:
        with np.errstate(all="ignore"):  # equal neighbours, once rounded
            expected = f(*args)
    except (TypeError, ValueError, IndexError, ZeroDivisionError):  # NumPy does not take these
        return
    types = tree.map(lambda x: (np.shape(x), np.asarray(x).dtype), expected)
    found = tree.map(lambda t: (t.shape, t.dtype), ft.eval_shape(f, *args))
    assert tree.leaves(found) == tree.leaves(types)
