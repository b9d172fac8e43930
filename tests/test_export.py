"""Exported modules compute what their graphs compute, to the bit, with NumPy alone."""

import builtins
import re
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import GraphFileError
from functrans.core.primitive import REGISTRY
from tests.error_snapshots import X
from tests.graph_files import control_flow, graphs, names, same_bits


def guarded_import(name: str, *args: Any, **kwargs: Any) -> Any:
    if name.partition(".")[0] in ("functrans", "scipy"):
        raise ImportError(f"{name} is not there")
    return __import__(name, *args, **kwargs)


def run(text: str) -> dict[str, Any]:
    """The namespace of a module that can import neither functrans nor SciPy."""
    namespace = {"__builtins__": {**vars(builtins), "__import__": guarded_import}}
    exec(compile(text, "exported.py", "exec"), namespace)
    return namespace


def exported(graph: ft.Graph) -> Any:
    return run(graph.export())[graph.name if graph.name.isidentifier() else "function"]


NEEDS_MORE = {
    "eigh_function": "works with transforms",  # it differentiates the function that it is given
    "solve_triangular": "scipy.linalg",
}
"""Primitives that are no NumPy program, with a word of the reason."""


def check(name: str, short: bool = False) -> bool:
    """Compare the graphs of a primitive; whether all of them need NumPy alone.

    In `short` only the gradient at the first sample, which is of the value too.
    """
    refused = False
    for what, graph, args in list(graphs(name, 1))[-1:] if short else graphs(name):
        if name in NEEDS_MORE:
            with pytest.raises(GraphFileError, match=f"{name} at .*{NEEDS_MORE[name]}"):
                graph.export()
            refused = True
            continue
        try:
            function = exported(graph)
        except GraphFileError as error:  # a rule may call what NumPy does not have
            assert "scipy" in str(error).lower(), what
            refused = True
            continue
        with np.errstate(all="ignore"):
            assert same_bits(function(*args), graph(*args)), what
    return not refused


def test_primitives_compute_the_same() -> None:
    own = [n for n in names() if ".special" not in REGISTRY[n].call.__module__]
    needs_more = [name for name in own if not check(name, short=True)]
    assert len(needs_more) < 0.15 * len(own), needs_more


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what the samples are about
@pytest.mark.parametrize("name", names())
def test_samples_compute_the_same(name: str) -> None:
    check(name)


def test_control_flow_and_its_derivatives() -> None:
    for name, graph, args in control_flow():
        assert same_bits(exported(graph)(*args), graph(*args)), name


def loss(params: Any, x: Any) -> Any:
    return np.mean(np.tanh(x[1:] @ params["w"]) ** 2)


def test_it_reads_well() -> None:
    params, x = {"w": np.ones((3, 2))}, np.ones((5, 3))
    text = ft.make_graph(loss)(params, x).export()
    lines = [line.partition("  #")[0] for line in text.splitlines()]
    assert lines[lines.index("def loss(argument0, argument1):") :] == [
        "def loss(argument0, argument1):",
        "    a = argument0['w']",
        "    b = argument1",
        "    check(a, \"argument0['w']\", 'float64', (3, 2), False)",
        "    check(b, 'argument1', 'float64', (5, 3), False)",
        "    c = b[1:]",
        "    d = np.matmul(c, a)",
        "    e = np.tanh(d)",
        "    f = np.square(e)",
        "    g = np.add.reduce(f, (0, 1), None, None, False)",
        "    h = np.divide(g, 8)",
        "    return h",
    ]
    assert re.search(r"d = np.matmul\(c, a\)  # .*test_export.py:\d+ in loss", text)
    assert "import" not in text.replace("import numpy as np", "", 1)


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Layer:
    w: Any
    kind: Any = field(default="relu", metadata={"static": True})


class Registered:
    def __init__(self, x: Any) -> None:
        self.x = x


ft.tree.register(Registered, lambda r: ((r.x,), None), lambda _, children: Registered(*children))


def test_structures() -> None:
    tree = {"b": (X, None), "a": [X, OrderedDict(z=X)], 3: defaultdict(list, y=Pair(X, 2.0 * X))}

    def f(tree: Any, layer: Layer, *, scale: Any) -> Any:
        return tree, Layer(layer.w * scale), (scale,), np.ones(3), 1.5

    graph = ft.make_graph(f)(tree, Layer(X), scale=2.0)
    out = exported(graph)(tree, Layer(X), scale=3.0)
    assert list(out[0]) == list(tree)
    assert type(out[0][3]) is defaultdict and out[0][3].default_factory is list
    assert type(out[0]["a"][1]) is OrderedDict and out[0]["b"][1] is None
    assert out[0][3]["y"]._fields == ("first", "second")
    assert out[0][3]["y"].second.tolist() == (2.0 * X).tolist()
    assert out[1].w.tolist() == (3.0 * X).tolist() and out[1].kind == "relu"
    assert out[2:3] == ((3.0,),) and out[4] == 1.5
    out[3][:] = 7.0  # an array of its own
    assert exported(graph)(tree, Layer(X), scale=1.0)[3].tolist() == [1.0] * 3


def test_arguments_of_other_types_are_refused() -> None:
    function = exported(ft.make_graph(loss)({"w": np.ones((3, 2))}, np.ones((5, 3))))
    with pytest.raises(
        TypeError, match=r"argument0\['w'\] is float64\[3\], but .* float64\[3, 2\]"
    ):
        function({"w": np.ones(3)}, np.ones((5, 3)))
    with pytest.raises(TypeError, match="argument1 is float32"):
        function({"w": np.ones((3, 2))}, np.ones((5, 3), np.float32))
    assert (
        exported(ft.make_graph(lambda x: x * X)(2.0))(np.float64(3.0)).tolist() == (3 * X).tolist()
    )


def test_constants(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    constants = [
        rng.normal(size=(20, 30)),
        np.asfortranarray(rng.normal(size=(20, 30))).astype(np.float32),
        np.array([1 - 2j, complex(-0.0, np.nan), complex(np.inf, -0.0)]),
        np.array([-0.0, np.nan, -np.inf]),
        np.broadcast_to(np.float32(0.1), (2, 3)),
        np.arange(5, dtype=np.int8),
        np.zeros((0, 2)),
        np.float32(0.1),
        np.float16(0.1),
        np.complex64(0.1 - 0.3j),
        np.datetime64("2026-11-25"),
        -2j,
        float("nan"),
        -0.0,
    ]

    def f(x: Any) -> Any:
        return x, constants

    graph = ft.make_graph(f)(1.0)
    text = graph.export(tmp_path / "constants.py")
    assert (tmp_path / "constants.py").read_text(encoding="utf-8") == text
    found = run(text)["f"](1.0)
    assert same_bits(found, graph(1.0))
    for one, other in zip(found[1], constants, strict=True):
        assert type(one) is type(other)
    assert max(map(len, text.splitlines())) < 300


def test_large_values_go_when_nobody_needs_them() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(np.cos(x)))

    lines = ft.make_graph(f)(np.zeros(10_000)).export().splitlines()
    assert [line for line in lines if "del " in line] == ["    del a", "    del b", "    del c"]


def steps(x: Any) -> Any:
    """Helper of a primitive of the user's own."""
    return np.floor(x / WIDTH)


WIDTH = 0.25


def test_primitives_of_users() -> None:
    quantized = ft.extend.nondifferentiable(
        "test_export_quantized",
        lambda x, *, offset: WIDTH * steps(x) + offset,
        samples=None,
        batch=lambda x, *, offset: quantized(x, offset=offset),
        shape=lambda x, *, offset: x,
    )
    try:
        graph = ft.make_graph(lambda x: quantized(x, offset=1.0))(X)
        text = graph.export()
        assert "np.floor" in text and "Helper" not in text
        assert same_bits(exported(graph)(X), graph(X))
    finally:
        del REGISTRY["test_export_quantized"]
    namespace: dict[str, Any] = {"ft": ft, "np": np}
    exec("f = lambda x: x + 1.0", namespace)  # a function without a source
    without = ft.extend.nondifferentiable(
        "test_export_without", namespace["f"], samples=None, shape=lambda x: x
    )
    try:
        with pytest.raises(GraphFileError, match="test_export_without at .* which has no source"):
            ft.make_graph(without)(X).export()
    finally:
        del REGISTRY["test_export_without"]


def test_errors_are_reported_as_by_the_graph() -> None:
    """Inner values of derivative formulas do not warn, operations of the program do."""
    graph = ft.make_graph(ft.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))))(X)
    function = exported(graph)
    zeros = np.zeros(3)
    assert function(zeros).tolist() == graph(zeros).tolist() == [0.0] * 3
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        exported(ft.make_graph(lambda x: 1.0 / x)(X))(zeros)


def test_what_is_refused() -> None:
    reasons = {
        "custom_call_with_effects at .*Python functions with rules of their own": ft.custom(
            lambda x: ft.debug.print("{}", x) or x + 0.0
        ),
        "debug_callback at .*effects outside of the program": lambda x: (
            ft.debug.print("{}", x) or x
        ),
        "its result holds a Registered": Registered,
    }
    for reason, function in reasons.items():
        graph = ft.make_graph(function)(X)
        with pytest.raises(GraphFileError, match=reason):
            graph.export()
    with pytest.raises(GraphFileError, match="the argument argument0 holds a Registered"):
        ft.make_graph(lambda r: r.x + 0.0)(Registered(X)).export()
