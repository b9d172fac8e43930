"""Random programs: the source of well-typed functions, grown a statement at a time.

A program is Python text: it reads like one that a user wrote, hypothesis shrinks it, and a failing
one can be copied out and run. Every statement is carried out at the program's point while it is
written, so that shapes are known, values stay moderate, and no kink is near.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import functrans as ft
from functrans.core.errors import FunctransError
from tests.programs import Program

LARGEST = 12  # elements of a variable
FAR = 8.0  # values beyond are squashed
MARGIN = 0.1  # between what a choice compares; differences take smaller steps

UNARY = (
    "np.sin({0})",
    "np.tanh({0})",
    "np.exp(-{0} * {0})",
    "np.arctan({0})",
    "np.log1p({0} ** 2)",
    "{0} / (1.5 + {0} ** 2)",
    "np.sqrt(1.0 + {0} ** 2)",
    "np.expm1({0} / 4)",
    "-{0} * 0.5 + 1",
    "np.cosh({0} / 4)",
    "np.sinc({0} / 4)",
)
BINARY = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "{0} / (2.0 + {1} ** 2)",
    "np.logaddexp({0}, {1})",
    "np.arctan2({0}, 2.0 + {1} ** 2)",
    "np.hypot({0}, 1.0 + {1} ** 2)",
    "(1.5 + np.tanh({0}) / 2) ** np.tanh({1})",
)
# Each with the numbers that must not be near 0.
CHOICES = (
    ("np.maximum({0}, {1})", "{0} - {1}"),
    ("np.minimum({0}, 0.3)", "{0} - 0.3"),
    ("np.where({0} > {1}, {0} * 2.0, np.sin({1}))", "{0} - {1}"),
    ("np.clip({0}, -0.5, 0.5)", "np.abs({0}) - 0.5"),
    ("np.abs({0}) * {1}", "{0}"),
    ("np.max({0}) * {1}", "np.diff(np.sort(np.ravel({0})))"),
    ("np.sort({0}, axis=None)", "np.diff(np.sort(np.ravel({0})))"),
    ("{0} * 2.0 if np.sum({1}) > 0.2 else np.sin({0})", "np.sum({1}) - 0.2"),
)
REDUCTIONS = (
    "np.sum({0})",
    "np.mean({0}, axis=0)",
    "np.sum({0} * {0}, axis=-1)",
    "np.prod({0} / 2, axis=0)",
    "np.cumsum({0}, axis=-1)",
    "np.var({0}, axis=-1)",
    "np.linalg.norm(np.append(np.ravel({0}), 1.0))",
)
MOVES = (
    "np.transpose({0})",
    "np.reshape({0}, (-1,))",
    "{0}[..., ::-1]",
    "{0}[0]",
    "{0}[None]",
    "{0}[1:]",
    "{0}[np.array([0, -1, 0])]",
    "np.stack([{0}, {0} * 0.5])",
    "np.concatenate([np.ravel({0}), np.ravel({1})])",
    "np.roll({0}, 1)",
    "np.where(np.arange(np.size({0})).reshape(np.shape({0})) % 2 == 0, {0}, 0.25)",
)
PRODUCTS = (
    "np.dot(np.ravel({0}), np.ravel({0})[::-1])",
    "{0} @ {1}",
    "np.einsum('...i,...i->...', {0}, np.sin({0}))",
    "np.outer({0}, {1})",
    "np.tensordot({0}, {1}, axes=0)",
)
LOOPS = (
    "for i in range({n}):\n    {new} = np.sin({new}) * 0.8 + i * {1}",
    "n = 0\nwhile n < {n}:\n    {new} = {new} / (1.5 + {new} ** 2) + {1}\n    n += 1",
    "history = [{new}]\nfor _ in range({n}):\n    history.append(np.tanh(history[-1] + {1}))\n"
    "{new} = sum(history)",
)
CLOSURES = (
    "def {f}(y, shift=0.5):\n    return np.tanh(y + shift) * np.mean({1})\n"
    "{new} = {f}({0}) + {f}({0} * 0.5, shift={1} if np.ndim({1}) == 0 else 0.1)",
    "{f} = lambda y: y * np.cos(np.sum({1}))\n{new} = {f}({f}({0}))",
    "def {f}(y, depth):\n    return y if depth == 0 else np.sin({f}(y, depth - 1)) + {1}\n"
    "{new} = {f}({0}, {n})",
)
CONTAINERS = (
    "box = {{'a': {0}, 'b': ({1}, [{0}])}}\n{new} = box['b'][1][0] * np.sum(box['b'][0])",
    "box = ft.tree.map(np.sin, [{0}, {{'c': {1}}}])\n{new} = box[0] + np.mean(box[1]['c'])",
    "left, *rest = ({0}, {1}, {0})\n{new} = left * np.mean(rest[0]) + rest[1]",
)
DERIVATIVES = (
    "{new} = ft.grad(lambda y: np.sum(np.cos(y * np.mean({1}))))({0})",
    "{new} = ft.jvp(lambda y: np.sin(y) * {1}, ({0},), (np.ones_like({0})[()],))[1]",
    "{new} = ft.vmap(lambda row: np.tanh(row) * np.mean({1}))({0})",
    "{new} = ft.checkpoint(lambda y: np.sin(y) * y)({0})",
    "{new} = ft.vjp(np.arctan, {0})[1](np.ones_like({0})[()])[0] * {0}",
)
EXPRESSIONS = (UNARY, BINARY, REDUCTIONS, MOVES, PRODUCTS)
BLOCKS = (LOOPS, CLOSURES, CONTAINERS, DERIVATIVES)
READS = " if np.sum("  # such a choice reads a value: no vmap, no staging


class Writer:
    """The text so far, and the value of each variable at the point."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self.values = dict(inputs)
        self.used: set[str] = set()
        self.reads_values = False

    def attempt(self, template: str, names: list[str], turns: int, apart: str = "") -> bool:
        """Append a statement if it can be carried out here, far from kinks."""
        new = f"v{len(self.values)}"
        text = template if "{new}" in template else f"{{new}} = {template}"
        if template in LOOPS:
            text = "{new} = {0}\n" + text
        code = text.format(*names, new=new, n=turns, f=f"f{new[1:]}")
        try:
            with np.errstate(all="ignore"):
                if apart:
                    distance = np.abs(eval(apart.format(*names), self.scope()))
                    if np.min(distance, initial=1.0) < MARGIN:
                        return False
                scope = self.scope()
                exec(code, scope)
                value = scope[new]
                if np.size(value) > LARGEST:
                    code += f"\n{new} = np.ravel({new})[:{LARGEST // 2}] * 0.5"
                if not np.all(np.isfinite(value)) or np.max(np.abs(value), initial=0) > FAR:
                    code += f"\n{new} = np.tanh({new} / {FAR})"
                exec(code, scope)
        except (ValueError, IndexError, TypeError, FunctransError):
            return False  # shapes that do not fit
        value = scope[new]
        if not np.size(value) or not np.all(np.isfinite(value)):
            return False
        self.values[new] = value
        self.used.update(names)
        self.reads_values |= READS in template
        self.lines.extend(code.splitlines())
        return True

    def scope(self) -> dict[str, Any]:
        return {"np": np, "ft": ft, **self.values}


POINTS: dict[str, Callable[[], Any]] = {
    "scalar": lambda: 0.7,
    "vector": lambda: np.array([0.4, -1.1, 0.9]),
    "matrix": lambda: np.array([[0.8, -0.3, 1.2], [-0.6, 0.5, -1.4]]),
    "square": lambda: np.array([[0.9, -0.2], [0.3, 1.3]]),
}


@st.composite
def programs(draw: Any, length: int = 6) -> Program:
    """A program of up to `length` statements, of one to three inputs in a dict, tuple or list."""
    kinds = draw(st.lists(st.sampled_from(list(POINTS)), min_size=1, max_size=3))
    point: Any = [POINTS[kind]() * (1 + i / 8) for i, kind in enumerate(kinds)]
    names = [f"v{i}" for i in range(len(kinds))]
    writer = Writer(dict(zip(names, point, strict=True)))
    form = draw(st.sampled_from(("list", "tuple", "dict")))
    if form == "dict":
        point = {f"key{i}": x for i, x in enumerate(point)}
        head = [f"{name} = p['key{i}']" for i, name in enumerate(names)]
    else:
        point = tuple(point) if form == "tuple" else point
        head = [f"{', '.join(names)}, = p"]
    for _ in range(draw(st.integers(1, length))):
        known = list(writer.values)
        chosen = [draw(st.sampled_from(known[::-1])) for _ in range(2)]
        turns = draw(st.integers(1, 3))
        kind = draw(st.integers(0, len(EXPRESSIONS) + len(BLOCKS)))
        if kind == len(EXPRESSIONS) + len(BLOCKS):
            template, apart = draw(st.sampled_from(CHOICES))
        else:
            template, apart = draw(st.sampled_from((*EXPRESSIONS, *BLOCKS)[kind])), ""
        writer.attempt(template, chosen, turns, apart)
    unused = [name for name in writer.values if name not in writer.used]
    outs = draw(st.sampled_from(("{0}", "[{0}, {1}]", "{{'y': {0}, 'rest': ({1},)}}")))
    last = list(writer.values)[-1]
    result = outs.format(last, " + ".join(f"np.sum({name})" for name in unused))
    source = "\n".join(
        ["def program(p):", *(f"    {line}" for line in (*head, *writer.lines, f"return {result}"))]
    )
    scope: dict[str, Any] = {"np": np, "ft": ft}
    exec(source, scope)
    return Program(source, scope["program"], point, reads_values=writer.reads_values)
