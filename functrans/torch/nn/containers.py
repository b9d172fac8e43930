"""Modules and parameters in lists, dictionaries and sequences."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Self

from functrans.torch.nn.module import Module, bracketed, indented, typename
from functrans.torch.nn.parameter import Parameter
from functrans.torch.tensor import Tensor


def _place(index: Any, count: int) -> int:
    """An index counted from the front."""
    i = operator.index(index)
    if not -count <= i < count:
        raise IndexError(f"index {i} is out of range")
    return i % count if count else i


class _Numbered(Module):
    """Modules under the names "0", "1", ..."""

    def __init__(self) -> None:
        super().__init__()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _renumber(self, modules: Iterable[Any]) -> None:
        """Make these the modules."""
        listed = list(modules)
        self._modules.clear()
        self._modules.update({str(i): m for i, m in enumerate(listed)})

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        values = list(self._modules.values())
        del values[index if isinstance(index, slice) else _place(index, len(values))]
        self._renumber(values)

    def _key(self, index: Any) -> str:
        return list(self._modules)[_place(index, len(self._modules))]

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: Any) -> Module:
        """Take a module out."""
        module: Module = list(self._modules.values())[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules of which each takes the output of the one before it.

    Parameters
    ----------
    *args : Module, or one OrderedDict of modules

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __delitem__(self, index: Any) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._renumber(self._modules.values())

    def __add__(self, other: Any) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Self:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        return Sequential(*chain(*[list(self)] * other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        own = list(self)
        for _ in range(other - 1):
            self.extend(own)
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before another."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"Index out of range: {index}")
        values = list(self)
        values.insert(index if index >= 0 else index + count, module)
        self._renumber(values)
        return self


class ModuleList(_Numbered):
    """A list of modules.

    Parameters
    ----------
    modules : iterable of Module, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for i, module in enumerate(list(modules), len(self)):
            self.add_module(str(i), module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before another."""
        values = list(self)
        values.insert(index, module)
        self._renumber(values)

    def __repr__(self) -> str:
        texts = [repr(m) for m in self]
        lines = []
        start = 0
        for stop in range(1, len(texts) + 1):
            if stop == len(texts) or texts[stop] != texts[start]:
                text = indented(texts[start])
                if stop - start > 1:
                    lines.append(f"({start}-{stop - 1}): {stop - start} x {text}")
                else:
                    lines.append(f"({start}): {text}")
                start = stop
        return bracketed(self._get_name(), lines, False)


class ModuleDict(Module):
    """A dictionary of modules.

    Parameters
    ----------
    modules : mapping or iterable of pairs, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> layers = torch.nn.ModuleDict({"first": torch.nn.Identity()})
    >>> layers["first"], "second" in layers
    (Identity(), False)
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take a module out."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """The names with their modules."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping, or from pairs."""
        for key, module in _pairs(modules, "ModuleDict.update"):
            self[key] = module


def _pairs(given: Any, where: str) -> list[tuple[Any, Any]]:
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{where} should be called with an iterable of key/value pairs, but got "
            + type(given).__name__
        )
    if isinstance(given, Mapping | ModuleDict | ParameterDict):
        return list(given.items())
    pairs = []
    for i, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{where.partition('.')[0]} update sequence element #{i} should be Iterable; is "
                + type(pair).__name__
            )
        pair = list(pair)
        if len(pair) != 2:
            raise ValueError(
                f"{where.partition('.')[0]} update sequence element #{i} has length {len(pair)}; 2 "
                "is required"
            )
        pairs.append((pair[0], pair[1]))
    return pairs


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if type(value) is Tensor else value


def _entry_text(value: Any, kind: Any) -> str:
    if isinstance(value, Tensor):
        what = "Parameter" if isinstance(value, Parameter) else "Tensor"
        size = "x".join(map(str, value.shape))
        return f"{what} containing: [{kind} of size {size}]"
    return f"Object of type: {type(value).__name__}"


class ParameterList(Module):
    """A list of parameters; tensors become parameters.

    Parameters
    ----------
    values : iterable, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> w = torch.nn.ParameterList([torch.ones(2), torch.zeros(3)])
    >>> len(w), list(w.state_dict())
    (2, ['0', '1'])
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([getattr(self, str(i)) for i in range(self._size)[index]])
        return getattr(self, str(_place(index, self._size)))

    def __setitem__(self, index: Any, value: Any) -> None:
        setattr(self, str(_place(index, self._size)), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got "
                + type(values).__name__
            )
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, parameters: Iterable[Any]) -> Self:
        return self.extend(parameters)

    def pop(self, idx: int = -1) -> Any:
        """Take a value out."""
        values = list(self)
        value = values.pop(idx)
        for i in range(self._size):
            delattr(self, str(i))
        self._size = 0
        self.extend(values)
        return value

    def extra_repr(self) -> str:
        return "\n".join(
            f"  ({i}): {_entry_text(x, getattr(x, 'dtype', None))}" for i, x in enumerate(self)
        )


class ParameterDict(Module):
    """A dictionary of parameters; tensors become parameters.

    Parameters
    ----------
    parameters : mapping or iterable of pairs, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> w = torch.nn.ParameterDict({"slope": torch.ones(1)})
    >>> w["slope"].requires_grad
    True
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, str(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, str(key), _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, str(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def items(self) -> Any:
        """The names with their values."""
        return [(k, self[k]) for k in self._keys]

    def values(self) -> Any:
        """The values."""
        return [self[k] for k in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        if key not in self:
            return default
        return self[key]

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a name, which is the default from now on if it has none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take a value out."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last value out, with its name."""
        key = list(self._keys)[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all values out."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def update(self, parameters: Any) -> None:
        """Add values from a mapping, or from pairs."""
        for key, value in _pairs(parameters, "ParameterDict.update"):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(f"  ({k}): {_entry_text(x, typename(x))}" for k, x in self.items())
