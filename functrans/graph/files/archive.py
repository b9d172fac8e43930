"""Writing a graph to one file, and reading it.

The file is a zip archive, not compressed, of ``graph.json`` and the arrays in NumPy's own format,
``arrays/0.npy`` and so on. Reading it calls no function that it names: primitives are looked up in
the registry, types of containers among the modules that are loaded.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans._version import __version__
from functrans.core.errors import GraphFileError
from functrans.core.primitive import HOMES, REGISTRY, Primitive
from functrans.graph.files.values import (
    Damaged,
    Reader,
    Unsupported,
    Writer,
    is_ours,
    refused,
    type_of_json,
)
from functrans.graph.graph import Equation, Graph, Variable, operand_type

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

FORMAT = "functrans graph"
VERSION = 1
"""The version of the format that is written. Files of older versions can be read, of newer ones
not."""


def save(path: str | os.PathLike[str], graph: Graph) -> None:
    """Write a graph to a file, as :meth:`Graph.save` says."""
    writer = Writer(lambda inner: _graph_json(inner, writer))
    head = {"format": FORMAT, "version": VERSION, "functrans": __version__}
    text = json.dumps({**head, "graph": _graph_json(graph, writer)}, allow_nan=False)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("graph.json", text)
        for i, array in enumerate(writer.arrays):
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            archive.writestr(f"arrays/{i}.npy", data.getbuffer())


def _graph_json(graph: Graph, writer: Writer) -> dict[str, Any]:
    numbers: dict[Variable, int] = {}

    def new(variable: Variable) -> Any:
        numbers[variable] = len(numbers)
        return writer.type(variable.type)

    def operand(x: Any) -> Any:
        return numbers[x] if type(x) is Variable else [writer.value(x)]

    with refused(f"graph {graph.name}"):
        written: dict[str, Any] = {"name": graph.name, "inputs": list(map(new, graph.inputs))}
    equations = []
    for equation in graph.equations:
        with refused(f"graph {graph.name}: {equation.primitive.name} at {equation.line}"):
            _check_savable(equation.primitive)
            equations.append(
                {
                    "primitive": [equation.primitive.name, equation.primitive.call.__module__],
                    "inputs": list(map(operand, equation.inputs)),
                    "params": {k: writer.value(v) for k, v in equation.params.items()},
                    "outputs": list(map(new, equation.outputs)),
                    "line": equation.line,
                    **({"errstate": equation.errstate} if equation.errstate else {}),
                }
            )
    with refused(f"graph {graph.name}: an output"):
        written |= {"equations": equations, "outputs": list(map(operand, graph.outputs))}
    for name, treedef in (("in_tree", graph.in_tree), ("out_tree", graph.out_tree)):
        with refused(f"graph {graph.name}: its {name}"):
            written[name] = None if treedef is None else writer.tree(treedef)
    return written


def _check_savable(primitive: Primitive) -> None:
    if primitive.kind == "custom":
        raise Unsupported(
            "Python functions with rules of their own (functrans.custom), which a file cannot "
            "hold; stage the function inside, f.fun, or a transform that applies the rules"
        )
    if REGISTRY.get(primitive.name) is not primitive:
        raise Unsupported("a primitive that is no longer registered")


def load(path: str | os.PathLike[str]) -> Graph:
    """Read a graph from a file, as :meth:`Graph.load` says."""
    with open(path, "rb") as file, _damaged(path), zipfile.ZipFile(file) as archive:
        written = json.loads(_member(archive, "graph.json"))
        if written["format"] != FORMAT:
            raise Damaged(f"the format {written['format']!r}")
        if not (type(written["version"]) is int and 1 <= written["version"] <= VERSION):
            raise Damaged(
                f"version {written['version']} of the format, of functrans "
                f"{written.get('functrans')}, where this one reads version {VERSION}"
            )
        arrays: dict[int, np.ndarray[Any, Any]] = {}

        def array(number: int) -> np.ndarray[Any, Any]:
            if number not in arrays:
                arrays[number] = _array(_member(archive, f"arrays/{number:d}.npy"))
            return arrays[number]

        reader = Reader(array, lambda inner: _graph_of(inner, reader))
        return _graph_of(written["graph"], reader)


_CAUSES = (
    Damaged,
    zipfile.BadZipFile,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    EOFError,
    OSError,
)


@contextlib.contextmanager
def _damaged(path: object) -> Iterator[None]:
    """Anything that goes wrong while a file is read, in one error."""
    try:
        yield
    except _CAUSES as error:
        found = str(error) if isinstance(error, Damaged) else f"{type(error).__name__}: {error}"
        raise GraphFileError(f"{path} holds no graph that can be read: {found}.") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part of the archive; what is compressed may grow without bound and is none of ours."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise Damaged(f"a compressed part {name}")
    return archive.read(name)


def _array(data: bytes) -> np.ndarray[Any, Any]:
    """An array in NumPy's format that takes as much memory as it has bytes in the file."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version)
    if read is None:
        raise Damaged(f"an array in version {version} of NumPy's format")
    shape, fortran, dtype = read(file)
    if dtype.hasobject or fortran:
        raise Damaged(f"an array of dtype {dtype}")
    content = bytearray(file.read())
    return np.frombuffer(content, dtype).reshape(shape)


_KINDS_OF_ERRORS = {
    (kind, how)
    for kind in ("divide", "over", "under", "invalid")
    for how in ("ignore", "warn", "raise", "call", "print", "log")
}


def _graph_of(written: Any, reader: Reader) -> Graph:
    known = [Variable(type_of_json(kind)) for kind in written["inputs"]]
    inputs = list(known)

    def operand(x: Any) -> Any:
        if type(x) is int:
            if x < 0:
                raise Damaged(f"the variable {x}")
            return known[x]
        (constant,) = x
        return reader.value(constant)

    equations = []
    for entry in written["equations"]:
        primitive_name, module = entry["primitive"]
        primitive = _primitive(primitive_name, module, entry["line"])
        operands = tuple([operand(x) for x in entry["inputs"]])
        params = {str(k): reader.value(v) for k, v in entry["params"].items()}
        outputs = tuple([Variable(type_of_json(kind)) for kind in entry["outputs"]])
        _check_types(primitive, operands, params, outputs)
        known += outputs
        errstate = entry.get("errstate")
        if errstate is not None and not _KINDS_OF_ERRORS.issuperset(errstate.items()):
            raise Damaged(f"the errstate {errstate}")
        equations.append(
            Equation(primitive, operands, params, outputs, str(entry["line"]), errstate)
        )
    graph = Graph(str(written["name"]), inputs, equations, [operand(x) for x in written["outputs"]])
    for name, leaves in (("in_tree", graph.inputs), ("out_tree", graph.outputs)):
        if written[name] is not None:
            treedef = reader.tree(written[name])
            if treedef.num_leaves != len(leaves):
                raise Damaged(f"an {name} of {treedef.num_leaves} leaves for {len(leaves)} arrays")
            setattr(graph, name, treedef)
    return graph


def _primitive(name: Any, module: Any, line: Any) -> Primitive:
    if name not in REGISTRY and is_ours(str(module)):
        with contextlib.suppress(ImportError):  # a part of this package, as those that need SciPy
            importlib.import_module(module)
            importlib.import_module(HOMES.get(str(name), str(module)))
    if name not in REGISTRY:
        raise Damaged(
            f"the primitive {name!r} of {module}, used at {line}, is not registered here: import "
            "the module that defines it first"
        )
    if REGISTRY[name].kind == "custom":
        raise Damaged(f"the primitive {name!r}, which calls Python functions")
    return REGISTRY[name]


def _check_types(
    primitive: Primitive, operands: Any, params: dict[str, Any], outputs: tuple[Variable, ...]
) -> None:
    """Raise unless the shape rule of a primitive agrees with the types of its outputs.

    The checker of passes asks implementations that have no shape rule; a file shall run nothing.
    """
    if primitive.shape is None:
        return
    found: Any = primitive.shape(*map(operand_type, operands), **params)
    kinds = (found,) if primitive.outputs is None else tuple(found)
    if kinds != tuple(v.type for v in outputs):
        raise Damaged(
            f"{primitive.name} with outputs {[v.type for v in outputs]}, which are {list(kinds)}"
        )
