"""The containers of pytrees: which types are, dataclasses, and registration."""

import enum
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import FrozenInstanceError, InitVar, dataclass, field
from typing import Any

import numpy as np
import pytest

from functrans.core import tree
from functrans.core.errors import RegistrationError, TreeError
from tests.trees import Box, Frozen, Layer, MyList, Pair, Point, Ring, Slotted

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
    assert f"register: {cls.__name__} is a pytree container already (at " in str(info.value)


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
