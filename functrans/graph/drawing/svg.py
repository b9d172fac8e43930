"""A graph as an SVG picture: boxes for inputs, constants and operations, lines for values.

Texts stand on boxes of their own colours, and lines are grey: so it reads on a light and on a dark
page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from functrans.core import tree
from functrans.core.types import type_of
from functrans.graph.drawing.layout import Box, Line, arrange, port
from functrans.graph.graph import Equation, Graph, Variable, named_graphs, operand_type
from functrans.graph.printing import Names, call_text, shown

COLOURS = {
    "input": ("#ffffff", "#5b7fa6"),
    "output": ("#e9eef5", "#5b7fa6"),
    "constant": ("#f4f4f1", "#9a9a90"),
    "elementwise": ("#dcebfa", "#6d9bc9"),
    "chooser": ("#d8f1ee", "#5fa8a0"),
    "reduction": ("#fdebcf", "#cf9f4e"),
    "linear": ("#e2f0d9", "#84ad65"),
    "bilinear": ("#eadff4", "#9a7cbb"),
    "nondifferentiable": ("#ececec", "#9b9b9b"),
    "general": ("#fbf3c7", "#bfae4b"),
    "custom": ("#fbdfe6", "#c9788f"),
    "higher-order": ("#fafafa", "#7d7d86"),
    "effects": ("#fcdcd3", "#c8694d"),
}
"""Fill and outline by the kind of a primitive, and for what is no operation."""

MARGIN = 8.0
_WIDE = 7.25
"""The width of a character of a name, in the size of names; all have the same."""
_NARROW = 5.75
_LONGEST = 30

_STYLE = (
    "text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    ".n{font-size:12px;font-weight:600;fill:#1d1d22}"
    ".t{font-size:9.5px;fill:#55555e}"
    ".e{fill:none;stroke:#8d8d96;stroke-width:1.2;stroke-opacity:.8}"
    ".b{stroke-width:1.2}"
    ".b:hover{stroke-width:2.4}"
)


@dataclass
class Node:
    """What one box shows: a name, a line in small print, a text under the pointer, and pictures of
    nested graphs."""

    kind: str
    name: str
    small: str
    tip: str
    box: Box
    nested: list[tuple[str, Picture]] = field(default_factory=list)


@dataclass
class Picture:
    """A graph that is laid out."""

    nodes: list[Node]
    lines: list[Line]
    width: float
    height: float


SYMMETRIC = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot"}
"""Operations whose operands may be drawn in any order."""


def draw(graph: Graph, depth: int = 1, labels: list[str] | None = None) -> str:
    """The SVG text of a graph; nested graphs are drawn in their box up to `depth` levels.

    `labels` are what to call the inputs.
    """
    picture = _Builder(graph, depth, labels).picture()
    width, height = picture.width + 2 * MARGIN, picture.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="graph {escape(graph.name, quote=True)}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="functrans-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 .8 7.5 4 0 7.2z" fill="#8d8d96"/></marker>'
        "</defs>",
        *_drawn(picture, MARGIN, MARGIN),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Builder:
    """Makes the boxes and lines of a graph, and gives them their places."""

    def __init__(self, graph: Graph, depth: int, labels: list[str] | None = None) -> None:
        self.graph = graph
        self.depth = depth
        self.labels = labels or _labels(graph.in_tree, len(graph.inputs))
        self.names = Names()
        self.nodes: list[Node] = []
        self.lines: list[Line] = []
        self.made: dict[Any, tuple[Box, float]] = {}  # by variable, or id of a constant

    def picture(self) -> Picture:
        graph = self.graph
        for label, v in zip(self.labels, graph.inputs, strict=True):
            typed = self.names.typed(v)
            name = label or self.names.variable(v)
            box = self._add("input", name, typed if label else str(v.type), f"input {typed}")
            self.made[v] = box, 0.0
        for equation in graph.equations:
            self._equation(equation)
        outputs = _labels(graph.out_tree, len(graph.outputs))
        for label, x in zip(outputs, graph.outputs, strict=True):
            kind = operand_type(x)
            text = "" if type(x) is Variable else self.names.operand(x)
            box = self._add(
                "output", f"return {label or text}".rstrip(), str(kind), f"output {label}".rstrip()
            )
            self._connect(x, box, 0.0)
        width, height = arrange([node.box for node in self.nodes], self.lines)
        return Picture(self.nodes, self.lines, width, height)

    def _equation(self, equation: Equation) -> None:
        primitive = equation.primitive
        kind = "effects" if primitive.effects else primitive.kind
        text = call_text(equation, self.names)
        left = ", ".join(map(self.names.typed, equation.outputs))
        tip = f"{left} = {text}\n{equation.line}" if left else f"{text}\n{equation.line}"
        inline = [self.names.operand(x) for x in equation.inputs if _is_inline(x)]
        inner = dict(named_graphs(equation.params))
        params = [
            f"{k}={shown(v)}"
            for k, v in equation.params.items()
            if v is not False and v is not None and k not in {n.partition("[")[0] for n in inner}
        ]
        name = _cut(" ".join([primitive.name, *inline, *params]), 60 if inner else _LONGEST)
        nested = []
        for label, graph in inner.items():
            if self.depth > 0:
                nested.append((label, _Builder(graph, self.depth - 1).picture()))
            else:
                count = len(graph.equations)
                label = f"{label}: {count} operation{'s' if count != 1 else ''}"
                nested.append((label, Picture([], [], 0.0, 0.0)))
                tip += f"\n{graph}"
        small = _cut(left, 80 if inner else 40)
        box = self._add(kind if kind in COLOURS else "general", name, small, tip, nested)
        box.symmetric = primitive.name in SYMMETRIC
        operands = [x for x in equation.inputs if not _is_inline(x)]
        for i, x in enumerate(operands):
            self._connect(x, box, port(i, len(operands), box.width))
        for i, v in enumerate(equation.outputs):
            self.made[v] = box, port(i, len(equation.outputs), box.width)

    def _add(
        self,
        kind: str,
        name: str,
        small: str,
        tip: str,
        nested: list[tuple[str, Picture]] | None = None,
    ) -> Box:
        width = max(len(name) * _WIDE, len(small) * _NARROW) + 24.0
        height = 36.0 if small else 24.0
        if nested:
            inner = sum(p.width + 16.0 for _, p in nested) + 8.0
            inner = max(inner, sum(len(label) * _NARROW + 16.0 for label, _ in nested) + 8.0)
            width = max(width, inner)
            height += max(p.height for _, p in nested) + 32.0
        box = Box(width, height)
        self.nodes.append(Node(kind, name, small, tip, box, nested or []))
        return box

    def _connect(self, x: Any, box: Box, end: float) -> None:
        key = x if type(x) is Variable else id(x)
        if key not in self.made:
            if _is_inline(x):
                return
            name = self.names.operand(x)
            tip = f"{name}: {type_of(x)}\n{_preview(x)}"
            position = self.nodes.index(next(n for n in self.nodes if n.box is box))
            made = self._add("constant", name, str(type_of(x)), tip)
            self.nodes.insert(position, self.nodes.pop())  # before what it goes into
            self.made[key] = made, 0.0
        source, start = self.made[key]
        self.lines.append(Line(source, box, start, end))


def _is_inline(x: Any) -> bool:
    """Whether a constant is a number, which is written into the box that it goes into."""
    return type(x) is not Variable and np.ndim(x) == 0


def _labels(treedef: tree.TreeDef | None, count: int) -> list[str]:
    """What the leaves of arguments or results are called, where there are several."""
    if treedef is None or count < 2:
        return [""] * count
    paths = tree.leaf_paths(treedef)
    texts = [tree.key_string(path) for path in paths]
    if all(text.startswith("[0]") for text in texts):  # args, and no kwargs
        texts = [text[3:] for text in texts]
    return texts


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _preview(x: Any) -> str:
    return np.array2string(np.asarray(x), threshold=20, precision=4)


# Drawing.


def _drawn(picture: Picture, left: float, top: float) -> list[str]:
    """The elements of a picture with its corner at this place: lines first, boxes on them."""
    parts = [f'<g transform="translate({left:.1f} {top:.1f})">']
    for line in picture.lines:
        parts.append(f'<path class="e" marker-end="url(#functrans-arrow)" d="{_curve(line)}"/>')
    for node in picture.nodes:
        parts += _box(node)
    parts.append("</g>")
    return parts


def _curve(line: Line) -> str:
    """A smooth curve through the points of a line, which leaves and arrives vertically."""
    points = line.points
    slopes = [0.0]  # sideways for each step down
    for (x, y), (w, _), (u, v) in zip(points, points[1:], points[2:], strict=False):
        slopes.append((u - x) / (v - y) if x != w != u else 0.0)
    slopes.append(0.0)
    (x, y), *rest = points
    text = f"M{x:.1f} {y:.1f}"
    for (u, v), begin, end in zip(rest, slopes[:-1], slopes[1:], strict=True):
        step = (v - y) * (0.5 if len(rest) == 1 else 0.4)
        text += f"C{x + begin * step:.1f} {y + step:.1f} "
        text += f"{u - end * step:.1f} {v - step:.1f} {u:.1f} {v:.1f}"
        x, y = u, v
    return text


def _box(node: Node) -> list[str]:
    fill, outline = COLOURS[node.kind]
    box = node.box
    x, y = box.x - box.width / 2, box.y - box.height / 2
    round_ = 12.0 if node.kind in ("input", "output") else 5.0
    dashed = ' stroke-dasharray="4 3"' if node.kind in ("constant", "effects") else ""
    parts = [
        f"<g><title>{escape(node.tip)}</title>",
        f'<rect class="b" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{round_:.0f}" fill="{fill}" stroke="{outline}"{dashed}/>',
        f'<text class="n" x="{box.x:.1f}" y="{y + 15.5:.1f}" text-anchor="middle">'
        f"{escape(node.name)}</text>",
    ]
    if node.small:
        parts.append(
            f'<text class="t" x="{box.x:.1f}" y="{y + 28.5:.1f}" text-anchor="middle">'
            f"{escape(node.small)}</text>"
        )
    total = sum(max(p.width, len(label) * _NARROW) + 16.0 for label, p in node.nested) - 16.0
    left = box.x - total / 2
    for label, picture in node.nested:
        width = max(picture.width, len(label) * _NARROW)
        parts.append(
            f'<text class="t" x="{left + width / 2:.1f}" y="{y + 48:.1f}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
        parts += _drawn(picture, left + (width - picture.width) / 2, y + 56.0)
        left += width + 16.0
    parts.append("</g>")
    return parts
