"""Python functions as source text that needs NumPy alone: a function of the library with all that
it calls, out of the files that it stands in.

Names of modules, constants, classes and other functions are replaced by what they stand for, so
that the pieces of many files fit into one; annotations and docstrings are left out.
"""

from __future__ import annotations

import ast
import base64
import builtins
import copy
import dis
import functools
import importlib
import keyword
import linecache
import math
import re
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import FunctransError
from functrans.core.primitive import Primitive
from functrans.core.types import ArrayType
from functrans.graph.files.values import Unsupported, packed
from functrans.graph.graph import Graph
from functrans.primitives.index_expression import ARRAY, Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = (
    "functrans.core.dispatch",
    "functrans.core.kinds",
    "functrans.core.overwriting",
    "functrans.core.types",
    "functrans.control",
    "functrans.primitives",
)
"""Where functions and classes of the library are taken from; all else works with transforms."""

SUBSTITUTES = {
    "functrans.core.errors:user_line": "def NAME():\n    return 'an exported program'",
    "functrans.core.errors:warn_user": (
        "def NAME(message, category):\n    warnings.warn(message, category, stacklevel=3)"
    ),
    # No transform is there that would do better.
    "functrans.primitives.degenerate:decline_near": "def NAME(w, name, order):\n    pass",
    "functrans.compile.numpy_program:program": (
        "def NAME(graph, donated=()):\n"
        "    def run(*values):\n"
        "        outs = graph(*values)\n"
        "        held = {id(x) for x in values}\n"
        "        return [\n"
        "            x.copy() if type(x) is np.ndarray and id(x) in held else x for x in outs\n"
        "        ]\n"
        "    return run"
    ),
    "functrans.control.lanes:lanes_of": (
        "def NAME(graph, count, flags):\n"
        "    def run(*values):\n"
        "        pairs = [(x, lane) for x, lane in zip(values, flags)]\n"
        "        lanes = [[x[i] if lane else x for x, lane in pairs] for i in range(count)]\n"
        "        rows = [graph(*lane) for lane in lanes]\n"
        "        return [np.stack(column) for column in zip(*rows)]\n"
        "    return run"
    ),
}
"""What takes the place of functions that do more than a program on plain arrays needs."""

INLINE = 64
"""Elements up to which an array is written as a list of numbers."""

_SCALARS = (bool, int, str, type(None), bytes)


class Pieces:
    """Definitions for a module, each once, in an order in which they can be executed."""

    def __init__(self, graph: Callable[[Graph], str], taken: set[str]) -> None:
        self.imports: dict[str, None] = {}
        self.texts: list[str] = []
        self._graph = graph
        self._taken = taken | {"np", *dir(builtins), *keyword.kwlist}
        self._known: dict[int, tuple[str, Any]] = {}

    def name(self, wanted: str) -> str:
        """A name that nothing else has, nor a local variable: it starts with an underscore."""
        base = name = "_" + (re.sub(r"\W", "_", wanted).strip("_") or "function")
        count = 2
        while name in self._taken:
            name = f"{base}_{count}"
            count += 1
        self._taken.add(name)
        return name

    def expression(self, x: Any, hint: str = "value") -> str:
        """The text of a value, after what it needs has been defined.

        Raises
        ------
        Unsupported
            There is none that needs NumPy alone.
        """
        if id(x) not in self._known:
            text = self._literal(x)
            if text is not None:
                return text
            self._known[id(x)] = self._defined(x, hint), x  # which stays, and so its id
        return self._known[id(x)][0]

    # Values.

    def _literal(self, x: Any) -> str | None:
        cls = type(x)
        if cls in _SCALARS or (cls is float and math.isfinite(x)):
            return repr(x)
        if cls is float:
            return "np.nan" if math.isnan(x) else "np.inf" if x > 0 else "-np.inf"
        if cls is complex:
            return f"complex({self.expression(x.real)}, {self.expression(x.imag)})"
        if x is Ellipsis:
            return "..."
        if cls is tuple:
            parts = ", ".join(map(self.expression, x))
            return f"({parts},)" if len(x) == 1 else f"({parts})"
        if cls is slice:
            return f"slice({', '.join(map(self.expression, (x.start, x.stop, x.step)))})"
        if isinstance(x, np.dtype):
            return f"np.dtype({x.str!r})"
        if isinstance(x, np.generic):
            return self._scalar(x)
        if isinstance(x, ArrayType):
            arguments = self.expression((x.shape, x.dtype, x.weak))[1:-1]
            return f"{self.expression(ArrayType)}({arguments})"
        if isinstance(x, Index):
            return f"{self.expression(Index)}({self.expression(x.entries)}, {x.unique})"
        return self._reference(x)

    def _scalar(self, x: np.generic) -> str:
        text = repr(x)
        with np.errstate(all="ignore"):
            try:
                same = eval(text, {"np": np, "nan": np.nan, "inf": np.inf})
            except (NameError, SyntaxError, TypeError, AttributeError):
                same = None
        if same is not None and type(same) is type(x) and same.tobytes() == x.tobytes():
            return text
        return f"np.frombuffer(bytes.fromhex({x.tobytes().hex()!r}), {x.dtype.str!r})[0]"

    def _reference(self, x: Any) -> str | None:
        """The text of what NumPy, Python's own modules or the builtins have."""
        if isinstance(x, ModuleType):
            return self._module(x)
        if isinstance(x, BuiltinFunctionType) and isinstance(x.__self__, np.ufunc):
            return f"{self.expression(x.__self__)}.{x.__name__}"
        name = getattr(x, "__qualname__", None) or getattr(x, "__name__", None)
        if not isinstance(name, str):
            return None
        if getattr(builtins, name, None) is x:
            return name
        for module in (np, np.linalg, np.fft, np.lib.stride_tricks, np.exceptions):
            if getattr(module, name, None) is x:
                return f"{module.__name__.replace('numpy', 'np', 1)}.{name}"
        home = sys.modules.get(getattr(x, "__module__", None) or "")
        if home is None or getattr(home, name, None) is not x:
            return None
        standard = home.__name__.partition(".")[0] in sys.stdlib_module_names
        return f"{self._module(home)}.{name}" if standard else None

    def _module(self, module: ModuleType) -> str:
        name = module.__name__
        if name.partition(".")[0] == "numpy":
            return name.replace("numpy", "np", 1)
        if name.partition(".")[0] in sys.stdlib_module_names:
            self.imports[name.lstrip("_")] = None
            return name.lstrip("_")
        raise Unsupported(f"the module {name}, where there is NumPy alone")

    # Definitions.

    def _defined(self, x: Any, hint: str) -> str:
        """Define a value under a name, which is returned."""
        if x is ARRAY or type(x) is object:
            return self._assigned(hint, "object()")
        if isinstance(x, np.polynomial.Polynomial):
            data = ", ".join(map(self.expression, (x.coef, x.domain, x.window)))
            return self._assigned(hint, f"np.polynomial.Polynomial({data})")
        if isinstance(x, np.ndarray):
            return self._assigned(hint, self._array(x))
        if isinstance(x, dict):
            items = [f"{self.expression(k)}: {self.expression(v)}" for k, v in x.items()]
            return self._assigned(hint, f"{{{', '.join(items)}}}")
        if type(x) in (list, set, frozenset):
            items = [self.expression(v) for v in x]
            return self._assigned(hint, f"{type(x).__name__}([{', '.join(items)}])")
        if isinstance(x, functools.partial):
            parts = [self.expression(v) for v in (x.func, *x.args)]
            parts += [f"{k}={self.expression(v)}" for k, v in x.keywords.items()]
            return self._assigned(hint, f"{self.expression(functools.partial)}({', '.join(parts)})")
        primitive = getattr(x, "primitive", None)
        if isinstance(primitive, Primitive):
            return self.expression(primitive.impl, primitive.name)
        home = getattr(x, "__module__", None) or type(x).__module__
        if isinstance(x, np.ufunc) or home.partition(".")[0] in ("scipy", "numpy"):
            raise Unsupported(f"{getattr(x, '__name__', home)}, which needs SciPy")
        wrapped = getattr(x, "__wrapped__", None)
        if isinstance(x, functools._lru_cache_wrapper):
            return self.expression(wrapped, hint)
        if isinstance(x, FunctionType | type):
            return self._code(x, hint)
        if isinstance(x, Graph):
            return self._graph(x)
        raise Unsupported(f"a {type(x).__qualname__}, whose source is not Python")

    def shared(self, x: Any, text: str) -> str:
        """Define a value by this text, once; returns its name."""
        if id(x) not in self._known:
            self._known[id(x)] = self._assigned(x.__name__, text), x
        return self._known[id(x)][0]

    def _assigned(self, hint: str, text: str) -> str:
        name = self.name(hint)
        self.texts.append(f"{name} = {text}")
        return name

    def _array(self, x: np.ndarray[Any, Any]) -> str:
        """The text of an array with its layout, which matters to the rounding of products."""
        stored, order, shape = packed(x)
        text = ""
        if stored.size <= INLINE and stored.dtype.kind in "biufc":
            numbers = f"np.array({self._numbers(stored.tolist())}, {x.dtype.str!r})"
            if stored.size == 0:
                numbers += f".reshape({stored.shape})"
            with np.errstate(all="ignore"):
                if eval(numbers, {"np": np}).tobytes() == stored.tobytes():
                    text = numbers
        text = text or self._bytes(stored)
        if order != sorted(order):
            text += f".transpose({tuple(int(i) for i in np.argsort(order))})"
        if tuple(stored.shape[i] for i in np.argsort(order)) != shape:
            text = f"np.broadcast_to({text}, {shape})"
        return text

    def _numbers(self, x: Any) -> str:
        if type(x) is list:
            return f"[{', '.join(map(self._numbers, x))}]"
        return self.expression(x)

    def _bytes(self, stored: np.ndarray[Any, Any]) -> str:
        data = base64.b64encode(stored.tobytes()).decode()
        self.imports["base64"] = None
        lines = "".join(f'\n    "{data[i : i + 88]}"' for i in range(0, len(data), 88))
        return (
            f"np.frombuffer(bytearray(base64.b64decode({lines or repr('')})), "
            f"{stored.dtype.str!r}).reshape({stored.shape})"
        )

    def _code(self, x: Any, hint: str) -> str:
        path = f"{x.__module__}:{x.__qualname__}"
        if path in SUBSTITUTES:
            if "warnings." in SUBSTITUTES[path]:
                self.imports["warnings"] = None
            name = self.name(x.__name__)
            self.texts.append(SUBSTITUTES[path].replace("NAME", name, 1))
            return name
        if x.__module__ == "functrans.core.array":
            return "()"  # in isinstance(x, TracedArray): there are none
        if isinstance(x, type) and issubclass(x, FunctransError | Warning):
            return next(
                str(c.__name__) for c in x.__mro__ if getattr(builtins, c.__name__, None) is c
            )
        if x.__module__.partition(".")[0] == "functrans" and not x.__module__.startswith(OURS):
            raise Unsupported(f"{x.__module__}.{x.__qualname__}, which works with transforms")
        name = self.name(x.__name__ if x.__name__.isidentifier() else hint)
        self._known[id(x)] = name, x  # before its body, which may mention it
        node = definition(x)
        node.name = name
        self.texts.append(ast.unparse(self.resolved(node, x)))
        return name

    def resolved(self, node: Any, owner: Any) -> Any:
        """The syntax of a function or class with its global names replaced."""
        values = dict(_globals_of(node, owner))
        return ast.fix_missing_locations(_Resolve(self, owner, values).visit(node))


def definition(x: Any) -> Any:
    """The syntax of a function or class as a definition: a lambda becomes a function, defaults are
    the values that they have, annotations and docstrings are gone."""
    node = copy.deepcopy(_found(x))
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.Return(node.body)]
        node = ast.FunctionDef("function", node.args, body, [], None, None, lineno=1)
    node = _Strip().visit(node)
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
    return ast.fix_missing_locations(node)


@functools.cache
def _syntax(filename: str) -> ast.Module:
    """The syntax of a file, or of the cell of a notebook."""
    source = "".join(linecache.getlines(filename))
    if not source:
        raise OSError(filename)
    return ast.parse(source)


def _found(x: Any) -> Any:
    """The node of a function or class in the file that defines it."""
    if isinstance(x, type):
        filename = getattr(sys.modules.get(x.__module__), "__file__", None)
        candidates = [
            node
            for node in ast.walk(_tree(filename, x))
            if isinstance(node, ast.ClassDef) and node.name == x.__name__
        ]
        if len(candidates) != 1:
            raise Unsupported(f"the class {x.__qualname__}, whose definition is not found")
        return candidates[0]
    code = x.__code__
    lines = [p for p in code.co_positions() if p[0] is not None and p[2] is not None and p[3]]
    for node in ast.walk(_tree(code.co_filename, x)):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if code.co_firstlineno in (first, node.lineno):
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            same_line = node.lineno == code.co_firstlineno
            if same_line and _covers(node.body, lines):
                return node
    raise Unsupported(f"the function {x.__qualname__}, whose source is not found")


def _tree(filename: Any, x: Any) -> ast.Module:
    try:
        return _syntax(filename)
    except (OSError, TypeError, SyntaxError):
        raise Unsupported(f"{x.__qualname__}, which has no source") from None


def _covers(body: ast.expr, lines: list[Any]) -> bool:
    """Whether an expression is what instructions at these places compute."""
    begin, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    inside = [p for p in lines if (p[0], p[2]) >= begin and (p[1], p[3]) <= end]
    return bool(inside) and any((p[0], p[2]) == begin or (p[1], p[3]) == end for p in inside)


class _Strip(ast.NodeTransformer):
    """Leaves out annotations and docstrings."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign([node.target], node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
        for field in fields:  # of a dataclass or a NamedTuple: they stay, of any type
            field.annotation = ast.Name("object", ast.Load())
        kept = {id(field) for field in fields}
        node.body = [n if id(n) in kept else self.visit(n) for n in _without_docstring(node.body)]
        return node

    def _body(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body = _without_docstring(node.body) or [ast.Pass()]
        return node


def _without_docstring(body: list[Any]) -> list[Any]:
    return [
        node
        for node in body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def _globals_of(node: Any, owner: Any) -> Iterator[tuple[str, Any]]:
    """The names that a definition takes from around it, with their values."""
    code = compile(ast.Module([node], []), "<definition>", "exec")
    own = {node.name}
    wanted, local = _names(code, top=True)
    around: dict[str, Any] = {}
    function = owner
    if isinstance(owner, type):
        around.update(vars(sys.modules[owner.__module__]))
    else:
        around.update(owner.__globals__)
        for name, cell in zip(owner.__code__.co_freevars, owner.__closure__ or (), strict=True):
            around[name] = cell.cell_contents
    for name in sorted(wanted):
        if name in own or (name not in around and hasattr(builtins, name)):
            continue
        if name in local:
            raise Unsupported(f"{function.__qualname__}, where {name} means two things")
        if name not in around:
            raise Unsupported(f"{function.__qualname__}, where {name} is not known")
        yield name, around[name]


def _names(code: CodeType, top: bool = False) -> tuple[set[str], set[str]]:
    """The names that code takes from outside of all its scopes, and those of its scopes."""
    wanted = {
        i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    local = set() if top else {*code.co_varnames, *code.co_cellvars}
    wanted -= stored
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner, own = _names(constant)
            wanted |= inner
            local |= own
    return wanted - {"__name__", "__qualname__", "__module__"}, local


class _Resolve(ast.NodeTransformer):
    """Replaces global names by the text of what they stand for."""

    def __init__(self, pieces: Pieces, owner: Any, values: dict[str, Any]) -> None:
        self.pieces = pieces
        self.owner = owner
        self.values = values

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id not in self.values:
            return node
        return _expression(self.pieces.expression(self.values[node.id], node.id))

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        base = node.value
        if isinstance(base, ast.Name) and base.id in self.values:
            value = self.values[base.id]
            home = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
            if home.startswith("functrans"):  # a module, or a collection of operations
                return _expression(self.pieces.expression(getattr(value, node.attr), node.attr))
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> Any:
        for alias in node.names:
            if alias.name.partition(".")[0] not in ("numpy", *sys.stdlib_module_names):
                raise Unsupported(f"the module {alias.name}, where there is NumPy alone")
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        module = importlib.import_module(
            "." * node.level + (node.module or ""), self.owner.__globals__["__package__"]
        )
        assigned = []
        for alias in node.names:
            value = getattr(module, alias.name)
            text = _expression(self.pieces.expression(value, alias.name))
            assigned.append(ast.Assign([ast.Name(alias.asname or alias.name, ast.Store())], text))
        return assigned


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
