"""A graph as a Python module that needs NumPy alone."""

from __future__ import annotations

import ast
import copy
import keyword
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

from functrans._version import __version__
from functrans.core import tree
from functrans.core.containers import Attribute, _DataclassKind, _NamedTupleKind, classify
from functrans.core.types import is_array
from functrans.graph.files.extraction import Pieces, _globals_of, _Resolve, definition
from functrans.graph.files.values import Unsupported, refused
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes.running import runnable
from functrans.graph.printing import letters
from functrans.primitives.index_expression import ARRAY, Index

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 32_768
"""Bytes of a value from which on its name is deleted after its last use."""

_NOT_OF_PROGRAMS = ("policy", "checkpoint", "executor")
"""Parameters of loops and calls that say what reverse mode keeps, and what carries them out."""

_CHECK = '''\
def check(x, name, dtype, shape, weak):
    """Raise unless an argument has the type that the program was made for."""
    kind = np.asarray(x).dtype
    loose = weak or type(x) in (bool, int, float, complex)
    fits = kind == dtype or loose and np.can_cast(kind, dtype, "same_kind")
    if np.shape(x) != shape or not fits:
        raise TypeError(
            f"{name} is {kind}{list(np.shape(x))}, but the program was made for "
            f"{dtype}{list(shape)}"
        )
'''


def module_text(graph: Graph) -> str:
    """The text of the module, as :meth:`Graph.export` says."""
    return _Module(graph).text()


class _Module:
    """The parts of one module: what operations need, and a function for each graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.main = graph.name if _usable(graph.name) else "function"
        self.pieces = Pieces(self.nested, {self.main, "check"})
        self._inline: dict[Any, Any] = {}

    def text(self) -> str:
        body = "\n".join(self._main())
        imports = "".join(f"import {name}\n" for name in sorted(self.pieces.imports))
        pieces = "\n\n\n".join(self.pieces.texts)
        head = (
            f'"""The program {self.main}, which functrans {__version__} has written.\n\n'
            'It needs NumPy alone.\n"""\n\n'
        )
        parts = [f"{head}{imports}{chr(10) if imports else ''}import numpy as np"]
        parts += [part for part in (pieces, _CHECK.rstrip(), body) if part]
        return "\n\n\n".join(parts) + "\n"

    def nested(self, graph: Graph) -> str:
        """Define the function of a nested graph, of flat arrays; returns its name.

        What implementations of control flow ask of a graph, the function has as attributes.
        """
        name = self.pieces.name(graph.name)
        function = _Function(self, graph)
        inputs = ", ".join(map(function.variable, graph.inputs))
        lines = [f"def {name}({inputs}):", *function.lines()]
        lines.append(f"    return [{', '.join(map(function.operand, graph.outputs))}]")
        types = self.pieces.expression(tuple(graph.output_types))
        lines += ["", "", f"{name}.output_types = {types}", f"{name}.effects = False"]
        self.pieces.texts.append("\n".join(lines))
        return name

    def _main(self) -> Iterator[str]:
        graph = self.graph
        function = _Function(self, graph)
        with_tree = graph.in_tree or tree.structure((tuple(range(len(graph.inputs))), {}))
        parameters, taken = _parameters(with_tree, function, graph)
        lines = list(function.lines())
        yield f"def {self.main}({parameters}):"
        yield from taken
        for v, label in zip(graph.inputs, _input_labels(with_tree), strict=True):
            kind = v.type
            yield (
                f"    check({function.variable(v)}, {label!r}, {kind.dtype.name!r}, "
                f"{kind.shape}, {kind.weak})"
            )
        yield from lines
        yield f"    return {self._result(function)}"

    def _result(self, function: _Function) -> str:
        graph = self.graph
        leaves = iter(graph.outputs)
        if graph.out_tree is None:
            return f"[{', '.join(self._leaf(function, x) for x in leaves)}]"
        with refused(f"graph {graph.name}: its result"):
            return self._built(graph.out_tree, leaves, function)

    def _leaf(self, function: _Function, x: Any) -> str:
        text = function.operand(x)
        own = type(x) is not Variable and is_array(x) and getattr(x, "ndim", 0) > 0
        return f"{text}.copy()" if own else text

    def _built(self, treedef: tree.TreeDef, leaves: Iterator[Any], function: _Function) -> str:
        cls = treedef.type
        if cls is None:
            return self._leaf(function, next(leaves))
        parts = [self._built(child, leaves, function) for child in treedef.children]
        kind = classify(cls)
        static = treedef.static
        if cls is type(None):
            return "None"
        if cls is tuple:
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if cls is list:
            return f"[{', '.join(parts)}]"
        if cls in (dict, OrderedDict, defaultdict):
            factory, keys = static if cls is defaultdict else (None, static)
            by_key = dict(zip(keys, parts, strict=True))
            order = getattr(keys, "order", keys)
            items = ", ".join(f"{self.pieces.expression(k)}: {by_key[k]}" for k in order)
            if cls is dict:
                return f"{{{items}}}"
            made = self.pieces.expression(cls)
            first = f"{self.pieces.expression(factory)}, " if cls is defaultdict else ""
            return f"{made}({first}{{{items}}})"
        if isinstance(kind, _NamedTupleKind):
            self.pieces.imports["collections"] = None
            made = self.pieces.shared(
                cls, f"collections.namedtuple({cls.__name__!r}, {cls._fields!r})"
            )
            return f"{made}({', '.join(parts)})"
        if isinstance(kind, _DataclassKind):
            self.pieces.imports["types"] = None
            fields = dict(zip(kind.names, parts, strict=True))
            for name, value in zip(kind.static_names, static or (), strict=True):
                fields[name] = self.pieces.expression(value)
            items = ", ".join(f"{name}={value}" for name, value in fields.items())
            return f"types.SimpleNamespace({items})"
        raise Unsupported(
            f"a {cls.__qualname__}; return dicts, lists, tuples, namedtuples or dataclasses"
        )


class _Function:
    """The lines of the function of one graph."""

    def __init__(self, module: _Module, graph: Graph) -> None:
        self.module = module
        self.graph = runnable(graph)
        self._names: dict[Variable, str] = {}
        self._count = 0

    def variable(self, v: Variable) -> str:
        if v not in self._names:
            name = letters(self._count)
            while keyword.iskeyword(name) or name == "np":
                self._count += 1
                name = letters(self._count)
            self._count += 1
            self._names[v] = name
        return self._names[v]

    def operand(self, x: Any) -> str:
        if type(x) is Variable:
            return self.variable(x)
        return self.module.pieces.expression(x, "constant")

    def lines(self) -> Iterator[str]:
        for v in self.graph.inputs:
            self.variable(v)
        errstate: dict[str, Any] | None = None
        for equation, released in zip(self.graph.equations, self.graph.releases, strict=True):
            with refused(f"graph {self.graph.name}: {equation.primitive.name} at {equation.line}"):
                text = self._call(equation)
            if equation.errstate != errstate:
                errstate = equation.errstate
                if errstate:
                    states = ", ".join(f"{kind}={how!r}" for kind, how in errstate.items())
                    yield f"    with np.errstate({states}):"
            indent = "        " if errstate else "    "
            outs = list(map(self.variable, equation.outputs))
            left = outs[0] if equation.primitive.outputs is None else f"{', '.join(outs)},"
            yield f"{indent}{left} = {text}  # {equation.line}"
            large = [v for v in released if v.type.nbytes > LARGE]
            if large:
                yield f"{indent}del {', '.join(sorted(map(self.variable, large)))}"

    def _call(self, equation: Equation) -> str:
        primitive = equation.primitive
        if primitive.kind == "custom":
            raise Unsupported(
                "Python functions with rules of their own (functrans.custom); stage the function "
                "inside, f.fun, or a transform that applies the rules"
            )
        if primitive.effects:
            raise Unsupported("effects outside of the program; stage the function without it")
        operands = list(map(self.operand, equation.inputs))
        if primitive.name == "index":
            return _indexing(operands, equation.params["index"], self.module.pieces)
        params = {
            k: "None" if k in _NOT_OF_PROGRAMS else self.module.pieces.expression(v, k)
            for k, v in equation.params.items()
        }
        inline = self._inlined(primitive.impl, operands, params)
        if inline is not None:
            return inline
        function = self.module.pieces.expression(primitive.impl, primitive.name)
        arguments = [*operands, *(f"{k}={v}" for k, v in params.items())]
        return f"{function}({', '.join(arguments)})"

    def _inlined(self, impl: Any, operands: list[str], params: dict[str, str]) -> str | None:
        """The expression that an implementation consists of, with these arguments in it."""
        template = self.module._inline.get(impl)
        if template is None:
            template = self.module._inline[impl] = self._template(impl)
        if template is False:
            return None
        names, defaults, body = template
        if len(operands) != len(names):
            return None
        given = {**defaults, **dict(zip(names, operands, strict=True)), **params}
        filled = _Fill(given).visit(copy.deepcopy(body))
        return ast.unparse(ast.fix_missing_locations(_Fold().visit(filled)))

    def _template(self, impl: Any) -> Any:
        """Names of operands, texts of defaults and the expression; False if it is none."""
        if getattr(impl, "__code__", None) is None or impl.__defaults__:
            return False
        node = definition(impl)
        arguments = node.args
        single = len(node.body) == 1 and isinstance(node.body[0], ast.Return)
        scopes = (ast.Lambda, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
        if not single or arguments.vararg or arguments.kwarg:
            return False
        if any(isinstance(n, (*scopes, ast.NamedExpr)) for n in ast.walk(node)):
            return False
        pieces = self.module.pieces
        values = dict(_globals_of(node, impl))
        body = _Resolve(pieces, impl, values).visit(node.body[0].value)
        defaults = {k: pieces.expression(v) for k, v in (impl.__kwdefaults__ or {}).items()}
        return [a.arg for a in arguments.args], defaults, body


class _Fill(ast.NodeTransformer):
    """Puts arguments in the place of their names."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.given:
            return ast.parse(self.given[node.id], mode="eval").body
        return node


class _Fold(ast.NodeTransformer):
    """Carries out choices between constants: ``axes[0] if len(axes) == 1 else axes``."""

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        test = _constant(node.test)
        if test is None:
            return self.generic_visit(node)
        return self.visit(node.body if test[0] else node.orelse)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        found = _constant(node)
        if found is None:
            return self.generic_visit(node)
        return ast.parse(repr(found[0]), mode="eval").body


_FOLDED = (
    ast.Constant,
    ast.Tuple,
    ast.Compare,
    ast.cmpop,
    ast.Subscript,
    ast.Call,
    ast.Name,
    ast.UnaryOp,
    ast.unaryop,
    ast.expr_context,
)


def _constant(node: ast.expr) -> tuple[Any] | None:
    """The value of an expression of plain constants and ``len``, in a tuple."""
    for part in ast.walk(node):
        if not isinstance(part, _FOLDED) or (isinstance(part, ast.Name) and part.id != "len"):
            return None
    found = eval(compile(ast.Expression(node), "<constant>", "eval"), {"len": len})
    return (found,) if type(found) in (bool, int, str, type(None)) else None


def _indexing(operands: list[str], index: Index, pieces: Pieces) -> str:
    """An index as it is written between brackets."""
    x, *arrays = operands
    rest = iter(arrays)
    parts = []
    for e in index.entries:
        if e is ARRAY:
            parts.append(next(rest))
        elif type(e) is slice:
            ends = ["" if n is None else repr(n) for n in (e.start, e.stop)]
            parts.append(":".join([*ends, *([] if e.step is None else [repr(e.step)])]))
        else:
            parts.append(pieces.expression(e))
    if len(parts) == 1 and type(index.entries[0]) is not slice:
        return f"{x}[{parts[0]},]"  # a tuple: an array alone may be taken for another index
    return f"{x}[{', '.join(parts) or '()'}]"


def _usable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("np", "check")


def _parameters(treedef: tree.TreeDef, function: _Function, graph: Graph) -> tuple[str, list[str]]:
    """The parameters of the function, and the lines that take the arrays out of them."""
    positional, named = treedef.children
    leaves = iter(graph.inputs)
    texts: list[str] = []
    lines: list[str] = []

    def take(child: tree.TreeDef, name: str) -> None:
        for path in tree.leaf_paths(child):
            v = function.variable(next(leaves))
            if v != name:
                lines.append(f"    {v} = {name}{''.join(map(str, path))}")

    def parameter(child: tree.TreeDef, name: str) -> str:
        with refused(f"graph {graph.name}: the argument {name}"):
            _check_reachable(child)
        return name

    for i, child in enumerate(positional.children):
        name = f"argument{i}"
        texts.append(parameter(child, name))
        take(child, name)
    if named.children:
        texts.append("*")
        for key, child in zip(named.static, named.children, strict=True):
            texts.append(parameter(child, key))
            take(child, key)
    return ", ".join(texts), lines


def _check_reachable(treedef: tree.TreeDef) -> None:
    """Raise unless indices and attributes lead to every leaf."""
    cls = treedef.type
    if cls is None:
        return
    kind = classify(cls)
    plain = cls in (dict, OrderedDict, defaultdict, list, tuple, type(None))
    if not plain and not isinstance(kind, _NamedTupleKind | _DataclassKind):
        raise Unsupported(
            f"a {cls.__qualname__}; pass dicts, lists, tuples, namedtuples or dataclasses"
        )
    for entry in kind.entries(treedef.static, len(treedef.children)) if kind else ():
        if not isinstance(entry, Attribute) and type(entry.key) not in (str, int, float, bool):
            raise Unsupported(f"the key {entry.key!r}; use texts and numbers")
    for child in treedef.children:
        _check_reachable(child)


def _input_labels(treedef: tree.TreeDef) -> list[str]:
    labels = []
    for kind, first, *rest in tree.leaf_paths(treedef):
        name = f"argument{first.key}" if kind.key == 0 else str(first.key)
        labels.append(name + "".join(map(str, rest)))
    return labels
