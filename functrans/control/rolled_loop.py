"""Proving that equal blocks of equations are a loop, and what it carries.

A block reads values of its own, of the blocks before it (which become the carry), what all blocks
share (constants of the scan), and rows: elements of an array at places that move on by the same
step from block to block (sequences). Anything else makes it no loop. Whatever goes from block to
block, or out of the loop, has to be an array that lies densely in memory, as copies keep that
layout; views of such arrays are made again where they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes.layout import makes_dense, makes_view
from functrans.primitives import ARRAY, Index

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from functrans.graph.passes.periods import Period
    from functrans.graph.passes.values import Keys

LAG = 3
"""How many blocks back a block may read."""


class Read(NamedTuple):
    """How a value is had outside of the loop that made it: a row of an array or all of it, and what
    views to take of that."""

    source: Any
    row: int | None = None
    views: tuple[Equation, ...] = ()


class Internal(NamedTuple):
    """An operand that the block makes which lies `delay` blocks before."""

    offset: int
    output: int
    delay: int


class Outside(NamedTuple):
    """An operand that is the same in all blocks, or a row whose place moves on by `step`."""

    read: Read
    step: int


class Values:
    """What is known of the variables of a graph that is being rolled.

    Attributes
    ----------
    equations : list of Equation
    places : dict
        For each variable the number of the equation that makes it, and of the output.
    last_uses : dict
        For each variable the number of the last equation that reads it.
    reads : dict
        How the values of equations that are rolled up are had.
    """

    def __init__(self, graph: Graph, keys: Keys) -> None:
        self.equations = graph.equations
        self.keys = keys
        self.places: dict[Variable, tuple[int, int]] = {}
        self.last_uses: dict[Variable, int] = {}
        self.reads: dict[Variable, Read] = {}
        self._views: dict[Equation, Hashable] = {}
        for i, equation in enumerate(graph.equations):
            for x in equation.inputs:
                if type(x) is Variable:
                    self.last_uses[x] = i
            for j, v in enumerate(equation.outputs):
                self.places[v] = i, j
        for x in graph.outputs:
            if type(x) is Variable:
                self.last_uses[x] = len(graph.equations)

    def place(self, x: Any) -> int:
        """The number of the equation that makes a value; -1 if none does."""
        return self.places.get(x, (-1, 0))[0] if type(x) is Variable else -1

    def read(self, x: Any) -> Read:
        """What an operand is a row of, or itself."""
        known = self.reads.get(x) if type(x) is Variable else None
        if known is not None:
            return known
        i = self.place(x)
        if i >= 0 and (moved := row_of(self.equations[i])) is not None:
            equation = self.equations[i]
            array = self.reads.get(equation.inputs[0], Read(equation.inputs[0]))
            if array.row is None and not array.views:
                return Read(array.source, moved, rest_of(equation))
        return Read(x)

    def views_key(self, views: Iterable[Equation]) -> Hashable:
        """Equal for views of the same kind."""
        return tuple([self._view_key(e) for e in views])

    def _view_key(self, equation: Equation) -> Hashable:
        if equation not in self._views:
            params = self.keys.params(equation.params)
            self._views[equation] = equation.primitive.name, params
        return self._views[equation]


def row_of(equation: Equation) -> int | None:
    """The place along the first axis at which an equation reads or writes, if it is one."""
    if equation.primitive.name not in MOVING:
        return None
    index = equation.params.get("index")
    if not isinstance(index, Index) or ARRAY in index.entries or not index.entries:
        return None
    place = index.entries[0]
    x = equation.inputs[0]
    if type(place) is not int or type(x) is not Variable:
        return None
    return place % x.type.shape[0]


MOVING = frozenset(("index", "index_add", "index_update"))
"""Operations on elements of an array, which may move on from block to block."""


def rest_of(equation: Equation) -> tuple[Equation, ...]:
    """The view that ``x[i, ...]`` takes of ``x[i]``."""
    rest = equation.params["index"].entries[1:]
    if all(entry is Ellipsis for entry in rest):
        return ()
    return (equation.changed(params={"index": Index(rest)}),)


class Wanted(NamedTuple):
    """A value that is read behind the loop: it is made in the block of this `number`, counted from
    the first, and views are taken of it."""

    number: int
    key: tuple[int, int]
    views: tuple[Equation, ...]


class Loop:
    """Equal blocks of `period` equations, from number `start` to before `stop`.

    Attributes
    ----------
    block : list of Equation
        One of the blocks, the model of all.
    pattern : list of lists
        What each operand of it is: an Internal, an Outside, or None for a constant.
    steps : list of int
        By how much the place at which each equation reads or writes moves on.
    slots : dict
        For each equation and output that is carried on, for how many blocks.
    initial : dict
        For each equation, output and number of blocks ago what it is at the start.
    wanted : dict
        How the values that are read behind the loop are had.
    """

    def __init__(self, values: Values, run: Period, model: int) -> None:
        self.values = values
        self.period = run.period
        self.model = self.start = model
        self.stop = model + run.period
        self.steps = [0] * run.period
        self.block = values.equations[model : self.stop]
        self.pattern = [self._operands(i, run) for i in range(run.period)]
        self.slots: dict[tuple[int, int], int] = {}
        self.initial: dict[tuple[int, int, int], Any] = {}
        self.wanted: dict[Variable, Wanted | Read] = {}

    @property
    def count(self) -> int:
        return (self.stop - self.start) // self.period

    def _operands(self, offset: int, run: Period) -> list[Any]:
        """The pattern of an equation's operands."""
        values = self.values
        equation = self.block[offset]
        before = values.equations[self.model + offset - run.period]
        row = row_of(equation)
        if row is not None:
            self.steps[offset] = row - (row_of(before) or 0)
        found: list[Any] = []
        for x, y in zip(equation.inputs, before.inputs, strict=True):
            if type(x) is not Variable:
                found.append(None)
                continue
            blocks, within = divmod(values.place(x) - self.model, run.period)
            near = values.place(x) >= run.start and -blocks <= LAG
            read, earlier = values.read(x), values.read(y)
            if near and (read.row is None or self._near(values.place(read.source), run)):
                found.append(Internal(within, values.places[x][1], -blocks))
            else:
                step = 0 if read.row is None else read.row - (earlier.row or 0)
                found.append(Outside(read, step))
        return found

    def _near(self, place: int, run: Period) -> bool:
        """Whether what is made there may be made anew by each block."""
        return place >= run.start and (self.model - place) <= LAG * run.period

    def grow(self, run: Period) -> None:
        """Take in all the blocks before and behind the model that are like it."""
        period = self.period
        while self.stop + period <= run.stop and self._matches(self.stop):
            self.stop += period
        while self.start - period >= run.start and self._matches(self.start - period):
            self.start -= period
        shared = self._latest()
        while self.start <= shared and self.start < self.stop:
            self.start += period
        # The first blocks are like the others but for what they are given at the start.
        while self.start - period >= max(run.start, shared + 1) and self._begins(
            self.start - period
        ):
            self.start -= period

    def _begins(self, start: int) -> bool:
        """Whether the loop may begin there, one block earlier."""
        stop = min(start + (LAG + 1) * self.period, self.stop)
        return all(self._matches(first, start) for first in range(start, stop, self.period))

    def _latest(self) -> int:
        """The number of the last equation whose result all blocks share."""
        outside = [x for operands in self.pattern for x in operands if isinstance(x, Outside)]
        return max([self.values.place(x.read.source) for x in outside], default=-1)

    def _matches(self, first: int, start: int = -1) -> bool:
        """Whether the block that starts there reads what the pattern says, those blocks that would
        lie before `start` being given."""
        equations = self.values.equations[first : first + self.period]
        return all(
            self._alike(equation, offset, first, start) for offset, equation in enumerate(equations)
        )

    def _alike(self, equation: Equation, offset: int, first: int, start: int) -> bool:
        values = self.values
        away = (first - self.model) // self.period
        row = row_of(self.block[offset])
        if row is not None and row_of(equation) != row + away * self.steps[offset]:
            return False
        for x, wanted in zip(equation.inputs, self.pattern[offset], strict=True):
            if wanted is None or type(x) is not Variable:
                given = isinstance(wanted, Internal) and first - wanted.delay * self.period < start
                if not given and (wanted is not None or type(x) is Variable):
                    return False
            elif isinstance(wanted, Internal):
                block = first - wanted.delay * self.period
                if block < start:  # it is given
                    if values.place(x) >= start:
                        return False
                elif values.places.get(x) != (block + wanted.offset, wanted.output):
                    return False
            elif not self._same_read(values.read(x), wanted, away):
                return False
        return True

    def _same_read(self, read: Read, wanted: Outside, away: int) -> bool:
        source, row, views = wanted.read
        if read.source is not source or len(read.views) != len(views):
            return False
        if read.row != (None if row is None else row + away * wanted.step):
            return False
        key = self.values.views_key
        return not views or key(read.views) == key(views)

    # What goes from block to block, and out

    def link(self) -> bool:
        """Find out what is carried, what it is at the start, and what is read behind the loop;
        whether all of that can be had."""
        self.slots, self.initial = {}, {}
        operands = [(i, k, x) for i, xs in enumerate(self.pattern) for k, x in enumerate(xs)]
        for offset, k, x in operands:
            if isinstance(x, Internal) and x.delay and not self._carry(offset, k, x):
                return False
        lags = self.slots.items()
        if not all((*key, j) in self.initial for key, lag in lags for j in range(1, lag + 1)):
            return False
        return self._look_behind()

    def _carry(self, offset: int, k: int, x: Internal) -> bool:
        """Enter an operand from an earlier block."""
        key, views = self._base(x.offset, x.output)
        if not makes_dense(self.block[key[0]], key[1]):
            return False
        self.slots[key] = max(self.slots.get(key, 0), x.delay)
        for number in range(x.delay):
            given = self.values.equations[self.start + number * self.period + offset]
            value = self._beneath(given.inputs[k], views)
            slot = (*key, x.delay - number)
            if value is None or self.initial.setdefault(slot, value) is not value:
                return False
        return True

    def base_of(self, x: Internal) -> tuple[tuple[int, int], tuple[Equation, ...]]:
        """The equation and output that an operand is a view of, and the views."""
        return self._base(x.offset, x.output)

    def _base(self, offset: int, output: int) -> tuple[tuple[int, int], tuple[Equation, ...]]:
        views: list[Equation] = []
        while makes_view(self.block[offset]) and not self.steps[offset]:
            x = self.pattern[offset][0]
            if not isinstance(x, Internal) or x.delay:
                break
            views.append(self.block[offset])
            offset, output = x.offset, x.output
        return (offset, output), tuple(reversed(views))

    def _beneath(self, x: Any, views: tuple[Equation, ...]) -> Any:
        """What a value from before the loop is a view of, by these views; None if it is not."""
        values = self.values
        for view in reversed(views):
            i = values.place(x)
            if i < 0 or x in values.reads:
                return None
            maker = values.equations[i]
            if values.views_key((maker,)) != values.views_key((view,)):
                return None
            x = maker.inputs[0]
        return x

    def drops(self, offset: int) -> bool:
        """Whether an equation only takes a row of what all blocks share: the scan does that."""
        equation = self.block[offset]
        return (
            equation.primitive.name == "index"
            and row_of(equation) is not None
            and isinstance(self.pattern[offset][0], Outside)
        )

    def _look_behind(self) -> bool:
        self.wanted = {}
        for i in range(self.start, self.stop):
            number, offset = divmod(i - self.start, self.period)
            for output, v in enumerate(self.values.equations[i].outputs):
                if self.values.last_uses.get(v, -1) < self.stop:
                    continue
                found = self._wanted(v, i - offset, number, offset, output)
                if found is None:
                    return False
                self.wanted[v] = found
        return True

    def _wanted(
        self, v: Variable, first: int, number: int, offset: int, output: int
    ) -> Wanted | Read | None:
        if self.drops(offset):
            return self.values.read(v)
        key, views = self._base(offset, output)
        maker = self.block[key[0]]
        if not makes_view(maker):
            return Wanted(number, key, views) if makes_dense(maker, key[1]) else None
        if self.steps[key[0]]:  # another view in each block
            return None
        x = self.pattern[key[0]][0]
        if isinstance(x, Internal) and x.delay <= number:  # what an earlier block has made
            beneath, more = self._base(x.offset, x.output)
            if not makes_dense(self.block[beneath[0]], beneath[1]):
                return None
            return Wanted(number - x.delay, beneath, (*more, maker, *views))
        given = self.values.equations[first + key[0]].inputs[0]
        source, row, outer = self.values.read(given)
        return Read(source, row, (*outer, maker, *views))


def find_loop(values: Values, run: Period, fewest: int) -> Loop | None:
    """The loop of at least so many blocks that a stretch of equations is, if it is one."""
    turn = _fewest_crossing(values, run)
    blocks = (run.stop - turn) // run.period
    for model in {blocks // 2, blocks // 4, 3 * blocks // 4, 1}:
        if not 0 < model < blocks:
            continue
        loop = Loop(values, run, turn + model * run.period)
        loop.grow(run)
        for _ in range(LAG + 1):
            if loop.count < max(fewest, LAG + 1):
                break
            if loop.link():
                return loop
            loop.start += run.period  # what the first block is given may lie otherwise
    return None


def _fewest_crossing(values: Values, run: Period) -> int:
    """Where to cut a stretch into blocks: so that the fewest values go from one to the next, and as
    early as that."""
    period = run.period
    first = run.start + (run.stop - run.start) // (2 * period) * period
    ends: dict[Variable, int] = {}
    for i in range(first, min(first + (LAG + 1) * period, run.stop)):
        for x in values.equations[i].inputs:
            if type(x) is Variable and first <= values.place(x) < first + period:
                ends[x] = i
    crossing = [0] * (period + 1)
    for x, end in ends.items():
        made = values.place(x) + 1 - first  # it crosses the cuts before equations made..end
        whole, rest = divmod(end - first + 1 - made, period)
        crossing[0] += whole
        crossing[-1] -= whole
        lo = made % period
        hi = lo + rest
        crossing[lo] += 1
        crossing[min(hi, period)] -= 1
        if hi > period:
            crossing[0] += 1
            crossing[hi - period] -= 1
    total, best, fewest = 0, 0, None
    for cut in range(period):
        total += crossing[cut]
        if fewest is None or total < fewest:
            best, fewest = cut, total
    return run.start + best
