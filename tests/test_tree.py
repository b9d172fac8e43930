"""Pytrees: round trips, map, structures, paths, prefixes, and the texts of the errors."""

import copy
import gc
import pickle
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from functrans.core import tree
from functrans.core.errors import TreeError
from tests.trees import TREES, Box, Frozen, Layer, Point, Ring, Slotted, identical

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
    assert str(info.value).startswith(
        f"unflatten: the structure {treedef!r} has 3 leaves, but {count} were given (at "
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
    text = str(info.value).partition(" (at ")[0]
    assert len(text) < 250 and "*,... has 1000 leaves" in text


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
    assert str(info.value).startswith(
        "the trees passed to map differ at ['b'][1]: tuple of 2 in tree 1, list of 2 in tree 3; "
        "they must have the same structure (at "
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
        (
            Point(1, 2),
            same_name()(1, 2),
            "at the root: tests.trees.Point in X, tests.test_tree.Point",
        ),
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
        ((0,), (1, 2), "at the root: tuple of 1 in in_axes, tuple of 2 in the tree"),
        ((0, 0, 0), (1, 2), "at the root: tuple of 3 in in_axes, tuple of 2 in the tree"),
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
    assert str(info.value).startswith("in_axes does not match at ")
    assert text in str(info.value)
    assert "; use the same containers, or one value for a whole subtree (at " in str(info.value)
