"""LLVM: text of intermediate representation in, addresses of native functions out."""

from __future__ import annotations

import importlib.util
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SYMBOLS: dict[str, int] = {}
"""Addresses that native code may name: functions and objects of Python, NumPy and the C library.

They are named and not written into the code, so that an object from the disk finds those of its
process.
"""

_lock = threading.RLock()
_loaded: list[Any] = []
"""Execution engines. Their code may be running, or be a Python object's, so none is ever freed."""


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether llvmlite is installed."""
    return importlib.util.find_spec("llvmlite") is not None


class Machine:
    """The processor that code is generated for: this one.

    Attributes
    ----------
    name, features : str
        As LLVM calls them.
    version : str
        Those of llvmlite and LLVM.
    vector_bytes : int
        Of a vector register.
    fused : bool
        Whether it multiplies and adds in one rounding.
    """

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        self.name = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features().flatten()
        self.version = f"{llvmlite.__version__} {'.'.join(map(str, llvm.llvm_version_info))}"
        having = set(self.features.split(","))
        if "+avx512f" in having and "+avx512dq" in having:
            self.vector_bytes = 64
        else:
            self.vector_bytes = 32 if "+avx2" in having else 16
        arm = llvm.get_default_triple().startswith(("aarch64", "arm64"))
        self.fused = arm or "+fma" in having
        self.target = llvm.Target.from_default_triple().create_target_machine(
            opt=2, cpu=self.name, features=self.features, jit=True
        )

    def optimized(self, text: str, verify: bool) -> Any:
        """The module of a text, after the few passes that pay.

        Vectors are explicit already, so LLVM's own vectorisers are left out: they double the time
        to compile and change nothing in what was measured.
        """
        llvm = self.llvm
        module = llvm.parse_assembly(text)
        if verify:
            module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        builder = llvm.create_pass_builder(self.target, options)
        passes = llvm.create_new_module_pass_manager()
        passes.add_always_inliner_pass()
        passes.add_sroa_pass()
        passes.add_new_gvn_pass()
        passes.add_loop_rotate_pass()
        passes.run(module, builder)
        return module


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The processor of this process; llvmlite is imported here, on first use."""
    return Machine()


def load(text: str, names: list[str], *, verify: bool = False) -> Mapping[str, int]:
    """Compile a module, and give the addresses of some of its functions.

    Parameters
    ----------
    text : str
        Of the module, in LLVM's language. What it declares and does not define is looked up among
        :data:`SYMBOLS`.
    names : list of str
        Functions of it.
    verify : bool
        Have LLVM check the module first.

    Raises
    ------
    RuntimeError
        The text is no valid module: a defect of the compiler.
    """
    with _lock:
        here = machine()
        for name, address in SYMBOLS.items():
            here.llvm.add_symbol(name, address)
        engine = here.llvm.create_mcjit_compiler(here.optimized(text, verify), here.target)
        engine.finalize_object()
        _loaded.append(engine)
        return {name: engine.get_function_address(name) for name in names}
