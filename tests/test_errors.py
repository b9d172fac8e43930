"""Wrong use: each error names the argument, its path and type, and the remedy."""

from __future__ import annotations

import ast
import copy
import math
import pickle
import random
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors
from functrans.core.interpreter import stack
from tests.error_catalogue import PAGE, SNAPSHOTS, catalogue, versions
from tests.error_snapshots import X, total

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.FunctransError)
]
MAKERS = {
    "missing_rule",
    "missing_derivative",
    "refuse_leaf",
    "subclass_refused",
    "unknown_value",
    "unsupported",
}
"""The functions that make an error for their callers to raise."""

ELSEWHERE = {
    "functrans/scipy": "needs SciPy",
    "primitives/primary_functions.py": "needs SciPy",
    "primitives/special_bessel.py": "needs SciPy",
    "primitives/special_equations.py": "needs SciPy",
    "primitives/accumulation.py": "needs a ufunc whose primitive has no rule for an operand",
}
"""Where errors are raised that no row can show here, and why."""


def raise_sites() -> dict[tuple[str, int, int], str]:
    """Where functrans raises errors of its own: file, first and last line, and the class."""
    root = Path(ft.__file__).parent.parent
    own = {kind.__name__ for kind in CLASSES} - {"InPlaceError"} | MAKERS
    sites = {}
    for path in [*root.glob("functrans/**/*.py"), *root.glob("primitives/**/*.py")]:
        name = path.relative_to(root).as_posix()
        if name.startswith(tuple(ELSEWHERE)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                made = ast.unparse(node.exc.func)
                if made in own:
                    sites[str(path), node.lineno, node.end_lineno or node.lineno] = made
    return sites


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_message(name: str) -> None:
    call, error, message = SNAPSHOTS[name]
    with pytest.raises(error, match=message):
        call()
    assert stack.top is type(stack).top


def test_every_message_has_the_users_line() -> None:
    for name, (call, error, _) in SNAPSHOTS.items():
        with pytest.raises(error) as caught:
            call()
        assert re.search(r"\.py:\d+ in \S", str(caught.value)), name


def test_the_page_of_messages_is_what_is_raised() -> None:
    """``python -m tests.error_catalogue`` writes it anew."""
    page = PAGE.read_text(encoding="utf-8")
    if versions() not in page:
        pytest.skip("the page is about other versions")
    assert page == catalogue()


def test_every_error_has_a_row() -> None:
    """Each place that raises an error of functrans is reached by a row of the snapshots.

    InPlaceError has tests of its own, in tests of what may be written to.
    """
    lines: set[tuple[str, int]] = set()
    for call, error, _ in SNAPSHOTS.values():
        with pytest.raises(error) as caught:
            call()
        raised: BaseException | None = caught.value
        while raised is not None:
            trace = raised.__traceback__
            while trace is not None:
                lines.add((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
                trace = trace.tb_next
            raised = raised.__cause__ or raised.__context__
    missing = [
        f"{file}:{first} {made}"
        for (file, first, last), made in raise_sites().items()
        if not any((file, line) in lines for line in range(first, last + 1))
    ]
    assert not missing


def test_where_a_value_comes_from() -> None:
    """An operation, and the arguments that it depends on: they are read off the tape."""
    params = {"w": X, "b": [1.0, 2.0]}

    def message(f: Callable[..., Any], *args: Any) -> str:
        with pytest.raises(errors.ConversionError) as caught:
            ft.grad(f, tuple(range(len(args))))(*args)
        return str(caught.value)

    one = message(lambda p, n: math.exp(np.sum(np.sin(p["w"]))) * n, params, 1.0)
    assert one.endswith("The value is the result of sum, which depends on argument 'p' at ['w'].")
    two = message(lambda p, n: float(p["b"][1] * n), params, 1.0)
    assert two.endswith(
        "The value is the result of multiply, which depends on argument 'p' at ['b'][1], argument "
        "'n'."
    )
    many = message(lambda *xs: float(np.stack(xs).sum()), *map(float, range(5)))
    assert many.endswith("argument 0, argument 1, argument 2 and 2 more.")
    itself = message(lambda p: float(p["b"][0]), params)
    assert itself.endswith("The value is argument 'p' at ['b'][0].")
    several = message(lambda a: float(np.linalg.eigh(a)[0].sum()), np.eye(2))
    assert several.endswith("The value is the result of sum, which depends on argument 'a'.")
    with_rules = ft.custom(lambda x: x * 2.0)
    with_rules.defvjp(lambda x: (x * 2.0, None), lambda residuals, g: (2.0 * g,))
    made = message(lambda x: float(with_rules(x) + 1.0), 1.0)
    assert made.endswith("The value is the result of add, which depends on argument 'x'.")
    again = message(lambda x: float(ft.checkpoint(np.sin)(x) * 2.0), 1.0)
    assert again.endswith("The value is the result of multiply, which depends on argument 'x'.")
    constant = message(lambda x: float(np.zeros_like(x) * 1.0), 1.0)
    assert constant.endswith("The value is the result of multiply.")
    with pytest.raises(errors.ConversionError, match=r"is the result of greater at .*\.py"):
        ft.make_graph(lambda x: x if np.sin(x) > 0 else -x)(1.0)


def test_errors_keep_their_message_when_they_are_pickled() -> None:
    with pytest.raises(errors.OutputTypeError) as caught:
        ft.grad(np.sin)(X)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_errors_within_scipy_name_the_line_that_called_it() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    integrate = pytest.importorskip("scipy.integrate")
    for f in (
        lambda x: optimize.brentq(lambda t: t - x, 0.0, 5.0),
        lambda x: integrate.quad(lambda t: t * x, 0.0, 5.0)[0],
    ):
        # The C code of brentq goes on after an error, so its next call can fail with another one,
        # or with any: Python's own code is not made to run while an error is pending.
        wanted = (errors.ConversionError, errors.OperandError)
        with pytest.raises((*wanted, AttributeError)) as caught:
            ft.grad(f)(1.0)
        if isinstance(caught.value, wanted):
            text = str(caught.value)
            assert "test_errors.py" in text and "site-packages" not in text


def test_errors_of_numpy_stay_and_get_a_note() -> None:
    """A wrong shape is NumPy's error with or without a transform."""
    wrong: dict[type[Exception], Callable[[Any], Any]] = {
        ValueError: lambda x: x + np.ones(2),
        IndexError: lambda x: x[7],
        np.exceptions.AxisError: lambda x: np.sum(x, axis=3),
        AttributeError: lambda x: x.nonsense,
    }
    for kind, f in wrong.items():
        with pytest.raises(kind) as caught:
            ft.grad(f)(X)
        assert not isinstance(caught.value, errors.FunctransError)
        (note,) = caught.value.__notes__
        assert re.fullmatch(
            r"in grad\(<lambda> \(.*\)\), at .*test_errors.py:\d+ in <lambda>", note
        )
    with pytest.raises(ValueError, match="broadcast") as caught:
        ft.grad(lambda x: np.sum(ft.vmap(lambda row: row + np.ones(2))(x)))(np.ones((4, 3)))
    (note,) = caught.value.__notes__
    assert "in vmap(" in note and note.endswith(
        "shapes may include the mapped axis, which is then the first"
    )


def test_errors_of_the_user_stay_as_they_are() -> None:
    def f(x: Any) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="^mine$") as caught:
        ft.grad(f)(1.0)
    assert not hasattr(caught.value, "__notes__") and caught.value.__cause__ is None


def test_a_conversion_that_the_user_expects() -> None:
    def f(x: Any) -> Any:
        try:
            return math.sin(x)
        except TypeError:
            return np.sin(x)

    assert ft.grad(f)(0.0) == 1.0


def test_random_numbers_of_python_are_transformed() -> None:
    """The random module computes with what it is given."""
    random.seed(0)
    assert ft.grad(lambda x: random.uniform(0.0, x))(3.0) == random.Random(0).random()


def leak(transform: Callable[[Any], Any], argument: Any) -> Any:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return np.sum(x)

    transform(f)(argument)
    return kept[0]


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (ft.grad, r"grad\(f .*, the result of multiply, was used after its transform had ended"),
        (
            lambda f: lambda x: ft.jvp(f, (x,), (x,)),
            r"jvp\(f .*was used after its transform had ended",
        ),
        (ft.vmap, r"vmap\(f .*was used after its transform had ended"),
        (
            ft.make_graph,
            r"make_graph\(f .*the result of multiply at .*test_errors.py:\d+ in f, which "
            "depends on argument 'x', was used after",
        ),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda y: y * 2.0,
        lambda y: np.sin(y),
        lambda y: np.sum(y),
        lambda y: np.ones(3) + y,
        lambda y: y[0],
    ],
)
def test_leaked_array(transform: Any, text: str, use: Any) -> None:
    leaked = leak(transform, X.reshape(3, 1) if transform is ft.vmap else X)
    with pytest.raises(errors.LeakedArrayError, match=text) as caught:
        use(leaked)
    assert "test_errors.py" in str(caught.value)


def test_leaked_array_in_another_transform() -> None:
    leaked = leak(ft.grad, X)
    with pytest.raises(errors.LeakedArrayError, match="after its transform had ended"):
        ft.grad(lambda x: np.sum(x * leaked))(X)


def test_use_in_another_thread() -> None:
    caught: list[BaseException] = []

    def f(x: Any) -> Any:
        def work() -> None:
            try:
                x * 2.0
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return np.sum(x)

    ft.grad(f)(X)
    assert isinstance(caught[0], errors.LeakedArrayError)
    assert "was used in another thread" in str(caught[0])


def test_an_exception_leaves_nothing_behind() -> None:
    for transform in (ft.grad, ft.vmap, ft.make_graph, ft.jacfwd, ft.jacrev):
        with pytest.raises(ZeroDivisionError):
            transform(lambda x: 1 / 0)(X)  # type: ignore[operator]
        assert stack.top is type(stack).top
    np.testing.assert_array_equal(ft.grad(total)(X), np.ones(3))


def test_missing_derivative_names_primitive_and_operand() -> None:
    f = ft.extend.general(
        "test_without_rules", lambda x, y: x * y, samples=None, batch=lambda x, y: x * y
    )
    with pytest.raises(errors.MissingRuleError, match="test_without_rules: no derivative"):
        ft.grad(lambda x: f(x, 2.0))(1.0)
    with pytest.raises(errors.MissingRuleError, match="test_without_rules: no derivative"):
        ft.jvp(lambda x: f(x, 2.0), (1.0,), (1.0,))


def test_numpy_function_without_rule() -> None:
    with pytest.raises(
        errors.MissingRuleError, match=r"numpy.busday_count does not take .* dates are no numbers"
    ):
        ft.grad(lambda x: np.busday_count(x, x))(X)


def test_copies() -> None:
    g = ft.grad(lambda x: np.sum(copy.copy(x) * copy.deepcopy(x)))(X)
    np.testing.assert_array_equal(g, 2 * X)
