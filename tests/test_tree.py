"""Pytrees: round trips, structures, paths, prefixes, registration, and the texts of the errors."""

import copy
import enum
import gc
import pickle
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import FrozenInstanceError, InitVar, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

from functrans.core import tree
from functrans.core.errors import RegistrationError, TreeError

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


# --- round trips ----------------------------------------------------------------------------------


@given(TREES)
def test_round_trip(value: Any) -> None:
    """Flattening and unflattening gives a tree that is the same to the last type and key."""
    leaves, treedef = tree.flatten(value)
    assert identical(tree.unflatten(treedef, leaves), value)
    assert treedef.num_leaves == len(leaves) == len(tree.leaf_paths(treedef))
    assert tree.structure(value) == treedef
    assert hash(tree.structure(value)) == hash(treedef)


@given(TREES)
def test_is_leaf_that_is_never_true_changes_nothing(value: Any) -> None:
    """The walk with `is_leaf` and the fast one agree."""
    leaves, treedef = tree.flatten(value)
    others, other_def = tree.flatten(value, is_leaf=lambda x: False)
    assert all(a is b for a, b in zip(leaves, others, strict=True))
    assert treedef == other_def


@given(TREES)
def test_paths_lead_to_the_leaves(value: Any) -> None:
    """A path, followed from the tree, arrives at its leaf."""
    for path, leaf in tree.flatten_with_path(value):
        node = value
        for entry in path:
            if isinstance(entry, tree.Attribute):
                node = getattr(node, str(entry.key))
            else:
                node = (node.items if isinstance(node, Ring) else node)[entry.key]
        assert node is leaf


@given(TREES, TREES)
def test_structures_are_equal_iff_no_difference_is_found(a: Any, b: Any) -> None:
    """`explain_difference` and ``==`` agree, also with the hash."""
    first, second = tree.structure(a), tree.structure(b)
    same = tree.explain_difference(first, second) == "the structures are the same"
    assert same == (first == second)
    assert not same or hash(first) == hash(second)


@given(TREES)
def test_pickled_structure(value: Any) -> None:
    """A structure survives pickling and copying."""
    treedef = tree.structure(value)
    leaves = tree.leaves(value)
    for other in (pickle.loads(pickle.dumps(treedef)), copy.deepcopy(treedef)):
        assert other == treedef
        assert identical(tree.unflatten(other, leaves), value)


# --- which types are containers -------------------------------------------------------------------


class Color(enum.Enum):
    RED = 1


@dataclass
class Orbit:
    radius: float


class Planet(Orbit, enum.Enum):
    EARTH = 1.0


@dataclass
class DataError(Exception):
    value: float


@pytest.mark.parametrize(
    "leaf",
    [
        *(np.ones(3), np.float64(1.0), np.array(1.0), np.ma.masked_array([1.0]), 1, 1.0, 1j, True),
        *("text", b"bytes", {1}, frozenset({1}), range(3), MyList([1, 2]), object(), len, Layer),
        *(Color.RED, Planet.EARTH, DataError(1.0), np.finfo(float), ..., slice(1, 2)),
        type("MyDict", (dict,), {})(a=1),
        type("MyTuple", (tuple,), {})((1, 2)),
    ],
    ids=lambda leaf: type(leaf).__name__,
)
def test_leaf(leaf: Any) -> None:
    """What is not a container is a leaf, at the root and within a container."""
    for _ in range(2):  # the first time the type is classified, then it is known
        leaves, treedef = tree.flatten(leaf)
        assert len(leaves) == 1 and leaves[0] is leaf
        assert repr(treedef) == "*" and treedef.type is None and treedef.children == ()
        assert tree.unflatten(treedef, [leaf]) is leaf
        (inner,), treedef = tree.flatten([leaf])
        assert inner is leaf and repr(treedef) == "[*]"


def test_unseen_types_inside_a_container() -> None:
    """A type met for the first time inside a container is classified there."""

    @dataclass
    class Local:
        a: Any

    class Opaque:
        pass

    opaque = Opaque()
    leaves, treedef = tree.flatten([Local(opaque), opaque])
    assert leaves == [opaque, opaque]
    assert repr(treedef) == "[Local(a=*), *]"


def test_none_is_an_empty_container() -> None:
    """None has no leaf and comes back."""
    assert tree.flatten(None) == ([], tree.structure(None))
    assert repr(tree.structure(None)) == "None"
    assert tree.unflatten(tree.structure((None, 1)), [2]) == (None, 2)
    assert tree.leaves([None, 1], is_leaf=lambda x: x is None) == [None, 1]


def test_dict_order() -> None:
    """Leaves come in the order of the keys; the dict keeps its own order."""
    value = {"b": 1, "c": 2, "a": 0}
    leaves, treedef = tree.flatten(value)
    assert leaves == [0, 1, 2]
    assert list(tree.unflatten(treedef, leaves).items()) == list(value.items())
    assert treedef == tree.structure({"a": 0, "b": 0, "c": 0})
    assert hash(treedef) == hash(tree.structure({"a": 0, "b": 0, "c": 0}))
    assert treedef != tree.structure({"a": 0, "b": 0, "d": 0})


def test_dict_with_keys_that_cannot_be_sorted() -> None:
    """Insertion order is used, and belongs to the structure then."""
    value = {"b": 1, 0: 2, None: 3}
    leaves, treedef = tree.flatten(value)
    assert leaves == [1, 2, 3]
    assert list(tree.unflatten(treedef, leaves).items()) == list(value.items())
    assert treedef != tree.structure({0: 2, "b": 1, None: 3})


def test_dict_keys_keep_their_type() -> None:
    """Keys that are equal but of another type are not mixed up between dicts."""

    class Name(str):
        pass

    for first in ("b", Name("b")):
        value = {first: 1, "a": 2}
        leaves, treedef = tree.flatten(value)
        assert [type(key) for key in tree.unflatten(treedef, leaves)] == [type(first), str]
    assert [type(k) for k in tree.map(abs, {True: 1})] == [bool]
    assert [type(k) for k in tree.map(abs, {1: 1})] == [int]


def test_ordered_dict_order_is_structure() -> None:
    """The children of an OrderedDict come in its order."""
    a, b = OrderedDict(b=1, a=2), OrderedDict(a=2, b=1)
    assert tree.leaves(a) == [1, 2]
    assert tree.structure(a) != tree.structure(b)
    assert type(tree.map(abs, a)) is OrderedDict
    assert tree.structure(b) != tree.structure(dict(b))


def test_defaultdict_keeps_its_factory() -> None:
    """The default factory is kept, and is part of the structure."""
    value = defaultdict(list, b=1, a=2)
    result = tree.map(abs, value)
    assert result["new"] == [] and list(result) == ["b", "a", "new"]
    assert tree.structure(value) != tree.structure(defaultdict(tuple, b=1, a=2))
    assert tree.structure(value) == tree.structure(defaultdict(list, a=1, b=2))
    assert tree.structure(defaultdict(None, a=1)) != tree.structure({"a": 1})


def test_namedtuples() -> None:
    """A namedtuple comes back as one; two classes with the same fields are two structures."""
    leaves, treedef = tree.flatten(Point(1, Pair(2)))
    assert leaves == [1, 2] and treedef.type is Point
    result = tree.unflatten(treedef, [3, 4])
    assert type(result) is Point and result == Point(3, Pair(4, None))
    assert tree.structure(Point(1, 2)) != tree.structure((1, 2))
    assert tree.structure(Point(1, 2)) != tree.structure(Pair(1, 2))
    assert type(tree.map(np.sum, np.linalg.eigh(np.eye(2)))).__name__ == "EighResult"


# --- dataclasses ----------------------------------------------------------------------------------


def test_dataclass_static_field() -> None:
    """Static fields are structure, the others are children in the order of the fields."""
    layer = Layer(1.0, "tanh", 2.0)
    leaves, treedef = tree.flatten(layer)
    assert leaves == [1.0, 2.0]
    assert tree.unflatten(treedef, [3.0, 4.0]) == Layer(3.0, "tanh", 4.0)
    assert treedef == tree.structure(Layer(0, "tanh", 0))
    assert treedef != tree.structure(Layer(0, "relu", 0))
    assert treedef != tree.structure(Layer(0, "tanh", None))


@pytest.mark.parametrize("other", [2.0, True])
def test_static_field_of_another_type_is_another_structure(other: Any) -> None:
    """A program traced for the static value 2 does not fit 2.0, nor that for 1 True."""
    value = int(other)
    assert value == other
    assert tree.structure(Slotted(0, value)) != tree.structure(Slotted(0, other))
    assert tree.structure(Slotted(0, value)) == tree.structure(Slotted(1, value))


def test_dataclass_is_rebuilt_without_its_initialiser() -> None:
    """Neither `__init__` nor `__post_init__` runs, and frozen and slotted ones work."""
    calls = []

    @dataclass(frozen=True, slots=True)
    class Checked:
        a: Any
        seed: InitVar[int]
        total: Any = field(init=False)

        def __post_init__(self, seed: int) -> None:
            calls.append(seed)
            object.__setattr__(self, "total", self.a + seed)

    value = Checked(1, 2)
    result = tree.map(str, value)
    assert (result.a, result.total) == ("1", "3")
    assert calls == [2]
    with pytest.raises(FrozenInstanceError):
        result.a = 1


def test_subclass_of_a_dataclass() -> None:
    """An undecorated subclass is a container of its own type."""

    class Special(Frozen):
        pass

    result = tree.map(abs, Special(-1, -2))
    assert type(result) is Special and (result.a, result.b) == (1, 2)
    assert tree.structure(result) != tree.structure(Frozen(1, 2))


def test_dataclass_with_a_missing_field() -> None:
    """A field that was never set is named."""
    value = object.__new__(Frozen)
    object.__setattr__(value, "a", 1)
    with pytest.raises(TreeError, match="the field 'b' of the dataclass Frozen has no value"):
        tree.flatten([value])


def test_static_field_that_cannot_be_hashed_or_compared() -> None:
    """The error says which structure, and what to do."""
    lists = [tree.structure([Slotted(0, [1])]) for _ in range(2)]
    assert lists[0] == lists[1]
    with pytest.raises(TypeError, match=r"Slotted\(a=\*, power=\[1\]\).*cannot be hashed.*tuple"):
        hash(lists[0])
    arrays = [tree.structure([Slotted(0, np.ones(2))]) for _ in range(2)]
    with pytest.raises(TreeError, match="static part of Slotted cannot be compared.*children"):
        assert arrays[0] == arrays[1]


# --- flatten, unflatten, map ----------------------------------------------------------------------


def test_flatten_returns_the_same_objects() -> None:
    """Leaves are passed by reference both ways, and no list is shared with the caller."""
    x, y = np.ones(2), np.zeros(3)
    value = [x, y]
    leaves, treedef = tree.flatten(value)
    assert leaves[0] is x and leaves[1] is y and leaves is not value
    result = tree.unflatten(treedef, leaves)
    assert result is not leaves and result[0] is x
    assert tree.unflatten(treedef, iter(leaves))[1] is y
    assert tree.unflatten(treedef, (x, y))[1] is y


def test_is_leaf() -> None:
    """A subtree for which `is_leaf` is true is a leaf, also the whole tree."""
    value = {"a": (1, 2), "b": [(3, 4)]}
    leaves, treedef = tree.flatten(value, is_leaf=lambda x: isinstance(x, tuple))
    assert leaves == [(1, 2), (3, 4)] and repr(treedef) == "{'a': *, 'b': [*]}"
    assert tree.leaves((1, 2), is_leaf=lambda x: True) == [(1, 2)]
    assert tree.map(sum, value, is_leaf=lambda x: isinstance(x, tuple)) == {"a": 3, "b": [7]}


@pytest.mark.parametrize("count", [0, 2, 4])
@pytest.mark.parametrize("value", [[1, 2, 3], ([1], {"a": 2}, 3)])
def test_unflatten_with_a_wrong_number_of_leaves(value: Any, count: int) -> None:
    """The counts and the structure are in the message."""
    treedef = tree.structure(value)
    with pytest.raises(TreeError) as info:
        tree.unflatten(treedef, [0] * count)
    assert str(info.value) == (
        f"unflatten: the structure {treedef!r} has 3 leaves, but {count} were given"
    )


def test_unflatten_a_leaf_with_a_wrong_number_of_leaves() -> None:
    """A tree of one leaf needs one leaf, an empty one none."""
    for value, count in ((1, 0), (1, 2), (None, 1), ((), 1), ({}, 1)):
        with pytest.raises(TreeError, match=f"but {count} were given"):
            tree.unflatten(tree.structure(value), [0] * count)


def test_long_structure_is_shortened_in_errors() -> None:
    """The message stays readable for a large tree."""
    with pytest.raises(TreeError) as info:
        tree.unflatten(tree.structure([0] * 1000), [])
    assert len(str(info.value)) < 250 and "*,... has 1000 leaves" in str(info.value)


def test_map_over_several_trees() -> None:
    """The function gets one leaf of each; what stands at a leaf of the first may be a subtree."""
    value = {"a": 1, "b": [2, Point(3, 4)]}
    assert tree.map(lambda x, y: x - y, value, value) == {"a": 0, "b": [0, Point(0, 0)]}
    assert tree.map(lambda x, y: y, [1, 2, 3], [None, (4, 5), 6]) == [None, (4, 5), 6]
    assert tree.map(lambda x, y, z: (x, y, z), 1, 2, [3]) == (1, 2, [3])
    pairs = tree.map(lambda x, y: (x, y), [(1, 2)], [(3, 4)], is_leaf=lambda x: type(x) is tuple)
    assert pairs == [((1, 2), (3, 4))]


def test_map_with_other_structure() -> None:
    """The message names the tree, the path and the two containers."""
    with pytest.raises(TreeError) as info:
        tree.map(lambda *xs: 0, {"b": (1, (2, 3))}, {"b": (1, (2, 3))}, {"b": (1, [2, 3])})
    assert str(info.value) == (
        "the trees passed to map differ at ['b'][1]: tuple of 2 in tree 1, list of 2 in tree 3; "
        "they must have the same structure"
    )
    for first in ((1, (2,)), (1, 2)):
        for wrong in (1, None, [1], (1,), (1, 2, 3), {"a": 1}):
            with pytest.raises(TreeError, match="in tree 2"):
                tree.map(lambda *xs: 0, first, wrong)


def test_tree_that_contains_itself() -> None:
    """An error, not a crash."""
    value: list[Any] = [1]
    value.append(value)
    with pytest.raises(TreeError, match="contains itself"):
        tree.flatten(value)


def test_depth() -> None:
    """A few hundred levels are no problem for any function."""
    value: Any = 1
    for _ in range(100):
        value = [{"a": (value,)}]
    leaves, treedef = tree.flatten(value)
    other = tree.structure(tree.unflatten(treedef, leaves))
    assert treedef == other and hash(treedef) == hash(other)
    assert tree.map(lambda x, y: x + y, value, value) == tree.unflatten(treedef, [2])
    assert len(tree.leaf_paths(treedef)[0]) == 300


def test_no_cyclic_garbage() -> None:
    """Every object made by a call is freed by its reference count."""
    value = {"a": [Layer(1.0), Point(1, 2)], "b": Ring("r", 1), "c": defaultdict(list, x=1)}

    def calls() -> None:
        leaves, treedef = tree.flatten(value)
        tree.unflatten(treedef, leaves)
        tree.map(lambda x, y: x, value, value)
        tree.flatten_prefix({"a": 0, "b": None, "c": 1}, value, what="in_axes")
        tree.flatten_with_path(value)
        tree.flatten(value, is_leaf=lambda x: False)

    calls()
    gc.collect()
    gc.disable()
    try:
        calls()
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- structures and paths -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "*"),
        (None, "None"),
        ((), "()"),
        ((1,), "(*,)"),
        ([1, [2]], "[*, [*]]"),
        ({"b": (1, None), "a": 1}, "{'a': *, 'b': (*, None)}"),
        (OrderedDict(b=1, a=2), "OrderedDict({'b': *, 'a': *})"),
        (defaultdict(list, a=1), "defaultdict(list, {'a': *})"),
        (defaultdict(None, a=1), "defaultdict(None, {'a': *})"),
        (Point(1, (2,)), "Point(x=*, y=(*,))"),
        (Layer(1, "tanh"), "Layer(weight=*, bias=None, activation='tanh')"),
        (Frozen(1, 2), "Frozen(a=*, b=*)"),
        (Ring("r", 1, 2), "Ring(*, *, static='r')"),
        (Box(1, 2), "Box(low=*, *)"),
    ],
)
def test_repr(value: Any, text: str) -> None:
    """A structure reads like the tree with stars for leaves."""
    assert repr(tree.structure(value)) == text


def test_structure_attributes() -> None:
    """Structures can be walked."""
    treedef = tree.structure({"a": [1, 2], "b": None})
    assert treedef.type is dict and treedef.static == ("a", "b") and treedef.num_leaves == 2
    assert treedef.children == (tree.structure([1, 2]), tree.structure(None))
    assert [child.num_leaves for child in treedef.children] == [2, 0]


def test_structures_as_keys() -> None:
    """Equal structures find each other in a dict, and differ from anything else."""
    values = [(1,), [1], {"a": 1}, None, 1, (1, 2), ((1,), 2), Point(1, 2), Ring("a"), Ring("b")]
    table = {tree.structure(value): i for i, value in enumerate(values)}
    assert [table[tree.structure(value)] for value in values] == list(range(len(values)))
    assert tree.structure(1) != "*"
    # One leaf in one child each, yet not a flat list.
    assert tree.structure([[1]]) != tree.structure([1])


def test_key_string() -> None:
    """A path reads as Python."""
    value = {"layers": [Layer(1, bias={0: 2})], "ring": Ring("r", 3), "box": Box(4, 5)}
    assert [(tree.key_string(path), leaf) for path, leaf in tree.flatten_with_path(value)] == [
        ("['box'].low", 4),
        ("['box'][1]", 5),
        ("['layers'][0].weight", 1),
        ("['layers'][0].bias[0]", 2),
        ("['ring'][0]", 3),
    ]
    assert tree.key_string(()) == ""
    assert tree.leaf_paths(tree.structure(1)) == [()]


def test_path_entries() -> None:
    """Entries are compared by kind and key."""
    assert tree.Item("a") == tree.Item("a") and hash(tree.Item("a")) == hash(tree.Item("a"))
    assert tree.Item("a") != tree.Attribute("a") and tree.Item(0) != tree.Item(1)
    assert tree.Item("a") != "a"
    assert repr(tree.Attribute("a")) == "Attribute('a')"


def same_name() -> type[Any]:
    """Another class with the name Point."""
    return namedtuple("Point", ["x", "y"])


class Mute:
    """Two instances differ but print alike."""

    def __repr__(self) -> str:
        return "Mute()"


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ((1, 2), [1, 2], "at the root: tuple of 2 in X, list of 2 in Y"),
        ({"b": (1, (2, 3))}, {"b": (1, [2, 3])}, "at ['b'][1]: tuple of 2 in X, list of 2 in Y"),
        ([1, 2], [1, [2]], "at [1]: leaf in X, list of 1 in Y"),
        (Layer(None), Layer(1), "at .weight: None in X, leaf in Y"),
        ([(1, 2)], [(1, 2, 3)], "at [0]: tuple of 2 in X, tuple of 3 in Y"),
        ({"a": 1, "b": 2}, {"a": 1}, "at the root: Y lacks the key 'b'"),
        ([{"a": 1}], [{"b": 1, "a": 1, "c": 2}], "at [0]: X lacks the key 'b' and the key 'c'"),
        ({"a": 1}, {"b": 1}, "at the root: Y lacks the key 'a'"),
        (
            OrderedDict(a=1, b=2),
            OrderedDict(b=1, a=2),
            "at the root: OrderedDict({'a': *, 'b': *}) in X, OrderedDict({'b': *, 'a': *}) in Y",
        ),
        (
            [defaultdict(list, a=[1])],
            [defaultdict(int, a=[1])],
            "at [0]: defaultdict(list, {'a': *}) in X, defaultdict(int, {'a': *}) in Y",
        ),
        (defaultdict(list, a=1), defaultdict(list), "at the root: Y lacks the key 'a'"),
        (
            [Slotted([1], 2)],
            [Slotted([1], 2.0)],
            "at [0]: Slotted(a=*, power=2) in X, Slotted(a=*, power=2.0) in Y",
        ),
        (Ring("r", 1), Ring("s", 1), "at the root: Ring(*, static='r') in X, Ring(*, static='s')"),
        (Point(1, 2), same_name()(1, 2), f"at the root: {__name__}.Point in X, {__name__}.Point"),
        (Slotted(1, Mute()), Slotted(1, Mute()), "print alike but are not equal"),
        ([1], [2], "the structures are the same"),
    ],
)
def test_explain_difference(a: Any, b: Any, text: str) -> None:
    """The first difference is named with its path."""
    first, second = tree.structure(a), tree.structure(b)
    assert text in tree.explain_difference(first, second, names=("X", "Y"))


# --- prefixes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "value", "expected"),
    [
        (0, 5, [0]),
        (0, {"a": (1, 2), "b": None}, [0, 0]),
        (None, (1, 2), [None, None]),
        (0, None, []),
        (None, None, []),
        ((), (), []),
        ((0, None, -1), (1, {"w": 2, "b": 3}, [4]), [0, None, None, -1]),
        ((0, {"w": 1, "b": None}), (1, {"w": [2, 3], "b": [4, 5]}), [0, None, None, 1, 1]),
        ([0, None], [None, None], []),
        ({"a": 0}, defaultdict, None),
        (Point(0, None), Point([1, 2], 3), [0, 0, None]),
        (Layer(0, "relu", 1), Layer((1, 2), "relu", 3), [0, 0, 1]),
    ],
)
def test_flatten_prefix(prefix: Any, value: Any, expected: list[Any] | None) -> None:
    """One value for every leaf of the tree, from the tree or its structure."""
    if expected is None:
        with pytest.raises(TreeError):
            tree.flatten_prefix(prefix, value, what="in_axes")
        return
    assert tree.flatten_prefix(prefix, value, what="in_axes") == expected
    assert tree.flatten_prefix(prefix, tree.structure(value), what="in_axes") == expected


@given(TREES)
def test_a_tree_is_a_prefix_of_itself(value: Any) -> None:
    """The leaves come back in their order, None standing for nothing; one value is repeated."""
    leaves, treedef = tree.flatten(value)
    assert tree.flatten_prefix(value, treedef, what="value") == leaves
    assert tree.flatten_prefix(7, treedef, what="value") == [7] * len(leaves)


@pytest.mark.parametrize(
    ("prefix", "value", "text"),
    [
        ((0, [0, 0]), (1, (2, 3)), "at in_axes[1]: list of 2 in in_axes, tuple of 2 in the tree"),
        ((0,), (1, 2), "at in_axes: tuple of 1 in in_axes, tuple of 2 in the tree"),
        ((0, 0, 0), (1, 2), "at in_axes: tuple of 3 in in_axes, tuple of 2 in the tree"),
        (({"w": 0},), ({"w": 1, "b": 2},), "at in_axes[0]: in_axes lacks the key 'b'"),
        (({"w": 0, "x": 0},), ({"w": 1},), "at in_axes[0]: the tree it applies to lacks the key"),
        (((0,),), (1,), "at in_axes[0]: tuple of 1 in in_axes, leaf in the tree it applies to"),
        (((0,),), (None,), "at in_axes[0]: tuple of 1 in in_axes, None in the tree"),
        (Layer(0, "relu"), Layer(0, "tanh"), "activation='relu') in in_axes, Layer(weight=*"),
    ],
)
def test_prefix_that_does_not_fit(prefix: Any, value: Any, text: str) -> None:
    """The message names the argument, the path, the difference and the remedy."""
    with pytest.raises(TreeError) as info:
        tree.flatten_prefix(prefix, value, what="in_axes")
    assert str(info.value).startswith("in_axes does not match at in_axes")
    assert text in str(info.value)
    assert str(info.value).endswith("; use the same containers, or one value for a whole subtree")


# --- registration ---------------------------------------------------------------------------------


def test_registered_type() -> None:
    """The static part is structure, the children may come from an iterator."""
    leaves, treedef = tree.flatten([Ring("r", 1, (2, 3))])
    assert leaves == [1, 2, 3]
    assert tree.unflatten(treedef, [4, 5, 6]) == [Ring("r", 4, (5, 6))]
    assert type(tree.map(abs, Box(-1, -2))) is Box


def test_register_returns_the_class() -> None:
    """Both ways of calling do."""

    class One:
        pass

    class Two:
        pass

    assert tree.register(One, lambda x: ((), None), lambda s, c: One()) is One
    decorate = tree.register(flatten=lambda x: ((), None), unflatten=lambda s, c: Two())
    assert decorate(Two) is Two
    assert tree.leaves([One(), Two()]) == []


def test_register_after_use_as_a_leaf() -> None:
    """A type that was a leaf until now becomes a container."""

    class Late:
        pass

    late = Late()
    assert tree.leaves([late]) == [late]
    tree.register(Late, lambda x: ((1, 2), None), lambda s, c: Late())
    assert tree.leaves([late]) == [1, 2]
    assert tree.leaves(late) == [1, 2]


def test_register_overrides_a_dataclass_and_a_namedtuple() -> None:
    """The derived treatment gives way once; then the class is registered."""

    @dataclass
    class Data:
        a: Any

    named = namedtuple("named", ["a"])
    for cls in (Data, named):
        assert tree.leaves(cls(1)) == [1]
        tree.register(cls, lambda x: ((), x.a), lambda static, c, cls=cls: cls(static))
        assert tree.leaves(cls(1)) == []
        assert tree.map(abs, cls(-1)) == cls(-1)
        with pytest.raises(RegistrationError, match="is a pytree container already"):
            tree.register(cls, lambda x: ((), None), lambda s, c: None)


@pytest.mark.parametrize("cls", [Ring, list, dict, tuple, type(None), OrderedDict, defaultdict])
def test_registering_twice_raises(cls: type[Any]) -> None:
    """Built-in containers count as registered."""
    with pytest.raises(RegistrationError) as info:
        tree.register(cls, lambda x: ((), None), lambda s, c: None)
    assert str(info.value) == f"register: {cls.__name__} is a pytree container already"


@pytest.mark.parametrize("cls", [np.ndarray, float, int, str])
def test_registering_a_leaf_type_raises(cls: type[Any]) -> None:
    """Arrays and numbers stay leaves."""
    with pytest.raises(RegistrationError, match=f"{cls.__name__} is always a leaf"):
        tree.register(cls, lambda x: ((), None), lambda s, c: None)
    assert tree.leaves([cls]) == [cls]


def test_register_checks_its_arguments() -> None:
    """Wrong arguments are named."""

    class New:
        pass

    with pytest.raises(TypeError, match="cls must be a class, not 3"):
        tree.register(3, len, len)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"unflatten must be a function, not None.*New"):
        tree.register(New, len, None)  # type: ignore[call-overload]
    value = New()
    assert tree.leaves(value) == [value]


def test_wrong_registered_functions() -> None:
    """What they return is checked where it is used."""

    class NoPair:
        pass

    class WrongKeys:
        pass

    tree.register(NoPair, lambda x: [1, 2], lambda s, c: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(RegistrationError, match=r"for NoPair must return.*not \[1, 2\]"):
        tree.flatten(NoPair())
    tree.register(WrongKeys, lambda x: ((1, 2), None), lambda s, c: None, keys=["a"])
    with pytest.raises(RegistrationError, match=r"for WrongKeys are \['a'\], but it has 2"):
        tree.flatten_with_path(WrongKeys())


def test_keys_from_the_static_part() -> None:
    """Keys may depend on the static part."""

    class Record:
        def __init__(self, **fields: Any) -> None:
            self.fields = fields

    tree.register(
        Record,
        lambda r: (r.fields.values(), tuple(r.fields)),
        lambda names, children: Record(**dict(zip(names, children, strict=True))),
        keys=lambda names: names,
    )
    paths = tree.leaf_paths(tree.structure(Record(u=1, v=(2,))))
    assert [tree.key_string(path) for path in paths] == [".u", ".v[0]"]


def test_pickled_structure_of_an_unknown_type() -> None:
    """Where the type is not registered, unpickling says so."""
    treedef = tree.structure([1])
    rebuild, (_, static, children) = treedef.__reduce__()
    with pytest.raises(TreeError, match="MyList is not registered as a pytree here"):
        rebuild(MyList, static, children)  # type: ignore[operator]
