"""The containers of pytrees: how each type is taken apart and rebuilt, and the register of types.

The structures made of them stand in ``tree``."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from functrans.core.errors import InputTypeError, RegistrationError, TreeError

if TYPE_CHECKING:
    from functrans.core.structures import TreeDef

T = TypeVar("T")
Keys = Sequence[Hashable] | Callable[[Any], Sequence[Hashable]]


class _Entry:
    """One step from a container to one of its children."""

    __slots__ = ("key",)

    def __init__(self, key: Hashable) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Entry) and type(self) is type(other) and self.key == other.key

    def __hash__(self) -> int:
        return hash((type(self), self.key))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"


class Item(_Entry):
    """The step ``[key]``, into a dict or a sequence.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.tree.key_string((Item("layers"), Item(0)))
    "['layers'][0]"
    """

    __slots__ = ()

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class Attribute(_Entry):
    """The step ``.key``, into a namedtuple or a dataclass.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.tree.key_string((Attribute("weights"), Item(0)))
    '.weights[0]'
    """

    __slots__ = ()

    def __str__(self) -> str:
        return f".{self.key}"


Path = tuple[Item | Attribute, ...]


class Kind:
    """How to take a container of type `cls` apart and put it together again.

    `split` gives a list or tuple of children and the static part, `join` undoes it. The static part
    is what distinguishes two containers with the same type and number of children.
    """

    __slots__ = ("cls", "flat")

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        # The structures of containers of leaves only and without a static part, by their size:
        # sharing them saves making and hashing one per call.
        self.flat: dict[int, TreeDef] = {}

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        return tree, None

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return self.cls(children)

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        """Return the path entry of each child."""
        return [Item(i) for i in range(count)]

    def show(self, static: Any, children: list[str]) -> str:
        """Return the container's text, given the texts of its children."""
        entries = self.entries(static, len(children))
        parts = [
            f"{entry.key}={child}" if isinstance(entry, Attribute) else child
            for entry, child in zip(entries, children, strict=True)
        ]
        return f"{self.cls.__name__}({', '.join(parts + self.show_static(static))})"

    def show_static(self, static: Any) -> list[str]:
        return [] if static is None else [f"static={static!r}"]


class _LeafKind(Kind):
    __slots__ = ()

    def show(self, static: Any, children: list[str]) -> str:
        return "*"


class _NoneKind(Kind):
    __slots__ = ()

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        return (), None

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return None

    def show(self, static: Any, children: list[str]) -> str:
        return "None"


class _ListKind(Kind):
    __slots__ = ()

    def show(self, static: Any, children: list[str]) -> str:
        return f"[{', '.join(children)}]"


class _TupleKind(Kind):
    __slots__ = ()

    def show(self, static: Any, children: list[str]) -> str:
        return f"({children[0]},)" if len(children) == 1 else f"({', '.join(children)})"


class _SortedKeys(tuple[Hashable, ...]):
    """The sorted keys of a dict, equal to any other tuple of them, with their order in the dict."""

    order: tuple[Hashable, ...]


class _DictKind(Kind):
    """A dict; its static part is its keys in the order of its children."""

    __slots__ = ()

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        order = tuple(tree)
        try:
            keys = tuple(sorted(order))
        except TypeError:
            keys = order
        if keys == order:
            return list(tree.values()), order
        static = _SortedKeys(keys)
        static.order = order
        return list(map(tree.__getitem__, keys)), static

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        items = zip(static, children)  # noqa: B905, checking the counts again would take as long
        if type(static) is tuple:
            return dict(items)
        tree = dict.fromkeys(static.order)
        tree.update(items)
        return tree

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        return [Item(key) for key in static]

    def show(self, static: Any, children: list[str]) -> str:
        items = zip(static, children, strict=True)
        return "{" + ", ".join(f"{key!r}: {child}" for key, child in items) + "}"


class _OrderedDictKind(_DictKind):
    __slots__ = ()

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        return list(tree.values()), tuple(tree)

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return OrderedDict(zip(static, children, strict=True))

    def show(self, static: Any, children: list[str]) -> str:
        return f"OrderedDict({super().show(static, children)})"


class _DefaultDictKind(_DictKind):
    """A defaultdict; its static part is the default factory and the keys."""

    __slots__ = ()

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        children, keys = super().split(tree)
        return children, (tree.default_factory, keys)

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return defaultdict(static[0], super().join(static[1], children))

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        return super().entries(static[1], count)

    def show(self, static: Any, children: list[str]) -> str:
        factory = getattr(static[0], "__name__", repr(static[0]))
        return f"defaultdict({factory}, {super().show(static[1], children)})"


class _NamedTupleKind(Kind):
    __slots__ = ()

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return self.cls._make(children)

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        return [Attribute(name) for name in self.cls._fields]


class _StaticFields(tuple[Any, ...]):
    """The static fields of a dataclass, compared by type too: 2, 2.0 and True trace differently."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _StaticFields)
            and super().__eq__(other)
            and [type(value) for value in self] == [type(value) for value in other]
        )

    __hash__ = tuple.__hash__


class _DataclassKind(Kind):
    __slots__ = ("names", "static_names")

    def __init__(self, cls: type[Any]) -> None:
        # Loaded already, since a dataclass exists; importing it above would slow our own import.
        from dataclasses import fields

        super().__init__(cls)
        static = {f.name: bool(f.metadata.get("static", False)) for f in fields(cls)}
        self.names = tuple(name for name in static if not static[name])
        self.static_names = tuple(name for name in static if static[name])

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        try:
            children = [getattr(tree, name) for name in self.names]
            if not self.static_names:
                return children, None
            return children, _StaticFields([getattr(tree, name) for name in self.static_names])
        except AttributeError as error:
            raise TreeError(
                f"the field {error.name!r} of the dataclass {self.cls.__name__} has no value; "
                "set every field before passing the instance as a pytree"
            ) from error

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        tree = object.__new__(self.cls)
        for name, child in zip(self.names, children, strict=True):
            object.__setattr__(tree, name, child)
        if static is not None:
            for name, value in zip(self.static_names, static, strict=True):
                object.__setattr__(tree, name, value)
        return tree

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        return [Attribute(name) for name in self.names]

    def show_static(self, static: Any) -> list[str]:
        values = zip(self.static_names, static or (), strict=True)
        return [f"{name}={value!r}" for name, value in values]


class _RegisteredKind(Kind):
    __slots__ = ("flatten", "keys", "unflatten")

    def __init__(
        self,
        cls: type[Any],
        flatten: Callable[[Any], tuple[Iterable[Any], Any]],
        unflatten: Callable[[Any, tuple[Any, ...]], Any],
        keys: Keys | None,
    ) -> None:
        super().__init__(cls)
        self.flatten = flatten
        self.unflatten = unflatten
        self.keys = keys

    def split(self, tree: Any) -> tuple[Sequence[Any], Any]:
        parts: Any = self.flatten(tree)
        if type(parts) is not tuple or len(parts) != 2:
            raise RegistrationError(
                f"the flatten function registered for {self.cls.__name__} must return the tuple "
                f"(children, static), not {parts!r}"
            )
        return tuple(parts[0]), parts[1]

    def join(self, static: Any, children: Iterable[Any]) -> Any:
        return self.unflatten(static, tuple(children))

    def entries(self, static: Any, count: int) -> Sequence[Item | Attribute]:
        if self.keys is None:
            return super().entries(static, count)
        keys = self.keys(static) if callable(self.keys) else self.keys
        if len(keys) != count:
            raise RegistrationError(
                f"the keys registered for {self.cls.__name__} are {list(keys)}, "
                f"but it has {count} children"
            )
        return [Attribute(key) if isinstance(key, str) else Item(key) for key in keys]


CONTAINERS: dict[type[Any], Kind] = {
    dict: _DictKind(dict),
    list: _ListKind(list),
    tuple: _TupleKind(tuple),
    type(None): _NoneKind(type(None)),
    OrderedDict: _OrderedDictKind(OrderedDict),
    defaultdict: _DefaultDictKind(defaultdict),
}
_BUILTIN_LEAVES = frozenset({np.ndarray, bool, int, float, complex, str, bytes})
LEAF_TYPES: set[type[Any]] = set(_BUILTIN_LEAVES)
MAX_SHARED = 64  # the largest container whose structure is kept for the next of its size
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


def classify(cls: type[Any]) -> Kind | None:
    """Return the kind of container that `cls` is, or None for a leaf; an unseen type is filed."""
    kind = CONTAINERS.get(cls)
    if kind is not None or cls in LEAF_TYPES:
        return kind
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        kind = _NamedTupleKind(cls)
    elif _is_plain_dataclass(cls):
        kind = _DataclassKind(cls)
    if kind is None:
        LEAF_TYPES.add(cls)
    else:
        CONTAINERS[cls] = kind
    return kind


def _is_plain_dataclass(cls: type[Any]) -> bool:
    """Whether `cls` is a dataclass whose fields are all there is to an instance.

    Not so for one built on a C type (an array, a dict) and for the members of an Enum.
    """
    return (
        hasattr(cls, "__dataclass_fields__")
        and not hasattr(cls, "_member_map_")
        and all(base.__flags__ & _HEAP_TYPE for base in cls.__mro__[:-1])
    )


@overload
def register(
    cls: type[T],
    flatten: Callable[[T], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, tuple[Any, ...]], T],
    keys: Keys | None = None,
) -> type[T]: ...
@overload
def register(
    cls: None = None,
    *,
    flatten: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, tuple[Any, ...]], Any],
    keys: Keys | None = None,
) -> Callable[[type[T]], type[T]]: ...
def register(
    cls: type[Any] | None = None,
    flatten: Any = None,
    unflatten: Any = None,
    keys: Keys | None = None,
) -> Any:
    """Make the instances of a class containers.

    Parameters
    ----------
    cls : type, optional
        The class; its subclasses are registered separately. Without it, a class decorator is
        returned.
    flatten : callable
        ``flatten(obj)`` returns ``(children, static)``: an iterable of subtrees, and anything else
        that is needed to rebuild the object. The static part is compared with ``==`` and must be
        hashable wherever structures are (as in `jit`).
    unflatten : callable
        ``unflatten(static, children)`` rebuilds the object. The children may be any objects, not
        only arrays, so checks of them do not belong here.
    keys : sequence or callable, optional
        What to call the children in paths, or a function from the static part to that. A string
        stands for an attribute, anything else for an item. By default ``[0]``, ``[1]``, ...

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    RegistrationError
        If the class is registered already, a built-in container, or a type that is always a leaf.
    InputTypeError
        If `cls` is not a class, or `flatten` or `unflatten` not callable.

    Examples
    --------
    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> from functrans import tree
    >>> _ = tree.register(
    ...     Interval, lambda i: ((i.low, i.high), None), lambda _, c: Interval(*c), ("low", "high")
    ... )
    >>> tree.structure([Interval(0.0, 1.0)])
    [Interval(low=*, high=*)]
    """
    if cls is None:
        return lambda cls: register(cls, flatten, unflatten, keys)
    if not isinstance(cls, type):
        raise InputTypeError(f"register: cls must be a class, not {cls!r}")
    for name, function in (("flatten", flatten), ("unflatten", unflatten)):
        if not callable(function):
            raise InputTypeError(
                f"register: {name} must be a function, not {function!r} "
                f"(while registering {cls.__name__})"
            )
    if cls in _BUILTIN_LEAVES:
        raise RegistrationError(f"register: {cls.__name__} is always a leaf of a pytree")
    if not isinstance(CONTAINERS.get(cls), _NamedTupleKind | _DataclassKind | None):
        raise RegistrationError(f"register: {cls.__name__} is a pytree container already")
    CONTAINERS[cls] = _RegisteredKind(cls, flatten, unflatten, keys)
    LEAF_TYPES.discard(cls)
    return cls
