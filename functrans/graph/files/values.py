"""Parameters, constants and structures as JSON and a list of arrays, and back.

A value is its own JSON where that reads back as the same; any other is an object with one entry,
which says what it is.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.containers import (
    _DataclassKind,
    _SortedKeys,
    _StaticFields,
    classify,
)
from functrans.core.errors import GraphFileError
from functrans.core.primitive import REGISTRY, Primitive
from functrans.core.structures import node
from functrans.core.types import ArrayType
from functrans.graph.graph import Graph
from functrans.primitives.index_expression import ARRAY, Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FACTORIES = {t.__name__: t for t in (bool, int, float, complex, str, list, tuple, dict, set)}
"""What a defaultdict may make."""

_POLICIES = "functrans.control.checkpoint_policies"

_KINDS = "biufcSUmM"
_UFUNCS = ("numpy", "scipy.special")

_OWN: dict[str, type[Any]] = {
    t.__name__: t for t in (dict, list, tuple, type(None), OrderedDict, defaultdict)
}


def is_ours(module: str) -> bool:
    """Whether a name is that of a module of this package, which reading a file may import."""
    return module.startswith("functrans.") and all([x.isidentifier() for x in module.split(".")])


class Unsupported(Exception):
    """A value that no file holds; the message says what it is, and the remedy."""


@contextlib.contextmanager
def refused(where: str) -> Iterator[None]:
    """What a file cannot hold, as an error that says where it stands."""
    try:
        yield
    except Unsupported as refusal:
        raise GraphFileError(f"{where} holds {refusal}.") from None


class Damaged(Exception):
    """What is read is no value."""


class Writer:
    """Encodes values, and collects their arrays."""

    def __init__(self, graph: Callable[[Graph], Any]) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._places: dict[int, tuple[Any, Any]] = {}
        self._graph = graph

    def value(self, x: Any) -> Any:
        """The JSON of a value.

        Raises
        ------
        Unsupported
            There is none.
        """
        cls = type(x)
        if x is None or cls in (bool, int, str):
            return x
        if cls is float:
            return x if np.isfinite(x) else {"float": repr(x)}
        if cls is complex:
            return {"complex": [self.value(x.real), self.value(x.imag)]}
        if cls is _SortedKeys:
            return {"sorted": [self.values(x), self.values(x.order)]}
        if cls in (tuple, _StaticFields):
            return self.values(x)
        if cls is np.ndarray:
            return {"array": self._array(x)}
        for kind, encode in _ENCODERS.items():
            if isinstance(x, kind):
                found = encode(self, x)
                if found is not None:
                    return found
        raise Unsupported(_refusal(x))

    def values(self, xs: Any) -> list[Any]:
        return [self.value(x) for x in xs]

    def type(self, kind: ArrayType) -> Any:
        return [dtype_text(kind.dtype), list(kind.shape), kind.weak]

    def graph(self, graph: Graph) -> Any:
        return self._graph(graph)

    def tree(self, treedef: tree.TreeDef) -> Any:
        """The JSON of a structure: its outermost type, its static part and its children."""
        cls = treedef.type
        if cls is None:
            return "*"
        name = cls.__name__ if _OWN.get(cls.__name__) is cls else _import_path(cls)
        static = treedef.static
        if cls is defaultdict:
            factory, keys = static
            if (
                factory is not None
                and FACTORIES.get(getattr(factory, "__name__", "")) is not factory
            ):
                raise Unsupported(
                    f"a defaultdict of {factory!r}; pass a dict, or one of {', '.join(FACTORIES)}"
                )
            static = (factory and factory.__name__, keys)
        return [name, self.value(static), [self.tree(child) for child in treedef.children]]

    def _array(self, x: np.ndarray[Any, Any]) -> list[Any]:
        """The number of an array, the order of its axes in memory, and its shape.

        What is laid out in another order comes back in it, since matrix products of other layouts
        have other rounding errors.
        """
        if id(x) not in self._places:
            dtype_text(x.dtype)
            stored, order, shape = packed(x)
            self.arrays.append(stored)
            entry = [len(self.arrays) - 1, order, list(shape)]
            self._places[id(x)] = entry, x  # the array stays, and so its id
        return self._places[id(x)][0]  # type: ignore[no-any-return]


def packed(x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], list[int], tuple[int, ...]]:
    """An array in the order of its memory, the order of its axes there, and its shape.

    Axes along which it is broadcast have length 1.
    """
    part = x[tuple(slice(0, 1) if n and not s else slice(None) for n, s in _axes(x))]
    order = sorted(range(x.ndim), key=lambda i: -abs(part.strides[i]))
    shape = [part.shape[i] for i in order]
    return np.ascontiguousarray(part.transpose(order)).reshape(shape), order, x.shape


def _axes(x: np.ndarray[Any, Any]) -> Any:
    return zip(x.shape, x.strides, strict=True)


def dtype_text(dtype: np.dtype[Any]) -> str:
    if dtype.kind not in _KINDS:
        raise Unsupported(f"an array of dtype {dtype}; a file holds numbers, texts and dates")
    return dtype.str


def _import_path(cls: type[Any]) -> str:
    if _imported(cls.__module__, cls.__qualname__) is not cls:
        raise Unsupported(
            f"the structure of a {cls.__qualname__}, which {cls.__module__} does not have under "
            "that name; define the class at the top of a module"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def _imported(module: str, name: str) -> Any:
    """What a module that is loaded already has under a dotted name: no code runs for it."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found


def _refusal(x: Any) -> str:
    if callable(x):
        name = getattr(x, "__qualname__", None) or repr(x)
        return (
            f"the Python function {name}, which a file cannot hold; give a ufunc of NumPy or a "
            "primitive in its place"
        )
    return f"a {type(x).__qualname__}, which a file cannot hold"


def _ufunc(writer: Writer, x: np.ufunc) -> Any:
    for module in _UFUNCS:
        if _imported(module, x.__name__) is x:
            return {"ufunc": f"{module}:{x.__name__}"}
    return None


def _function(writer: Writer, x: Any) -> Any:
    primitive = getattr(x, "primitive", None)
    known = isinstance(primitive, Primitive) and REGISTRY.get(primitive.name) is primitive
    return {"primitive": primitive.name} if known else None  # type: ignore[union-attr]


def _index(writer: Writer, x: Index) -> Any:
    return {"index": [["array" if e is ARRAY else [writer.value(e)] for e in x.entries], x.unique]}


def _policy(writer: Writer, x: Any) -> Any:
    """A policy of ``checkpoint`` that has a name."""
    module, name = getattr(x, "__module__", ""), getattr(x, "__qualname__", "")
    return {"policy": name} if module == _POLICIES and _imported(module, name) is x else None


def _policy_of(json: Any) -> Any:
    found = vars(importlib.import_module(_POLICIES)).get(json)
    if getattr(found, "__module__", "") != _POLICIES:
        raise Damaged(f"the policy {json!r}")
    return found


def _record(writer: Writer, x: Any) -> Any:
    """A dataclass of ours, such as the schedule of a scan."""
    cls = type(x)
    if not (cls.__module__.startswith("functrans.") and hasattr(cls, "__dataclass_fields__")):
        return None
    fields = {name: writer.value(getattr(x, name)) for name in cls.__dataclass_fields__}
    return {"record": [_import_path(cls), {k: v for k, v in fields.items() if k in vars(x)}]}


def _scalar(writer: Writer, x: np.generic) -> Any:
    return {"scalar": [dtype_text(x.dtype), x.tobytes().hex()]}


_ENCODERS: dict[type[Any], Callable[[Writer, Any], Any]] = {
    np.generic: _scalar,
    np.dtype: lambda writer, x: {"dtype": dtype_text(x)},
    slice: lambda writer, x: {"slice": writer.values((x.start, x.stop, x.step))},
    type(Ellipsis): lambda writer, x: {"ellipsis": True},
    bytes: lambda writer, x: {"bytes": x.hex()},
    Index: _index,
    ArrayType: lambda writer, x: {"type": writer.type(x)},
    Graph: lambda writer, x: {"graph": writer.graph(x)},
    tree.TreeDef: lambda writer, x: {"tree": writer.tree(x)},
    np.ufunc: _ufunc,
    object: lambda writer, x: _function(writer, x) or _policy(writer, x) or _record(writer, x),
}


class Reader:
    """Decodes what a :class:`Writer` has encoded."""

    def __init__(
        self, arrays: Callable[[int], np.ndarray[Any, Any]], graph: Callable[[Any], Graph]
    ) -> None:
        self._arrays = arrays
        self._made: dict[tuple[Any, ...], np.ndarray[Any, Any]] = {}
        self._decoders: dict[str, Callable[[Any], Any]] = {
            "array": self._array,
            "bytes": bytes.fromhex,
            "complex": lambda json: complex(*self.values(json)),
            "dtype": _dtype,
            "ellipsis": lambda json: ...,
            "float": float,
            "graph": graph,
            "index": self._index,
            "policy": _policy_of,
            "primitive": _primitive,
            "record": self._record,
            "scalar": _scalar_of,
            "slice": lambda json: slice(*self.values(json)),
            "sorted": self._sorted,
            "tree": self.tree,
            "type": type_of_json,
            "ufunc": _ufunc_of,
        }

    def value(self, json: Any) -> Any:
        """The value of its JSON.

        Raises
        ------
        Damaged
            It is that of none.
        """
        if type(json) is list:
            return self.values(json)
        if type(json) is not dict:
            return json
        if len(json) != 1:
            raise Damaged(f"a value with the entries {sorted(json)}")
        ((kind, content),) = json.items()
        if kind not in self._decoders:
            raise Damaged(f"a value of the unknown kind {kind!r}")
        return self._decoders[kind](content)

    def values(self, json: list[Any]) -> tuple[Any, ...]:
        return tuple([self.value(x) for x in json])

    def tree(self, json: Any) -> tree.TreeDef:
        """The structure of its JSON; the types of containers are looked up, never imported."""
        if json == "*":
            return tree.structure(0)
        name, static, children = json
        static = self.value(static)
        cls = _OWN.get(name) or (_imported(*name.split(":")) if ":" in name else None)
        kind = classify(cls) if isinstance(cls, type) else None
        if kind is None:
            module, _, qualname = name.partition(":")
            raise Damaged(
                f"the structure of a {qualname or name}, which is no container that is known here: "
                f"import {module} first, and register the type if it is registered there"
            )
        if kind.cls is defaultdict:
            static = (FACTORIES[static[0]] if static[0] else None, static[1])
        elif isinstance(kind, _DataclassKind) and static is not None:
            static = _StaticFields(static)
        parts = tuple([self.tree(child) for child in children])
        if len(kind.entries(static, len(parts))) != len(parts):
            raise Damaged(f"the structure of a {kind.cls.__name__} with {len(parts)} children")
        return node(kind.cls, static, parts)

    def _array(self, json: Any) -> np.ndarray[Any, Any]:
        number, order, shape = json
        key = (number, *order, *shape)
        if key not in self._made:
            array = self._arrays(number)
            if order:
                array = array.transpose(np.argsort(order))
            if array.shape != tuple(shape):
                array = np.broadcast_to(array, tuple(shape))
            self._made[key] = array
        return self._made[key]

    def _record(self, json: Any) -> Any:
        path, fields = json
        module, _, name = path.partition(":")
        with contextlib.suppress(ImportError):
            if is_ours(module):
                importlib.import_module(module)
        cls = _imported(module, name)
        wanted = getattr(cls, "__dataclass_fields__", {})
        if not (is_ours(module) and wanted and set(fields) <= set(wanted)):
            raise Damaged(f"a record {path}")
        made = object.__new__(cls)  # nothing of it runs
        for key, value in fields.items():
            object.__setattr__(made, key, self.value(value))
        return made

    def _sorted(self, json: Any) -> Any:
        keys, order = map(self.values, json)
        if set(keys) != set(order):
            raise Damaged("a dict with keys that differ from their order")
        made = _SortedKeys(keys)
        made.order = order
        return made

    def _index(self, json: Any) -> Index:
        entries, unique = json
        return Index(tuple(ARRAY if e == "array" else self.value(e[0]) for e in entries), unique)


def type_of_json(json: Any) -> ArrayType:
    """A type of its JSON."""
    text, shape, weak = json
    if not (type(weak) is bool and all(type(n) is int and n >= 0 for n in shape)):
        raise Damaged(f"the type {json}")
    return ArrayType(tuple(shape), _dtype(text), weak)


def _dtype(json: Any) -> np.dtype[Any]:
    dtype = np.dtype(str(json))
    if dtype.kind not in _KINDS or dtype.fields or dtype.subdtype:
        raise Damaged(f"the dtype {json!r}")
    return dtype


def _scalar_of(json: Any) -> Any:
    text, data = json
    return np.frombuffer(bytes.fromhex(data), _dtype(text), 1)[0]


def _ufunc_of(json: Any) -> np.ufunc:
    module, name = json.split(":")
    found = _imported(module, name) if module in _UFUNCS else None
    if not isinstance(found, np.ufunc):
        raise Damaged(f"the ufunc {json}, which is not known here: import {module} first")
    return found


def _primitive(json: Any) -> Any:
    if json not in REGISTRY:
        raise Damaged(f"the primitive {json!r}, which is not registered here")
    return REGISTRY[json].call
