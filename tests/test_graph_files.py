"""Graphs in files: what is saved comes back to the bit, and a bad file runs nothing."""

import io
import json
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
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
from tests.test_graph import nested


def reloaded(graph: ft.Graph, folder: Path) -> ft.Graph:
    path = folder / "graph"
    graph.save(path)
    return ft.Graph.load(path)


def check(name: str, folder: Path, short: bool = False) -> None:
    for what, graph, args in list(graphs(name, 1))[-1:] if short else graphs(name):
        found = reloaded(graph, folder)
        assert found.text(lines=True) == graph.text(lines=True), what
        with np.errstate(all="ignore"):
            assert same_bits(found(*args), graph(*args)), what


HOLDS_A_FUNCTION = {"eigh_function"}
ALL = [n for n in names() if n not in HOLDS_A_FUNCTION]


def test_primitives_come_back(tmp_path: Path) -> None:
    for name in ALL:
        check(name, tmp_path, short=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what the samples are about
@pytest.mark.parametrize("name", ALL)
def test_samples_come_back(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Layer:
    w: Any
    kind: Any = field(metadata={"static": True})


class Registered:
    def __init__(self, children: Any, name: Any) -> None:
        self.children, self.name = children, name


ft.tree.register(
    Registered, lambda r: (r.children, r.name), lambda name, children: Registered(children, name)
)

TREES: tuple[Any, ...] = (
    {"b": (X, None), "a": [X, {}]},
    {2: X, "a": X, (1, None): X},
    OrderedDict(z=X, a=X),
    defaultdict(list, z=X, a=X),
    defaultdict(None, {1.5: X}),
    Pair(X, (X,)),
    Layer(X, ("relu", 2, 0.1, slice(1, None))),
    Registered([X, X], "name"),
    X,
)


@pytest.mark.parametrize("tree", TREES, ids=lambda t: type(t).__name__)
def test_structures_come_back(tree: Any, tmp_path: Path) -> None:
    graph = ft.make_graph(lambda tree, *, k: (tree, k))(tree, k=tree)
    found = reloaded(graph, tmp_path)
    assert (found.in_tree, found.out_tree) == (graph.in_tree, graph.out_tree)
    out = found(tree, k=tree)
    assert type(out[0]) is type(tree)
    if isinstance(tree, dict):
        assert list(out[0]) == list(tree)  # the order too


def layout(x: Any) -> list[int]:
    """The axes in the order of their strides."""
    return sorted(range(x.ndim), key=lambda i: -x.strides[i])


def test_constants_come_back_as_they_lay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    big = rng.normal(size=(4, 5, 6))
    constants = [
        big,
        np.asfortranarray(big),
        big.transpose(1, 2, 0).copy(order="K"),
        np.broadcast_to(rng.normal(size=(5, 1)), (4, 5, 6)),
        np.broadcast_to(np.float32(2.0), (3,)),
        np.zeros((0, 3)),
        np.array([1 + 2j, np.nan, -np.inf]),
        np.array(2.5),
        np.array([True, False]),
        np.arange(3, dtype=">i4"),
    ]

    def f(x: Any) -> Any:
        return [np.sum(x * c) for c in constants] + [np.sum(x * constants[0])]

    graph = ft.make_graph(f)(2.0)
    found = reloaded(graph, tmp_path)
    with np.errstate(all="ignore"):
        assert same_bits(found(2.0), graph(2.0))
    held = [e.inputs[1] for e in found.equations if e.primitive.name == "multiply"]
    for before, after in zip(constants, held, strict=False):
        assert before.dtype == after.dtype
        if 0 not in before.strides:
            assert layout(before) == layout(after)
    assert held[-1] is held[0] and held[0] is not constants[0]
    # What is broadcast takes no room, nor does a second use.
    assert len(parts(tmp_path / "graph")["arrays/3.npy"]) < 200
    assert len(parts(tmp_path / "graph")) == 1 + len(constants)


def test_numbers_come_back(tmp_path: Path) -> None:
    numbers = [1, True, -0.0, float("inf"), 1e300, 2j, np.float32(0.1), np.int8(3), 10**18]

    def f(x: Any) -> Any:
        return [x * number for number in numbers], [np.nan * x], np.nan_to_num(x, nan=-np.inf)

    graph = ft.make_graph(f)(X)
    found = reloaded(graph, tmp_path)
    assert str(found) == str(graph)
    assert same_bits(found(X), graph(X))
    types = [type(e.inputs[1]) for e in found.equations if e.primitive.name == "multiply"]
    assert types[:9] == list(map(type, numbers))


def test_nested_graphs_and_derivatives(tmp_path: Path) -> None:
    inner = ft.make_graph(lambda x: np.sin(x) * X[:2])(X[:2])
    outer = nested(inner)
    primitive = outer.equations[0].primitive
    primitive.call, primitive.shape = inner.evaluate, None
    REGISTRY["either"] = primitive
    try:
        assert str(reloaded(outer, tmp_path)) == str(outer)
    finally:
        del REGISTRY["either"]
    with pytest.raises(GraphFileError, match="the primitive 'either' of .* is not registered here"):
        ft.Graph.load(tmp_path / "graph")
    with pytest.raises(GraphFileError, match="either at f.py:3 in f holds a primitive that is no"):
        outer.save(tmp_path / "graph")
    hessian = ft.make_graph(ft.hessian(lambda x: np.sum(np.exp(x[1:] * x[:-1]))))(X)
    assert same_bits(reloaded(hessian, tmp_path)(X), hessian(X))
    found = reloaded(ft.make_graph(np.sin)(0.3), tmp_path)
    assert ft.grad(found)(0.3) == np.cos(0.3)


def test_control_flow_and_its_derivatives(tmp_path: Path) -> None:
    for name, graph, args in control_flow():
        found = reloaded(graph, tmp_path)
        assert str(found) == str(graph), name
        assert same_bits(found(*args), graph(*args)), name


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, changed: dict[str, bytes], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in changed.items():
            archive.writestr(name, data)


class Exploit:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a file was run",))


def pickled() -> bytes:
    data = io.BytesIO()
    np.save(data, np.array([Exploit()]), allow_pickle=True)
    return data.getvalue()


def edited(change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """A change of the JSON of a file."""

    def edit(files: dict[str, bytes]) -> dict[str, bytes]:
        head = json.loads(files["graph.json"])
        change(head)
        return {**files, "graph.json": json.dumps(head).encode()}

    return edit


def equation(**new: Any) -> Callable[[Any], Any]:
    return lambda head: head["graph"]["equations"][0].update(new)


BAD_FILES: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "objects": (lambda files: {**files, "arrays/0.npy": pickled()}, "dtype object"),
    "huge array": (
        lambda files: {
            **files,
            "arrays/0.npy": files["arrays/0.npy"].replace(b"(3,)", b"(9999999999,)"),
        },
        "cannot reshape|buffer",
    ),
    "no arrays": (lambda files: {"graph.json": files["graph.json"]}, "arrays/0.npy"),
    "no graph": (lambda files: {"a": b""}, "graph.json"),
    "no JSON": (lambda files: {"graph.json": b"{"}, "JSONDecodeError"),
    "deep": (lambda files: {"graph.json": b"[" * 10**6}, "RecursionError"),
    "another format": (edited(lambda head: head.update(format="x")), "the format 'x'"),
    "a newer version": (
        edited(lambda head: head.update(version=2, functrans="9.0")),
        "version 2 of the format, of functrans 9.0",
    ),
    "unknown primitive": (
        edited(equation(primitive=["system", "os"])),
        "the primitive 'system' of os, used at .* is not registered here: import the module",
    ),
    "Python functions": (edited(equation(primitive=["custom_call", ""])), "calls Python functions"),
    "wrong type": (edited(equation(outputs=[["<f4", [3], False]])), "float32.*which are"),
    "too few operands": (edited(equation(inputs=[0])), "holds no graph that can be read"),
    "later variable": (edited(equation(inputs=[0, 7])), "IndexError"),
    "negative variable": (edited(equation(inputs=[0, -1])), "the variable -1"),
    "unknown value": (edited(equation(inputs=[0, [{"eval": "1"}]])), "unknown kind 'eval'"),
    "two kinds": (edited(equation(inputs=[0, [{"float": "1", "x": 1}]])), r"\['float', 'x'\]"),
    "unknown type": (
        edited(lambda head: head["graph"].update(in_tree=["os:system", None, ["*"]])),
        "the structure of a system, which is no container that is known here: import os first",
    ),
    "other leaves": (
        edited(lambda head: head["graph"].update(in_tree="*", out_tree=["tuple", None, []])),
        "an out_tree of 0 leaves for 1 arrays",
    ),
    "wrong children": (
        edited(lambda head: head["graph"].update(out_tree=["dict", ["a", "b"], ["*"]])),
        "a dict with 1 children",
    ),
    "a record of another package": (
        edited(equation(inputs=[0, [{"record": ["decimal:Decimal", {}]}]])),
        "a record decimal:Decimal",
    ),
    "a policy that is none": (
        edited(equation(inputs=[0, [{"policy": "annotations"}]])),
        "the policy 'annotations'",
    ),
    "objects by dtype": (edited(equation(inputs=[0, [{"dtype": "|O"}]])), "the dtype"),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    ft.make_graph(lambda x: x * X)(2.0).save(tmp_path / "graph")
    return tmp_path / "graph"


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name: str, saved: Path) -> None:
    change, message = BAD_FILES[name]
    rewritten(saved, change(parts(saved)))
    with pytest.raises(GraphFileError, match=message):
        ft.Graph.load(saved)


def test_compressed_parts_are_refused(saved: Path) -> None:
    rewritten(saved, parts(saved), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(GraphFileError, match="a compressed part graph.json"):
        ft.Graph.load(saved)


def test_damaged_bytes(saved: Path) -> None:
    """A file with any byte changed, or cut anywhere, is refused or gives a graph."""
    data = saved.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(100):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        saved.write_bytes(changed)
        try:
            ft.Graph.load(saved)
        except GraphFileError:
            refused += 1
        saved.write_bytes(data[: rng.integers(len(data))])
        with pytest.raises(GraphFileError):
            ft.Graph.load(saved)
    assert refused > 50


def test_a_missing_file_is_pythons_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ft.Graph.load(tmp_path / "nothing")


def test_reports_of_errors_come_back(tmp_path: Path) -> None:
    """Rules are silent about floating-point errors, in a graph from a file too."""
    x = np.array([0.0, 1.0])
    graph = ft.make_graph(ft.grad(lambda x: np.sum(np.sqrt(x))))(x)
    found = reloaded(graph, tmp_path)
    states = [equation.errstate for equation in found.equations]
    assert states == [equation.errstate for equation in graph.equations]
    assert any(states)
    with np.errstate(all="raise"):
        assert found(x).tolist() == [np.inf, 0.5]
