"""Where the boxes and lines of a picture go: layers from top to bottom, few crossings, short lines.

Layers are longest paths, the order within them is improved by barycentres, and positions are the
least squares of neighbours' positions among those without overlap. It knows boxes and no graph.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BESIDE = 22.0
"""The room between two boxes of a layer."""
PORT = 9.0
"""The room between two lines that leave or reach a box."""
TALL = 60.0
"""From this height of a layer on, lines go straight through it, past its boxes."""
BELOW = 34.0
"""The room between two layers."""


@dataclass(eq=False)
class Box:
    """A box with its size; the layout sets the place of its centre.

    A *bend* is where a line passes a layer: a box without a width, as high as the layer. The lines
    that reach a box come in the order of its operands, or of the boxes that they come from if it is
    `symmetric`.
    """

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    layer: int = 0
    bend: bool = False
    symmetric: bool = False
    above: list[Box] = field(default_factory=list)
    below: list[Box] = field(default_factory=list)


@dataclass(eq=False)
class Line:
    """A line from a box to one further below, from the `start`-th of its outputs to the `end`-th
    of the operands; ``points`` are where it goes."""

    source: Box
    target: Box
    start: float
    end: float
    bends: list[Box] = field(default_factory=list)

    @property
    def points(self) -> list[tuple[float, float]]:
        top = (self.source.x + self.start, self.source.y + self.source.height / 2)
        bottom = (self.target.x + self.end, self.target.y - self.target.height / 2)
        middle = []
        for b in self.bends:
            ends = (b.height / 2, -b.height / 2) if b.height > TALL else (0.0,)
            middle += [(b.x, b.y - end) for end in ends]
        return [top, *middle, bottom]


def port(i: int, count: int, width: float) -> float:
    """How far from the middle of a box the i-th of its lines is."""
    step = min(PORT, (width - 8.0) / max(count - 1, 1))
    return (i - (count - 1) / 2) * step


def arrange(boxes: Sequence[Box], lines: Sequence[Line]) -> tuple[float, float]:
    """Set the places of all boxes and bends; returns width and height of the picture."""
    if not boxes:
        return 0.0, 0.0
    for line in lines:
        line.source.below.append(line.target)
        line.target.above.append(line.source)
    _choose_layers(boxes)
    layers = _with_bends(boxes, lines)
    _order(layers)
    _place(layers)
    y = 0.0
    for layer in layers:
        height = max(box.height for box in layer)
        for box in layer:
            box.y = y + height / 2
            if box.bend:
                box.height = height
            elif not box.above:
                box.y = y + height - box.height / 2  # near to what it goes into
            elif not box.below:
                box.y = y + box.height / 2
        y += height + BELOW
    _sort_symmetric(lines)
    left = min(box.x - box.width / 2 for layer in layers for box in layer)
    for layer in layers:
        for box in layer:
            box.x -= left
    return max(box.x + box.width / 2 for layer in layers for box in layer), y - BELOW


def _sort_symmetric(lines: Sequence[Line]) -> None:
    """Let lines reach a box in the order in which they come."""
    reaching: dict[Box, list[Line]] = {}
    for line in lines:
        if line.target.symmetric:
            reaching.setdefault(line.target, []).append(line)
    for group in reaching.values():
        ends = sorted(line.end for line in group)
        group.sort(key=lambda line: line.points[-2][0])
        for line, end in zip(group, ends, strict=True):
            line.end = end


def _choose_layers(boxes: Sequence[Box]) -> None:
    """Longest paths from the top; what has nothing above goes right above what needs it."""
    for box in boxes:  # in an order in which lines go forward
        box.layer = max((above.layer + 1 for above in box.above), default=0)
    for box in boxes:
        if not box.above and box.below:
            box.layer = min(below.layer for below in box.below) - 1


def _with_bends(boxes: Sequence[Box], lines: Sequence[Line]) -> list[list[Box]]:
    """The layers, with a bend where a line passes one; in large pictures long lines go straight."""
    passed = sum(line.target.layer - line.source.layer - 1 for line in lines)
    longest = passed if passed <= BENDS else LONG
    layers: list[list[Box]] = [[] for _ in range(max(box.layer for box in boxes) + 1)]
    for box in boxes:
        box.above, box.below = [], []
        layers[box.layer].append(box)
    shared: dict[tuple[Box, float, int], Box] = {}  # lines of one value run together at first
    for line in lines:
        before = line.source
        if line.target.layer - line.source.layer - 1 > longest:
            continue
        for layer in range(line.source.layer + 1, line.target.layer):
            key = (line.source, line.start, layer)
            bend = shared.get(key)
            if bend is None:
                bend = shared[key] = Box(2.0, 0.0, layer=layer, bend=True)
                layers[layer].append(bend)
                _connect(before, bend)
            line.bends.append(bend)
            before = bend
        _connect(before, line.target)
    return [layer for layer in layers if layer]


def _connect(above: Box, below: Box) -> None:
    above.below.append(below)
    below.above.append(above)


BENDS = 10_000
"""How many bends there may be for all lines to have them."""

LONG = 6
"""How many layers a line may pass to have them in any case."""

SWEEPS = 16
"""How often the layers are gone through, down and up in turn, to find their order."""

SETTLING = 40
"""How often for the positions: the first SWEEPS look one way."""


def _order(layers: list[list[Box]]) -> None:
    """Order each layer by the mean place of what its boxes are connected to, up and down, and keep
    the order with the fewest crossings."""
    best = [list(layer) for layer in layers]
    fewest = _crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        places = _places(layers)
        for layer in layers[1:] if down else layers[-2::-1]:
            means = {}
            for box in layer:
                others = box.above if down else box.below
                places_of = [places[other] for other in others]
                means[box] = sum(places_of) / len(others) if others else places[box]
            layer.sort(key=means.__getitem__)
            places.update({box: i for i, box in enumerate(layer)})
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _places(layers: Iterable[Sequence[Box]]) -> dict[Box, float]:
    return {box: float(i) for layer in layers for i, box in enumerate(layer)}


def _crossings(layers: Sequence[Sequence[Box]]) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    places = _places(layers)
    count = 0
    for layer in layers:
        seen: list[float] = []
        for box in layer:
            ends = sorted(places[below] for below in box.below)
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _place(layers: Sequence[Sequence[Box]]) -> None:
    """Positions along the layers: each as near as it can to the mean of its neighbours."""
    for layer in layers:
        x = 0.0
        for box in layer:
            box.x = x + box.width / 2
            x += box.width + BESIDE
    for sweep in range(SETTLING):
        down = sweep % 2 == 0
        near: Callable[[Box], list[Box]] = _both
        if sweep < SWEEPS:
            near = _above if down else _below
        for layer in layers if down else reversed(layers):
            _spread(layer, near)


def _above(box: Box) -> list[Box]:
    return box.above


def _below(box: Box) -> list[Box]:
    return box.below


def _both(box: Box) -> list[Box]:
    return box.above + box.below


def _spread(layer: Sequence[Box], near: Callable[[Box], list[Box]]) -> None:
    """The least squares of the wished positions without overlap, by pooling those that collide."""
    pools: list[list[float]] = []  # sum of weights times positions, sum of weights, boxes
    offsets = []
    offset = 0.0
    for i, box in enumerate(layer):
        if i:
            before = layer[i - 1]
            room = BESIDE / 2 if box.bend or before.bend else BESIDE
            offset += (before.width + box.width) / 2 + room
        offsets.append(offset)
        others = near(box)
        wish = sum(other.x for other in others) / len(others) if others else box.x
        weight = 0.2 if not others else 6.0 if box.bend else 1.0
        pools.append([weight * (wish - offset), weight, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    boxes = iter(zip(layer, offsets, strict=True))
    for total, weight, count in pools:
        for _ in range(int(count)):
            box, offset = next(boxes)
            box.x = total / weight + offset
