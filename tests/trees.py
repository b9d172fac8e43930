"""Pytrees to test with: containers of every kind, and a strategy for nested ones."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from hypothesis import strategies as st

from functrans.core import tree

Point = namedtuple("Point", ["x", "y"])


class Pair(NamedTuple):
    left: Any
    right: Any = None


@dataclass
class Layer:
    weight: Any
    activation: str = field(default="relu", metadata={"static": True})
    bias: Any = None
    instances: ClassVar[int] = 0


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Slotted:
    a: Any
    power: Any = field(metadata={"static": True})


class Ring:
    """A registered type with a static part and no keys."""

    def __init__(self, name: Any, *items: Any) -> None:
        self.name = name
        self.items = items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ring) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


tree.register(Ring, lambda ring: (iter(ring.items), ring.name), lambda name, c: Ring(name, *c))


@tree.register(
    flatten=lambda box: ((box.low, box.high), None),
    unflatten=lambda static, children: Box(*children),
    keys=("low", 1),
)
class Box:
    """A registered type with keys: an attribute and an item."""

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low, high


class MyList(list[Any]):
    """Not registered, so a leaf."""


# Leaves: among them some that are equal or false, and containers that must not be opened.
LEAVES = st.one_of(
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(max_size=2),
    st.builds(MyList, st.lists(st.integers(), max_size=2)),
    st.frozensets(st.integers(), max_size=2),
)
KEYS = st.one_of(st.text(max_size=2), st.integers(-3, 3), st.tuples(st.integers(0, 2)))


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One more level of every kind of container."""
    dicts = st.dictionaries(KEYS, children, max_size=4)
    return st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        dicts,
        dicts.map(OrderedDict),
        st.builds(defaultdict, st.sampled_from([list, int, None]), dicts),
        st.builds(Point, children, children),
        st.builds(Pair, children, children),
        st.builds(Layer, children, st.sampled_from(["relu", "tanh"]), children),
        st.builds(Frozen, children, children),
        st.builds(Slotted, children, st.integers(0, 2)),
        st.builds(lambda name, items: Ring(name, *items), st.text(max_size=1), st.lists(children)),
    )


TREES = st.recursive(st.one_of(LEAVES, st.none()), containers, max_leaves=12)


def identical(a: Any, b: Any) -> bool:
    """Whether two trees are of the same types throughout, with dicts in the same order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        same_order = [*a] == [*b] and [type(k) for k in a] == [type(k) for k in b]
        factories = [getattr(d, "default_factory", None) for d in (a, b)]
        values = zip(a.values(), b.values(), strict=True) if same_order else ()
        return same_order and factories[0] is factories[1] and all(identical(*p) for p in values)
    if isinstance(a, list | tuple) and not isinstance(a, MyList):
        return len(a) == len(b) and all(identical(*pair) for pair in zip(a, b, strict=True))
    if isinstance(a, Layer | Frozen | Slotted):
        names = a.__dataclass_fields__.keys() - {"instances"}
        return all(identical(getattr(a, name), getattr(b, name)) for name in names)
    if isinstance(a, Ring):
        return a.name == b.name and identical(a.items, b.items)
    return bool(a == b)
