"""Reading pickles without running anything: an interpreter of the few opcodes that data need.

Python's own reader imports what a file names and calls it. This one knows a table of names, each of
which stands for a function of ours that checks its arguments; any other name ends the reading.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import IO, Any

from functrans.torch import dtypes
from functrans.torch.devices import device
from functrans.torch.serialization.numbers import NumberType, number, number_type
from functrans.torch.serialization.storages import (
    STORAGE_TYPES,
    corrupt,
    rebuild_parameter,
    rebuild_parameter_with_state,
    rebuild_tensor,
    rebuild_tensor_of_dtype,
    with_attributes,
)
from functrans.torch.tensor import Size, Tensor


class Named:
    """Something that a file may name and call: ours, that checks what it is given."""

    __slots__ = ("builds", "call", "name")

    def __init__(self, name: str, call: Callable[..., Any], builds: bool = False) -> None:
        self.name = name
        self.call = call
        self.builds = builds
        """Whether it makes a tensor, for which the storages must be there."""

    def __repr__(self) -> str:
        return f"<{self.name} in a file>"


_SCALARS = (str, int, float, bool, bytes, complex, type(None), dtypes.dtype)


def _key(x: Any) -> Any:
    """A key of a dict or an element of a set; only such whose hash is no deep recursion."""
    parts = x if type(x) in (tuple, Size) else (x,)
    if any(type(part) not in _SCALARS for part in parts):
        raise corrupt(f"a {type(x).__name__} as a key")
    return x


def _ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    pairs = items.items() if isinstance(items, dict) else items
    return OrderedDict((_key(k), v) for k, v in pairs)


def _counter(items: Any = ()) -> Counter[Any]:
    made: Counter[Any] = Counter()
    for key, count in _ordered(items).items():
        if type(count) is not int:
            raise corrupt(f"a count is {count!r}")
        made[key] = count
    return made


def _set(items: Any = ()) -> set[Any]:
    return {_key(x) for x in _of(list, items)} if items != () else set()


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_set(items))


def _of(kind: type, x: Any) -> Any:
    if type(x) is not kind:
        raise corrupt(f"a {type(x).__name__} in place of a {kind.__name__}")
    return x


def _complex(real: Any, imag: Any) -> complex:
    return complex(_of(float, real), _of(float, imag))


def _size(lengths: Any) -> Size:
    if any(type(n) is not int for n in _of(tuple, lengths)):
        raise corrupt(f"a size is {lengths!r}")
    return Size(lengths)


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise corrupt(f"bytes in the encoding {encoding!r}")
    return bytes(_of(str, text), "latin1")


def _bytearray(content: Any = b"", encoding: Any = "latin-1") -> bytearray:
    return bytearray(content if type(content) is bytes else _encoded(content, encoding))


def _device(name: Any, index: Any = None) -> device:
    return device(_of(str, name), None if index is None else _of(int, index))


def _of_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor of a class, with attributes."""
    if not isinstance(function, Named) or not function.builds or not isinstance(kind, Named):
        raise corrupt("a tensor is made by what makes none")
    made = function.call(*_of(tuple, args))
    if kind.name == "torch.nn.parameter.Parameter" and isinstance(made, Tensor):
        made = rebuild_parameter(made, made.requires_grad)
    return with_attributes(made, state)


_CALLED: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "collections.Counter": _counter,
    "builtins.set": _set,
    "builtins.frozenset": _frozenset,
    "builtins.complex": _complex,
    "builtins.bytearray": _bytearray,
    "builtins.bytes": lambda: b"",  # so the second protocol writes those without elements
    "_codecs.encode": _encoded,
    "numpy.dtype": number_type,
    "numpy.core.multiarray.scalar": number,
    "numpy._core.multiarray.scalar": number,
    "torch.Size": _size,
    "torch.device": _device,
}
_BUILDING: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": rebuild_tensor_of_dtype,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.Tensor": lambda *args: _refused_call("torch.Tensor"),
    "torch.nn.parameter.Parameter": lambda *args: _refused_call("torch.nn.Parameter"),
}


def _refused_call(name: str) -> Any:
    raise corrupt(f"{name} is called")


NAMES: dict[str, Any] = {
    **{name: Named(name, call) for name, call in _CALLED.items()},
    **{name: Named(name, call, builds=True) for name, call in _BUILDING.items()},
    **{f"torch.{d.name}": d for d in dtypes.ALL},
    **{f"torch.{name}": kind for name, kind in STORAGE_TYPES.items()},
    "torch.storage.UntypedStorage": STORAGE_TYPES["UntypedStorage"],
}
"""All that a file may name."""

_MARK = object()


class Unpickler:
    """Reads one pickle.

    Parameters
    ----------
    stream : binary file
        Stands behind the pickle afterwards.
    persistent : callable
        From what stands for a storage in the file to the storage.
    dry : bool
        Make None of each tensor: only its storage is asked for.
    """

    def __init__(
        self, stream: IO[bytes], persistent: Callable[[Any], Any], dry: bool = False
    ) -> None:
        self.stream = stream
        self.persistent = persistent
        self.dry = dry
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """What the pickle holds.

        Raises
        ------
        pickle.UnpicklingError
            It names something that is no data, or contradicts itself.
        """
        try:
            for opcode, arg, _ in pickletools.genops(self.stream):
                if opcode.name == "STOP":
                    return self.stack.pop()
                action = _ACTIONS.get(opcode.name)
                if action is None:
                    raise pickle.UnpicklingError(
                        f"torch.load: the file has the pickle opcode {opcode.name}, which data do "
                        "not need. Nothing of it was run"
                    )
                action(self, arg)
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise corrupt(str(error)) from error
        raise corrupt("it ends within a pickle")

    def items(self) -> list[Any]:
        """What stands above the last mark, taken from the stack."""
        stack = self.stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise corrupt("a mark is missing")
        found = stack[at + 1 :]
        del stack[at:]
        return found

    def push(self, x: Any) -> None:
        self.stack.append(x)

    def named(self, module: Any, name: Any) -> Any:
        """The one of our objects that a name stands for."""
        full = f"{_of(str, module)}.{_of(str, name)}".replace("__builtin__.", "builtins.", 1)
        if full not in NAMES:
            raise pickle.UnpicklingError(
                f"torch.load: the file names {full}, which is no tensor, container, number or "
                "string. Nothing of it was run. If you trust the file, save its tensors with "
                "PyTorch as a state dict, and load that"
            )
        return NAMES[full]

    def reduce(self) -> None:
        args = _of(tuple, self.stack.pop())
        function = self.stack.pop()
        if not isinstance(function, Named):
            raise corrupt(f"a call of {function!r}")
        self.push(None if self.dry and function.builds else function.call(*args))

    def build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], NumberType):
            self.stack[-1].set_state(state)
        elif not self.dry:
            with_attributes(self.stack[-1], state)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter):
            raise corrupt(f"items for a {type(target).__name__}")
        for k, v in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(k)] = v

    def append(self, found: list[Any]) -> None:
        _of(list, self.stack[-1]).extend(found)

    def add(self, found: list[Any]) -> None:
        _of(set, self.stack[-1]).update(map(_key, found))

    def last(self, n: int) -> list[Any]:
        """The last objects, taken from the stack."""
        if len(self.stack) < n:
            raise corrupt("an object is missing")
        found = self.stack[-n:]
        del self.stack[-n:]
        return found

    def pop(self) -> None:
        self.stack.pop()

    def global_of_stack(self) -> None:
        module, name = self.last(2)
        self.push(self.named(module, name))


def _value(vm: Unpickler, arg: Any) -> None:
    vm.push(arg)


def _put(vm: Unpickler, arg: Any) -> None:
    vm.memo[len(vm.memo) if arg is None else arg] = vm.stack[-1]


def _get(vm: Unpickler, arg: Any) -> None:
    vm.push(vm.memo[arg])


_ACTIONS: dict[str, Callable[[Unpickler, Any], None]] = {
    "PROTO": lambda vm, arg: None,
    "FRAME": lambda vm, arg: None,
    "MARK": lambda vm, arg: vm.push(_MARK),
    "POP": lambda vm, arg: vm.pop(),
    "POP_MARK": lambda vm, arg: vm.items().clear(),
    "NONE": lambda vm, arg: vm.push(None),
    "NEWTRUE": lambda vm, arg: vm.push(True),
    "NEWFALSE": lambda vm, arg: vm.push(False),
    "EMPTY_DICT": lambda vm, arg: vm.push({}),
    "EMPTY_LIST": lambda vm, arg: vm.push([]),
    "EMPTY_TUPLE": lambda vm, arg: vm.push(()),
    "EMPTY_SET": lambda vm, arg: vm.push(set()),
    "TUPLE": lambda vm, arg: vm.push(tuple(vm.items())),
    "TUPLE1": lambda vm, arg: vm.push(tuple(vm.last(1))),
    "TUPLE2": lambda vm, arg: vm.push(tuple(vm.last(2))),
    "TUPLE3": lambda vm, arg: vm.push(tuple(vm.last(3))),
    "FROZENSET": lambda vm, arg: vm.push(_frozenset(vm.items())),
    "APPEND": lambda vm, arg: vm.append(vm.last(1)),
    "APPENDS": lambda vm, arg: vm.append(vm.items()),
    "ADDITEMS": lambda vm, arg: vm.add(vm.items()),
    "SETITEM": lambda vm, arg: vm.set_items(vm.last(2)),
    "SETITEMS": lambda vm, arg: vm.set_items(vm.items()),
    "GLOBAL": lambda vm, arg: vm.push(vm.named(*arg.split(" ", 1))),
    "STACK_GLOBAL": lambda vm, arg: vm.global_of_stack(),
    "REDUCE": lambda vm, arg: vm.reduce(),
    "NEWOBJ": lambda vm, arg: vm.reduce(),
    "BUILD": lambda vm, arg: vm.build(),
    "BINPERSID": lambda vm, arg: vm.push(vm.persistent(vm.stack.pop())),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"), _put),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), _get),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"), _value),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _value),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _value),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _value),
}
"""What each opcode does."""
