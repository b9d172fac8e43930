"""LLVM: text of intermediate representation in, addresses of native functions out."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import struct
import sys
import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from functrans.compile.background import taking
from functrans.compile.llvm.code import cache
from functrans.compile.llvm.code.objects import Placed, RefusedError
from functrans.compile.llvm.code.processor import processor
from functrans.compile.stacks import on_large_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.code.builder import Module

T = TypeVar("T")

SYMBOLS: dict[str, int] = {}
"""Addresses that native code may name: functions and objects of Python, NumPy and the C library.

They are named and not written into the code, so that an object from the disk finds those of its
process.
"""

PASSES = ("always_inliner", "sroa", "new_gvn", "loop_rotate")
"""The few passes that pay. Vectors are explicit already, so LLVM's own vectorisers are left out:
they double the time to compile and change nothing in what was measured."""

QUICK = ("sroa",)
"""Those of code that hardly runs, where it has variables on the stack. Functions that are to be
parts of their callers are called."""

RESERVE, LETTER = 1 << 25, 256
"""Bytes that there must be to compile something, and for each character of a text; 31 MB were
measured for the first module of a process, and 150 for a character."""

lock = threading.RLock()
"""Held while there is compiled, and while what is compiled once for all is made; jobs of the
background ask for it by :func:`functrans.compile.background.taking`."""


def _llvms_lock() -> Any:
    """What llvmlite holds while LLVM does something, if it is loaded and has such."""
    binding = sys.modules.get("llvmlite.binding.ffi")
    return getattr(getattr(binding, "lib", None), "_lock", None)


def _llvms_inner_lock() -> Any:
    """What that takes and gives back."""
    return getattr(_llvms_lock(), "_lock", None)


class _Forks:
    """Holds our lock and llvmlite's own while the process is forked: a child would wait for ever
    for a thread that it has not. Code that nobody needs is freed without our lock."""

    inner: AbstractContextManager[Any] = nullcontext()

    def before(self) -> None:
        lock.acquire()
        inner = _llvms_lock() or nullcontext()
        inner.__enter__()
        self.inner = inner

    def after(self) -> None:
        inner, self.inner = self.inner, nullcontext()
        try:
            inner.__exit__(None, None, None)
        finally:
            lock.release()


if hasattr(os, "register_at_fork"):
    _forks = _Forks()
    os.register_at_fork(
        before=_forks.before, after_in_parent=_forks.after, after_in_child=_forks.after
    )


def _owned(lock: Any) -> bool:
    """Whether this thread has a lock that it may take again."""
    owned = getattr(lock, "_is_owned", None)
    return owned is not None and owned()


def _leaving_no_lock(function: Callable[..., T], *args: Any) -> T:
    """Call a function that uses LLVM, and see that llvmlite's lock is free afterwards.

    It is taken and given back by functions of Python, which Ctrl-C leaves half way: then each other
    thread would wait for it for ever.
    """
    held = _owned(_llvms_inner_lock())  # by a call that was interrupted, whose handler calls this
    try:
        return function(*args)
    finally:
        inner = _llvms_inner_lock()
        while not held and _owned(inner):
            inner.release()


PROVIDERS: dict[str, Callable[[], int]] = {}
"""What makes the addresses of further names, when code is loaded that names them."""

_kept: list[Loaded] = []
"""What is there for good."""

_lenders: dict[str, Loaded] = {}
"""The modules that have functions which others call, by the names of these."""

_loaded: WeakValueDictionary[str, Loaded] = WeakValueDictionary()
"""Modules without variables, by what they are."""

_codes: OrderedDict[str, Code] = OrderedDict()
"""Code of modules with variables, the last :data:`CODES`."""

CODES = 256

_VARIABLE = r"(?m)^@.* = internal global "

_NAMED = r"(?m)^(?:declare [^@]*|(?=@.* = external ))@([^\s(]+)"
"""What a module names and does not define."""


class Code:
    """What a module was compiled to.

    Attributes
    ----------
    content : bytes
        Object code.
    named : tuple of str
        What it names and does not define.
    alone : bool
        Whether it has variables, so that each who loads it has some for himself.
    """

    __slots__ = ("alone", "content", "named")

    def __init__(self, content: bytes, named: tuple[str, ...], alone: bool) -> None:
        self.content = content
        self.named = named
        self.alone = alone

    def written(self) -> bytes:
        """All of it, for the disk."""
        return " ".join([str(int(self.alone)), *self.named]).encode() + b"\n" + self.content

    @classmethod
    def read(cls, written: bytes) -> Code:
        """What was written."""
        head, _, content = written.partition(b"\n")
        alone, *named = head.decode().split(" ")
        return cls(content, tuple(named), alone == "1")


class Machine:
    """The processor that code is generated for, and what generates it.

    Attributes
    ----------
    processor : Processor
    vector_bytes : int
        Of a vector register.
    fused : bool
        Whether it multiplies and adds in one rounding.
    half : bool
        Whether it converts float16 itself.
    scales : bool
        Whether it scales vectors of 512 bits by powers of two in one instruction.
    together : bool
        Whether code, and the constants and addresses that it reads, are put so close together that
        short instructions reach them. Others LLVM selects slowly.
    """

    def __init__(self) -> None:
        self.processor = processor()
        having, triple = set(self.processor.features.split(",")), self.processor.triple
        if "+avx512f" in having and "+avx512dq" in having:
            self.vector_bytes = 64
        else:
            self.vector_bytes = 32 if "+avx2" in having else 16
        arm = triple.startswith(("aarch64", "arm64"))
        self.fused = arm or "+fma" in having
        self.half = arm or "+f16c" in having
        self.scales = "+avx512f" in having
        self.together = triple.startswith("x86_64") and "linux" in triple

    @cached_property
    def llvm(self) -> Any:
        """LLVM, which is loaded with the first code that is not on the disk."""
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        return llvm

    @cached_property
    def _targets(self) -> dict[int, Any]:
        """For levels of optimisation: what LLVM prepares to compile for a processor takes 0.7 MB,
        and goes with its description."""
        near = {"reloc": "pic", "codemodel": "small"} if self.together else {}
        return {0: self._target(0, **near), 2: self._target(2)}

    def _target(self, level: int, **where: str) -> Any:
        """A new description of the processor, for code of a level of optimisation."""
        name, features, *_ = self.processor
        target = self.llvm.Target.from_default_triple()
        return target.create_target_machine(
            opt=level, cpu=name, features=features, jit=True, **where
        )

    def compiled(self, text: str, names: Sequence[str]) -> bytes:
        """The object code of a text, after some passes."""
        _see_to_memory(len(text))
        module, target = self.optimized(text, names)
        return bytes(target.emit_object(module))

    def optimized(self, text: str, names: Sequence[str]) -> tuple[Any, Any]:
        """The module of a text after some passes, and the processor that code is made for."""
        llvm = self.llvm
        module = llvm.parse_assembly(text)
        target = self._targets[0 if names is QUICK else 2]
        if names is not QUICK or " alloca " in text:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            builder = llvm.create_pass_builder(target, options)
            passes = llvm.create_new_module_pass_manager()
            for name in names:
                getattr(passes, f"add_{name}_pass")()
            passes.run(module, builder)
        return module, target

    def linked(self, code: Code) -> Callable[[str], int]:
        """Have LLVM put code into memory; what gives the addresses of its functions."""
        llvm = self.llvm
        for name in code.named:  # of a missing one, LLVM would end the process
            address = _anywhere(name) if self.together else _symbol(name)
            if address is not None:
                llvm.add_symbol(name, address)
            elif not name.startswith("llvm.") and not llvm.address_of_symbol(name):
                raise RuntimeError(f"native code names {name}, which this process does not have")
        target = llvm.Target.from_default_triple().create_target_machine(opt=0, jit=True)
        nothing = llvm.parse_assembly("")
        # It owns both, and with this manager of memory all of the code is in one piece. That ends
        # the process where LLVM puts addresses behind variables for which it has asked no memory.
        together = (self.together and _has_room(code.content)) or None
        engine = llvm.create_mcjit_compiler(nothing, target, use_lmm=together)
        engine.set_object_cache(lambda *_: None, lambda _: code.content)
        engine.finalize_object()
        found: Callable[[str], int] = engine.get_function_address
        return found


def _symbol(name: str) -> int | None:
    """The address of what code names, of ours."""
    if name not in SYMBOLS and name in PROVIDERS:
        SYMBOLS[name] = PROVIDERS[name]()
    return SYMBOLS.get(name)


def _anywhere(name: str) -> int | None:
    """The address of what code names, of ours or of this process."""
    found = _symbol(name)
    if found is None:
        function = getattr(_process(), name, None)
        found = None if function is None else ctypes.cast(function, ctypes.c_void_p).value
    return found


def _is_there(name: str) -> bool:
    """Whether what code names is there: LLVM itself sees to what it calls so."""
    return name.startswith("llvm.") or _anywhere(name) is not None


@lru_cache(maxsize=1)
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _has_room(code: bytes) -> bool:
    """Whether the pages of variables of object code, in ELF's form, have room for the addresses of
    all that it names."""
    (start,) = struct.unpack_from("<Q", code, 0x28)
    entry, count = struct.unpack_from("<HH", code, 0x3A)
    variables = names = 0
    for place in range(start, start + entry * count, entry):
        _, kind, flags, _, _, size = struct.unpack_from("<IIQQQQ", code, place)
        variables += size if flags & 3 == 3 else 0  # written to, and in memory
        names += size // 24 if kind == 4 else 0  # relocations
    return variables > 0 and 64 + variables % 4096 + 8 * names <= 4096


def _see_to_memory(length: int) -> None:
    """Raise MemoryError where there is too little to compile a text of so many characters, about:
    LLVM would end the process."""
    try:
        mmap.mmap(-1, RESERVE + LETTER * length).close()
    except OSError as error:
        raise MemoryError("there is too little memory to compile native code") from error


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The processor of this process."""
    return Machine()


class Loaded:
    """A module in memory, where it stays as long as this object is there.

    ``loaded[name]`` is the address of a function.

    Attributes
    ----------
    key : str
        What the code is found by.
    named : tuple of str
        What it names and does not define.
    offered : list of str
        Functions that other modules may call.
    """

    __slots__ = ("__weakref__", "_address_of", "_placed", "key", "named", "offered")

    def __init__(self, here: Machine, code: Code, key: str) -> None:
        self.key = key
        self.offered: list[str] = []
        self.named = code.named
        self._placed: Placed | None = None
        if here.together:
            with suppress(RefusedError):
                self._placed = Placed(code.content, _anywhere)
        placed = self._placed
        self._address_of = placed.addresses.get if placed else _leaving_no_lock(here.linked, code)

    def lenders(self) -> list[Loaded]:
        """The modules whose functions it calls, each behind those that it needs itself."""
        found: dict[Loaded, None] = {}
        for name in self.named:
            if name in _lenders:
                lender = _lenders[name]
                found.update(dict.fromkeys([*lender.lenders(), lender]))
        return list(found)

    def offer(self, names: Sequence[str]) -> None:
        """Let other modules call some functions of it from now on."""
        self.offered = list(names)
        SYMBOLS.update({name: self[name] for name in names})
        _lenders.update(dict.fromkeys(names, self))

    def __getitem__(self, name: str) -> int:
        found = self._address_of(name)
        if not found:
            raise RuntimeError(f"the module has no function {name}")
        return found


def load(
    text: str | Callable[[], str],
    names: list[str],
    *,
    verify: bool = False,
    quick: bool = False,
    kept: bool = True,
    known_as: str | None = None,
    key: str | None = None,
) -> Loaded:
    """Compile a module, and give the addresses of some of its functions.

    A text that was loaded before is not compiled again, nor is one whose code another process has
    left on the disk, see :mod:`functrans.compile.llvm.code.cache`. Where it has variables of its
    own (:meth:`functrans.compile.llvm.code.builder.Module.state`), these are new with each call.

    Parameters
    ----------
    text : str or callable
        Of the module, in LLVM's language, or what gives it where there is no code yet. What it
        declares and does not define is looked up among :data:`SYMBOLS`, and in the process.
    names : list of str
        Functions of it.
    verify : bool
        Have LLVM check the module first.
    quick : bool
        Compile in a fifth of the time, for code that hardly runs or not for long. Its results have
        the same bits: what LLVM may change about numbers, no text allows.
    kept : bool
        Whether the code is for good; otherwise only as long as somebody holds what is returned.
    known_as : str, optional
        What the code is found by, in place of the text: another that does the same.
    key : str, optional
        That as :func:`key_of` gives it.

    Returns
    -------
    Loaded

    Raises
    ------
    RuntimeError
        The text is no valid module, or names what there is not: a defect of the compiler.
    """
    return on_large_stack(_load, text, names, verify, quick, kept, known_as, key)


def _load(
    text: str | Callable[[], str],
    names: list[str],
    verify: bool,
    quick: bool,
    kept: bool,
    known_as: str | None,
    key: str | None,
) -> Loaded:
    with taking(lock):
        here = machine()
        if verify:
            here.llvm.parse_assembly(_given(text)).verify()
        passes = QUICK if quick else PASSES
        if key is None:
            if known_as is None:
                text = known_as = _given(text)
            key = _key(here, known_as, passes)
        loaded = _loaded.get(key)
        if loaded is None:
            code = _found(key) or _made(here, _given(text), key, passes)
            loaded = _into_memory(here, code, key)
        for name in names:
            loaded[name]
        if kept:
            _kept.append(loaded)
        return loaded


def load_known(
    key: str, names: Sequence[str], *, offered: Sequence[str] = (), kept: bool = False
) -> Loaded | None:
    """A module that was compiled before, perhaps by another process, by what its code is found by.

    None if there is no such code, or it names what this process does not have.

    Parameters
    ----------
    key : str
    names : sequence of str
        Functions of it.
    offered : sequence of str
        Functions of it that other modules may call from now on.
    kept : bool
        As for :func:`load`.
    """
    # What it names may have to be compiled, and a thread that has the lock must not wait for one.
    return on_large_stack(_load_known, key, names, offered, kept)


def _load_known(
    key: str, names: Sequence[str], offered: Sequence[str], kept: bool
) -> Loaded | None:
    with taking(lock):
        here = machine()
        loaded = _loaded.get(key)
        if loaded is None:
            code = _found(key)
            if code is None or (here.together and not all(map(_is_there, code.named))):
                return None
            try:
                loaded = _into_memory(here, code, key)
                for name in (*names, *offered):
                    loaded[name]
            except RuntimeError:
                return None
        if offered:
            loaded.offer(offered)
        if kept or offered:
            _kept.append(loaded)
        return loaded


def named_by(key: str) -> tuple[str, ...] | None:
    """What the code names that is found by a key; None if there is no such code."""
    with taking(lock):
        found = _loaded.get(key) or _found(key)
        return None if found is None else found.named


def key_of(text: str, *, quick: bool = False) -> str:
    """What the code of a text is found by, or of what stands for it."""
    return _key(machine(), text, QUICK if quick else PASSES)


def _into_memory(here: Machine, code: Code, key: str) -> Loaded:
    loaded = Loaded(here, code, key)
    if not code.alone:
        _loaded[key] = loaded
    return loaded


def load_quickly(module: Module, names: list[str]) -> Loaded:
    """Compile a module without optimisations, and none of its common functions that a module before
    has had: those are called where they are."""
    return on_large_stack(_load_quickly, module, names)


def _load_quickly(module: Module, names: list[str]) -> Loaded:
    with taking(lock):
        text, new = module.text_without(SYMBOLS)
        loaded = load(text, [*names, *new], quick=True, kept=bool(new))
        if new:
            loaded.offer(new)
        return loaded


def forget() -> None:
    """Drop the object code that is at hand for modules with variables, as another process would not
    have it; what runs stays."""
    with taking(lock):
        _codes.clear()


def at_hand(text: str) -> bool:
    """Whether the code of a module, with all optimisations, has been made before; `text` is what it
    is found by."""
    with taking(lock):
        key = _key(machine(), text, PASSES)
        return key in _loaded or key in _codes or cache.has(key)


def _key(here: Machine, text: str, passes: Sequence[str]) -> str:
    return cache.key_of(text, *here.processor, *passes)


def _given(text: str | Callable[[], str]) -> str:
    return text if isinstance(text, str) else text()


def _found(key: str) -> Code | None:
    """The code of a module, if it was made before, perhaps by another process."""
    if key in _codes:
        return _codes[key]
    written = cache.find(key)
    return None if written is None else _kept_at_hand(key, Code.read(written))


def _made(here: Machine, text: str, key: str, passes: Sequence[str]) -> Code:
    """The code of a module, compiled."""
    content = _leaving_no_lock(here.compiled, text, passes)
    code = Code(content, tuple(re.findall(_NAMED, text)), re.search(_VARIABLE, text) is not None)
    cache.keep(key, code.written())
    return _kept_at_hand(key, code)


def _kept_at_hand(key: str, code: Code) -> Code:
    if code.alone:
        _codes[key] = code
        if len(_codes) > CODES:
            _codes.popitem(last=False)
    return code
