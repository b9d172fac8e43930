"""The Python source of a graph: one line an equation, constants and functions bound by name."""

from __future__ import annotations

import keyword
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.buffers import Buffers
from functrans.compile.donation import reused
from functrans.compile.fusion import Chunks, Group, grouped
from functrans.compile.ownership import writes_in_place
from functrans.core.array import TracedArray
from functrans.core.errors import InputTypeError
from functrans.core.reports import switch, switch_back
from functrans.core.types import type_of
from functrans.graph.graph import Variable, last_uses, operand_types

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from functrans.graph.graph import Equation, Graph

LARGE = 32_768
"""Bytes of a value from which on its name is deleted at once; others go with the next value of that
name."""

_TAKEN = re.compile(
    r"[botvxcps]\d+|(block|plain|chunks)\d+|program|errstate|token|switch_back|in_any_order|explain|error|Exception|copyto|buffers|pool|new_buffers|IndexError"
)

_TAKE_BUFFERS = (  # calls within calls, and other threads, take others
    "try:",
    "    buffers = pool.pop()",
    "except IndexError:",
    "    buffers = new_buffers()",
)


class Source:
    """The text of a function that computes a graph, and what its names stand for.

    Attributes
    ----------
    lines : list of str
    equations : list of Equation or None
        What each line computes.
    donated : list of Variable
        The inputs whose memory may be written to, and returned.
    in_place : set of Equation
        Those that write into the memory of their first operand.
    contiguous : list of Variable
        The inputs that are taken to be in C order, if `contiguous`: where one is not, the text
        calls ``in_any_order``.
    names : dict
        The globals of the text: implementations (``sin``), constants (``c0``), parameters (``p0``).
    """

    def __init__(
        self,
        graph: Graph,
        function: str,
        contiguous: bool = False,
        donated: Collection[Variable] = (),
    ) -> None:
        self.graph = graph
        self.donated = [v for v in donated if v.type.ndim]
        self.contiguous = [v for v in graph.inputs if contiguous and v.type.ndim > 1]
        self.lines: list[str] = []
        self.equations: list[Equation | None] = []
        self.names: dict[str, Any] = {}
        self._constants: dict[int, str] = {}
        self._functions: dict[int, str] = {}
        self._registers: dict[Any, str] = {}
        self._free: list[str] = []
        self._count = 0
        self._errstate: dict[str, Any] | None = None
        self._base = "    "
        self._switched = False
        self._states: dict[str, str] = {}
        self._steps = grouped(graph)
        self._releases = last_uses(self._steps, graph.outputs)
        self.buffers = Buffers(self._steps, self._releases, graph.outputs, self.contiguous)
        self.in_place = writes_in_place(graph.inputs, self.donated, self._steps, self._releases)
        self._reused = reused(self.donated, self._steps, self._releases, graph.outputs)
        if self._reused:
            self._keep_reused()
        for i, step in enumerate([s for s in self._steps if isinstance(s, Group)]):
            self._block(step, i)
        self._write(function)

    def _keep_reused(self) -> None:
        """Let donated inputs live until a result takes their memory."""
        for step, released in zip(self._steps, self._releases, strict=True):
            for v in [self._reused[o] for o in step.outputs if o in self._reused]:
                next(r for r in self._releases if v in r).remove(v)
                released.append(v)

    @property
    def guarded(self) -> bool:
        """Whether the text calls ``in_any_order`` for some arguments."""
        return bool(self.contiguous or self.donated)

    def text(self) -> str:
        """All lines, and behind them what the names of constants stand for."""
        shown = [
            f"# {name} = {_described(x)}"
            for name, x in self.names.items()
            if re.fullmatch(r"[cp]\d+", name)
        ]
        return "\n".join([*self.lines, *shown]) + "\n"

    def _line(self, text: str, equation: Equation | None = None) -> None:
        self.lines.append(text)
        self.equations.append(equation)

    def _write(self, function: str) -> None:
        outputs = self.graph.outputs
        inputs = ", ".join([self._name(v) for v in self.graph.inputs])
        self._line(f"def {function}({inputs}):")
        if self.guarded:
            flags = [
                f"{self._registers[v]}.flags.{'carray' if v in self.donated else 'c_contiguous'}"
                for v in dict.fromkeys([*self.contiguous, *self.donated])
            ]
            self._line(f"    if not ({' and '.join(flags)}):")
            self._line(f"        return in_any_order({inputs})")
        self._line("    try:")
        self._base = "        "
        if self.buffers.spaces:
            self.names["pool"] = []
            self.names["new_buffers"] = self.buffers.new
            for line in _TAKE_BUFFERS:
                self._line(self._base + line)
            places = "".join([f"b{i}, " for i in range(len(self.buffers.spaces))])
            self._line(f"{self._base}{places.rstrip()} = buffers")
        groups = 0
        for step, released in zip(self._steps, self._releases, strict=True):
            if isinstance(step, Group):
                operands = "".join([f", {self._operand(x)}" for x in step.inputs])
                call = f"chunks{groups}(block{groups}, plain{groups}{operands})"
                self._assign(step.outputs, call, self._under(None), released)
                groups += 1
            else:
                self._equation(step, released)
        self._under(None)
        if self.buffers.spaces:
            self._line(f"{self._base}pool.append(buffers)")
        self._line(f"{self._base}return [{', '.join(map(self._operand, outputs))}]")
        self._line("    except Exception as error:")
        self._line("        explain(error)")
        self._line("        raise")

    def _equation(self, equation: Equation, released: list[Variable]) -> None:
        indent = self._under(equation.errstate)
        if equation in self.in_place:
            self._overwrite(equation, released, indent)
            return
        call = self._call(equation)
        out = equation.outputs[0] if equation.outputs else None
        if out in self.buffers.places:
            name = self._name(out)
            self._line(f"{indent}{_into(equation, call, name)}  # {equation.line}", equation)
            self._forget(released, indent)
            return
        if out in self._reused:
            call = _into(equation, call, self._operand(self._reused[out]))
        self._assign(equation.outputs, call, indent, released, equation)

    def _overwrite(self, equation: Equation, released: list[Variable], indent: str) -> None:
        """The line of a write into the memory of the first operand, whose name the result takes."""
        x, y, *arrays = equation.inputs
        write = equation.primitive.in_place.write  # type: ignore[union-attr]
        name = self._constants.setdefault(id(write), f"{self._function(equation)}_in_place")
        self.names[name] = write
        index = self._constant(equation.params["index"], "p")
        key = "".join([f"{self._operand(a)}, " for a in arrays])
        call = f"{name}({self._operand(x)}, {self._operand(y)}, ({key.rstrip()}), {index})"
        self._line(f"{indent}{call}  # {equation.line}", equation)
        self._registers[equation.outputs[0]] = self._registers.pop(x)
        self._forget([v for v in released if v is not x], indent)

    def _assign(
        self,
        outputs: Sequence[Variable],
        call: str,
        indent: str,
        released: list[Variable],
        equation: Equation | None = None,
    ) -> None:
        """The line of a call whose results get names."""
        names = [self._name(v) for v in outputs]
        single = equation is not None and equation.primitive.outputs is None
        left = names[0] if single else "".join([f"{name}, " for name in names]).rstrip()
        left = f"{left} = " if outputs else ""
        where = "" if equation is None else f"  # {equation.line}"
        self._line(f"{indent}{left}{call}{where}", equation)
        self._forget(released, indent)

    def _forget(self, released: list[Variable], indent: str) -> None:
        """Let go of values that nobody needs any more."""
        large = []
        for v in released:
            if v not in self.buffers.places:
                name = self._registers.pop(v)
                self._free.append(name)
                if v.type.nbytes > LARGE:
                    large.append(name)
        if large:
            self._line(f"{indent}del {', '.join(large)}")

    def _block(self, group: Group, number: int) -> None:
        """Two functions for a group: of a block, into given memory, and of whole arrays."""
        inputs = {x if type(x) is Variable else id(x): f"x{i}" for i, x in enumerate(group.inputs)}
        results = {v: f"o{i}" for i, v in enumerate(group.outputs)}
        self._registers = {**inputs, **results}
        pieces: list[np.dtype[Any]] = []
        free: dict[np.dtype[Any], list[str]] = {}
        start = len(self.lines)
        self._line("")
        for equation, released in zip(
            group.equations, last_uses(group.equations, group.outputs), strict=True
        ):
            indent = self._under(equation.errstate)
            call = self._call(equation)
            (out,) = equation.outputs
            dead = [v for v in released if v not in inputs and v is not out]
            for v in dead:
                free.setdefault(v.type.dtype, []).append(self._registers[v])
            if out not in results:
                if not free.get(out.type.dtype):
                    free.setdefault(out.type.dtype, []).append(f"t{len(pieces)}")
                    pieces.append(out.type.dtype)
                self._registers[out] = free[out.type.dtype].pop()
            line = _into(equation, call, self._registers[out])
            self._line(f"{indent}{line}  # {equation.line}", equation)
        self._under(None)
        arguments = [*inputs.values(), *results.values(), *[f"t{i}" for i in range(len(pieces))]]
        self.lines[start] = f"def block{number}({', '.join(arguments)}):"

        self._registers = dict(inputs)
        self._line(f"def plain{number}({', '.join(inputs.values())}):")
        for i, equation in enumerate(group.equations):
            self._registers[equation.outputs[0]] = f"v{i}"
            indent = self._under(equation.errstate)
            line = f"{indent}v{i} = {self._call(equation)}  # {equation.line}"
            self._line(line, equation)
        self._under(None)
        self._line(f"    return [{', '.join([self._registers[v] for v in group.outputs])}]")

        self.names[f"chunks{number}"] = Chunks(
            group.type.shape,
            [v.type.dtype for v in group.outputs],
            pieces,
            operand_types(group.inputs),
            [self._place_of(group, self._reused.get(v)) for v in group.outputs],
        )
        self.names["copyto"] = np.copyto
        self._registers = {}

    def _place_of(self, group: Group, donated: Variable | None) -> int | None:
        """The number of the operand of a group whose memory a result takes."""
        return None if donated is None else group.inputs.index(donated)

    def _under(self, errstate: dict[str, Any] | None) -> str:
        """Open the block of the equations that report these errors; returns its indentation."""
        if errstate == self._errstate:
            return self._base if errstate is None else self._base + "    "
        if self._switched:
            self._line(f"{self._base}finally:")
            self._line(f"{self._base}    switch_back(token)")
            self._switched = False
        self._errstate = errstate
        if errstate is None:
            return self._base
        states = ", ".join([f"{kind}={how!r}" for kind, how in errstate.items()])
        enter = switch(errstate)
        if enter is None:
            self.names["errstate"] = np.errstate
            self._line(f"{self._base}with errstate({states}):")
        else:
            self._switched = True
            name = self._states.setdefault(states, f"s{len(self._states)}")
            self.names |= {name: self.names.get(name, enter), "switch_back": switch_back}
            self._line(f"{self._base}token = {name}()  # {states}")
            self._line(f"{self._base}try:")
        return self._base + "    "

    def _call(self, equation: Equation) -> str:
        if not equation.params:
            names = self._registers
            operands = [
                names[x] if type(x) is Variable else self._operand(x) for x in equation.inputs
            ]
            return f"{self._function(equation)}({', '.join(operands)})"
        if hasattr(equation.primitive.impl, "positional_reduce"):
            (x,), axes = equation.inputs, equation.params["axes"]
            axis = axes[0] if len(axes) == 1 else axes
            rest = f"{axis}, None, None, {equation.params.get('keepdims', False)}"
            return f"{self._function(equation)}({self._operand(x)}, {rest})"
        arguments = list(map(self._operand, equation.inputs))
        bound = getattr(equation.primitive.impl, "bound", None)
        if bound is not None:  # what takes the operands alone
            return f"{self._constant(bound(**equation.params), 'p')}({', '.join(arguments)})"
        for key, value in equation.params.items():
            if keyword.iskeyword(key) or not key.isidentifier():
                arguments.append(f"**{self._constant({key: value}, 'p')}")
            else:
                arguments.append(f"{key}={_literal(value) or self._constant(value, 'p')}")
        return f"{self._function(equation)}({', '.join(arguments)})"

    def _name(self, variable: Variable) -> str:
        """A name for a new value: one whose value nobody needs any more, if there is one."""
        if variable in self.buffers.places:
            name = f"b{self.buffers.places[variable]}"
        elif self._free:
            name = self._free.pop()
        else:
            name = f"v{self._count}"
            self._count += 1
        self._registers[variable] = name
        return name

    def _operand(self, x: Any) -> str:
        if type(x) is Variable:
            return self._registers[x]
        if isinstance(x, TracedArray):
            raise InputTypeError(
                f"graph {self.graph.name} holds a traced {x.type} of {x.interpreter} as a "
                "constant, so it has no program on plain arrays. Stage the function with that "
                "value as an argument"
            )
        if id(x) in self._registers:  # a constant that is an argument of a block
            return self._registers[id(x)]
        return _literal(x) or self._constant(x, "c")

    def _constant(self, value: Any, kind: str) -> str:
        name = self._constants.get(id(value))
        if name is None:
            name = self._constants[id(value)] = f"{kind}{len(self._constants)}"
            self.names[name] = value  # which keeps it, and so its id
        return name

    def _function(self, equation: Equation) -> str:
        primitive = equation.primitive
        name = self._functions.get(id(primitive))
        if name is None:
            name = re.sub(r"\W", "_", primitive.name)
            while keyword.iskeyword(name) or _TAKEN.fullmatch(name) or name in self.names:
                name += "_"
            self._functions[id(primitive)] = name
            self.names[name] = getattr(primitive.impl, "positional_reduce", primitive.impl)
        return name


def _described(x: Any) -> str:
    """A constant or parameter on one line."""
    if isinstance(x, np.ndarray) and x.ndim:
        return str(type_of(x))
    text = repr(x)
    return text if len(text) <= 80 and "\n" not in text else f"a {type(x).__name__}"


def _into(equation: Equation, call: str, name: str) -> str:
    """The call of an operation that writes to memory of a name."""
    if not isinstance(equation.primitive.impl, np.ufunc):
        return f"copyto({name}, {call})"
    # By position, which is faster; these would take it as one more array to compare.
    by = "out=" if equation.primitive.name in ("maximum", "minimum") else ""
    return f"{call[:-1]}, {by}{name})"


def _literal(value: Any) -> str | None:
    """The text of a plain Python value that reads back as the same; None if there is none."""
    kind = type(value)
    if kind in (int, bool, str, type(None)):
        return repr(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else None
    if kind is tuple:
        parts = [_literal(v) for v in value]
        return None if None in parts else f"({''.join(f'{p}, ' for p in parts).rstrip()})"
    return None
